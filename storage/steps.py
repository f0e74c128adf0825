"""The steps of turns. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from core.values.parts import Text
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound, Step, ToolResults, ToolsBegun
from storage.tables import OPEN, STEPS, TURNS
from storage.tagged_union import TaggedUnion

EXPIRED_AT_ONCE = 4
"""Steps with pictures, of up to 4 MB each, that one transaction rewrites: others wait for it."""
STEPS_BY_KIND: TaggedUnion[Step] = TaggedUnion(
    {
        "round": ModelRound,
        "tools_begun": ToolsBegun,
        "results": ToolResults,
        "approval_asked": ApprovalAsked,
        "approval_answered": ApprovalAnswered,
    }
)


def steps(connection: Connection, turn_id: int) -> list[Step]:
    here = select(STEPS.c.kind, STEPS.c.content).where(STEPS.c.turn_id == turn_id).order_by(STEPS.c.number)
    if stored := [load(row) for row in connection.execute(here)]:
        return stored
    ended = select(TURNS.c.answer).where(TURNS.c.id == turn_id, TURNS.c.ended_at_us.is_not(None))
    answer = connection.scalar(ended)
    return [ModelRound((Text(answer),))] if answer else []


def put(connection: Connection, turn_id: int, number: int, new: Sequence[Step], at_us: int, epoch: int) -> None:
    # The lock keeps the order in which a turn is forgotten, begun or ended and its steps are stored.
    own = (TURNS.c.id == turn_id, TURNS.c.epoch == epoch)
    still_open = select(TURNS.c.id).where(*own, OPEN).with_for_update()
    if connection.scalar(still_open) is not None:
        connection.execute(delete(STEPS).where(STEPS.c.turn_id == turn_id, STEPS.c.number >= number))
        _insert(connection, turn_id, number, new, at_us)


def append(connection: Connection, turn_id: int, step: Step, at_us: int) -> None:
    """Store `step` behind the others. The caller holds the lock of the turn."""
    number = connection.scalar(select(func.count()).where(STEPS.c.turn_id == turn_id)) or 0
    _insert(connection, turn_id, number, (step,), at_us)


def expire_pictures(connection: Connection, before_us: int) -> int:
    """Remove the pictures from the oldest `EXPIRED_AT_ONCE` steps of tool results that are older. Returns the number of
    pictures."""
    old = STEPS.c.pictured_at_us < before_us
    keys = (
        select(STEPS.c.turn_id, STEPS.c.number)
        .where(old)
        .order_by(STEPS.c.pictured_at_us)
        .limit(EXPIRED_AT_ONCE)
    )
    removed = 0
    for turn_id, number in connection.execute(keys).all():
        here = (STEPS.c.turn_id == turn_id, STEPS.c.number == number)
        row = connection.execute(select(STEPS).where(*here)).one_or_none()  # it may be forgotten meanwhile
        stored = load(row) if row is not None else None
        if isinstance(stored, ToolResults):
            removed += stored.pictures
            _, content = STEPS_BY_KIND.dump(stored.without_pictures())
            connection.execute(update(STEPS).where(*here).values(content=content, pictured_at_us=None))
    return removed


def load(row: Any) -> Step:
    return STEPS_BY_KIND.load(row.kind, row.content)


def stored(connection: Connection, turn_id: int, number: int) -> bool:
    found = select(STEPS.c.number).where(STEPS.c.turn_id == turn_id, STEPS.c.number == number)
    return connection.scalar(found) is not None


def _insert(connection: Connection, turn_id: int, number: int, new: Sequence[Step], at_us: int) -> None:
    rows = [
        {
            "turn_id": turn_id,
            "number": n,
            "kind": kind,
            "content": content,
            "at_us": at_us,
            "pictured_at_us": at_us if isinstance(step, ToolResults) and step.pictures else None,
        }
        for n, step in enumerate(new, number)
        for kind, content in (STEPS_BY_KIND.dump(step),)
    ]
    if rows:
        connection.execute(insert(STEPS), rows)
