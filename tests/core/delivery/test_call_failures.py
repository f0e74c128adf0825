"""The step after each kind of failed call."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.delivery.call_failures import NextStep, backoff_s, next_step
from core.delivery.next_call import Address, FindMessage, NextCall, call
from core.errors import Code, PlatformError
from core.values.conversation import Ask
from core.values.outgoing import AnswerPicture, OutgoingCall, Page, PostMessage, UploadFile
from core.values.places import Person, Place

PLACE = Place("paper", "T", "C1", "thread")
ADDRESS = Address(Ask("q1", PLACE, Person("U1"), "?", datetime(2026, 11, 22, tzinfo=UTC)), "turn-1", "")
EDIT, DELETE, POST = (call(kind, ADDRESS) for kind in (NextCall.EDIT, NextCall.DELETE, NextCall.POST))
LOOK = FindMessage(PLACE, Page(""), "turn-1-0", "q1")
PICTURE = UploadFile(PLACE, "cat.png", b"", "q1", under="m0")
CHART = AnswerPicture("report.png", "Cost by day", "image/png", b"")
REPORT = PostMessage(PLACE, Page("The report.", picture=CHART), "turn-1-0")
AWAY = PlatformError(Code.UNAVAILABLE, retryable=True)
SLOW = PlatformError(Code.SLOW_DOWN, retryable=True)


def refusal(code: Code) -> PlatformError:
    return PlatformError(code)


@pytest.mark.parametrize(
    ("failed", "error", "failures", "step"),
    [
        (EDIT, SLOW, 500, NextStep.WAIT),
        (EDIT, AWAY, 180, NextStep.RETRY),
        (EDIT, AWAY, 181, NextStep.GIVE_UP),
        (POST, refusal(Code.BAD_TOKEN), 180, NextStep.RETRY),
        (POST, refusal(Code.REJECTED), 20, NextStep.CHANGE),
        (POST, refusal(Code.REJECTED), 21, NextStep.GIVE_UP),
        (EDIT, refusal(Code.EXPIRED), 1, NextStep.CHANGE),
        (EDIT, refusal(Code.GONE), 1, NextStep.LOSE_PAGE),
        (DELETE, refusal(Code.GONE), 1, NextStep.CHANGE),
        (LOOK, AWAY, 2, NextStep.LOOK_AGAIN),
        (LOOK, AWAY, 3, NextStep.LOOK_NO_MORE),
        (LOOK, SLOW, 1, NextStep.LOOK_NO_MORE),
        (LOOK, refusal(Code.GONE), 1, NextStep.LOSE_PAGE),
        (PICTURE, SLOW, 500, NextStep.WAIT),
        (PICTURE, AWAY, 4, NextStep.RETRY),
        (PICTURE, AWAY, 5, NextStep.SKIP_PICTURE),
        (PICTURE, refusal(Code.GONE), 1, NextStep.SKIP_PICTURE),
        (REPORT, AWAY, 180, NextStep.RETRY),
        (REPORT, AWAY, 181, NextStep.DROP_EMBEDDED),
        (REPORT, refusal(Code.REJECTED), 1, NextStep.DROP_EMBEDDED),
    ],
)
def test_the_step_after_a_failed_call(
    failed: OutgoingCall, error: PlatformError, failures: int, step: NextStep
) -> None:
    assert next_step(failed, error, failures, has_token=False) is step


@pytest.mark.parametrize("failed", [EDIT, PICTURE])
def test_an_expired_interaction_token_is_dropped_before_the_call_is_refused(failed: OutgoingCall) -> None:
    assert next_step(failed, refusal(Code.EXPIRED), 1, has_token=True) is NextStep.DROP_TOKEN


def test_each_failure_in_a_row_doubles_about_the_pause_up_to_twenty_seconds() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 6, 7, 180)] == [0.5, 1.0, 20.0, 20.0, 20.0]
