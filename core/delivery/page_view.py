"""Computes the page of a message from a reply and a platform's limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.delivery.markdown.growing import settled as settled_length
from core.delivery.markdown.growing import shown
from core.delivery.markdown.pages import PageFormat, first_piece
from core.delivery.markdown.tail import Tail, tail
from core.text import is_blank
from core.values.outgoing import Limits, Page, Phase, Reply, page_length


@dataclass(frozen=True, slots=True)
class SettledBlocks:
    """The blocks of a page that can't change any more: `upto` characters of its text after the opening marks, and
    their form for the platform."""

    upto: int = 0
    shown: str = ""


@dataclass(frozen=True, slots=True)
class PageView:
    """The current view of a message: it shows the answer up to `upto`, and is `full` there."""

    page: Page
    upto: int
    full: bool = False
    settled: SettledBlocks = SettledBlocks()


def make_page_format(limits: Limits, size: int, *, grows: bool = False) -> PageFormat:
    """The format of pages of `size` under a platform's `limits`."""
    typeset = limits.typeset and not grows
    return PageFormat(size, limits.page_unit, typeset, limits.spoilers, limits.tables)


def view(
    reply: Reply,
    start: int,
    opens: str,
    limits: Limits,
    *,
    size: int,
    grows: bool = False,
    sent: int = 0,
    settled: SettledBlocks = SettledBlocks(),
) -> PageView:
    """The message that shows the reply from `start` on, after `opens`, as far as it fits.

    The last message has the sources, the notice and the buttons under its text; they get a message of their own if all
    is too long for one. A message that `grows` already shows `sent` characters, and gets only text that will not
    change. `settled` comes from an earlier view of the same message: only later text is parsed.
    """
    text = reply.text[start : start + size + 1]
    if limits.renders_halves and not opens and page_length(text, limits.page_unit) <= size:
        page = Page(text, reply.notices, reply.buttons, sources=reply.sources)
        return PageView(page, len(reply.text))
    page_format = make_page_format(limits, size, grows=grows)
    whole = opens + text
    end = tail(whole, settled.upto) if len(whole) <= size else Tail()
    if (
        len(whole) > size
        or page_format.length(_shown(page_format.closed(whole, end=end), settled, page_format)) > size
    ):
        piece = first_piece(text, opens, page_format, max(0, sent - len(opens)))
        upto = start + len(piece.body)
        if not is_blank(reply.text[upto:]):
            return PageView(Page(page_format.set(piece.text)), upto, full=True)
        whole, opens, settled = piece.opens + piece.body, piece.opens, SettledBlocks()
        end = tail(whole)
    if reply.phase is Phase.ENDED:
        words = page_format.closed(whole, whole=not reply.footer, end=end)
        words = _shown(words, settled, page_format)
        if _fits(words, reply.footer, limits):
            page = Page(words, reply.notice, reply.buttons, sources=reply.sources)
            return PageView(page, len(reply.text))
        return PageView(Page(words), len(reply.text), full=True)
    before = whole[settled.upto : end.start]
    settled = SettledBlocks(end.start, settled.shown + page_format.set(before))
    if grows:
        keep = max(sent, settled_length(whole, end=end))
        return PageView(Page(whole[:keep]), start + max(0, keep - len(opens)), settled=settled)
    keep, marks = shown(whole, spoilers=limits.spoilers, end=end)
    fence = end.fence if end.fence and end.fence.start < keep else None
    words = page_format.closed(whole[:keep] + marks, end=Tail(end.start, fence))
    page = Page(_shown(words, settled, page_format), reply.notices, reply.buttons)
    return PageView(page, start + max(0, keep - len(opens)), settled=settled)


def _fits(words: str, footer: str, limits: Limits) -> bool:
    """True if one message holds both. A footer alone always fits."""
    sizes = [page_length(text, limits.page_unit) for text in (words, footer)]
    return not (limits.message_size and all(sizes)) or sum(sizes) <= limits.message_size


def _shown(text: str, settled: SettledBlocks, page_format: PageFormat) -> str:
    """`text` in the platform's form."""
    if len(text) < settled.upto:
        return page_format.set(text)
    return settled.shown + page_format.set(text[settled.upto :])


def full_view(
    reply: Reply, start: int, end: int, opens: str, page_format: PageFormat, *, last: bool
) -> PageView:
    """The message that shows the reply from `start` to `end`, without a check of its length."""
    text = opens + reply.text[start:end]
    text = page_format.set(page_format.closed(text))
    page = Page(text, reply.notice, reply.buttons, sources=reply.sources) if last else Page(text)
    return PageView(page, end, full=True)
