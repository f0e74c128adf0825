"""One platform's trouble stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
import structlog

from bots.supervisor import DISCONNECTED_ALERT_S, LONGEST_PAUSE_S, Supervisor
from core.errors import Code, PlatformError
from core.operators.alerts import OperatorAlerts
from core.operators.metrics import Metrics
from core.ports.connector import Inbox
from core.values.tasks import Alert
from tests.fakes.clock import FakeClock
from tests.fakes.platform import MemoryPlatform

log = structlog.get_logger()

REFUSED = PlatformError(Code.BAD_TOKEN, "SLACK_BOT_TOKEN: Slack does not accept it")
NOBODY = cast("Inbox", None)


class Restless(MemoryPlatform):
    """Its `run` ends with `ending` as soon as that is set."""

    def __init__(self, name: str, *, up: bool = True) -> None:
        super().__init__()
        self.name = name
        self.works = up
        self.up = False
        self.ending: Exception | None = None
        self.starts = 0
        self.ends = asyncio.Event()

    def end(self, error: Exception | None) -> None:
        self.ending = error
        self.ends.set()

    async def run(self, inbox: Inbox) -> None:
        self.starts += 1
        try:
            if self.ending is None:
                self.up = self.works
                self.ends.clear()
                await self.ends.wait()
            assert self.ending is not None
            raise self.ending
        finally:
            self.up = False


class Operators:
    """The alerts that operators got."""

    def __init__(self, clock: FakeClock) -> None:
        self.alerts: list[Alert] = []
        self.metrics = Metrics()
        self.operator_alerts = OperatorAlerts(clock, self.metrics.count, self._post)

    async def _post(self, alert: Alert) -> bool:
        self.alerts.append(alert)
        return True

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def told(self) -> list[tuple[str, Code, bool]]:
        return [(alert.what, alert.code, alert.over) for alert in self.alerts]


@asynccontextmanager
async def supervised(
    *platforms: Restless,
) -> AsyncIterator[tuple[Supervisor, FakeClock, Operators, asyncio.Task[None]]]:
    clock = FakeClock()
    operators = Operators(clock)
    supervisor = Supervisor(platforms, clock, operators.operator_alerts, operators.metrics.gauge)
    running = asyncio.create_task(supervisor.run(NOBODY))
    await clock.advance(1)
    yield supervisor, clock, operators, running
    running.cancel()
    with suppress(asyncio.CancelledError, PlatformError):
        await running


async def test_a_platform_whose_token_is_revoked_is_down_and_comes_back_while_the_other_goes_on() -> None:
    slack, discord = Restless("slack"), Restless("discord")
    async with supervised(slack, discord) as (supervisor, clock, operators, running):
        slack.end(REFUSED)
        await clock.advance(60)
        assert supervisor.reasons() == {"slack": REFUSED.detail}
        assert not running.done()
        assert discord.up
        assert discord.starts == 1
        assert operators.told == [("platform slack", Code.BAD_TOKEN, False)]
        slack.end(None)
        await clock.advance(LONGEST_PAUSE_S + 1)
        assert slack.up
        assert supervisor.reasons() == {}
        assert operators.told[-1] == ("platform slack", Code.BAD_TOKEN, True)


async def test_the_pauses_between_two_starts_grow_to_a_limit_and_begin_anew_after_a_success() -> None:
    slack, discord = Restless("slack"), Restless("discord")
    async with supervised(slack, discord) as (_, clock, _, _):
        slack.end(REFUSED)
        await clock.advance(10 * 60)
        assert 600 / LONGEST_PAUSE_S <= slack.starts <= 600 / LONGEST_PAUSE_S + 7
        slack.end(None)
        await clock.advance(LONGEST_PAUSE_S + 1)
        before = slack.starts
        slack.end(REFUSED)
        await clock.advance(3.5)
        assert slack.starts == before + 2


@pytest.mark.parametrize("names", [("slack",), ("slack", "discord")])
async def test_only_where_every_platform_refuses_its_token_at_the_start_the_program_ends(
    names: tuple[str, ...],
) -> None:
    platforms = [Restless(name) for name in names]
    for platform in platforms:
        platform.ending = REFUSED
    async with supervised(*platforms) as (_, _, _, running):
        with pytest.raises(PlatformError) as raised:
            await running
        assert raised.value is REFUSED


async def test_a_bad_token_at_the_start_does_not_end_what_still_connects() -> None:
    slack, discord = Restless("slack"), Restless("discord", up=False)
    slack.ending = REFUSED
    async with supervised(slack, discord) as (supervisor, clock, _, running):
        await clock.advance(30)
        assert not running.done()
        assert set(supervisor.reasons()) == {"slack"}


async def test_a_defect_of_one_platform_is_told_and_does_not_end_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slack = Restless("slack")
    async with supervised(slack) as (supervisor, clock, operators, running):
        slack.end(RuntimeError("a defect"))
        await clock.advance(0.5)
        assert supervisor.reasons() == {"slack": "RuntimeError"}
        assert operators.told == [("platform slack", Code.INTERNAL, False)]
        slack.end(None)
        await clock.advance(3)
        assert slack.up
        assert not running.done()


async def test_a_connection_that_stays_away_is_an_alert_after_a_minute() -> None:
    slack = Restless("slack")
    async with supervised(slack) as (_, clock, operators, _):
        slack.up = False
        await clock.advance(DISCONNECTED_ALERT_S - 2)
        assert operators.told == []
        await clock.advance(4)
        assert operators.told == [("platform slack", Code.UNAVAILABLE, False)]
        slack.up = True
        await clock.advance(1)
        assert operators.told[-1] == ("platform slack", Code.UNAVAILABLE, True)


async def test_the_reason_why_a_platform_is_not_connected_yet_is_known() -> None:
    class Troubled(Restless):
        trouble = "slack.com can't be reached: its name can't be resolved"

    slack = Troubled("slack")
    async with supervised(slack) as (supervisor, clock, _, _):
        slack.up = False
        await clock.advance(1)
        assert supervisor.reasons() == {"slack": slack.trouble}
        assert [state.reason for state in supervisor.states()] == [slack.trouble]
        slack.up = True
        await clock.advance(1)
        assert supervisor.reasons() == {}


async def test_every_connection_of_a_platform_is_logged_and_so_is_its_loss() -> None:
    slack = Restless("slack")
    with structlog.testing.capture_logs() as logs:
        async with supervised(slack) as (_, clock, _, _):
            for up in (False, True):
                slack.up = up
                await clock.advance(1)
    assert [(line["event"], line["platform"]) for line in logs] == [
        ("platform_connected", "slack"),
        ("platform_disconnected", "slack"),
        ("platform_connected", "slack"),
    ]


async def test_a_log_event_of_a_running_platform_has_its_name() -> None:
    class Logging(Restless):
        async def run(self, inbox: Inbox) -> None:
            log.info("run_begun")
            await super().run(inbox)

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        async with supervised(Logging("slack"), Logging("discord")):
            pass
    assert [line["platform"] for line in logs if line["event"] == "run_begun"] == ["slack", "discord"]


async def test_metrics_say_which_platform_is_up() -> None:
    slack, discord = Restless("slack"), Restless("discord")
    async with supervised(slack, discord) as (_, clock, operators, _):
        slack.end(REFUSED)
        await clock.advance(1)
        assert operators.counted("parley_platform_up", platform="discord") == 1
        assert operators.counted("parley_platform_up", platform="slack") == 0


async def test_the_gauge_of_a_platform_is_set_when_it_changes_alone() -> None:
    clock, slack, values = FakeClock(), Restless("slack"), list[float]()
    supervisor = Supervisor(
        [slack], clock, Operators(clock).operator_alerts, lambda _name, _labels, value: values.append(value)
    )
    running = asyncio.create_task(supervisor.run(NOBODY))
    await clock.advance(60)
    slack.up = False
    await clock.advance(60)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert values in ([1.0, 0.0], [0.0, 1.0, 0.0])  # it may be seen before it is connected
