"""`parley replicas`, over what the store knows."""

from __future__ import annotations

import json
from pathlib import Path

from bots.replica_table import ALONE, NONE, replicas_to_text
from core.clock import SystemClock
from core.settings.environment import CoreSettings
from storage import DatabaseSettings, open_store
from tests.fakes.clock import FakeClock
from tests.storage.replicas.replica import ALL, Replica
from tests.storage.replicas.test_overview import asked, settings
from tests.waiting import until


async def printed(database: DatabaseSettings, *, as_json: bool = False) -> str:
    core = CoreSettings(_env_file=None, parley_timezone="UTC")
    return await replicas_to_text(database, core, 1, SystemClock(), as_json=as_json)


async def test_sqlite_is_said_to_have_one_process(tmp_path: Path) -> None:
    database = settings(f"sqlite:///{tmp_path / 'parley.db'}")
    await (await open_store(database, FakeClock())).close()
    assert await printed(database) == ALONE


async def test_a_database_that_nobody_uses_is_said_to_be_so(emptied_postgres: str) -> None:
    assert await printed(settings(emptied_postgres)) == NONE


async def test_each_replica_has_a_line_and_what_nobody_holds_too(emptied_postgres: str) -> None:
    await asked(emptied_postgres, *(f"T{number}" for number in range(8)))
    shown = await printed(settings(emptied_postgres))
    heads, nobody = shown.splitlines()
    assert heads.split()[:6] == ["replica", "since", "state", "partitions", "shards", "open"]
    assert nobody.split()[:6] == ["nobody", "-", "-", "-", "-", "8"]
    assert nobody.endswith("slack T4 (1), and 3 more")
    async with Replica(emptied_postgres, "parley host-a:4711") as alone:
        await until(lambda: alone.held == ALL)
        lines = (await printed(settings(emptied_postgres))).splitlines()
        (found,) = json.loads(await printed(settings(emptied_postgres), as_json=True))
    assert lines[1].split()[0] == "host-a:4711"
    assert lines[1].split()[3:7] == ["answers", "256", "0", "8"]
    assert (found["replica"], found["state"], found["open"], len(found["teams"])) == (
        "host-a:4711",
        "answers",
        8,
        8,
    )
