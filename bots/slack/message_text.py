"""Extracts the content of a message, in Slack's notation: its author's text and the rest. Pure.

A forward, a table that was pasted or a preview of a link is in `attachments` of the message that shows it. Integrations
write their own words there: https://docs.slack.dev/reference/messaging/payload and
https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bots.slack.attached_files import files_of
from bots.slack.authors import is_bot
from bots.slack.blocks import blocks_to_mrkdwn, linked
from bots.slack.mrkdwn import people_mentioned
from core.values.parts import Attached, Quote, Text, Unread

Payload = Mapping[str, Any]

_CONTENT = ("text", "blocks", "files", "attachments")
_NO_PREVIEW = "[no preview available]"  # Slack's fallback for blocks without text
_UNREAD = Unread("other")
_FORWARDED = ("is_share", "is_msg_unfurl", "message_blocks")
_PREVIEWED = ("from_url", "original_url", "service_name", "app_unfurl_url", "is_app_unfurl")
_LABEL = re.compile(r"<[^<>|\n]*\|([^<>\n]*)>")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message, in Slack's notation.

    `typed`: the words of its author, which alone can address a person; all words of an app's message. `attached`: what
    else it holds.
    """

    typed: str
    attached: tuple[Attached, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """The ids of the people who are mentioned or quoted, in order."""
        quotes = (one.author_id for one in self.attached if isinstance(one, Quote) and one.author_id)
        texts = (one.text for one in self.attached if isinstance(one, Text | Quote))
        return (*people_mentioned("\n".join((self.typed, *texts))), *quotes)

    def differs_from(self, before: Content) -> bool:
        """True if it says something else than `before`. An added quote does not count: Slack itself adds it, as the
        preview of a link to a message."""
        own = [one for one in self.attached if not isinstance(one, Quote)]
        own_before = [one for one in before.attached if not isinstance(one, Quote)]
        lost = {one for one in before.attached if isinstance(one, Quote)}.difference(self.attached)
        return self.typed != before.typed or own != own_before or bool(lost)


def says_anything(message: Payload) -> bool:
    """True if a message has anything that a person could see of it."""
    return any(message.get(part) for part in _CONTENT)


def content_of(message: Payload) -> Content:
    """The whole content of a message, each text once."""
    if is_bot(message):
        return Content(_words_of_app(message), files_of(message))
    typed = typed_in(message)
    return Content(typed, tuple(dict.fromkeys(_attached(message, typed))))


def typed_in(message: Payload) -> str:
    """The words of the author of a message that no app wrote. Slack repeats them in a `rich_text` block."""
    return _text(message) or blocks_to_mrkdwn(block for block in _blocks(message) if not _is_table(block))


def _attached(message: Payload, typed: str) -> Iterator[Attached]:
    yield from (Text(words) for words in _own_words(message, typed) if words)
    alone = not typed and not message.get("files")
    for attachment in message.get("attachments") or ():
        preview = any(attachment.get(field) for field in _PREVIEWED)
        if any(attachment.get(field) for field in _FORWARDED) or (preview and alone):
            yield from _quote(attachment) or [_UNREAD]
        elif not preview:
            words = _words_of_attachment(attachment)
            yield Text(words) if words else _UNREAD
    yield from files_of(message)


def _own_words(message: Payload, typed: str) -> Iterator[str]:
    """Tables, and other parts that are not among the typed words."""
    for block in _blocks(message):
        words = blocks_to_mrkdwn([block])
        if _is_table(block) or not (block.get("type") == "rich_text" or _repeats(words, typed)):
            yield words


def _quote(attachment: Payload) -> tuple[Attached, ...]:
    """The quoted content of another message, and its files."""
    text, files = _words_of_attachment(attachment, quoted=True), tuple(dict.fromkeys(_files_in(attachment)))
    if not text and not files:
        return ()
    author = attachment.get("author_name") or attachment.get("author_subname") or ""
    channel = str(attachment.get("channel_name") or "")
    place = f"#{channel}" if channel and not str(attachment.get("channel_id")).startswith("D") else ""
    return (Quote(text, str(author), place, str(attachment.get("author_id") or "")), *files)


def _words_of_app(message: Payload) -> str:
    """The text, which people see only where there are no blocks, without what these repeat of it."""
    text, blocks = _text(message), blocks_to_mrkdwn(_blocks(message))
    attachments = [
        _words_of_attachment(one)
        for one in message.get("attachments") or ()
        if not (text or blocks) or one.get("is_share") or not any(map(one.get, _PREVIEWED))
    ]
    body = _lines([blocks, *attachments])
    if _repeats(text, body):
        return body
    known = {_key(line) for line in body.splitlines()} - {""}
    return _lines(["\n".join(line for line in text.splitlines() if _key(line) not in known), body])


def _words_of_attachment(attachment: Payload, *, quoted: bool = False) -> str:
    """The words as Slack shows them; of one that is `quoted` without its author and footer, which say where it is from.

    The fallback counts where there is nothing else.
    """
    head = "" if quoted else str(attachment.get("author_name") or "")
    foot = "" if quoted else str(attachment.get("footer") or "")
    title, text = str(attachment.get("title") or "").strip(), _text(attachment)
    blocks = _lines([blocks_to_mrkdwn(_blocks(attachment)), *_shown_messages(attachment)])
    said = [
        str(attachment.get("pretext") or ""),
        head,
        linked(attachment.get("title_link"), title),
        "" if _repeats(text, blocks) or _repeats(text, title) else text,
        *(_field(field) for field in attachment.get("fields") or ()),
        blocks,
        *(linked(one.get("url"), f"[{one.get('text')}]") for one in attachment.get("actions") or ()),
    ]
    words = _lines([*said, foot])
    if any(one for one in said if one != head):
        return words
    fallback = str(attachment.get("fallback") or "").strip()
    return _lines([words, "" if fallback == _NO_PREVIEW else fallback])


def _files_in(attachment: Payload) -> Iterator[Attached]:
    """The files of a forwarded message, and of those that it forwards itself."""
    yield from files_of(attachment)
    for shown in _whole_messages(attachment):
        yield from files_of(shown)
        for one in shown.get("attachments") or ():
            yield from _files_in(one)


def _whole_messages(attachment: Payload) -> Iterator[Payload]:
    """The forwarded message where the attachment holds it whole."""
    yield from (one.get("message") or {} for one in attachment.get("message_blocks") or ())


def _shown_messages(attachment: Payload) -> Iterator[str]:
    for shown in _whole_messages(attachment):
        yield blocks_to_mrkdwn(_blocks(shown))
        yield from map(_words_of_attachment, shown.get("attachments") or ())


def _field(field: Payload) -> str:
    return ": ".join(str(part) for part in (field.get("title"), field.get("value")) if part)


def _text(holder: Payload) -> str:
    return str(holder.get("text") or "").strip()


def _blocks(holder: Payload) -> list[Payload]:
    return holder.get("blocks") or []


def _is_table(block: Payload) -> bool:
    return block.get("type") == "table"


def _lines(words: Iterable[str]) -> str:
    return "\n".join(text for one in words if (text := one.strip()))


def _repeats(text: str, body: str) -> bool:
    """True if `body` contains the words of `text`, regardless of marks and links."""
    key = _key(text)
    return f" {key} " in f" {_key(body)} " if key else text in body


def _key(mrkdwn: str) -> str:
    return " ".join(_WORD.findall(_LABEL.sub(r"\1", mrkdwn).casefold()))
