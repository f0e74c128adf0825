"""`parley replicas`: who answers, and for whom. Works beside running replicas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import tzinfo

from core.clock import Clock
from core.log import printable
from core.settings.environment import CoreSettings
from core.text import number_ranges
from core.values.replicas import ReplicaOverview
from storage import DatabaseSettings, open_existing

MOST_TEAMS = 5
"""Teams that a line names. The JSON names all of them."""
ALONE = "one `parley run` has an SQLite database for itself: with PostgreSQL several share the work\n"
NONE = "no `parley run` is connected to this database\n"
_HEADS = ("replica", "since", "state", "partitions", "shards", "open", "teams with open questions")


async def replicas_to_text(
    database: DatabaseSettings, core: CoreSettings, shards: int, clock: Clock, *, as_json: bool
) -> str:
    """One line for each replica. `shards`: the gateway shards of Discord. Raises StoreError."""
    store = await open_existing(database, clock)
    try:
        found = await store.replicas(shards)
    finally:
        await store.close()
    if as_json:
        return json.dumps([_fields(one) for one in found], ensure_ascii=False, indent=2) + "\n"
    if database.file is not None:
        return ALONE
    return _table(found, core.zone) if found else NONE


def _table(found: Sequence[ReplicaOverview], zone: tzinfo) -> str:
    rows = [_HEADS, *(_row(one, zone) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS) - 1)]
    return "".join("  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() + "\n" for row in rows)


def _row(one: ReplicaOverview, zone: tzinfo) -> tuple[str, ...]:
    teams = [f"{team.platform} {team.team} ({team.count})" for team in one.teams[:MOST_TEAMS]]
    if len(one.teams) > MOST_TEAMS:
        teams.append(f"and {len(one.teams) - MOST_TEAMS} more")
    if not one.name:
        return ("nobody", "-", "-", "-", "-", str(one.open_turns), printable(", ".join(teams)))
    return (
        printable(one.name),
        "-" if one.since is None else f"{one.since.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "leaves" if one.leaves else "answers",
        str(one.partitions),
        number_ranges(one.shards) or "-",
        str(one.open_turns),
        printable(", ".join(teams)) or "-",
    )


def _fields(one: ReplicaOverview) -> dict[str, object]:
    return {
        "replica": one.name or None,
        "since": None if one.since is None else one.since.isoformat(timespec="seconds"),
        "state": None if not one.name else "leaves" if one.leaves else "answers",
        "partitions": one.partitions,
        "shards": list(one.shards),
        "open": one.open_turns,
        "teams": [{"platform": team.platform, "team": team.team, "open": team.count} for team in one.teams],
    }
