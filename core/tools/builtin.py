"""The built-in tools, as a source: the time, earlier messages, earlier answers and links."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.tools import ToolError, ToolOutput
from core.tools.earlier import EarlierMessages
from core.tools.links import LinkReader
from core.values.conversation import Turn
from core.values.places import Place
from core.values.tools import Tool, ToolRule, ToolSettings

log = structlog.get_logger()


def reading_tool(name: str, about: str, **properties: str) -> Tool:
    """A built-in tool that changes nothing. `properties`: the description of each argument, all of them texts.
    Those whose explanation begins with `Optional` may be left out."""
    required = [one for one, meaning in properties.items() if not meaning.startswith("Optional")]
    texts = {one: {"type": "string", "description": meaning} for one, meaning in properties.items()}
    schema = {"type": "object", "properties": texts, "required": required}
    return Tool(name, about, json.dumps(schema), ToolRule.READ, title=name, writes=False)


CURRENT_TIME = reading_tool(
    "current_time",
    "The date and the time of day now.",
    zone="Optional. A time zone such as Europe/Berlin",
)

READ_EARLIER = reading_tool(
    "read_earlier_messages",
    "Reads earlier messages of this thread than those that you see, at most 50, oldest first. Call it again with the "
    "time of the first one for those before it.",
    before="Optional. Only messages before this time, UTC, such as 2026-01-31 10:05:00",
)
SEARCH_EARLIER = reading_tool(
    "search_earlier_threads",
    "Searches earlier questions of this team that were answered, for example to find out whether something was asked "
    "or decided before. Gives at most 8 with the mark `cite`, the date, the answer and a link. Where you use one, "
    "write its mark exactly as it is behind what it says, after a space. Of one that is marked `old`, say its date "
    "first: it may be out of date.",
    query="A few telling words, in the language that the messages are likely to be in",
)

READ_LINK = replace(
    reading_tool(
        "read_link",
        "Reads the text of a page on the Internet. Use it only for addresses that people here have written, or that a "
        "page you have read refers to.",
        url="The address of the page, with https://",
    ),
    rule=ToolRule.ASK,
    sends=True,
)


class BuiltinTools:
    """The `ToolSource` of Parley itself."""

    name = ""

    def __init__(self, clock: Clock, zone: tzinfo, earlier: EarlierMessages, links: LinkReader) -> None:
        self._clock = clock
        self._links = links
        self._zone = zone
        self._calls: dict[str, Callable[[Turn, Mapping[str, Any]], Awaitable[str]]] = {
            CURRENT_TIME.name: self._current_time,
            READ_EARLIER.name: earlier.read,
            SEARCH_EARLIER.name: earlier.search,
            READ_LINK.name: self._read_link,
        }

    def tools(self, place: Place, settings: ToolSettings) -> tuple[Tool, ...]:
        here = (CURRENT_TIME, READ_EARLIER, SEARCH_EARLIER) if settings.builtin else ()
        return (*here, READ_LINK) if settings.links else here

    def absent(self, place: Place, settings: ToolSettings) -> bool:
        return False

    def rule(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolRule:
        """Reading a page is a way out for data: a person approves it, unless the operator has listed its host."""
        if tool.title != READ_LINK.title:
            return tool.rule
        return ToolRule.ASK if self._links.needs_approval(str(arguments.get("url", ""))) else ToolRule.READ

    async def call(self, turn: Turn, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        try:
            return ToolOutput(await self._calls[tool.title](turn, arguments))
        except StoreError as error:
            log.warning("tool_store_failed", tool=tool.title, **error.log_keys)
            raise ToolError("What is stored can't be read now.") from error

    async def _read_link(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        return await self._links.read(str(arguments.get("url", "")))

    async def _current_time(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        zone, name = self._zone, str(arguments.get("zone") or "").strip()
        if name:
            try:
                zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ToolError("There is no such time zone. Use a name such as Europe/Berlin.") from None
        return f"{self._clock.now().astimezone(zone):%A, %d %B %Y, %H:%M:%S (UTC%z)}, time zone {zone}"
