"""The traits of a platform that the core needs, as data. Each platform defines one `PlatformTraits`; the app
passes it in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.values.places import Person, Place


class Feature(StrEnum):
    """A feature of a platform that a setting, or one of its values, may need."""

    CHANNELS = "channels"
    """Channels of a team, in which several people talk. Without them there is one conversation partner."""

    FORUMS = "forums"
    """Channels that consist of posts, each a thread of its own."""

    GUESTS = "guests"
    """Guest accounts."""

    SHARED_CHANNELS = "shared_channels"
    """People of other teams in a channel."""

    SEARCH = "search"
    """A search of the platform's own, in place of a memory where an app may have none."""


@dataclass(frozen=True, slots=True)
class PlatformTraits:
    """`label` is the platform's name for people. `typed_prefix` precedes the name of a command in a message to the bot,
    in a thread too.

    `spans_teams`: one installation serves all teams, and a person has one id in all of them. `former_ids`: the teams
    under which earlier versions stored what belongs to an installation; they left some rows without a team.
    `returns_refused`: the words of a refused question are given back to their author instead of staying in its thread.
    Nobody else sees the refusal. `distributed`: the app is installed beyond the organisation that runs it. The terms of
    platforms forbid such an app an index of what is said, so it has no memory; some have a search of their own.
    """

    features: frozenset[Feature] = frozenset()
    typed_prefix: str = "/"
    spans_teams: bool = False
    former_ids: tuple[str, ...] = ("",)
    returns_refused: bool = False
    distributed: bool = False
    label: str = ""

    def people_of(self, place: Place) -> str:
        """The team in which the ids of people at `place` are unique; empty where they are so in all teams."""
        return "" if self.spans_teams else place.team

    def person_key(self, person: Person, place: Place) -> str:
        """A key of the person at `place`, unique over platforms and teams."""
        return f"{place.platform}/{self.people_of(place)}/{person.id}"


UNKNOWN_PLATFORM = PlatformTraits()
"""Traits of a platform that defines none: no features."""


@dataclass(frozen=True, slots=True)
class PlatformState:
    """A platform as an operator sees it. `reason`: why it is down, without secrets. `teams`: the ids of its
    installations, each with True while its events come in."""

    name: str
    ready: bool
    worked: bool
    reason: str
    teams: tuple[tuple[str, bool], ...]
