"""What a digest turn posts, and where."""

from __future__ import annotations

from itertools import repeat
from typing import Protocol

from core.clock import Clock
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.values.conversation import Turn
from core.values.places import Place

_TRIES, _PAUSE_S = 12, 5.0


class Digester(Protocol):
    async def text(self, turn: Turn) -> str:
        """The usage summary that a digest turn posts."""
        ...


async def digest_place(channel: str, platform_calls: PlatformCalls, clock: Clock) -> Place:
    """The place of a channel id. Raises PlatformError: one that is not retryable at once, others after a minute."""
    for pause_s in repeat(_PAUSE_S, _TRIES - 1):
        try:
            return await platform_calls.channel(channel)
        except PlatformError as error:
            if not error.retryable:
                raise
            await clock.sleep(min(error.retry_after_s or pause_s, pause_s))
    return await platform_calls.channel(channel)
