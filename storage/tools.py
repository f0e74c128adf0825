"""What people allow tools to do, and the turns that wait for it. Each function is one transaction's work, run by the
store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from core.ports.store.settings import Change
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from core.values.steps import ApprovalAnswered, ApprovalAsked
from core.values.tools import ToolGrant
from storage import settings, steps, threads, turns
from storage.engine import insert
from storage.tables import ASKING, TOOL_GRANTS, TURNS


def asking_turns(connection: Connection, place: Place | None) -> list[tuple[Turn, ApprovalAsked]]:
    here = threads.within(TURNS, place) if place is not None else ()
    asking = select(TURNS).where(*here, ASKING, TURNS.c.id > 0).order_by(TURNS.c.id)
    return [
        (turns.turn_of(row), last)
        for row in connection.execute(asking).all()
        if isinstance(last := steps.last(connection, row.id), ApprovalAsked)
    ]


def tool_grants(connection: Connection, place: Place) -> list[ToolGrant]:
    granted = select(TOOL_GRANTS).where(*threads.within(TOOL_GRANTS, place))
    rows = connection.execute(granted.order_by(TOOL_GRANTS.c.tool, TOOL_GRANTS.c.person))
    return [ToolGrant(row.tool, row.person, row.granted_by) for row in rows]


def grant_tool(connection: Connection, place: Place, grant: ToolGrant, at_us: int) -> None:
    adding = insert(connection.dialect.name, TOOL_GRANTS).on_conflict_do_nothing()
    connection.execute(
        adding,
        {
            "platform": place.platform,
            "team": place.team,
            "channel": place.channel,
            "thread": place.thread,
            "tool": grant.tool,
            "person": grant.person,
            "granted_by": grant.by,
            "at_us": at_us,
        },
    )


def resume(
    connection: Connection,
    turn_id: int,
    answer: ApprovalAnswered,
    changes: Sequence[Change],
    grants: Sequence[ToolGrant],
    at_us: int,
) -> Turn | None:
    asking = update(TURNS).where(TURNS.c.id == turn_id, TURNS.c.state == TurnState.ASKING)
    row = connection.execute(asking.values(state=TurnState.WAITING).returning(TURNS)).first()
    if row is None:
        return None
    turn = turns.turn_of(row)
    steps.append(connection, turn_id, answer, at_us)
    for change in changes:
        settings.record(connection, change)
    for grant in grants:
        grant_tool(connection, turn.ask.place, grant, at_us)
    return turn
