"""Several connections to one platform, in one process or shared among several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from core.values.events import Moved
from core.values.places import Place


class Turns(Protocol):
    """Turns for what a platform lets only one connection do at a time: of each bucket one, and the next some seconds
    later."""

    async def take(self, bucket: int) -> None:
        """Wait for a turn. No other process has one of this bucket until it is released, and some seconds more."""
        ...

    def release(self, bucket: int, *, sent: bool) -> None:
        """It was done, or with `sent=False` will not be, so that the next need not wait."""
        ...


@runtime_checkable
class Shardable(Protocol):
    """A connector whose connections several processes share, by their numbers."""

    start_apart_s: float
    """Seconds from one start of a connection to the next one of its bucket."""

    def share(self, turns: Turns, speaks: Callable[[int], bool]) -> None:
        """Other processes have connections too: be connected as none until `hold`, and start in `turns` alone. Reply to
        what a connection hears while it `speaks`: else another process may be connected so, and replies."""
        ...

    def hold(self, shards: frozenset[int]) -> None:
        """Be connected as these from now on, and no others."""
        ...


@runtime_checkable
class SharesMoves(Protocol):
    """A connector that keeps the readers of channels in memory, and is told of each change of them by one of several
    processes."""

    on_moved: Callable[[Moved], Awaitable[None]]
    """Tells the other processes. Raises StoreError."""

    async def moved(self, moved: Moved) -> None:
        """Another process was told. Raises PlatformError."""
        ...


@runtime_checkable
class ServesInstallations(Protocol):
    """A connector that serves installations which teams make and end themselves, at any of several processes."""

    name: str

    async def installation_ended(self) -> None:
        """Another process has ended one: serve it no longer. Raises StoreError."""
        ...


@runtime_checkable
class ShowsOthers(Protocol):
    """A connector that itself shows what every process answers, such as a page that any of them serves."""

    def share_answers(self, here: Callable[[Place], bool]) -> None:
        """Answers to places that are not answered `here` are shown as the store has them."""
        ...


@runtime_checkable
class SeveralConnections(Protocol):
    """An installation whose events come over several connections, each of which hears of other places. A process may
    hold some of them, and others later."""

    def connections(self) -> frozenset[str]:
        """The names of all of them. That of the first is empty, as where there is one. Pure."""
        ...

    def holds(self, name: str) -> bool:
        """True if this process should be connected so. Pure."""
        ...

    def connection_of(self, place: Place) -> str:
        """The name of the one that hears of the place, held here or not. Pure."""
        ...

    def is_connected(self, name: str) -> bool:
        """True if this connection is held and its events come in. Pure."""
        ...
