"""The notices of replicas to each other, by the notifications of PostgreSQL.

A turn for its owner is a notification alone, in the transaction that stores the turn: what it should have told is found
by the next look at the ledger. So is what is counted within a minute, which a restart forgets as well. Everything else
is a row for a minute, and a notification of the row: a replica whose session was broken reads the rows that it has
missed.
https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, cast, delete, func, insert, select, text

from core.values.conversation import Turn
from core.values.events import (
    Deleted,
    Edited,
    Forgotten,
    Halted,
    InstallationEnded,
    Moved,
    PlaceClosed,
    Stopped,
)
from core.values.places import Place
from storage.tables import REPLICA_NOTICES
from storage.tagged_union import TaggedUnion

KEPT_US = 60_000_000
"""The time for which a notice is kept, in microseconds."""
_NOW_US = cast(func.extract("epoch", func.now()) * 1_000_000, BigInteger)


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Settings of channels or workspaces were changed."""


@dataclass(frozen=True, slots=True)
class PeopleForgotten:
    """A person was forgotten."""


@dataclass(frozen=True, slots=True)
class VectorsAdded:
    """Vectors of the questions of these turns were stored. `model` is empty where an earlier version says it, which
    does not name them."""

    platform: str = ""
    team: str = ""
    model: str = ""
    dimension: int = 0
    turns: tuple[int, ...] = ()


CacheNotice = SettingsChanged | PeopleForgotten | VectorsAdded
"""Those that concern the memory of the store alone."""
Notice = Deleted | Edited | PlaceClosed | Halted | Stopped | Forgotten | Moved | InstallationEnded | CacheNotice
_NOTICES: TaggedUnion[Notice] = TaggedUnion(
    {
        "deleted": Deleted,
        "edited": Edited,
        "closed": PlaceClosed,
        "halted": Halted,
        "stopped": Stopped,
        "forgotten": Forgotten,
        "moved": Moved,
        "ended": InstallationEnded,
        "settings": SettingsChanged,
        "people": PeopleForgotten,
        "vectors": VectorsAdded,
    }
)
_NOTIFY = text("SELECT pg_notify('parley_' || md5(current_schema()), :message)")


Count = tuple[str, str]
"""A person and the key of a question of theirs (`core.inbox.rate_limit`)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A notification: of a `turn`, of the row `notice`, or of what a `sender` has counted."""

    sender: str
    turn: int = 0
    notice: int = 0
    counts: tuple[Count, ...] = ()


class Notices:
    """Sends what `sender` tells the others, each in the caller's transaction. `elsewhere`: another replica answers at
    that place, or nobody does."""

    def __init__(self, sender: str, elsewhere: Callable[[Place], bool]) -> None:
        self.sender = sender
        self._elsewhere = elsewhere

    def tell_owner(self, connection: Connection, turn: Turn) -> None:
        """Tell the owner of the place of an open turn, if that is another replica."""
        if turn.is_open and self._elsewhere(turn.ask.place):
            connection.execute(_NOTIFY, {"message": f"turn {turn.id} {self.sender}"})

    def tell_counts(self, connection: Connection, counts: Sequence[Count]) -> None:
        """Tell all others what is counted. A session that is broken misses it."""
        connection.execute(_NOTIFY, {"message": f"counts {self.sender} {json.dumps(counts)}"})

    def tell(self, connection: Connection, notice: Notice) -> None:
        """Tell all others."""
        connection.execute(delete(REPLICA_NOTICES).where(REPLICA_NOTICES.c.at_us < _NOW_US - KEPT_US))
        kind, content = _NOTICES.dump(notice)
        row = {"at_us": _NOW_US, "sender": self.sender, "kind": kind, "content": content}
        number = connection.scalar(insert(REPLICA_NOTICES).values(row).returning(REPLICA_NOTICES.c.id))
        connection.execute(_NOTIFY, {"message": f"notice {number} {self.sender}"})


def heard(message: str) -> Heard | None:
    """The notification with that text; None for one that only a newer version knows."""
    kind, _, content = message.partition(" ")
    if kind in ("turn", "notice"):
        number, _, sender = content.partition(" ")
        return Heard(sender, turn=int(number)) if kind == "turn" else Heard(sender, notice=int(number))
    if kind == "counts":
        sender, _, counts = content.partition(" ")
        return Heard(sender, counts=tuple((person, key) for person, key in json.loads(counts)))
    return None


def read(connection: Connection, sender: str, number: int | None) -> list[tuple[int, Notice]]:
    """The notice with that number, or all of the last minute that `sender` has not sent, the oldest first. Those that
    only a newer version knows are left out."""
    row = REPLICA_NOTICES.c
    which = row.id == number if number is not None else row.sender != sender
    query = select(row.id, row.kind, row.content).where(which, row.at_us >= _NOW_US - KEPT_US)
    return [
        (found.id, _NOTICES.load(found.kind, found.content))
        for found in connection.execute(query.order_by(row.id))
        if _NOTICES.knows(found.kind)
    ]
