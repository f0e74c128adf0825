"""One thread of the store in memory, and the order and form of its messages."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

from core.values.conversation import Ask, LinePosition, ThreadMessage
from core.values.parts import Attached, File
from core.values.places import Place
from core.values.summaries import LineSpan, SummaryFailure, ThreadSummary, VoidSummary

_TITLE_CHARS = 80
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class StoredThread:
    """One place: its lines by message id, and what is known of it."""

    place: Place
    lines: dict[str, ThreadMessage] = field(default_factory=dict)
    joined_at: datetime | None = None
    filled: bool = False
    at: datetime = NEVER
    since: datetime = NEVER
    summaries: list[tuple[ThreadSummary, list[ThreadMessage]]] = field(default_factory=list)
    """Each with the lines that it covers, as they were."""
    voids: list[VoidSummary] = field(default_factory=list)
    failures: list[SummaryFailure] = field(default_factory=list)

    @property
    def joined(self) -> bool:
        return self.joined_at is not None

    def join(self, at: datetime) -> None:
        self.joined_at = at if self.joined_at is None else min(self.joined_at, at)

    def valid_summaries(self) -> list[ThreadSummary]:
        """Those of whose lines none has changed, in the order of their ends. The others are void from now on."""
        for one, covered in list(self.summaries):
            if covered != self.covered(one.span):
                self.summaries.remove((one, covered))
                self.voids += [] if one.level else [VoidSummary(one.span, one.at, one.times)]
        return sorted((one for one, _ in self.summaries), key=lambda one: (one.until, one.level))

    def put_summary(self, new: ThreadSummary) -> None:
        over = [one for one in self.voids if not new.level and new.span.overlaps(one.span)]
        rest = [
            replace(one, span=LineSpan(new.until, one.span.until)) for one in over if one.span.until > new.until
        ]
        self.voids = [one for one in self.voids if one not in over] + rest
        self.summaries.append((new, self.covered(new.span)))
        self.failures.clear()

    def covered(self, span: LineSpan) -> list[ThreadMessage]:
        """The lines of a range, also the answer to a question there. The content of files does not count."""
        return [
            replace(one, attached=tuple(map(_without_content, one.attached)))
            for one in self.ordered()
            if replace(one.position, rank=0, message="") <= span.until
            and one.position > span.after
            and one.at >= self.since
        ]

    def within(self, span: LineSpan) -> list[ThreadMessage]:
        return [one for one in self.behind(span.after) if one.position <= span.until]

    def behind(self, after: LinePosition) -> list[ThreadMessage]:
        return [one for one in self.ordered() if one.at >= self.since and one.position > after]

    def add(self, entry: ThreadMessage) -> bool:
        self.at = max(self.at, entry.at)
        if entry.id in self.lines:
            return False
        attached = storable_value(entry.attached)
        self.lines[entry.id] = replace(entry, text=storable(entry.text), attached=attached)
        return True

    def ordered(self) -> list[ThreadMessage]:
        return sorted(self.lines.values(), key=rank)

    def title(self) -> str:
        first = next((entry for entry in self.ordered() if not entry.mine), None)
        files = [one.name for one in first.attached if isinstance(one, File)] if first else []
        words = " ".join((first.text if first else "").split()) or ", ".join(files)
        return words if len(words) <= _TITLE_CHARS else words[: _TITLE_CHARS - 1].rstrip() + "…"


def _without_content(one: Attached) -> Attached:
    return replace(one, text="", problem=None) if isinstance(one, File) else one


def holds(channel: Place, place: Place) -> bool:
    """True if `place` is in the channel, or in the workspace where `channel` names none."""
    if not channel.channel:
        return (channel.platform, channel.team) == (place.platform, place.team)
    return channel.channel_key == place.channel_key


def line_of(ask: Ask) -> ThreadMessage:
    return ThreadMessage(ask.id, ask.author, ask.text, ask.at, attached=ask.attached)


def rank(entry: ThreadMessage) -> tuple[datetime, str, bool, str]:
    """The order of a message: by its time, and an answer directly behind its question."""
    return (entry.at, entry.anchor or entry.id, bool(entry.anchor), entry.id)


def storable(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def storable_value(value: Any) -> Any:
    """A value of frozen dataclasses and tuples with all of its texts storable."""
    if isinstance(value, str):
        return type(value)(storable(value))
    if isinstance(value, tuple):
        return tuple(map(storable_value, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: storable_value(getattr(value, one.name)) for one in fields(value)})
    return value


def is_of(place: Place, platform: str, team: str) -> bool:
    return place.platform == platform and team in ("", place.team)
