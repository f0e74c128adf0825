"""A `Toolbox` over scripted sources, on a store in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.conversation.file_content import ContentReader
from core.ports.files import Extracted, Extractor, FileError, Picture
from core.ports.tools import ToolOutput
from core.tools.registry import MOST_TOOLS, Toolbox
from core.values.conversation import Ask, Turn
from core.values.parts import FileProblem, ToolCall, ToolResult
from core.values.places import Person, Place
from core.values.steps import ApprovalAsked, ModelRound, Step, ToolResults, ToolsBegun
from core.values.tasks import ANSWER, Task
from core.values.tools import Tool, ToolOffer, ToolRule, ToolSettings
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

PLACE = Place("slack", "T1", "C1", "1.0")
ADA = Person("U1", "Ada")
ON = ToolSettings(builtin=True)
AT = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = Tool("", "Looks up", "{}", ToolRule.READ, title="look_up", writes=False)
SEND = Tool("", "Sends", "{}", title="send_mail", approvers=("slack:U9",))

Answer = Callable[[Mapping[str, Any]], Awaitable[ToolOutput]]


def turn_of(task: Task = ANSWER) -> Turn:
    return Turn(1, Ask("m1", PLACE, ADA, "why?", AT, addressed=True, task=task))


def call(tool: str, number: int = 1, /, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{number}", tool, json.dumps(arguments))


class Source:
    """A server whose tools answer `Done.`, or as `answer` says. `ran`: the calls, as (title, arguments)."""

    def __init__(self, name: str = "mail", *tools: Tool, answer: Answer | None = None) -> None:
        self.name = name
        self.offered = tools or (LOOK, SEND)
        self.ran: list[tuple[str, Mapping[str, Any]]] = []
        self.away = False
        self._answer = answer

    def tools(self, place: Place, settings: ToolSettings) -> tuple[Tool, ...]:
        return () if self.away else self.offered

    def absent(self, place: Place, settings: ToolSettings) -> bool:
        return self.away

    async def call(self, turn: Turn, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        self.ran.append((tool.title, arguments))
        return await self._answer(arguments) if self._answer else ToolOutput("Done.")


class Gallery(Extractor):
    """Finds a small picture in what begins with `PNG`."""

    async def extract(self, name: str, data: bytes) -> Extracted:
        if data.startswith(b"PNG"):
            return Picture(b"small", "image/png", 10, 10)
        raise FileError(FileProblem.DAMAGED)


class Bench:
    """One turn with its steps, each stored before the next one is asked for."""

    def __init__(self, *sources: Source, most: int = MOST_TOOLS) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock()
        self.sources = sources or (Source(),)
        self.toolbox = Toolbox(self.sources, self.store, self.clock, ContentReader(Gallery()), most)
        self.turn = turn_of()
        self.steps: list[Step] = []

    async def offer(self, settings: ToolSettings = ON) -> ToolOffer:
        return await self.toolbox.offer(self.turn, settings, self.steps)

    async def names(self) -> list[str]:
        return [tool.name for tool in (await self.offer()).tools]

    async def run(self, *calls: ToolCall) -> list[Step]:
        """Have a round with the calls, if any, run behind the steps so far. Returns the new steps."""
        if calls:
            self.steps.append(ModelRound(calls))
        before = len(self.steps)
        async for step in self.toolbox.run(self.turn, await self.offer(), tuple(self.steps)):
            self.steps.append(step)
        return self.steps[before:]

    async def results(self, *calls: ToolCall) -> list[ToolResult]:
        return results_of(await self.run(*calls))


def results_of(steps: Sequence[Step]) -> list[ToolResult]:
    return [one for step in steps if isinstance(step, ToolResults) for one in step.results]


def asked_of(steps: Sequence[Step]) -> ApprovalAsked:
    (step,) = steps
    assert isinstance(step, ApprovalAsked)
    return step


def begun_of(steps: Sequence[Step]) -> ToolsBegun:
    assert isinstance(steps[0], ToolsBegun)
    return steps[0]


async def hang(arguments: Mapping[str, Any]) -> ToolOutput:
    await asyncio.Event().wait()
    return ToolOutput("")
