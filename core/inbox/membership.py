"""The teams of a person who writes to the bot where no team has rules.

A direct conversation belongs to no team, and so does a place that the bot reaches by a person's own install alone. The
rules of each of the person's teams apply there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from core.errors import PlatformError
from core.ports.connector import Membership
from core.ports.store.settings import SettingsStore
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command
from core.values.places import Person, Place

log = structlog.get_logger()

Said = TypeVar("Said", bound=Ask | Command | ButtonPress)

_TEAMS = 50
"""The most teams that are looked up: those with rules of their own."""
_WITHIN_S = 5.0


def is_teamless(place: Place, membership: Membership | None) -> bool:
    """True if the rules of the person's teams apply in `place`. `membership`: that of the place, if it has one."""
    return place.direct or (membership is not None and not membership.has_team(place))


class TeamMembership:
    """`memberships`: the `Membership` of a place; None where the place has one team."""

    def __init__(self, store: SettingsStore, memberships: Callable[[Place], Membership | None]) -> None:
        self._store = store
        self._memberships = memberships

    async def known(self, said: Said) -> Said:
        """`said` with the author's teams that have rules, and the author's roles there.

        `external` is None where the look-up fails. Raises StoreError.
        """
        membership = self._memberships(said.place)
        if membership is None or said.author.bot or not is_teamless(said.place, membership):
            return said
        return replace(said, author=await self._person(said.author, said.place, membership))

    async def _person(self, person: Person, place: Place, membership: Membership) -> Person:
        teams = list(await self._store.workspaces(place.platform))[:_TEAMS]
        if not teams:
            return person
        try:
            async with asyncio.timeout(_WITHIN_S):
                found = await membership.roles_in(person.id, teams)
        except (PlatformError, TimeoutError) as error:
            log.warning(
                "memberships_unknown", platform=place.platform, error=type(error).__name__, detail=str(error)
            )
            return replace(person, external=None)
        roles = (role for team in found for role in (team, *found[team]))
        return replace(person, roles=(*person.roles, *roles))
