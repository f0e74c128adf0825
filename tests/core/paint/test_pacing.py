from __future__ import annotations

import pytest

from core.paint.pacing import Bucket, urgency
from core.types import Budget

EDITS = Budget("slack/T1/chat.update", burst=10, per_s=50 / 60)


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    bucket = Bucket(EDITS)
    for _ in range(10):
        assert bucket.wait_s(100.0) == 0
        bucket.take(100.0)
    assert bucket.wait_s(100.0) == pytest.approx(1.2)
    assert bucket.wait_s(101.2) == pytest.approx(0, abs=1e-9)


def test_a_refusal_is_obeyed_and_leaves_no_burst_behind() -> None:
    bucket = Bucket(EDITS)
    bucket.refuse(100.0, 30.0)
    assert bucket.wait_s(100.0) == pytest.approx(30)
    assert bucket.wait_s(110.0) == pytest.approx(20)


def test_the_middle_of_an_answer_leaves_a_slot_for_its_end() -> None:
    bucket = Bucket(EDITS)
    for _ in range(9):
        bucket.take(100.0)
    assert bucket.wait_s(100.0, reserve=0) == 0
    assert bucket.wait_s(100.0, reserve=1) == pytest.approx(1.2)


def test_edits_lie_close_while_the_burst_is_full_and_apart_when_it_is_spent() -> None:
    bucket = Bucket(EDITS)
    assert bucket.gap_s(100.0) == 0
    for _ in range(10):
        bucket.take(100.0)
    assert bucket.gap_s(100.0) == pytest.approx(1.2)


def test_first_words_go_before_last_words_and_both_before_the_middle() -> None:
    first = urgency(shown=False, ended=False, unread=1, waited_s=0)
    last = urgency(shown=True, ended=True, unread=1, waited_s=0)
    long_middle = urgency(shown=True, ended=False, unread=5_000, waited_s=60)
    short_middle = urgency(shown=True, ended=False, unread=10, waited_s=60)
    assert first > last > long_middle > short_middle
