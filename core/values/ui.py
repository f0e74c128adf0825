"""What people press, fill in and are told at once: buttons, forms, files and immediate replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Button:
    """`action` and `turn_id` come back as a `ButtonPress`."""

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
class ImmediateReply:
    """What a person is told at once, in their language. `text` is Markdown.

    `whisper`: only they need to see it; else everybody in the place should. `refused`: what they wanted was not done,
    so what they wrote should not be lost; `about`: the field of the form they sent off that it is about. `form`: what
    they may change about what they were told. `buttons` come back as a `ButtonPress` like those of an answer.
    """

    text: str
    whisper: bool = True
    refused: bool = field(default=False, kw_only=True)
    about: str = field(default="", kw_only=True)
    form: Form | None = None
    file: Attachment | None = None
    buttons: tuple[Button, ...] = ()
