"""Decides who may open the operator's page. Pure: times are arguments.

The cookie of a signed-in browser is derived from the token: `<expiry>.<HMAC>`. It holds no part of the token, ends
after 12 hours, and is void once the token is another one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque

from cachetools import LRUCache

SESSION_S = 12 * 3600
"""Seconds for which a browser stays signed in."""
TRIES, TRIES_OF_ALL, TRIES_S = 5, 30, 60.0
"""The most wrong tokens of one address, and of all together, within so many seconds."""
_ADDRESSES = 1_000


class OperatorKeys:
    """The proofs that are derived from `token`. Without a token a key of this process takes its place."""

    def __init__(self, token: str = "") -> None:
        self._token = token
        self._key = token.encode() if token else secrets.token_bytes(32)

    def matches(self, given: str) -> bool:
        """True if `given` is the token."""
        return bool(self._token) and _same(given, self._token)

    def cookie(self, now_s: float) -> str:
        """The cookie of a browser that signs in at the time `now_s`, in seconds since 1970."""
        until = str(int(now_s) + SESSION_S)
        return f"{until}.{self._mac('session', until)}"

    def is_signed_in(self, cookie: str, now_s: float) -> bool:
        """True if `cookie` was made by `cookie` with the same token, and has not ended."""
        until, _, proof = cookie.partition(".")
        known = _same(proof, self._mac("session", until))
        return known and until.isdecimal() and now_s < int(until)

    def form_token(self, cookie: str) -> str:
        """The token of the forms that a browser with this cookie is shown."""
        return self._mac("form", cookie)

    def is_form_token(self, given: str, cookie: str) -> bool:
        return _same(given, self.form_token(cookie))

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, _bytes(f"{purpose}:{text}"), hashlib.sha256).hexdigest()


class Tries:
    """The wrong tokens of the last minute. While there are too many, no token is looked at."""

    def __init__(self) -> None:
        self._all: deque[float] = deque(maxlen=TRIES_OF_ALL)
        self._of: LRUCache[str, deque[float]] = LRUCache(_ADDRESSES)

    def too_many(self, address: str, now_s: float) -> bool:
        of_one = self._of.get(address, deque())
        return _full(of_one, TRIES, now_s) or _full(self._all, TRIES_OF_ALL, now_s)

    def wrong(self, address: str, now_s: float) -> None:
        """Record a wrong token."""
        self._all.append(now_s)
        if address not in self._of:
            self._of[address] = deque(maxlen=TRIES)
        self._of[address].append(now_s)


def _full(times: deque[float], most: int, now_s: float) -> bool:
    return len(times) >= most and now_s - times[0] < TRIES_S


def _same(one: str, other: str) -> bool:
    """Compares digests, which all have the same length, in constant time."""
    digests = (hashlib.sha256(_bytes(text)).digest() for text in (one, other))
    return hmac.compare_digest(*digests)


def _bytes(text: str) -> bytes:
    """A header may hold bytes that are no text: they come as surrogates."""
    return text.encode("utf-8", "surrogatepass")
