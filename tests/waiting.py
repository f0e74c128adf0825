"""Waiting for what must come. How long it may take at the most is no claim about Parley: a busy machine is slow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

HANG_S = 30.0
"""After this a test gives up."""


async def until(predicate: Callable[[], T | None], timeout_s: float = HANG_S) -> T:
    """The first true value of `predicate`. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not (value := predicate()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return value


async def least(measure: Callable[[], Awaitable[float]], bound: float, rounds: int = 3) -> float:
    """Smallest of up to `rounds` measurements; the first one below `bound` is the last one taken.

    Load on the machine only adds to a measured time, so a real fault exceeds the bound in every round.
    """
    smallest = float("inf")
    while rounds and smallest >= bound:
        smallest = min(smallest, await measure())
        rounds -= 1
    return smallest


def timer_waits() -> Callable[[], float]:
    """The seconds that the running loop has waited since, with nothing to do until its next timer, as a function.

    A busy machine adds nothing: of each wait at most the time to the timer counts, however late the loop is woken.
    """
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select, waited_s = selector.select, 0.0

    def counting(timeout: float | None = None) -> list[object]:
        nonlocal waited_s
        began = time.monotonic()
        events: list[object] = select(timeout)
        waited_s += min(timeout or 0.0, time.monotonic() - began)
        return events

    selector.select = counting
    return lambda: waited_s


AT_ONCE_S = 1.0
"""Seconds within which an action that is promised at once ends, on a busy machine too."""
