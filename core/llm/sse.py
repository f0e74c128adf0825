"""A lenient line-based parser of server-sent events in bytes.

Servers leave out blank lines, end without one, mix line ends, send a BOM, and insert bare JSON between events. A strict
parser of https://html.spec.whatwg.org/multipage/server-sent-events.html loses events in all these cases. Every chat
completion chunk fits on one line, so each `data:` line that is JSON is an event. Other `data:` lines are joined with
those that follow, as the specification says.
"""

from __future__ import annotations

from dataclasses import dataclass
from json import JSONDecoder
from typing import Any

LINE_LIMIT_BYTES = 4 * 1024 * 1024
"""Maximum length of a line. Parsing needs about four times as much memory."""
_PART_BYTES = 64
"""Memory overhead of a kept `data:` line."""
SEEN_LENGTH = 1000
"""Bytes kept of an invalid line: more than a log shows, so that a key in it is found before it is cut."""

# The decoder skips the search for white space that json.loads does on both sides: half of the time per line. It
# is not strict: there are endpoints that leave tabs and other controls in strings as they are.
_decode = JSONDecoder(strict=False).raw_decode


@dataclass(frozen=True, slots=True)
class Garbled:
    """An event that is not a JSON object: a piece of the answer is lost. `text` is its beginning."""

    text: str


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line, or an event of several lines, above the limit. Nothing is read after it. `beginning` is the part that
    was kept."""

    beginning: bytes | bytearray


Event = dict[str, Any] | Garbled | OversizedLine


class SseReader:
    """Parses bytes into JSON objects, independently of how the bytes are split.

    An event named `error` and an `error:` field are returned as `{"error": ...}`. `done` is set by `[DONE]`; everything
    after it is ignored, and it does not mean that the answer is complete. `cut`: an `OversizedLine` was returned, and
    nothing follows it. `comments` counts keep-alives. `odd` holds the beginning of the first line without a meaning.
    """

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self.done = False
        self.cut = False
        self.comments = 0
        self.odd = ""
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._after_cr = False
        self._begun = False
        self._named_error = False
        self._parts: list[str] = []
        self._parts_length = 0

    def feed(self, data: bytes) -> list[Event]:
        if self.cut:
            return []
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 10:
                data = data[1:]
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not cut:
            return self._keep(data)
        self._after_cr = data.endswith(b"\r")
        whole = data[:cut]
        if self._rest:
            whole = bytes(self._rest + whole)
            self._rest.clear()
        events = self._lines(whole)
        return events + self._keep(data[cut:]) if cut < len(data) else events

    def end(self) -> list[Event]:
        """The last event, which may lack its line end. An incomplete event is dropped."""
        if self.cut:
            return []
        events = self._lines(bytes(self._rest))
        if self._parts:
            events += [event for event in self._join() if not isinstance(event, Garbled)]
        self._rest.clear()
        return events

    def _keep(self, data: bytes) -> list[Event]:
        if self.done or self.cut:
            return []
        self._rest += data
        if len(self._rest) <= self._limit_bytes:
            return []
        line, self._rest = self._rest, bytearray()
        return [self._too_long(line)]

    def _too_long(self, beginning: bytes | bytearray) -> OversizedLine:
        self.cut = True
        return OversizedLine(beginning)

    def _lines(self, whole: bytes) -> list[Event]:
        if len(whole) <= self._limit_bytes:
            return self._short_lines(whole)
        at = 0
        for line in whole.splitlines(keepends=True):
            if len(line.rstrip(b"\r\n")) > self._limit_bytes:
                return [*self._short_lines(whole[:at]), self._too_long(line)]
            at += len(line)
        return self._short_lines(whole)

    def _short_lines(self, whole: bytes) -> list[Event]:
        # Whole lines only, so that no character is cut. Not str.splitlines: U+2028 is no line end here.
        text = whole.decode("utf-8", "replace")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not self._begun:
            self._begun = bool(text)
            text = text.removeprefix("\ufeff")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        events: list[Event] = []
        for line in lines:
            if line.startswith("data: {") and not self._parts and not self._named_error and not self.done:
                try:
                    value, end = _decode(line, 6)
                    if end == len(line):
                        events.append(value)
                        continue
                except (ValueError, RecursionError):
                    pass
            if line or self._parts or self._named_error:
                events += self._line(line)
        return events

    def _line(self, line: str) -> list[Event]:
        """Handle every line but a plain `data:` line."""
        if self.done or self.cut:
            return []
        if not line:
            events = self._join()
            self._named_error = False
            return events
        if line[0] == ":":
            self.comments += 1
            return []
        if line[0] == "{":
            return [*self._join(), _parse(line) or Garbled(line[:SEEN_LENGTH])]
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                return self._data(value)
            case "event":
                events = self._join()
                self._named_error = value.strip() == "error"
                return events
            case "error":
                return [*self._join(), _as_error(_parse(value) or value)]
            case "id" | "retry":
                return []
        self.odd = self.odd or line[:SEEN_LENGTH]
        return []

    def _data(self, value: str) -> list[Event]:
        event = _parse(value)
        if event is not None:
            events = [*self._join(), _as_error(event) if self._named_error else event]
            self._named_error = False
            return events
        if value.strip() == "[DONE]":
            events = self._join()
            self.done = True
            return events
        self._parts_length += len(value) + _PART_BYTES
        self._parts.append(value)
        if self._parts_length <= self._limit_bytes:
            return []
        beginning = "\n".join(self._parts).encode("utf-8", "replace")
        self._parts, self._parts_length = [], 0
        return [self._too_long(beginning)]

    def _join(self) -> list[Event]:
        """The event of the kept `data:` lines."""
        if not self._parts:
            return []
        text = "\n".join(self._parts)
        self._parts, self._parts_length = [], 0
        event = _parse(text)
        if self._named_error:
            self._named_error = False
            return [_as_error(event or text)]
        if event is not None:
            return [event]
        if text.lstrip().startswith("{"):
            return [Garbled(text[:SEEN_LENGTH])]
        self.odd = self.odd or text[:SEEN_LENGTH]
        return []


def _parse(text: str) -> dict[str, Any] | None:
    """The object, or the first one of a list: Google's compatible endpoint sends errors in one."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end = _decode(text)
    except (ValueError, RecursionError):
        return None
    value = value[0] if isinstance(value, list) and value else value
    return value if end == len(text) and isinstance(value, dict) else None


def _as_error(value: dict[str, Any] | str) -> dict[str, Any]:
    return value if isinstance(value, dict) and value.get("error") else {"error": value or "unknown"}
