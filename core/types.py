"""The values of the house: what every room passes to every other. All frozen, none does I/O.

A platform turns its payload into an `Ask` (or an `Edited`, `Deleted`, `Command`, `Press`); intake stores an
ask as a `Turn`; the worker turns a turn into `Message`s for the model, which answers in `Delta`s; the turn
folds them into `Reply`s, always the complete view; the painter cuts a reply into `Page`s; the brush has the
platform perform `Stroke`s and keeps the message ids that come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation is held: the only address in the house.

    `team` is a Slack workspace or a Discord guild. `thread` is what the platform threads by; it is empty
    where the whole channel is one place (a Discord DM). `direct` says that one person talks with the bot
    alone, so that nobody has to be told apart by name; it is not part of the address.
    """

    platform: str
    team: str
    channel: str
    thread: str = ""
    direct: bool = False

    @property
    def key(self) -> str:
        return f"{self.channel_key}/{self.thread}"

    @property
    def channel_key(self) -> str:
        return f"{self.platform}/{self.team}/{self.channel}"


def message_key(place: Place, message_id: str) -> str:
    """What no two messages share: messages are unique in a channel, whichever thread they are in."""
    return f"{place.channel_key}/{message_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """Who said something. `name` is what others call them there; `locale` is a BCP 47 tag or empty."""

    id: str
    name: str = ""
    locale: str = ""
    bot: bool = False


class Task(StrEnum):
    """What a turn is to do: answer a person, go on with an answer that reached the length limit, or post a usage
    summary that a timer asked for."""

    ANSWER = "answer"
    CONTINUE = "continue"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Ask:
    """Something a person said where the bot can hear it. `(place.platform, team, channel, id)` never repeats.

    `addressed`: said to the bot (a mention, a DM, a slash command, a reply to the bot's message).
    `to_others`: names somebody else and not the bot, so between people in a thread the bot has joined.
    `replies_to`: the platform's id of the message this one replies to, or empty.
    `ticket`: the platform's own key for answering exactly this ask (a Discord interaction token), or empty;
    opaque to everyone else and never logged.
    """

    id: str
    place: Place
    author: Person
    text: str
    at: datetime
    addressed: bool = False
    to_others: bool = False
    replies_to: str = ""
    ticket: str = ""
    task: Task = Task.ANSWER

    @property
    def key(self) -> str:
        return message_key(self.place, self.id)


@dataclass(frozen=True, slots=True)
class Edited:
    """A person changed a message: the thread's memory follows."""

    place: Place
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message was deleted: it leaves the thread's memory. `place.thread` may be unknown (empty)."""

    place: Place
    message_id: str


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command that is not a question: `name` without its slash, `argument` as typed."""

    name: str
    argument: str
    place: Place
    author: Person
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """A button pressed under the answer of `turn_id`."""

    action: str
    turn_id: int
    place: Place
    author: Person
    ticket: str = ""


Event = Ask | Edited | Deleted | Command | Press


class Outcome(StrEnum):
    """What became of an event: a turn, the thread's memory, or nothing (and why not)."""

    TURN = "turn"
    NOTED = "noted"
    DUPLICATE = "duplicate"
    BOT = "a bot said it"
    NOT_ADDRESSED = "not addressed to the bot, in a place it has not joined"
    UNKNOWN = "nothing of ours"
    DRAINING = "the program is stopping"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inbox's word that an event is stored or rightly ignored: now the platform may acknowledge it."""

    outcome: Outcome
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a thread as its people see it. `mine`: the bot said it.

    `at` orders a thread; an answer carries the time of its question (`anchor`, the question's message id) and
    so stands directly behind it, wherever the clock was when it was finished.
    """

    id: str
    author: Person
    text: str
    at: datetime
    mine: bool = False
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What a platform could read of a place. `complete` is False where the page bound or a refusal cut it."""

    entries: tuple[Entry, ...] = ()
    complete: bool = True


class TurnState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Turn:
    """The durable unit of work: one ask, answered once. `posted` are the message ids of its pages, in order.

    `text` is the last checkpoint of the answer, `attempt` counts the processes that took it up, `again_of`
    is the turn whose question this one answers anew.
    """

    id: int
    ask: Ask
    state: TurnState = TurnState.WAITING
    attempt: int = 0
    posted: tuple[str, ...] = ()
    text: str = ""
    again_of: int | None = None


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the list a model is given."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counted them, or estimated where it did not say. Cost in millionths of a unit."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning: a sign of life, never shown as the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Calling:
    """The model wants a tool called. `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


class EndReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOLS = "tools"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Ended:
    """The model's own end of its answer: nothing else makes an answer whole."""

    reason: EndReason
    usage: Usage | None = None
    model: str = ""


Delta = Text | Thinking | Calling | Ended


@dataclass(frozen=True, slots=True)
class Button:
    """`action` and `turn_id` come back as a `Press`."""

    action: str
    label: str
    turn_id: int


class Phase(StrEnum):
    THINKING = "thinking"
    WRITING = "writing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as its readers should see it now: always the complete view.

    `notice` stands under the text in the person's language, set apart from the model's words.
    """

    text: str = ""
    phase: Phase = Phase.THINKING
    notice: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One platform message of a reply. Text is Markdown as models write it; only the last page has the rest."""

    text: str
    notice: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """Stroke: a new message. `key` is the same whenever the same page of the same turn is posted again.

    `answers` is the message the turn answers: where a place has no thread of its own, the post replies to it.
    """

    place: Place
    page: Page
    key: str
    answers: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Stroke: the complete new view of a message that was posted before."""

    place: Place
    message_id: str
    page: Page
    ticket: str = ""


Stroke = Post | Edit


@dataclass(frozen=True, slots=True)
class Budget:
    """A rate-limit scope that a stroke draws on: `burst` strokes at once, then `per_s` a second.

    All strokes that name the same `scope` share it, whichever answer they belong to.
    """

    scope: str
    burst: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform can show in one message, as data. `page_unit` says how `page_size` is counted."""

    page_size: int
    page_unit: Literal["utf8", "utf16"] = "utf16"
    min_gap_s: float = 0.0


def page_length(text: str, unit: Literal["utf8", "utf16"]) -> int:
    """The length of `text` as the platform counts it: UTF-8 bytes, or UTF-16 code units."""
    return len(text.encode("utf-8" if unit == "utf8" else "utf-16-le", "surrogatepass")) // (
        1 if unit == "utf8" else 2
    )
