"""The tool calls of an answer as readers see them."""

from __future__ import annotations

import pytest

from core.i18n import phrase
from core.turns.activity import activity, call_title
from core.values.outgoing import Activity, TaskState, ToolTask
from core.values.parts import Text, ToolCall, ToolResult
from core.values.steps import ApprovalAsked, ModelRound, Step, ToolResults, ToolsBegun

SEARCH = ToolCall("c1", "jira__search_issues", '{"limit": 5, "query": "login bug"}')
TIME = ToolCall("c2", "current_time", "{}")
ROUND = ModelRound((Text("Let me look."), SEARCH, TIME))
SEARCHING, TELLING = "jira: search issues “login bug”", "current time"


def result(call: ToolCall, *, failed: bool = False) -> ToolResults:
    return ToolResults((ToolResult(call.id, "x", failed=failed),))


def test_calls_are_shown_while_they_run_and_with_what_became_of_them() -> None:
    steps: list[Step] = [ROUND]
    assert activity(steps, "en") == Activity()
    steps.append(ToolsBegun())
    running = (ToolTask("0-0", SEARCHING), ToolTask("0-1", TELLING))
    assert activity(steps, "en") == Activity(f"Using {SEARCHING} · {TELLING} …", running)
    steps.append(result(TIME, failed=True))
    shown = activity(steps, "zh")
    assert shown.line == f"正在使用工具：{SEARCHING} · 查看时间 ✗……"
    assert [task.state for task in shown.tasks] == [TaskState.RUNNING, TaskState.FAILED]
    steps.append(result(SEARCH))
    shown = activity(steps, "en")
    assert (shown.line, [task.state for task in shown.tasks]) == ("", [TaskState.DONE, TaskState.FAILED])
    steps += [ROUND, ToolsBegun()]
    shown = activity(steps, "en")
    assert [task.id for task in shown.tasks] == ["0-0", "0-1", "4-0", "4-1"], "ids of calls may come again"
    assert shown.line == f"Using {SEARCHING} · {TELLING} …"


def test_calls_that_wait_for_approval_do_not_run() -> None:
    assert activity([ROUND, ApprovalAsked((SEARCH, TIME))], "en") == Activity()


def test_of_many_calls_the_first_are_named_in_one_short_line() -> None:
    calls = tuple(
        ToolCall(str(n), "jira__search_issues", '{"query": "the longest of all questions"}') for n in range(8)
    )
    line = activity([ModelRound(calls), ToolsBegun()], "en").line
    titles = " · ".join(["jira: search issues “the longest of all questions”"] * 2)
    assert line == phrase("activity_more", "en", tools=titles, n=6)
    assert len(line) <= 190


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"a": "x\\ny\\u202ez"}', " “x yz”"),
        ('{"a": "' + "long " * 40 + '"}', " “" + ("long " * 40)[:39].rstrip() + "…”"),
        ('{"a": "[click](https://evil.example/x) <@U1> @here **b**"}', " “click evil.example/x U1 here b”"),
        ("[1]", ""),
        ('{"a": 1', ""),
        ("[" * 100_000, ""),
        ('{"a": " "}', ""),
    ],
    ids=["lines", "long", "markup", "list", "half", "deep", "blank"],
)
def test_the_first_argument_that_is_text_is_shown_without_markup(arguments: str, shown: str) -> None:
    assert call_title(ToolCall("c", "jira__search_issues", arguments), "en") == f"jira: search issues{shown}"


def test_a_tool_that_is_not_offered_any_more_has_its_name() -> None:
    assert call_title(ToolCall("c", "old_tool", "{}"), "en") == "old tool"
