"""A conversation: questions, the messages of a thread, turns, and the messages that a model is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from core.values.parts import Attached, Part, Said, Text
from core.values.places import Person, Place, message_key
from core.values.tasks import ANSWER, Announced, EmbedQuestions, SumUpThread, Task
from core.values.usage import Charge


@dataclass(frozen=True, slots=True)
class Ask(Said):
    """A message of a person in a place that the bot reads. `(place.platform, team, channel, id)` never repeats.

    `addressed`: said to the bot (a mention, a DM, a slash command, a reply to the bot's message).
    `to_others`: mentions other people and not the bot.
    `text`: the words that the author typed. `attached`: the other parts of the message; they address no
    person and give no commands.
    `replies_to`: the platform's id of the message this one replies to, or empty.
    `interaction_token`: the platform's key for answering this ask alone, or empty. Only the platform reads it; it is
    never logged.
    `charges`: for reading its files before it was accepted. The store has them with its turn.
    """

    id: str
    place: Place
    author: Person
    text: str
    at: datetime
    addressed: bool = False
    to_others: bool = False
    replies_to: str = ""
    interaction_token: str = ""
    task: Task = ANSWER
    attached: tuple[Attached, ...] = ()
    charges: tuple[Charge, ...] = ()

    @property
    def key(self) -> str:
        return message_key(self.place, self.id)

    @property
    def announces(self) -> bool:
        """True if Parley itself makes it: a post at the top of a channel, a change of an answer, or work in the
        background. It is no message of a thread, and no person's question."""
        return isinstance(self.task, Announced)

    @property
    def in_background(self) -> bool:
        """True if every other turn of the place goes before it."""
        return isinstance(self.task, SumUpThread | EmbedQuestions)


def announcement(
    id: str, place: Place, task: Announced, at: datetime, text: str = "", language: str = ""
) -> Ask:
    """An ask that Parley makes itself. The same `id` in the same channel is done once. `language`: that of its text and
    buttons; empty for the operator's."""
    author = Person("parley", "Parley", language, bot=True)
    return Ask(id, place, author, text, at, addressed=True, task=task)


@dataclass(frozen=True, slots=True, order=True)
class LinePosition:
    """The position of a message in its thread: by its time, and an answer (`rank` 1) directly behind its question
    (`anchor`)."""

    at: datetime
    anchor: str
    rank: int
    message: str


@dataclass(frozen=True, slots=True)
class ThreadMessage(Said):
    """One message of a thread as its people see it. `mine`: the bot wrote it.

    `at` orders a thread. An answer has the time of its question (`anchor`, the question's message id), so it directly
    follows its question whenever it was finished.
    """

    id: str
    author: Person
    text: str
    at: datetime
    mine: bool = False
    anchor: str = ""
    attached: tuple[Attached, ...] = ()

    @property
    def position(self) -> LinePosition:
        return LinePosition(self.at, self.anchor or self.id, int(bool(self.anchor)), self.id)


@dataclass(frozen=True, slots=True)
class History:
    """The messages of a place that a platform could read. `complete` is False where the page bound or a refusal
    cut them."""

    entries: tuple[ThreadMessage, ...] = ()
    complete: bool = True

    def since(self, at: datetime | None) -> History:
        """The messages from `at` on: all of them where it is None. What is left out counts as read."""
        return self if at is None else replace(self, entries=tuple(one for one in self.entries if one.at >= at))


class TurnState(StrEnum):
    """The state of a turn between its acceptance and its end."""

    HELD = "held"
    """Stored and no more: whether its author may ask is not known yet."""
    WAITING = "waiting"
    RUNNING = "running"
    ASKING = "asking"
    """Its run has ended until a person answers its request."""
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Turn:
    """The durable unit of work: one ask, answered once. `posted` are the message ids of its pages, in order.

    `text` is the last checkpoint of the answer, `attempt` counts the processes that took it up, `again_of`
    is the turn whose question this one answers anew. `deaths` counts the sudden ends of the program that this turn
    is suspected of.

    `started_by` is the person who had it begin by a button, where that is not the question's author. They pay for it,
    also for what follows an approval, until the author edits the question.
    `started_at`: when it was asked for, where that is known better than by the time of its question.
    """

    id: int
    ask: Ask
    state: TurnState = TurnState.WAITING
    attempt: int = 0
    posted: tuple[str, ...] = ()
    text: str = ""
    again_of: int | None = None
    deaths: int = 0
    started_by: Person | None = None
    started_at: datetime | None = None

    @property
    def payer(self) -> Person:
        """The person whose use it is, and whose limits hold for it."""
        return self.started_by or self.ask.author

    @property
    def is_open(self) -> bool:
        """True if it waits for its run, or runs."""
        return self.state in (TurnState.WAITING, TurnState.RUNNING)

    @property
    def forgotten(self) -> bool:
        """True if its author and content were removed by `/forget`."""
        return not self.ask.author.id or not (self.ask.author.name or self.ask.text or self.ask.attached)


Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the list a model is given. Those of the role `tool` hold the results of the calls before them."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The words of its author, without those of other parts."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, Text))


def text_message(role: Role, text: str) -> Message:
    """A message of one text."""
    return Message(role, (Text(text),))
