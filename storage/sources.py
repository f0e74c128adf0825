"""The index of answered questions: which turns are in it, and what is found of them. Each function is one transaction's
work, run by the store.

A row of `sources` has the words of a turn, never its texts: those are read from the thread when it is found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from core.memory import tokens
from core.memory.ranking import source_words
from core.values.conversation import TurnState
from core.values.events import Edited
from core.values.memory import EarlierAnswer, SourceScope
from core.values.places import Person, Place
from core.values.tasks import AnswerQuestion
from core.values.turn_ends import Finish
from storage import source_vectors, threads
from storage.direct import DirectStatement
from storage.engine import insert
from storage.given import among, among_many, given
from storage.posts import first_posted, stored_line_id
from storage.tables import FEEDBACK, KEY, MESSAGES, SOURCES, THREADS, TURNS, USAGE, Words, from_us, storable

_OF_CHANNEL = ("platform", "team", "channel")
_ADDRESS = (*_OF_CHANNEL, "thread")

_STORED_QUESTION = (
    *threads.of_place(MESSAGES),
    MESSAGES.c.message == bindparam("question"),
    MESSAGES.c.mine.is_(False),
)
_QUESTION_TEXT = DirectStatement(select(MESSAGES.c.text).where(*_STORED_QUESTION))


@cache
def _put(dialect: str) -> DirectStatement:
    """Index a turn whose question is stored with that text."""
    columns = [SOURCES.c[name] for name in ("turn_id", *_OF_CHANNEL, "version", "words")]
    values = [bindparam(column.name, type_=column.type) for column in columns]
    same = select(*values).where(*_STORED_QUESTION, MESSAGES.c.text == bindparam("text", type_=KEY))
    adding = insert(dialect, SOURCES).from_select(columns, same)
    new = {name: adding.excluded[name] for name in ("words", "version")}
    adding = adding.on_conflict_do_update(index_elements=["turn_id"], set_=new)
    return DirectStatement(adding.returning(SOURCES.c.turn_id))


def add(connection: Connection, end: Finish) -> None:
    """Index the turn that ends, with the question as it is now, if it answers a person."""
    ask = end.turn.ask
    answers = end.indexed and end.state is TurnState.DONE and isinstance(ask.task, AnswerQuestion)
    if not answers or ask.author.bot:
        return
    question = storable(ask.text)
    if not _add(connection, end, question):
        found = _QUESTION_TEXT.rows(connection, {**threads.address(ask.place), "question": ask.id})
        if not found or found[0][0] == question or not _add(connection, end, question := found[0][0]):
            return
    if end.meaning is not None and storable(end.meaning.question) == question:
        source_vectors.put(connection, {end.turn.id: end.meaning.vector})


def _add(connection: Connection, end: Finish, question: str) -> bool:
    """Index the turn under the words of this question and its answer. False where it has none, or its question is not
    stored with that text."""
    words = source_words(question, storable(end.text))
    if not words:
        return False
    row = {
        **threads.address(end.turn.ask.place),
        "turn_id": end.turn.id,
        "question": end.turn.ask.id,
        "text": question,
        "words": Words().process_bind_param(words, connection.dialect),
        "version": tokens.VERSION,
    }
    return bool(_put(connection.dialect.name).rows(connection, row))


def remove(connection: Connection, turn_ids: Select[Any] | Collection[int]) -> None:
    """Take these turns out of the index, with their vectors."""
    source_vectors.remove(connection, turn_ids)
    connection.execute(delete(SOURCES).where(SOURCES.c.turn_id.in_(turn_ids)))


def remove_some(connection: Connection, platform: str, limit: int) -> int:
    """Take up to `limit` turns of a platform out of the index. Returns how many there were."""
    some = select(SOURCES.c.turn_id).where(SOURCES.c.platform == platform).limit(limit)
    ids = list(connection.scalars(some))
    remove(connection, ids)
    return len(ids)


def remove_thread(connection: Connection, place: Place, before_us: int) -> None:
    """Take the turns of a thread that were asked before that time out of the index."""
    # No index finds turns by thread: the usage of its ended turns has one.
    ended = select(USAGE.c.turn_id).where(*threads.within(USAGE, place))
    remove(connection, select(TURNS.c.id).where(TURNS.c.id.in_(ended), TURNS.c.at_us < before_us))


def remove_place(connection: Connection, place: Place) -> None:
    """Take all turns of a thread, or of a channel, out of the index."""
    source, turn = SOURCES.c, TURNS.c
    of_channel = select(source.turn_id).where(
        *threads.of_team(SOURCES, place.platform, place.team), source.channel == place.channel
    )
    if place.thread:
        here = turn.thread == place.thread
        of_channel = select(turn.id).where(turn.id.in_(of_channel), here)
    # By their ids: the table that is read is the one that changes.
    remove(connection, list(connection.scalars(of_channel)))


def remove_message(connection: Connection, place: Place, message: str) -> None:
    """Take the turns whose question or answer the message is out of the index. It is still stored."""
    for question in _questions(connection, place, message):
        remove_question(connection, place, question)


def of_message(connection: Connection, place: Place, message: str) -> list[int]:
    """The turns whose question or answer the message is."""
    questions = _questions(connection, place, message)
    return [turn_id for one in questions for turn_id in connection.scalars(_answering(place, one))]


def _questions(connection: Connection, place: Place, message: str) -> Sequence[str]:
    """The question that the message is, or answers."""
    lines = select(MESSAGES.c.anchor).where(*threads.within(MESSAGES, place, message))
    return connection.scalars(lines).all()


def remove_edited(connection: Connection, edited: Edited) -> None:
    """Take the turns out of the index whose question is about to be changed: their answers are to other words."""
    line = MESSAGES.c
    of_person = (*threads.within(MESSAGES, edited.place, edited.message_id), line.mine.is_(False))
    before = connection.scalar(select(line.text).where(*of_person))
    if before is not None and before != storable(edited.text):
        remove_question(connection, edited.place, edited.message_id)


def remove_question(connection: Connection, place: Place, question: str) -> None:
    """Take each turn that answered the question, first or anew, out of the index."""
    remove(connection, _answering(place, question))


def _answering(place: Place, question: str) -> Select[Any]:
    """The turns that answered the question, first or anew."""
    turn = TURNS.c
    first = select(turn.id).where(*threads.within(TURNS, place, question)).cte("answered", recursive=True)
    again = select(turn.id).where(turn.again_of == first.c.id, turn.again_of.is_not(None))
    return select(first.union_all(again).c.id)


def channels(connection: Connection, platform: str, team: str) -> list[str]:
    """The channels of the index. Each is one step in the index of the table, however many turns it has."""
    source = SOURCES.c
    of_team = threads.of_team(SOURCES, platform, team)
    known = select(func.min(source.channel).label("channel")).where(*of_team).cte("known", recursive=True)
    later = select(func.min(source.channel)).where(*of_team, source.channel > known.c.channel).scalar_subquery()
    known = known.union_all(select(later).where(known.c.channel.is_not(None)))
    return list(connection.scalars(select(known.c.channel).where(known.c.channel.is_not(None))))


def teams(connection: Connection, platform: str) -> list[str]:
    """The teams of the index. Each is one step in the index of the table."""
    team, of_platform = SOURCES.c.team, SOURCES.c.platform == platform
    known = select(func.min(team).label("team")).where(of_platform).cte("known", recursive=True)
    later = select(func.min(team)).where(of_platform, team > known.c.team).scalar_subquery()
    known = known.union_all(select(later).where(known.c.team.is_not(None)))
    return list(connection.scalars(select(known.c.team).where(known.c.team.is_not(None))))


def answers(connection: Connection, turn_ids: Collection[int], scope: SourceScope) -> dict[int, EarlierAnswer]:
    """The sources of `scope` among these turns, as their threads show them now."""
    of_scope = {
        "platform": scope.platform,
        "team": scope.team,
        "channels": given(connection.dialect.name, scope.channels),
        "but_channel": scope.but.channel,
        "but_thread": scope.but.thread,
    }
    return {
        row.id: EarlierAnswer(
            row.id,
            Place(row.platform, row.team, row.channel, row.thread, bool(row.direct)),
            row.question,
            Person(row.author, row.author_name, row.author_locale),
            from_us(row.at_us),
            row.asked,
            row.answered,
            row.line,
        )
        for row in answered_turns(connection, turn_ids, of_scope)
    }


class AnsweredTurn(NamedTuple):
    """An indexed turn whose question and answer are stored. `line`: the id of the answer's message, if it has one."""

    id: int
    platform: str
    team: str
    channel: str
    thread: str
    direct: int
    question: str
    at_us: int
    author: str
    author_name: str
    author_locale: str
    line: str
    asked: str
    answered: str


def answered_turns(
    connection: Connection, turn_ids: Collection[int], scope: Mapping[str, Any] | None = None
) -> list[AnsweredTurn]:
    """The indexed turns among these whose question and answer are stored; with the values of a scope those that are its
    sources."""
    dialect = connection.dialect.name
    values = {"turn_ids": given(dialect, turn_ids), **(scope or {})}
    found = (AnsweredTurn(*row) for row in _turns(dialect, scoped=scope is not None).rows(connection, values))
    return [turn for turn in found if None not in turn]


@cache
def _turns(dialect: str, *, scoped: bool) -> DirectStatement:
    """The query for the indexed turns among `turn_ids`, with the texts of their question and answer, where they are
    stored; with `scoped` those that are sources of a scope. It is built once: to build it takes longer than to run
    it."""
    turn = TURNS.c
    columns = (*_ADDRESS, "direct", "question", "at_us", "author", "author_name", "author_locale")
    indexed = select(SOURCES.c.turn_id).where(SOURCES.c.turn_id == turn.id).exists()
    these = (among(dialect, turn.id, "turn_ids"), turn.state == TurnState.DONE, indexed)
    # OFFSET keeps the planners from reading the turns of a team or a channel to find these.
    turns = select(turn.id, *(turn[name] for name in columns), first_posted(dialect).label("line"))
    one = turns.where(*these).offset(0).subquery("one").c
    found = select(
        one.id,
        *(one[name] for name in columns),
        func.coalesce(one.line, ""),
        _text_of(one, one.question, mine=False),
        _text_of(one, stored_line_id(one.id, one.line), mine=True),
    )
    if not scoped:
        return DirectStatement(found)
    bad = select(FEEDBACK.c.turn_id).where(FEEDBACK.c.turn_id == one.id, FEEDBACK.c.value < 0).exists()
    of_thread = (THREADS.c[name] == one[name] for name in _ADDRESS)
    reset = select(THREADS.c.since_us).where(*of_thread).scalar_subquery()
    team, channel, thread = (bindparam(name, type_=KEY) for name in ("team", "but_channel", "but_thread"))
    sources_of_scope = found.where(
        one.platform == bindparam("platform"),
        or_(team == "", one.team == team),
        among_many(dialect, one.channel, "channels"),
        or_(one.direct.is_(False), one.channel == channel),
        or_(one.channel != channel, one.thread != thread),
        ~bad,
        one.at_us >= func.coalesce(reset, 0),
    )
    return DirectStatement(sources_of_scope)


def _text_of(turn: Any, message: ColumnElement[Any], *, mine: bool) -> ScalarSelect[Any]:
    """The text of a message of the turn's thread. A subquery for one value is looked up by its key for each turn; a
    planner that does not know the sizes of the tables may read all messages for a join."""
    of_thread = (MESSAGES.c[name] == turn[name] for name in _ADDRESS)
    line = (*of_thread, MESSAGES.c.message == message, MESSAGES.c.mine.is_(mine))
    return select(MESSAGES.c.text).where(*line).scalar_subquery()


def outdated(connection: Connection, below: int, limit: int) -> tuple[list[int], dict[int, tuple[str, str]]]:
    """The newest turns below that id whose words are not those of today's tokenizer, and the question and answer of
    each that still has them."""
    source = SOURCES.c
    old = select(source.turn_id).where(source.version != tokens.VERSION, source.turn_id < below)
    ids = list(connection.scalars(old.order_by(source.turn_id.desc()).limit(limit)))
    return ids, {row.id: (row.asked, row.answered) for row in answered_turns(connection, ids)}


_RENEW = (
    update(SOURCES)
    .where(SOURCES.c.turn_id == bindparam("renewed"), SOURCES.c.version != tokens.VERSION)
    .values(words=bindparam("new_words"), version=tokens.VERSION)
)


def renew(connection: Connection, ids: Sequence[int], words: Mapping[int, Sequence[str]]) -> None:
    """Index these outdated turns by `words`; those without any leave the index. One that left it before
    stays out."""
    remove(connection, [turn_id for turn_id in ids if not words.get(turn_id)])
    new = [{"renewed": turn_id, "new_words": list(found)} for turn_id, found in words.items() if found]
    if new:
        connection.execute(_RENEW, new)
