"""The task of a turn, with its arguments. A closed union: `match` on a `Task` names every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.errors import Code
from core.values.budgets import Budget
from core.values.places import Person, Place


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """Answer a person."""


ANSWER = AnswerQuestion()


@dataclass(frozen=True, slots=True)
class ContinueAnswer:
    """Go on with an answer that reached the length limit."""


@dataclass(frozen=True, slots=True)
class Summarize:
    """Sum up the newest `last` messages, none older than `since`, of the thread or its channel."""

    channel: bool
    last: int
    since: datetime | None = None


class ReportScope(StrEnum):
    """The use that a report is about: of all platforms, or of the workspace or the channel that it is posted in."""

    ALL = "all"
    WORKSPACE = "workspace"
    CHANNEL = "channel"


REPORT_ID = "summary:"
"""The beginning of the id of an ask of a usage report."""


@dataclass(frozen=True, slots=True)
class ReportUsage:
    """Post the usage from `since` to `until`, a `day`, `week` or `month` of the time zone `zone`.

    An empty `zone` is that of the summary (PARLEY_SUMMARY_AT). `up_to`: the moment within the period up to which it is
    reported, where that is not over.
    """

    since: datetime
    until: datetime
    period: str = "day"
    zone: str = ""
    scope: ReportScope = ReportScope.ALL
    up_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """Alert the operators that `what` fails, or with `over` that it works again; with `removed` too that the settings
    have it no more.

    `what` is an account, a model or an endpoint (`core.llm.retry_policy.key_of`), a platform, the database or
    the event loop. `kind` is the class of the network's error, if it was one, `places` the fields of the
    advice. No field holds text of an endpoint.
    """

    what: str
    code: Code
    ref: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    over: bool = False
    removed: bool = False

    @property
    def why(self) -> str:
        return f"{self.code}, {self.kind}" if self.kind else str(self.code)


@dataclass(frozen=True, slots=True)
class RemoveQuote:
    """Take the quoted transcripts off the answer of the turn `turn_id`, since a clip was deleted."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class RemoveSources:
    """Show the answer of the turn `turn_id` without links to earlier answers that were forgotten or deleted."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class ShowAnew:
    """Show the answer of the turn `turn_id` as it is stored: a late call of another replica may have shown older words
    over it. `stray`: the message that the call posted, or empty."""

    turn_id: int
    stray: str = ""


@dataclass(frozen=True, slots=True)
class ReportOperation:
    """Post the operators' report from `since` to `until`, whose text the ask has."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """Alert the admins that questions are refused, since a budget is used up: they may allow its limit once more.

    `lifts`: how often they did so before, in this period. No field holds the id or the name of a person.
    """

    budget: Budget
    lifts: int = 0

    @property
    def key(self) -> str:
        """The same for the same limit, each time that it is reached."""
        return f"{self.budget.account.key}/{self.budget.limit}/{self.lifts}"

    def expires(self, before: datetime) -> bool:
        """True if the alert is older than what is kept from `before`. It stands until the end of its period."""
        return self.budget.account.until < before


@dataclass(frozen=True, slots=True)
class BudgetLift:
    """An admin allowed the limit of `reached` once more, in the place of an alert."""

    reached: BudgetReached
    by: Person
    place: Place

    def is_named(self, place: Place) -> bool:
        """True if the admin is named in the alert at `place`: on their own platform, which can have them forgotten."""
        return place.platform == self.place.platform


@dataclass(frozen=True, slots=True)
class UpdateAlert:
    """Show the text of the ask in the messages of the alert `turn_id`, without its buttons. `anonymous`: that text
    without the name of a person, which takes its place once they are forgotten."""

    turn_id: int
    anonymous: str = ""


@dataclass(frozen=True, slots=True)
class SumUpThread:
    """Sum up the oldest lines of the thread that no summary covers, in the background, at the cost of the ask's author.
    `again`: also lines that were summed up before."""

    again: bool = True


@dataclass(frozen=True, slots=True)
class EmbedQuestions:
    """Make vectors of questions that were answered before, in the background. It is stored once it has ended."""


@dataclass(frozen=True, slots=True)
class RelateThreads:
    """Link earlier answers that are about the same, in a new post of a forum that Parley does not answer. The ask has
    the author of the post, and its words until the turn has ended: they were not said to Parley."""


Announced = (
    ReportUsage
    | Alert
    | BudgetReached
    | RemoveQuote
    | RemoveSources
    | ShowAnew
    | UpdateAlert
    | ReportOperation
    | SumUpThread
    | EmbedQuestions
    | RelateThreads
)
"""The tasks that Parley gives itself."""

Task = AnswerQuestion | ContinueAnswer | Summarize | Announced


def task_again(task: Task) -> Task:
    """The task of the turn that does `task` again. What could not go on is answered anew."""
    return task if isinstance(task, Summarize) else ANSWER
