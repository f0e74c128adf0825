"""Identifies the author of a payload, from the payload itself and from users.info. Pure.

A payload names the workspace of its author in `user_team`, `source_team` and `user_profile` (shared channels) or
`team`. These fields apply before users.info answers, and take precedence over its answer.
https://docs.slack.dev/apis/slack-connect/ and https://docs.slack.dev/reference/events/message/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.values.places import Person

Payload = Mapping[str, Any]

_SLACKBOT = "USLACKBOT"
_GUEST_FLAGS = ("is_restricted", "is_ultra_restricted")
_TEAM_FIELDS = ("user_team", "source_team")
_BROAD_TEAM_FIELDS = ("team", "team_id")


@dataclass(frozen=True, slots=True)
class Claim:
    """The facts that a payload names about its author. `teams`: their workspaces, empty where it names none.
    None: the payload does not say."""

    teams: frozenset[str] = frozenset()
    guest: bool | None = None
    external: bool | None = None


def is_bot(message: Payload) -> bool:
    """True if an app or Slackbot wrote `message`."""
    return bool(message.get("bot_id")) or message.get("user") == _SLACKBOT


def claim_of(said: Payload) -> Claim:
    """The claim of a message, of the `user` of an interaction, or of a slash command."""
    found = said.get("user_profile")
    profile: Payload = found if isinstance(found, Mapping) else {}
    own = [*(said.get(name) for name in _TEAM_FIELDS), profile.get("team")]
    teams = _ids(own) or _ids(said.get(name) for name in _BROAD_TEAM_FIELDS)
    return Claim(teams, _guest(profile), profile.get("is_stranger") or said.get("is_stranger") or None)


def with_claim(known: Person | None, who: str, name: str, claim: Claim, home: frozenset[str]) -> Person:
    """The person `who`, called `name` where they are not known. `home`: the ids of our workspace and its
    organisation."""
    foreign = bool(claim.external)
    if known is None:
        external = foreign or bool(claim.teams - home) if foreign or claim.teams else None
        return Person(who, name, guest=claim.guest, external=external, roles=tuple(sorted(claim.teams)))
    foreign = foreign or bool(claim.teams - home - set(known.roles))
    return replace(known, guest=known.guest or bool(claim.guest), external=known.external or foreign)


def is_known(person: Person) -> bool:
    """True if everything that rights depend on is known."""
    return person.bot or None not in (person.guest, person.external)


def with_known(person: Person, known: Person | None, home: frozenset[str]) -> Person:
    """`person` from a payload, completed with `known` from users.info, if any."""
    if known is None:
        return person
    claim = Claim(frozenset(person.roles), person.guest, person.external)
    return with_claim(known, person.id, person.name, claim, home)


def _guest(profile: Payload) -> bool | None:
    if any(profile.get(flag) for flag in _GUEST_FLAGS):
        return True
    return False if all(flag in profile for flag in _GUEST_FLAGS) else None


def _ids(values: Any) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str) and value)
