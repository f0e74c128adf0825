"""The accounts of budgets on every store: summed, added to, reserved, lifted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from core.clock import SystemClock
from core.errors import StoreError
from core.ports.store import Store
from core.ports.store.settings import Change
from core.spend.budgets import payer_of
from core.values.budgets import (
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetDecision,
    BudgetScope,
    BudgetUnit,
    BudgetVerdict,
    Limit,
    LimitPeriod,
    Payer,
    Spent,
)
from core.values.conversation import Turn, TurnState
from core.values.deltas import ChargeKind, EndReason, Usage
from core.values.parts import ToolCall
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound
from core.values.tasks import ANSWER
from core.values.turn_ends import Finish
from core.values.usage import Charge
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.tables import RESERVATIONS, USAGE, USAGE_SUMS
from tests.contract.stored import ANN, BEN, ELSEWHERE, NOON, PLACE, accepted, ask
from tests.contract.test_statements import recorded

SINCE = NOON - timedelta(hours=12)
MONEY = Limit(100, BudgetUnit.MONEY, LimitPeriod.DAY)
NOTHING = Spent()
PER_ANSWER = Usage(30, 10, cost_micros=40)


def account(payer: Payer, per: LimitPeriod = LimitPeriod.DAY) -> BudgetAccount:
    return BudgetAccount(payer, per, SINCE, SINCE + timedelta(days=1 if per is LimitPeriod.DAY else 31))


def of_person(person: Person = ANN, team: str = "T1") -> BudgetAccount:
    return account(replace(payer_of(PLACE, person.id), team=team, channel=ANY))


def of_channel(place: Place = PLACE) -> BudgetAccount:
    return account(replace(payer_of(place, ""), person=ANY))


def of_team(team: str = "T1") -> BudgetAccount:
    return account(Payer("slack", team, ANY, ANY))


EVERYBODY = account(Payer(ANY, ANY, ANY, ANY))


def budget(of: BudgetAccount, limit: Limit = MONEY) -> Budget:
    return Budget(BudgetScope.CHANNEL, limit, of)


async def answered(
    store: Store, id: str, place: Place = PLACE, by: Person = ANN, usage: Usage = PER_ANSWER
) -> Turn:
    turn = await store.begin((await accepted(store, ask(id, place=place, by=by))).id)
    await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=usage))
    return turn


async def reserve(
    store: Store,
    turn: Turn,
    most: int,
    *budgets: Budget,
    spent: Spent = NOTHING,
    begun: bool = False,
    kept: Spent = NOTHING,
) -> BudgetDecision:
    payer, at = payer_of(turn.ask.place, turn.payer.id), turn.started_at or turn.ask.at
    claim = BudgetClaim(turn.id, payer, at, Spent(most, most), spent, begun, kept)
    return await store.reserve(claim, turn.payer.id, budgets)


def now_of(person: Person, turn: Turn) -> BudgetAccount:
    """The account of a person that counts an answer which was asked for by a button."""
    assert turn.started_at is not None
    hour = timedelta(hours=1)
    return replace(of_person(person), since=turn.started_at - hour, until=turn.started_at + hour)


async def spent(store: Store, of: BudgetAccount, person: str = ANN.id) -> Spent:
    return (await store.balances([of], person))[0].spent


async def test_a_new_account_is_the_sum_of_the_answers_that_it_counts(store: Store) -> None:
    await answered(store, "m1")
    await answered(store, "m2", ELSEWHERE, BEN)
    await answered(store, "m3", replace(PLACE, channel="C2"))
    await answered(store, "m4", replace(PLACE, team="T2"))
    await answered(store, "m5", replace(PLACE, platform="discord", team=""))
    await answered(store, "m6", usage=Usage(5, 5))
    accounts = [of_person(), of_person(team=ANY), of_channel(), of_team(), of_team(""), EVERYBODY]
    found = [(one.spent.micros, one.spent.tokens) for one in await store.balances(accounts, ANN.id)]
    assert found == [(80, 90), (120, 130), (80, 90), (120, 130), (0, 0), (200, 210)]


async def test_answers_of_other_times_do_not_count(store: Store) -> None:
    turn = await store.begin((await accepted(store, replace(ask(), at=SINCE - timedelta(seconds=1)))).id)
    await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    assert await spent(store, EVERYBODY) == Spent()
    whole = BudgetAccount(EVERYBODY.payer, LimitPeriod.MONTH, SINCE - timedelta(days=1), EVERYBODY.until)
    assert await spent(store, whole) == Spent(40, 40)


async def test_each_later_answer_is_added_once(store: Store) -> None:
    accounts = [of_person(), of_channel(), EVERYBODY]
    assert await store.balances(accounts, ANN.id) == [Balance()] * 3
    turn = await answered(store, "m1")
    await answered(store, "m2", replace(PLACE, channel="C2"), BEN)
    await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    found = [one.spent.micros for one in await store.balances(accounts, ANN.id)]
    assert found == [40, 40, 80]


async def test_an_answer_given_again_is_charged_when_it_ends(store: Store) -> None:
    now = SystemClock().now()
    today = BudgetAccount(EVERYBODY.payer, LimitPeriod.DAY, now - timedelta(hours=1), now + timedelta(hours=1))
    assert await spent(store, today) == Spent()
    turn = await answered(store, "m1")
    again = await store.retry_turn(turn.id, ANSWER)
    assert again is not None
    await store.finish(Finish(await store.begin(again.id), TurnState.DONE, "so", model="m", usage=PER_ANSWER))
    assert await spent(store, today) == Spent(40, 40)
    assert (await store.usage_totals(today.since, today.until)).cost_micros == 40


async def test_an_answer_whose_time_is_moved_is_counted_there_from_then_on(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    at = EVERYBODY.until + timedelta(hours=1)
    later = BudgetAccount(
        EVERYBODY.payer, LimitPeriod.MONTH, EVERYBODY.until, EVERYBODY.until + timedelta(days=1)
    )
    claim = BudgetClaim(turn.id, payer_of(PLACE, ANN.id), at, Spent(40, 40), moved=True)
    await store.reserve(claim, ANN.id, [budget(later)])
    moved = await store.turn(turn.id)
    assert moved is not None
    assert moved.started_at == at
    await store.finish(Finish(moved, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    assert await spent(store, EVERYBODY) == Spent()
    assert await spent(store, later) == Spent(40, 40)


async def test_a_reservation_counts_until_its_turn_ends(store: Store) -> None:
    one, two = await accepted(store, ask("m1")), await accepted(store, ask("m2", place=ELSEWHERE, by=BEN))
    assert (await reserve(store, one, 60, budget(of_channel()))).verdict is BudgetVerdict.ALLOWED
    decision = await reserve(store, two, 60, budget(EVERYBODY), budget(of_channel()))
    assert decision.verdict is BudgetVerdict.WAIT
    assert decision.balance.reserved == Spent(60, 60)
    assert (await reserve(store, two, 60, budget(of_person(BEN)))).verdict is BudgetVerdict.ALLOWED
    turn = await store.begin(one.id)
    await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    assert await spent(store, of_channel()) == Spent(40, 40)


async def test_an_answer_that_people_see_goes_on_behind_the_others_until_these_reach_the_limit(
    store: Store,
) -> None:
    turn, running = await accepted(store, ask()), await accepted(store, ask("m2", place=ELSEWHERE))
    limit, own = budget(of_channel()), Spent(70, 70)
    assert (await reserve(store, turn, 40, limit)).verdict is BudgetVerdict.ALLOWED
    assert (await reserve(store, running, 30, limit)).verdict is BudgetVerdict.ALLOWED
    await answered(store, "m3")
    assert (await reserve(store, turn, 60, limit, spent=own)).verdict is BudgetVerdict.REFUSED
    assert (await reserve(store, turn, 60, limit, spent=own, begun=True)).verdict is BudgetVerdict.WAIT
    await store.finish(Finish(await store.begin(running.id), TurnState.DONE, "so", usage=PER_ANSWER))
    assert await spent(store, of_channel()) == Spent(150, 150)
    for known in (own, NOTHING):
        decision = await reserve(store, turn, 60, limit, spent=known, begun=True)
        assert decision.verdict is BudgetVerdict.ALLOWED, "a process that knows less has counted it before"
    await answered(store, "m4")
    decision = await reserve(store, turn, 60, limit, spent=own, begun=True, kept=Spent(5, 5))
    assert (decision.verdict, decision.budget) == (BudgetVerdict.REFUSED, limit)
    wider = budget(of_team(), replace(MONEY, amount=900))
    other = await reserve(store, await accepted(store, ask("m6")), 800, wider)
    assert other.balance.reserved == Spent(5, 5), "its last round stays reserved"
    other = await reserve(store, await accepted(store, ask("m7")), 1, limit)
    assert other.verdict is BudgetVerdict.REFUSED


async def test_a_turn_that_reserves_anew_counts_what_it_has_spent_once(store: Store) -> None:
    turn, other = await accepted(store, ask()), await accepted(store, ask("m2", place=ELSEWHERE))
    limit = budget(of_channel())
    assert (await reserve(store, turn, 90, limit)).verdict is BudgetVerdict.ALLOWED
    for _ in range(2):
        decision = await reserve(store, turn, 20, limit, spent=Spent(40, 40))
        assert decision.verdict is BudgetVerdict.ALLOWED
        assert await spent(store, of_channel()) == Spent(40, 40)
    decision = await reserve(store, other, 50, limit)
    assert (decision.verdict, decision.balance.reserved) == (BudgetVerdict.WAIT, Spent(20, 20))
    assert (await reserve(store, turn, 1, limit, spent=Spent(100, 100))).verdict is BudgetVerdict.REFUSED
    usage = Usage(90, 20, cost_micros=110)
    await store.finish(Finish(await store.begin(turn.id), TurnState.FAILED, usage=usage))
    assert await spent(store, of_channel()) == Spent(110, 110)


async def test_a_refused_turn_holds_nothing_and_a_new_account_counts_what_it_has_spent(store: Store) -> None:
    turn, other = await accepted(store, ask()), await accepted(store, ask("m2", by=BEN))
    limit = budget(of_channel())
    await reserve(store, turn, 60, limit)
    assert (await reserve(store, turn, 60, limit, spent=Spent(100, 100))).verdict is BudgetVerdict.REFUSED
    wider = budget(of_team(), replace(MONEY, amount=150))
    assert (await reserve(store, other, 150, wider)).verdict is BudgetVerdict.ALLOWED, "nothing is reserved"
    assert await spent(store, of_team()) == Spent(100, 100)


async def asking(store: Store, id: str, place: Place = PLACE, by: Person = ANN) -> Turn:
    """A turn whose first round has spent PER_ANSWER, and that waits for an approval."""
    turn = await store.begin((await accepted(store, ask(id, place=place, by=by))).id)
    await reserve(store, turn, 60, budget(of_channel()))
    call = ToolCall("c1", "read", "{}")
    await store.put_steps(turn.id, 0, (ModelRound((call,), EndReason.TOOLS, PER_ANSWER, "m"),))
    asked = (1, ApprovalAsked((call,)))
    await store.finish(Finish(turn, TurnState.ASKING, usage=PER_ANSWER, asked=asked))
    return turn


async def test_an_answer_that_waits_for_an_approval_is_counted_and_holds_nothing(store: Store) -> None:
    turn = await asking(store, "m1")
    assert await spent(store, of_channel()) == Spent(40, 40)
    assert await spent(store, EVERYBODY) == Spent(40, 40), "a new account counts it too"
    other = await accepted(store, ask("m2", place=ELSEWHERE))
    assert (await reserve(store, other, 60, budget(of_channel()))).verdict is BudgetVerdict.ALLOWED
    await store.finish(Finish(await store.begin(other.id), TurnState.DONE, "so", usage=PER_ANSWER))
    assert await store.resume(turn.id, ApprovalAnswered(("c1",), "U1")) is not None
    whole = Usage(60, 20, cost_micros=80)
    await store.finish(Finish(await store.begin(turn.id), TurnState.DONE, "so", usage=whole))
    assert await spent(store, of_channel()) == await spent(store, EVERYBODY) == Spent(120, 120)


async def test_a_question_that_comes_with_a_transcript_is_counted_before_its_answer_begins(
    store: Store,
) -> None:
    assert await spent(store, EVERYBODY) == NOTHING
    heard = Charge(ChargeKind.TRANSCRIPTION, "ears", Usage(sound_s=30, cost_micros=30))
    turn = await accepted(store, replace(ask("m1"), charges=(heard,)))
    assert await spent(store, EVERYBODY) == Spent(30, 0)
    assert await spent(store, of_channel()) == Spent(30, 0), "a new account counts it too"
    whole = Usage(30, 10, cost_micros=70, sound_s=30)
    await store.finish(Finish(await store.begin(turn.id), TurnState.DONE, "so", usage=whole))
    assert await spent(store, of_channel()) == await spent(store, EVERYBODY) == Spent(70, 40)


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("whole", [False, True])
async def test_an_answer_that_is_forgotten_while_it_waits_is_charged(
    store: Store, whole: bool, resumed: bool
) -> None:
    turn = await asking(store, "m1")
    if resumed:
        await store.resume(turn.id, ApprovalAnswered(("c1",), "U1"))
    if whole:
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    else:
        await store.forget_thread(PLACE, NOON + timedelta(hours=1))
    assert await spent(store, of_channel()) == await spent(store, EVERYBODY) == Spent(40, 40)
    day = (EVERYBODY.since, EVERYBODY.until)
    assert (await store.usage_totals(*day)).cost_micros == 40
    assert (await store.usage_totals(*day, person=ANN.id)).cost_micros == (0 if whole else 40)


async def test_nothing_is_kept_of_a_forgotten_answer_that_had_spent_nothing(
    sql_store: SqlStore, database: Database
) -> None:
    await reserve(sql_store, await accepted(sql_store, ask("m1")), 60, budget(of_channel()))
    await sql_store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    assert await database.read(lambda connection: connection.execute(select(RESERVATIONS)).all()) == []
    assert (await sql_store.usage_totals(EVERYBODY.since, EVERYBODY.until)).questions == 0


@pytest.mark.parametrize("hours", [1, -6])
async def test_a_new_account_of_a_person_who_was_forgotten_counts_the_old_one(store: Store, hours: int) -> None:
    assert await spent(store, of_person()) == Spent()
    await answered(store, "m1")
    await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    day, payer = of_person(), of_person().payer
    month = BudgetAccount(payer, LimitPeriod.MONTH, day.since - timedelta(days=9), day.until)
    zone = timedelta(hours=hours)
    moved = BudgetAccount(payer, LimitPeriod.DAY, day.since + zone, day.until + zone)
    assert await spent(store, month) == await spent(store, moved) == Spent(40, 40)


async def test_at_the_start_nothing_is_reserved_for_answers_of_an_earlier_process(store: Store) -> None:
    left, turn = await accepted(store, ask("m1")), await accepted(store, ask("m2", by=BEN))
    assert (
        await reserve(store, left, 90, budget(of_channel()), spent=Spent(5, 5))
    ).verdict is BudgetVerdict.ALLOWED
    await store.recover(NOON)
    assert (await reserve(store, turn, 90, budget(of_channel()))).verdict is BudgetVerdict.ALLOWED
    assert await spent(store, of_channel()) == Spent(5, 5)


async def test_a_reservation_of_a_turn_that_is_not_open_does_not_count(store: Store) -> None:
    turn = await accepted(store, ask())
    await reserve(store, turn, 90, budget(of_channel()))
    await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    other = await accepted(store, ask("m2", by=BEN))
    assert (await reserve(store, other, 90, budget(of_channel()))).verdict is BudgetVerdict.ALLOWED


async def test_an_answer_of_a_person_who_was_forgotten_meanwhile_is_charged_to_them(store: Store) -> None:
    assert await spent(store, of_person()) == Spent()
    await answered(store, "m1")
    turn = await store.begin((await accepted(store, ask("m2"))).id)
    await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    await store.finish(Finish(turn, TurnState.STOPPED, "", model="m", usage=PER_ANSWER))
    assert await spent(store, of_person()) == Spent(80, 80), "to be forgotten renews no budget"


async def test_an_open_answer_stays_on_the_accounts_of_its_payer_who_was_forgotten(store: Store) -> None:
    first = await answered(store, "m1")
    again = await store.retry_turn(first.id, ANSWER, BEN)
    assert again is not None
    ben = now_of(BEN, again)
    assert await spent(store, ben, BEN.id) == Spent()
    await store.forget_person("slack", "T1", BEN.id, NOON + timedelta(hours=1))
    turn = await store.begin(again.id)
    assert payer_of(PLACE, turn.payer.id) == payer_of(PLACE, BEN.id)
    assert (BEN.id in turn.payer.id, turn.payer.name) == (False, "")
    await store.finish(Finish(turn, TurnState.DONE, "so", model="m", usage=PER_ANSWER))
    assert await spent(store, ben, BEN.id) == Spent(40, 40)
    assert (await store.usage_totals(ben.since, ben.until)).people == 1
    ended = await store.turn(again.id)
    assert ended is not None
    assert payer_of(PLACE, ended.payer.id) != payer_of(PLACE, BEN.id), "nothing of them is kept any more"


async def test_the_author_of_an_edited_question_pays_in_place_of_who_had_it_begin(store: Store) -> None:
    first = await answered(store, "m1")
    again = await store.retry_turn(first.id, ANSWER, BEN)
    assert again is not None
    turn = await store.begin(again.id)
    ann, ben = now_of(ANN, turn), now_of(BEN, turn)
    assert await spent(store, ann) == await spent(store, ben, BEN.id) == Spent()
    await reserve(store, turn, 1, budget(ben), spent=Spent(10, 10))
    await store.charge_asker(turn.id)
    own = await store.begin(turn.id)
    assert own.payer == ANN
    await store.finish(Finish(own, TurnState.DONE, "so", model="m", usage=PER_ANSWER))
    assert await spent(store, ben, BEN.id) == Spent(10, 10), "what came before the edit stays theirs"
    assert await spent(store, ann) == Spent(30, 30)


@pytest.mark.parametrize("state", [TurnState.STOPPED, TurnState.ASKING])
async def test_the_end_of_a_forgotten_run_is_kept_under_a_random_name_with_all_its_parts(
    sql_store: SqlStore, database: Database, state: TurnState
) -> None:
    turn = await sql_store.begin((await accepted(sql_store, ask("m1"))).id)
    await sql_store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    heard = Charge(ChargeKind.TRANSCRIPTION, "whisper", Usage(0, 0, cost_micros=60))
    rounds = (Charge(ChargeKind.ANSWER, "m", PER_ANSWER),)
    asks = state is TurnState.ASKING
    end = Finish(
        turn,
        state,
        model="m",
        usage=Usage(30, 10, cost_micros=100),
        charges=(heard,) if asks else (heard, *rounds),
        of_steps=rounds if asks else (),
        asked=(1, ApprovalAsked((ToolCall("c1", "look", "{}"),))) if asks else None,
    )
    assert not await sql_store.finish(end)
    (row,) = await database.read(lambda connection: connection.execute(select(USAGE)).all())
    assert (row.person.startswith("forgotten-"), row.state) == (True, TurnState.STOPPED)
    by_model = select(USAGE_SUMS.c.name, USAGE_SUMS.c.cost_micros).where(USAGE_SUMS.c.kind == "model")
    sums = await database.read(lambda connection: [tuple(row) for row in connection.execute(by_model)])
    assert dict(sums) == {"m": 40, "whisper": 60}


async def test_a_limit_is_lifted_once_for_each_time_it_is_reached(store: Store) -> None:
    here, change = of_channel(), Change(PLACE, "budget", None, None, BEN, NOON)
    assert not await store.lift(budget(here), 0, change), "nobody has been refused yet"
    await answered(store, "m1", usage=Usage(1, 1, cost_micros=120))
    turn = await accepted(store, ask("m2"))
    assert (await reserve(store, turn, 1, budget(here))).verdict is BudgetVerdict.REFUSED
    assert [await store.lift(budget(here), 0, change) for _ in range(2)] == [True, False]
    assert len([one for one in await store.audit(PLACE) if one.name == "budget"]) == 1
    decision = await reserve(store, turn, 1, budget(here))
    assert decision.verdict is BudgetVerdict.ALLOWED
    lifts = ((str(MONEY), 1),)
    assert (await store.balances([here], ""))[0].lifts == lifts
    assert [one.lifts for one in await store.lifted([here, of_team()])] == [lifts, ()]
    more = budget(here, replace(MONEY, amount=110))
    assert (await reserve(store, turn, 1, more)).verdict is BudgetVerdict.REFUSED, "it was another limit"
    in_tokens = budget(here, Limit(1, BudgetUnit.TOKENS, LimitPeriod.DAY))
    assert (await reserve(store, turn, 1, in_tokens)).verdict is BudgetVerdict.REFUSED
    assert await store.lift(in_tokens, 0, change)
    assert (await store.balances([here], ""))[0].lifts == tuple(sorted((*lifts, (str(in_tokens.limit), 1))))


async def test_a_period_whose_end_moves_with_the_time_zone_goes_on_with_what_is_spent(store: Store) -> None:
    longer = replace(EVERYBODY, until=EVERYBODY.until + timedelta(hours=2))
    await answered(store, "m1")
    assert await spent(store, EVERYBODY) == Spent(40, 40)
    assert await spent(store, longer) == Spent(40, 40)
    late = replace(ask("m2"), at=EVERYBODY.until + timedelta(hours=1))
    turn = await store.begin((await accepted(store, late)).id)
    await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    assert await spent(store, longer) == Spent(80, 80)


async def test_a_reservation_of_yesterday_holds_nothing_of_today(store: Store) -> None:
    yesterday = replace(of_channel(), since=SINCE - timedelta(days=1), until=SINCE)
    turn = await accepted(store, replace(ask("m1"), at=SINCE - timedelta(hours=1)))
    assert (await reserve(store, turn, 90, budget(yesterday))).verdict is BudgetVerdict.ALLOWED
    today = await accepted(store, ask("m2", by=BEN))
    assert (await reserve(store, today, 90, budget(of_channel()))).verdict is BudgetVerdict.ALLOWED


async def test_the_accounts_of_a_moment_are_those_whose_periods_last(store: Store) -> None:
    await answered(store, "m1")
    both = [of_channel(), account(of_channel().payer, LimitPeriod.MONTH)]
    found = await store.balances(both, "")
    assert sorted(await store.open_accounts(NOON), key=str) == sorted(zip(both, found, strict=True), key=str)
    assert [one.per for one, _ in await store.open_accounts(SINCE + timedelta(days=1))] == [LimitPeriod.MONTH]
    assert await store.open_accounts(SINCE - timedelta(days=400)) == []


async def test_accounts_of_old_periods_are_removed(store: Store) -> None:
    await answered(store, "m1")
    await store.balances([of_channel(), account(of_channel().payer, LimitPeriod.MONTH)], "")
    assert await store.expire_spending(SINCE + timedelta(days=2)) == 1
    assert await store.expire_spending(SINCE + timedelta(days=2)) == 0


async def test_of_50_questions_at_once_a_limit_is_passed_by_at_most_one_answer(store: Store) -> None:
    limits = [budget(of_channel(), replace(MONEY, amount=500)), budget(EVERYBODY, replace(MONEY, amount=450))]
    places = [replace(PLACE, thread=str(number)) for number in range(50)]
    turns = [await accepted(store, ask(f"m{n}", place=place)) for n, place in enumerate(places)]
    refused = await asyncio.gather(*(_answer(store, turn, limits) for turn in turns))
    assert 450 <= (await spent(store, EVERYBODY)).micros < 490
    assert (await spent(store, EVERYBODY)) == (await spent(store, of_channel()))
    assert refused.count(True) == 50 - 12, "each answer costs 40 of 450"


async def test_two_replicas_and_a_restart_keep_one_account(sql_store: SqlStore, database_url: str) -> None:
    settings = DatabaseSettings(database_url=database_url)
    limit = [budget(EVERYBODY, replace(MONEY, amount=300))]
    turns = [await accepted(sql_store, ask(f"m{n}", place=replace(PLACE, thread=str(n)))) for n in range(20)]
    dead = turns.pop()
    await reserve(sql_store, dead, 50, *limit)
    other = await open_store(settings, SystemClock())
    try:
        stores = [sql_store, other] * 10
        await asyncio.gather(*(_answer(one, turn, limit) for one, turn in zip(stores, turns[:6], strict=False)))
    finally:
        await other.close()
    again = await open_store(settings, SystemClock())
    try:
        await asyncio.gather(*(_answer(again, turn, limit) for turn in [dead, *turns[6:]]))
        assert 300 <= (await spent(again, EVERYBODY)).micros < 340
    finally:
        await again.close()


async def _answer(store: Store, turn: Turn, limits: list[Budget]) -> bool:
    """Have an answer written as soon as the limits allow it. Returns whether they refused it."""
    decision = await reserve(store, turn, 50, *limits)
    for _ in range(10_000):
        if decision.verdict is not BudgetVerdict.WAIT:
            break
        await asyncio.sleep(0.01)
        decision = await reserve(store, turn, 50, *limits)
    if decision.verdict is BudgetVerdict.REFUSED:
        await store.finish(Finish(await store.begin(turn.id), TurnState.FAILED))
        return True
    begun = await store.begin(turn.id)
    await asyncio.sleep(0)
    await store.finish(Finish(begun, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    return False


async def test_without_a_limit_no_statement_is_made(
    sql_store: SqlStore, database: Database, database_url: str
) -> None:
    turn = await sql_store.begin((await accepted(sql_store, ask())).id)
    with recorded() as statements:
        await sql_store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))
    assert not [one for one in statements if "spending" in one or "reservations" in one]


async def test_after_a_restart_answers_are_added_to_the_accounts_that_there_are(
    sql_store: SqlStore, database_url: str
) -> None:
    assert await spent(sql_store, EVERYBODY) == Spent()
    again = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
    try:
        await answered(again, "m1")
        assert await spent(again, EVERYBODY) == Spent(40, 40)
    finally:
        await again.close()


async def test_a_balance_that_was_read_once_stays_that_of_the_database(
    sql_store: SqlStore, database_url: str
) -> None:
    accounts = [of_person(), of_channel(), EVERYBODY]
    await sql_store.balances(accounts, ANN.id)
    await asyncio.gather(*(answered(sql_store, f"m{n}", replace(PLACE, thread=str(n))) for n in range(5)))
    await answered(sql_store, "m6", replace(PLACE, channel="C2"), BEN)
    assert await sql_store.lift(budget(of_channel()), 0, Change(PLACE, "budget", None, None, BEN, NOON))
    with recorded() as statements:
        kept = await sql_store.balances(accounts, ANN.id)
    assert (statements, [one.spent.micros for one in kept], kept[1].lifts) == (
        [],
        [200, 200, 240],
        ((str(MONEY), 1),),
    )
    again = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
    try:
        with recorded() as statements:
            assert await again.balances([*accounts, *accounts], ANN.id) == [*kept, *kept]
        assert statements == ["SELECT spending"], "nothing is written where each account is there"
    finally:
        await again.close()


async def test_a_reservation_does_not_wait_for_the_disk_and_the_next_write_does(database: Database) -> None:
    def level(connection: Connection) -> str:
        own = "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'"
        query = "PRAGMA synchronous" if connection.dialect.name == "sqlite" else own
        return str(connection.exec_driver_sql(query).scalar())

    def failing(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT nothing")

    soon = await database.write_soon(level)
    with pytest.raises(StoreError):
        await database.write_soon(failing)
    later = await database.write(level)
    assert (soon, later) == ("1", "2") or (soon == "session" != later)
