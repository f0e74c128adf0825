"""Converts a Page for Slack: Markdown in a `markdown` block, the notice and the buttons beneath it. Pure.

https://docs.slack.dev/reference/block-kit/blocks/markdown-block: readers see the blocks; notifications and clients
without blocks show `text`. A markdown block is not documented to show mentions. A page of Parley's own that mentions
channels has sections in Slack's notation instead, which show the name of a channel to those who may see it:
https://docs.slack.dev/messaging/formatting-message-text#linking-channels
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bots.slack.incoming import ACTION_PREFIX, ASIDE
from bots.slack.mrkdwn import disarmed, disarmed_mrkdwn, escaped, markdown_to_mrkdwn, mentions_channels
from core.i18n import phrase
from core.values.outgoing import NO_SOURCES, Page, Sources
from core.values.ui import Button, Form, ImmediateReply

Content = dict[str, Any]

CHANGE = ACTION_PREFIX + "change"
"""The button that opens the settings of a reply. Its value is the command that shows them."""

_TOLD_MAX = 11_000  # 12,000 in all: https://docs.slack.dev/reference/block-kit/blocks/markdown-block
_TEXT_MAX_BYTES = 4_000  # chat.update refuses more: https://docs.slack.dev/reference/methods/chat.update
_SECTION_MAX = 3_000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
_LABEL_MAX = 75  # https://docs.slack.dev/reference/block-kit/block-elements/button-element


def page_to_content(page: Page, file: str = "") -> Content:
    """The arguments `text` and `blocks` of a page. `file` is the id of its picture's file."""
    mentions = page.own and mentions_channels(page.text)
    blocks: list[Content] = []
    if mentions:
        blocks += (section | {"expand": True} for section in sections(page.text, own=True))
    elif page.text:
        blocks.append({"type": "markdown", "text": disarmed(page.text)})
    if page.picture is not None and file:
        # https://docs.slack.dev/reference/block-kit/blocks/image-block
        blocks.append({"type": "image", "slack_file": {"id": file}, "alt_text": page.picture.title})
    text = _own_summary(page.text) if mentions else _summary(page.text or page.notice or page.sources.head)
    return {"text": text, "blocks": blocks + under(page.notice, page.buttons, page.sources)}


def sections(markdown: str, *, own: bool = False) -> list[Content]:
    """Markdown as section blocks; with `own` mentions of channels in it are meant."""
    pieces, text = [], markdown_to_mrkdwn(markdown, own=own).strip()
    while text:
        cut = len(text) if len(text) <= _SECTION_MAX else text.rfind("\n", 1, _SECTION_MAX)
        cut = cut if cut > 0 else _SECTION_MAX
        pieces.append(text[:cut])
        text = text[cut:].strip("\n")
    return [{"type": "section", "text": {"type": "mrkdwn", "text": piece}} for piece in pieces]


def reply_to_content(reply: ImmediateReply, language: str, file: str = "") -> Content:
    """The arguments `text` and `blocks` of an immediate reply. `file` is the id of its picture's file."""
    whole = reply.captioned if file else reply.text
    text = whole if len(whole) <= _TOLD_MAX else whole[: _TOLD_MAX - 1] + "…"
    page = Page(text, buttons=reply.buttons, picture=reply.picture, sources=reply.sources or NO_SOURCES)
    content = page_to_content(page, file)
    if reply.form is not None:
        content["blocks"].append({"type": "actions", "elements": [change_button(reply.form, language)]})
    return content


def change_button(form: Form, language: str) -> Content:
    """The button that opens `form`; its value is the command to open it with, as JSON."""
    command = {"command": form.command, "options": dict(form.fixed)}
    return {
        "type": "button",
        "action_id": CHANGE,
        "text": {"type": "plain_text", "text": phrase("slack_change", language)},
        "value": json.dumps(command, ensure_ascii=False),
    }


def aside() -> Content:
    """The mark of a bot message that is not an answer."""
    return {"metadata": {"event_type": ASIDE, "event_payload": {"answer": False}}}


def under(notice: str, buttons: Sequence[Button], sources: Sources = NO_SOURCES) -> list[Content]:
    """The blocks under the text."""
    blocks: list[Content] = []
    if sources:
        text = _sources_to_mrkdwn(sources)
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]})
    if notice:
        blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": notice}]})
    if buttons:
        blocks.append({"type": "actions", "elements": [_button(button) for button in buttons]})
    return blocks


def _sources_to_mrkdwn(sources: Sources) -> str:
    """A line for each source, as far as they fit an element of a block. `verbatim`: Slack makes no further links of the
    words in it: https://docs.slack.dev/reference/block-kit/composition-objects/text-object"""
    lines = sources.lines(escaped, lambda title, url: f"<{url}|{escaped(title).replace('|', '¦')}>")
    while len("\n".join(lines)) > _SECTION_MAX:
        lines.pop()
    return "\n".join(lines)


def page_to_plain(page: Page) -> Content:
    """The same words without any block, for when Slack refuses the blocks: only the buttons go.

    Escapes may make a page longer than Slack takes; then only mentions are broken, and at last the notice goes.
    """
    sources = "\n".join(page.sources.lines(str, lambda title, url: f"{title} ({url})"))
    words = "\n\n".join(part for part in (page.text, sources, page.notice) if part)
    own = (markdown_to_mrkdwn(words, own=True),) if page.own and mentions_channels(page.text) else ()
    ways = (*own, escaped(words), disarmed_mrkdwn(words), disarmed_mrkdwn(page.text))
    text = next((way for way in ways if _bytes(way) <= _TEXT_MAX_BYTES), ways[-2])
    return {"text": text, "blocks": []}  # [] takes away the blocks that an earlier view had


def _own_summary(markdown: str) -> str:
    """As `_summary`, in Slack's notation where that fits."""
    text = markdown_to_mrkdwn(markdown, own=True)
    return text if _bytes(text) <= _TEXT_MAX_BYTES else _summary(markdown)


def _summary(text: str) -> str:
    """`text` escaped, and shortened where it is over the limit only through that: the blocks hold every word."""
    whole = escaped(text)
    if _bytes(whole) <= _TEXT_MAX_BYTES:
        return whole
    kept, size_bytes = [], 0
    for piece in map(escaped, text):
        size_bytes += _bytes(piece)
        if size_bytes > _TEXT_MAX_BYTES:
            break
        kept.append(piece)
    return "".join(kept)


def _button(button: Button) -> Content:
    return {
        "type": "button",
        "action_id": ACTION_PREFIX + button.action,
        "text": {"type": "plain_text", "text": button.label[:_LABEL_MAX]},
        "value": str(button.turn_id),
    }


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
