"""A fortnight of made-up use: every figure of its reports against sums that are made here, from the same questions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random
from zoneinfo import ZoneInfo

from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.settings.environment import CoreSettings
from core.spend.periods import PeriodName, period_at
from core.spend.report import Report, nearest_rank
from core.spend.usage_report import StoredUsage
from core.values.conversation import Ask, TurnState
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.report import OpenKind
from core.values.turn_ends import Finish
from tests.contract.stored import accepted
from tests.fakes.clock import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 10, 12, tzinfo=BERLIN)
"""A Monday. In the second week the clock is set back: its Sunday has 25 hours."""
TEAM = Place("slack", "T1", "")
QUESTIONS, PEOPLE = 150, 6
STATES = [TurnState.DONE] * 8 + [TurnState.FAILED, TurnState.STOPPED]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and all that became of it."""

    at: datetime
    place: Place
    person: int
    state: TurnState
    model: str
    tokens: int
    cost_micros: int | None
    first_word_ms: int
    opinion: int

    @property
    def counted(self) -> bool:
        return self.state is not TurnState.STOPPED


def made_up(random: Random) -> list[Asked]:
    minutes = sorted(random.randrange(15 * 1440) for _ in range(QUESTIONS))
    return [
        Asked(
            at=SINCE.astimezone(UTC) + timedelta(minutes=minute),
            place=replace(TEAM, channel=f"C{random.randrange(3)}", thread=f"t{random.randrange(4)}"),
            person=random.randrange(PEOPLE),
            state=random.choice(STATES),
            model=random.choice(("large", "small")),
            tokens=random.randrange(1, 5_000),
            cost_micros=random.choice((None, random.randrange(90_000))),
            first_word_ms=random.randrange(1, 99) * 100,
            opinion=random.choice((0, 0, 1, -1)),
        )
        for minute in minutes
    ]


async def store_all(store: Store, asked: Sequence[Asked], clock: FakeClock) -> None:
    for number, one in enumerate(asked):
        await clock.sleep((one.at - clock.now()).total_seconds())
        asker = Person(f"U{one.person}", f"Person {one.person}")
        turn = await accepted(store, Ask(f"m{number}", one.place, asker, f"question {number}", clock.now()))
        usage = Usage(one.tokens, 1, cost_micros=one.cost_micros)
        error = "cut" if one.state is TurnState.FAILED else ""
        ended = Finish(turn, one.state, "an answer", model=one.model, usage=usage, error=error)
        await store.finish(replace(ended, first_word_s=one.first_word_ms / 1000))
        if one.opinion:
            await store.rate(turn.id, Feedback(f"U{one.person}", one.opinion, "", one.at))


def check(report: Report, asked: Sequence[Asked]) -> None:
    """Every figure of a report of the whole team."""
    figures, period = report.figures, report.period
    used = [one for one in asked if period.since <= one.at < period.until]
    counted = [one for one in used if one.counted]
    now = figures.now
    assert now.questions == len(counted) > 0
    assert now.people == len({one.person for one in counted})
    assert (now.prompt_tokens, now.completion_tokens) == (sum(one.tokens for one in used), len(used))
    assert now.cost_micros == sum(one.cost_micros or 0 for one in used)
    assert now.unpriced == sum(one.cost_micros is None for one in used)
    assert now.errors == sum(one.state is TurnState.FAILED for one in used)
    length = period.until - period.since
    before = [one for one in asked if period.previous.since <= one.at < period.since]
    assert figures.before.questions == sum(one.counted for one in before)
    assert figures.before.cost_micros == sum(one.cost_micros or 0 for one in before)
    days = Counter(one.at.astimezone(BERLIN).date() for one in counted)
    assert [bar.questions for bar in report.bars] == [
        days[period.first_day + timedelta(days=number)] for number in range(ceil(length / timedelta(days=1.1)))
    ]
    assert sum(bar.cost_micros or 0 for bar in report.bars) == now.cost_micros
    by_model, by_channel, by_thread = Counter[str](), Counter[str](), Counter[str]()
    costs: defaultdict[str, int] = defaultdict(int)
    for one in used:
        by_model[one.model] += one.counted
        by_channel[one.place.channel] += one.counted
        by_thread[one.place.key] += one.counted
        costs[one.model] += one.cost_micros or 0
        costs[one.place.channel] += one.cost_micros or 0
    models = {one.model: one.totals for one in figures.models}
    channels = {one.place.channel: one.totals for one in figures.channels}
    assert {model: totals.questions for model, totals in models.items()} == by_model
    assert {channel: totals.questions for channel, totals in channels.items()} == by_channel
    assert {name: totals.cost_micros for name, totals in (models | channels).items()} == costs
    assert [one.questions for one in figures.threads] == sorted(by_thread.values(), reverse=True)[:5]
    assert all(by_thread[one.place.key] == one.questions for one in figures.threads)
    words = sorted(one.first_word_ms for one in used)
    for percent in (50, 95):
        assert nearest_rank(figures.first_words, percent) == words[ceil(len(words) * percent / 100) - 1]
    assert figures.helpful == sum(one.opinion > 0 for one in used)
    assert figures.unhelpful == sum(one.opinion < 0 for one in used)
    assert sum(one.questions for one in figures.errors) == now.errors
    assert figures.open_counts == {
        OpenKind.FAILED: now.errors,
        OpenKind.STOPPED: len(used) - len(counted),
        OpenKind.UNHELPFUL: figures.unhelpful,
    }


async def test_every_figure_of_a_fortnight_is_the_sum_of_its_questions(store: Store) -> None:
    clock, asked = FakeClock(SINCE.astimezone(UTC), jumps=True), made_up(Random(7))
    await store.change(TEAM, {"report_names": "on"}, Person("U1"), SINCE)
    await store_all(store, asked, clock)
    usage = StoredUsage(store, CoreSettings(_env_file=None), BERLIN, lambda place: None)
    weeks = [period_at(PeriodName.WEEK, SINCE + timedelta(days=days), BERLIN) for days in (0, 7)]
    reports = [await usage.read(week, TEAM) for week in weeks]
    for report in reports:
        check(report, asked)
    assert reports[1].figures.before.questions == reports[0].figures.now.questions
    assert weeks[1].until - weeks[1].since == timedelta(days=7, hours=1)
    await store.forget_person("slack", "T1", "U0", SINCE + timedelta(days=20))
    after = await usage.read(weeks[1], TEAM)
    opinions = [replace(one, opinion=0) if one.person == 0 else one for one in asked]
    check(after, opinions)
    assert "Person 0" not in str(after)
    assert "Person 0" in str(reports[1])
