"""The ledger of turns. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Select,
    Table,
    bindparam,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from core.ports.store.threads import Context
from core.spend.budgets import charged_at, payer_of, spent_of
from core.spend.prices import total
from core.values.conversation import Ask, ThreadMessage, Turn, TurnState
from core.values.events import Deleted, Edited
from core.values.parts import Attached
from core.values.places import Person, Place
from core.values.summaries import gaps_between
from core.values.tasks import REPORT_ID, Alert, BudgetReached, ContinueAnswer, ReportScope, ReportUsage, Task
from storage import charges, reservations, sources, threads, uploads, usage
from storage.attached import from_json, merged, to_json
from storage.balances import Changed
from storage.engine import insert
from storage.forgotten import ForgottenPeople
from storage.tables import (
    ASKING,
    HEARD,
    HELD,
    MESSAGES,
    OPEN,
    QUOTING,
    THREADS,
    TURNS,
    WITH_AUTHOR,
    from_us,
    to_us,
)
from storage.tasks import TASKS, task_to_columns

_NOT_ENDED = (TurnState.HELD, TurnState.WAITING, TurnState.RUNNING, TurnState.ASKING)
SHOWN = or_(TURNS.c.ended_at_us.is_not(None), TURNS.c.state == TurnState.ASKING)
"""The end of a run is shown, and no other run goes on."""
AGAIN = "again-"
"""The prefix of the key (`message`) of a turn that answers a question again. The id of the first turn follows
it."""
_NO_ANSWER: dict[str, object] = {
    "attempt": 0,
    "posted": [],
    "answer": "",
    "notice": "",
    "buttons": [],
    "error": "",
    "ref": "",
    "quoted": None,
    "cited": None,
    "epoch": 0,
}


@cache
def _add_turn(dialect: str) -> Executable:
    return insert(dialect, TURNS).on_conflict_do_nothing().returning(TURNS.c.id)


OPEN_TURN = update(TURNS).where(TURNS.c.id == bindparam("turn_id"), OPEN)
"""An update of the turn `turn_id`, if it is open."""


def accept(
    connection: Connection,
    ask: Ask,
    started_at: datetime | None = None,
    balances: Changed | None = None,
) -> Turn | None:
    """The turn of a new question, whose charges so far are counted. `balances`: as in `turn_ends.finish`."""
    turn_id = _add(connection, ask, TurnState.WAITING, started_at)
    if turn_id is None:
        return None
    if not ask.announces:
        _join(connection, ask)
    charges.add(connection, turn_id, ask.charges)
    turn = Turn(turn_id, ask, started_at=started_at)
    if ask.charges and balances is not None:
        spent, at = spent_of(total(charge.usage for charge in ask.charges)), charged_at(turn, ask.at)
        payer = payer_of(ask.place, turn.payer.id)
        balances |= reservations.pause(connection, turn_id, payer, spent, at)
    return turn


def begins_thread(ask: Ask) -> bool:
    """True if `accept_first` may take a new question."""
    return ask.id == ask.place.thread and not (ask.announces or ask.charges)


def accept_first(connection: Connection, ask: Ask, started_at: datetime | None = None) -> Turn | None:
    """As `accept`, for the question that its thread begins with, in one statement of PostgreSQL. None where the thread
    or the turn is known: nothing is stored then."""
    turn = _turn_values(ask, TurnState.WAITING, started_at)
    values = {
        **{f"turn_{name}": value for name, value in turn.items()},
        **{f"thread_{name}": value for name, value in threads.joining_values(ask).items()},
        **{f"line_{name}": value for name, value in threads.question_values(ask).items()},
    }
    turn_id = connection.scalar(_accept_first(), values)
    return None if turn_id is None else Turn(turn_id, ask, started_at=started_at)


@cache
def _accept_first() -> Executable:
    """Without a thread there is no summary of one, so that no line of it comes late (`threads.add_line`). Where another
    transaction makes the thread meanwhile, it is joined. The rows are locked in the order of `accept`."""
    ask = Ask("", Place("", "", ""), Person("", ""), "", from_us(0))
    place = [
        THREADS.c[name] == bindparam(f"thread_{name}") for name in ("platform", "team", "channel", "thread")
    ]
    new = ~select(THREADS.c.thread).where(*place).exists()
    row = _parameters(TURNS, "turn", _turn_values(ask, TurnState.WAITING, None))
    adding = postgresql.insert(TURNS).from_select([*row.selected_columns.keys()], row.where(new))
    added = adding.on_conflict_do_nothing().returning(TURNS.c.id).cte("added")
    row = _parameters(THREADS, "thread", threads.joining_values(ask)).select_from(added)
    opened = threads.touching(postgresql.insert(THREADS).from_select([*row.selected_columns.keys()], row))
    opening = opened.returning(THREADS.c.thread).cte("opened")
    row = _parameters(MESSAGES, "line", threads.question_values(ask)).select_from(opening)
    line = postgresql.insert(MESSAGES).from_select([*row.selected_columns.keys()], row)
    return select(added.c.id).add_cte(line.on_conflict_do_nothing().cte("line"))


def _parameters(table: Table, prefix: str, names: Iterable[str]) -> Select[Any]:
    """A row of parameters of that prefix, for these columns of a table."""
    columns = (table.c[name] for name in names)
    return select(*(bindparam(f"{prefix}_{one.name}", type_=one.type).label(one.name) for one in columns))


def hold(connection: Connection, ask: Ask) -> Turn | None:
    turn_id = _add(connection, ask, TurnState.HELD)
    if turn_id is not None:
        return Turn(turn_id, ask, TurnState.HELD)
    held = select(TURNS).where(*threads.within(TURNS, ask.place, ask.id), HELD)
    row = connection.execute(held).first()
    return None if row is None else turn_of(row)


def admit(connection: Connection, turn_id: int, author: Person, started_at: datetime | None) -> Turn | None:
    found = {"author_name": author.name, "author_locale": author.locale, "may_read": author.may_read}
    found["started_at_us"] = None if started_at is None else to_us(started_at)
    admitting = update(TURNS).where(TURNS.c.id == turn_id, HELD).values(**found, state=TurnState.WAITING)
    row = connection.execute(admitting.returning(TURNS)).first()
    if row is None:
        return None
    admitted = turn_of(row)
    _join(connection, admitted.ask)
    return admitted


def discard(connection: Connection, turn_id: int) -> None:
    connection.execute(delete(TURNS).where(TURNS.c.id == turn_id, HELD))


def held_turns(connection: Connection) -> list[Turn]:
    return [
        turn_of(row)
        for row in connection.execute(select(TURNS).where(HELD, TURNS.c.id > 0).order_by(TURNS.c.id))
    ]


def edit(connection: Connection, edited: Edited, forgotten: ForgottenPeople) -> bool:
    held = threads.within(TURNS, edited.place, edited.message_id)
    new = {"text": edited.text, "attached": to_json(edited.attached)}
    sources.remove_edited(connection, edited)
    changed = connection.execute(update(TURNS).where(*held, HELD).values(new)).rowcount > 0
    return threads.edit(connection, edited, forgotten) or changed


def add_attached(connection: Connection, place: Place, message_id: str, more: Sequence[Attached]) -> bool:
    held = threads.within(TURNS, place, message_id)
    changed = False
    for row in connection.execute(select(TURNS.c.attached).where(*held, HELD).with_for_update()).all():
        whole = to_json(merged(from_json(row.attached), more))
        changed = whole != row.attached
        connection.execute(update(TURNS).where(*held, HELD).values(attached=whole))
    return threads.add_attached(connection, place, message_id, more) or changed


def remove(connection: Connection, deleted: Deleted) -> bool:
    held = threads.within(TURNS, deleted.place, deleted.message_id)
    removed = connection.execute(delete(TURNS).where(*held, HELD)).rowcount > 0
    uploads.remove(connection, deleted.place, deleted.message_id)
    sources.remove_message(connection, deleted.place, deleted.message_id)
    return threads.remove(connection, deleted) or removed


def _join(connection: Connection, ask: Ask) -> None:
    threads.touch(connection, ask.place, to_us(ask.at), joined=True)
    threads.add_line(connection, ask)


def _add(connection: Connection, ask: Ask, state: TurnState, started_at: datetime | None = None) -> int | None:
    """The new turn's id; None where there is one for that message."""
    values = _turn_values(ask, state, started_at)
    turn_id: int | None = connection.scalar(_add_turn(connection.dialect.name), values)
    return turn_id


def _turn_values(ask: Ask, state: TurnState, started_at: datetime | None) -> dict[str, Any]:
    return {
        **threads.address(ask.place),
        "direct": ask.place.direct,
        "message": ask.id,
        "question": ask.id,
        "author": ask.author.id,
        "author_name": ask.author.name,
        "author_locale": ask.author.locale,
        "author_bot": ask.author.bot,
        "may_read": ask.author.may_read,
        "text": ask.text,
        "attached": to_json(ask.attached),
        "at_us": to_us(ask.at),
        "addressed": ask.addressed,
        "to_others": ask.to_others,
        "replies_to": ask.replies_to,
        "ticket": ask.interaction_token,
        **task_to_columns(ask.task),
        "state": state,
        "started_at_us": None if started_at is None else to_us(started_at),
        **_NO_ANSWER,
    }


_OPEN_AFTER = select(TURNS).where(OPEN, TURNS.c.id > bindparam("after_id")).order_by(TURNS.c.id)


def open_turns(connection: Connection, after_id: int) -> list[Turn]:
    return [turn_of(row) for row in connection.execute(_OPEN_AFTER, {"after_id": after_id})]


def alerts(connection: Connection, place: Place, since_us: int) -> list[tuple[Alert, datetime]]:
    turn = TURNS.c
    known = select(HEARD.c.team).where(HEARD.c.platform == place.platform)  # an index finds the turns of these
    team = turn.team == place.team if place.team else turn.team.in_(known)
    here = (turn.platform == place.platform, team, turn.channel == place.channel)
    posted = (turn.task == "alert", turn.state == TurnState.DONE, turn.at_us >= since_us)
    # Sorted here: ordered by the database, SQLite would read the whole table by its ids.
    turns = sorted(
        map(turn_of, connection.execute(select(TURNS).where(*here, *posted))), key=lambda turn: turn.id
    )
    return [(turn.ask.task, turn.ask.at) for turn in turns if isinstance(turn.ask.task, Alert)]


def last_report(connection: Connection, place: Place, scope: ReportScope, period: str) -> datetime | None:
    turn = TURNS.c
    reports = (turn.message >= REPORT_ID, turn.message < f"{REPORT_ID}{chr(0x10FFFF)}")
    query = select(turn.task, turn.arguments, turn.at_us).where(*threads.channel_of(TURNS, place), *reports)
    ends = [
        task.until
        for row in connection.execute(query)
        if isinstance(task := TASKS.load(row.task, row.arguments), ReportUsage)
        and (task.scope, task.period) == (scope, period)
        and task.until <= from_us(row.at_us)
    ]
    return max(ends, default=None)


def turn(connection: Connection, turn_id: int) -> Turn | None:
    row = connection.execute(select(TURNS).where(TURNS.c.id == turn_id)).first()
    return None if row is None else turn_of(row)


def turn_of_ask(connection: Connection, place: Place, ask_id: str) -> Turn | None:
    row = connection.execute(select(TURNS).where(*threads.within(TURNS, place, ask_id))).first()
    return None if row is None else turn_of(row)


def retry_turn(
    connection: Connection, turn_id: int, task: Task, by: Person | None, now: datetime
) -> Turn | None:
    before = connection.execute(select(TURNS).where(TURNS.c.id == turn_id)).mappings().first()
    if before is None or before["state"] in _NOT_ENDED:
        return None
    fresh = {"message": f"{AGAIN}{turn_id}", "again_of": turn_id, "state": TurnState.WAITING}
    other = by if by is not None and by.id != before["author"] else None
    fresh |= task_to_columns(task) | {"may_read": before["may_read"] and (by is None or by.may_read)}
    fresh |= {
        "started_by": other.id if other else "",
        "started_by_name": other.name if other else "",
        "started_at_us": to_us(now),
    }
    empty = {**_NO_ANSWER, "deaths": 0, "ended_at_us": None}
    if not isinstance(task, ContinueAnswer):  # what goes on may cite the same
        empty["offered"] = None
    values = {name: value for name, value in before.items() if name != "id"} | fresh | empty
    new_id = connection.scalar(_add_turn(connection.dialect.name), values)
    return None if new_id is None else turn(connection, new_id)


def charge_asker(connection: Connection, turn_id: int) -> None:
    connection.execute(OPEN_TURN.values(started_by="", started_by_name=""), {"turn_id": turn_id})


def expiring(connection: Connection, channel: Place, before_us: int, limit: int) -> list[int]:
    """The ids of the oldest `limit` turns of a channel that have ended, and whose questions were asked before. Alerts
    about budgets stay until the ends of their periods. No other transaction changes the turns before this one ends."""
    turn = TURNS.c
    ended, old = turn.state.not_in(_NOT_ENDED), turn.at_us < before_us
    which: list[Any] = [*threads.channel_of(TURNS, channel), WITH_AUTHOR, old, ended]
    there = select(turn.id).where(*which, turn.id.not_in(_standing(connection, which, before_us)))
    found = connection.scalars(there.order_by(turn.at_us).limit(limit)).all()
    # In the order in which all transactions lock turns.
    held = select(turn.id).where(turn.id.in_(found), ended).order_by(turn.id).with_for_update()
    return list(connection.scalars(held)) if found else []


def _standing(connection: Connection, which: Iterable[Any], before_us: int) -> list[int]:
    """The alerts about budgets among these turns that do not expire."""
    query = select(TURNS.c.id, TURNS.c.arguments).where(*which, TURNS.c.task == "budget")
    alerts = ((row.id, TASKS.load("budget", row.arguments)) for row in connection.execute(query))
    before = from_us(before_us)
    return [
        turn_id for turn_id, alert in alerts if isinstance(alert, BudgetReached) and not alert.expires(before)
    ]


def not_ended(connection: Connection, channel: Place) -> list[str]:
    """The messages of the questions of a channel whose turns have not ended."""
    there = threads.channel_of(TURNS, channel)
    asked = (select(TURNS.c.question).where(*there, state) for state in (OPEN, HELD, ASKING))
    return [message for query in asked for message in connection.scalars(query)]


def quoting_turns(connection: Connection, place: Place, message_id: str, left: Collection[str]) -> list[Turn]:
    quoting = select(TURNS).where(*threads.channel_of(TURNS, place), QUOTING, SHOWN)
    rows = connection.execute(quoting.order_by(TURNS.c.id)).all()
    return [
        turn_of(row)
        for row in rows
        if any(message == message_id and source not in left for message, source in row.quoted)
    ]


def context(connection: Connection, ask: Ask, model: str, limit: int) -> Context:
    filled, found = threads.beginning(connection, ask)
    found = found if ask.author.may_read else ()
    newest = threads.lines(connection, ask.place, ask, limit, after=found[-1].until if found else None)
    void: list[ThreadMessage] = []
    for gap in reversed(gaps_between(found)):
        if (rest := limit - len(void)) > 0:
            void = [*threads.lines_between(connection, ask.place, gap.after, gap.until, rest), *void]
    spent = usage.last_usage(connection, ask.place, model)
    return Context((*void, *newest), filled, spent, found)


def turn_of(row: Any) -> Turn:
    known = None if row.state == TurnState.HELD else False
    return Turn(
        id=row.id,
        ask=Ask(
            id=row.question,
            place=Place(row.platform, row.team, row.channel, row.thread, row.direct),
            author=Person(
                row.author,
                row.author_name,
                row.author_locale,
                row.author_bot,
                guest=known,
                external=known,
                may_read=row.may_read,
            ),
            text=row.text,
            at=from_us(row.at_us),
            addressed=row.addressed,
            to_others=row.to_others,
            replies_to=row.replies_to,
            interaction_token=row.ticket,
            task=TASKS.load(row.task, row.arguments),
            attached=from_json(row.attached),
        ),
        state=TurnState(row.state),
        attempt=row.attempt,
        posted=tuple(row.posted),
        text=row.answer,
        again_of=row.again_of,
        deaths=row.deaths,
        started_by=Person(row.started_by, row.started_by_name) if row.started_by else None,
        started_at=None if row.started_at_us is None else from_us(row.started_at_us),
    )
