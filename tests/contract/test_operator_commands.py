"""`parley errors` and `parley retry` on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bots.failures import newest_to_text, reference_to_text, retry_to_text
from core.clock import SystemClock
from core.errors import Code, SettingsError
from core.settings.environment import CoreSettings
from core.values.conversation import TurnState
from core.values.failures import Failure
from storage import DatabaseSettings, SqlStore
from storage.lock import RunLock
from tests.contract.stored import ELSEWHERE, NOON, PLACE, answered, ask
from tests.contract.test_failures import FAILURE, failed

CORE, CLOCK = CoreSettings(_env_file=None, parley_time_zone="Asia/Shanghai"), SystemClock()


@pytest.fixture
def database(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=database_url)


def fields(text: str) -> dict[str, str]:
    return {line[:10].strip(): line[11:] for line in text.splitlines()}


async def test_a_reference_is_told_field_by_field(sql_store: SqlStore, database: DatabaseSettings) -> None:
    turn = await failed(sql_store)
    told = fields(await reference_to_text(database, CORE, CLOCK, "abc234"))
    assert told.pop("when").endswith(" Asia/Shanghai")
    assert told == {
        "reference": "ABC234",
        "place": "slack, team T1, channel C1, thread 100.1",
        "asked by": "Ann (U1)",
        "question": f"turn {turn.id}, failed",
        "cause": "no_money, ClientError: insufficient_quota: 猫",
        "model": "m, account main, request 3 of the question, HTTP status 402, the endpoint's id req-7",
        "to do": "Top up the account (OPENAI_API_KEY) at host, or switch to another one.",
        "again": f"parley retry {turn.id}",
    }


async def test_the_alert_of_the_same_cause_is_told_below_the_question(
    sql_store: SqlStore, database: DatabaseSettings
) -> None:
    await sql_store.record_failure(replace(FAILURE, what="account main"), NOON)
    await failed(sql_store)
    first, second = (await reference_to_text(database, CORE, CLOCK, "ABC234")).split("\n\n")
    assert "question" in fields(first)
    assert fields(second)["alert"] == "account main"
    assert "again" not in fields(second)


async def test_the_newest_twenty_are_a_line_each_that_no_terminal_obeys(
    sql_store: SqlStore, database: DatabaseSettings
) -> None:
    for number in range(25):
        failure = Failure(f"REF{number:03}", Code.GARBLED, "\x1b[31m<html>\nred")
        await sql_store.record_failure(failure, NOON + timedelta(seconds=number), PLACE)
    head, *rows, _, hint = (await newest_to_text(database, CORE, CLOCK)).splitlines()
    assert head.split() == ["ref", "when", "where", "question", "cause"]
    assert [row.split()[0] for row in rows] == [f"REF{number:03}" for number in range(24, 4, -1)]
    assert rows[0].endswith(r"garbled: \x1b[31m<html>\nred")
    assert "slack C1" in rows[0]
    assert "parley errors REF" in hint


@pytest.mark.parametrize("runs", [True, False])
async def test_a_retry_says_who_begins_it(sql_store: SqlStore, database: DatabaseSettings, runs: bool) -> None:
    turn = await failed(sql_store)
    async with RunLock(database) as lock:
        assert not runs or await lock.acquire()
        told = await retry_to_text(database, CLOCK, str(turn.id))
    begins = "the running parley begins it now" if runs else "the next start of parley begins it"
    assert told == f"turn {turn.id + 1} asks the question of turn {turn.id} again: {begins}\n"
    [again] = await sql_store.open_turns()
    assert (again.again_of, again.state) == (turn.id, TurnState.WAITING)


async def test_what_is_not_asked_again_is_said_in_words(
    sql_store: SqlStore, database: DatabaseSettings
) -> None:
    async def refused(which: str) -> str:
        with pytest.raises(SettingsError) as raised:
            await retry_to_text(database, CLOCK, which)
        return raised.value.detail

    done = await answered(sql_store, ask("m0"))
    assert (
        await refused(str(done.id))
        == f"turn {done.id} has not failed (done), so that there is nothing to ask again"
    )
    assert "there is no turn 99" in await refused("99")
    assert "there is no turn 99999999999999999999;" in await refused("99999999999999999999")
    assert "there is no turn 999999999" in await refused("9" * 5_000), "Python takes no number of that length"
    assert "there is no turn 999999999999999999;" in await refused("9" * 18)
    assert f"turn {done.id} has not failed" in await refused(f" 00{done.id}\n")
    assert "is no reference" in await refused("١"), "a digit of another script"
    assert "no failure has the reference ZZZZZZ" in await refused("zzzzzz")
    assert "is no reference" in await refused("hello")
    await sql_store.record_failure(Failure("CMMAND", Code.STORE), NOON, PLACE)
    assert "CMMAND is the reference of no question" in await refused("CMMAND")
    one = await failed(sql_store, "m1", replace(FAILURE, ref="LMT234"))
    other = await failed(sql_store, "m2", replace(FAILURE, ref="LMT234"), place=ELSEWHERE)
    said = await refused("LMT234")
    assert f"`parley retry {other.id}` or `parley retry {one.id}`" in said
    await retry_to_text(database, CLOCK, str(one.id))
    assert "was asked again already" in await refused(str(one.id))
    await sql_store.forget_thread(ELSEWHERE, NOON + timedelta(days=1))
    assert "has lost its question" in await refused(str(other.id))
