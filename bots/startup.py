"""Starting while the database can't be reached yet: wait, and say so over HTTP and on the terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bots.http import HttpServer
from core.clock import Clock
from core.errors import StoreError

Opened = TypeVar("Opened")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 3.0


class Startup:
    """Waits for at most `wait_s`. `create_http` makes a server that is up meanwhile; its argument says why nothing
    is ready."""

    def __init__(
        self,
        clock: Clock,
        wait_s: float,
        tell: Callable[[str], None],
        create_http: Callable[[Callable[[], str]], HttpServer],
    ) -> None:
        self._clock = clock
        self._wait_s = wait_s
        self._tell = tell
        self._create_http = create_http
        self._reason = ""

    async def open(self, attempt: Callable[[], Awaitable[Opened]]) -> Opened:
        """The result of `attempt`, which is repeated while it fails for a cause that may pass.

        Raises the last StoreError when the time is over, and at once one that only a person can mend.
        """
        give_up_at = self._clock.monotonic() + self._wait_s
        pause_s = FIRST_PAUSE_S
        http: HttpServer | None = None
        try:
            while True:
                try:
                    return await attempt()
                except StoreError as error:
                    left_s = give_up_at - self._clock.monotonic()
                    if error.lasting or not error.retryable or left_s <= 0:
                        raise
                    self._reason = error.detail
                    shown = error.shown
                if http is None:
                    http = self._create_http(lambda: self._reason)
                    self._tell(f"database not reachable, waiting for at most {self._wait_s:g} s: {shown}")
                    await http.start()
                await self._clock.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            if http is not None:
                await http.stop()
