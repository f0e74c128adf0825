"""The words of a message in Slack's notation: what its author typed, and what they only quote. Pure.

A forward, a shared message or a preview stands in `attachments` of the message that shows it:
https://docs.slack.dev/reference/messaging/payload/. Integrations write their own words there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.slack.authors import is_bot
from bots.slack.mrkdwn import blocks_to_mrkdwn, people_mentioned

Payload = Mapping[str, Any]

_CONTENT = ("text", "blocks", "files", "attachments")
_NO_PREVIEW = "[no preview available]"  # Slack's fallback for what it can't put into words


def says_anything(message: Payload) -> bool:
    """Whether a message has anything that a person could see of it."""
    return any(message.get(part) for part in _CONTENT)


def typed(message: Payload) -> str:
    """What the author said in their own words, and their files by name. Only these can address a person."""
    text = str(message.get("text") or "")
    if not text.strip():
        text = blocks_to_mrkdwn(message.get("blocks") or [])
    if not text.strip() and is_bot(message):
        text = "\n".join(_attached(attachment) for attachment in message.get("attachments") or [])
    return "\n".join(part for part in (text.strip(), _files(message)) if part)


def mrkdwn_of(message: Payload) -> str:
    """All words of a message: those its author typed, then what they quote, marked as quoted."""
    return "\n".join(part for part in (typed(message), _quoted(message)) if part)


def mentioned_in(message: Payload) -> tuple[str, ...]:
    """The ids of the people named anywhere in a message, in order."""
    return people_mentioned(mrkdwn_of(message))


def _quoted(message: Payload) -> str:
    """What a person shows of other messages; a link's preview only where there is nothing else."""
    if is_bot(message):
        return ""
    alone = not typed(message)
    attached = message.get("attachments") or []
    quotes = (_quote(one) for one in attached if alone or one.get("is_share") or one.get("is_msg_unfurl"))
    return "\n".join(quote for quote in quotes if quote)


def _quote(attachment: Payload) -> str:
    said = _attached(attachment)
    words = "\n".join(part for part in (said, _files(attachment)) if part and part != _NO_PREVIEW)
    if not words:
        return ""
    return "\n".join(f"> {line}" for line in (*_source(attachment), *words.splitlines()))


def _source(attachment: Payload) -> list[str]:
    """Whose words they are, and where they stand."""
    author = attachment.get("author_name") or attachment.get("author_subname") or ""
    if not author and attachment.get("author_id"):
        author = f"<@{attachment['author_id']}>"
    channel = f" (#{attachment['channel_name']})" if attachment.get("channel_name") else ""
    return [" ".join(f"{author}{channel}:".split())] if author else []


def _attached(attachment: Payload) -> str:
    text = str(attachment.get("text") or "").strip()
    if not text:
        shown = [
            (one.get("message") or {}).get("blocks") or [] for one in attachment.get("message_blocks") or []
        ]
        text = "\n".join(blocks_to_mrkdwn(blocks) for blocks in shown).strip()
    return text or str(attachment.get("fallback") or attachment.get("title") or "").strip()


def _files(holder: Payload) -> str:
    """Files by name. Of some, Slack tells the id alone: https://docs.slack.dev/reference/objects/file-object/"""
    return " ".join(f"[{file['name']}]" for file in holder.get("files") or [] if file.get("name"))
