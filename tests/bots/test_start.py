"""The modules of a start, and what is prepared behind it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from bots import preparations
from bots.preparations import LONGEST_S, LOOK_S, prepare
from core.llm import refusals
from storage.tasks import TASKS
from tests.e2e.program import free_port
from tests.fakes.clock import FakeClock
from tests.schema import sqlite_schema

NOT_CONFIGURED = {
    *("alembic", "asyncpg", "discord", "httpx2", "latex2mathml", "matplotlib", "mcp", "mcp_types", "numpy"),
    *("opentelemetry", "PIL", "pypdfium2", "slack_bolt", "slack_sdk", "snowballstemmer"),
}
"""Packages that a start on a current SQLite without a platform but the page has no use for."""
OF_NO_COMMAND = {
    *NOT_CONFIGURED,
    *("aiohttp", "apscheduler", "asyncio", "babel", "cryptography", "httpx", "prometheus_client"),
    *("pydantic", "pydantic_settings", "regex", "sqlalchemy", "sqlmodel", "structlog"),
}
"""Packages that the words about the commands have no use for."""

COMMAND = """
import sys
from bots.cli import main
sys.argv = ["parley", {argument!r}]
try:
    main()
except SystemExit as ending:
    assert not ending.code
print("loaded", *sorted({unused!r} & {{*sys.modules}}))
"""
RUN = """
import os, signal, sys, threading, time, urllib.request
import bots.preparations
bots.preparations.LOOK_S = 3600  # what is prepared behind the start is not part of it
from bots.cli import main

def look():
    while True:
        try:
            urllib.request.urlopen("http://127.0.0.1:{port}/readyz")
            break
        except OSError:
            time.sleep(0.05)
    print("loaded", *sorted({unused!r} & {{*sys.modules}}), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=look, daemon=True).start()
sys.argv = ["parley", "run"]
main()
"""
"""Ends itself once it is ready."""


def loaded(folder: Path, script: str) -> list[str]:
    """The packages that `script` names."""
    settings = {"PARLEY_HTTP_PORT": script.partition("127.0.0.1:")[2].partition("/")[0] or "0"}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=settings, capture_output=True, text=True, check=True
    )
    (line,) = (line for line in ran.stdout.splitlines() if line.startswith("loaded"))
    return line.split()[1:]


def test_the_words_about_the_commands_load_nothing_that_commands_use(tmp_path: Path) -> None:
    assert loaded(tmp_path, COMMAND.format(argument="--help", unused=OF_NO_COMMAND)) == []
    without = OF_NO_COMMAND - {"pydantic"}  # Typer reads the arguments of commands with it
    assert loaded(tmp_path, COMMAND.format(argument="version", unused=without)) == []


def test_a_start_loads_no_package_of_what_is_not_configured(tmp_path: Path) -> None:
    file = tmp_path / "data" / "parley.db"
    file.parent.mkdir(0o700)
    file.touch(0o600)
    file.write_bytes(sqlite_schema())
    script = RUN.format(port=free_port(), unused={*NOT_CONFIGURED, "apscheduler"})
    assert loaded(tmp_path, script) == []


def test_no_mapper_is_made_of_a_table(tmp_path: Path) -> None:
    script = "import storage; from sqlmodel.main import default_registry as one; print('loaded', *one.mappers)"
    assert loaded(tmp_path, script) == []


async def test_what_a_start_leaves_out_is_prepared_once_it_is_ready() -> None:
    clock, ready = FakeClock(), [False]
    refusals.rules.cache_clear()
    preparing = asyncio.create_task(prepare(lambda: ready[0], clock))
    await clock.advance(LONGEST_S - 2 * LOOK_S)
    assert not refusals.rules.cache_info().currsize
    ready[0] = True
    await clock.advance(LOOK_S)
    await preparing
    assert refusals.rules.cache_info().currsize


async def test_it_is_prepared_as_well_where_a_platform_is_not_reached() -> None:
    clock = FakeClock(jumps=True)
    refusals.rules.cache_clear()
    await prepare(lambda: False, clock)
    assert sum(clock.slept_s) >= LONGEST_S
    assert refusals.rules.cache_info().currsize


def test_what_was_not_prepared_is_made_with_its_first_use() -> None:
    assert TASKS.load(*TASKS.dump(TASKS.load("answer", {}))) == TASKS.load("answer", {})
    preparations._prepare()
    assert TASKS.load(*TASKS.dump(TASKS.load("answer", {}))) == TASKS.load("answer", {})
