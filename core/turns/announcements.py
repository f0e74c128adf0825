"""Usage reports that Parley posts without a question: their text, their picture and their place."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Protocol

import structlog

from core.child_processes import ChildError
from core.clock import Clock
from core.errors import PlatformError
from core.i18n import phrase
from core.platform_calls import PlatformCalls
from core.spend.chart_renderer import Charts, draw
from core.spend.usage_report import WrittenReport
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from core.values.tasks import ReportUsage
from core.values.turn_ends import Finish

log = structlog.get_logger()

_TRIES, _PAUSE_S = 12, 5.0


class UsageReporter(Protocol):
    """Makes usage reports."""

    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        """The report of `task` for the readers of the channel `place`. Raises StoreError."""
        ...


async def report_to_finish(written: WrittenReport, turn: Turn, currency: str, charts: Charts | None) -> Finish:
    """The end of the turn of a report, with its chart. A notice says where that could not be drawn. A report without
    questions has none."""
    finish, report = Finish(turn, TurnState.DONE, written.text, anonymous=written.anonymous), written.report
    if charts is None or not report.figures.now.questions:
        return finish
    try:
        picture = await draw(
            charts,
            report.bars,
            report.period,
            currency,
            written.language,
            f"report-{turn.id}.png",
            least=report.figures.now.unpriced > 0,
            up_to=report.up_to,
        )
    except ChildError as error:
        log.error("chart_not_drawn", detail=error.detail)
        return replace(finish, notice=phrase("chart_failed", written.language))
    return replace(finish, embedded=picture)


async def channel_place(channel: str, platform_calls: PlatformCalls, clock: Clock) -> Place:
    """The place of a channel id. Raises PlatformError: one that is not retryable at once, others after a minute."""
    for pause_s in repeat(_PAUSE_S, _TRIES - 1):
        try:
            return await platform_calls.channel(channel)
        except PlatformError as error:
            if not error.retryable:
                raise
            await clock.sleep(min(error.retry_after_s or pause_s, pause_s))
    return await platform_calls.channel(channel)
