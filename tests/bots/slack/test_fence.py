"""A replica that was frozen sends nothing that waited in it while another took its places over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bots.slack.installation import SlackInstallation
from bots.slack.web import FixedToken, Web
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    PostMessage,
    StartStream,
    StopStream,
    UploadFile,
)
from core.values.places import Place
from tests.fakes.clock import FakeClock
from tests.fakes.lease import LEASE_S, Lease
from tests.fakes.slack import FakeSlack
from tests.waiting import until


class SlowToken(FixedToken):
    """Is there once it is `given`: tokens that are renewed have to be fetched."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.given = asyncio.Event()
        self.given.set()
        self.asked = False

    async def get(self) -> str:
        self.asked = True
        await self.given.wait()
        return await super().get()


class Rig:
    """An installation whose calls wait for their token."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack, self.clock = slack, FakeClock()
        self.token = SlowToken(slack.bot_token)
        self.installation = SlackInstallation(Web(self.token, slack.api_url), self.clock, lambda: True)
        self.lease = Lease(self.clock)
        self.late: list[OutgoingCall] = []
        self.calls = PlatformCalls(
            self.installation, owner=self.lease, on_late=lambda call, _: self.late.append(call)
        )

    @property
    def sent(self) -> list[str]:
        return [call.method for call in self.slack.calls]

    async def wake_with(self, call: OutgoingCall) -> asyncio.Task[str]:
        """Begin `call`, and return when it has been frozen, has woken, and waits for the lease."""
        self.token.given.clear()
        self.token.asked = False
        task = asyncio.create_task(self.calls.perform(call))
        await until(lambda: self.token.asked)
        await self.clock.advance(LEASE_S)
        self.token.given.set()
        await until(lambda: self.lease.waits or task.done())
        return task


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with FakeSlack() as slack:
        rig = Rig(slack)
        yield rig
        await rig.installation.close()


Make = Callable[[Place, str], OutgoingCall]
MAKE: dict[str, Make] = {
    "post": lambda place, _: PostMessage(place, Page("more"), "k2"),
    "edit": lambda place, ts: EditMessage(place, ts, Page("An engine.")),
    "delete": DeleteMessage,
    "start": lambda place, _: StartStream(place, "A", "k2", reader="U1"),
    "append": lambda place, ts: AppendStream(place, ts, "B", after="A"),
    "stop": lambda place, ts: StopStream(place, ts, "k1"),
    "upload": lambda place, _: UploadFile(place, "answer.md", b"words", "k2"),
}


@pytest.mark.parametrize("kind", MAKE)
async def test_a_call_that_waited_through_a_freeze_is_not_sent_where_another_answers(
    rig: Rig, kind: str
) -> None:
    root = await rig.slack.say("U1", "C1", "what is a loom?")
    place = Place("slack", "T1", "C1", root)
    posted = await rig.calls.perform(PostMessage(place, Page("A machine."), "k1"))
    before = rig.sent
    task = await rig.wake_with(MAKE[kind](place, posted))
    rig.lease.lost = True
    await rig.clock.advance(1.0)
    with pytest.raises(PlatformError, match="another replica"):
        await task
    assert rig.sent == before
    assert rig.late == []


async def test_a_call_that_waited_through_a_freeze_is_sent_once_where_nobody_else_has_answered(
    rig: Rig,
) -> None:
    root = await rig.slack.say("U1", "C1", "what is a loom?")
    place = Place("slack", "T1", "C1", root)
    posted = await rig.calls.perform(PostMessage(place, Page("A machine."), "k1"))
    task = await rig.wake_with(EditMessage(place, posted, Page("An engine.")))
    assert not task.done()
    rig.lease.renew()
    await rig.clock.advance(1.0)
    assert await task == posted
    assert rig.sent.count("chat.update") == 1


async def test_nobody_is_told_after_a_freeze_that_an_answer_is_written_here(rig: Rig) -> None:
    place = Place("slack", "T1", "C1", await rig.slack.say("U1", "C1", "what is a loom?"))
    await rig.calls.typing(place)
    before = rig.sent
    assert before
    rig.token.given.clear()
    rig.token.asked = False
    hint = asyncio.create_task(rig.calls.typing(place))
    await until(lambda: rig.token.asked)
    await rig.clock.advance(LEASE_S)
    rig.token.given.set()
    await hint
    assert rig.sent == before
