"""The parts that a message is made of. A closed union: `match` on a `Part` names every kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the message's own author. As a delta: the next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of another message that its author forwards or quotes. `author` is the name of the person who wrote them,
    `place` the name of the channel; both may be empty."""

    text: str
    author: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture. `url` is a `data:` or `https:` URL that anybody may read, never a platform's private one. No platform
    fills it yet: until one does, pictures in a chat are not seen by the model."""

    url: str


@dataclass(frozen=True, slots=True)
class File:
    """A file by its name and media type, with the text extracted from it or, in `problem`, why there is none."""

    name: str
    media_type: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model. `arguments` is the JSON text of the model."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of the tool call with the id `call_id`, as text for the model."""

    call_id: str
    text: str


Part = Text | Quote | Image | File | ToolCall | ToolResult
