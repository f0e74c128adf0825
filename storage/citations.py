"""The earlier answers that turns are offered as material. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from core.memory.citations import MOST_NUMBERS
from storage.tables import OPEN, TURNS
from storage.turns import OPEN_TURN


def offer(connection: Connection, turn_id: int, sources: Sequence[int]) -> list[int]:
    """Offer an open turn `sources`, behind what it was offered before, and return all of them."""
    # The lock keeps the numbers of two searches apart.
    connection.execute(select(TURNS.c.id).where(TURNS.c.id == turn_id, OPEN).with_for_update())
    before = offered(connection, turn_id)
    now = list(dict.fromkeys((*before, *sources)))[:MOST_NUMBERS]
    if now == before:
        return before
    changed = connection.execute(OPEN_TURN.values(offered=now), {"turn_id": turn_id}).rowcount > 0
    return now if changed else before


def offered(connection: Connection, turn_id: int) -> list[int]:
    """The sources that a turn was offered, in the order of the numbers."""
    return list(connection.scalar(select(TURNS.c.offered).where(TURNS.c.id == turn_id)) or ())


def withdraw(connection: Connection, turn_id: int) -> None:
    """Forget what an open turn was offered."""
    connection.execute(OPEN_TURN.values(offered=None), {"turn_id": turn_id})
