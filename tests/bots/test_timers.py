from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bots.timers import Timers, TimerSettings, last_due
from core.errors import StoreError
from core.values.conversation import Ask, TurnState
from core.values.places import Person, Place
from core.values.tasks import ReportUsage
from core.values.turn_ends import Finish
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")
NINE = time(9, 0)
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-10T08:00+00:00", "2026-03-10T08:00+00:00"),
        ("2026-03-10T07:59:59+00:00", "2026-03-09T08:00+00:00"),
        ("2026-03-10T23:30+00:00", "2026-03-10T08:00+00:00"),  # past midnight in Berlin
        ("2026-03-29T06:59+00:00", "2026-03-28T08:00+00:00"),  # the clocks go forward that night
        ("2026-03-29T07:00+00:00", "2026-03-29T07:00+00:00"),
        ("2026-10-25T07:30+00:00", "2026-10-24T07:00+00:00"),  # and back
        ("2026-10-25T08:00+00:00", "2026-10-25T08:00+00:00"),
    ],
)
def test_a_summary_is_due_at_the_same_time_of_day_whatever_the_clocks_do(now: str, due: str) -> None:
    assert last_due(datetime.fromisoformat(now), NINE, BERLIN) == datetime.fromisoformat(due)


class App:
    """Timers over a ledger: `posted` are the keys of the turns that were submitted."""

    def __init__(self, channels: str = "slack:C1,discord:200") -> None:
        self.store, self.clock = MemoryStore(), FakeClock(NOW)
        self.submitted: list[Ask] = []
        self.away = False
        self.teams = {"slack": "T1", "discord": "900"}
        self.started: list[Timers] = []
        self.settings = TimerSettings(parley_summary_channels=channels, parley_summary_at="09:00 Europe/Berlin")

    async def _submit(self, ask: Ask) -> None:
        if self.away:
            raise StoreError("away")
        if await self.store.accept(ask) is not None:
            self.submitted.append(ask)

    async def _addressed(self, place: Place) -> Place | None:
        team = self.teams.get(place.platform, "")
        return replace(place, team=team) if team else None

    async def start(self) -> None:
        """As each process does, once."""
        timers = Timers(self.settings, self.store, self._submit, self.clock, self._addressed)
        await timers.start()
        self.started.append(timers)
        await asyncio.sleep(0.05)

    def stop(self) -> None:
        for timers in self.started:
            timers.stop()

    async def asked(self, at: datetime) -> None:
        question = Ask(f"m{at}", Place("slack", "T1", "C1", "1.0"), Person("U1"), "why?", at, addressed=True)
        turn = await self.store.accept(question)
        assert turn is not None
        await self.store.finish(Finish(turn, TurnState.DONE, "so", model="m"))


async def test_the_last_missed_summary_is_submitted_at_the_start_once_for_each_channel() -> None:
    app = App()
    await app.asked(NOW - timedelta(hours=10))
    for _ in range(3):
        await app.start()
        app.stop()
        app.clock = FakeClock(NOW + timedelta(hours=1))
    assert [ask.place.channel for ask in app.submitted] == ["C1", "200"]
    for ask in app.submitted:
        assert ask.task == ReportUsage(ask.at - timedelta(days=1), ask.at)
    assert len({ask.key for ask in app.submitted}) == 2


async def test_a_new_house_stays_quiet_and_so_does_one_without_channels() -> None:
    quiet, none = App(), App("")
    await none.asked(NOW - timedelta(hours=10))
    for app in (quiet, none):
        await app.start()
        app.stop()
        assert app.submitted == []


async def test_a_summary_waits_for_the_database() -> None:
    app = App()
    await app.asked(NOW - timedelta(hours=10))
    app.away = True
    await app.start()
    await app.clock.advance(300)
    assert app.submitted == []
    app.away = False
    await app.clock.advance(60)
    assert [ask.place.platform for ask in app.submitted] == ["slack", "discord"]
    app.stop()


async def test_a_summary_waits_for_the_team_of_its_channel_and_holds_up_no_other() -> None:
    app = App()
    app.teams["slack"] = ""
    await app.asked(NOW - timedelta(hours=10))
    await app.start()
    assert [ask.place.key for ask in app.submitted] == ["discord/900/200/"]
    app.teams["slack"] = "T1"
    await app.clock.advance(1.0)
    await asyncio.sleep(0.05)
    app.stop()
    assert [ask.place.key for ask in app.submitted[1:]] == ["slack/T1/C1/"]
