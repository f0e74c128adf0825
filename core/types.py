"""The values of the house: what every room passes to every other. All frozen, none does I/O.

A platform turns its payload into an `Ask` (or an `Edited`, `Deleted`, `PlaceClosed`, `Command`, `Press`); intake
stores an ask as a `Turn`; the worker turns a turn into `Message`s for the model, which answers in `Delta`s; the turn
folds them into `Reply`s, always the complete view; the painter cuts a reply into `Page`s; the brush has the
platform perform `Stroke`s and keeps the message ids that come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """Who said something. `name` is what others call them there; `locale` is a BCP 47 tag or empty.

    What they may do there and then, as the platform tells; only `may_read` is stored, with the turn. `admin`: runs
    the workspace or guild. `manager`: may change the channel. `guest`: a guest account. `stranger`: of another
    workspace (Slack Connect). Those two are None where the platform could not say: a gate that depends on one then
    stays shut. `may_read`: may read what was said in that channel before; where not, nothing older than their own
    first line there is read for them. `roles`: ids of the groups, workspaces among them, that they belong to.
    """

    id: str
    name: str = ""
    locale: str = ""
    bot: bool = False
    admin: bool = field(default=False, compare=False)
    manager: bool = field(default=False, compare=False)
    guest: bool | None = field(default=False, compare=False)
    stranger: bool | None = field(default=False, compare=False)
    roles: tuple[str, ...] = field(default=(), compare=False)
    may_read: bool = field(default=True, compare=False)


class Task(StrEnum):
    """What a turn is to do: answer a person, go on with an answer that reached the length limit, sum up what was
    said (the ask's text is the command, such as `/summarize hours:3`), or post a usage summary that a timer asked
    for."""

    ANSWER = "answer"
    CONTINUE = "continue"
    SUMMARY = "summary"
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
    """A message was deleted, a person's or the bot's own: it leaves the thread's memory, its answer is not begun, and
    an answer that grows in it stops. `place.thread` may be unknown (empty)."""

    place: Place
    message_id: str


@dataclass(frozen=True, slots=True)
class PlaceClosed:
    """A thread or a channel was deleted or archived: no message can be posted there, and the answers that grow there
    stop. `place.thread` is empty for a channel, with all its threads.

    Sources: Discord's THREAD_DELETE and CHANNEL_DELETE, Slack's channel_archive, channel_deleted and their kin.
    """

    place: Place


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the table in `core.commands`, by its name there without a slash.

    `place` is where it was given: its `thread` is empty at the top level of a channel. `argument` is what was typed
    behind the name, `options` are named values as text; where both are there, `options` win.
    `id` is the dedupe key and `opens` the thread that an answer opens where `place` has none: needed by those
    commands that become a turn (`Spec.turn`). `prefix` is how commands are written there: `/`, or `/parley `.
    """

    name: str
    place: Place
    author: Person
    at: datetime
    argument: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    opens: str = ""
    ticket: str = ""
    prefix: str = "/"


@dataclass(frozen=True, slots=True)
class Press:
    """A button pressed under the answer of `turn_id`. `text`: what was written into the form that the button opened
    (`core.commands.press_form`)."""

    action: str
    turn_id: int
    place: Place
    author: Person
    ticket: str = ""
    text: str = ""


Event = Ask | Edited | Deleted | PlaceClosed | Command | Press


class Outcome(StrEnum):
    """What became of an event: a turn, the thread's memory, or nothing (and why not)."""

    TURN = "turn"
    NOTED = "noted"
    DUPLICATE = "duplicate"
    HELD = "held until it is known whether who said it may ask"
    BOT = "a bot said it"
    WORDLESS = "nothing was written, and the bot was not addressed"
    NOT_ADDRESSED = "not addressed to the bot, in a place it has not joined"
    OFF = "the bot is switched off in that channel"
    REFUSED = "who said it may not do that here"
    LIMITED = "too many questions by one person"
    TOLD = "told"
    UNKNOWN = "nothing of ours"
    DRAINING = "the program is stopping"


@dataclass(frozen=True, slots=True)
class Button:
    """`action` and `turn_id` come back as a `Press`."""

    action: str
    label: str
    turn_id: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that an option or a field takes, and what it is called in the person's language."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `value` is what it holds now (empty: nothing of its own), `hint` what then counts."""

    name: str
    label: str
    kind: Literal["line", "text", "choice"] = "line"
    value: str = ""
    hint: str = ""
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a person may fill in. Sent off it is a `Command` of this name: its options are `fixed` and, by their
    names, all fields as they stand (empty included)."""

    command: str
    title: str
    send: str
    fields: tuple[Field, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to hand over. `type` is its media type."""

    name: str
    type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told at once, in their language. `text` is Markdown.

    `whisper`: only they need to see it; else everybody in the place should. `refused`: what they wanted was not done,
    so what they wrote should not be lost; `about`: the field of the form they sent off that it is about. `form`: what
    they may change about what they were told. `buttons` come back as a `Press` like those of an answer.
    """

    text: str
    whisper: bool = True
    refused: bool = field(default=False, kw_only=True)
    about: str = field(default="", kw_only=True)
    form: Form | None = None
    file: Attachment | None = None
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inbox's word that an event is stored or rightly ignored: now the platform may acknowledge it.

    `told`, if any, is to be shown to whoever caused the event, whatever kind of event it was.
    """

    outcome: Outcome
    turn_id: int | None = None
    told: Told | None = None


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
    HELD = "held"
    """Stored and no more: whether its author may ask is not known yet."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Turn:
    """The durable unit of work: one ask, answered once. `posted` are the message ids of its pages, in order.

    `text` is the last checkpoint of the answer, `attempt` counts the processes that took it up, `again_of`
    is the turn whose question this one answers anew. `deaths` counts the sudden ends of the program that this turn
    is suspected of.
    """

    id: int
    ask: Ask
    state: TurnState = TurnState.WAITING
    attempt: int = 0
    posted: tuple[str, ...] = ()
    text: str = ""
    again_of: int | None = None
    deaths: int = 0

    @property
    def forgotten(self) -> bool:
        """Somebody had it forgotten: neither who asked is left, nor what."""
        return not self.ask.author.id or not (self.ask.author.name or self.ask.text)


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the list a model is given.

    `images` are `data:` or `https:` URLs that anybody may read, never a platform's private ones. No platform fills
    them yet: until one does, pictures in a chat are not seen by the model.
    """

    role: Role
    content: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counted them, or estimated where it did not say. Cost in millionths of a unit."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is, as an operator wrote it down. `name` is the house's own, whatever endpoints call it.

    Prices are for a million tokens, None where they are not known. `images` and `tools`: it takes them.
    """

    name: str
    context_tokens: int = 128_000
    price_input: float | None = None
    price_output: float | None = None
    images: bool = False
    tools: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which model is asked now. Another may follow while no word has come."""

    card: Card


@dataclass(frozen=True, slots=True)
class Queued:
    """No place is free: other questions come first. `over`: now it is asked."""

    over: bool = False


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


@dataclass(frozen=True, slots=True)
class Charged:
    """What a try that gave no answer has used, though another may follow: as the endpoint counted, or None where it
    wrote words and did not count them. A try that was refused before the model read anything has none."""

    usage: Usage | None


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


Delta = Chosen | Queued | Text | Thinking | Calling | Charged | Ended


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
    """Stroke: the complete new view of a message that was posted before. `key`: as that of its `Post`."""

    place: Place
    message_id: str
    page: Page
    ticket: str = ""
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Start:
    """Stroke: a new message that grows in the reader's sight by `Append` until `Stop`.

    `reader` is who asked: platforms want to know for whom a message grows.
    """

    place: Place
    text: str
    key: str
    answers: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Append:
    """Stroke: more words at the end of a growing message. Uncertain, it is never repeated.

    `after` are the words that it shows already.
    """

    place: Place
    message_id: str
    text: str
    after: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """Stroke: the last words of a growing message, and what stands under them. Then it can be edited.

    `after` are the words that it shows already.
    """

    place: Place
    message_id: str
    key: str
    text: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    after: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Stroke: a message of ours that the answer no longer needs goes away."""

    place: Place
    message_id: str
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """Stroke: the whole answer as a file named `name`. `key` is the same whenever it is uploaded again."""

    place: Place
    name: str
    text: str
    key: str
    answers: str = ""
    ticket: str = ""


Stroke = Post | Edit | Start | Append | Stop | Delete | Upload


@dataclass(frozen=True, slots=True)
class Budget:
    """A rate-limit scope that a stroke draws on. All strokes that name the same `scope` share it.

    Either a bucket: `burst` strokes at once, then `per_s` a second. Or, where `window_s` is set, windows:
    `burst` strokes in each, and the next stroke after its end opens a new one. `reserve` slots are left to
    last words by what is shown in the middle of answers.
    """

    scope: str
    burst: float
    per_s: float
    window_s: float = 0.0
    reserve: float = 0.0


@dataclass(frozen=True, slots=True)
class Left:
    """What a platform last said of a scope: `limit` strokes a window, `left` of them in the `for_s` to come."""

    limit: int
    left: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Native streaming: a growing message holds `size` (in the page's unit) and has to end within `life_s`."""

    size: int
    life_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform can show in one message, as data. `page_unit` says how `page_size` is counted.

    `growth` is None where messages can't grow. `typing_s`: after so many seconds `Platform.typing` is called again,
    because what it shows fades; 0 where it doesn't. `typeset`: it has no tables, so they are set as code.
    `files`: it takes `Upload`. `spoilers`: words between `||` are hidden. `renders_halves`: it shows Markdown that is
    written by half as what it will be, so that nothing is held back.
    """

    page_size: int
    page_unit: Literal["utf8", "utf16"] = "utf16"
    min_gap_s: float = 0.0
    growth: Growth | None = None
    typing_s: float = 0.0
    typeset: bool = False
    files: bool = False
    spoilers: bool = False
    renders_halves: bool = False


def page_length(text: str, unit: Literal["utf8", "utf16"]) -> int:
    """The length of `text` as the platform counts it: UTF-8 bytes, or UTF-16 code units."""
    return len(text.encode("utf-8" if unit == "utf8" else "utf-16-le", "surrogatepass")) // (
        1 if unit == "utf8" else 2
    )
