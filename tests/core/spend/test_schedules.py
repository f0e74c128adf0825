"""The times at which reports are due: once a period, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spend.periods import PeriodName
from core.spend.schedules import Schedule
from core.values.places import Place
from core.values.tasks import ReportScope

PLACE = Place("slack", "T1", "C1")
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def schedule(
    period: PeriodName = PeriodName.DAY,
    at: time = time(9),
    zone: str = "Europe/Berlin",
    scope: ReportScope = ReportScope.ALL,
) -> Schedule:
    return Schedule(PLACE, period, at, ZoneInfo(zone), scope)


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
def test_a_daily_report_is_due_at_the_same_local_time(now: str, due: str) -> None:
    assert schedule().last_due(datetime.fromisoformat(now)).at == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("now", "at", "due"),
    [
        ("2026-03-29T12:00+00:00", time(2, 30), "2026-03-29T01:30+00:00"),  # 02:30 is not there that night
        ("2026-10-25T00:45+00:00", time(2, 30), "2026-10-25T00:30+00:00"),  # 02:30 is there twice
        ("2026-10-25T02:00+00:00", time(2, 30), "2026-10-25T00:30+00:00"),
    ],
)
def test_a_local_time_that_is_skipped_or_repeated_is_due_once(now: str, at: time, due: str) -> None:
    found = schedule(at=at).last_due(datetime.fromisoformat(now))
    assert found.at == datetime.fromisoformat(due)
    assert found.name == schedule(at=time(0)).last_due(found.at).name, "that of its day"


@pytest.mark.parametrize(
    ("period", "due", "first", "last", "name"),
    [
        (PeriodName.DAY, "2026-11-18T08:00+00:00", "2026-11-17", "2026-11-17", "2026-11-17T2300"),
        (PeriodName.WEEK, "2026-11-16T08:00+00:00", "2026-11-09", "2026-11-15", "week-2026-11-15T2300"),
        (PeriodName.MONTH, "2026-11-01T08:00+00:00", "2026-10-01", "2026-10-31", "month-2026-10-31T2300"),
    ],
)
def test_a_report_is_about_the_period_that_has_ended(
    period: PeriodName, due: str, first: str, last: str, name: str
) -> None:
    found = schedule(period).last_due(datetime(2026, 11, 18, 12, tzinfo=UTC))
    assert found.at == datetime.fromisoformat(due)
    assert (found.period.first_day.isoformat(), found.period.last_day.isoformat()) == (first, last)
    assert found.name == name


def test_reports_of_one_date_in_two_time_zones_have_different_names() -> None:
    assert len({schedule(zone=zone, at=time(0)).last_due(NOON).name for zone in ("UTC", "Asia/Kathmandu")}) == 2


def test_reports_of_different_scopes_in_one_channel_have_different_names() -> None:
    assert len({schedule(scope=scope).last_due(NOON).name for scope in ReportScope}) == 3


@given(
    st.sampled_from(list(PeriodName)),
    st.times(max_value=time(23, 59)),
    st.sampled_from(ZONES),
    st.integers(0, 500 * 24 * 60),
    st.integers(1, 60 * 24 * 60),
)
def test_looks_at_any_times_find_every_report_in_order_and_none_before_its_time(
    period: PeriodName, at: time, zone: str, minute: int, step: int
) -> None:
    wanted = schedule(period, at.replace(second=0, microsecond=0), zone)
    now = NOON + timedelta(minutes=minute)
    before = wanted.last_due(now)
    assert before.at <= now
    assert before.period.until <= before.at
    just_before = wanted.last_due(before.at - timedelta(microseconds=1))
    assert just_before.period == before.period.previous
    assert just_before.name != before.name
    assert wanted.last_due(before.at) == before
    later = wanted.last_due(now + timedelta(minutes=step))
    assert later.at >= before.at
    assert (later.name == before.name) == (later.period == before.period)
