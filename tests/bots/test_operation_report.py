"""The operators' own report: when it is due, and that it is posted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bots.operation_report import OperationReports
from core.operators.counts import OperationCounts
from core.operators.metrics import Metrics
from core.settings.environment import CoreSettings
from core.values.conversation import Ask, Turn
from core.values.places import Place
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

THURSDAY = datetime(2026, 11, 19, 12, tzinfo=UTC)
CHANNEL = Place("slack", "", "C9")
TRY = {"account": "one", "model": "m", "outcome": "answered"}


class Reporting:
    def __init__(self) -> None:
        self.clock, self.store, self.metrics = FakeClock(THURSDAY, jumps=True), MemoryStore(), Metrics()
        self.counts = OperationCounts(self.store, self.clock, self.metrics.count)
        self.submitted: list[Turn] = []
        self.team = "T1"
        self.reports = self.started()

    def started(self) -> OperationReports:
        """As a process that starts now."""
        core = CoreSettings(_env_file=None)
        return OperationReports(self.store, core, self.clock, self.submitted.append, [CHANNEL], self.addressed)

    async def addressed(self, place: Place) -> Place | None:
        return Place(place.platform, self.team, place.channel) if self.team else None

    async def at(self, moment: datetime) -> list[Ask]:
        """The asks that were submitted once it was looked at that moment."""
        await self.clock.sleep((moment - self.clock.now()).total_seconds())
        await self.reports.look()
        return [turn.ask for turn in self.submitted]


MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def test_a_week_is_reported_on_monday_morning_and_once() -> None:
    reporting = Reporting()
    reporting.counts.count("parley_tries_total", TRY)
    await reporting.counts.flush()
    assert await reporting.at(MONDAY - timedelta(minutes=1)) == []
    (ask,) = await reporting.at(MONDAY)
    assert (ask.place, ask.id) == (Place("slack", "T1", "C9"), "operation:2026-11-16")
    assert "account one: 1 request" in ask.text
    reporting.reports = reporting.started()
    assert len(await reporting.at(MONDAY + timedelta(hours=1))) == 1
    assert len(await reporting.at(MONDAY + timedelta(days=7))) == 1, "nothing happened in that week"


async def test_the_last_week_is_made_up_for_once_the_team_is_known() -> None:
    reporting = Reporting()
    reporting.team = ""
    reporting.counts.count("parley_refused_questions_total", {"platform": "slack", "reason": "limited"})
    await reporting.counts.flush()
    assert await reporting.at(MONDAY + timedelta(days=3)) == []
    reporting.team = "T1"
    (ask,) = await reporting.at(MONDAY + timedelta(days=3, minutes=1))
    assert "slack: 1 question refused (`limited` 1)" in ask.text


async def test_counts_survive_a_database_that_is_away() -> None:
    reporting = Reporting()
    reporting.store.failing = True
    reporting.counts.count("parley_tries_total", TRY)
    await reporting.counts.flush()
    reporting.store.failing = False
    reporting.counts.count("parley_tries_total", TRY)
    await reporting.counts.flush()
    await reporting.counts.flush()
    figures = await reporting.store.operation_figures(THURSDAY, THURSDAY + timedelta(days=1))
    assert [count[3] for count in figures.counts] == [2]
    assert b"parley_tries_total" in reporting.metrics.text()


@pytest.mark.parametrize("name", ["parley_alerts_total"])
async def test_other_metrics_are_not_stored(name: str) -> None:
    reporting = Reporting()
    reporting.counts.count(name, {"what": "one", "code": "cut"})
    await reporting.counts.flush()
    assert (await reporting.store.operation_figures(THURSDAY, MONDAY)).counts == ()
