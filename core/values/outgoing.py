"""What platforms are told to do: views of an answer, calls that show them, rate limits and a platform's limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from core.values.places import Place
from core.values.ui import Button


class Phase(StrEnum):
    """How far an answer is."""

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
class PostMessage:
    """OutgoingCall: a new message. `key` is the same whenever the same page of the same turn is posted again.

    `answers` is the message the turn answers: where a place has no thread of its own, the post replies to it.
    `quote` is the question of a command, which no message shows: it is shown above the page.
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
    """OutgoingCall: the complete new view of a message that was posted before.

    `key` and `quote`: as those of its `PostMessage`.
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
    """OutgoingCall: a new message that grows in the reader's sight by `AppendStream` until `StopStream`.

    `reader` is who asked: platforms want to know for whom a message grows.
    """

    place: Place
    text: str
    key: str
    answers: str = ""
    reader: str = ""
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class AppendStream:
    """OutgoingCall: more words at the end of a growing message. Uncertain, it is never repeated.

    `after` are the words that it shows already.
    """

    place: Place
    message_id: str
    text: str
    after: str = field(default="", compare=False)
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class StopStream:
    """OutgoingCall: the last words of a growing message, and what stands under them. Then it can be edited.

    `after` are the words that it shows already.
    """

    place: Place
    message_id: str
    key: str
    text: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    after: str = field(default="", compare=False)
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """OutgoingCall: a message of ours that the answer no longer needs goes away."""

    place: Place
    message_id: str
    interaction_token: str = ""
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class UploadFile:
    """OutgoingCall: the whole answer as a file named `name`. `key` is the same whenever it is uploaded again."""

    place: Place
    name: str
    text: str
    key: str
    answers: str = ""
    interaction_token: str = ""
    turn_id: int | None = None


OutgoingCall = PostMessage | EditMessage | StartStream | AppendStream | StopStream | DeleteMessage | UploadFile
"""`turn_id` of each is the turn whose answer the call shows; None where it shows none, as an alert does."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate-limit scope that a call draws on. All calls that name the same `scope` share it.

    Either a bucket: `burst` calls at once, then `per_s` a second. Or, where `window_s` is set, windows:
    `burst` calls in each, and the next call after its end opens a new one. `reserve` slots are left to
    last words by what is shown in the middle of answers.
    """

    scope: str
    burst: float
    per_s: float
    window_s: float = 0.0
    reserve: float = 0.0


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What a platform last said of a scope: `limit` calls a window, `left` of them in the `for_s` to come."""

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
    because what it shows fades; 0 where it doesn't. `typeset`: formulas, tasks, pictures and `<br>` are set in what it
    knows; without `tables` also tables, as code. `files`: it takes `UploadFile`. `spoilers`: words between `||` are
    hidden. `renders_halves`: it shows Markdown that is written by half as what it will be: nothing is held back.
    `message_size`: what the words of a message and the notice under them may have together, in the page's unit; 0 where
    notices take nothing from the words.
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


def page_length(text: str, unit: Literal["utf8", "utf16"]) -> int:
    """The length of `text` as the platform counts it: UTF-8 bytes, or UTF-16 code units."""
    return len(text.encode("utf-8" if unit == "utf8" else "utf-16-le", "surrogatepass")) // (
        1 if unit == "utf8" else 2
    )
