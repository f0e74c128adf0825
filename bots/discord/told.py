"""What a person is told at once, as Discord messages. Pure."""

from __future__ import annotations

import io
from typing import Any

import discord

from bots.discord.forms import form_to_buttons
from bots.discord.outgoing import CONTENT_LIMIT, LIMITS, button_to_item
from core.paint.markdown import split
from core.types import Attachment, Told


def told_to_contents(told: Told) -> list[str]:
    """The text as the contents of one or more messages; never none."""
    pieces = split(told.text, CONTENT_LIMIT, LIMITS.page_unit)
    return [piece.text.strip("\n") or "\u200b" for piece in pieces] or ["\u200b"]


def told_to_view(told: Told) -> dict[str, Any]:
    """The buttons, those that open the form among them, as the argument `view` where there are any."""
    items = [*map(button_to_item, told.buttons), *(form_to_buttons(told.form) if told.form else ())]
    if not items:
        return {}
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return {"view": view}


def attachment_to_file(attachment: Attachment) -> discord.File:
    return discord.File(io.BytesIO(attachment.content), attachment.name)
