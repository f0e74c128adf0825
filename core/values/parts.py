"""The parts that a message is made of. A closed union: `match` on a `Part` names every kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from core.text import is_blank


class FileProblem(StrEnum):
    """The reason why the content of a file is not known. `core.i18n` has a sentence for each:
    `file_problem_<value>`."""

    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY = "too_many"
    """The question, or the newer part of its thread, has as many files as are read for one question."""
    UNKNOWN_TYPE = "unknown_type"
    EMPTY = "empty"
    NO_TEXT = "no_text"
    """A scanned document, for a model that does not see."""
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    MISMATCH = "mismatch"
    """The content is of another kind or length than the platform announced."""
    BOMB = "bomb"
    """A file that unpacks to far more than its size, or needs more memory than a file may."""
    TOO_SLOW = "too_slow"
    CRASHED = "crashed"
    """The process that read it ended."""
    NOT_FOUND = "not_found"
    """Deleted, expired, or hidden by the platform's plan."""
    NOT_ALLOWED = "not_allowed"
    """The platform does not let the bot read it."""
    UNAVAILABLE = "unavailable"
    """The platform could not be reached, or took too long."""
    UNSEEN = "unseen"
    """A picture, which the model can't see."""
    REFUSED = "refused"
    """A picture that the model's endpoint has refused."""
    UNHEARD = "unheard"
    """A voice clip or a sound, which is not transcribed here."""
    UNPRICED = "unpriced"
    """A sound under a limit in money. The price of a model that transcribes is unknown."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the message's own author. As a delta: the next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of another message that its author forwards, quotes or replies to.

    `author` is the name of the person who wrote them and `author_id` their id, `place` the name of the channel; each
    may be empty. `reply`: the message is a reply to the quoted one, which is shortened.
    """

    text: str
    author: str = ""
    place: str = ""
    author_id: str = ""
    reply: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model: JPEG or PNG as a `data:` URL, never a platform's. `tokens`: the tokens that a
    model counts for it."""

    url: str
    name: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """A file by its name and media type, with the text extracted from it or, in `problem`, why there is none.

    `size` is in bytes, as the platform announced it; 0 where it did not. `source` is how the platform finds the content
    (`core.ports.files.FileSource`), never a URL with a signature or token; it is unique in a message.
    """

    name: str
    media_type: str = ""
    text: str = ""
    problem: FileProblem | None = None
    size: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in a message that can't be put into words. `kind` names it: `unread_<kind>` in `core.i18n`."""

    kind: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model. `arguments` is the JSON text of the model.

    `extra` is a JSON object of the call's fields that Parley does not know, or empty: they go back to the endpoint that
    sent them, verbatim.
    """

    id: str
    name: str
    arguments: str
    extra: str = ""

    @property
    def parsed(self) -> object:
        """The value of the arguments, for people to see; None where they are no JSON. None at all count as `{}`."""
        try:
            value: object = json.loads(self.arguments.strip() or "{}")
        except (ValueError, RecursionError):
            return None
        return value


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of the tool call with the id `call_id`, as text for the model, with at most one picture. `failed`: the
    tool did not do what it was called for."""

    call_id: str
    text: str
    image: Image | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """Fields of an answer of `endpoint` that Parley does not read, such as signatures of reasoning: a JSON object. They
    go back to that endpoint verbatim, with the answer that they came with, and to no other. `endpoint` is
    `model@endpoint`: other models of an endpoint do not know the signatures either."""

    fields: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ToolsUsed:
    """The names of the tools that an answer has used, in order, each once. `remarks`: so many characters at the
    beginning of its text are remarks that were written before the last calls."""

    names: tuple[str, ...] = ()
    remarks: int = 0


@dataclass(frozen=True, slots=True)
class EarlierAnswers:
    """Earlier answers that a model is offered with a question, each under its number: material, and no words of the
    person who asks."""

    text: str


Attached = Text | Quote | File | Unread | ToolsUsed
"""A stored part of a message beside the text that its author typed. A `Text` here is shown as the author's own,
such as a table or a poll, but it addresses no person and gives no commands."""


class Said:
    """The content of a message: `text`, the words that its author typed, and `attached`, its other parts."""

    __slots__ = ()

    text: str
    attached: tuple[Attached, ...]

    @property
    def wordless(self) -> bool:
        """True if a reader sees nothing of it."""
        return is_blank(self.text) and not self.attached


Part = Text | Quote | Image | File | Unread | ToolCall | ToolResult | Opaque | ToolsUsed | EarlierAnswers
