"""Every reader of other people's text takes time linear in its length."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bots.discord import mentions as discord_marks
from bots.discord.outgoing import LIMITS as DISCORD
from bots.discord.outgoing import content_to_text
from bots.slack.message_text import content_of
from bots.slack.mrkdwn import disarmed_piece, markdown_to_mrkdwn, mrkdwn_to_text, without_greeting
from bots.slack.outgoing import page_to_content, page_to_plain, sections
from core.delivery.markdown.code_ranges import code_ranges
from core.delivery.markdown.dialect import typeset
from core.delivery.markdown.growing import settled, shown
from core.delivery.markdown.pages import PageFormat, first_piece, split
from core.delivery.markdown.parser import _remembered_leaves, inline
from core.delivery.markdown.tail import tail
from core.delivery.page_view import make_page_format
from core.text import is_blank, shortened
from core.values.outgoing import Page
from tests.shapes import SHAPES


def pages(text: str, page_format: PageFormat) -> int:
    opens, count, at = "", 0, 0
    while at < len(text):
        piece = first_piece(text[at : at + page_format.size + 1], opens, page_format)
        opens, count, at = page_format.reopens(piece.opens + piece.body), count + 1, at + len(piece.body)
    return count


def everywhere(text: str) -> dict[str, object]:
    """A message on Slack that has `text` wherever an app can put some."""
    block = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": text},
        "fields": [{"type": "mrkdwn", "text": text}],
    }
    attachment = {"title": text, "pretext": text, "text": f"{text} ", "blocks": [block], "fallback": text}
    return {"bot_id": "B1", "text": f"{text}\nand more", "blocks": [block], "attachments": [attachment]}


READERS: dict[str, Callable[[str], object]] = {
    "split": lambda text: split(text, 1_800, "utf16"),
    "pages": lambda text: pages(text, make_page_format(DISCORD, DISCORD.page_size)),
    "shown": lambda text: shown(text, spoilers=True),
    "settled": settled,
    "typeset": typeset,
    "code_ranges": code_ranges,
    "markdown_to_mrkdwn": markdown_to_mrkdwn,
    "disarmed_piece": disarmed_piece,
    "mrkdwn_to_text": lambda text: mrkdwn_to_text(text, str),
    "without_greeting": lambda text: without_greeting(text, "U1"),
    "slack's content_of": lambda text: content_of(everywhere(text)),
    "sections": sections,
    "page_to_content": lambda text: page_to_content(Page(text)),
    "page_to_plain": lambda text: page_to_plain(Page(text)),
    "content_to_text": content_to_text,
    "discord's marks": lambda text: list(discord_marks._MARK.finditer(text)),
    "is_blank": is_blank,
    "shortened": lambda text: shortened(text, 1_000),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_four_times_the_text_takes_about_four_times_as_long(reader: Callable[[str], object]) -> None:
    slow = {}
    for name, shape in SHAPES.items():
        short, long = shape(3_000), shape(12_000)
        if (spent := spent_s(reader, long)) > 0.05 and spent > 10 * max(0.005, spent_s(reader, short)):
            again = min(spent_s(reader, long) for _ in range(2))
            if again > 10 * max(0.005, spent_s(reader, short)):
                slow[name] = again
    assert slow == {}


def spent_s(reader: Callable[[str], object], text: str) -> float:
    """Of the processor's time, which other processes don't change. Nothing is remembered from an earlier reading."""
    for remembers in (tail, _remembered_leaves, inline):
        remembers.cache_clear()
    began = time.process_time()
    reader(text)
    return time.process_time() - began


def test_a_hundred_thousand_characters_of_any_shape_become_pages_that_fit() -> None:
    for name, shape in SHAPES.items():
        text = shape(100_000)
        pieces = split(text, 1_800, "utf16")
        assert "".join(piece.body for piece in pieces) == text, name
        sizes = [len(piece.text.encode("utf-16-le", "surrogatepass")) for piece in pieces if piece.body]
        assert len(sizes) == len(pieces) < 1_000, name
        assert max(sizes) <= 3_600, name
