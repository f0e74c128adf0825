"""The rate at which the messages of a workspace may be read, learnt from refusals.

Apps that are distributed outside Slack's Marketplace may read one page of 15 messages a minute, all others 50 pages of
1,000. An app can't ask which of them it is: https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from core.clock import Clock
from core.errors import Code, PlatformError

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

METHODS = frozenset({"conversations.replies", "conversations.history"})
PAGE = 15
INTERVAL_S = 60.0
_FEW = 3
"""A refusal after fewer reads than these in a minute is none of an app that may read fifty."""
_LEARNT_S = 24 * 3_600.0
"""The time after which it is tried again whether more may be read."""


class ReadLimits:
    """Of one workspace. A method that was refused is not called before the time that Slack has named."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_at_s: dict[str, deque[float]] = {method: deque(maxlen=_FEW) for method in METHODS}
        self._free_at_s = dict.fromkeys(METHODS, 0.0)
        self._few_until_s = 0.0

    @property
    def few(self) -> bool:
        """True if one page a minute may be read."""
        return self._clock.monotonic() < self._few_until_s

    async def read(self, method: str, asked: Json, call: Callable[[Json], Awaitable[Json]]) -> Json:
        """The answer of `call`. Raises PlatformError: SLOW_DOWN without a call where it is too early for one."""
        now_s = self._clock.monotonic()
        if (wait_s := self._free_at_s[method] - now_s) > 0:
            raise PlatformError(Code.SLOW_DOWN, f"{method}: not yet", retryable=True, retry_after_s=wait_s)
        if self.few:
            asked = asked | {"limit": min(PAGE, int(asked.get("limit", PAGE)))}
            self._free_at_s[method] = now_s + INTERVAL_S
        try:
            answer = await call(asked)
        except PlatformError as error:
            if error.code is Code.SLOW_DOWN:
                self._refused(method, error.retry_after_s or 0.0)
            raise
        self._read_at_s[method].append(now_s)
        return answer

    def _refused(self, method: str, wait_s: float) -> None:
        now_s = self._clock.monotonic()
        self._free_at_s[method] = now_s + wait_s
        lately = [at_s for at_s in self._read_at_s[method] if now_s - at_s < INTERVAL_S]
        if len(lately) < _FEW and wait_s > INTERVAL_S / 2:
            if not self.few:
                log.warning("reads_limited", method=method, detail="one page of 15 messages a minute")
            self._few_until_s = now_s + _LEARNT_S
