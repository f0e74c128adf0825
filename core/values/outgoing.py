"""Values sent to platforms: views of an answer, the calls that show them, rate limits and a platform's limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from core.values.places import Place
from core.values.ui import Button


class Phase(StrEnum):
    """The progress of an answer. WAITING: its words stay as they are for now, and the notice says why."""

    THINKING = "thinking"
    WRITING = "writing"
    WAITING = "waiting"
    ENDED = "ended"


class TaskState(StrEnum):
    """The progress of a tool call."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ToolTask:
    """A tool call as readers see it. `id` is unique in the answer. `title` is one line of plain text, at most 120
    characters."""

    id: str
    title: str
    state: TaskState = TaskState.RUNNING


@dataclass(frozen=True, slots=True)
class Activity:
    """The tool calls of an answer. `tasks` are all of them, in order; messages that grow show them. Other messages show
    `line` as part of the notice: one line in the person's language while calls run, else empty."""

    line: str = ""
    tasks: tuple[ToolTask, ...] = ()

    def ended(self) -> Activity:
        """The same once nothing runs any more: a call that has no result has failed."""
        tasks = (
            replace(task, state=TaskState.FAILED) if task.state is TaskState.RUNNING else task
            for task in self.tasks
        )
        return Activity(tasks=tuple(tasks))


_NO_ACTIVITY = Activity()


@dataclass(frozen=True, slots=True)
class AnswerPicture:
    """A picture of an answer: a checked copy (`core.ports.files.Picture`), never a server's own bytes.

    `name` is a file name of ASCII letters, digits, hyphens and a dot. It is unique on its platform, so that the picture
    is found again. `title` describes it to people, in one line of plain text of at most 200 characters. `caption` is a
    line of Markdown under the text of the message that it is within.
    """

    name: str
    title: str
    media_type: str
    content: bytes
    caption: str = ""


@dataclass(frozen=True, slots=True)
class SourceLink:
    """An earlier answer that an answer cites as `[number]`.

    `title` is its question, and `asker` the name of its author: one line of plain text each. `link` is the URL of the
    question, `thread` the id of its thread, `channel` Markdown that mentions its channel; each may be empty, the
    channel where it is that of the answer. `date` is in the reader's language. `old`: the date says that it may be out
    of date, so it comes first.
    """

    number: int
    title: str
    link: str
    date: str
    channel: str = ""
    asker: str = ""
    old: bool = False
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The earlier answers that an answer cites, under words of Parley's own that say so. Empty where it cites none."""

    head: str = ""
    links: tuple[SourceLink, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.links)

    def lines(self, shown: Callable[[str], str], linked: Callable[[str, str], str]) -> list[str]:
        """The head and a line for each source. `shown` makes plain text safe for the platform, `linked` a link of a
        text and a URL."""
        head = [shown(self.head)] if self.head and self.links else []
        return [*head, *(_source_line(one, shown, linked) for one in self.links)]


def _source_line(one: SourceLink, shown: Callable[[str], str], linked: Callable[[str, str], str]) -> str:
    title = linked(one.title, one.link) if one.link else shown(one.title)
    first = f"{shown(one.date)}: {title}" if one.old else title
    rest = ("" if one.old else shown(one.date), one.channel, shown(one.asker))
    return f"{shown(f'[{one.number}]')} {' · '.join(filter(None, (first, *rest)))}"


NO_SOURCES = Sources()


@dataclass(frozen=True, slots=True)
class Reply:
    """The complete current view of an answer.

    The platform shows `sources` and `notice` under the text, in the person's language and visibly apart from the
    model's text. Once the answer has ended, `pictures` follow it in this order, and `embedded` is part of its last
    message. The first
    `quote_length` characters of `text` quote other words above the answer and are no part of it. `own`: `text` is
    Parley's own Markdown with the words of others escaped (`core.text.escaped`): mentions of channels in it are meant.
    """

    text: str = ""
    phase: Phase = Phase.THINKING
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    activity: Activity = _NO_ACTIVITY
    pictures: tuple[AnswerPicture, ...] = ()
    quote_length: int = 0
    embedded: AnswerPicture | None = None
    own: bool = False
    sources: Sources = NO_SOURCES

    @property
    def answer(self) -> str:
        """`text` without the quote above it."""
        return self.text[self.quote_length :]

    @property
    def notices(self) -> str:
        """`notice`, and under it the present activity of the answer."""
        return "\n".join(filter(None, (self.notice, self.activity.line)))

    @property
    def footer(self) -> str:
        """The sources and the notice, about as long as platforms show them."""
        return "\n".join(
            (*self.sources.lines(str, lambda title, url: f"[{title}]({url})"), *filter(None, [self.notice]))
        )


@dataclass(frozen=True, slots=True)
class Page:
    """The content of one platform message of a reply. Text is Markdown as models write it; only the last page has
    `sources`, `notice` and `buttons`, only a growing message has `tasks`, and only the last message of an ended reply
    `picture`, under its text. `own` is that of the reply."""

    text: str
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    tasks: tuple[ToolTask, ...] = ()
    picture: AnswerPicture | None = None
    own: bool = False
    sources: Sources = NO_SOURCES


@dataclass(frozen=True, slots=True)
class PostMessage:
    """OutgoingCall: a new message. `key` is the same on every post of one page of a turn.

    `answers` is the message that the turn answers: in a place without a thread, the post replies to it. `quote` is the
    question of a command, which has no message of its own; it is shown above the page.
    """

    place: Place
    page: Page
    key: str
    answers: str = ""
    interaction_token: str = ""
    turn_id: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class EditMessage:
    """OutgoingCall: the complete new view of an existing message.

    `key` and `quote`: as in its `PostMessage`.
    """

    place: Place
    message_id: str
    page: Page
    interaction_token: str = ""
    key: str = field(default="", compare=False)
    turn_id: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class StartStream:
    """OutgoingCall: a new message that grows by `AppendStream` until `StopStream`. It has text, tasks or both.

    `reader` is the author of the question, which platforms require.
    """

    place: Place
    text: str
    key: str
    answers: str = ""
    reader: str = ""
    turn_id: int | None = None
    tasks: tuple[ToolTask, ...] = ()


@dataclass(frozen=True, slots=True)
class AppendStream:
    """OutgoingCall: more text for a growing message, and the tasks that are new or have changed. A call of unknown
    outcome is never repeated.

    `after` is the text that the message already shows.
    """

    place: Place
    message_id: str
    text: str
    after: str = field(default="", compare=False)
    turn_id: int | None = None
    tasks: tuple[ToolTask, ...] = ()


@dataclass(frozen=True, slots=True)
class StopStream:
    """OutgoingCall: the last text of a growing message, with its sources, notice and buttons, and the tasks that are
    new or have changed. The message can be edited afterwards.

    `after` is the text that the message already shows.
    """

    place: Place
    message_id: str
    key: str
    text: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    after: str = field(default="", compare=False)
    turn_id: int | None = None
    tasks: tuple[ToolTask, ...] = ()
    sources: Sources = NO_SOURCES


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """OutgoingCall: delete a bot message that the answer no longer needs."""

    place: Place
    message_id: str
    interaction_token: str = ""
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class UploadFile:
    """OutgoingCall: a picture of the answer whose first message is `under`, or with an empty `under` the whole answer
    as a file.

    `name` is the same on every upload of one file, and unique on its platform (`AnswerPicture.name`). `title` is what
    people read of it.
    """

    place: Place
    name: str
    content: bytes
    answers: str = ""
    interaction_token: str = ""
    turn_id: int | None = None
    title: str = ""
    media_type: str = "text/markdown"
    under: str = ""

    @property
    def key(self) -> str:
        return self.name


OutgoingCall = PostMessage | EditMessage | StartStream | AppendStream | StopStream | DeleteMessage | UploadFile
"""`turn_id` is the turn whose answer the call shows; None for other messages, such as alerts."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit that a call counts against. All calls with the same `scope` share it.

    Without `window_s` it is a token bucket: `burst` calls at once, then `per_s` per second. With `window_s` it is a
    fixed window of `burst` calls; the next call after its end opens another. Updates in the middle of an answer leave
    `reserve` slots to final updates. `shared`: other processes make calls under the same limit.
    """

    scope: str
    burst: float
    per_s: float
    window_s: float = 0.0
    reserve: float = 0.0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """The last report of a platform about a scope: `limit` calls per window, `left` of them in the next `for_s`
    seconds."""

    limit: int
    left: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Native streaming: a growing message holds `size` (in the page's unit) and must end within `life_s` seconds."""

    size: int
    life_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one message on a platform. `page_unit` is the unit of `page_size`.

    `growth` is None if messages can't grow. `typing_s`: seconds after which `Installation.typing` is called again,
    because the indicator fades; 0 if it does not. `typeset`: formulas, tasks, images and `<br>` are converted to what
    the platform supports; without `tables` also tables, to code. `files`: a long answer ends as a file. `spoilers`:
    text between `||` is hidden. `renders_halves`: unfinished Markdown is shown as it will be when finished, so nothing
    is held back. `message_size`: the maximum of text and notice together, in the page's unit; 0 if notices do not
    count. `quotes`: transcripts of voice clips are quoted above the answer; without it the platform shows them with
    the clip. `reposts`: edits are scarcer than posts and deletions, so a message that waits for an edit may be posted
    anew and deleted.
    """

    page_size: int
    page_unit: Literal["utf8", "utf16"] = "utf16"
    message_size: int = 0
    min_gap_s: float = 0.0
    growth: Growth | None = None
    typing_s: float = 0.0
    typeset: bool = False
    tables: bool = False
    files: bool = False
    spoilers: bool = False
    renders_halves: bool = False
    quotes: bool = False
    reposts: bool = False


def page_length(text: str, unit: Literal["utf8", "utf16"]) -> int:
    """The length of `text` as the platform counts it: UTF-8 bytes, or UTF-16 code units."""
    return len(text.encode("utf-8" if unit == "utf8" else "utf-16-le", "surrogatepass")) // (
        1 if unit == "utf8" else 2
    )
