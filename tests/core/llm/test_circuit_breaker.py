from __future__ import annotations

from core.errors import Code
from core.llm.circuit_breaker import IN_A_ROW, LONGEST_BREAK_S, LONGEST_REST_S, Breaker
from core.llm.retry_policy import BREAK_S


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert [breaker.fail(at, Code.CUT) for _ in range(IN_A_ROW)] == [False] * 4 + [True]
    return breaker


def test_five_failures_in_a_row_open_it_for_half_a_minute() -> None:
    breaker = opened()
    assert not breaker.allows(BREAK_S - 0.1)
    assert breaker.allows(BREAK_S)


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = Breaker()
    for now in range(4):
        breaker.fail(now, Code.CUT)
    breaker.succeed(4)
    assert [breaker.fail(5, Code.CUT) for _ in range(4)] == [False] * 4


def test_more_than_half_of_ten_in_a_minute_open_it() -> None:
    breaker = Breaker()
    for _ in range(5):
        assert not breaker.fail(0, Code.CUT)
        breaker.succeed(0)
    assert breaker.fail(1, Code.CUT), "6 of 11"
    breaker = Breaker()
    opens = [
        breaker.fail(now, Code.CUT) if bad else breaker.succeed(now) for now, bad in enumerate([1, 1, 0] * 4)
    ]
    assert opens.index(True) == 9, "7 of 10; 6 of 9 were too few to tell"


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.fail(0, Code.CUT)
    breaker.succeed(0)
    for _ in range(4):
        breaker.fail(61, Code.CUT)
    assert breaker.allows(61)


def test_one_probe_at_a_time_and_a_failed_one_doubles_the_break() -> None:
    breaker, now, break_s = opened(), 0.0, BREAK_S
    for _ in range(6):
        now += break_s
        assert breaker.allows(now)
        assert breaker.begin(now)
        assert not breaker.allows(now), "somebody is at it"
        assert not breaker.begin(now), "and nobody else"
        breaker.fail(now, Code.CUT, probe=True)
        breaker.drop()
        break_s = min(break_s * 2, LONGEST_BREAK_S)
        assert not breaker.allows(now + break_s - 0.1)
    assert break_s == LONGEST_BREAK_S


def test_a_probe_that_answers_closes_it_and_the_next_break_is_short_again() -> None:
    breaker = opened()
    assert breaker.begin(BREAK_S)
    breaker.fail(BREAK_S, Code.CUT, probe=True)
    breaker.drop()
    assert breaker.begin(90)
    assert breaker.succeed(90)
    breaker.drop()
    assert breaker.allows(90)
    assert [breaker.fail(91, Code.CUT) for _ in range(5)][-1]
    assert breaker.allows(91 + BREAK_S)


def test_a_probe_that_taught_nothing_makes_room_for_the_next() -> None:
    breaker = opened()
    breaker.begin(BREAK_S)
    breaker.drop()
    assert breaker.allows(BREAK_S)


def test_an_answer_closes_it_whoever_asked() -> None:
    breaker = opened()
    assert breaker.why is Code.CUT
    assert breaker.succeed(1)
    assert breaker.allows(1)
    assert breaker.why is None


def test_a_failure_of_somebody_who_asked_all_the_same_does_not_lengthen_the_break() -> None:
    breaker = opened()
    breaker.fail(20, Code.CUT)
    assert breaker.allows(BREAK_S)


def test_a_rest_opens_it_at_once_and_has_an_end() -> None:
    breaker = Breaker()
    assert not breaker.fail(0, Code.CUT, rest_s=90), "once is nothing to tell of"
    assert not breaker.allows(89)
    assert breaker.allows(90)
    assert not breaker.fail(90, Code.CUT, rest_s=1e9)
    assert breaker.allows(90 + LONGEST_REST_S)


def test_what_is_out_and_fails_again_for_the_same_reason_is_told_each_time() -> None:
    breaker = opened()
    assert breaker.fail(1, Code.CUT)
    assert not breaker.fail(1, Code.STALLED)
    breaker = Breaker()
    assert [breaker.fail(0, Code.CUT, rest_s=5) for _ in range(5)] == [False] * 4 + [True]


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    breaker = Breaker()
    breaker.fail(0, Code.CUT, rest_s=90)
    breaker.fail(0, Code.CUT, rest_s=5)
    assert not breaker.allows(80)


def test_what_was_before_it_closed_does_not_open_it_again() -> None:
    breaker = Breaker()
    for now in range(12):
        breaker.fail(now, Code.CUT)
    breaker.succeed(34)
    assert not breaker.fail(35, Code.CUT)
    assert breaker.allows(35)
