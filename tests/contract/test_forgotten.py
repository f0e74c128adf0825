"""A message sent before its author was forgotten is not stored again, by any way that it comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from core.clock import SystemClock
from core.ports.store import Store
from core.values.conversation import Ask, History, ThreadMessage
from core.values.events import Edited
from core.values.parts import File, Quote, Text
from core.values.places import Person, Place
from storage import DatabaseSettings, SqlStore, open_store, turns
from storage.engine import Database

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FORGOTTEN_AT = NOON + timedelta(seconds=5)
ANN, BEN = Person("U1", "Ann"), Person("U2", "Ben")
PLACE = Place("slack", "T1", "C1", "1.0")
HERS = Quote("my secret", "Ann", author_id="U1")
TABLE = Text("a | b")


def ask(id: str, after_s: float = 0, place: Place = PLACE, by: Person = ANN) -> Ask:
    return Ask(id, place, by, id, NOON + timedelta(seconds=after_s), addressed=True)


def said(id: str, after_s: float = 0, by: Person = ANN) -> ThreadMessage:
    return ThreadMessage(id, by, id, NOON + timedelta(seconds=after_s))


async def texts(store: Store, place: Place = PLACE) -> list[str]:
    return [line.text for line in await store.lines(place)]


async def forget(store: Store, team: str = "T1", at: datetime = FORGOTTEN_AT) -> int:
    return await store.forget_person("slack", team, ANN.id, at)


async def test_a_question_or_an_aside_that_comes_late_is_not_stored(store: Store) -> None:
    assert await forget(store) == 0, "also of a person of whom nothing was stored yet"
    for one in (ask("accepted"), ask("held"), ask("noted")):
        assert await store.accept(one) is None
        assert await store.hold(one) is None
        assert not await store.note(one)
    assert (await texts(store), await store.open_turns(), await store.held_turns()) == ([], [], [])
    assert not await store.joined(PLACE)
    assert await store.messages_by_person("slack", "T1", ANN.id) == []


async def test_an_edit_that_comes_late_finds_nothing_to_change(store: Store) -> None:
    await store.note(ask("m1"))
    assert await forget(store) == 1
    assert not await store.edit(Edited(PLACE, "m1", "what I meant"))
    assert await texts(store) == []


async def test_what_is_sent_from_then_on_is_stored(store: Store) -> None:
    await forget(store)
    assert await store.accept(ask("at once", 5)) is not None
    assert await store.hold(ask("held", 6)) is not None
    assert await store.note(ask("later", 7))
    assert await texts(store) == ["at once", "later"]


async def test_what_others_sent_before_is_stored(store: Store) -> None:
    await forget(store)
    elsewhere = [replace(PLACE, team="T2"), replace(PLACE, platform="discord")]
    for one in (ask("bens", by=BEN), *(ask("hers", place=place) for place in elsewhere)):
        assert await store.accept(one) is not None


async def test_who_was_forgotten_in_all_teams_is_so_in_each(store: Store) -> None:
    await forget(store, "T1", NOON - timedelta(days=1))
    await forget(store, "")
    await forget(store, "T2", NOON - timedelta(days=1))
    for team in ("T1", "T2", "T3"):
        assert await store.accept(ask("m1", place=replace(PLACE, team=team))) is None


async def test_the_last_time_counts(store: Store) -> None:
    await forget(store, at=NOON - timedelta(hours=1))
    assert await store.note(ask("between"))
    assert await forget(store) == 1
    await forget(store, at=NOON - timedelta(hours=2))
    assert not await store.note(ask("between"))


async def test_a_history_does_not_bring_back_what_was_forgotten(store: Store) -> None:
    await forget(store)
    entries = (said("hers"), said("bens", 1, BEN), said("hers anew", 6))
    await store.import_history(PLACE, History(entries))
    assert await texts(store) == ["bens", "hers anew"]
    assert await store.filled(PLACE)


async def test_late_messages_of_others_are_stored_without_the_words_that_they_quote(store: Store) -> None:
    await forget(store)
    early, late = (
        replace(ask(id_, after_s, by=BEN), attached=(HERS, TABLE)) for id_, after_s in (("m1", 0), ("m2", 6))
    )
    turn, later = await store.accept(early), await store.accept(late)
    assert turn is not None
    assert turn.ask.attached == (TABLE,)
    assert await store.turn(turn.id) == turn
    assert later is not None
    assert later.ask.attached == (HERS, TABLE), "it was quoted since"
    read = replace(said("h1", 1, BEN), attached=(HERS, TABLE))
    await store.import_history(PLACE, History((read,)))
    kept = {"m1": (TABLE,), "h1": (TABLE,), "m2": (HERS, TABLE)}
    assert {line.id: line.attached for line in await store.lines(PLACE)} == kept
    for id_ in kept:
        await store.edit(Edited(PLACE, id_, id_, (HERS, TABLE)))
    assert {line.id: line.attached for line in await store.lines(PLACE)} == kept


async def test_the_id_of_who_was_forgotten_is_not_in_the_database(
    sql_store: SqlStore, database_url: str
) -> None:
    await sql_store.note(ask("m1"))
    await forget(sql_store)
    beside = Database(DatabaseSettings(database_url=database_url).url)
    rows = await beside.read(lambda connection: connection.execute(text("SELECT * FROM forgotten")).all())
    await beside.close()
    assert len(rows) == 1
    assert ANN.id not in str(rows)


async def test_who_was_forgotten_is_known_after_a_restart(sql_store: SqlStore, database_url: str) -> None:
    await forget(sql_store)
    await forget(sql_store, at=NOON)
    again = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
    assert await again.accept(ask("m1", 4)) is None
    assert await again.accept(ask("m2", 5)) is not None
    await again.close()


async def test_a_message_that_is_being_stored_meanwhile_goes_too(emptied_postgres: str) -> None:
    """A transaction of PostgreSQL does not see what another one has not committed."""
    database = Database(DatabaseSettings(database_url=emptied_postgres).url)
    store, stored, go_on = SqlStore(database, SystemClock()), asyncio.Event(), asyncio.Event()

    def slowly(connection: Connection) -> None:
        turns.accept(connection, ask("m1"))
        stored.set()
        await_only(go_on.wait())

    storing = asyncio.create_task(database.write(slowly))
    await stored.wait()
    forgetting = asyncio.create_task(forget(store))
    done, _ = await asyncio.wait([forgetting], timeout=0.2)
    go_on.set()
    await storing
    assert (done, await forgetting, await texts(store)) == (set(), 1, [])
    await store.close()


async def test_a_question_of_a_file_alone_counts_as_forgotten_only_once_it_is(store: Store) -> None:
    """Also where the platform has not said the name of its author."""
    asked = replace(ask("m1", by=Person("U1", "")), text="", attached=(File("clip.ogg", "audio/ogg"),))
    turn = await store.accept(asked)
    assert turn is not None
    forgotten = []
    for forget_first in (False, True):
        if forget_first:
            await store.forget_thread(PLACE, FORGOTTEN_AT)
        now = await store.turn(turn.id)
        assert now is not None
        forgotten.append(now.forgotten)
    assert forgotten == [False, True]
