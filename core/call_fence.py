"""The fence at the wire: a request that this process may no longer make is not sent.

A call passes the gate (`core.platform_calls`), and may wait behind it: for a rate limit, for a connection, for another
request that it needs first. Its place may be lost meanwhile, above all where the process was frozen. So the transports
of platforms call `pass_fence` where a request is written, behind every wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.errors import Code, PlatformError


class NotSentError(PlatformError):
    """A request was not sent, since its place is another replica's, or may be."""


class Fence:
    """Lets the requests of one call through while `may_send` returns True."""

    def __init__(self, may_send: Callable[[], bool]) -> None:
        self._may_send = may_send
        self.sent = False
        """True once a request was let through."""

    @contextmanager
    def around(self) -> Iterator[None]:
        """Every request that is made inside, in tasks that begin inside too, has to pass this fence."""
        token = _fence.set(self)
        try:
            yield
        finally:
            _fence.reset(token)

    def check(self) -> None:
        """Raises NotSentError."""
        if not self._may_send():
            raise NotSentError(Code.UNAVAILABLE, "another replica answers there", retryable=True)
        self.sent = True


_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


def pass_fence() -> None:
    """Raises NotSentError where the request of the current task may not be sent any more."""
    fence = _fence.get()
    if fence is not None:
        fence.check()
