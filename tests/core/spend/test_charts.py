"""Charts of reports: their bars, their words and their picture."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from core.child_processes import ChildError
from core.clock import SystemClock
from core.i18n import LANGUAGES
from core.spend.chart_renderer import ChartRenderer
from core.spend.charts import (
    CARD,
    COST,
    GRID,
    INK,
    QUESTIONS,
    UNKNOWN,
    Chart,
    bars_to_chart,
    bytes_to_chart,
    chart_alt,
    chart_caption,
    chart_to_bytes,
    short_number,
)
from core.spend.cost_text import money
from core.spend.periods import PeriodName, period_at
from core.values.report import Bar

KATHMANDU = ZoneInfo("Asia/Kathmandu")
WEEK = period_at(PeriodName.WEEK, datetime(2026, 11, 19, 12, tzinfo=UTC), KATHMANDU)
DAY = period_at(PeriodName.DAY, datetime(2026, 10, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0
"""https://www.w3.org/TR/WCAG22/#contrast-minimum and https://www.w3.org/TR/WCAG22/#non-text-contrast"""


def bars(questions: tuple[int, ...], costs: tuple[int | None, ...]) -> list[Bar]:
    return [
        Bar(since, until, asked, cost)
        for (since, until), asked, cost in zip(WEEK.bars, questions, costs, strict=True)
    ]


BARS = bars((3, 38, 0, 12, 5, 0, 7), (10_000, 2_500_000, 0, None, 400_000, 0, 90_000))
CHART = bars_to_chart(BARS, WEEK, "USD")


def colours(content: bytes) -> set[str]:
    counted = Image.open(BytesIO(content)).convert("RGB").getcolors(1 << 20)
    return {f"#{bytes(colour).hex()}" for _, colour in counted or () if isinstance(colour, tuple)}


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
async def renderer() -> AsyncIterator[ChartRenderer]:
    made = ChartRenderer(SystemClock())
    yield made
    await made.close()


def test_a_bar_has_the_local_day_and_the_first_one_of_each_month_its_month() -> None:
    assert CHART.labels == ("11-16", "17", "18", "19", "20", "21", "22")
    turn = period_at(PeriodName.WEEK, datetime(2026, 12, 2, tzinfo=UTC), KATHMANDU)
    chart = bars_to_chart([Bar(*bounds, 1) for bounds in turn.bars], turn, "EUR")
    assert chart.labels[:3] == ("11-30", "12-01", "02")
    assert CHART.costs == (0.01, 2.5, 0.0, None, 0.4, 0.0, 0.09)


def test_a_day_of_25_hours_has_25_bars() -> None:
    chart = bars_to_chart([Bar(*bounds, 1) for bounds in DAY.bars], DAY, "EUR")
    assert len(chart.labels) == 25
    assert chart.labels[1:5] == ("01:00", "02:00", "02:00", "03:00")


@pytest.mark.parametrize(
    ("micros", "currency"),
    [
        (45_000, "USD"),
        (135_000, "USD"),
        (999_600_000, "EUR"),
        (12_345_678_900_000, "USD"),
        (1_500_000, "JPY"),
        (4_000, "USD"),
        (0, "USD"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sum_in_the_picture_is_that_of_the_text(micros: int, currency: str, language: str) -> None:
    chart = bars_to_chart(bars((1, 0, 0, 0, 0, 0, 0), (micros, 0, 0, 0, 0, 0, 0)), WEEK, currency)
    assert re.fullmatch(rf"\D*{re.escape(chart.total)}\D*", money(micros, currency, language))


def test_days_without_questions_cost_nothing_only_where_another_cost_is_known() -> None:
    unknown = bars_to_chart(bars((1, 0, 0, 0, 0, 0, 2), (None, 0, 0, 0, 0, 0, None)), WEEK, "USD")
    assert unknown.costs == (None,) * 7
    assert not unknown.priced


def test_a_chart_is_the_same_behind_the_pipe() -> None:
    sent = bytes_to_chart(chart_to_bytes(CHART))
    assert (tuple(sent.labels), tuple(sent.questions), tuple(sent.costs)) == (
        CHART.labels,
        CHART.questions,
        CHART.costs,
    )


def test_a_picture_is_told_in_words() -> None:
    assert chart_alt(CHART, BARS, WEEK, "en") == (
        "Chart by day from 16 Nov 2026 to 22 Nov 2026. Questions: 65, the most 38 (17 Nov 2026). "
        "Cost: US$3.00, the most US$2.50 (17 Nov 2026)."
    )
    assert chart_alt(CHART, BARS, WEEK, "zh") == (
        "2026年11月16日至2026年11月22日每天的图表。提问：共 65，最多 38（2026年11月17日）。"
        "费用：US$3.00，最高 US$2.50（2026年11月17日）。"
    )


def test_a_sum_without_some_costs_is_the_least_that_it_can_be() -> None:
    least = bars_to_chart(BARS, WEEK, "USD", least=True)
    assert "Cost: at least US$3.00, the most US$2.50 (17 Nov 2026)." in chart_alt(least, BARS, WEEK, "en")
    assert "费用：至少 US$3.00，最高 US$2.50（2026年11月17日）。" in chart_alt(least, BARS, WEEK, "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_the_longest_chart_fit_one_line_of_200_characters(language: str) -> None:
    month = period_at(PeriodName.MONTH, datetime(2026, 12, 19, 12, tzinfo=UTC), KATHMANDU)
    many = [Bar(*bounds, 900_000_000, 987_654_321_000_000_000) for bounds in month.bars]
    words = chart_alt(bars_to_chart(many, month, "XOF", least=True), many, month, language)
    assert len(words) <= 200
    assert "\n" not in words


def test_a_chart_by_hour_says_so() -> None:
    hours = [Bar(*bounds, number, None) for number, bounds in enumerate(DAY.bars)]
    words = chart_alt(bars_to_chart(hours, DAY, "EUR"), hours, DAY, "en")
    assert words == "Chart by hour of 25 Oct 2026. Questions: 300, the most 24 (23:00)."


def test_the_caption_names_the_colours_and_an_unknown_cost() -> None:
    words = "Picture: cost in USD (blue), questions (brown)."
    assert chart_caption(CHART, "en") == f"{words} Hatched: the cost is not known."
    assert chart_caption(replace(CHART, costs=(0.5,) * 7), "en") == words
    unpriced = Chart(("16",), (1,), (None,), "USD")
    assert chart_caption(unpriced, "en") == "Picture: questions. The cost is not known."
    assert chart_caption(replace(unpriced, ahead=0.5), "en").endswith("not known. Grey: still to come.")
    assert chart_caption(replace(unpriced, ahead=0.5), "zh").endswith("费用未知。灰色表示尚未到来。")


def test_what_is_still_to_come_is_no_day_without_questions() -> None:
    from core.spend import chart_child  # here, since every process of the tests would import matplotlib

    noon = WEEK.since + timedelta(days=3, hours=12)
    assert bars_to_chart(BARS, WEEK, "USD", up_to=noon).ahead == pytest.approx(3.5)
    assert bars_to_chart(BARS, WEEK, "USD", up_to=WEEK.until).ahead == len(BARS)
    assert CHART.ahead is None
    whole, part = (
        Image.open(BytesIO(chart_child.picture(replace(CHART, ahead=ahead)))).convert("RGB")
        for ahead in (None, 6.0)
    )
    last_day = (1_000, 500)
    assert whole.getpixel(last_day) == tuple(bytes.fromhex(CARD[1:]))
    assert part.getpixel(last_day) == tuple(bytes.fromhex(GRID[1:]))


@pytest.mark.parametrize(
    ("most", "whole", "ticks"),
    [
        (0, True, [0]),
        (1, True, [0, 1]),
        (3, True, [0, 1, 2, 3]),
        (5, True, [0, 2, 4, 6]),
        (38, True, [0, 15, 30, 45]),
        (0.42, False, [0, 0.15, 0.3, 0.45]),
    ],
)
def test_no_bar_passes_the_highest_line(most: float, whole: bool, ticks: list[float]) -> None:
    from core.spend import chart_child

    assert chart_child._ticks(most, whole=whole) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.004, "0.004"),
        (12.5, "12.5"),
        (999.4, "999"),
        (999.6, "1k"),
        (15_800, "15.8k"),
        (2.3e11, "230G"),
    ],
)
def test_numbers_in_a_picture_are_short(value: float, shown: str) -> None:
    assert short_number(value) == shown


def test_colours_can_be_told_apart_by_people_with_low_vision() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    for text in (INK, UNKNOWN):
        assert contrast(text, CARD) >= TEXT_CONTRAST
    for badge in (COST, QUESTIONS):
        assert contrast(badge, "#ffffff") >= TEXT_CONTRAST
        assert contrast(badge, CARD) >= SHAPE_CONTRAST


async def test_a_picture_has_a_card_of_its_own_and_the_colours_of_its_caption(renderer: ChartRenderer) -> None:
    content = await renderer.png(CHART)
    image = Image.open(BytesIO(content))
    assert (image.format, image.size) == ("PNG", (1_080, 760))
    assert image.convert("RGB").getpixel((0, 0)) == tuple(bytes.fromhex(CARD[1:]))
    assert {CARD, COST, QUESTIONS} <= colours(content)
    assert len(content) < 100_000


def test_a_picture_without_a_known_cost_has_one_panel_and_one_without_bars_is_drawn() -> None:
    from core.spend import chart_child  # here, since every process of the tests would import matplotlib

    unpriced = Chart(("16", "17"), (2, 3), (None, None), "USD")
    assert COST not in colours(chart_child.picture(unpriced))
    for empty in (Chart((), (), (), "USD"), Chart(("16",), (0,), (0.0,), "USD")):
        assert CARD in colours(chart_child.picture(empty))


async def test_a_child_that_draws_nothing_is_an_error() -> None:
    for script in ("raise SystemExit(3)", "import os; os.abort()"):
        with pytest.raises(ChildError):
            await ChartRenderer(SystemClock(), (sys.executable, "-c", script)).png(CHART)


async def test_a_closed_renderer_draws_no_more(renderer: ChartRenderer) -> None:
    await renderer.close()
    with pytest.raises(ChildError):
        await renderer.png(CHART)
