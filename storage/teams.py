"""Rows from before they named their team. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, exists, func, or_, select, update

from storage import usage_sums
from storage.tables import (
    AUDIT,
    HEARD,
    MESSAGES,
    NOTICES,
    POSTS,
    SETTINGS,
    SOURCES,
    THREAD_SUMMARIES,
    THREADS,
    TOOL_GRANTS,
    TURNS,
    UPLOADS,
    USAGE,
)

_KEYS: dict[Table, tuple[str, ...]] = {
    THREADS: ("channel", "thread"),
    MESSAGES: ("channel", "message", "thread"),
    TURNS: ("channel", "message"),
    POSTS: ("channel", "message"),
    TOOL_GRANTS: ("channel", "thread", "tool", "person"),
    THREAD_SUMMARIES: (
        *("channel", "thread", "state"),
        *("until_us", "until_anchor", "until_rank", "until_message"),
    ),
    UPLOADS: ("channel", "message", "source"),
    USAGE: ("turn_id",),
    SOURCES: ("turn_id",),
    HEARD: (),
    SETTINGS: ("channel", "name"),
    AUDIT: ("id",),
}
"""The columns that make a row unique, beside its platform and team."""


def adopt(connection: Connection, platform: str, team: str, former: Sequence[str]) -> None:
    """Move the rows of the teams `former` to `team`. A row that `team` has already stays where it is."""
    if not connection.scalar(select(_any_left(platform, former))):
        return
    for table, key in _KEYS.items():
        there = table.alias("there").c
        same = [there[name] == table.c[name] for name in ("platform", *key)]
        taken = select(there.team).where(*same, there.team == team).exists()
        moving = update(table).where(table.c.platform == platform, table.c.team.in_(former), ~taken)
        # Another replica may own the new team, in a lesser epoch.
        connection.execute(moving.values(team=team, **({"epoch": 0} if table is TURNS else {})))
    usage_sums.adopt(connection, platform, team, former)
    for stray in filter(None, former):
        old, new = (_in_keys(platform, one) for one in (stray, team))
        naming = update(NOTICES).where(NOTICES.c.key.contains(old, autoescape=True))
        connection.execute(naming.values(key=func.replace(NOTICES.c.key, old, new)))


def _any_left(platform: str, former: Sequence[str]) -> ColumnElement[bool]:
    """True where a row names one of `former`: nearly always none does."""
    rows = [exists().where(table.c.platform == platform, table.c.team.in_(former)) for table in _KEYS]
    keys = [
        NOTICES.c.key.contains(_in_keys(platform, stray), autoescape=True) for stray in filter(None, former)
    ]
    return or_(*rows, *(exists().where(key) for key in keys))


def _in_keys(platform: str, team: str) -> str:
    return f"/{platform}/{team}/"
