"""The causes of failures, as the operators see them under the reference that a person was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from core.errors import BotError, Code, ModelError
from core.values.conversation import Turn
from core.values.places import Place


@dataclass(frozen=True, slots=True)
class Failure:
    """The cause of an error that has a reference.

    `detail` is the text of the other side, without secrets. `kind`: the class of the fault below it, where there is
    one. `account`, `model`, `status`, `request_id` and `tries`: of the last request to an endpoint; empty or 0 where
    no endpoint is to blame. `places`: the fields of the advice (`core.i18n.advise`). `what`: the subject of an alert
    (`core.values.tasks.Alert`); empty for the failure of a turn or of a command.
    """

    ref: str
    code: Code
    detail: str = ""
    kind: str = ""
    account: str = ""
    model: str = ""
    status: int = 0
    request_id: str = ""
    tries: int = 0
    places: Mapping[str, str] = field(default_factory=dict)
    what: str = ""


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """A failure as the store has it. `turn` is the one that it ended, as it is now, and `retry` the id of the turn that
    asks its question again. Without a turn, `place` is where a command failed, None for an alert."""

    id: int
    failure: Failure
    at: datetime
    turn: Turn | None = None
    retry: int | None = None
    place: Place | None = None


class FailureKind(StrEnum):
    """Failures that are looked for. SET_ASIDE: of turns that were set aside. RETRIED: of turns that are asked again."""

    SET_ASIDE = "set_aside"
    RETRIED = "retried"


class RetryRefusal(StrEnum):
    """The reason why a turn is not asked again."""

    UNKNOWN = "unknown"
    NOT_FAILED = "not_failed"
    RETRIED = "retried"
    FORGOTTEN = "forgotten"
    NO_QUESTION = "no_question"
    """Parley gave it to itself: an alert, a report, or work in the background."""


def error_to_failure(error: BotError, what: str = "", places: Mapping[str, str] | None = None) -> Failure:
    """The cause of `error`. `what` and `places` as in `Failure`; the places of a ModelError are its own."""
    failure = Failure(error.ref, error.code, error.detail, error.kind, places=dict(places or {}), what=what)
    if isinstance(error, ModelError):
        failure = replace(failure, status=error.status, request_id=error.request_id)
    if isinstance(error, ModelError) and (last := error.request) is not None:
        failure = replace(
            failure,
            account=last.account,
            model=last.model,
            tries=last.tries,
            places=dict(places or last.places),
        )
    return failure
