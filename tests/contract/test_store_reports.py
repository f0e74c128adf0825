"""The figures of usage reports on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SystemClock
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.spend.periods import Period, PeriodName, period_at
from core.spend.prices import total
from core.values.conversation import Ask, TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.operation import CountName, ModelLatency, OperationCount, OperationFigures
from core.values.places import Person, Place
from core.values.report import (
    Bar,
    ChannelUse,
    ErrorUse,
    FeedbackReason,
    ModelUse,
    OpenKind,
    OpenQuestion,
    PersonUse,
    ReportFigures,
    ThreadUse,
)
from core.values.tasks import ANSWER
from core.values.turn_ends import Finish
from core.values.usage import Charge, RatedAnswer, UsageField, UsageGroup, UsageTotals
from storage import DatabaseSettings, open_store
from tests.contract.stored import ANN, ASKED, BEN, ELSEWHERE, NOON, PLACE, accepted, ask
from tests.fakes.memory import MemoryStore

DAY = period_at(PeriodName.DAY, NOON, UTC)
TEAM = Place("slack", "T1", "")
DIRECT = Place("slack", "T1", "D1", "", direct=True)


async def figures(store: Store, period: Period = DAY, scope: Place | None = TEAM) -> ReportFigures:
    before = period.previous
    return await store.report_figures(period.bars, (before.since, before.until), scope)


async def spend(
    store: Store,
    question: Ask,
    usage: Usage | None = None,
    state: TurnState = TurnState.DONE,
    model: str = "m",
    error: str = "",
    first_word_s: float | None = None,
) -> int:
    turn = await accepted(store, question)
    ended = Finish(turn, state, "an answer", model=model, usage=usage, error=error, first_word_s=first_word_s)
    await store.finish(ended)
    return turn.id


async def allow_names(store: Store, team: str = "T1") -> None:
    await store.change(Place("slack", team, ""), {"report_names": "on"}, ANN, NOON)


class TestReports:
    async def test_a_day_without_use_has_a_bar_for_each_hour(self, store: Store) -> None:
        found = await figures(store)
        assert found == ReportFigures(bars=found.bars)
        assert [bar.since.hour for bar in found.bars] == list(range(24))

    async def test_use_is_counted_by_hour_model_channel_person_and_thread(self, store: Store) -> None:
        await allow_names(store)
        cost = Usage(100, 10, cost_micros=5)
        await spend(store, ask("m5", after_s=-86_400), cost)
        await spend(store, ask("m1"), cost, first_word_s=0.104)
        await spend(store, ask("m2", by=BEN, after_s=3600), Usage(7, 7), model="n", first_word_s=1.26)
        await spend(store, ask("m3", place=ELSEWHERE), cost, first_word_s=0.096)
        await spend(store, ask("m4", place=DIRECT), replace(cost, cost_micros=1))
        await spend(store, ask("m6", place=replace(PLACE, team="T2")), cost)
        found = await figures(store)
        assert found.now == UsageTotals(4, 2, 307, 37, 11, unpriced=1)
        assert found.before == UsageTotals(1, 0, 100, 10, 5)
        noon = NOON.replace(minute=0, second=0, microsecond=0)
        hour = timedelta(hours=1)
        assert [bar for bar in found.bars if bar.questions] == [
            Bar(noon, noon + hour, 3, 11),
            Bar(noon + hour, noon + 2 * hour, 1, None),
        ]
        assert found.models == (
            ModelUse("m", UsageTotals(3, 0, 300, 30, 11)),
            ModelUse("n", UsageTotals(1, 0, 7, 7, unpriced=1)),
        )
        assert found.channels == (
            ChannelUse(Place("slack", "T1", "C1"), UsageTotals(3, 0, 207, 27, 10, unpriced=1)),
            ChannelUse(DIRECT, UsageTotals(1, 0, 100, 10, 1)),
        )
        assert found.people == (PersonUse("Ann", 3), PersonUse("Ben", 1))
        assert found.first_words == ((96, 1), (100, 1), (1300, 1))
        assert found.threads == (ThreadUse(PLACE, 2, "m2", "why?"), ThreadUse(ELSEWHERE, 1, "m3", "why?"))
        assert (await figures(store, scope=replace(PLACE, thread=""))).now.questions == 3
        assert (await figures(store, scope=None)).now.questions == 5

    async def test_what_a_workspaces_own_account_spends_is_in_its_own_reports_alone(self, store: Store) -> None:
        """The operator does not pay it, and its unknown costs are none of theirs."""
        tried = Charge(ChargeKind.ANSWER, "dear", Usage(50, 1, cost_micros=70))
        answer = Charge(ChargeKind.ANSWER, "m", Usage(100, 10, cost_micros=900))
        own = [Usage(7, 7), Usage(150, 11, cost_micros=970), Usage(1, 1, cost_micros=3, partly_priced=True)]
        for number, usage in enumerate(own):
            turn = await accepted(store, ask(f"m{number}", after_s=number))
            charges = (tried, answer) if number == 1 else ()
            ended = Finish(
                turn, TurnState.DONE, "so", model="m", usage=usage, charges=charges, own_account=True
            )
            await store.finish(ended)
        await spend(store, ask("m8", place=replace(PLACE, team="T2")), Usage(20, 2, cost_micros=5))
        until = NOON + timedelta(days=1)
        for period in (DAY, period_at(PeriodName.DAY, NOON, ZoneInfo("Asia/Kathmandu"))):
            theirs, everybody = await figures(store, period), await figures(store, period, scope=None)
            assert theirs.now == UsageTotals(3, 1, 158, 19, 973, unpriced=2), "of its admins"
            assert everybody.now == UsageTotals(4, 1, 178, 21, 5), "of the operator"
            assert [(one.model, one.totals.cost_micros) for one in theirs.models] == [("m", 903), ("dear", 70)]
            assert [(one.model, one.totals.cost_micros) for one in everybody.models] == [("m", 5), ("dear", 0)]
            assert [(one.place.team, one.totals.cost_micros) for one in everybody.channels] == [
                ("T2", 5),
                ("T1", 0),
            ]
            assert not any(one.totals.unpriced for one in everybody.models)
            assert not any(one.totals.unpriced for one in everybody.channels)
            assert sum(bar.cost_micros or 0 for bar in everybody.bars) == 5
        for by, costs in (((), [5]), ((UsageField.MODEL,), [0, 5]), ((UsageField.CHANNEL,), [0, 5])):
            groups = await store.usage_groups(NOON, until, by)
            assert [(one.cost_micros, one.unpriced) for one in groups] == [(cost, 0) for cost in costs]
            assert sum(one.cost_micros for one in await store.usage_groups(NOON, until, by, TEAM)) == 973
        assert (await store.usage_totals(NOON, until, None, ANN.id)).cost_micros == 5
        assert (await store.operation_figures(DAY.since, DAY.until)).totals.cost_micros == 5
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
        assert (await figures(store)).now.cost_micros == 973
        assert (await figures(store, scope=None)).now.cost_micros == 5

    async def test_each_charge_counts_under_its_own_model(self, store: Store) -> None:
        sound = Charge(ChargeKind.TRANSCRIPTION, "whisper-1", Usage(sound_s=60, cost_micros=60_000))
        tried = Charge(ChargeKind.ANSWER, "dear", Usage(50, 1, estimated=True))
        seen = Charge(ChargeKind.DESCRIPTION, "dear", Usage(5, 1))
        own = Charge(ChargeKind.ANSWER, "m", Usage(100, 10, cost_micros=5))
        for number, charges in enumerate(((sound, tried, seen, own), (sound,), ())):
            turn = await accepted(store, ask(f"m{number}", after_s=number))
            usage = total(one.usage for one in charges) if charges else own.usage
            state = TurnState.FAILED if number == 1 else TurnState.DONE
            await store.finish(Finish(turn, state, "so", model="m", usage=usage, charges=charges))
        models = (
            ModelUse("whisper-1", UsageTotals(cost_micros=120_000)),
            ModelUse("m", UsageTotals(3, 0, 200, 20, 10, errors=1)),
            ModelUse("dear", UsageTotals(0, 0, 55, 2, unpriced=1)),
        )
        for period in (DAY, period_at(PeriodName.DAY, NOON, ZoneInfo("Asia/Kathmandu"))):
            found = await figures(store, period)
            assert found.models == models, "of stored sums, and of the answers of a part of a day"
            assert [one.totals for one in found.channels] == [replace(found.now, people=0)]
        groups = await store.usage_groups(NOON, NOON + timedelta(days=1), (UsageField.MODEL,))
        assert [
            (one.model, one.answers, one.prompt_tokens, one.cost_micros, one.unpriced) for one in groups
        ] == [
            ("dear", 0, 55, 0, 1),
            ("m", 3, 200, 10, 0),
            ("whisper-1", 0, 0, 120_000, 0),
        ]
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
        assert (await figures(store)).models == models

    async def test_people_are_named_for_what_they_ask_in_workspaces_that_allow_it(self, store: Store) -> None:
        await spend(store, ask("m1"))
        assert (await figures(store)).people == ()
        await allow_names(store)
        await spend(store, ask("m2", by=BEN, place=replace(PLACE, team="T2")))
        await spend(store, ask("m3", place=replace(PLACE, team="T2")))
        await spend(store, ask("m4", by=BEN, place=replace(PLACE, platform="discord")))
        assert (await figures(store, scope=None)).people == (PersonUse("Ann", 1),)
        await allow_names(store, "T2")
        assert (await figures(store, scope=None)).people == (PersonUse("Ann", 2), PersonUse("Ben", 1))

    async def test_reasons_of_answers_that_were_not_helpful_come_first(self, store: Store) -> None:
        turn = await spend(store, ask("m1"))
        for minute, (by, value) in enumerate((("U1", -1), ("U2", 1), ("U3", -1), ("U4", 1), ("U5", 1))):
            at = NOON + timedelta(minutes=minute)
            await store.rate(turn, Feedback(by, value, f"by {by}", at))
        assert [one.text for one in (await figures(store)).reasons] == ["by U3", "by U1", "by U5"]

    async def test_errors_and_questions_that_were_left_open(self, store: Store) -> None:
        await spend(store, ask("m1", "stop"), state=TurnState.STOPPED)
        await spend(store, ask("m2", "no key", 1), None, TurnState.FAILED, error="bad_key")
        again = await spend(store, ask("m3", "busy", 2), None, TurnState.FAILED, error="busy")
        await spend(store, ask("m4", "in private", 3, DIRECT), None, TurnState.FAILED, error="busy")
        bad = await spend(store, ask("m5", "wrong", 4))
        asking = await accepted(store, ask("m6", "may I?", 5))
        await store.finish(Finish(asking, TurnState.ASKING, asked=(0, ASKED)))
        retried = await store.retry_turn(again, ANSWER)
        assert retried is not None
        await store.finish(Finish(retried, TurnState.DONE, "an answer"))
        await store.rate(bad, Feedback(BEN.id, -1, "made up", NOON + timedelta(hours=1)))
        await store.rate(bad, Feedback(ANN.id, 1, "", NOON + timedelta(hours=2)))
        await store.rate(bad, Feedback("U9", 1, "late", NOON + timedelta(days=1)))
        found = await figures(store)
        assert found.errors == (ErrorUse("busy", 2), ErrorUse("bad_key", 1))
        assert (found.helpful, found.unhelpful) == (1, 1)
        assert found.reasons == (FeedbackReason(False, "made up", PLACE, "m5"),)
        assert found.open_counts == {
            OpenKind.STOPPED: 1,
            OpenKind.FAILED: 2,
            OpenKind.UNHELPFUL: 1,
            OpenKind.ASKING: 1,
        }
        assert [(one.kind, one.message_id) for one in found.open] == [
            (OpenKind.ASKING, "m6"),
            (OpenKind.UNHELPFUL, "m5"),
            (OpenKind.FAILED, "m2"),
            (OpenKind.STOPPED, "m1"),
        ]
        assert found.open[2] == OpenQuestion(
            OpenKind.FAILED, PLACE, "m2", "no key", NOON + timedelta(seconds=1)
        )

    async def test_forgetting_a_person_takes_their_name_and_not_the_sums(self, store: Store) -> None:
        await allow_names(store)
        for number in range(3):
            await spend(store, ask(f"m{number}", after_s=number), Usage(10, 1, cost_micros=2), first_word_s=1)
        await spend(store, ask("m9", by=BEN, place=ELSEWHERE), Usage(10, 1, cost_micros=2))
        before = await figures(store)
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
        after = await figures(store)
        assert after.people == (PersonUse("Ben", 1),)
        assert replace(after, people=before.people, threads=before.threads) == before
        assert [thread.title for thread in after.threads] == ["", "why?"]
        until = NOON + timedelta(days=1)
        assert await store.usage_totals(DAY.since, until, TEAM, ANN.id) == UsageTotals()
        await spend(store, ask("m10", after_s=7_200), Usage(1, 1, cost_micros=1))
        assert (await store.usage_totals(DAY.since, until, TEAM, ANN.id)).questions == 1

    async def test_answers_that_end_at_once_are_all_counted_also_while_a_person_is_forgotten(
        self, store: Store
    ) -> None:
        await allow_names(store)
        turns = [
            await accepted(store, ask(f"m{n}", place=replace(PLACE, thread=f"{n % 3}"), by=Person(f"U{n % 4}")))
            for n in range(24)
        ]
        ended = (Finish(turn, TurnState.DONE, "an answer", model=f"m{turn.id % 2}") for turn in turns)
        forgetting = store.forget_person("slack", "T1", "U0", NOON - timedelta(hours=1))
        await asyncio.gather(*map(store.finish, ended), forgetting)
        found = await figures(store)
        assert found.now.questions == 24
        assert sum(one.totals.questions for one in found.models) == 24
        assert [(one.name, one.questions) for one in found.people] == [("U1", 6), ("U2", 6), ("U3", 6)]

    async def test_use_is_that_of_the_person_who_had_the_answer_begin(self, store: Store) -> None:
        await allow_names(store)
        first = await spend(store, ask("m1"), Usage(10, 1))
        again = await store.retry_turn(first, ANSWER, BEN)
        assert again is not None
        await store.finish(Finish(await store.begin(again.id), TurnState.DONE, "so", usage=Usage(7, 1)))
        now = SystemClock().now()
        until = now + timedelta(hours=1)
        assert (await store.usage_totals(NOON, until, TEAM, ANN.id)).prompt_tokens == 10
        assert (await store.usage_totals(NOON, until, TEAM, BEN.id)).prompt_tokens == 7
        assert (await figures(store, period_at(PeriodName.DAY, now, UTC))).people == (PersonUse("Ben", 1),)
        people = await store.usage_groups(NOON, until, (UsageField.PERSON,), names=True)
        assert [(one.person, one.name) for one in people] == [("U1", "Ann"), ("U2", "Ben")]

    @pytest.mark.parametrize("running", [True, False])
    async def test_who_had_an_answer_begin_is_forgotten_and_its_use_is_nobodys(
        self, store: Store, running: bool
    ) -> None:
        await allow_names(store)
        first = await spend(store, ask("m1"), Usage(10, 1))
        again = await store.retry_turn(first, ANSWER, BEN)
        assert again is not None
        end = Finish(await store.begin(again.id), TurnState.DONE, "so", usage=Usage(7, 1))
        if not running:
            await store.finish(end)
        assert await store.forget_person("slack", "T1", BEN.id, SystemClock().now()) == 0
        if running:
            assert await store.finish(end), "the question and its answer are another's"
        kept = await store.turn(again.id)
        assert kept is not None
        assert (kept.ask.author, kept.payer.name) == (ANN, "")
        now = SystemClock().now()
        until = now + timedelta(hours=1)
        assert (await store.usage_totals(NOON, until, TEAM, BEN.id)).questions == 0
        assert (await store.usage_totals(NOON, until, TEAM)).prompt_tokens == 17
        found = await figures(store, period_at(PeriodName.DAY, now, UTC))
        assert (found.people, found.now.people) == ((), 1)

    async def test_an_answer_whose_asker_was_forgotten_is_counted_once_under_a_random_name(
        self, store: Store
    ) -> None:
        await allow_names(store)
        turn = await accepted(store, ask())
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
        for _ in range(2):
            await store.finish(Finish(turn, TurnState.DONE, "an answer", usage=Usage(10, 1, cost_micros=2)))
        found = await figures(store)
        assert (found.now, found.people) == (UsageTotals(1, 1, 10, 1, 2), ())


@dataclass(frozen=True, slots=True)
class MadeUpUse:
    """One question, `minutes` after the beginning of the data."""

    minutes: int
    channel: int
    thread: int
    person: int
    model: str
    state: TurnState
    usage: Usage | None
    first_word_ms: int | None
    opinion: int
    again: bool
    own: bool


SINCE = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 40
ZONES = ("UTC", "Asia/Kathmandu", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia")
TEAMS = count(1)
usages = st.none() | st.builds(
    Usage,
    prompt_tokens=st.integers(0, 50),
    completion_tokens=st.integers(0, 50),
    cost_micros=st.none() | st.integers(0, 9),
    cached_tokens=st.integers(0, 9),
    partly_priced=st.booleans(),
)
use = st.builds(
    MadeUpUse,
    minutes=st.integers(0, DAYS * 1440),
    channel=st.integers(0, 2),
    thread=st.integers(0, 2),
    person=st.integers(0, 3),
    model=st.sampled_from(("m", "n", "")),
    state=st.sampled_from((TurnState.DONE, TurnState.DONE, TurnState.FAILED, TurnState.STOPPED)),
    usage=usages,
    first_word_ms=st.none() | st.integers(0, 5_000),
    opinion=st.sampled_from((0, 0, 1, -1)),
    again=st.booleans(),
    own=st.booleans(),
)


async def fill(store: Store, team: str, uses: Sequence[MadeUpUse]) -> None:
    """Channel 2 is a direct conversation."""
    for number, one in enumerate(uses):
        place = Place("slack", team, f"C{one.channel}", f"t{one.thread}", direct=one.channel == 2)
        at = SINCE + timedelta(minutes=one.minutes)
        asker = Person(f"U{one.person}", f"Name {one.person}")
        turn = await accepted(store, Ask(f"m{number}", place, asker, f"q{number}", at))
        first_word_s = None if one.first_word_ms is None else one.first_word_ms / 1000
        error = "cut" if one.state is TurnState.FAILED else ""
        ended = Finish(turn, one.state, "a", model=one.model, usage=one.usage, error=error)
        await store.finish(replace(ended, first_word_s=first_word_s, own_account=one.own))
        if one.opinion:
            reason = f"because of {number}" if one.person else ""
            await store.rate(turn.id, Feedback(f"U{one.person}", one.opinion, reason, at + timedelta(hours=9)))
        if one.again and (retried := await store.retry_turn(turn.id, ANSWER)):
            await store.finish(Finish(retried, TurnState.DONE, "b", model=one.model, usage=one.usage))


def test_every_figure_is_the_sum_over_the_answers_in_any_zone(database_url: str, sqlite_schema: Path) -> None:
    """The store in memory goes through all answers again for each figure."""

    @settings(max_examples=12)
    @given(
        uses=st.lists(use, max_size=8),
        zone=st.sampled_from(ZONES),
        name=st.sampled_from(PeriodName),
        day=st.integers(0, DAYS),
        forgotten=st.integers(0, 5),
    )
    def compare(uses: list[MadeUpUse], zone: str, name: PeriodName, day: int, forgotten: int) -> None:
        runner.run(compared(uses, period_at(name, SINCE + timedelta(days=day), ZoneInfo(zone)), forgotten))

    async def compared(uses: list[MadeUpUse], period: Period, forgotten: int) -> None:
        stored, memory, team = await opening, MemoryStore(), f"T{next(TEAMS)}"
        for store in (stored, memory):
            await fill(store, team, uses)
            await store.forget_person("slack", team, f"U{forgotten}", SINCE + timedelta(days=DAYS + 1))
        for scope in (Place("slack", team, ""), Place("slack", team, "C1")):
            assert await figures(stored, period, scope) == await figures(memory, period, scope)
            for person in ("", "U1"):
                totals = [
                    await store.usage_totals(period.since, period.until, scope, person)
                    for store in (stored, memory)
                ]
                assert totals[0] == totals[1]

    with asyncio.Runner() as runner:
        opening = runner.get_loop().create_task(
            open_store(DatabaseSettings(database_url=database_url), SystemClock())
        )
        try:
            compare()
        finally:
            with suppress(Exception):
                runner.run(opening.result().close())


class TestExports:
    async def test_usage_is_grouped_by_any_fields(self, store: Store) -> None:
        cost = Usage(100, 10, 5, cost_micros=5, cached_tokens=50)
        await spend(store, ask("m1"), cost)
        await spend(store, ask("m2", by=BEN), Usage(7, 7), state=TurnState.FAILED, model="n")
        await spend(store, ask("m3", place=DIRECT), cost)
        await spend(store, ask("m4", after_s=86_400), cost, state=TurnState.STOPPED)
        until = NOON + timedelta(days=2)
        (whole,) = await store.usage_groups(NOON, until, ())
        assert whole == UsageGroup("", "", "", "", "", "", "", 4, 3, 1, 307, 150, 37, 15, 15, 1)
        models = await store.usage_groups(NOON, until, (UsageField.MODEL,))
        assert [(one.model, one.answers) for one in models] == [("m", 3), ("n", 1)]
        days = await store.usage_groups(NOON, until, (UsageField.DAY, UsageField.CHANNEL), TEAM)
        assert [(one.day, one.channel, one.answers) for one in days] == [
            ("2026-03-01", "C1", 2),
            ("2026-03-01", "direct", 1),
            ("2026-03-02", "C1", 1),
        ]
        people = await store.usage_groups(NOON, until, (UsageField.PERSON,), names=True)
        assert [(one.team, one.person, one.name, one.answers) for one in people] == [
            ("T1", "U1", "Ann", 3),
            ("T1", "U2", "Ben", 1),
        ]
        mine = await store.usage_groups(NOON, until, (UsageField.PERSON,), TEAM, BEN.id)
        assert [(one.person, one.name) for one in mine] == [("U2", "")]
        assert await store.usage_groups(until, until + timedelta(days=1), ()) == []

    @pytest.mark.parametrize("name", ["Asia/Kathmandu", "America/Santiago", "Europe/Berlin"])
    async def test_days_are_those_of_a_time_zone_also_where_its_clock_changes(
        self, store: Store, name: str
    ) -> None:
        zone = ZoneInfo(name)
        for number, hours in enumerate(range(0, 24 * 60, 5)):
            await spend(store, ask(f"m{number}", place=DIRECT, after_s=3600 * hours))
        since, until = NOON - timedelta(days=3), NOON + timedelta(days=70)
        groups = await store.usage_groups(since, until, (UsageField.DAY,), zone=zone)
        found, day = {one.day: one.answers for one in groups}, period_at(PeriodName.DAY, since, zone)
        for _ in range(70):
            questions = (await store.usage_totals(day.since, day.until)).questions
            assert found.get(day.first_day.isoformat(), 0) == questions, day
            day = day.next

    async def test_the_opinions_of_a_period(self, store: Store) -> None:
        turn_id = await spend(store, ask("m1"))
        late, early = NOON + timedelta(hours=2), NOON + timedelta(hours=1)
        await store.rate(turn_id, Feedback(ANN.id, -1, "made up", late))
        await store.rate(turn_id, Feedback(BEN.id, 1, "", early))
        assert await store.rated_answers(NOON, NOON + timedelta(days=1)) == [
            RatedAnswer(PLACE, "m1", "m", "U2", "", True, "", early),
            RatedAnswer(PLACE, "m1", "m", "U1", "Ann", False, "made up", late),
        ]
        assert await store.rated_answers(NOON, early) == []


class TestOperation:
    async def test_counts_are_added_up_and_latency_is_by_model(self, store: Store) -> None:
        tries = OperationCount(CountName.TRIES, "one", "answered", 2, NOON)
        await store.add_counts([tries, replace(tries, why="cut", number=1)])
        await store.add_counts([tries, replace(tries, at=NOON + timedelta(days=1))])
        await spend(store, ask("m1"), Usage(1, 1, cost_micros=2), first_word_s=0.104)
        await spend(store, ask("m2"), None, TurnState.FAILED, model="n", error="cut")
        assert await store.operation_figures(DAY.since, DAY.until) == OperationFigures(
            UsageTotals(2, 0, 1, 1, 2, 1),
            (ErrorUse("cut", 1),),
            (ModelLatency("m", ((100, 1),)),),
            ((CountName.TRIES, "one", "answered", 4), (CountName.TRIES, "one", "cut", 1)),
        )
        await store.add_counts([])

    async def test_counts_are_removed_after_a_hundred_days(self, store: Store) -> None:
        old = OperationCount(CountName.REFUSED, "slack", "limited", 2, NOON)
        await store.add_counts([old])
        await store.add_counts([replace(old, at=NOON + timedelta(days=101))])
        assert (await store.operation_figures(DAY.since, DAY.until)).counts == ()
