"""Decides who may open the operator's page. Pure: times are arguments.

The cookie of a signed-in browser is random: it holds no part of the token. It ends after 12 hours, when the browser
signs out, and with the process, so also with the token, which changes at a restart alone.
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
"""The wrong tokens of one address, and of all together, within so many seconds, that are too many."""
_ADDRESSES = 1_000
_SESSIONS = 1_000


class OperatorKeys:
    """The operator's token, which may be empty, and the tokens of forms, derived from a key of this process."""

    def __init__(self, token: str = "") -> None:
        self._token = token
        self._key = secrets.token_bytes(32)

    def matches(self, given: str) -> bool:
        """True if `given` is the token."""
        return bool(self._token) and _same(given, self._token)

    def form_token(self, cookie: str) -> str:
        """The token of the forms that a browser with this cookie is shown."""
        return hmac.new(self._key, _bytes(cookie), hashlib.sha256).hexdigest()

    def is_form_token(self, given: str, cookie: str) -> bool:
        return _same(given, self.form_token(cookie))


class Sessions:
    """The browsers that are signed in, by the digests of their cookies. Of too many the one that began first ends."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def begin(self, now_s: float) -> str:
        """The cookie of a browser that signs in at the time `now_s`, in seconds since 1970."""
        self._until = {one: until for one, until in self._until.items() if now_s < until}
        while len(self._until) >= _SESSIONS:
            del self._until[next(iter(self._until))]
        cookie = secrets.token_hex(32)
        self._until[_digest(cookie)] = now_s + SESSION_S
        return cookie

    def is_signed_in(self, cookie: str, now_s: float) -> bool:
        """True if `cookie` was returned by `begin`, and has not ended."""
        return now_s < self._until.get(_digest(cookie), 0.0)

    def end(self, cookie: str) -> None:
        """End what this cookie is signed in to."""
        self._until.pop(_digest(cookie), None)


class Tries:
    """The wrong tokens of the last minute, in constant memory. They hold up no right one."""

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
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    return hashlib.sha256(_bytes(text)).digest()


def _bytes(text: str) -> bytes:
    """A header may hold bytes that are no text: they come as surrogates."""
    return text.encode("utf-8", "surrogatepass")
