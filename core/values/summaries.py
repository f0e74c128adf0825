"""Summaries of the beginnings of long threads.

A summary covers the lines of its thread up to a position; those that are about to be removed by retention when it is
made it leaves out. The next one is made of it and of the stretch of lines that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.values.conversation import LinePosition, ThreadMessage


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """The summary of `lines` lines of a thread, from the time `since` (None: from the first one) up to `until`. `model`
    wrote it at the time `at`."""

    until: LinePosition
    lines: int
    text: str
    model: str
    at: datetime
    since: datetime | None = None


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
    """The newest summary of a thread, and the attempts that failed since, oldest first."""

    newest: ThreadSummary | None = None
    failures: tuple[SummaryFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class StretchSummary:
    """A new summary, made of the one up to `before` (None: of none) and of the lines `stretch` as they were read: where
    it is made of no other one, those behind `after`."""

    summary: ThreadSummary
    before: LinePosition | None
    stretch: tuple[ThreadMessage, ...]
    after: LinePosition | None = None
