"""Immediate replies as Discord messages."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import discord
import structlog

from bots.discord.errors import FOREIGN, translate
from bots.discord.forms import form_to_buttons
from bots.discord.outgoing import CONTENT_LIMIT, LIMITS, button_to_item, sources_to_lines
from core.commands.reports import newest
from core.delivery.markdown.pages import split
from core.i18n import phrase
from core.values.ui import Attachment, ImmediateReply

log = structlog.get_logger()

FILE_LIMIT_BYTES = 10 * 1024 * 1024
"""The most bytes of one file, where an interaction allows no more:
https://docs.discord.com/developers/reference#uploading-files"""

_NAMED = re.compile(r"`((?:<(?:@[!&]?|#)\d+>[\s,;]*)+)`")


def reply_to_contents(reply: ImmediateReply) -> list[str]:
    """The text as the contents of one or more messages. People, roles and channels are named, which pings no one."""
    sources = "\n".join(sources_to_lines(reply.sources)) if reply.sources else ""
    text = "\n".join(filter(None, (_NAMED.sub(r"\1", reply.captioned), sources)))
    pieces = split(text, CONTENT_LIMIT, LIMITS.page_unit)
    return [piece.text.strip("\n") or "\u200b" for piece in pieces] or ["\u200b"]


def reply_to_view(reply: ImmediateReply) -> dict[str, Any]:
    """The buttons, those that open the form among them, as the argument `view` where there are any."""
    items = [*map(button_to_item, reply.buttons), *(form_to_buttons(reply.form) if reply.form else ())]
    if not items:
        return {}
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return {"view": view}


async def send_directly(person: discord.abc.Messageable, reply: ImmediateReply) -> bool:
    """Send `reply` in a direct message, which a person may have switched off. False for a failure, which is logged."""
    try:
        for content in reply_to_contents(reply):
            await person.send(content)
    except FOREIGN as error:
        log.info("direct_message_refused", platform="discord", **translate(error).log_keys)
        return False
    return True


async def with_file(reply: ImmediateReply, limit_bytes: int, language: str) -> ImmediateReply:
    """The reply with its file as it may be uploaded, and a sentence where the file was changed; a large file
    takes a while."""
    if reply.file is None or len(reply.file.content) <= limit_bytes:
        return reply
    file, why = await asyncio.to_thread(fitted, reply.file, limit_bytes)
    return replace(reply, file=file, text=f"{reply.text}\n{phrase(why, language)}")


def without_file(reply: ImmediateReply, language: str) -> ImmediateReply:
    """The reply that says its file could not be sent."""
    return replace(reply, file=None, text=phrase("export_not_sent", language))


def fitted(attachment: Attachment, limit_bytes: int) -> tuple[Attachment, str]:
    """(a file that is too large, packed and, where that is not enough, without its oldest part; the phrase that
    says so). Pure."""
    packed, why, size = _packed(attachment), "export_packed", float(len(attachment.content))
    while len(packed.content) > limit_bytes and size > 1:
        size *= 0.95 * limit_bytes / len(packed.content)
        packed, why = _packed(newest(attachment, int(size))), "export_newest"
    return packed, why


def _packed(attachment: Attachment) -> Attachment:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(attachment.name, attachment.content)
    return Attachment(f"{PurePath(attachment.name).stem}.zip", "application/zip", whole.getvalue())


def reply_to_files(reply: ImmediateReply) -> list[discord.File]:
    """The attachments of a reply: its file, and its picture with a description."""
    files = [discord.File(io.BytesIO(reply.file.content), reply.file.name)] if reply.file else []
    if (picture := reply.picture) is not None:
        files.append(discord.File(io.BytesIO(picture.content), picture.name, description=picture.title))
    return files
