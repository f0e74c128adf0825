"""Questions that were asked before: sets of them, a store that has answered them, and how many it finds again."""

from __future__ import annotations

import ast
import csv
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Connection, MetaData, Table, Text

from core.i18n.zh import PHRASES as CHINESE_PHRASES
from core.memory.ranking import LEAST_SHARED, source_words
from core.memory.tokens import VERSION, tokens
from core.ports.store import Store
from core.values.memory import SourceScope
from core.values.places import Place
from storage.engine import Database
from storage.tables import SOURCES, to_us

DATA = Path(__file__).parent / "data"
TOP = Path(__file__).parents[1]
SEED = 2026
EARLIER = 3
"""Earlier askings of each intent."""
BEGAN_US = to_us(datetime(2026, 1, 1, tzinfo=UTC))
CHANNELS = 200
ASKING = Place("slack", "T1", "C0", "asking")
ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with its answer. `topic` is the same for the same question in other words, empty for no other's."""

    question: str
    answer: str = "So."
    topic: str = ""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """Questions that were answered, and others that ask some of them again: each with its topic."""

    answered: list[Answered]
    again: list[tuple[str, str]]


def english(others: int = 5_000, repeats: int = 1_600) -> AskedAgain:
    """Three askings of each intent among `others`: sentences of the docstrings of this repository."""
    by_intent: dict[str, list[str]] = defaultdict(list)
    with (DATA / "questions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_intent[row["intent"]].append(row["text"])
    chosen = random.Random(SEED)
    answered: list[Answered] = []
    again: list[tuple[str, str]] = []
    for intent, texts in sorted(by_intent.items()):
        chosen.shuffle(texts)
        answered += [Answered(text, topic=intent) for text in texts[:EARLIER]]
        again += [(text, intent) for text in texts[EARLIER:]]
    answered += [Answered(text) for text in chosen.sample(sorted({*sentences()}), others)]
    chosen.shuffle(answered)
    return AskedAgain(answered, chosen.sample(again, min(repeats, len(again))))


def chinese(*, answers: bool = True) -> AskedAgain:
    """The Chinese questions among the phrases of this program in Chinese."""
    with (DATA / "questions_zh.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answered = [Answered(row["asked"], row["answer"] if answers else "", row["asked"]) for row in rows]
    phrases = (phrase for phrase in CHINESE_PHRASES.values() if isinstance(phrase, str))
    answered += [Answered(phrase) for phrase in phrases]
    return AskedAgain(answered, [(row["again"], row["asked"]) for row in rows])


@cache
def sentences() -> tuple[str, ...]:
    """The sentences of the docstrings of this repository."""
    return tuple(_sentences())


def _sentences() -> Iterator[str]:
    for folder in ("bots", "core", "storage", "tests"):
        for file in sorted((TOP / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Expr(ast.Constant(str(text))):
                        found = (" ".join(one.split()) for one in re.split(r"(?<=[.:;])\s+|\n\s*\n", text))
                        yield from (one for one in found if 20 < len(one) < 200)


def place_of(number: int) -> Place:
    return Place("slack", "T1", f"C{number % CHANNELS}", f"{number}.0")


def entry(number: int, one: Answered) -> dict[str, Any]:
    """The row of the index of the turn `number` + 1."""
    place, words = place_of(number), source_words(one.question, one.answer)
    address = {"platform": place.platform, "team": place.team, "channel": place.channel}
    return address | {"turn_id": number + 1, "version": VERSION, "words": words}


async def fill(database: Database, answered: Sequence[Answered], first: int = 0, *, index: bool = True) -> None:
    """Store the questions as answered turns `first` + 1 and so on, each in a thread of its own."""
    numbered = enumerate(answered, first)
    while batch := list(islice(numbered, ROWS)):
        await database.write(_put, batch, index)


def _put(connection: Connection, batch: Sequence[tuple[int, Answered]], index: bool) -> None:
    # The database makes the rows of three tables from what was said: that takes a third of the time.
    _SAID.create(connection)
    said = [
        {"number": number, "page": [f"p{number}"], "question": one.question, "answer": one.answer}
        for number, one in batch
    ]
    connection.execute(_SAID.insert(), said)
    for rows in (_TURNS, _THREADS, _QUESTIONS, _ANSWERS):
        connection.exec_driver_sql(rows)
    _SAID.drop(connection)
    if index:
        connection.execute(SOURCES.insert(), [entry(number, one) for number, one in batch])


_SAID = Table(
    "said",
    MetaData(),
    Column("number", BigInteger),
    Column("page", JSON),
    Column("question", Text),
    Column("answer", Text),
    prefixes=["TEMPORARY"],
)
_PLACE = f"'slack', 'T1', 'C' || (number % {CHANNELS}), number || '.0'"
_AT_US = f"{BEGAN_US} + number"
_ANN = "'U1', 'Ann', '', FALSE"
_TURNS = f"""
INSERT INTO turns (platform, team, channel, thread, direct, author, author_name, author_locale, author_bot, id, message,
    question, text, answer, at_us, ended_at_us, posted, addressed, to_others, replies_to, ticket, task, state, attempt,
    notice, error, ref)
SELECT {_PLACE}, FALSE, {_ANN}, number + 1, 'm' || number, 'm' || number, question, answer, {_AT_US}, {_AT_US}, page,
    TRUE, FALSE, '', '', 'answer', 'done', 1, '', '', '' FROM said
"""
_THREADS = f"""
INSERT INTO threads (platform, team, channel, thread, direct, joined, filled, at_us)
SELECT {_PLACE}, FALSE, TRUE, TRUE, {_AT_US} FROM said
"""
_LINES = """
INSERT INTO messages (platform, team, channel, thread, at_us, anchor, author, author_name, author_locale, author_bot,
    message, rank, mine, text)
"""
_QUESTIONS = f"""
{_LINES} SELECT {_PLACE}, {_AT_US}, 'm' || number, {_ANN}, 'm' || number, 0, FALSE, question FROM said
"""
_ANSWERS = f"""
{_LINES} SELECT {_PLACE}, {_AT_US}, 'm' || number, '', 'Ann', '', FALSE, 'p' || number, 1, TRUE, answer FROM said
"""


def everywhere(channels: int = CHANNELS) -> SourceScope:
    return SourceScope("slack", "T1", frozenset(f"C{number}" for number in range(channels)), ASKING)


async def share_found(store: Store, asked: AskedAgain, firsts: Sequence[int]) -> list[float]:
    """The shares of the repeats for which a question of the same topic is among the first so many."""
    topics = {f"m{number}": one.topic for number, one in enumerate(asked.answered)}
    found = [0] * len(firsts)
    for text, topic in asked.again:
        answers = await store.earlier_answers(everywhere(), tokens(text), max(firsts), LEAST_SHARED)
        there = [topics[answer.question_id] == topic for answer in answers]
        for at, first in enumerate(firsts):
            found[at] += any(there[:first])
    return [count / len(asked.again) for count in found]
