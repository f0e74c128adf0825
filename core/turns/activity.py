"""The tool calls of an answer as readers see them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.files.names import one_line
from core.i18n import phrase, tool_label
from core.text import shortened, without_schemes
from core.values.outgoing import Activity, TaskState, ToolTask
from core.values.parts import ToolCall
from core.values.steps import ModelRound, Step, ToolResults, ToolsBegun

_ARGUMENT_LENGTH = 40
_TITLE_LENGTH = 100
_LINE_LENGTH = 150
"""Characters. Platforms leave about 200 for a notice under a message that grows."""
_MARKS = {TaskState.RUNNING: "", TaskState.DONE: " ✓", TaskState.FAILED: " ✗"}
_MARKUP = str.maketrans(dict.fromkeys("[]()<>*~`|\\@#", " "))
"""Notices are shown as Markdown on some platforms: no title is a link, a mention or markup."""


def activity(steps: Sequence[Step], language: str) -> Activity:
    """The calls that have begun, and one line while some of the last round run."""
    tasks: list[ToolTask] = []
    for number, step in enumerate(steps):
        if isinstance(step, ModelRound):
            tasks += _round_tasks(step, number, steps[number + 1 :], language)
    last = [task for task in tasks if task.id.startswith(f"{_last_round(steps)}-")]
    running = any(task.state is TaskState.RUNNING for task in last)
    return Activity(_line(last, language) if running else "", tuple(tasks))


def _last_round(steps: Sequence[Step]) -> int:
    return max((number for number, step in enumerate(steps) if isinstance(step, ModelRound)), default=-1)


def _round_tasks(one: ModelRound, number: int, behind: Sequence[Step], language: str) -> tuple[ToolTask, ...]:
    """The tasks of the round that is the step `number`; none until its calls have begun."""
    begun, failed = False, dict[str, bool]()
    for step in behind:
        match step:
            case ModelRound():
                break
            case ToolsBegun():
                begun = True
            case ToolResults(results):
                failed |= {result.call_id: result.failed for result in results}
    calls = [call for call in one.calls if begun or call.id in failed]
    return tuple(
        ToolTask(f"{number}-{index}", call_title(call, language), _state(failed.get(call.id)))
        for index, call in enumerate(calls)
    )


def _state(failed: bool | None) -> TaskState:
    if failed is None:
        return TaskState.RUNNING
    return TaskState.FAILED if failed else TaskState.DONE


def call_title(call: ToolCall, language: str) -> str:
    """The label of the tool and the first argument that is text: one line without markup."""
    argument = shortened(_plain(_first_text(call)), _ARGUMENT_LENGTH)
    title = tool_title(call.name, language)
    return f"{title} “{argument}”" if argument else title


def tool_title(name: str, language: str) -> str:
    """The label of a tool: one line without markup."""
    label = _plain(tool_label(name, language).replace("_", " "))
    return shortened(label, _TITLE_LENGTH - _ARGUMENT_LENGTH - 3)


def _first_text(call: ToolCall) -> str:
    """The first argument that is text and not blank; empty where there is none, or where they can't be read."""
    values = call.parsed
    texts = values.values() if isinstance(values, dict) else ()
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def _plain(text: str) -> str:
    return one_line(without_schemes(text[: 4 * _TITLE_LENGTH]).translate(_MARKUP))


def _line(tasks: Sequence[ToolTask], language: str) -> str:
    shown = list[str]()
    for task in tasks:
        words = f"{task.title}{_MARKS[task.state]}"
        if shown and len(" · ".join((*shown, words))) > _LINE_LENGTH:
            return phrase("activity_more", language, tools=" · ".join(shown), n=len(tasks) - len(shown))
        shown.append(words)
    return phrase("activity", language, tools=" · ".join(shown))
