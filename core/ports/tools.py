"""The protocol of the tools that a model may call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from core.ports.files import FileContent
from core.values.conversation import Turn
from core.values.places import Place
from core.values.steps import ApprovalAsked, Step, ToolResults, ToolsBegun
from core.values.tools import Tool, ToolOffer, ToolRule, ToolSettings


class ToolError(Exception):
    """A call that gave no result. Its text is for the model: one sentence, no secrets."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """The output of a tool. Its caller cuts `text` and checks `picture`."""

    text: str
    picture: FileContent | None = None


class ToolSource(Protocol):
    """An MCP server, or the built-in tools. `name` is the operator's name of the server, unique among the sources, and
    empty for the built-in tools."""

    name: str

    def tools(self, place: Place, settings: ToolSettings) -> tuple[Tool, ...]:
        """The tools that are offered in a place, from the last good list, without those of the rule NEVER. It
        makes no call.

        `title` and `parameters` are as the server gave them: the caller makes names and schemas that models take.
        """
        ...

    def absent(self, place: Place, settings: ToolSettings) -> bool:
        """True if it would offer tools there but can't be reached now, or has not been reached yet."""
        ...

    async def call(self, turn: Turn, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """Run one call once, within the source's own time limit. Raises ToolError and nothing else.

        `tool.title` is the server's name of the tool, and `arguments` has the server's names of properties.
        """
        ...


@runtime_checkable
class DecidesByCall(Protocol):
    """A source whose rule depends on the arguments of a call too."""

    def rule(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolRule:
        """The rule that applies to this very call. Pure."""
        ...


@runtime_checkable
class ListsLater(Protocol):
    """A source whose tools are not known from the start."""

    async def listed(self) -> None:
        """Wait until the tools have been listed once, or could not be, as long as a call would wait. Raises nothing."""
        ...


class Tools(Protocol):
    """Offers tools to a model, and runs its calls."""

    async def offer(self, turn: Turn, settings: ToolSettings, steps: Sequence[Step]) -> ToolOffer:
        """The tools for the next round of `turn`, behind its `steps`. Raises StoreError.

        Waits for no server, unless calls in `steps` wait for a tool that has not been listed since the program started.
        """
        ...

    def run(
        self, turn: Turn, offer: ToolOffer, steps: Sequence[Step]
    ) -> AsyncGenerator[ToolsBegun | ToolResults | ApprovalAsked, None]:
        """Run the calls of the last round in `steps` that have no result (`core.values.steps.pending_calls`).

        Yields `ApprovalAsked`, and nothing more, where a person has to approve some of them; or else `ToolsBegun` once
        and results as they come, one for each call. Each step is stored before the next one is asked for. Called again
        with the stored steps where the program ended meanwhile: behind a `ToolsBegun` the calls that may write do not
        run again, and their results say that the outcome is unknown. The failure of a tool is a result that says so.
        Closed or cancelled where the turn is interrupted. Raises BotError, which ends the turn.
        """
        ...
