"""Which pictures of tools an answer shows to people."""

from __future__ import annotations

import pytest

from core.conversation.files import picture_to_image
from core.ports.files import Picture
from core.turns.draft import Draft
from core.turns.ending import draft_to_finish
from core.turns.interrupts import Interrupt
from core.turns.pictures import MOST_SHOWN, steps_to_pictures
from core.values.conversation import Turn, TurnState
from core.values.deltas import Ended, EndReason, ModelInfo
from core.values.parts import Text, ToolCall, ToolResult
from core.values.steps import ApprovalAsked, ModelRound, Step, ToolResults
from tests.core.tools.rig import turn_of


def result(content: bytes, call_id: str = "c1", media_type: str = "image/png") -> ToolResult:
    return ToolResult(call_id, "", picture_to_image(Picture(content, media_type, 1, 1), "../a\nb.exe"))


def looked(*results: ToolResult, tool: str = "plots__draw_chart") -> list[Step]:
    calls = tuple(ToolCall(f"c{number}", tool, '{"title": "<!everyone>"}') for number in range(1, 9))
    return [ModelRound(calls), ToolResults(results), ModelRound((Text("Here it is."),))]


def test_a_picture_gets_our_name_and_the_label_of_its_tool_and_nothing_that_a_server_wrote() -> None:
    (picture,) = steps_to_pictures(looked(result(b"\xff\xd8", media_type="image/jpeg")), 7, "en").pictures
    assert (picture.name, picture.media_type) == ("turn-7-picture-1.jpg", "image/jpeg")
    assert (picture.title, picture.content) == ("Picture from the tool plots: draw chart", b"\xff\xd8")


def test_the_last_ones_are_shown_each_once() -> None:
    many = [result(bytes([number]), f"c{number}") for number in (1, 2, 1, 3, 4, 5, 6)]
    found = steps_to_pictures(looked(*many), 7, "en")
    assert [one.content for one in found.pictures] == [b"\3", b"\4", b"\5", b"\6"]
    assert (len(found.pictures), found.left_out) == (MOST_SHOWN, 2)


@pytest.mark.parametrize(
    ("draft", "state", "shown"),
    [
        (Draft("Here it is."), TurnState.DONE, 1),
        (Draft("Here it is.", interrupt=Interrupt.STOPPED), TurnState.STOPPED, 0),
        (Draft("Here it is.", interrupt=Interrupt.WITHDRAWN), TurnState.STOPPED, 0),
    ],
)
def test_they_follow_a_whole_answer_alone(draft: Draft, state: TurnState, shown: int) -> None:
    draft.steps, draft.ended = looked(result(b"chart")), Ended(EndReason.STOP)
    finish = draft_to_finish(turn_of(), draft, "en", ModelInfo("m"), 0.0)
    assert (finish.state, len(finish.pictures)) == (state, shown)


def test_an_approval_comes_before_the_pictures() -> None:
    steps = [*looked(result(b"chart"))[:2], ModelRound((ToolCall("c9", "send", "{}"),)), ApprovalAsked(())]
    finish = draft_to_finish(turn_of(), Draft("", steps), "en", ModelInfo("m"), 0.0)
    assert (finish.state, finish.pictures) == (TurnState.ASKING, ())


def test_the_notice_says_how_many_are_left_out() -> None:
    steps = looked(*(result(bytes([number]), f"c{number}") for number in range(1, 7)))
    draft = Draft("Here it is.", steps, ended=Ended(EndReason.STOP))
    notice = draft_to_finish(Turn(7, turn_of().ask), draft, "en", ModelInfo("m"), 0.0).notice
    assert notice == "The tools gave back 2 more pictures. I show the last 4."
