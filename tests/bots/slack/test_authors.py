"""The author of an event by its payload and by users.info: the stricter of both counts."""

from __future__ import annotations

from typing import Any

import pytest

from bots.slack.addressee import addressee_of
from bots.slack.authors import Claim, claim_of, with_claim
from core.values.places import Person

HOME = frozenset({"T1", "E1"})
MEMBER = Person("U1", "Ada", guest=False, external=False, roles=("T1",))


@pytest.mark.parametrize(
    ("said", "guest", "external"),
    [
        ({}, None, None),
        ({"team": "T1"}, None, False),
        ({"team": "E1"}, None, False),
        ({"team": "T9"}, None, True),
        ({"team": "T1", "user_team": "T9"}, None, True),
        ({"team": "T1", "source_team": "T9"}, None, True),
        ({"team": "T9", "user_team": "T1"}, None, False),
        ({"team_id": "T9"}, None, True),
        ({"team": {"id": "T9"}}, None, None),
        ({"user_profile": {"team": "T9"}, "team": "T1"}, None, True),
        ({"user_profile": {"team": "T1", "is_restricted": True}}, True, False),
        ({"user_profile": {"team": "T1", "is_ultra_restricted": True}}, True, False),
        ({"user_profile": {"team": "T1", "is_restricted": False, "is_ultra_restricted": False}}, False, False),
        ({"user_profile": {"is_restricted": False}}, None, None),
        ({"user_profile": {"is_stranger": True}, "team": "T1"}, None, True),
        ({"is_stranger": True}, None, True),
        ({"user_profile": "odd"}, None, None),
    ],
)
def test_what_a_payload_says_of_somebody_unknown(
    said: dict[str, Any], guest: bool | None, external: bool | None
) -> None:
    person = with_claim(None, "U1", "U1", claim_of(said), HOME)
    assert (person.guest, person.external) == (guest, external)


@pytest.mark.parametrize(
    ("known", "said", "guest", "external"),
    [
        (MEMBER, {"team": "T1"}, False, False),
        (MEMBER, {}, False, False),
        (MEMBER, {"user_team": "T9"}, False, True),
        (MEMBER, {"user_profile": {"is_restricted": True}}, True, False),
        (Person("U1", external=True, roles=("T9",)), {"team": "T1"}, False, True),
        (Person("U1", guest=True, roles=("T1",)), {"team": "T1"}, True, False),
        (Person("U1", roles=("T1", "T2")), {"user_team": "T2"}, False, False),
    ],
)
def test_a_payload_adds_to_what_is_known_and_takes_nothing_away(
    known: Person, said: dict[str, Any], guest: bool, external: bool
) -> None:
    person = with_claim(known, "U1", "U1", claim_of(said), HOME)
    assert (person.guest, person.external) == (guest, external)


def test_a_workspace_of_another_is_an_id_for_the_lists_of_who_may_ask() -> None:
    assert with_claim(None, "U1", "U1", Claim(frozenset({"T9"})), HOME).roles == ("T9",)


@pytest.mark.parametrize(
    ("payload", "ours"),
    [
        ({"team_id": "T1"}, True),
        ({"team_id": "T9"}, False),
        ({}, True),
        ({"team_id": "T9", "authorizations": [{"team_id": "T1", "enterprise_id": None}]}, True),
        ({"team_id": "T1", "authorizations": [{"team_id": "T9"}]}, False),
        ({"team_id": "T9", "authorizations": [{"team_id": None, "enterprise_id": "E1"}]}, True),
    ],
)
def test_an_event_is_ours_where_our_workspace_installed_the_app(payload: dict[str, Any], ours: bool) -> None:
    assert addressee_of({"type": "event_callback"} | payload).is_of(HOME) is ours
