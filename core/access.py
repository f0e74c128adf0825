"""Decides who may ask, and who may change which settings. Pure."""

from __future__ import annotations

from enum import StrEnum

from core.settings.channel import SETTINGS, ChannelSettings, own
from core.settings.environment import CoreSettings
from core.values.places import Person, Place


class Refusal(StrEnum):
    """The reason why a person may not ask. The value is the key of its phrase."""

    NOT_LISTED = "refused_not_listed"
    DENIED = "refused_denied"
    GUEST = "refused_guest"
    STRANGER = "refused_stranger"
    UNKNOWN = "refused_unknown"


def refusal(person: Person, place: Place, settings: ChannelSettings) -> Refusal | None:
    """The reason why `person` may not ask in `place`, or None where they may.

    Deny wins; each list of `allow` must have one of their ids. Where the platform did not say whether the person is a
    guest or external, they are refused if the answer depends on it.
    """
    theirs = {place.team, place.channel, person.id, *person.roles} - {""}
    if theirs & settings.deny:
        return Refusal.DENIED
    if any(not theirs & listed for listed in settings.allow):
        return Refusal.NOT_LISTED
    if person.external and not settings.strangers:
        return Refusal.STRANGER
    if person.guest and not settings.guests:
        return Refusal.GUEST
    if (person.external is None and not settings.strangers) or (person.guest is None and not settings.guests):
        return Refusal.UNKNOWN
    return None


def is_admin(person: Person, place: Place, core: CoreSettings) -> bool:
    """True if `person` may change everything: one of PARLEY_ADMINS, or an admin of this workspace."""
    return person.id in own(core.parley_admins, place.platform) or (person.admin and person.external is False)


def is_manager(person: Person, place: Place, core: CoreSettings) -> bool:
    """True if `person` may change the channel. In a direct conversation everybody may."""
    return is_admin(person, place, core) or place.direct or (person.manager and person.external is False)


def may_change(person: Person, place: Place, scope: str, name: str, core: CoreSettings) -> bool:
    """True if `person` may change the setting `name` of `place`'s channel or workspace (`scope`)."""
    if is_admin(person, place, core):
        return True
    return scope == "channel" and not SETTINGS[name].admins and is_manager(person, place, core)
