"""Calendar periods: days, weeks and months of a time zone."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spend.periods import PeriodName, period_at

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = sorted(available_timezones() - {"Factory", "localtime"})
SINCE = datetime(2012, 1, 2, tzinfo=UTC)
moments = st.timedeltas(timedelta(), timedelta(days=10_000)).map(lambda after: SINCE + after)


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        (PeriodName.DAY, "2026-11-25", "2026-11-26"),
        (PeriodName.WEEK, "2026-11-23", "2026-11-30"),
        (PeriodName.MONTH, "2026-11-01", "2026-12-01"),
    ],
)
def test_a_period_begins_and_ends_at_local_midnight(name: PeriodName, since: str, until: str) -> None:
    period = period_at(name, local("2026-11-25T23:30"), BERLIN)
    assert (period.since, period.until) == (local(since), local(until))
    assert str(period.first_day) == since


def test_the_days_on_which_the_clock_changes_have_23_and_25_bars() -> None:
    spring = period_at(PeriodName.DAY, local("2026-03-29T12:00"), BERLIN)
    autumn = period_at(PeriodName.DAY, local("2026-10-25T12:00"), BERLIN)
    assert [len(spring.bars), len(autumn.bars)] == [23, 25]
    assert autumn.bars[-1][1] == autumn.until


def test_a_month_has_a_bar_a_day_also_when_the_clock_changes_in_it() -> None:
    october = period_at(PeriodName.MONTH, local("2026-10-25T12:00"), BERLIN)
    lengths = [until - since for since, until in october.bars]
    assert len(lengths) == 31
    assert lengths[24] == timedelta(hours=25)
    assert set(lengths[:24]) == {timedelta(days=1)}


def test_a_day_without_midnight_begins_where_the_clock_jumps_to() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 2026-03-29: from 00:00 to 01:00
    day = period_at(PeriodName.DAY, local("2026-03-29T12:00", beirut), beirut)
    assert day.since == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert len(day.bars) == 23


def test_a_zone_without_whole_hours_has_bars_of_whole_hours_of_its_own() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    day = period_at(PeriodName.DAY, datetime(2026, 11, 25, 12, tzinfo=UTC), kathmandu)
    assert day.bars[0][0] == datetime(2026, 11, 24, 18, 15, tzinfo=UTC)


@given(st.sampled_from(PeriodName), moments, st.sampled_from(ZONES))
def test_periods_and_their_bars_cover_all_time_once(name: PeriodName, moment: datetime, zone: str) -> None:
    period = period_at(name, moment, ZoneInfo(zone))
    assert period.since <= moment < period.until
    assert period_at(name, period.since, ZoneInfo(zone)) == period
    assert period_at(name, period.until - timedelta(microseconds=1), ZoneInfo(zone)) == period
    assert (period.previous.until, period.next.since) == (period.since, period.until)
    assert (period.previous.next, period.next.previous) == (period, period)
    bars = period.bars
    assert (bars[0][0], bars[-1][1]) == (period.since, period.until)
    assert all(before[1] == after[0] for before, after in pairwise(bars))
    assert all(since < until for since, until in bars)


def test_a_fixed_offset_is_a_zone_too() -> None:
    zone = timezone(timedelta(hours=-3, minutes=-30))
    assert (
        period_at(PeriodName.DAY, datetime(2026, 1, 1, 3, tzinfo=UTC), zone).first_day.isoformat()
        == "2025-12-31"
    )
