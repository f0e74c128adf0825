"""Tools on every store: the turns that wait for an approval, grants, and the audit of calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.ports.store import Store
from core.ports.store.settings import Change
from core.values.conversation import Ask, Turn, TurnState
from core.values.parts import Text, ToolCall, ToolsUsed
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound
from core.values.tools import ToolGrant
from core.values.turn_ends import Finish

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = Person("U1", "Ada")
PLACE = Place("slack", "T1", "C1", "1.0")
CALL = ToolCall("call_1", "jira__create_issue", '{"title": "x"}')
ASKED = ApprovalAsked((CALL,), ("abc",), ("slack:U9",), reading=False, expires_at=AT)


async def asking(store: Store, number: int = 1, place: Place = PLACE) -> Turn:
    turn = await store.accept(Ask(f"m{number}", place, ADA, "why?", AT, addressed=True))
    assert turn is not None
    turn = await store.begin(turn.id)
    await store.put_steps(turn.id, 0, (ModelRound((Text("Let me."), CALL)),))
    await store.finish(Finish(turn, TurnState.ASKING, "Let me.", asked=(1, ASKED)))
    return turn


async def test_the_turns_that_wait_for_an_approval_are_found_with_what_they_ask(store: Store) -> None:
    turn, other = await asking(store), await asking(store, 2, replace(PLACE, thread="2.0"))
    assert [(one.id, asked) for one, asked in await store.asking_turns()] == [
        (turn.id, ASKED),
        (other.id, ASKED),
    ]
    assert [one.id for one, _ in await store.asking_turns(PLACE)] == [turn.id]
    assert await store.resume(turn.id, ApprovalAnswered((CALL.id,), "U1")) is not None
    assert await store.asking_turns(PLACE) == []


async def test_a_grant_counts_in_its_thread_alone_and_is_kept_once(store: Store) -> None:
    grant, for_all = ToolGrant("jira__get_issue", "U1", "U1"), ToolGrant("jira__get_issue", "", "U9")
    for one in (grant, for_all, grant):
        await store.grant_tool(PLACE, one, AT)
    assert await store.tool_grants(PLACE) == [for_all, grant]
    assert await store.tool_grants(replace(PLACE, thread="2.0")) == []


async def test_what_is_forgotten_takes_its_grants_along(store: Store) -> None:
    other = replace(PLACE, thread="2.0")
    await store.grant_tool(PLACE, ToolGrant("a", "U2", "U2"), AT)
    await store.grant_tool(other, ToolGrant("a", "U1", "U1"), AT)
    await store.grant_tool(other, ToolGrant("a", "U2", "U2"), AT)
    await store.forget_thread(PLACE, AT)
    await store.forget_person("slack", "T1", "U1", AT)
    assert await store.tool_grants(PLACE) == []
    assert await store.tool_grants(other) == [ToolGrant("a", "U2", "U2")]


async def test_a_decision_brings_its_audit_and_grants_along_and_only_the_first_one_counts(store: Store) -> None:
    turn = await asking(store)
    change = Change(replace(PLACE, thread=""), "tool:jira__create_issue", None, "approve abc", ADA, AT)
    grant = ToolGrant("jira__create_issue", "U1", "U1")
    answer = ApprovalAnswered((CALL.id,), "U1")
    assert await store.resume(turn.id, answer, (change,), (grant,)) is not None
    later = replace(change, new="deny abc")
    assert await store.resume(turn.id, answer, (later,), (replace(grant, tool="other"),)) is None
    assert await store.audit(PLACE) == [change]
    assert await store.tool_grants(PLACE) == [grant]


async def test_a_recorded_call_is_in_the_audit(store: Store) -> None:
    change = Change(replace(PLACE, thread=""), "tool:jira__create_issue", None, "approved abc", ADA, AT)
    await store.record(change)
    assert await store.audit(PLACE) == [change]


async def test_the_line_of_an_answer_names_the_tools_that_it_used(store: Store) -> None:
    turn = await store.accept(Ask("m1", PLACE, ADA, "why?", AT, addressed=True))
    assert turn is not None
    turn = await store.begin(turn.id)
    used = ToolsUsed(("jira__search", "current_time"), remarks=9)
    await store.finish(Finish(turn, TurnState.DONE, "A remark. Because.", tools=used))
    assert [line.attached for line in await store.lines(PLACE)] == [(), (used,)]


async def test_a_turn_that_asks_is_found_also_after_none_did(store: Store) -> None:
    assert await store.asking_turns() == []
    turn = await asking(store)
    assert [one.id for one, _ in await store.asking_turns(PLACE)] == [turn.id]
    assert await store.resume(turn.id, ApprovalAnswered((CALL.id,), "U1")) is not None
    assert await store.asking_turns() == []
    later = await asking(store, 2)
    assert [one.id for one, _ in await store.asking_turns()] == [later.id]
