"""Timers: which reports are submitted when, and what happens where the store or a platform is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from structlog.testing import capture_logs

from bots.timers import Timers, TimerSettings
from core.errors import StoreError
from core.settings.environment import CoreSettings
from core.spend.periods import PeriodName, period_at
from core.values.conversation import Ask, TurnState
from core.values.places import Person, Place
from core.values.tasks import ReportScope, ReportUsage
from core.values.turn_ends import Finish
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
C1 = Place("slack", "T1", "C1")
ADMIN = Person("U1")


Period = Literal["daily", "weekly", "monthly"]


class App:
    """Timers over a ledger: `submitted` are the asks that were new."""

    def __init__(self, channels: str = "slack:C1,discord:200", period: Period = "daily") -> None:
        self.store, self.clock = MemoryStore(), FakeClock(NOW)
        self.submitted: list[Ask] = []
        self.away = False
        self.teams = {"slack": "T1", "discord": "900"}
        self.settings = TimerSettings(
            parley_summary_channels=channels,
            parley_summary_at="09:00 Europe/Berlin",
            parley_summary_period=period,
        )
        self.timers = self.again()

    async def _submit(self, ask: Ask) -> None:
        if self.away:
            raise StoreError("away")
        if await self.store.accept(ask) is not None:
            self.submitted.append(ask)

    async def _addressed(self, place: Place) -> Place | None:
        team = self.teams.get(place.platform, "")
        return replace(place, team=team) if team else None

    def again(self) -> Timers:
        """The timers of a new process."""
        core = CoreSettings(parley_time_zone="Europe/Berlin")
        made = Timers(self.settings, core, ["slack"], self.store, self._submit, self.clock, self._addressed)
        self.timers = made
        return made

    async def asked(self, at: datetime, channel: str = "C1") -> None:
        question = Ask(f"m{at}", Place("slack", "T1", channel, "1.0"), ADMIN, "why?", at, addressed=True)
        turn = await self.store.accept(question)
        assert turn is not None
        await self.store.finish(Finish(turn, TurnState.DONE, "so", model="m"))

    async def change(self, at: datetime, **settings: str) -> None:
        await self.store.change(C1, settings, ADMIN, at)

    def tasks(self) -> list[ReportUsage]:
        return [ask.task for ask in self.submitted if isinstance(ask.task, ReportUsage)]


async def test_the_last_missed_report_is_submitted_at_the_start_once_for_each_channel() -> None:
    app = App()
    await app.asked(YESTERDAY)
    for _ in range(3):
        timers = app.again()
        await timers.start()
        await asyncio.sleep(0.05)
        timers.stop()
        app.clock = FakeClock(app.clock.now() + timedelta(hours=1))
    assert [ask.place.channel for ask in app.submitted] == ["C1", "200"]
    day = period_at(PeriodName.DAY, YESTERDAY, BERLIN)
    for ask in app.submitted:
        assert ask.task == ReportUsage(day.since, day.until, "day", "Europe/Berlin", ReportScope.ALL)
    assert len({ask.key for ask in app.submitted}) == 2


async def test_a_period_without_questions_has_no_report() -> None:
    app = App()
    await app.asked(NOW - timedelta(hours=1))  # of today
    await app.timers.look()
    assert app.submitted == []


async def test_operators_choose_the_period() -> None:
    app = App("slack:C1", "weekly")
    await app.asked(NOW - timedelta(days=7))
    await app.timers.look()
    (task,) = app.tasks()
    assert (task.period, task.until - task.since) == ("week", timedelta(days=7))


async def test_a_report_waits_for_the_database_and_says_so() -> None:
    app = App()
    await app.asked(YESTERDAY)
    app.away = True
    with capture_logs() as logs:
        await app.timers.look()
    assert [entry["event"] for entry in logs] == ["usage_summary_delayed"]
    assert app.submitted == []
    app.away = False
    await app.timers.look()
    assert [ask.place.platform for ask in app.submitted] == ["slack", "discord"]


async def test_a_report_waits_for_the_team_of_its_channel_and_holds_up_no_other() -> None:
    app = App()
    app.teams["slack"] = ""
    await app.asked(YESTERDAY)
    await app.timers.look()
    assert [ask.place.key for ask in app.submitted] == ["discord/900/200/"]
    app.teams["slack"] = "T1"
    await app.timers.look()
    assert [ask.place.key for ask in app.submitted[1:]] == ["slack/T1/C1/"]


async def test_a_channel_that_asks_for_a_report_gets_it_from_then_on_without_a_restart() -> None:
    app = App("")
    await app.asked(YESTERDAY)
    await app.timers.look()
    await app.change(NOW - timedelta(minutes=1), report="daily")
    await app.timers.look()
    assert app.submitted == [], "today's was due before anybody asked for it"
    await app.asked(NOW)
    await app.clock.advance(86_400)
    await app.timers.look()
    (task,) = app.tasks()
    assert task.scope is ReportScope.CHANNEL
    assert task.since <= NOW < task.until
    await app.change(app.clock.now(), report="off")
    await app.asked(app.clock.now())
    await app.clock.advance(86_400)
    await app.timers.look()
    assert len(app.submitted) == 1


async def test_a_channel_chooses_the_time_the_scope_and_its_workspace_the_time_zone() -> None:
    app = App("")
    await app.change(NOW - timedelta(days=30), report="weekly", report_at="17:30", report_scope="workspace")
    await app.store.change(replace(C1, channel=""), {"time_zone": "Asia/Kathmandu"}, ADMIN, NOW)
    await app.asked(NOW - timedelta(days=7), channel="C2")
    await app.timers.look()
    (ask,) = app.submitted
    assert ask.place == C1
    assert ask.at == datetime(2026, 3, 9, 17, 30, tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert isinstance(ask.task, ReportUsage)
    assert (ask.task.scope, ask.task.zone) == (ReportScope.WORKSPACE, "Asia/Kathmandu")


async def test_a_report_of_the_channel_is_not_posted_where_only_other_channels_were_used() -> None:
    app = App("")
    await app.change(NOW - timedelta(days=30), report="daily")
    await app.asked(YESTERDAY, channel="C2")
    await app.timers.look()
    assert app.submitted == []


async def test_a_report_that_was_submitted_is_not_looked_up_again_until_the_next_is_due() -> None:
    app = App()
    await app.asked(YESTERDAY)
    await app.timers.look()
    app.away = True  # a further submission would fail
    with capture_logs() as logs:
        await app.timers.look()
    assert logs == []


def test_the_summary_has_the_days_of_the_operators_time_zone_unless_it_names_another() -> None:
    core = CoreSettings(_env_file=None, parley_time_zone="Asia/Kathmandu")
    assert TimerSettings(_env_file=None).zone(core) == ZoneInfo("Asia/Kathmandu")
    assert TimerSettings(_env_file=None, parley_summary_at="9:00").zone(core) == ZoneInfo("Asia/Kathmandu")
    assert TimerSettings(_env_file=None, parley_summary_at="9:00 Europe/Berlin").zone(core) == BERLIN


async def test_a_change_of_time_zone_loses_no_time_and_reports_no_period_again() -> None:
    app, start = App(""), NOW - timedelta(days=20)
    for hours in range(20 * 24, -4 * 24, -2):
        await app.asked(NOW - timedelta(hours=hours))
    await app.change(start, report="daily")
    zones = ("Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu")
    for hour in range(16 * 24):
        app.clock = FakeClock(start + timedelta(hours=hour, minutes=30))
        zone, first = zones[hour // 77 % 4], hour % 77 == 0
        if first:
            await app.store.change(replace(C1, channel=""), {"time_zone": zone}, ADMIN, app.clock.now())
        timers = app.again() if hour % 31 == 0 else app.timers
        timers._clock = app.clock
        await timers.look()
    tasks = app.tasks()
    assert {task.zone for task in tasks} == set(zones)
    for before, after in pairwise(tasks):
        assert before.since < after.since <= before.until < after.until


async def test_use_that_ends_after_its_report_was_due_is_reported() -> None:
    app = App("slack:C1")
    question = Ask("m1", replace(C1, thread="1.0"), ADMIN, "why?", YESTERDAY, addressed=True)
    turn = await app.store.accept(question)
    assert turn is not None
    app.clock = FakeClock(NOW.replace(hour=8))  # 9:00 in Berlin
    timers = app.again()
    await timers.look()
    assert app.submitted == []
    await app.store.finish(Finish(turn, TurnState.DONE, "so", model="m"))
    await timers.look()
    assert len(app.submitted) == 1
