"""Summaries of the beginnings of long threads.

A summary covers a range of its thread: those of level 0 a stretch of lines, those of higher levels the summaries that
they are made of, which are kept. A changed line voids its stretch and the summaries above it; all others stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.values.conversation import LinePosition, ThreadMessage

BEGINNING = LinePosition(datetime.fromtimestamp(0, UTC), "", 0, "")
"""A position before all lines of a thread."""


@dataclass(frozen=True, slots=True)
class LineSpan:
    """The lines of a thread behind the position `after`, up to `until`."""

    after: LinePosition
    until: LinePosition

    def overlaps(self, other: LineSpan) -> bool:
        return self.after < other.until and other.after < self.until


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """The summary of the `lines` lines of a thread behind `after`, up to `until`. `model` wrote it at the time `at`.

    `level`: 0 where it is made of lines, else one more than that of the summaries that it is made of. `times`: the
    number of times that these lines were summed up lately, with this one.
    """

    until: LinePosition
    lines: int
    text: str
    model: str
    at: datetime
    after: LinePosition = BEGINNING
    level: int = 0
    times: int = 1

    @property
    def span(self) -> LineSpan:
        return LineSpan(self.after, self.until)


@dataclass(frozen=True, slots=True)
class VoidSummary:
    """A stretch whose summary, made at the time `at`, was voided by a change of its lines. `times`: as in
    `ThreadSummary`."""

    span: LineSpan
    at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class SummaryFailure:
    """An attempt that gave no summary. `newest`: the newest line of the thread then. `error` is a `Code`, or empty
    where a question interrupted it. `attempts`: the number of those in a row that have failed, with this one."""

    newest: LinePosition
    error: str
    at: datetime
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class SummaryProgress:
    """The summaries of a thread of all levels, the stretches whose summary is void, and the attempts that failed since
    the newest summary, oldest first."""

    summaries: tuple[ThreadSummary, ...] = ()
    voids: tuple[VoidSummary, ...] = ()
    failures: tuple[SummaryFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class StretchSummary:
    """A new summary, made of the lines `stretch` as they were read."""

    summary: ThreadSummary
    stretch: tuple[ThreadMessage, ...]


@dataclass(frozen=True, slots=True)
class FoldedSummary:
    """A new summary, made of the summaries `parts`, which follow each other."""

    summary: ThreadSummary
    parts: tuple[ThreadSummary, ...]


def covering(
    summaries: Iterable[ThreadSummary], before: LinePosition | None = None
) -> tuple[ThreadSummary, ...]:
    """The widest of the summaries that cover no line from `before` on (None: of all), in the order of their thread.
    None of them overlaps another one."""
    found = list[ThreadSummary]()
    widest_first = sorted(summaries, key=lambda one: (one.until, one.level), reverse=True)
    for one in sorted(widest_first, key=lambda one: one.after):
        if (before is None or one.until < before) and (not found or one.after >= found[-1].until):
            found.append(one)
    return tuple(found)


def gaps_between(parts: Sequence[ThreadSummary]) -> tuple[LineSpan, ...]:
    """The ranges before and between the summaries `parts`, which are in the order of their thread. There may be no
    lines in them."""
    ends = [BEGINNING, *(one.until for one in parts)]
    spans = (LineSpan(end, one.after) for end, one in zip(ends, parts, strict=False))
    return tuple(span for span in spans if span.after < span.until)
