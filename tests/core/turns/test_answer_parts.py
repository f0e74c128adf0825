"""Answers keep the model and the tools that they began with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from core.ports.model import Request
from core.turns.answer_parts import AnswerParts, CurrentParts
from core.values.conversation import Turn
from core.values.deltas import Delta
from core.values.parts import Text
from core.values.places import Place
from core.values.steps import ApprovalAsked, Step, ToolResults, ToolsBegun
from core.values.tools import ToolOffer, ToolSettings


class Named:
    """A model and tools that say which they are."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        yield Text(self.name)

    async def close(self) -> None: ...

    async def offer(self, turn: Turn, settings: ToolSettings, steps: Sequence[Step]) -> ToolOffer:
        return ToolOffer((), (self.name,))

    async def run(
        self, turn: Turn, offer: ToolOffer, steps: Sequence[Step]
    ) -> AsyncGenerator[ToolsBegun | ToolResults | ApprovalAsked, None]:
        yield ToolsBegun((self.name,))

    def absent(self, place: Place, settings: ToolSettings) -> tuple[str, ...]:
        return (self.name,)


def parts(name: str) -> AnswerParts:
    return AnswerParts(Named(name), Named(name))


async def model_of(current: CurrentParts) -> str:
    return "".join([one.text async for one in current.stream(Request((), "m")) if isinstance(one, Text)])


async def test_an_answer_keeps_its_version_also_in_the_tasks_that_it_starts() -> None:
    one, two, unused = parts("one"), parts("two"), list[AnswerParts]()
    current, go_on = CurrentParts(one, unused.append), asyncio.Event()

    async def answer() -> list[str]:
        with current.held():
            before = await model_of(current)
            await go_on.wait()
            return [before, await model_of(current), await asyncio.create_task(model_of(current))]

    running = asyncio.create_task(answer())
    await asyncio.sleep(0)
    current.replace(two)
    assert await model_of(current) == "two"
    assert (unused, current.in_use) == ([], [two, one])
    go_on.set()
    assert await running == ["one", "one", "one"]
    assert (unused, current.in_use) == ([one], [two])


async def test_a_version_without_answers_is_unused_at_once_and_the_newest_never() -> None:
    one, two, unused = parts("one"), parts("two"), list[AnswerParts]()
    current = CurrentParts(one, unused.append)
    with current.held():
        pass
    assert unused == []
    current.replace(two)
    assert unused == [one]


async def test_a_version_is_unused_once_its_last_answer_has_ended() -> None:
    one, two, three, unused = parts("one"), parts("two"), parts("three"), list[AnswerParts]()
    current = CurrentParts(one, unused.append)
    with current.held():
        current.replace(two)
        with current.held():
            assert await model_of(current) == "two"
            current.replace(three)
            assert unused == []
        assert unused == [two]
        assert await model_of(current) == "one"
    assert unused == [two, one]
