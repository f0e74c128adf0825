"""The installations of the app, by their workspaces: that of SLACK_BOT_TOKEN, and those that teams have made
themselves.

Of the latter only their facts are in memory from the start; tokens and connections come with the first call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog
from cachetools import TTLCache

from bots.slack.addressee import Addressee
from bots.slack.installation import SlackInstallation
from core.clock import Clock
from core.ports.connector import STORE_WAIT_S
from core.ports.store.installations import InstallationStore
from core.turns.store_retry import until_stored
from core.values.installations import InstallationKey, StoredInstallation
from core.values.places import Place

log = structlog.get_logger(platform="slack")

_UNKNOWN, _UNKNOWN_S = 10_000, 10.0
"""Workspaces without an installation, and the seconds for which the store is not asked again."""
_REFUSED_SAID_S = 60.0

Create = Callable[[StoredInstallation], SlackInstallation]


class SlackInstallations:
    """`own`: the installation of the settings' token, whose workspace is known after its first call. `create` makes
    that of a stored one. `store`: None where teams can't install the app themselves."""

    def __init__(
        self, own: SlackInstallation | None, create: Create, store: InstallationStore | None, clock: Clock
    ) -> None:
        self.own = own
        self._create = create
        self._store = store
        self._clock = clock
        self._looking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._by_team: dict[str, SlackInstallation] = {}
        self._keys: dict[str, StoredInstallation] = {}
        self._unknown: TTLCache[str, str] = TTLCache(_UNKNOWN, _UNKNOWN_S, clock.monotonic)
        self._refused: TTLCache[str, bool] = TTLCache(_UNKNOWN, _REFUSED_SAID_S, clock.monotonic)

    @property
    def all(self) -> tuple[SlackInstallation, ...]:
        """Those that run."""
        return (*([] if self.own is None else [self.own]), *self._by_team.values())

    @property
    def stored(self) -> tuple[StoredInstallation, ...]:
        """The facts of those that teams have made, and run."""
        return tuple(self._keys.values())

    def serving(self, place: Place) -> SlackInstallation | None:
        """The installation of the place's workspace. While it is not known which that of the settings' token is, and
        for a place without a workspace, it is that one."""
        if (found := self._by_team.get(place.team)) is not None:
            return found
        own = self.own
        return own if own is not None and (own.id in ("", place.team) or not place.team) else None

    async def load(self) -> None:
        """Read the stored installations. Raises StoreError."""
        if self._store is not None:
            for stored in await self._store.installations("slack"):
                if stored.ended_at is None and stored.key.team:
                    self.add(stored)

    async def look_up(self, team: str) -> None:
        """Serve a workspace whose installation another process has stored, also where it had none a moment ago: the
        other process has stored a question of it too. Raises StoreError."""
        if self._store is None or not team:
            return
        stored = await self._store.installations("slack")
        runs = next((one for one in stored if one.key.team == team and one.ended_at is None), None)
        if runs is not None:
            self.add(runs)

    async def ended_elsewhere(self) -> list[tuple[str, str]]:
        """The workspaces that are served here and whose installations another process has ended, each with the reason.
        Raises StoreError."""
        if self._store is None or not self._keys:
            return []
        served = list(self._keys)  # what is added while the store is read may not be in the answer
        runs: set[str] = set()
        reasons: dict[str, str] = {}
        for one in await self._store.installations("slack"):
            if one.ended_at is None:
                runs.add(one.key.team)
            else:
                reasons[one.key.team] = one.reason
        return [(team, reasons.get(team, "removed")) for team in served if team not in runs]

    def add(self, stored: StoredInstallation) -> SlackInstallation:
        """Serve a workspace from now on; one that is served already goes on with its new facts."""
        team = stored.key.team
        self._unknown.pop(team, None)
        former = self._keys.get(team)
        self._keys[team] = stored
        found = self._by_team.get(team)
        if found is None or former is None or replace(former, version=0) != replace(stored, version=0):
            found = self._by_team[team] = self._create(stored)
        return found

    def remove(self, team: str) -> SlackInstallation | None:
        """Serve a workspace no longer."""
        self._keys.pop(team, None)
        return self._by_team.pop(team, None)

    def of_enterprise(self, enterprise: str) -> list[str]:
        """The workspaces that are served by an installation of their organisation."""
        return [
            team for team, one in self._keys.items() if one.key.enterprise == enterprise and not one.has_tokens
        ]

    def key_of(self, team: str) -> InstallationKey | None:
        """The key of the installation that has the tokens for a workspace."""
        stored = self._keys.get(team)
        if stored is None:
            return None
        return stored.key if stored.has_tokens else replace(stored.key, team="")

    async def revoke(self, enterprise: str, team: str, reason: str) -> bool:
        """End the installation of a workspace that uses the tokens of its organisation. False where none runs. Raises
        StoreError."""
        key = InstallationKey("slack", enterprise, team)
        stored = None if self._store is None else await self._store.installation(key)
        if self._store is None or stored is None or stored.has_tokens or not enterprise:
            return False
        return await self._store.end_installation(key, reason, self._clock.now())

    async def grant(self, enterprise: str, team: str) -> None:
        """Begin the installation of such a workspace again, if it has ended and that of its organisation runs. One that
        never was begins with its first event. Raises StoreError."""
        self._unknown.pop(team, None)
        if self._store is None:
            return
        ended = await self._store.installation(InstallationKey("slack", enterprise, team))
        organisation = await self._store.installation(InstallationKey("slack", enterprise, ""))
        if ended is None or ended.ended_at is None or organisation is None or organisation.ended_at is not None:
            return
        facts = replace(organisation, key=ended.key, name=ended.name, url=ended.url)
        self.add(await self._store.install(facts, None, self._clock.now()))

    async def find(self, addressee: Addressee) -> SlackInstallation | None:
        """The installation that an event is for, or None where there is none, or none any more. Raises StoreError where
        the database stays away, and PlatformError while it is not known which workspace that of the settings' token
        is."""
        for team in addressee.teams:
            if (found := self._by_team.get(team)) is not None:
                return found
        if self.own is not None:
            home = (await self.own.web.identify()).home
            if addressee.is_of(home) or (self._store is None and not addressee.certain):
                return self.own
        for team in addressee.teams:
            if (found := await self._stored_for(addressee.enterprise, team)) is not None:
                return found
        self._refuse(addressee)
        return None

    async def _stored_for(self, enterprise: str, team: str) -> SlackInstallation | None:
        """As `_look_up`, for one event of a workspace after another: they go on in the order in which they came."""
        by_s = self._clock.monotonic() + STORE_WAIT_S
        async with self._looking.setdefault(team, asyncio.Lock()):
            if (found := self._by_team.get(team)) is not None or team in self._unknown:
                return found
            within_s = by_s - self._clock.monotonic()
            return await until_stored(self._clock, lambda: self._look_up(enterprise, team), within_s)

    async def _look_up(self, enterprise: str, team: str) -> SlackInstallation | None:
        """The installation that another process has stored, or the first one of a workspace of an organisation."""
        if self._store is None:
            return None
        ended: StoredInstallation | None = None
        for key in dict.fromkeys(
            (InstallationKey("slack", enterprise, team), InstallationKey("slack", "", team))
        ):
            stored = await self._store.installation(key)
            if stored is not None and stored.ended_at is None:
                return self.add(stored)
            ended = ended or stored
        if enterprise:
            organisation = await self._store.installation(InstallationKey("slack", enterprise, ""))
            if organisation is not None and _covers(organisation, ended):
                facts = replace(organisation, key=InstallationKey("slack", enterprise, team), name="", url="")
                return self.add(await self._store.install(facts, None, self._clock.now()))
            ended = ended or organisation
        self._unknown[team] = "" if ended is None else ended.reason
        return None

    def _refuse(self, addressee: Addressee) -> None:
        """Log that an event has no addressee, for each workspace once a minute: anybody may have the app installed."""
        team = next(iter(addressee.teams), "")
        if team in self._refused:
            return
        self._refused[team] = True
        log.info("event_refused", team=team, reason=self._unknown.get(team) or "not installed")


def _covers(organisation: StoredInstallation, ended: StoredInstallation | None) -> bool:
    """True if an organisation's installation is that of a workspace whose own has `ended`, if it had one."""
    if organisation.ended_at is not None:
        return False
    began = organisation.installed_at
    return ended is None or ended.ended_at is None or (began is not None and began >= ended.ended_at)
