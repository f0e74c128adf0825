"""The parts of the usage of turns. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache

from sqlalchemy import Connection, Executable, select

from core.values.conversation import TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.turn_ends import Finish
from core.values.usage import Charge
from storage.engine import insert
from storage.tables import CHARGES

_AMOUNTS = tuple(one.name for one in fields(Usage))
_KEY = ("turn_id", "kind", "model")


@cache
def _put(dialect: str) -> Executable:
    putting = insert(dialect, CHARGES)
    new = {name: putting.excluded[name] for name in _AMOUNTS}
    return putting.on_conflict_do_update(index_elements=_KEY, set_=new)


def put(connection: Connection, end: Finish) -> None:
    """Store the charges of a run. Those of earlier runs are part of them, and of one answer by one model alone the
    usage itself says it all."""
    if may_have(end):
        add(connection, end.turn.id, end.charges)


def may_have(end: Finish) -> bool:
    """True if charges are stored of the turn, or are to be."""
    return end.turn.attempt > 1 or end.state is TurnState.ASKING or not _is_plain(end.charges)


def add(connection: Connection, turn_id: int, new: Sequence[Charge]) -> None:
    """Store charges of a turn, each in place of the one of its kind and model."""
    rows = [
        {
            "turn_id": turn_id,
            "kind": charge.kind,
            "model": charge.model,
            **{name: getattr(charge.usage, name) for name in _AMOUNTS},
        }
        for charge in new
    ]
    if rows:
        connection.execute(_put(connection.dialect.name), rows)


def charges(connection: Connection, turn_id: int) -> list[Charge]:
    """The stored charges of a turn, by kind and model."""
    rows = connection.execute(select(CHARGES).where(CHARGES.c.turn_id == turn_id)).all()
    found = [
        Charge(ChargeKind(row.kind), row.model, Usage(**{name: getattr(row, name) for name in _AMOUNTS}))
        for row in rows
    ]
    return sorted(found, key=lambda charge: (charge.kind, charge.model))


def _is_plain(charges: Sequence[Charge]) -> bool:
    return len(charges) == 1 and charges[0].kind is ChargeKind.ANSWER
