"""A `Retry-After`, in each form in which servers write it. Pure.

https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""A larger number is a point in time since 1970, not a wait of thirty years."""


def retry_after_to_s(said: object, now: datetime | None) -> float | None:
    """The wait in seconds from `now`, 0 or more: `said` is a number of seconds, a point in time as seconds or
    milliseconds since 1970, or an HTTP date. None where it is none of them, or a point in time without a `now`."""
    seconds = to_number(str(said))
    if seconds is not None and seconds < _EPOCH_S:
        return seconds
    if now is None:
        return None
    if seconds is not None:
        return max(0.0, (seconds / 1000 if seconds >= _EPOCH_MS else seconds) - now.timestamp())
    then = to_date(str(said))
    return None if then is None else max(0.0, (then - now).total_seconds())


def to_number(value: str) -> float | None:
    """A finite number from 0 on, or None."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def to_date(value: str) -> datetime | None:
    """An HTTP date, aware, or None. One without a zone is in UTC."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
