from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.settings.environment import CoreSettings
from core.spend.prices import priced
from core.spend.usage_report import totals_to_text
from core.values.deltas import ModelInfo, Usage
from core.values.usage import UsageTotals

SINCE, UNTIL = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TOTALS = UsageTotals(
    questions=1200, people=1, prompt_tokens=45_000, completion_tokens=9_000, cost_micros=1_234_000, errors=2
)


def test_the_summary_says_who_asked_how_much_and_what_it_cost() -> None:
    settings = CoreSettings(_env_file=None, parley_currency="EUR")
    assert totals_to_text(TOTALS, SINCE, UNTIL, BERLIN, settings, priced=True) == (
        "**Usage from 1 Mar 09:00 to 2 Mar 09:00**\n"
        "- 1,200 questions by 1 person\n"
        "- 45,000 input tokens, 9,000 output tokens\n"
        "- cost: €1.23\n"
        "- 2 questions ended in an error"
    )


def test_without_prices_no_cost_is_made_up() -> None:
    text = totals_to_text(TOTALS, SINCE, UNTIL, BERLIN, CoreSettings(_env_file=None), priced=False)
    assert "cost: not known" in text


def test_it_speaks_chinese_and_knows_a_quiet_day() -> None:
    settings = CoreSettings(_env_file=None, parley_language="zh")
    assert (
        totals_to_text(UsageTotals(), SINCE, UNTIL, BERLIN, settings, priced=False)
        == "**3月1日 09:00 至 3月2日 09:00 的用量**\n没有提问记录。"
    )


def test_a_price_a_million_is_the_micros_of_one() -> None:
    model_info = ModelInfo("gpt", price_input=2.5, price_output=10)
    assert priced(Usage(1_000, 100), model_info).cost_micros == 3_500
    assert priced(Usage(1_000, 100), ModelInfo("free")).cost_micros == 0
