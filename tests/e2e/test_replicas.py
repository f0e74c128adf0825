"""Two programs on one PostgreSQL: each question is answered once and in order, whichever of them hears it or ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import pytest

from core.values.places import Place
from storage.replicas.partitions import Partitions
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.sides import BackgroundTasks, Slack, Web
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words, echo
from tests.fakes.slack import TEAM, FakeSlack
from tests.storage.test_lock import cut_connections
from tests.waiting import HANG_S, until

OF_TEAM = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND objid = $1
    AND classid::BIGINT = (hashtext('parley partitions ' || current_schema())::BIGINT & 4294967295)
"""


SHARES = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND objid < 256
    AND classid::BIGINT = (hashtext('parley partitions ' || current_schema())::BIGINT & 4294967295) GROUP BY pid
"""


class Cluster:
    """Programs on one database. `owner` is the one that answers in the workspace of the fake Slack."""

    def __init__(self, url: str, programs: list[Program]) -> None:
        self._url = url
        self.programs = programs

    async def owner(self) -> Program:
        partition = Partitions().of(Place("slack", TEAM, ""))
        async with asyncio.timeout(HANG_S):
            while True:
                connection = await asyncpg.connect(self._url)
                name = await connection.fetchval(OF_TEAM, partition)
                await connection.close()
                for program in self.programs:
                    if name is not None and name.endswith(f":{program.pid}"):
                        return program
                await asyncio.sleep(0.05)

    async def shared(self) -> None:
        """Wait until each one has its share."""
        connection, most = await asyncpg.connect(self._url), -(-256 // len(self.programs))
        async with asyncio.timeout(HANG_S):
            while True:
                shares = [row[0] for row in await connection.fetch(SHARES)]
                if sum(shares) == 256 and max(shares) <= most:
                    break
                await asyncio.sleep(0.05)
        await connection.close()

    async def other(self) -> Program:
        owner = await self.owner()
        return next(program for program in self.programs if program is not owner)

    async def moved_from(self, former: Program) -> float:
        """Wait until another one owns the workspace, and return the seconds that it took."""
        began_s = time.monotonic()
        while await self.owner() is former:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)
        return time.monotonic() - began_s


@asynccontextmanager
async def cluster(folder: Path, url: str, settings: dict[str, str], count: int = 2) -> AsyncIterator[Cluster]:
    """Programs that are killed at the end, unless they have ended before: a test stops the one that it looks at."""
    programs = []
    for number in range(count):
        (folder / f"{number}").mkdir()
        programs.append(Program(folder / f"{number}", **settings, DATABASE_URL=url))
        await programs[-1].start()
    try:
        for program in programs:
            await program.ready()
        made = Cluster(url, programs)
        await made.shared()
        yield made
    finally:
        for program in programs:
            with suppress(ProcessLookupError):
                program.send(signal.SIGCONT)  # a frozen process ends when it goes on
            await program.kill()
            program.check_output()


@pytest.fixture
def settings(slack: FakeSlack, endpoint: FakeCompletions) -> dict[str, str]:
    return slack_settings(slack) | model_settings(endpoint)


async def test_each_question_is_answered_once_and_in_order_whoever_hears_it(
    tmp_path: Path, slack: FakeSlack, settings: dict[str, str], postgres_database: str
) -> None:
    async with cluster(tmp_path, postgres_database, settings) as two:
        await two.owner()
        threads = [await slack.say("U1", "C1", f"{AT} question {number}?") for number in range(4)]
        for number, ts in enumerate(threads):
            await answered(slack, "C1", ts, f"question {number}?")
        for number in range(4):
            await slack.say("U1", "C1", f"more {number}?", thread_ts=threads[0])
            await slack.wait_for(partial(_has_heard, slack))  # by whichever: then it is stored
        await answered(slack, "C1", threads[0], "more 3?", count=5)
        found = [answer.visible for answer in answers(slack, "C1", threads[0])]
        assert all(f"more {number}?" in answer for number, answer in enumerate(found[1:]))
        assert [len(answers(slack, "C1", ts)) for ts in threads] == [5, 1, 1, 1]


async def test_an_answer_goes_on_at_the_other_one_when_its_owner_is_killed(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    endpoint.script(Words(words, per_s=8), Words(words, per_s=80))
    async with cluster(tmp_path, postgres_database, settings) as two:
        owner = await two.owner()
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "word5")
        owner.send(signal.SIGKILL)
        await answered(slack, "C1", ts, "word39")
    [answer] = answers(slack, "C1", ts)
    assert answer.visible.startswith(words)
    assert len(endpoint.requests) == 2


async def test_an_answer_goes_on_when_the_server_has_ended_all_sessions(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    endpoint.script(Words(words, per_s=8))
    async with cluster(tmp_path, postgres_database, settings) as two:
        owner = await two.owner()
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "word5")
        await cut_connections(postgres_database)
        await answered(slack, "C1", ts, "word59")
        await slack.say("U1", "C1", "and on?", thread_ts=ts)
        await answered(slack, "C1", ts, "and on?", count=2)
        assert await two.owner() is owner
    assert len(endpoint.requests) == 2, "nothing is asked twice"


async def test_a_frozen_owner_is_followed_and_makes_no_call_when_it_goes_on(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    endpoint.script(Words(words, per_s=4), Words(words, per_s=80))
    async with cluster(tmp_path, postgres_database, settings) as two:
        owner = await two.owner()
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "word3")
        owner.send(signal.SIGSTOP)
        await answered(slack, "C1", ts, "word59")
        edits = len(answers(slack, "C1", ts)[0].history)
        owner.send(signal.SIGCONT)
        await until(lambda: "replica_session_broken" in owner.output)
        await asyncio.sleep(1.0)
        [answer] = answers(slack, "C1", ts)
        assert answer.visible.startswith(words)
        assert len(answer.history) <= edits + 1, "at most the call that was under way, and its repair"
        again = await slack.say("U1", "C1", "and on?", thread_ts=ts)
        await answered(slack, "C1", ts, "and on?", count=2)
        assert again


async def test_who_is_stopped_ends_its_answer_and_hands_over_what_is_quiet_at_once(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
) -> None:
    endpoint.script(Words("a slow answer that ends well", per_s=4))
    async with cluster(tmp_path, postgres_database, settings | {"PARLEY_GRACE_S": "20"}) as two:
        owner = await two.owner()
        ts = await slack.say("U1", "C1", f"{AT} slowly?")
        await answered(slack, "C1", ts, "slow")
        stopping = asyncio.create_task(owner.stop())
        late = await slack.say("U1", "C1", f"{AT} and this?")
        await answered(slack, "C1", ts, "ends well")
        await answered(slack, "C1", late, "and this?")
        assert await stopping == 0
        assert len(endpoint.requests) == 2, "nothing is asked twice"
        assert await two.owner() is not owner


@pytest.mark.parametrize("own_button", [True, False], ids=["ours", "Slack's"])
async def test_stop_reaches_the_owner_from_whoever_hears_of_the_press(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
    *,
    own_button: bool,
) -> None:
    endpoint.default = Words("word " * 400, per_s=10)
    if own_button:
        slack.fail("chat.startStream", times=9, error="unknown_method")
    async with cluster(tmp_path, postgres_database, settings):
        for number in range(4):  # the sockets take turns
            thread = Slack(slack, settings)
            await thread.ask(f"at length {number}")
            await thread.answered("word word")
            if own_button:
                await thread.press("Stop")
            else:
                await slack.stop_session("U2", "C1", thread.thread)
            await thread.answered("Stopped.")
    assert all(request.closed_by_client_at is not None for request in endpoint.requests)


async def test_a_deleted_question_and_a_changed_setting_reach_the_owner(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    settings: dict[str, str],
    postgres_database: str,
) -> None:
    endpoint.default = Words("word " * 400, per_s=10)
    slack.space.people["U1"].is_admin = True
    async with cluster(tmp_path, postgres_database, settings):
        for number in range(4):  # the sockets take turns
            thread = Slack(slack, settings)
            await thread.ask(f"at length {number}")
            await thread.answered("word word")
            await thread.delete()
            async with asyncio.timeout(HANG_S):
                await endpoint.requests[-1].over.wait()
            assert endpoint.requests[-1].closed_by_client_at is not None
        endpoint.default = echo
        for number in range(4):
            before = slack.messages("C1")
            await slack.slash("U1", "C1", "/parley", f"prompt Speak like number {number}.")
            await slack.wait_for(partial(_is_longer, slack, len(before)))
            async with asyncio.timeout(HANG_S):
                while True:
                    ts = await slack.say("U1", "C1", f"{AT} hello {number}?")
                    await answered(slack, "C1", ts, f"hello {number}?")
                    if f"number {number}" in endpoint.requests[-1].body["messages"][0]["content"]:
                        break


def _has_heard(slack: FakeSlack) -> bool:
    return all(envelope.acked for envelope in slack.envelopes)


def _is_longer(slack: FakeSlack, before: int) -> bool:
    return len(slack.messages("C1")) > before


def _has_ended(page: Web) -> bool:
    return page.answers()[-1].buttons != ("Stop",)


async def test_the_page_shows_an_answer_whichever_replica_serves_it(
    tmp_path: Path, endpoint: FakeCompletions, postgres_database: str
) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    endpoint.script(Words(words, per_s=1), Words("word " * 400, per_s=2))
    readers = BackgroundTasks()
    async with (
        cluster(tmp_path, postgres_database, model_settings(endpoint)) as two,
        aiohttp.ClientSession(headers={"Accept-Language": "en"}) as client,
    ):
        try:
            for first in (0, 1):
                pages = [Web(client, program.port, readers) for program in two.programs]
                asked, watching = pages[first], pages[1 - first]
                await asked.ask("count")
                watching.thread = asked.thread
                readers.create_task(watching._read())
                for page in pages:
                    await page.answered("word")
                    assert page.answers()[-1].buttons == ("Stop",)
                if first == 0:
                    endpoint.hurry()
                    for page in pages:
                        await page.answered("word39")
                        await until(partial(_has_ended, page))
                else:
                    await watching.press("Stop")
                    for page in pages:
                        await page.answered("Stopped.")
        finally:
            await readers.close()
