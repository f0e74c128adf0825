"""The section of platforms, accounts of models, alerts that stand, and rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, heading, more_rows, prose, sentences, soft, table
from core.delivery.rate_limits import LimitState
from core.i18n import advise
from core.llm.overview import AccountOverview, OpenBreaker
from core.values.platform import PlatformState
from core.values.tasks import Alert

_PLATFORM_HEADS = ("head_platform", "head_state", "head_team", "head_connection", "head_last_event")
_ACCOUNT_HEADS = ("head_account", "head_models", "head_requests", "head_waiting", "head_breakers")
_ALERT_HEADS = ("head_what", "head_why", "head_todo", "head_ref")
_LIMIT_HEADS = ("head_platform", "head_scope", "head_used", "head_trusted", "head_blocked")
_MOST_TEAMS = 100
"""Rows: a thousand workspaces may have installed an app."""
_MOST_LIMITS = 100
"""Rows. The limits that hold calls up are shown first."""


@dataclass(frozen=True, slots=True)
class PlatformSources:
    """The callables that the section reads. `accounts` takes the language of its advice; it returns None for the
    offline model. `last_events` are by platform and team, `limits` by the words for a platform and its team."""

    platforms: Callable[[], Sequence[PlatformState]]
    last_events: Callable[[], Mapping[tuple[str, str], datetime]]
    accounts: Callable[[str], Sequence[AccountOverview] | None]
    alerts: Callable[[], Sequence[Alert]]
    limits: Callable[[], Sequence[tuple[str, LimitState]]]


class PlatformsSection:
    """Read from memory alone."""

    name = "platforms"

    def __init__(self, sources: PlatformSources) -> None:
        self._sources = sources

    async def body(self, view: View, query: Query) -> Html:
        sources = self._sources
        accounts = sources.accounts(view.language)
        last = sources.last_events()
        platforms = [row for one in sources.platforms() for row in _platform_rows(view, one, last)]
        alerts = [_alert_row(view, one) for one in sources.alerts()]
        return html(
            heading(view, "alerts"),
            table(view, "alerts", _ALERT_HEADS, alerts, "alerts_none"),
            heading(view, "platforms"),
            table(view, "platforms", _PLATFORM_HEADS, platforms[:_MOST_TEAMS], "platforms_none"),
            more_rows(view, len(platforms) - _MOST_TEAMS),
            heading(view, "accounts", "accounts_about"),
            table(
                view,
                "accounts",
                _ACCOUNT_HEADS,
                [_account_row(view, one) for one in accounts or ()],
                "accounts_offline",
            ),
            heading(view, "limits", "limits_about"),
            _limits(view, sources.limits()),
        )


def _platform_rows(
    view: View, one: PlatformState, last: Mapping[tuple[str, str], datetime]
) -> list[list[Html | str]]:
    """A row for each team. The team of direct conversations that belong to none has no id."""
    known = [team for platform, team in last if platform == one.name and team not in dict(one.teams)]
    teams = [*one.teams, *((team, one.ready) for team in known)]
    rows: list[list[Html | str]] = []
    for team, ready in teams or [("", one.ready)]:
        at = last.get((one.name, team))
        heard = view.say("no_event") if at is None else html(view.moment(at), " ", view.ago(at))
        connection = badge(view.say("connected" if ready else "disconnected"), "good" if ready else "bad")
        rows.append([one.name, _state(view, one), foreign(team or view.say("none")), connection, heard])
    return rows


def _state(view: View, one: PlatformState) -> Html:
    if one.reason:
        return html(badge(view.say("down"), "bad"), element("br"), element("code", one.reason))
    if one.ready:
        return badge(view.say("up"), "good")
    return badge(view.say("reconnecting" if one.worked else "connecting"), "bad" if one.worked else "quiet")


def _account_row(view: View, one: AccountOverview) -> list[Html | str]:
    below = "limit_learned" if one.limit < one.most else "limit_of"
    return [
        html(element("strong", one.name), element("br"), soft(f"{one.host} · {one.key_at}")),
        html([html(element("code", model), " ") for model in one.models]),
        html(view.number(one.under_way), " ", soft(view.say(below, n=one.limit, most=one.most))),
        view.number(one.waiting),
        html([_breaker(view, breaker) for breaker in one.breakers])
        if one.breakers
        else badge(view.say("breakers_closed"), "good"),
    ]


def _breaker(view: View, one: OpenBreaker) -> Html:
    due = view.say("probe_in", time=view.span(one.probe_in_s)) if one.probe_in_s else view.say("probe_due")
    return prose(
        badge(view.say("breaker_open"), "bad"),
        " ",
        element("code", f"{one.key}: {one.why}"),
        f" · {due}",
        element("br"),
        sentences(one.advice),
    )


def _alert_row(view: View, one: Alert) -> list[Html | str]:
    return [
        view.subject(one.what),
        element("code", one.why),
        prose(sentences(advise(one.code, view.language, one.places))),
        element("code", one.ref),
    ]


def _limits(view: View, limits: Sequence[tuple[str, LimitState]]) -> Html:
    ordered = sorted(limits, key=lambda pair: (-pair[1].blocked_s, pair[1].trusted, -pair[1].used))
    rows = [_limit_row(view, *pair) for pair in ordered[:_MOST_LIMITS]]
    return html(
        table(view, "limits", _LIMIT_HEADS, rows, "limits_none"),
        more_rows(view, len(ordered) - len(rows)),
    )


def _limit_row(view: View, platform: str, one: LimitState) -> list[Html | str]:
    blocked = badge(view.span(one.blocked_s), "bad") if one.blocked_s else view.say("none")
    return [platform, element("code", one.scope), view.percent(one.used), view.percent(one.trusted), blocked]
