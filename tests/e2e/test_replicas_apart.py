"""A question is answered by one of two programs on one PostgreSQL, and what happens to it is told to the other one: it
is seen all the same, once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from core.commands import FORGET_ME
from core.i18n import phrase
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.e2e.test_approvals import RUN, OnSlack, calling, result
from tests.e2e.test_leaks import QUESTION, Space
from tests.e2e.test_replicas import Cluster
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import FakeSlack
from tests.fakes.slack import Message as SlackMessage

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
async def apart(folder: Path, url: str, slack: FakeSlack, settings: dict[str, str]) -> AsyncIterator[Apart]:
    """Programs whose sockets are known: they start one after the other."""
    sockets: dict[int, Program] = {}
    try:
        for number in range(2):
            (folder / f"{number}").mkdir()
            program = Program(folder / f"{number}", **settings, DATABASE_URL=url)
            await program.start()
            await program.ready()
            await slack.wait_for(partial(_has_sockets, slack, 2 * number + 2))
            sockets |= {one.number: program for one in slack.sockets.open if one.number not in sockets}
        two = Apart(url, slack, sockets)
        await two.shared()
        yield two
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


def _told(slack: FakeSlack, user: str) -> list[SlackMessage]:
    return [one for one in slack.messages("C1") if one.ephemeral_to == user]


def _action(message: SlackMessage, wanted: str) -> str:
    buttons = [part for block in message.blocks for part in block.get("elements", ()) if "action_id" in part]
    return next(str(one["action_id"]) for one in buttons if wanted in one["action_id"])
