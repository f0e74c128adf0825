"""The end of a report's turn: its text, and its chart where that can be drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from core.child_processes import ChildError
from core.i18n import phrase
from core.spend.charts import Chart
from core.spend.periods import PeriodName, period_at
from core.spend.report import Report
from core.spend.usage_report import WrittenReport, report_ask
from core.turns.announcements import report_to_finish
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from core.values.report import Bar, ReportFigures
from core.values.tasks import ReportScope
from core.values.usage import UsageTotals

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
WEEK = period_at(PeriodName.WEEK, NOW, UTC)
BARS = tuple(Bar(*bounds, 2, 500_000) for bounds in WEEK.bars)
FIGURES = ReportFigures(UsageTotals(14, cost_micros=3_500_000), bars=BARS)
PLACE = Place("slack", "T1", "C1")
TURN = Turn(7, report_ask(PLACE, WEEK, ReportScope.CHANNEL, "week", NOW), TurnState.RUNNING)


class Drawn:
    """Charts that are their own description, or fail with `error`."""

    def __init__(self, error: ChildError | None = None) -> None:
        self.error = error

    async def png(self, chart: Chart) -> bytes:
        if self.error is not None:
            raise self.error
        return " ".join((chart.currency, *chart.labels)).encode()


def written(figures: ReportFigures = FIGURES, language: str = "en") -> WrittenReport:
    return WrittenReport(Report(WEEK, PLACE, figures), "**Usage**", language, "**Usage**")


@pytest.mark.parametrize(
    ("language", "alt", "caption"),
    [
        ("en", "Chart by day from 16 Nov 2026 to 22 Nov 2026. Questions: 14", "_Picture: cost in EUR (blue)"),
        ("zh", "2026年11月16日至2026年11月22日每天的图表。提问：共 14", "_图：费用（EUR，蓝色）"),
    ],
)
async def test_a_report_has_its_chart_with_words_in_its_own_language(
    language: str, alt: str, caption: str
) -> None:
    finish = await report_to_finish(written(language=language), TURN, "EUR", Drawn())
    picture = finish.embedded
    assert picture is not None
    assert (picture.name, picture.media_type) == ("report-7.png", "image/png")
    assert picture.content == b"EUR 11-16 17 18 19 20 21 22"
    assert picture.title.startswith(alt)
    assert picture.caption.startswith(caption)
    assert (finish.text, finish.notice) == ("**Usage**", "")


async def test_a_chart_that_can_not_be_drawn_is_missed_in_one_line() -> None:
    with capture_logs() as logs:
        finish = await report_to_finish(written(), TURN, "EUR", Drawn(ChildError("over 30 s", slow=True)))
    assert (finish.embedded, finish.notice) == (None, phrase("chart_failed", "en"))
    assert [(entry["event"], entry["detail"]) for entry in logs] == [("chart_not_drawn", "over 30 s")]


async def test_a_report_without_questions_has_no_chart() -> None:
    quiet = replace(FIGURES, now=UsageTotals())
    assert (await report_to_finish(written(quiet), TURN, "EUR", Drawn())).embedded is None
