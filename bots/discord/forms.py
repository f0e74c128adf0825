"""Forms: a modal of at most five fields, and the button that opens it. Pure.

The id of a button or a modal names its form, so that both work after a restart. The core supplies the form's content
each time it is opened.

https://docs.discord.com/developers/components/reference#label
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import discord

from core.i18n import phrase
from core.text import shortened
from core.values.outgoing import page_length
from core.values.ui import Field, Form

_ABOUT = re.compile(r"parley-about(?::(\d+/\d+))?")

FIELDS, TEXT_LIMIT = 5, 4_000
"""Components in a modal, and characters in one of its fields."""

_ID_LIMIT, _TITLE_LIMIT, _LABEL_LIMIT, _BUTTON_LIMIT = 100, 45, 45, 80
_HINT_LIMIT, _CHOICES = 100, 25
_SHEET = re.compile(r"parley-form:(\d+):([a-z_]+)\?(.*)")


@dataclass(frozen=True, slots=True)
class SettingsSheet:
    """One modal of a form: the command, its fixed options, and the number of the five fields."""

    command: str
    fixed: Mapping[str, str]
    number: int


def custom_id_to_sheet(custom_id: str) -> SettingsSheet | None:
    """The settings form that a modal's `custom_id` names, or None where it names none."""
    found = _SHEET.fullmatch(custom_id)
    return SettingsSheet(found[2], dict(parse_qsl(found[3])), int(found[1])) if found else None


def sheet_to_custom_id(sheet: SettingsSheet) -> str:
    """The `custom_id` of a settings form's modal: at most 100 characters."""
    return f"parley-form:{sheet.number}:{sheet.command}?{urlencode(sheet.fixed)}"


def form_to_buttons(form: Form) -> list[discord.ui.Button[discord.ui.View]]:
    """A button for every five fields, labelled with their names. None where the form does not fit into an id."""
    buttons: list[discord.ui.Button[discord.ui.View]] = []
    for number, fields in enumerate(_sheets(form)):
        custom_id = sheet_to_custom_id(SettingsSheet(form.command, form.fixed, number))
        if len(custom_id) <= _ID_LIMIT:
            label = _short(" · ".join(field.label for field in fields), _BUTTON_LIMIT)
            buttons.append(
                discord.ui.Button(
                    label=label, emoji="✏️", custom_id=custom_id, style=discord.ButtonStyle.secondary
                )
            )
    return buttons


def form_to_modal(form: Form, custom_id: str, number: int = 0) -> discord.ui.Modal | None:
    """Sheet `number` of a form, or None where the form no longer has it."""
    sheets = _sheets(form)
    return _modal(form.title, custom_id, sheets[number]) if number < len(sheets) else None


def custom_id_to_about(custom_id: str) -> str | None:
    """The message, as `CHANNEL/MESSAGE`, that the form of "Ask about this" is about. Empty where the form does not
    name one, None where it is another form."""
    found = _ABOUT.fullmatch(custom_id)
    return found and (found[1] or "")


def about_to_modal(text: str, language: str, message: str) -> discord.ui.Modal:
    """The question about a message, `CHANNEL/MESSAGE`. The form holds the text, which a bot that is no member could not
    read again."""
    fields = (
        Field(
            "question",
            phrase("menu_ask_question", language),
            "text",
            hint=phrase("about_default", language),
        ),
        Field("about", phrase("menu_ask_about", language), "text", _fitting(text, language)),
    )
    return _modal(phrase("menu_ask", language), f"parley-about:{message}", fields)


def _fitting(text: str, language: str) -> str:
    """The part of a text that a field holds, marked where it is cut."""
    mark = phrase("text_cut", language, n=len(text))
    return shortened(text, TEXT_LIMIT, mark, length=lambda part: page_length(part, "utf16"))


def interaction_to_values(interaction: discord.Interaction[Any]) -> dict[str, str]:
    """The entered values, by the names of the fields."""
    values: dict[str, str] = {}
    data: dict[str, Any] = dict(interaction.data or {})
    for component in data.get("components", ()):
        field = component.get("component") or {}
        if "custom_id" in field:
            values[field["custom_id"]] = field.get("value") or next(iter(field.get("values") or ()), "")
    return values


def _sheets(form: Form) -> list[tuple[Field, ...]]:
    """Fields in groups of five, without texts that are too long for a modal: saving would cut them."""
    fields = tuple(field for field in form.fields if len(field.value) <= TEXT_LIMIT)
    return [fields[start : start + FIELDS] for start in range(0, len(fields), FIELDS)]


def _modal(title: str, custom_id: str, fields: tuple[Field, ...]) -> discord.ui.Modal:
    """A modal. It is stopped, so that discord.py does not keep it: its submission arrives as an interaction."""
    modal = discord.ui.Modal(title=_short(title, _TITLE_LIMIT), custom_id=custom_id)
    for field in fields:
        modal.add_item(discord.ui.Label(text=_short(field.label, _LABEL_LIMIT), component=_component(field)))
    modal.stop()
    return modal


def _component(field: Field) -> discord.ui.Item[Any]:
    hint = _short(field.hint, _HINT_LIMIT) or None
    offered = {choice.value: choice.label for choice in field.choices if choice.value}
    if field.value:
        offered.setdefault(field.value, field.value)  # a value no longer offered stays
    if field.kind == "choice" and 0 < len(offered) <= _CHOICES and all(len(one) <= 100 for one in offered):
        return discord.ui.Select(
            custom_id=field.name,
            placeholder=hint,
            min_values=0,
            required=False,
            options=[
                discord.SelectOption(label=_short(label, 100), value=value, default=value == field.value)
                for value, label in offered.items()
            ],
        )
    return discord.ui.TextInput(
        custom_id=field.name,
        style=discord.TextStyle.paragraph if field.kind == "text" else discord.TextStyle.short,
        default=field.value or None,
        placeholder=hint,
        required=False,
        max_length=TEXT_LIMIT,
    )


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
