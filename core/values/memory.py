"""Answered questions that later answers may cite: the sources of a team's memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.values.places import Person, Place


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """A question that a turn has answered, as its thread shows it now. `at` is the time of the question, `question_id`
    and `answer_id` are the ids of the messages; the second one is empty where it is not known."""

    turn_id: int
    place: Place
    question_id: str
    asker: Person
    at: datetime
    question: str
    answer: str
    answer_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message that a platform's own search has found. `thread` of `place` is the id of its thread, that of the
    message itself where it has none. `link` is its URL.

    It is the platform's: it is held in memory while its answer is written, and never stored or logged.
    """

    place: Place
    id: str
    author: Person
    at: datetime
    text: str
    link: str
    channel_name: str = ""


@dataclass(frozen=True, slots=True)
class SourceOpinion:
    """A person's opinion of a source: `value` is 1 or -1. `question` was answered with its help, and is empty where it
    is not stored any more."""

    source: int
    person: str
    value: int
    question: str


@dataclass(frozen=True, slots=True)
class SourceScope:
    """The sources that may be found for a reader: those of the team's `channels`, by their ids.

    A direct conversation is found from within itself only. `but` is the place that asks: its own answers are never
    found.
    """

    platform: str
    team: str
    channels: frozenset[str]
    but: Place


@dataclass(frozen=True, slots=True)
class Vector:
    """The meaning of a text as a vector of length 1, which `model` has made: little-endian numbers of 32 bits."""

    model: str
    values: bytes

    @property
    def dimension(self) -> int:
        """The number of its numbers."""
        return len(self.values) // 4


@dataclass(frozen=True, slots=True)
class QuestionVector:
    """The vector of a question with these words."""

    question: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class SourceQuestion:
    """The question of a source, whose thread shows these words now."""

    turn_id: int
    place: Place
    question: str
