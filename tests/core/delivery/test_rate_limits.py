from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from core.delivery.rate_limits import LAG_S, Bucket, Limiter, Rank, Window, limiter, urgency
from core.values.outgoing import RateLimit, RateLimitStatus

EDITS = RateLimit("slack/T1/chat.update", burst=10, per_s=50 / 60, reserve=3)
CHANNEL = RateLimit("discord/edit/1", burst=5, per_s=1, window_s=5)


def spent(bucket: Limiter, count: int, now: float = 100.0) -> None:
    for _ in range(count):
        assert bucket.wait_s(now) == 0
        bucket.end(bucket.take(now), now)


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    bucket = Bucket(EDITS)
    spent(bucket, 10)
    assert bucket.wait_s(100.0) == pytest.approx(1.2 + LAG_S)
    assert bucket.wait_s(101.2 + LAG_S) == pytest.approx(0, abs=1e-6)


def test_a_refusal_is_obeyed_and_leaves_no_burst_behind() -> None:
    bucket = Bucket(EDITS)
    bucket.refuse(bucket.take(100.0), 100.0, 30.0)
    assert bucket.wait_s(100.0) == pytest.approx(30)
    assert bucket.wait_s(110.0) == pytest.approx(20)
    spent(bucket, 1, 130.0)
    assert bucket.wait_s(130.0) > 1.2


def test_what_flows_back_is_not_counted_from_before_the_platform_can_have_begun() -> None:
    bucket = Bucket(EDITS)
    draws = [bucket.take(100.0) for _ in range(10)]
    for drawn in draws:
        bucket.end(drawn, 100.6)  # the calls took so long that the platform may have seen none before
    assert bucket.wait_s(100.6) == pytest.approx(1.2)


@pytest.mark.parametrize(("granted", "share"), [(0, 0.5), (5, 0.5), (7, 0.7), (9, 0.9)])
@pytest.mark.parametrize("budget", [EDITS, RateLimit("bot", burst=10, per_s=10, window_s=1)])
def test_what_was_granted_before_a_refusal_is_all_that_is_believed_in_but_at_least_half(
    budget: RateLimit, granted: int, share: float
) -> None:
    learner = limiter(budget)
    spent(learner, granted)
    learner.refuse(learner.take(100.0), 100.1, 1.0)
    assert learner.share(100.1) == pytest.approx(share)
    assert learner.per_s(100.1) == pytest.approx(budget.per_s * share)


@pytest.mark.parametrize("budget", [EDITS, RateLimit("bot", burst=10, per_s=10, window_s=1)])
def test_of_calls_under_way_at_once_the_first_refused_one_teaches_and_the_others_add_nothing(
    budget: RateLimit,
) -> None:
    learner = limiter(budget)
    draws = [learner.take(100.0) for _ in range(10)]
    for at_s, late in enumerate(draws[6:]):
        learner.refuse(late, 102.0 + at_s, 0.5)  # each after the pause of the one before
    assert learner.share(102.0) == pytest.approx(0.6, abs=0.01)
    learner.refuse(learner.take(110.0), 110.1, 0.5)
    assert learner.share(110.1) == pytest.approx(0.3, abs=0.01)


def test_calls_that_flowed_back_count_as_granted() -> None:
    bucket = Bucket(RateLimit("edits", burst=10, per_s=1))
    for second in range(10):
        spent(bucket, 1, 100.0 + second)
    spent(bucket, 5, 110.0)
    bucket.refuse(bucket.take(110.0), 110.1, 1.0)
    assert bucket.share(110.1) == pytest.approx(15 / 20, abs=0.01)


def test_what_was_learned_is_slowly_forgotten() -> None:
    bucket = Bucket(EDITS)
    bucket.refuse(bucket.take(100.0), 100.0, 1.0)
    assert bucket.share(100.0 + 120) == pytest.approx(0.6)
    assert bucket.share(100.0 + 3_600) == 1.0


def test_the_middle_of_an_answer_leaves_slots_for_the_ends_of_all() -> None:
    bucket = Bucket(EDITS)
    spent(bucket, 7)
    assert bucket.wait_s(100.0) == 0
    assert bucket.wait_s(100.0, Rank.MIDDLE) > 0


def test_a_burst_is_spent_over_seconds_not_at_once() -> None:
    bucket = Bucket(RateLimit("append", burst=20, per_s=100 / 60))
    now, times = 100.0, []
    while now < 106.0:
        now += bucket.wait_s(now, Rank.MIDDLE)
        bucket.take(now, Rank.MIDDLE)
        times.append(now)
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) > 20
    assert min(gaps) > 0.1
    assert max(gaps) < 0.6


def test_a_window_gives_its_calls_evenly_and_opens_again_when_it_closes() -> None:
    window = Window(CHANNEL)
    now, times = 100.0, []
    for _ in range(7):
        now += window.wait_s(now, Rank.MIDDLE)
        window.end(window.take(now, Rank.MIDDLE), now)
        times.append(now)
    assert [after - before for before, after in pairwise(times)] == pytest.approx([1.02] * 6, abs=0.03)
    assert window.wait_s(now) > 0, "nobody said where the windows lie, so they may lie anywhere"
    window.tell(now, RateLimitStatus(limit=5, left=3, for_s=4.0))
    spent(window, 3, now)
    assert window.wait_s(now) == pytest.approx(4)


def test_what_the_platform_says_is_left_counts_more_than_what_was_reckoned() -> None:
    window = Window(CHANNEL)
    spent(window, 1)
    window.tell(100.0, RateLimitStatus(limit=5, left=0, for_s=3.0))
    assert window.wait_s(100.0) == pytest.approx(3)
    window.tell(104.0, RateLimitStatus(limit=2, left=1, for_s=5.0))
    assert window.wait_s(104.0) == 0
    spent(window, 1, 104.0)
    assert window.wait_s(104.0) == pytest.approx(5)
    spent(window, 2, 109.1)
    assert window.wait_s(109.1) > 0, "the limit that was told holds in the windows to come"


def test_calls_under_way_are_not_in_what_is_told() -> None:
    window = Window(CHANNEL)
    window.take(100.0)
    window.end(window.take(100.0), 100.0)
    window.tell(100.0, RateLimitStatus(limit=5, left=4, for_s=5.0))
    spent(window, 3)
    assert window.wait_s(100.0) > 0


def test_first_words_go_before_last_words_and_both_before_the_middle() -> None:
    first = urgency(Rank.FIRST, unread=1, waited_s=0)
    last = urgency(Rank.LAST, unread=1, waited_s=0)
    long_middle = urgency(Rank.MIDDLE, unread=5_000, waited_s=60)
    short_middle = urgency(Rank.MIDDLE, unread=10, waited_s=60)
    assert first > last > long_middle > short_middle


@pytest.mark.parametrize("budget", [EDITS, RateLimit("bot", burst=10, per_s=10, window_s=1)])
def test_a_limit_of_which_a_process_gets_another_part_counts_on_from_what_is_used(budget: RateLimit) -> None:
    limit = limiter(replace(budget, burst=2))
    spent(limit, 2)
    assert limit.wait_s(100.0) > 0
    limit.fit(budget)
    assert limit.burst(100.0) == 10
    assert limit.used(100.0) > 0
    limit.fit(replace(budget, burst=2))
    assert limit.burst(110.0) == 2
    spent(limit, 2, 110.0)
    assert limit.wait_s(110.0) > 0


def test_a_refusal_under_a_limit_that_other_processes_share_is_obeyed_and_teaches_nothing() -> None:
    bot = limiter(RateLimit("bot", burst=10, per_s=10, window_s=1, shared=True))
    for second in range(9):
        bot.refuse(bot.take(100.0 + second), 100.1 + second, 0.5)
        assert bot.wait_s(100.1 + second) == pytest.approx(0.5)
    assert bot.share(110.0) == 1.0
