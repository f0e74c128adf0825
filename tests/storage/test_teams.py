"""Rows of earlier versions, which did not name the team of their installation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from core.clock import SystemClock
from core.errors import Code
from core.ports.store.threads import PROCESS
from core.values.conversation import Ask, TurnState, announcement
from core.values.places import Person, Place
from core.values.tasks import Alert, ReportUsage
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.migrations import upgrade
from tests.schema import with_schema

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = Person("1", "Ada")
BEFORE = Place("discord", "@me", "700", direct=True)
NOW = Place("discord", "900", "700", direct=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def schema_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return with_schema(request, tmp_path)


@pytest_asyncio.fixture
async def store(schema_url: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(DatabaseSettings(database_url=schema_url), SystemClock())
    yield opened
    await opened.close()


async def answered(store: SqlStore, place: Place, id: str = "m1") -> int:
    turn = await store.accept(Ask(id, place, ADA, f"{id}?", NOON, addressed=True))
    assert turn is not None
    turn = await store.begin(turn.id)
    await store.finish(Finish(turn, TurnState.DONE, f"{id}!", notice="n", posted=(f"p-{id}",), model="m"))
    return turn.id


async def test_what_an_earlier_version_stored_is_found_under_the_team(store: SqlStore) -> None:
    turn_id = await answered(store, BEFORE)
    await store.change(Place("discord", "@me", "700"), {"language": "zh"}, ADA, NOON)
    await store.mark_once("refused/discord/@me/700/1")
    await store.advance_watermark("discord", "", NOON)
    assert (await store.stored_settings(NOW)).channel == {}, "remembered, and read anew below"
    for _ in range(2):
        await store.adopt("discord", "900", ("", "@me"))
    assert [line.text for line in await store.lines(NOW)] == ["m1?", "m1!"]
    assert await store.active_threads("discord", "900", NOON) == [NOW]
    assert await store.joined(NOW)
    assert await store.place_of_post(NOW, "p-m1") == NOW
    assert [footer.message_id for footer in await store.answer_footers(NOW)] == ["p-m1"]
    assert (await store.stored_settings(NOW)).channel == {"language": "zh"}
    assert len(await store.audit(NOW)) == 1
    assert await store.watermark("discord", "900") == NOON
    assert not await store.mark_once("refused/discord/900/700/1")
    turn = await store.turn(turn_id)
    assert turn is not None
    assert turn.ask.place == NOW
    day = timedelta(days=1)
    assert (await store.usage_totals(NOON - day, NOON + day, NOW)).questions == 1
    assert await store.lines(BEFORE) == []


async def test_what_belongs_to_other_teams_and_platforms_stays(store: SqlStore) -> None:
    elsewhere = [Place("discord", "100", "1"), Place("slack", "@me", "700"), Place("slack", "", "C1")]
    for place in elsewhere:
        await answered(store, place)
    await store.advance_watermark(PROCESS, "", NOON)
    await store.adopt("discord", "900", ("", "@me"))
    for place in elsewhere:
        assert len(await store.lines(place)) == 2, place
    assert await store.watermark(PROCESS, "") == NOON


async def test_what_the_team_has_already_stays_as_it_is(store: SqlStore) -> None:
    await answered(store, NOW)
    await store.advance_watermark("discord", "900", NOON)
    await answered(store, BEFORE)
    await store.advance_watermark("discord", "", NOON - timedelta(hours=1))
    await store.adopt("discord", "900", ("", "@me"))
    assert [line.text for line in await store.lines(NOW)] == ["m1?", "m1!"]
    assert await store.watermark("discord", "900") == NOON


@pytest.mark.parametrize("earlier", ["0002", "0008"])
async def test_the_watermark_of_a_platform_is_taken_up_by_its_installation(
    database_url: str, earlier: str
) -> None:
    settings = DatabaseSettings(database_url=database_url)
    database = Database(settings.url)
    await database.migrate(lambda connection: upgrade(connection, earlier))
    at_us = round(NOON.timestamp() * 1e6)
    rows = f"INSERT INTO heard VALUES ('slack', {at_us}), ('discord', {at_us}), ('process', {at_us})"
    await database.write(lambda connection: connection.execute(text(rows)))
    await database.close()
    store = await open_store(settings, SystemClock())
    await store.adopt("slack", "T1", ("",))
    await store.adopt("discord", "900", ("", "@me"))
    watermarks = [("slack", "T1"), ("discord", "900"), (PROCESS, "")]
    assert [await store.watermark(*one) for one in watermarks] == [NOON] * 3
    assert await store.watermark("slack", "") is None
    await store.close()


async def test_what_an_earlier_version_announced_is_not_announced_again(store: SqlStore) -> None:
    before, now = Place("slack", "", "C9"), Place("slack", "T1", "C9")
    alert = Alert("account one/a", Code.NO_MONEY)
    await store.advance_watermark("slack", "T1", NOON)
    for id, task in (("alert:1", alert), ("summary:1", ReportUsage(NOON - timedelta(days=1), NOON))):
        turn = await store.accept(announcement(id, before, task, NOON, "It fails."))
        assert turn is not None
        await store.finish(Finish(turn, TurnState.DONE, "posted"))
        await store.adopt("slack", "T1", ("",))
        assert await store.accept(announcement(id, now, task, NOON, "It fails.")) is None
    assert await store.alerts(before, NOON) == [(alert, NOON)]


async def test_the_sums_of_usage_come_along(store: SqlStore) -> None:
    await answered(store, BEFORE)
    await answered(store, replace(BEFORE, team=""), "m2")
    await answered(store, NOW, "m3")
    for _ in range(2):
        await store.adopt("discord", "900", ("", "@me"))
    day, team = NOON.replace(hour=0), Place("discord", "900", "")
    totals = await store.usage_totals(day, day + timedelta(days=1), team)
    assert (totals.questions, totals.people) == (3, 1)
    assert (await store.usage_totals(day, day + timedelta(days=1))).questions == 3
