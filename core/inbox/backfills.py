"""Backfills of an installation: one for each of its connections, which are lost and gained apart from each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.inbox.backfill import Backfill, watermark_of
from core.ports.connections import SeveralConnections
from core.ports.connector import Installation, Revocable
from core.ports.store.threads import ThreadStore
from core.values.places import Place

log = structlog.get_logger()

_LOOK_S = 0.25
ONE = frozenset({""})
"""The connections of an installation that has one."""


class Backfills:
    """Makes and runs a backfill for each connection that this process holds, or has held."""

    def __init__(
        self, installation: Installation, store: ThreadStore, clock: Clock, make: Callable[[str], Backfill]
    ) -> None:
        self._installation = installation
        # Such a look into a protocol takes 10 us, and there may be a thousand of these, each four times a second.
        self._several = installation if isinstance(installation, SeveralConnections) else None
        self._is_of_team = isinstance(installation, Revocable) and installation.revocable
        self._store = store
        self._clock = clock
        self._make = make
        self._made: dict[str, Backfill] = {}
        self._begun = ONE

    async def run(self) -> None:
        """Run until cancelled."""
        if self._several is None:
            return await self._of("").run()
        async with asyncio.TaskGroup() as group:
            running = set[str]()
            while True:
                if await self._begin():
                    for name in self._held() - running:
                        group.create_task(self._of(name).run())
                        running.add(name)
                await self._clock.sleep(_LOOK_S)

    @property
    def of_team(self) -> Backfill | None:
        """The only one of an installation that a team has made itself; None for others."""
        return self._of("") if self._is_of_team else None

    async def caught_up(self, place: Place) -> None:
        """As `Backfill.caught_up`. A place that none of the connections here hears of is not waited for."""
        if (name := self._name(place)) in self._held():
            await self._of(name).caught_up(place)

    def again(self, place: Place) -> None:
        """As `Backfill.again`, for the connection that hears of the place."""
        if (name := self._name(place)) in self._held():
            self._of(name).again()

    def again_everywhere(self, holds: Callable[[Place], bool]) -> None:
        """As `Backfill.again`, for each connection that is held here. One that all processes have is read on by the
        process that `holds` the places of its team."""
        team = Place(self._installation.name, self._installation.id, "")
        if self._several is not None or holds(team):
            for name in self._held():
                self._of(name).again()

    async def _begin(self) -> bool:
        """New connections have missed what the one before them has missed: before that one reads on, each gets its
        watermark. False if the store fails."""
        new = self._all() - self._begun
        try:
            former = await self._watermark("") if new else None
            for name in new:
                if former is not None and await self._watermark(name) is None:
                    as_platform = watermark_of(self._installation, name)
                    await self._store.advance_watermark(as_platform, self._installation.id, former)
        except StoreError as error:
            log.warning("backfill_delayed", platform=self._installation.name, **error.log_keys)
            return False
        self._begun |= new
        return True

    async def _watermark(self, name: str) -> datetime | None:
        return await self._store.watermark(watermark_of(self._installation, name), self._installation.id)

    def _all(self) -> frozenset[str]:
        return self._several.connections() if self._several is not None else ONE

    def _held(self) -> frozenset[str]:
        if self._several is None:
            return ONE
        return frozenset(name for name in self._several.connections() if self._several.holds(name))

    def _name(self, place: Place) -> str:
        return self._several.connection_of(place) if self._several is not None else ""

    def _of(self, name: str) -> Backfill:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]
