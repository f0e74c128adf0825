"""The seconds until an endpoint may be called again, from its headers, fields or words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from core.retry_after import retry_after_to_s, to_date, to_number

_HEADERS = ("retry-after", "llm_provider-retry-after")

_COUNT = r"\d{1,8}(?:\.\d{1,8})?"
_UNIT = r"(?:milliseconds?|millis|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)"
_SPAN = rf"((?:{_COUNT} ?{_UNIT}\b,? ?(?:and )?|{_COUNT}{_UNIT}(?=\d)){{1,5}})"
# Gateways that retry drop the header of a 429 but pass its words on.
_WORDS = re.compile(
    r"\b(?:(?:try|retry|wait)(?:ing)?|retried|available (?:again )?(?:in|after)|resets?|replenished|renews?)\b"
    rf"[^.\d]{{0,40}}{_SPAN}"
    r"|\b(?:resets?|replenished)\b[^.\d]{0,20}(\d{1,3}):(\d\d):(\d\d)\b"
    rf"|((?<!\d){_COUNT} ?(?:毫秒|秒钟?|分钟|个?小时|天))[之以]?后"
    rf"|(?:等待|剩余|还需)[^\d。，,]{{0,12}}({_COUNT} ?(?:毫秒|秒钟?|分钟|个?小时|天))"
)
_ONE = re.compile(r"\b(?:an?|one) (?=(?:hour|day|week)\b)")
_PART = re.compile(rf"({_COUNT}) ?(毫秒|ms|milli|[smhdw秒分小天]|个小)")
_UNITS_S = {
    **{"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0},
    **{"毫秒": 0.001, "秒": 1.0, "分": 60.0, "小": 3600.0, "个小": 3600.0, "天": 86400.0},
}


def wait_in_headers(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait in seconds by retry-after-ms, Retry-After in seconds or as a date, or LiteLLM's name for it.
    `headers` by lower-case name. A date is relative to the response's own Date, or to `now`.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    ms = to_number(headers.get("retry-after-ms", ""))
    if ms is not None:
        return ms / 1000
    now = to_date(headers.get("date", "")) or now
    waits = (_wait(headers.get(name, ""), now) for name in _HEADERS)
    return next((wait for wait in waits if wait is not None), None)


def wait_in_words(said: str) -> float | None:
    """The wait in seconds in an endpoint's words, which are in lower case."""
    found = _WORDS.search(_ONE.sub("1 ", said))
    if found is None:
        return None
    if found[2]:
        return int(found[2]) * 3600.0 + int(found[3]) * 60 + int(found[4])
    return sum(
        float(number) * _UNITS_S[unit] for number, unit in _PART.findall(found[1] or found[5] or found[6])
    )


def _wait(value: str, now: datetime) -> float | None:
    wait_s = retry_after_to_s(value, now)
    return wait_in_words(f"retry in {value.lower()}") if wait_s is None else wait_s
