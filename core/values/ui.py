"""Values of the user interface: buttons, forms, files and immediate replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.values.outgoing import AnswerPicture, Sources


@dataclass(frozen=True, slots=True)
class Button:
    """`action` and `turn_id` come back as a `ButtonPress`."""

    action: str
    label: str
    turn_id: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an option or a field, with its label in the person's language."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Localized:
    """Markdown of Parley's own, and its language, which may be a variant (`core.i18n.variant`)."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form. `value` is its current value (empty for the default), `hint` the value that then applies."""

    name: str
    label: str
    kind: Literal["line", "text", "choice"] = "line"
    value: str = ""
    hint: str = ""
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A form. Its submission is a `Command` of this name with the options `fixed` and all fields by name, empty ones
    included."""

    command: str
    title: str
    send: str
    fields: tuple[Field, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send to a person. `type` is its media type."""

    name: str
    type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImmediateReply:
    """A reply to an event, in the person's language. `text` is Markdown.

    `whisper`: only the person need see it, else everyone in the place should. `private`: it is about the person alone.
    Where a platform has no replies for one person, it goes to them directly; where that fails, a refusal is shown in
    the place. `sources` are shown under the text. `refused`: the request was not carried out, so its text must not be
    lost; `about`: the field of the submitted form at fault. `form`: the settings that the person may change. `buttons`
    come back as a `ButtonPress` like those of an answer. `picture` is shown under the text to the same readers; where
    that fails, the text is shown without it.
    """

    text: str
    whisper: bool = True
    private: bool = field(default=False, kw_only=True)
    refused: bool = field(default=False, kw_only=True)
    about: str = field(default="", kw_only=True)
    form: Form | None = None
    file: Attachment | None = None
    buttons: tuple[Button, ...] = ()
    picture: AnswerPicture | None = None
    sources: Sources | None = None

    @property
    def captioned(self) -> str:
        """`text`, with the caption of the picture."""
        return f"{self.text}\n\n{self.picture.caption}" if self.picture else self.text
