"""The class of apps that may read one page of 15 messages a minute: learnt from Slack's refusals."""

from __future__ import annotations

import pytest

from bots.slack.read_limits import ReadLimits
from bots.slack.web import Web
from core.errors import Code, PlatformError
from tests.fakes.clock import FakeClock
from tests.fakes.slack import RESTRICTED, FakeSlack

METHOD = "conversations.history"
ASKED = {"channel": "C1", "limit": 200}


class Reader:
    """A workspace whose clock and Slack's go together."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack, self.clock = slack, FakeClock()
        self.web = Web(slack.bot_token, slack.api_url)
        self.limits = self.web.reads = ReadLimits(self.clock)

    async def read(self) -> int:
        """The number of messages that one read gives."""
        return len((await self.web.read(METHOD, dict(ASKED)))["messages"])

    async def refused(self) -> float:
        """The wait that a refusal names."""
        with pytest.raises(PlatformError) as refused:
            await self.read()
        assert refused.value.code is Code.SLOW_DOWN
        assert refused.value.retry_after_s is not None
        return refused.value.retry_after_s

    async def later(self, seconds: float) -> None:
        self.slack.clock.advance(seconds)
        await self.clock.advance(seconds)


async def test_an_app_that_may_read_one_page_a_minute_learns_it_from_one_refusal(slack: FakeSlack) -> None:
    slack.limits = RESTRICTED
    reader = Reader(slack)
    for number in range(30):
        await slack.say("U1", "C1", f"line {number}")
    await reader.read()
    assert await reader.refused() > 30
    assert reader.limits.few
    called = len(slack.called(METHOD))
    await reader.refused()
    assert len(slack.called(METHOD)) == called, "no call is made before the time that Slack has named"
    await reader.later(61)
    assert await reader.read() == 15
    assert slack.called(METHOD)[-1].args["limit"] == "15"
    assert 59 < await reader.refused() <= 60
    assert slack.refused[METHOD] == 1, "it asks once a minute from then on"
    await reader.web.close()


async def test_an_app_that_may_read_fifty_does_not_learn_it_from_many_reads(slack: FakeSlack) -> None:
    reader = Reader(slack)
    for _ in range(5):
        await reader.read()
    slack.fail(METHOD, retry_after=40)
    assert await reader.refused() == 40
    assert not reader.limits.few
    await reader.later(41)
    await reader.read()
    assert slack.called(METHOD)[-1].args["limit"] == "200"
    await reader.web.close()


async def test_a_day_later_it_tries_whether_it_may_read_more(slack: FakeSlack) -> None:
    reader = Reader(slack)
    slack.fail(METHOD, retry_after=60)
    await reader.refused()
    assert reader.limits.few
    await reader.later(24 * 3_600 + 1)
    await reader.read()
    assert slack.called(METHOD)[-1].args["limit"] == "200"
    await reader.web.close()
