"""The decisions of people about tool calls, and the turns that wait for them. Each function is one
transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, delete, func, select, update

from core.ports.store.settings import Change
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from core.values.steps import ApprovalAnswered, ApprovalAsked
from core.values.tools import ToolGrant
from storage import settings, steps, threads, turns
from storage.engine import insert
from storage.tables import ASKING, STEPS, TOOL_GRANTS, TURNS


class AskingThreads:
    """The threads where a turn may be ASKING, in memory: they are asked for with each question.

    Known where one process ends turns (`storage.lock`): of several replicas each reads them.
    """

    def __init__(self) -> None:
        self._shared = False
        self._keys: set[str] | None = None  # unknown until they are read
        self._writing: list[str] = []
        self.version = 0

    def share(self) -> None:
        """Other replicas end turns too."""
        self._shared = True

    def may_hold(self, place: Place | None) -> bool:
        """True if a turn may be ASKING in the thread `place`, or in any."""
        return (
            self._shared
            or self._keys is None
            or (bool(self._keys) if place is None else place.key in self._keys)
        )

    @contextmanager
    def adding(self, place: Place) -> Iterator[None]:
        """While a turn of `place` is stored as ASKING."""
        self._writing.append(place.key)
        if self._keys is not None:
            self._keys.add(place.key)
        try:
            yield
        finally:
            self._writing.remove(place.key)
            self.version += 1

    def replace(self, places: Iterable[Place], version: int) -> None:
        """Take the rows read; `version` is the one before the read. A read while a turn was stored may lack
        it."""
        if version == self.version:
            self._keys = {*(place.key for place in places), *self._writing}

    def forget(self) -> None:
        self._keys = None
        self.version += 1


_STEP, _LATER = STEPS.c, STEPS.alias("later").c
_LAST = select(func.max(_LATER.number)).where(_LATER.turn_id == TURNS.c.id).correlate(TURNS).scalar_subquery()
_ASKING = (
    select(TURNS, _STEP.kind, _STEP.content)
    .where(ASKING, TURNS.c.id > 0, _STEP.turn_id == TURNS.c.id, _STEP.number == _LAST)
    .order_by(TURNS.c.id)
)


def asking_turns(connection: Connection) -> list[tuple[Turn, ApprovalAsked]]:
    return [
        (turns.turn_of(row), asked)
        for row in connection.execute(_ASKING)
        if isinstance(asked := steps.load(row), ApprovalAsked)
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
            **threads.address(place),
            "tool": grant.tool,
            "person": grant.person,
            "granted_by": grant.by,
            "at_us": at_us,
        },
    )


def expire_grants(connection: Connection, channel: Place, before_us: int, limit: int) -> int:
    """Remove `limit` grants of a channel that were given before then: people are asked again."""
    grant, old = TOOL_GRANTS.c, (*threads.channel_of(TOOL_GRANTS, channel), TOOL_GRANTS.c.at_us < before_us)
    rows = connection.execute(select(grant.thread, grant.tool, grant.person).where(*old).limit(limit)).all()
    for thread, tool, person in rows:
        here = (grant.thread == thread, grant.tool == tool, grant.person == person)
        connection.execute(delete(TOOL_GRANTS).where(*old, *here))
    return len(rows)


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
