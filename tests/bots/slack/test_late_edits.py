"""Edits that come before another process has stored their message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bots.slack.late_edits import PAUSES_S
from core.values.events import Deleted, Edited, Event, Outcome, Receipt
from core.values.places import Place
from tests.bots.slack.installing import Host
from tests.fakes.clock import FakeClock
from tests.fakes.inbox import RecordingInbox
from tests.fakes.memory import MemoryStore
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.teams import FakeSlackApp
from tests.waiting import until


class Inbox(RecordingInbox):
    """`known`: the messages of edits are stored."""

    known = False

    async def respond(self, event: Event) -> Receipt:
        return Receipt(Outcome.NOTED if self.known or not isinstance(event, Edited) else Outcome.UNKNOWN)

    @property
    def words(self) -> list[str]:
        return [event.text for event in self.of(Edited)]


class Process:
    """One that hears of edits alone: their messages are heard by another one."""

    def __init__(self, host: Host, slack: FakeSlack, clock: FakeClock, inbox: Inbox) -> None:
        self.host, self.slack, self.clock, self.inbox = host, slack, clock, inbox

    async def edited(self, *texts: str) -> str:
        """Say something that does not concern the inbox, and edit it. Returns its id once all that was taken."""
        ts = await self.slack.say("U1", "C1", "frist")
        for text in texts:
            await self.slack.edit("U1", "C1", ts, text)
        await self._taken()
        return ts

    async def _taken(self) -> None:
        await until(lambda: all(one.acked for one in self.slack.envelopes))


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    clock, inbox = FakeClock(datetime.now(UTC)), Inbox()  # requests are signed with the time
    async with FakeSlackApp() as app:
        app.add_team("T1", "Loom")
        async with Host(app, MemoryStore(), clock, inbox=inbox).running() as host:
            await host.install("T1")
            inbox.concerned = False
            yield Process(host, app.teams["T1"], clock, inbox)


async def test_an_edit_in_a_thread_that_another_process_stores_just_after_it_is_taken_then(
    process: Process,
) -> None:
    ts = await process.edited("first")
    assert process.inbox.events == []
    await process.clock.advance(PAUSES_S[0])
    assert process.inbox.events == []
    process.inbox.concerned = process.inbox.known = True
    await process.clock.advance(PAUSES_S[1])
    await until(lambda: bool(process.inbox.events))
    assert process.inbox.events == [Edited(Place("slack", "T1", "C1", ts), ts, "first")]
    await process.clock.advance(60)
    assert len(process.inbox.events) == 1, "once"


async def test_an_edit_of_an_unknown_message_in_a_known_thread_is_taken_again_until_it_is_stored(
    process: Process,
) -> None:
    process.inbox.concerned = True
    ts = await process.slack.say("U1", "C1", "frist")
    await process.slack.edit("U1", "C1", ts, "first")
    await until(lambda: process.inbox.words == ["first"])
    process.inbox.known = True
    await process.clock.advance(PAUSES_S[0])
    await until(lambda: process.inbox.words == ["first"] * 2)
    await process.clock.advance(60)
    assert process.inbox.words == ["first"] * 2


async def test_an_earlier_edit_never_replaces_the_words_of_a_later_one(process: Process) -> None:
    await process.edited("first", "first of all")
    process.inbox.concerned = process.inbox.known = True
    await process.clock.advance(PAUSES_S[0])
    await until(lambda: bool(process.inbox.events))
    await process.clock.advance(60)
    assert process.inbox.words == ["first of all"]


async def test_an_edit_of_a_message_that_nobody_stores_is_given_up(process: Process) -> None:
    await process.edited("first")
    await process.clock.advance(sum(PAUSES_S))
    process.inbox.concerned = True
    await process.clock.advance(60)
    assert process.inbox.events == []


async def test_an_edit_of_an_old_message_is_taken_once(process: Process) -> None:
    ts = await process.slack.say("U1", "C1", "frist", at=1_700_000_000.0)
    await process.slack.edit("U1", "C1", ts, "first")
    await process._taken()
    process.inbox.concerned = process.inbox.known = True
    await process.clock.advance(60)
    assert process.inbox.events == []


async def test_a_deleted_message_is_not_edited_afterwards(process: Process) -> None:
    ts = await process.edited("first")
    await process.slack.delete("U1", "C1", ts)
    await until(lambda: bool(process.inbox.of(Deleted)))
    process.inbox.concerned = process.inbox.known = True
    await process.clock.advance(60)
    assert process.inbox.words == []
