"""The operators' own report, posted once a week to the alert channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.i18n import language_of
from core.ports.store.turns import TurnLedger
from core.ports.store.usage import UsageStore
from core.settings.environment import CoreSettings
from core.spend.operation_text import operation_to_text
from core.spend.periods import Period, PeriodName, period_at
from core.values.conversation import Turn, announcement
from core.values.places import Place
from core.values.tasks import ReportOperation

EVERY_S = 60.0
DUE_AFTER = timedelta(hours=9)
"""The time after the end of a week at which its report is due."""

log = structlog.get_logger()


class OperationStore(TurnLedger, UsageStore, Protocol):
    """The part of the store that the report needs."""


@dataclass(slots=True)
class OperationReports:
    """Submits the report of the last week that is due to each of `places`, once: also after a restart or a downtime.

    A week in which nothing happened has none. `addressed` returns a place with its team, or None while that is
    unknown. It raises StoreError.
    """

    store: OperationStore
    core: CoreSettings
    clock: Clock
    submit: Callable[[Turn], None]
    places: Sequence[Place]
    addressed: Callable[[Place], Awaitable[Place | None]]
    _done: set[tuple[Place, date]] = field(default_factory=set)

    async def run(self) -> None:
        """Look each minute for a report that is due. Until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.warning("operation_report_delayed", **error.log_keys)
            await self.clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Submit what is due. Raises StoreError."""
        week = period_at(PeriodName.WEEK, self.clock.now() - DUE_AFTER, self.core.zone).previous
        due = [place for place in self.places if (place, week.first_day) not in self._done]
        if not due:
            return
        text = await self._text(week)
        for place in due:
            there = await self.addressed(place)
            if there is not None:
                self._done.add((place, week.first_day))
                await self._post(there, week, text)

    async def _text(self, week: Period) -> str:
        figures = await self.store.operation_figures(week.since, week.until)
        language = language_of(self.core.parley_language)
        return operation_to_text(figures, week, language, self.core.parley_currency)

    async def _post(self, place: Place, week: Period, text: str) -> None:
        if not text:
            return
        task = ReportOperation(week.since, week.until)
        ask = announcement(f"operation:{week.first_day}", place, task, self.clock.now(), text)
        turn = await self.store.accept(ask)
        if turn is not None:
            self.submit(turn)
