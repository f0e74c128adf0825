from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ports.store.settings import StoredSettings
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.settings.layers import bounded, merge
from core.spend.budgets import (
    AnswerBound,
    budgets_of,
    charged_at,
    decide,
    most_described,
    most_spent,
    most_transcribed,
    near,
    payer_of,
)
from core.values.budgets import (
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetScope,
    BudgetUnit,
    BudgetVerdict,
    Limit,
    LimitPeriod,
    Payer,
    Spent,
    person_digest,
)
from core.values.conversation import Ask, Turn
from core.values.deltas import ModelInfo
from core.values.places import Person, Place
from core.values.prices import Prices

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
PLACE = Place("slack", "T1", "C1", "1.0")
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def settings(workspace: dict[str, str], channel: dict[str, str] | None = None, **core: Any) -> ChannelSettings:
    return merge(CoreSettings(_env_file=None, **core), StoredSettings(workspace, channel or {}), "slack")


def in_force(here: ChannelSettings, at: datetime = NOON, people_of: str = "T1") -> tuple[Budget, ...]:
    return budgets_of(here, payer_of(PLACE, "U1"), people_of, at, NEW_YORK)


def budget(amount: int, unit: BudgetUnit = BudgetUnit.MONEY) -> Budget:
    account = BudgetAccount(Payer(ANY, ANY, ANY, ANY), LimitPeriod.DAY, NOON, NOON + timedelta(days=1))
    return Budget(BudgetScope.ALL, Limit(amount, unit, LimitPeriod.DAY), account)


def test_the_limits_of_every_scope_hold_together_the_narrowest_first() -> None:
    here = settings(
        {"budget": "100 a month", "person_budget": "1 a day, 9 a month", "time_zone": "Asia/Shanghai"},
        {"budget": "20 a month"},
        parley_budget="5m tokens a month",
    )
    found = in_force(here)
    assert [(one.scope, str(one.limit)) for one in found] == [
        (BudgetScope.PERSON, "1 a day"),
        (BudgetScope.PERSON, "9 a month"),
        (BudgetScope.CHANNEL, "20 a month"),
        (BudgetScope.WORKSPACE, "100 a month"),
        (BudgetScope.ALL, "5000000 tokens a month"),
    ]
    person = person_digest("U1")
    assert [one.account.payer for one in found[1:]] == [
        Payer("slack", "T1", ANY, person),
        Payer("slack", "T1", "C1", ANY),
        Payer("slack", "T1", ANY, ANY),
        Payer(ANY, ANY, ANY, ANY),
    ]
    assert "U1" not in repr(found)


def test_without_a_limit_none_holds() -> None:
    assert in_force(settings({"budget": "off"}, {"person_budget": "1 a day"})) == ()


def test_a_persons_limit_counts_all_teams_where_one_id_is_theirs_in_all_of_them() -> None:
    (found,) = in_force(settings({"person_budget": "1 a day"}), people_of="")
    assert found.account.payer == Payer("slack", ANY, ANY, person_digest("U1"))


def test_periods_are_those_of_the_workspaces_time_zone_and_for_all_those_of_the_operators() -> None:
    evening = datetime(2026, 3, 31, 17, tzinfo=UTC)  # 1 April 01:00 in Shanghai, 31 March 13:00 in New York
    here = settings({"time_zone": "Asia/Shanghai"}, {"budget": "1 a month"}, parley_budget="5 a month")
    channel, everybody = in_force(here, evening)
    assert channel.account.since == datetime(2026, 4, 1, tzinfo=SHANGHAI)
    assert channel.account.until == datetime(2026, 5, 1, tzinfo=SHANGHAI)
    assert everybody.account.until == datetime(2026, 4, 1, tzinfo=NEW_YORK)


def test_in_a_direct_conversation_the_limits_of_all_workspaces_of_the_person_hold() -> None:
    workspaces = {"G1": {"person_budget": "1 a day"}, "G2": {"person_budget": "3 a day"}, "G3": {"rate": "2"}}
    of_two = bounded(settings({}), workspaces, Person("U1", roles=("G2", "G3")))
    assert [str(one.limit) for one in in_force(of_two)] == ["3 a day"]
    unknown = bounded(settings({}), workspaces, Person("U1"))
    assert [str(one.limit) for one in in_force(unknown)] == ["1 a day", "3 a day"]


@pytest.mark.parametrize(
    ("spent", "reserved", "most", "verdict"),
    [
        (100, 0, 1, BudgetVerdict.REFUSED),
        (99, 0, 500, BudgetVerdict.ALLOWED),
        (50, 40, 10, BudgetVerdict.ALLOWED),
        (50, 40, 11, BudgetVerdict.WAIT),
        (100, 40, 1, BudgetVerdict.REFUSED),
    ],
)
def test_an_answer_begins_where_the_limit_can_take_it_or_no_other_one_is_written(
    spent: int, reserved: int, most: int, verdict: BudgetVerdict
) -> None:
    balance = Balance(Spent(spent), Spent(reserved))
    assert decide([budget(100)], [balance], Spent(most)).verdict is verdict


@pytest.mark.parametrize(
    ("spent", "own", "reserved", "most", "verdict"),
    [
        (150, 51, 0, 500, BudgetVerdict.ALLOWED),
        (150, 50, 0, 1, BudgetVerdict.REFUSED),
        (150, 50, 40, 1, BudgetVerdict.REFUSED),
        (150, 51, 40, 1, BudgetVerdict.WAIT),
        (50, 50, 40, 11, BudgetVerdict.WAIT),
        (50, 50, 40, 10, BudgetVerdict.ALLOWED),
    ],
)
def test_an_answer_that_people_see_goes_on_until_the_others_have_reached_the_limit(
    spent: int, own: int, reserved: int, most: int, verdict: BudgetVerdict
) -> None:
    balance = Balance(Spent(spent), Spent(reserved))
    assert decide([budget(100)], [balance], Spent(most), own=Spent(own)).verdict is verdict


@pytest.mark.parametrize(
    ("spent", "allowed", "lifts", "percent"),
    [
        (0, 3, 0, 0),
        (2, 3, 0, 66),
        (999, 1_000, 0, 99),
        (1_000, 1_000, 0, 100),
        (1_500, 1_000, 1, 75),
        (0, 0, 0, 100),
    ],
)
def test_a_share_is_100_percent_only_once_the_limit_is_reached(
    spent: int, allowed: int, lifts: int, percent: int
) -> None:
    limit = budget(allowed)
    balance = Balance(Spent(spent), lifts=lifted(limit, lifts))
    assert limit.percent(balance) == percent
    assert (percent >= 100) is limit.is_reached(balance)


def lifted(limit: Budget, times: int = 1) -> tuple[tuple[str, int], ...]:
    return ((str(limit.limit), times),)


def test_one_limit_that_is_reached_refuses_whatever_the_others_say() -> None:
    waits, reached, free = budget(100), budget(10, BudgetUnit.TOKENS), budget(1_000)
    balances = [Balance(Spent(50), Spent(60)), Balance(Spent(0, 10)), Balance()]
    decision = decide([waits, reached, free], balances, Spent(10, 10))
    assert (decision.verdict, decision.budget) == (BudgetVerdict.REFUSED, reached)
    assert decide([waits, free], [balances[0], balances[2]], Spent(10)).budget is waits


def test_a_lift_allows_the_limit_once_more() -> None:
    balance = Balance(Spent(150, 150), lifts=lifted(budget(100)))
    for other in (budget(101), budget(100, BudgetUnit.TOKENS)):
        assert decide([other], [balance], Spent(10)).verdict is BudgetVerdict.REFUSED, "another limit"
    assert decide([budget(100)], [balance], Spent(10)).verdict is BudgetVerdict.ALLOWED
    assert (
        decide([budget(100)], [replace(balance, spent=Spent(200))], Spent(10)).verdict is BudgetVerdict.REFUSED
    )
    assert decide([budget(0)], [Balance(lifts=lifted(budget(0), 5))], Spent(1)).verdict is BudgetVerdict.REFUSED


@pytest.mark.parametrize(("spent", "is_near"), [(79, False), (80, True), (150, True)])
def test_from_80_percent_on_a_limit_is_near(spent: int, is_near: bool) -> None:
    assert bool(near([budget(100)], [Balance(Spent(spent))])) is is_near
    assert bool(near([budget(100)], [Balance(Spent(2 * spent), lifts=lifted(budget(100)))])) is is_near


ANSWERS = st.lists(
    st.integers(1, 60).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most))), max_size=60
)


@given(ANSWERS, st.integers(0, 300), st.randoms(use_true_random=False))
def test_however_many_answer_at_once_a_limit_is_passed_by_at_most_one_answer_and_nothing_is_refused_before(
    answers: list[tuple[int, int]], limit: int, random: Any
) -> None:
    waiting, running, spent = list(answers), list[tuple[int, int]](), 0
    while waiting or running:
        held = sum(most for most, _ in running)
        if waiting and random.random() < 0.7:
            most, cost = waiting.pop(random.randrange(len(waiting)))
            verdict = decide([budget(limit)], [Balance(Spent(spent), Spent(held))], Spent(most)).verdict
            if verdict is BudgetVerdict.ALLOWED:
                running.append((most, cost))
            elif verdict is BudgetVerdict.WAIT:
                assert running, "nobody waits for nothing"
                waiting.append((most, cost))
            else:
                assert spent >= limit
        elif running:
            spent += running.pop(random.randrange(len(running)))[1]
    longest = max((cost for _, cost in answers), default=0)
    assert spent < limit + longest or not spent


PART = st.integers(1, 60).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most)))


@given(
    st.lists(st.lists(PART, min_size=1, max_size=4), max_size=20),
    st.integers(1, 300),
    st.randoms(use_true_random=False),
)
def test_of_answers_that_go_on_with_other_requests_all_but_one_stay_within_the_limit(
    answers: list[list[tuple[int, int]]], limit: int, random: Any
) -> None:
    spent, running = [0] * len(answers), dict[int, tuple[int, int]]()
    left = {number: list(parts) for number, parts in enumerate(answers)}
    while left or running:
        waiting = [number for number in left if number not in running]
        if waiting and random.random() < 0.7:
            number = random.choice(waiting)
            most, _ = left[number][0]
            own = Spent(spent[number]) if len(left[number]) < len(answers[number]) else None
            balance = Balance(Spent(sum(spent)), Spent(sum(one for one, _ in running.values())))
            verdict = decide([budget(limit)], [balance], Spent(most), own=own).verdict
            if verdict is BudgetVerdict.ALLOWED:
                running[number] = left[number].pop(0)
            elif verdict is BudgetVerdict.WAIT:
                assert running, "nobody waits for nothing"
            else:
                assert sum(spent) - (own.micros if own else 0) >= limit
                del left[number]
        elif running:
            number = random.choice(list(running))
            spent[number] += running.pop(number)[1]
            if not left[number]:
                del left[number]
    assert sum(spent) - max(spent, default=0) <= limit


def test_the_most_that_an_answer_may_spend_is_bounded_by_its_words_and_the_window() -> None:
    dear = Prices(input=Decimal(2), output=Decimal(10), reasoning=Decimal(20), picture=Decimal(1_000))
    model, day = ModelInfo("m", 1_000, (dear,)), NOON.date()
    assert most_spent(model, AnswerBound(300, max_tokens=50), day) == Spent(300 * 2 + 50 * 20, 350)
    assert most_spent(model, AnswerBound(300), day) == Spent(300 * 2 + 1_000 * 20, 1_300)
    assert most_spent(model, AnswerBound(300, pictures=2), day) == Spent(22_000 + 2_000, 2_000)
    assert most_spent(model, AnswerBound(9_000, 0, 9_000, 3), day) == Spent(3_000 * 22, 6_000)
    assert most_spent(ModelInfo("m", 1_000), AnswerBound(300, max_tokens=50), day) == Spent(0, 350)
    others = AnswerBound(300, max_tokens=50, others=Spent(7, 8))
    assert most_spent(model, others, day) == Spent(300 * 2 + 50 * 20 + 7, 350 + 8)
    assert others.last_round.others == Spent()


def test_each_description_of_a_picture_is_bounded_by_the_window_of_the_dearest_model() -> None:
    cheap = ModelInfo("cheap", 9_000, (Prices(input=Decimal(1), output=Decimal(1)),))
    dear = ModelInfo("dear", 1_000, (Prices(input=Decimal(100), output=Decimal(200)),))
    assert most_described([cheap, dear], 3, 50, NOON.date()) == Spent(3 * 110_000, 3 * 9_050)
    assert most_described([], 3, 50, NOON.date()) == Spent()


def test_a_transcript_is_bounded_by_an_hour_or_by_the_bytes_of_its_sound() -> None:
    day = date(2027, 1, 2)
    minutes = ModelInfo("ears", prices=(Prices(minute=Decimal("0.006")),))
    tokens = ModelInfo("others", prices=(Prices(input=Decimal(6), output=Decimal(10)),))
    hour = Spent(360_000, 42 * 3_600)
    assert most_transcribed([52], [minutes], day) == hour
    assert most_transcribed([750 * 7_200, 52], [minutes], day) == Spent(3 * 360_000, 3 * 42 * 3_600)
    assert most_transcribed([52], [minutes, tokens], day).micros == 3_600 * (32 * 6 + 10 * 10)
    assert most_transcribed([0], [minutes], day).micros > 9 * 360_000, "the size is not known"
    assert most_transcribed([52], [ModelInfo("unpriced")], day) == Spent(0, 42 * 3_600)
    assert most_transcribed([52], [], day) == Spent()


def test_a_cost_is_known_where_both_prices_are() -> None:
    known = Prices(date(2026, 3, 1), Decimal(0), output=Decimal(1))
    assert ModelInfo("m", prices=(known,)).is_priced(NOON.date())
    assert not ModelInfo("m", prices=(known,)).is_priced(date(2026, 2, 28))
    assert not ModelInfo("m", prices=(replace(known, input=None),)).is_priced(NOON.date())


def test_an_answer_is_counted_when_it_was_asked_for() -> None:
    later = NOON + timedelta(hours=1)
    turn = Turn(1, Ask("m1", PLACE, Person("U1"), "why?", NOON))
    assert charged_at(turn, later) == NOON
    assert charged_at(replace(turn, again_of=7), later) == later


def test_an_account_counts_its_own_payers_in_its_own_time() -> None:
    mine = BudgetAccount(Payer("slack", "T1", ANY, ANY), LimitPeriod.DAY, NOON, NOON + timedelta(days=1))
    payer = payer_of(PLACE, "U1")
    assert mine.counts(payer, NOON)
    assert not mine.counts(payer, mine.until)
    assert not mine.counts(replace(payer, team="T2"), NOON)
    assert not replace(mine, payer=Payer("slack", "", ANY, ANY)).counts(payer, NOON)
