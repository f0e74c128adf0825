"""Questions, people and answers that the tests of the store share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.ports.files import FileContent
from core.ports.store import Store
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import EndReason, Usage
from core.values.parts import File, FileProblem, Quote, Text, ToolCall, ToolResult, Unread
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound, ToolResults
from core.values.turn_ends import Finish

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANN = Person("U1", "Ann", "en-GB")
BEN = Person("U2", "Ben")
PLACE = Place("slack", "T1", "C1", "100.1")
ELSEWHERE = Place("slack", "T1", "C1", "200.2")
QUOTE = Quote("ship it", "Eve", "#releases", "U5")
FILE = File("loom.pdf", "application/pdf", size=12, source="F1")
ATTACHED = (
    QUOTE,
    FILE,
    Text("a | b"),
    Unread("list"),
    File("x.zip", problem=FileProblem.UNKNOWN_TYPE, source="F2"),
)
PICTURE = FileContent("cat.jpg", "image/jpeg", b"\xff\xd8\x00")


def ask(id: str = "m1", text: str = "why?", after_s: float = 0, place: Place = PLACE, by: Person = ANN) -> Ask:
    return Ask(id, place, by, text, NOON + timedelta(seconds=after_s), addressed=True)


async def accepted(store: Store, question: Ask) -> Turn:
    turn = await store.accept(question)
    assert turn is not None
    return turn


async def answered(store: Store, question: Ask, text: str = "because", *posted: str) -> Turn:
    turn = await store.begin((await accepted(store, question)).id)
    await store.finish(Finish(turn, TurnState.DONE, text, posted=posted, model="m"))
    return turn


async def texts(store: Store, until: Ask | None = None, place: Place = PLACE) -> list[str]:
    return [line.text for line in await store.lines(place, until)]


CALL = ToolCall("call_1", "search", '{"query": "猫"}')
ROUND = ModelRound((Text("Let me look."), CALL), EndReason.TOOLS, Usage(10, 5, cost_micros=7), "m")
RESULTS = ToolResults((ToolResult("call_1", "Nothing."),))
ASKED, APPROVED = ApprovalAsked((CALL,)), ApprovalAnswered(("call_1",))
