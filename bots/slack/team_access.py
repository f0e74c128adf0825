"""The workspaces of an organisation to which its installation is given access, or from which that is taken. Pure.

https://docs.slack.dev/reference/events/team_access_revoked and team_access_granted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Payload = Mapping[str, Any]

ACCESS = ("team_access_granted", "team_access_revoked")
REVOKED_REASON = "access revoked"


@dataclass(frozen=True, slots=True)
class TeamAccess:
    """`teams`: the ids of workspaces of the organisation `enterprise`."""

    enterprise: str
    teams: tuple[str, ...]
    granted: bool


def access_in(payload: Payload) -> TeamAccess | None:
    """The access to workspaces that a payload tells of; None for another payload.

    Slack's own example has the event within a second wrapper.
    """
    event = _mapping(payload.get("event"))
    inner = event if event.get("type") else _mapping(event.get("event"))
    if inner.get("type") not in ACCESS:
        return None
    authorized = [_mapping(one) for one in payload.get("authorizations") or ()]
    named = (one.get("enterprise_id") for one in (payload, event, *authorized))
    enterprise = next((one for one in named if isinstance(one, str) and one), "")
    teams = tuple(one for one in inner.get("team_ids") or () if isinstance(one, str) and one)
    return TeamAccess(enterprise, teams, inner["type"] == "team_access_granted")


def _mapping(value: object) -> Payload:
    return value if isinstance(value, Mapping) else {}
