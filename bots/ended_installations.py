"""Installations that teams have ended: their answers stop at once, and their data goes after a while."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.connector import Installation
from core.ports.store.installations import InstallationStore
from core.ports.store.retention import RetentionStore
from core.turns.running import RunningTurns

log = structlog.get_logger()

EVERY_S = 3_600.0
REMOVED_KEPT = timedelta(minutes=2)
"""The time after which programs no longer serve a team that the operator has removed: what they stored until then goes
too."""
STEP_PAUSE_S = 0.05
"""The pause between two steps: questions are stored meanwhile."""


class RemovingStore(InstallationStore, RetentionStore, Protocol):
    """The part of the store from which the data of teams is removed."""


class OfTeams(Protocol):
    """Something that there is of each team, such as a connection."""

    def forget(self, platform: str, team: str) -> object: ...


class EndedTeams:
    """`made`: what there is of each installation, which goes with it."""

    def __init__(self, running_turns: RunningTurns, made: Iterable[OfTeams]) -> None:
        self._running_turns = running_turns
        self._made = tuple(made)
        self._work = defaultdict[tuple[str, str], list[asyncio.Task[None]]](list)

    def ends(self, installation: Installation, work: asyncio.Task[None]) -> None:
        """Have `work` end with the installation that it is for."""
        self._work[installation.name, installation.id].append(work)

    async def end(self, platform: str, team: str) -> None:
        """Stop the answers of a team: the store has ended their turns."""
        stopped = self._running_turns.lose(platform, team)
        for made in self._made:
            made.forget(platform, team)
        for work in self._work.pop((platform, team), ()):
            work.cancel()
        log.info("team_ended", platform=platform, team=team, answers=stopped)


async def expire_installations(store: RemovingStore, kept: Callable[[], timedelta], clock: Clock) -> None:
    """Remove the data of teams whose installations ended longer ago than `kept`, or were removed by the operator, now
    and every hour. Until cancelled."""
    while True:
        try:
            if await remove_expired(store, kept(), clock):
                await store.purge()
        except StoreError as error:
            log.warning("teams_not_removed", **error.log_keys)
        await clock.sleep(EVERY_S)


async def remove_expired(store: RemovingStore, kept: timedelta, clock: Clock) -> int:
    """Remove the data of those teams now. Returns the number of installations. Raises StoreError."""
    count = 0
    while ended := await store.ended_installations(clock.now() - kept, clock.now() - REMOVED_KEPT):
        for one in ended:
            await remove_team(store, one.key.platform, one.key.team, clock)
            await store.forget_installation(one.key)
        count += len(ended)
    return count


async def remove_team(store: InstallationStore, platform: str, team: str, clock: Clock) -> int:
    """Remove all data of a team. Returns the number of rows. Raises StoreError."""
    removed = 0
    while team and (step := await store.remove_team(platform, team)):
        removed += step
        await clock.sleep(STEP_PAUSE_S)
    log.info("team_removed", platform=platform, team=team, rows=removed)
    return removed
