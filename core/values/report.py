"""The figures of a usage report, as a store counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.values.places import Place
from core.values.usage import SummaryTotals, UsageTotals


@dataclass(frozen=True, slots=True)
class Bar:
    """The use of a part of a period: an hour of a day, or a day of a week or month.

    `cost_micros` is the sum of the known costs; None where questions were asked and no cost of theirs is known.
    """

    since: datetime
    until: datetime
    questions: int = 0
    cost_micros: int | None = 0


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The use of one model. `people` of the totals is not counted."""

    model: str
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """The use in one channel. `people` of the totals is not counted."""

    place: Place
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class PersonUse:
    """The questions of one person. `name` is their display name, or their id where it is not known."""

    name: str
    questions: int


@dataclass(frozen=True, slots=True)
class ErrorUse:
    """Questions that ended with the same `Code`. It may be one of an earlier version."""

    code: str
    questions: int


@dataclass(frozen=True, slots=True)
class ThreadUse:
    """The questions of one thread. `message_id` is its newest one; `title` the beginning of its first message."""

    place: Place
    questions: int
    message_id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackReason:
    """The reason that a person gave with their opinion of an answer. `message_id` is the question's."""

    helpful: bool
    text: str
    place: Place
    message_id: str


class OpenKind(StrEnum):
    """The reason why a question counts as left open."""

    FAILED = "failed"
    STOPPED = "stopped"
    ASKING = "asking"
    """Its answer waits for an approval."""
    UNHELPFUL = "unhelpful"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that was left open. `text` is empty where its author was forgotten."""

    kind: OpenKind
    place: Place
    message_id: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class UnansweredPost:
    """A post of a forum that nobody has answered. `place` is its thread, `message_id` its first message."""

    place: Place
    message_id: str
    title: str
    at: datetime


@dataclass(frozen=True, slots=True)
class UnansweredPosts:
    """The posts that were found, the newest first. `complete` is False where there may be more."""

    found: tuple[UnansweredPost, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """The use over a period, `before` that of the period before.

    `models` and `channels` are in the order of their cost, `people`, `errors` and `threads` of their questions; `open`
    begins with the newest, `reasons` with the newest of the answers that were rated not helpful. `people` are those of
    the workspaces that allow names in reports (`report_names`), by what they asked there, without those who were
    forgotten. `first_words`: the times to the first word in milliseconds, of two significant digits, each with its
    count, ascending. `open_counts` counts all open questions by kind, also those that `open` leaves out. `threads`,
    `reasons` and `open` name no direct conversation.
    """

    now: UsageTotals = field(default_factory=UsageTotals)
    before: UsageTotals = field(default_factory=UsageTotals)
    bars: tuple[Bar, ...] = ()
    models: tuple[ModelUse, ...] = ()
    channels: tuple[ChannelUse, ...] = ()
    summaries: SummaryTotals = field(default_factory=SummaryTotals)
    people: tuple[PersonUse, ...] = ()
    errors: tuple[ErrorUse, ...] = ()
    first_words: tuple[tuple[int, int], ...] = ()
    threads: tuple[ThreadUse, ...] = ()
    helpful: int = 0
    unhelpful: int = 0
    reasons: tuple[FeedbackReason, ...] = ()
    open_counts: Mapping[OpenKind, int] = field(default_factory=dict)
    open: tuple[OpenQuestion, ...] = ()
