"""A question is answered by one of two programs on one PostgreSQL, and what happens to it is told to the other one: it
is seen all the same, once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from core.commands import FORGET_ME
from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_approvals import RUN, OnSlack, calling, result
from tests.e2e.test_budgets import FINE, LIMIT
from tests.e2e.test_leaks import QUESTION, Space
from tests.e2e.test_references import CLOSING, NO_MONEY, OPENING, command
from tests.e2e.test_replicas import Cluster
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words, closed_port_url
from tests.fakes.slack import TEAM, FakeSlack
from tests.fakes.slack import Message as SlackMessage
from tests.waiting import HANG_S, until

APPROVE = phrase("approval_approve", "en")


class Apart(Cluster):
    """Two programs, of which one is given the events of Slack."""

    def __init__(self, url: str, slack: FakeSlack, sockets: dict[int, Program]) -> None:
        super().__init__(url, list(dict.fromkeys(sockets.values())))
        self._slack = slack
        self._sockets = sockets

    async def hears(self, program: Program) -> None:
        """Slack's events come to that one from now on, once those before are taken."""
        await self._slack.wait_for(partial(_are_taken, self._slack))
        self._slack.sockets.to = frozenset(number for number, one in self._sockets.items() if one is program)

    async def owner_hears(self) -> None:
        await self.hears(await self.owner())

    async def other_hears(self) -> None:
        await self.hears(await self.other())


@asynccontextmanager
async def apart(
    folder: Path, url: str, slack: FakeSlack, settings: dict[str, str], toml: str = ""
) -> AsyncIterator[Apart]:
    """Programs whose sockets are known: they start one after the other. `toml`: what is in their parley.toml."""
    sockets: dict[int, Program] = {}
    try:
        for number in range(2):
            (folder / f"{number}").mkdir()
            if toml:
                (folder / f"{number}" / "parley.toml").write_text(toml)
            program = Program(folder / f"{number}", **settings, DATABASE_URL=url)
            await program.start()
            await program.ready()
            await slack.wait_for(partial(_has_sockets, slack, 2 * number + 2))
            sockets |= {one.number: program for one in slack.sockets.open if one.number not in sockets}
        two = Apart(url, slack, sockets)
        await two.shared()
        yield two
    except BaseException:
        for program in dict.fromkeys(sockets.values()):
            print(program.output)
        raise
    finally:
        for program in dict.fromkeys(sockets.values()):
            with suppress(ProcessLookupError):
                program.send(signal.SIGCONT)
            await program.kill()
            program.check_output()


def _has_sockets(slack: FakeSlack, count: int) -> bool:
    return len(slack.sockets.open) >= count


def _are_taken(slack: FakeSlack) -> bool:
    return all(envelope.acked for envelope in slack.envelopes)


async def test_a_request_is_approved_once_or_asked_anew_whoever_hears_of_it(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    room = OnSlack(slack, "en")
    endpoint.script(calling(), Words("It can't be read."), calling(2), Words("Never mind."))
    async with apart(tmp_path, postgres_database, slack, room.settings | model_settings(endpoint)) as two:
        await two.other_hears()
        await room.allow_links()
        await two.owner_hears()
        await room.ask("what does it say?")
        await room.asks(APPROVE, *(phrase(f"approval_{one}", "en") for one in ("deny", "arguments")))

        await two.other_hears()
        await room.press(APPROVE)
        await room.answered("It can't be read.")
        assert RUN in result(endpoint, 1)
        await two.owner_hears()
        await room.ask("and now?")
        await room.asks(APPROVE, *(phrase(f"approval_{one}", "en") for one in ("deny", "arguments")))
        await two.other_hears()
        await slack.edit("U1", "C1", slack.thread("C1", room.thread)[-2].ts, "and what now?")
        await room.answered("Never mind.")
        assert "and what now?" in str(endpoint.requests[-1].body["messages"][-1])
        await two.owner_hears()

    assert len(endpoint.requests) == 4, "nothing is asked twice"


async def test_a_person_is_forgotten_who_confirms_it_to_the_other_one(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    room = OnSlack(slack, "en")
    async with apart(tmp_path, postgres_database, slack, room.settings | model_settings(endpoint)) as two:
        await two.owner_hears()
        await room.ask("where is the zebra?")
        await slack.wait_for(lambda: len(slack.thread("C1", room.thread)) > 1)
        await slack.slash("U1", "C1", "/parley", "forget me")
        asked = await slack.wait_for(partial(_told, slack, "U1"))
        await two.other_hears()
        await slack.press("U1", "C1", asked[-1].ts, _action(asked[-1], FORGET_ME))
        await slack.wait_for(lambda: len(_told(slack, "U1")) > 1)
    assert "Your messages (1) are deleted" in _told(slack, "U1")[-1].visible


async def test_who_left_a_private_channel_has_its_answers_no_more_whoever_hears_of_it(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    space = Space(slack, endpoint)
    async with apart(tmp_path, postgres_database, slack, space.settings) as two:
        await two.owner_hears()
        await space.source("G1")
        assert QUESTION in await space.offered("D1", tries=9)
        await two.other_hears()
        await slack.leave("U1", "G1")
        await two.owner_hears()
        assert QUESTION not in await space.offered("D1")


async def test_a_person_has_one_limit_a_minute_whoever_hears_the_questions(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_RATE": "2"}
    refused = phrase("limited", "en", wait="\0").partition("\0")[0]
    async with apart(tmp_path, postgres_database, slack, settings) as two:
        for number, hears in enumerate((two.owner_hears, two.other_hears, two.owner_hears, two.other_hears)):
            await hears()
            ts = await slack.say("U1", "C1", f"{AT} question {number}?")
            if number < 2:
                await answered(slack, "C1", ts, f"question {number}?")
            elif number == 2:
                await slack.wait_for(lambda: any(refused in one.visible for one in slack.messages("C1")))
        ts = await slack.say("U2", "C1", f"{AT} another person's?")
        await answered(slack, "C1", ts, "another person's?")
    assert len(endpoint.requests) == 3
    replies = [one for one in slack.messages("C1") if refused in one.visible]
    assert len(replies) == 1, "no flood of questions becomes one of replies"


async def test_a_budget_is_one_for_both_and_is_lifted_at_either(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    endpoint.default = FINE
    slack.space.people["U1"].is_admin = True
    settings = slack_settings(slack) | model_settings(endpoint) | LIMIT | {"PARLEY_ALERT_CHANNEL": "slack:C2"}
    async with apart(tmp_path, postgres_database, slack, settings) as two:
        for number, hears in enumerate((two.owner_hears, two.other_hears)):
            await hears()
            ts = await slack.say("U1", "C1", f"{AT} question {number}?")
            await answered(slack, "C1", ts, "Here I am.")
            await _have_ended(postgres_database)
        await two.owner_hears()
        await slack.say("U1", "C1", f"{AT} question 2?")
        await slack.wait_for(lambda: any("used up" in one.visible for one in _told(slack, "U1")))
        alert = await slack.wait_for(lambda: [one for one in slack.messages("C2") if one.buttons])
        await two.other_hears()
        await slack.say("U1", "C1", f"{AT} question 3?")
        await slack.press("U1", "C2", alert[0].ts, _action(alert[0], "budget_lift"))
        await slack.wait_for(lambda: any("200 tokens" in one.visible for one in slack.messages("C2")))
        await two.owner_hears()
        ts = await slack.say("U1", "C1", f"{AT} question 4?")
        await answered(slack, "C1", ts, "Here I am.")
        assert len([one for one in slack.messages("C2") if "was used up" in one.visible]) == 1
    assert len(endpoint.requests) == 3


async def _have_ended(url: str) -> None:
    """Wait until every answer is stored: it is shown before."""
    connection = await asyncpg.connect(url)
    counting = "SELECT count(*) FROM turns WHERE state IN ('waiting', 'running')"
    async with asyncio.timeout(HANG_S):
        while await connection.fetchval(counting):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await connection.close()


async def test_an_alert_that_both_raise_is_posted_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_ALERT_CHANNEL": "slack:C2"}
    tools = f'[[tools]]\nname = "notes"\nurl = "{closed_port_url()}"\n'
    async with apart(tmp_path, postgres_database, slack, settings, tools) as two:
        for program in two.programs:
            await until(partial(_says, program, "alert_raised"))
            await until(partial(_says, program, "posted"))
        await slack.wait_for(lambda: slack.messages("C2"))
        ts = await slack.say("U1", "C1", f"{AT} anything else?")
        await answered(slack, "C1", ts, "anything else?")
        assert len([one for one in slack.messages("C2") if "notes" in one.visible]) == 1
        assert [await program.state() for program in two.programs]
        posted = [program for program in two.programs if " alert_posted" in program.output]
        assert len(posted) == 1, "the other one knows that it is not posted by itself"


def _says(program: Program, words: str) -> bool:
    return words in program.output


async def test_who_is_stopped_hands_over_what_waits_for_a_person_and_nothing_is_asked_twice(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    room = OnSlack(slack, "en")
    words = " ".join(f"word{number}" for number in range(24))
    endpoint.script(calling(), Words(words, per_s=8), Words("behind it"), Words("It can't be read."))
    settings = room.settings | model_settings(endpoint) | {"PARLEY_GRACE_S": "20"}
    async with apart(tmp_path, postgres_database, slack, settings) as two:
        await room.allow_links()
        await two.owner_hears()
        await room.ask("what does it say?")
        await room.asks(APPROVE, *(phrase(f"approval_{one}", "en") for one in ("deny", "arguments")))
        slow = await slack.say("U2", "C1", f"{AT} slowly?")
        await answered(slack, "C1", slow, "word3")
        await slack.say("U2", "C1", "and then?", thread_ts=slow)
        owner = await two.owner()
        await two.other_hears()
        stopping = asyncio.create_task(owner.stop())
        await answered(slack, "C1", slow, "behind it", count=2)
        assert await stopping == 0
        await room.press(APPROVE)
        await room.answered("It can't be read.")
        assert RUN in result(endpoint, 3)
        assert answers(slack, "C1", slow)[0].visible.startswith(words)
    assert len(endpoint.requests) == 4, "nothing is asked twice"


async def test_what_was_missed_is_read_by_who_answers_and_answered_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    (tmp_path / "before").mkdir()
    async with Program(tmp_path / "before", **settings, DATABASE_URL=postgres_database):
        ts = await slack.say("U1", "C1", f"{AT} before?")
        await answered(slack, "C1", ts, "before?")
    slack.space.lose_events = True
    await slack.say("U1", "C1", "meanwhile?", thread_ts=ts)
    slack.space.lose_events = False
    before = len(_reads(slack, ts))
    async with apart(tmp_path, postgres_database, slack, settings) as two:
        await answered(slack, "C1", ts, "meanwhile?", count=2)
        await slack.say("U1", "C1", "and on?", thread_ts=ts)
        await answered(slack, "C1", ts, "and on?", count=3)
        gains = sum(program.output.count("partitions_gained") for program in two.programs)
    assert 1 <= len(_reads(slack, ts)) - before <= gains, "each owner reads once"
    assert len(answers(slack, "C1", ts)) == 3


def _reads(slack: FakeSlack, ts: str) -> list[object]:
    """The reads of a thread from a moment on."""
    read = slack.called("conversations.replies")
    return [call for call in read if call.args.get("ts") == ts and call.args.get("oldest")]


async def test_the_commands_of_operators_work_beside_both_and_a_restore_names_them(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_SUMMARY_CHANNELS": "slack:C2"}
    endpoint.script(NO_MONEY, Words("better late"))
    async with apart(tmp_path, postgres_database, slack, settings) as two:
        ts = await slack.say("U1", "C1", f"{AT} why?")
        await slack.wait_for(lambda: any(OPENING in one.visible for one in answers(slack, "C1", ts)))
        ref = answers(slack, "C1", ts)[0].visible.rpartition(OPENING)[2].removesuffix(CLOSING)
        told = await _stored(two.programs[0], "retry", ref)
        assert told.endswith("asks the question of turn 1 again: one of the 2 running begins it now\n")
        await answered(slack, "C1", ts, "better late", count=2)
        assert "slack:C2: posted" in await command(two.programs[1], "summary", "--now")
        assert len(slack.messages("C2")) == 1
        connection = await asyncpg.connect(postgres_database)
        assert await connection.fetchval("SELECT team FROM turns WHERE channel = 'C2'") == TEAM
        await connection.close()
        refused = await command(two.programs[0], "restore", "parley.dump", status=2)
    assert refused.startswith("parley: DATABASE_URL: 2 `parley run` work on this database (")
    assert refused.endswith("): stop all of them first, then restore\n")
    assert refused.count("\n") == 1
    assert "PostgreSQL is restored by its own program" in await command(
        two.programs[0], "restore", "parley.dump", status=2
    )


async def _stored(program: Program, *arguments: str) -> str:
    """The output of a command, once the failure that it names is stored: its reference is shown before."""
    async with asyncio.timeout(HANG_S):
        while True:
            beside = Program(program.folder, **program.settings)
            await beside.start(*arguments)
            if await beside.end() == 0:
                return beside.output
            assert "no failure has the reference" in beside.output


def _told(slack: FakeSlack, user: str) -> list[SlackMessage]:
    return [one for one in slack.messages("C1") if one.ephemeral_to == user]


def _action(message: SlackMessage, wanted: str) -> str:
    buttons = [part for block in message.blocks for part in block.get("elements", ()) if "action_id" in part]
    return next(str(one["action_id"]) for one in buttons if wanted in one["action_id"])
