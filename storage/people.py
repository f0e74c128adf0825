"""People's opinions of answers, and the removal of their data on request. Each function is one transaction's
work, run by the store."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, case, cast, delete, or_, select, tuple_, update
from sqlalchemy import Text as TextColumn

from core.ports.store.privacy import Feedback
from core.values.budgets import forgotten_payer
from core.values.conversation import ThreadMessage, TurnState
from core.values.places import Place
from storage import (
    announcements,
    failures,
    posts,
    source_opinions,
    sources,
    summaries,
    threads,
    turn_ends,
    uploads,
    usage,
    usage_sums,
)
from storage.attached import from_json, to_json, without_quotes_of
from storage.balances import Changed
from storage.engine import insert
from storage.forgotten import FORGOTTEN_USER, former_name, names_of
from storage.tables import (
    AUDIT,
    FEEDBACK,
    HELD,
    MESSAGES,
    OPEN,
    STEPS,
    THREADS,
    TOOL_GRANTS,
    TURNS,
    USAGE,
    from_us,
    to_us,
)

PURGED = (
    *("messages", "thread_summaries", "uploads", "turns", "steps", "tool_grants", "feedback"),
    *("usage", "usage_sums", "audit", "posts", "sources", "source_vectors", "source_opinions"),
)
"""The tables from which something is forgotten, or is removed since it is too old."""

_NOTHING: dict[str, Any] = {
    "text": "",
    "attached": None,
    "answer": "",
    "notice": "",
    "quoted": None,
    "offered": None,
    "cited": None,
    "buttons": [],
    "author_name": "",
    "anonymous": None,
}


def rate(connection: Connection, turn_id: int, feedback: Feedback) -> bool:
    if connection.scalar(select(TURNS.c.id).where(TURNS.c.id == turn_id)) is None:
        return False
    adding = insert(connection.dialect.name, FEEDBACK)
    new = {"value": adding.excluded.value, "at_us": adding.excluded.at_us}
    if feedback.reason:
        new["reason"] = adding.excluded.reason
    connection.execute(
        adding.on_conflict_do_update(index_elements=["turn_id", "person"], set_=new),
        {
            "turn_id": turn_id,
            "person": feedback.person,
            "value": feedback.value,
            "reason": feedback.reason,
            "at_us": to_us(feedback.at),
        },
    )
    return True


def feedback(connection: Connection, turn_id: int) -> list[Feedback]:
    rows = connection.execute(select(FEEDBACK).where(FEEDBACK.c.turn_id == turn_id)).all()
    found = [Feedback(row.person, row.value, row.reason, from_us(row.at_us)) for row in rows]
    return sorted(found, key=lambda one: (one.at, one.person))


def reset(connection: Connection, place: Place, at_us: int) -> None:
    """The thread counts as filled: its history on the platform is not read again."""
    threads.touch(connection, place, at_us, filled=True)
    connection.execute(update(THREADS).where(*threads.within(THREADS, place)).values(since_us=at_us))
    summaries.forget(connection, place)
    sources.remove_thread(connection, place, at_us)


def forget_thread(connection: Connection, place: Place, at_us: int, balances: Changed | None) -> int:
    """`balances`: as in `storage.turn_ends.finish`."""
    in_thread, may_quote = and_(*threads.within(TURNS, place)), announcements.reports_of_platform(place)
    _hold_turns(connection, or_(in_thread, may_quote))
    reset(connection, place, at_us)
    turn_ends.charge_unrun(connection, threads.within(TURNS, place), at_us, balances)
    _forget_turns(connection, threads.within(TURNS, place), _NOTHING)
    announcements.forget_words(connection, may_quote)
    connection.execute(delete(TOOL_GRANTS).where(*threads.within(TOOL_GRANTS, place)))
    return uploads.remove_messages(connection, threads.within(MESSAGES, place))


def forget_person(
    connection: Connection, platform: str, team: str, person: str, at_us: int, balances: Changed | None
) -> int:
    """`balances`: as in `storage.turn_ends.finish`."""
    turn = TURNS.c
    asked, said = threads.of_team(TURNS, platform, team), threads.of_team(MESSAGES, platform, team)
    theirs = (*asked, turn.author == person)
    all_reports = announcements.reports()  # those of every platform may name a person
    _hold_turns(connection, or_(and_(*asked, or_(turn.author == person, _quotes(TURNS, person))), all_reports))
    uploads.remove_messages(connection, (*said, _answers(platform, team, person)))
    their_lines = (*said, MESSAGES.c.author == person, MESSAGES.c.mine.is_(False))
    lines = uploads.remove_messages(connection, their_lines)
    turns_there = select(turn.id).where(*asked)
    theirs_given = FEEDBACK.c.person.in_(names_of(person))
    connection.execute(delete(FEEDBACK).where(theirs_given, FEEDBACK.c.turn_id.in_(turns_there)))
    source_opinions.forget_person(connection, platform, team, person)
    turn_ends.charge_unrun(connection, theirs, at_us, balances)
    name = f"{FORGOTTEN_USER}{secrets.token_hex(8)}"
    unpaid = update(TURNS).where(*theirs, turn.started_by == "", OPEN)
    connection.execute(unpaid.values(started_by=name))  # their usage is stored at their ends
    _forget_turns(connection, theirs, {**_NOTHING, "author": "", "author_locale": ""})
    announcements.forget_words(connection, all_reports)
    _forget_quotes(connection, MESSAGES, said, person)
    _forget_quotes(connection, TURNS, asked, person)
    grant = TOOL_GRANTS.c
    granted = (
        *threads.of_team(TOOL_GRANTS, platform, team),
        or_(grant.person == person, grant.granted_by == person),
    )
    connection.execute(delete(TOOL_GRANTS).where(*granted))
    _forget_user(connection, platform, team, person, name)
    changed = threads.of_team(AUDIT, platform, team)
    connection.execute(update(AUDIT).where(*changed, AUDIT.c.person == person).values(person_name=""))
    return lines


def _forget_user(connection: Connection, platform: str, team: str, person: str, name: str) -> None:
    """Give the usage of a person a random name: people are counted as before, and none of them is known. An answer that
    has not ended stays on the accounts of the person who pays for it."""
    used = threads.of_team(USAGE, platform, team)
    connection.execute(update(USAGE).where(*used, USAGE.c.person.in_(names_of(person))).values(person=name))
    usage_sums.rename_person(connection, platform, team, names_of(person), name)
    started = (*threads.of_team(TURNS, platform, team), TURNS.c.started_by == person)
    goes_on = or_(OPEN, TURNS.c.state == TurnState.ASKING)
    payer = case((goes_on, forgotten_payer(name, person)), else_=name)
    connection.execute(update(TURNS).where(*started).values(started_by=payer, started_by_name=""))


def expire_turns(connection: Connection, turn_ids: Sequence[int]) -> None:
    """Remove the texts of turns and their people, of the opinions of their answers the words and the people."""
    of_turns = [TURNS.c.id.in_(turn_ids)]
    sources.remove(connection, turn_ids)
    source_opinions.remove(connection, turn_ids)
    failures.remove(connection, turn_ids)
    uploads.remove_answers(connection, of_turns)
    given = FEEDBACK.c
    rows = connection.execute(select(given.turn_id, given.person).where(given.turn_id.in_(turn_ids))).all()
    for turn_id, person in rows:
        here = (given.turn_id == turn_id, given.person == person)
        connection.execute(update(FEEDBACK).where(*here).values(person=former_name(person), reason=""))
    connection.execute(delete(STEPS).where(STEPS.c.turn_id.in_(turn_ids)))
    posts.remove(connection, turn_ids)
    usage.expire_people(connection, turn_ids)
    nobody = {"author": "", "author_locale": "", "started_by": "", "started_by_name": "", "replies_to": ""}
    connection.execute(update(TURNS).where(*of_turns).values(**_NOTHING, **nobody, ticket=""))


def _quotes(table: Table, person: str) -> ColumnElement[bool]:
    """True if a row may quote this person: their id is in its attached parts."""
    return cast(table.c.attached, TextColumn).contains(json.dumps(person), autoescape=True)


def _forget_quotes(
    connection: Connection, table: Table, which: Iterable[ColumnElement[bool]], person: str
) -> None:
    """Remove the words of a person from the messages, or the turns, of others that quote them."""
    key = tuple(table.primary_key)
    rows = connection.execute(select(table).where(*which, _quotes(table, person))).all()
    for row in rows:
        kept = to_json(without_quotes_of(from_json(row.attached), {person}))
        here = (column == getattr(row, column.name) for column in key)
        connection.execute(update(table).where(*here).values(attached=kept))
    if table is MESSAGES:
        summaries.void_lines(connection, rows)


def _hold_turns(connection: Connection, which: ColumnElement[bool]) -> None:
    """Lock these turns on PostgreSQL, in the order in which all transactions lock them: an answer that is stored at the
    same time would stay. SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(TURNS.c.id).where(which).order_by(TURNS.c.id).with_for_update())


def _forget_turns(
    connection: Connection, which: Iterable[ColumnElement[bool]], nothing: Mapping[str, Any]
) -> None:
    """End those that are open: later checkpoints, steps, pictures and ends of theirs are not stored."""
    not_ended = or_(OPEN, HELD, TURNS.c.state == TurnState.ASKING)
    ended = case((not_ended, TurnState.STOPPED), else_=TURNS.c.state)
    conditions = list(which)
    sources.remove(connection, select(TURNS.c.id).where(*conditions))
    source_opinions.remove(connection, select(TURNS.c.id).where(*conditions))
    failures.remove(connection, select(TURNS.c.id).where(*conditions))
    uploads.remove_answers(connection, conditions)
    connection.execute(delete(STEPS).where(STEPS.c.turn_id.in_(select(TURNS.c.id).where(*conditions))))
    connection.execute(update(TURNS).where(*conditions).values({**nothing, "state": ended, "ticket": ""}))


def messages_by_person(
    connection: Connection, platform: str, team: str, person: str, limit: int
) -> list[tuple[Place, ThreadMessage]]:
    line = MESSAGES.c
    order = (line.at_us, line.anchor, line.rank, line.message)
    query = (
        select(MESSAGES)
        .where(
            *threads.of_team(MESSAGES, platform, team),
            or_(line.author == person, _answers(platform, team, person)),
        )
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    rows = reversed(connection.execute(query).all())
    return [(Place(row.platform, row.team, row.channel, row.thread), threads.entry(row)) for row in rows]


def _answers(platform: str, team: str, person: str) -> ColumnElement[bool]:
    """Lines that answer a question of this person. Their questions are looked up once, not for each line."""
    line, turn = MESSAGES.c, TURNS.c
    asked = select(turn.team, turn.channel, turn.question).where(
        *threads.of_team(TURNS, platform, team), turn.author == person
    )
    return (line.rank == 1) & tuple_(line.team, line.channel, line.anchor).in_(asked)
