"""The workspace that a payload is for. Pure.

In a channel that workspaces share, `team_id` may be the other one: `authorizations` name the installation for which
Slack sends an event. An installation of an organisation names no workspace there: then it is the one where it happened.
https://docs.slack.dev/apis/events-api/#authorizations and https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Addressee:
    """`teams`: the ids of workspaces, the likeliest first; `enterprise`: that of their organisation, or empty. `named`:
    the ids that an installation is certainly for, those of organisations too. `certain`: False for interactions, which
    Slack sends the app of their message or form alone."""

    teams: tuple[str, ...] = ()
    enterprise: str = ""
    named: frozenset[str] = frozenset()
    certain: bool = True

    def is_of(self, home: frozenset[str]) -> bool:
        """True if it is the workspace, or the organisation, of these ids, or where none is named."""
        return not self.named or not self.named.isdisjoint(home)


def addressee_of(payload: Payload) -> Addressee:
    """The addressee of an event, a command or an interaction."""
    authorized = [one for one in payload.get("authorizations") or () if isinstance(one, Mapping)]
    team, enterprise, user, view, message = (
        _mapping(payload.get(name)) for name in ("team", "enterprise", "user", "view", "message")
    )
    teams = _ids(one.get("team_id") for one in authorized)
    organisations = _ids(one.get("enterprise_id") for one in authorized)
    named = frozenset(teams + organisations) or frozenset(_ids([payload.get("team_id")]))
    certain = payload.get("type") == "event_callback" or bool(payload.get("command"))
    if not certain:
        own = message.get("team") if payload.get("type") == "block_actions" else None
        teams = _ids([view.get("app_installed_team_id"), own, team.get("id"), user.get("team_id")])
    elif not teams:
        teams = _ids([payload.get("context_team_id"), payload.get("team_id")])
    others = [payload.get("context_enterprise_id"), payload.get("enterprise_id")]
    others += [enterprise.get("id"), team.get("enterprise_id")]
    return Addressee(teams, next(iter((*organisations, *_ids(others))), ""), named, certain)


def _mapping(value: object) -> Payload:
    return value if isinstance(value, Mapping) else {}


def _ids(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))
