"""What an owner writes holds as long as nobody else has begun the turn: two stores on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg  # type: ignore[import-untyped]
import pytest

from core.clock import SystemClock
from core.errors import StoreError
from core.values.conversation import Turn, TurnState
from core.values.deltas import Usage
from core.values.parts import Text
from core.values.steps import ModelRound
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from tests.contract.stored import ELSEWHERE, NOON, PLACE, accepted, ask


class Two:
    """The stores of a former owner and of the next one, and the epochs of both."""

    def __init__(self, url: str, former: SqlStore, heir: SqlStore) -> None:
        self._url = url
        self.former, self.heir = former, heir

    async def gain(self, partition: int = 1) -> int:
        """The epoch of a gain of the partition."""
        connection = await asyncpg.connect(self._url)
        gaining = f"INSERT INTO partitions (partition) VALUES ({partition}) ON CONFLICT (partition)"
        epoch: int = await connection.fetchval(
            f"{gaining} DO UPDATE SET epoch = excluded.epoch RETURNING epoch"
        )
        await connection.close()
        return epoch

    async def begun(self, epoch: int) -> Turn:
        return await self.former.begin((await accepted(self.former, ask())).id, epoch)


@pytest.fixture
async def two(emptied_postgres: str) -> AsyncIterator[Two]:
    stores = [
        await open_store(DatabaseSettings(database_url=emptied_postgres), SystemClock()) for _ in range(2)
    ]
    yield Two(emptied_postgres, *stores)
    for store in stores:
        await store.close()


async def test_a_turn_does_not_begin_in_an_epoch_that_is_over(two: Two) -> None:
    over, turn = await two.gain(), await accepted(two.former, ask())
    epoch = await two.gain()
    with pytest.raises(StoreError) as raised:
        await two.former.begin(turn.id, over)
    assert not raised.value.retryable
    assert (await two.heir.begin(turn.id, epoch)).attempt == 1


async def test_nothing_of_a_former_owner_is_stored_after_the_next_one_has_begun(two: Two) -> None:
    turn = await two.begun(await two.gain())
    await two.former.checkpoint([(turn.id, "half", ("p1",))])
    heirs = await two.heir.begin(turn.id, await two.gain())
    assert (heirs.text, heirs.posted) == ("half", ("p1",))
    await two.heir.checkpoint([(turn.id, "half and more", ("p1",))])
    await two.former.checkpoint([(turn.id, "late words", ("p2",))])
    await two.former.put_steps(turn.id, 0, (ModelRound((Text("late"),)),))
    late = Finish(turn, TurnState.DONE, "late answer", model="m", usage=Usage(100, 100))
    assert not await two.former.finish(late)
    await two.former.give_back()
    now = await two.heir.turn(turn.id)
    assert now == replace(heirs, text="half and more", state=TurnState.RUNNING)
    assert await two.heir.steps(turn.id) == []
    assert await two.heir.finish(replace(late, turn=heirs, text="whole", usage=Usage(3, 4)))
    totals = await two.heir.usage_totals(NOON - timedelta(days=1), NOON + timedelta(days=10_000), PLACE)
    assert (totals.prompt_tokens, totals.completion_tokens) == (3, 4)


async def test_an_owner_that_nobody_has_followed_ends_its_turns(two: Two) -> None:
    turn = await two.begun(await two.gain())
    await two.gain()
    assert await two.former.finish(Finish(turn, TurnState.DONE, "whole"))


async def test_the_oldest_open_turn_of_the_place_comes_first(two: Two) -> None:
    epoch = await two.gain()
    second = await accepted(two.former, ask("m2", after_s=2))
    first, other = (
        await accepted(two.former, ask("m1", after_s=1)),
        await accepted(two.former, ask("m3", place=ELSEWHERE)),
    )
    assert await two.heir.begin(second.id, epoch, in_order=True) == first
    assert (await two.heir.begin(other.id, epoch, in_order=True)).id == other.id
    begun = await two.heir.begin(first.id, epoch, in_order=True)
    await two.heir.finish(Finish(begun, TurnState.DONE, "so"))
    assert (await two.heir.begin(second.id, epoch, in_order=True)).attempt == 1


async def test_of_many_that_begin_at_once_one_begins_and_it_is_the_oldest(two: Two) -> None:
    epoch = await two.gain()
    turns = [await accepted(two.former, ask(f"m{number}", after_s=number)) for number in range(8)]
    stores = (two.former, two.heir)
    beginning = (stores[n % 2].begin(turn.id, epoch, in_order=True) for n, turn in enumerate(turns[::-1]))
    assert {turn.id for turn in await asyncio.gather(*beginning)} == {turns[0].id}


async def test_only_turns_of_owned_places_are_recovered_and_none_that_runs_here(two: Two) -> None:
    epoch = await two.gain()
    running, owned, others = [
        await two.former.begin((await accepted(two.former, ask(f"m{n}", place=place))).id, epoch)
        for n, place in enumerate((PLACE, PLACE, ELSEWHERE))
    ]
    await two.heir.recover(NOON, lambda place: place.key == PLACE.key, {running.id})
    states = {turn.id: turn.state for turn in await two.heir.open_turns()}
    assert states == {
        running.id: TurnState.RUNNING,
        owned.id: TurnState.WAITING,
        others.id: TurnState.RUNNING,
    }


async def test_a_turn_that_was_begun_many_times_is_suspected_among_others_too(two: Two) -> None:
    turn = await accepted(two.former, ask())
    await two.former.begin((await accepted(two.former, ask("m2", place=ELSEWHERE))).id)
    for _ in range(5):
        await two.former.begin(turn.id)
        await two.former.recover(NOON - timedelta(days=10))
    assert [one.deaths for one in await two.former.open_turns()] == [1, 0]


async def test_a_turn_is_set_aside_late_where_many_processes_end_that_have_run_it(two: Two) -> None:
    """They may have ended for another one: only from its tenth run on does it run alone among suspects."""
    turn, deaths = await accepted(two.former, ask()), list[int]()
    for number in range(1, 17):
        store = two.former if number % 2 else two.heir
        await accepted(two.former, ask(f"beside-{number}", place=ELSEWHERE))
        await store.begin(turn.id)
        await store.recover(NOON - timedelta(days=10), taken_over=True)
        deaths += [one.deaths for one in await store.open_turns() if one.id == turn.id]
    assert deaths == [0] * 9 + [1] * 3 + [2] * 3 + [3]


async def test_a_turn_whose_team_becomes_known_is_begun_by_the_owner_of_that_team(two: Two) -> None:
    of_team, of_none = await two.gain(), await two.gain(2)
    without = await accepted(two.former, ask(place=replace(PLACE, team="")))
    turn = await two.former.begin(without.id, of_none)
    await two.heir.adopt("slack", "T1", [""])
    begun = await two.heir.begin(without.id, of_team, in_order=True)
    assert begun.ask.place == PLACE
    await two.former.finish(Finish(turn, TurnState.DONE, "so", model="m"))
    assert [one.id for one in await two.heir.open_turns()] == [turn.id], "the end of another's is not stored"


async def test_a_checkpoint_stores_messages_behind_the_lock_of_their_turn(
    two: Two, emptied_postgres: str
) -> None:
    """As the end of a run does: else each of both would wait for the other."""
    turn = await two.begun(await two.gain())
    connection = await asyncpg.connect(emptied_postgres)
    async with connection.transaction():
        await connection.execute("UPDATE turns SET answer = 'whole' WHERE id = $1", turn.id)
        storing = asyncio.create_task(two.former.checkpoint([(turn.id, "half", ("p1",))]))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        watching = await asyncpg.connect(emptied_postgres)
        while not await watching.fetchval(waiting):
            pass
        await connection.execute(
            "INSERT INTO posts (platform, team, channel, message, turn_id, page)"
            " SELECT platform, team, channel, 'p1', id, 0 FROM turns WHERE id = $1",
            turn.id,
        )
    await storing
    await watching.close()
    await connection.close()
    now = await two.heir.turn(turn.id)
    assert now is not None
    assert (now.text, now.posted) == ("half", ("p1",))
