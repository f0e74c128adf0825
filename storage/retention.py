"""Retention: removes what is older than it is kept. Each function is one transaction's work, run by the store.

A table with texts or ids of people has one line in `_PARTS`, or goes with the turns (`people.expire_turns`). Each table
is in `CLEARED` or in `KEPT`; a test fills every column of every table and names those that are left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sqlalchemy import Connection, Select, Table, bindparam, select, tuple_

from core.values.places import Place
from storage import people, summaries, threads, tools, turns, uploads
from storage.tables import KEY, MESSAGES, THREADS, TURNS, UPLOADS

CLEARED = frozenset(
    {
        *("messages", "turns", "steps", "posts", "uploads", "tool_grants", "feedback"),
        *("thread_summaries", "sources", "source_vectors", "source_opinions", "failures"),
        *("usage", "usage_sums"),
    }
)
"""The tables whose old rows are removed, or lose their texts and the ids of people."""
KEPT = {
    "threads": "ids: the thread is followed, and its history is not read again",
    "charges": "the parts of usage, without a person: figures by model would change",
    "reservations": "of turns that have not ended",
    "spending": "amounts, under digests of people; removed a week after their periods",
    "operation_counts": "counts of events; removed after 100 days",
    "heard": "times up to which messages are known",
    "settings": "what people have set, not said",
    "audit": "who changed which setting, and allowed which call",
    "installations": "of the operator: an ended one goes with the data of its team",
    "model_accounts": "what admins have set: it goes with the data of its team",
    "forgotten": "digests of people: what they sent before would be stored again",
    "notices": "keys of what is said once",
    "secret_keys": "names of keys of the operator's; removed when a key is not used any more",
    "requests": "digests of signatures; removed after some minutes",
    "partitions": "numbers, one row for each",
    "replica_notices": "events without their words; removed after a minute",
}
"""The tables whose old rows stay as they are, and why."""
_CHANNEL = ("platform", "team", "channel")
_MESSAGES = 40
_TURNS = 20
_PICTURES = 4
"""The most rows of a step: a question waits for one at most."""

Part = Callable[[Connection, Place, int], int]


def _messages(connection: Connection, channel: Place, before_us: int) -> int:
    kept = turns.not_ended(connection, channel)
    found = threads.expiring(connection, channel, before_us, _MESSAGES, kept)
    old = [*threads.channel_of(MESSAGES, channel), MESSAGES.c.at_us < before_us]
    return uploads.remove_messages(connection, [*old, MESSAGES.c.message.in_(found)]) if found else 0


def _turns(connection: Connection, channel: Place, before_us: int) -> int:
    turn_ids = turns.expiring(connection, channel, before_us, _TURNS)
    if turn_ids:
        people.expire_turns(connection, turn_ids)
    return len(turn_ids)


def _pictures(connection: Connection, channel: Place, before_us: int) -> int:
    return uploads.expire_channel(connection, channel, before_us, _PICTURES)


def _grants(connection: Connection, channel: Place, before_us: int) -> int:
    return tools.expire_grants(connection, channel, before_us, _MESSAGES)


def _summaries(connection: Connection, channel: Place, before_us: int) -> int:
    return summaries.expire(connection, channel, before_us, _MESSAGES)


_PARTS: tuple[Part, ...] = (_messages, _summaries, _turns, _pictures, _grants)
"""Answers are removed before the turns that say whose they are."""


def expire(connection: Connection, channel: Place, before_us: int) -> int:
    """One step: some rows of the first part that has old ones. Returns their number."""
    for part in _PARTS:
        if removed := part(connection, channel, before_us):
            return removed
    return 0


@cache
def _next(table: Table) -> Select[tuple[str, str, str]]:
    """The next channel of a table. A seek in its index, where DISTINCT would read all of it."""
    columns = [table.c[name] for name in _CHANNEL]
    last = tuple_(*(bindparam(name, type_=KEY) for name in _CHANNEL))
    return select(*columns).where(tuple_(*columns) > last).order_by(*columns).limit(1)


def channels(connection: Connection, after: Place | None, limit: int) -> list[Place]:
    """The channels of which something is stored, in order of their keys. A report has no thread, a message no turn."""
    found: list[Place] = []
    last = after or Place("", "", "")
    while len(found) < limit:
        values = {name: getattr(last, name) for name in _CHANNEL}
        rows = (
            connection.execute(_next(table), values).first() for table in (THREADS, MESSAGES, TURNS, UPLOADS)
        )
        places = [Place(row.platform, row.team, row.channel) for row in rows if row is not None]
        if not places:
            break
        last = min(places, key=lambda place: (place.platform, place.team, place.channel))
        found.append(last)
    return found
