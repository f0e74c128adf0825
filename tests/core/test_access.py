from __future__ import annotations

import pytest

from core.access import Refusal, is_admin, is_manager, may_change, refusal
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.values.places import Person, Place

PLACE = Place("slack", "T1", "C1", "1")
CORE = CoreSettings(_env_file=None, parley_admins="slack:U7, discord:8")
ADA = Person("U1", "Ada")
GUEST, STRANGER = Person("U2", guest=True), Person("U3", external=True)


def settings(
    *allow: set[str], deny: frozenset[str] = frozenset(), guests: bool = True, strangers: bool = False
) -> ChannelSettings:
    return ChannelSettings(
        model="m", prompt="p", allow=tuple(map(frozenset, allow)), deny=deny, guests=guests, strangers=strangers
    )


@pytest.mark.parametrize(
    ("person", "rules", "why"),
    [
        (ADA, settings(), None),
        (ADA, settings({"T1"}), None),
        (ADA, settings({"C1"}, {"U1"}), None),
        (ADA, settings({"T1"}, {"C2"}), Refusal.NOT_LISTED),
        (ADA, settings({"U1"}, deny=frozenset({"U1"})), Refusal.DENIED),
        (ADA, settings(deny=frozenset({"C1"})), Refusal.DENIED),
        (Person("U1", roles=("R1", "R2")), settings({"R2"}), None),
        (Person("U1", roles=("R1",)), settings(deny=frozenset({"R1"})), Refusal.DENIED),
        (GUEST, settings(), None),
        (GUEST, settings(guests=False), Refusal.GUEST),
        (STRANGER, settings(), Refusal.STRANGER),
        (STRANGER, settings(strangers=True), None),
        (STRANGER, settings({"U3"}), Refusal.STRANGER),
        (Person(""), settings({""}), Refusal.NOT_LISTED),
    ],
)
def test_who_may_ask(person: Person, rules: ChannelSettings, why: Refusal | None) -> None:
    assert refusal(person, PLACE, rules) is why


def test_admins_are_those_the_platform_or_the_operator_names() -> None:
    assert is_admin(Person("U7"), PLACE, CORE)
    assert is_admin(Person("U5", admin=True), PLACE, CORE)
    assert not is_admin(Person("8"), PLACE, CORE), "an id of another platform"
    assert not is_admin(Person("U5", manager=True), PLACE, CORE)
    assert not is_admin(Person("U5", admin=True, external=True), PLACE, CORE), "admin somewhere else"


@pytest.mark.parametrize(
    ("person", "scope", "name", "allowed"),
    [
        (ADA, "channel", "model", False),
        (ADA, "workspace", "model", False),
        (Person("U1", manager=True), "channel", "model", True),
        (Person("U1", manager=True), "workspace", "model", False),
        (Person("U1", manager=True), "channel", "budget", False),
        (Person("U1", manager=True, external=True), "channel", "model", False),
        (Person("U1", admin=True), "workspace", "model", True),
        (Person("U1", admin=True), "channel", "budget", True),
        (Person("U7"), "workspace", "strangers", True),
    ],
)
def test_who_may_change_what(person: Person, scope: str, name: str, allowed: bool) -> None:
    assert may_change(person, PLACE, scope, name, CORE) is allowed


def test_with_the_bot_alone_everybody_runs_their_own_channel() -> None:
    alone = Place("slack", "T1", "D1", direct=True)
    assert is_manager(ADA, alone, CORE)
    assert may_change(ADA, alone, "channel", "model", CORE)
    assert not may_change(ADA, alone, "workspace", "model", CORE)
    assert not may_change(ADA, alone, "channel", "budget", CORE)


@pytest.mark.parametrize(
    ("guest", "external", "rules", "why"),
    [
        (None, None, settings(guests=True, strangers=True), None),
        (None, False, settings(), None),
        (None, False, settings(guests=False), Refusal.UNKNOWN),
        (False, None, settings(), Refusal.UNKNOWN),
        (None, True, settings(), Refusal.STRANGER),
        (True, None, settings(guests=False, strangers=True), Refusal.GUEST),
        (None, None, settings(deny=frozenset({"U1"})), Refusal.DENIED),
    ],
)
def test_who_is_not_known_is_refused_wherever_a_gate_depends_on_it(
    guest: bool | None, external: bool | None, rules: ChannelSettings, why: Refusal | None
) -> None:
    assert refusal(Person("U1", guest=guest, external=external), PLACE, rules) is why


def test_nobody_changes_a_setting_while_their_workspace_is_not_known() -> None:
    person = Person("U1", admin=True, manager=True, external=None)
    assert not may_change(person, PLACE, "channel", "model", CORE)
    assert may_change(Person("U7", external=None), PLACE, "workspace", "model", CORE), "the operator's own list"
