"""A page as a Discord message. Pure.

https://docs.discord.com/developers/resources/message#create-message
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import discord

from core.delivery.markdown.code_ranges import code_ranges, within
from core.text import shortened
from core.values.outgoing import (
    AnswerPicture,
    DeleteMessage,
    EditMessage,
    Limits,
    OutgoingCall,
    Page,
    PostMessage,
    Sources,
    UploadFile,
    page_length,
)
from core.values.ui import Button

CONTENT_LIMIT = 2_000
"""UTF-16 units in one message of a bot."""

LIMITS = Limits(
    page_size=1_800,
    page_unit="utf16",
    message_size=1_900,
    typing_s=8.0,
    typeset=True,
    files=True,
    quotes=True,
    spoilers=True,
)
"""Closing fences, the marks of a notice, and a short notice under a page that grows have what is left. "Typing" is
shown for 10 s:
https://docs.discord.com/developers/resources/channel#trigger-typing-indicator"""

_NOTICE = "-# "
"""Subtext: https://support.discord.com/hc/en-us/articles/210298617"""

_SUBTEXT = re.compile(r"^([ \t>*+\d.)\u200b-]{0,40}?)(-)(?=#\s|#$)", re.MULTILINE)
_QUOTE = "> "
_QUOTE_LIMIT = 150
"""UTF-16 units of a question above its answer."""

_MARKS = re.compile(r"(https?://[^\s<]+)|[\\*_`~|\[<]")

_CUSTOM_ID = "parley:{action}:{turn_id}"
_PRESSED = re.compile(r"parley:([a-z0-9_-]+):(\d+)")


def page_to_content(page: Page, quote: str = "") -> str:
    """The question as a quote, the text, and the sources and the notice as subtext under it. The notice is plain text.

    Sources that the text leaves no room for are left out, the notice is cut to the length that both leave, and the
    quote to what is left then. Never empty: Discord refuses an empty message.
    """
    text = _with_sources(page)
    lines = (line for line in page.notice.splitlines() if line.strip())
    notice = "\n".join(_NOTICE + _plain(line) for line in lines)
    room = CONTENT_LIMIT - _units(f"{text}\n")
    notice = shortened(notice, room, length=_units) if room > 0 else ""
    content = "\n".join(part for part in (text, notice) if part)
    room = CONTENT_LIMIT - _units(content) - len(_QUOTE + "\n")
    return f"{_quoted(quote, room)}{content}" or "\u200b"


def _with_sources(page: Page) -> str:
    """The text, and under it a line of subtext for each source: links with a text are shown there too."""
    text = _without_subtext(page.text)
    for line in sources_to_lines(page.sources):
        longer = "\n".join(filter(None, (text, _NOTICE + line)))
        if _units(longer) > CONTENT_LIMIT:
            break
        text = longer
    return text


def _without_subtext(text: str) -> str:
    """`text`, of which no line is shown as subtext: that is for what Parley says under an answer. Its length is the
    same."""
    if "-#" not in text:
        return text
    code = code_ranges(text)
    return _SUBTEXT.sub(lambda found: found[0] if within(code, found.start(2)) else f"{found[1]}\u2010", text)


def sources_to_lines(sources: Sources) -> list[str]:
    """A line of Markdown for each source, under one for all."""
    return sources.lines(_plain, lambda title, url: f"[{_in_link(title)}](<{url}>)")


def _in_link(title: str) -> str:
    """A title as the text of a link: without brackets, and without what Discord would make a link of its own."""
    return _plain(title.replace("[", "(").replace("]", ")").replace("://", ":\u200b//"))


def _quoted(question: str, room: int) -> str:
    """The line of a quote in at most `room` UTF-16 units; empty where it does not fit. Its Markdown is
    escaped."""
    escaped, most = discord.utils.escape_markdown(question), min(_QUOTE_LIMIT, room)
    if not escaped or most < 1:
        return ""
    if _units(escaped) > most:
        units = escaped.encode("utf-16-le", "surrogatepass")[: 2 * (most - 1)]
        escaped = units.decode("utf-16-le", "ignore").rstrip("\\") + "…"
    return f"{_QUOTE}{escaped}\n"


def _plain(text: str) -> str:
    """`text` with a backslash before each sign that begins Markdown or a mention. Addresses stay: Discord reads no
    Markdown in them, and would show the backslash."""
    return _MARKS.sub(lambda found: found[0] if found[1] else f"\\{found[0]}", text)


def _units(text: str) -> int:
    return page_length(text, "utf16")


def content_to_text(content: str, *, quotes: bool = False) -> str:
    """The words of our own message, without the notice under them and, if it `quotes` a question, without that."""
    lines = content.split("\n")
    if quotes and lines[0].startswith(_QUOTE):
        del lines[0]
    while lines and lines[-1].startswith(_NOTICE):
        lines.pop()
    return "\n".join(lines).strip("\u200b\n")


def page_to_view(page: Page) -> discord.ui.View | None:
    """The buttons, or None. Stopped, so that discord.py does not keep it: presses come as interactions."""
    if not page.buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in page.buttons:
        view.add_item(button_to_item(button))
    view.stop()
    return view


def page_to_body(page: Page, quote: str = "") -> dict[str, Any]:
    """The body of a message or of an edit, without pings and link previews."""
    view = page_to_view(page)
    return {
        "content": page_to_content(page, quote),
        "components": view.to_components() if view else [],
        "flags": discord.MessageFlags(suppress_embeds=True).value,
        "allowed_mentions": discord.AllowedMentions.none().to_dict(),
    }


def custom_id_to_press(custom_id: str) -> tuple[str, int] | None:
    """(action, turn id) of a button of ours."""
    found = _PRESSED.fullmatch(custom_id)
    return (found[1], int(found[2])) if found else None


def key_to_nonce(key: str) -> str:
    """A call's key as a nonce of at most 25 characters."""
    return hashlib.blake2s(key.encode(), digest_size=12).hexdigest()


def button_to_item(button: Button) -> discord.ui.Button[discord.ui.View]:
    """A grey button of a message. Discord takes labels of at most 80 characters."""
    return discord.ui.Button(
        label=button.label[:80],
        custom_id=_CUSTOM_ID.format(action=button.action, turn_id=button.turn_id),
        style=discord.ButtonStyle.secondary,
    )


def interaction_token_of(call: OutgoingCall) -> str:
    """The token of the interaction that a call answers; empty where it answers none."""
    return (
        call.interaction_token
        if isinstance(call, PostMessage | EditMessage | DeleteMessage | UploadFile)
        else ""
    )


def call_to_body(call: OutgoingCall) -> dict[str, Any]:
    """The JSON body of a call; that of an empty page where the call has none."""
    body = (
        page_to_body(call.page, call.quote)
        if isinstance(call, PostMessage | EditMessage)
        else page_to_body(Page(""))
    )
    return body | call_to_attachments(call)


def call_to_attachments(call: OutgoingCall) -> dict[str, Any]:
    """The field `attachments` of a body, which describes the file of the same request; empty where there is none. An
    edit without the field keeps what its message has, and one with it replaces that.

    A picture is described to those who can't see it.
    """
    file = _file_of(call)
    if file is None:
        return {}
    is_picture = not isinstance(file, UploadFile) or bool(file.under)
    return {
        "attachments": [{"id": 0, "filename": file.name} | ({"description": file.title} if is_picture else {})]
    }


def call_to_form(call: OutgoingCall, body: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    """The fields of a multipart body that holds `body` and the call's file; none where it has no file.

    https://docs.discord.com/developers/reference#uploading-files
    """
    file = _file_of(call)
    if file is None:
        return ()
    return (
        {"name": "payload_json", "value": json.dumps(body), "content_type": "application/json"},
        {
            "name": "files[0]",
            "value": file.content,
            "filename": file.name,
            "content_type": file.media_type,
        },
    )


def _file_of(call: OutgoingCall) -> UploadFile | AnswerPicture | None:
    """The file that a call sends."""
    if isinstance(call, PostMessage | EditMessage):
        return call.page.picture
    return call if isinstance(call, UploadFile) else None
