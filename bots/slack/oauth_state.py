"""The state of an installation that was begun: signed, for one browser, for ten minutes. Pure but for `new_state`.

Slack gives it back with the code. Without it anybody could have a code of their own workspace redeemed by another's
browser. https://docs.slack.dev/authentication/installing-with-oauth
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

LIFETIME_S = 600
_FORM = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class State:
    """`text` is what Slack gives back, `browser` what the cookie of the browser holds."""

    text: str
    browser: str


def new_state(secret: str, now_s: float) -> State:
    """A state at random, signed with `secret`."""
    browser = secrets.token_urlsafe(16)
    begun = f"{secrets.token_urlsafe(16)}.{int(now_s)}"
    return State(f"{begun}.{_signature(secret, begun, browser)}", browser)


def is_valid(secret: str, text: str, browser: str, now_s: float) -> bool:
    """True for a state of this browser that is at most ten minutes old."""
    found = _FORM.fullmatch(text)
    if found is None or not browser:
        return False
    begun = f"{found[1]}.{found[2]}"
    expected = _signature(secret, begun, browser)
    return hmac.compare_digest(expected, found[3]) and 0 <= now_s - int(found[2]) <= LIFETIME_S


def _signature(secret: str, begun: str, browser: str) -> str:
    signed = f"parley slack install\0{begun}\0{browser}".encode(errors="replace")
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
