"""A `Retry-After` is read in each form in which servers write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.retry_after import retry_after_to_s

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("3600", 3600.0),
        ("0.4", 0.4),
        (3, 3.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 3600.0),
        ("Sunday, 22-Nov-26 11:00:00 GMT", 3600.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 10:00:00 +99999999999999999999", None),
        (str(NOW.timestamp() + 60), 60.0),
        (str((NOW.timestamp() + 60) * 1000), 60.0),
        ("1e300", pytest.approx(1e297)),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wait_is_read_in_seconds_as_a_date_or_as_a_point_in_time(said: object, wait_s: float | None) -> None:
    assert retry_after_to_s(said, NOW) == wait_s


def test_a_date_is_read_whatever_its_zone() -> None:
    later = (NOW + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=-7)))
    assert retry_after_to_s(later.strftime("%a, %d %b %Y %H:%M:%S %z"), NOW) == 60.0


def test_where_nobody_knows_the_time_seconds_are_read_alone() -> None:
    assert retry_after_to_s("20", None) == 20.0
    assert retry_after_to_s("Sun, 22 Nov 2026 11:00:00 GMT", None) is None
