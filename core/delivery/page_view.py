"""What a message of an answer should show. Pure: a reply and a platform's limits in, a page out."""

from __future__ import annotations

from dataclasses import dataclass

from core.delivery.markdown.growing import settled, shown
from core.delivery.markdown.pages import PageFormat, first_piece
from core.text import is_blank
from core.values.outgoing import Limits, Page, Phase, Reply, page_length


@dataclass(frozen=True, slots=True)
class PageView:
    """A message as it should be now: it shows the words of the answer up to `upto`, and is `full` there."""

    page: Page
    upto: int
    full: bool = False


def make_page_format(limits: Limits, size: int, *, grows: bool = False) -> PageFormat:
    return PageFormat(size, limits.page_unit, limits.typeset and not grows, limits.spoilers)


def view(
    reply: Reply, start: int, opens: str, limits: Limits, *, size: int, grows: bool = False, sent: int = 0
) -> PageView:
    """The message that shows the reply from `start` on, behind `opens`, as far as it holds.

    Where it holds the rest, the notice and the buttons stand under it. A message that `grows` shows `sent`
    characters already, and only what will never have to be shown otherwise.
    """
    if limits.renders_halves and reply.phase is not Phase.ENDED and not opens:
        text = reply.text[start : start + size + 1]
        if page_length(text, limits.page_unit) <= size:
            return PageView(Page(text, reply.notice, reply.buttons), len(reply.text))
    page_format = make_page_format(limits, size, grows=grows)
    text = reply.text[start : start + size + 1]
    piece = first_piece(text, opens, page_format, max(0, sent - len(opens)))
    upto = start + len(piece.body)
    if not is_blank(reply.text[upto:]):
        return PageView(Page(page_format.set(piece.text)), upto, full=True)
    whole = piece.opens + piece.body
    if reply.phase is Phase.ENDED:
        words = whole + page_format.closes(whole, whole=not reply.notice)
        return PageView(Page(page_format.set(words), reply.notice, reply.buttons), len(reply.text))
    if grows:
        keep = max(sent, settled(whole))
        return PageView(Page(whole[:keep]), start + max(0, keep - len(piece.opens)))
    keep, marks = shown(whole, spoilers=limits.spoilers)
    words = whole[:keep] + marks
    page = Page(page_format.set(words + page_format.closes(words)), reply.notice, reply.buttons)
    return PageView(page, start + max(0, keep - len(piece.opens)))


def full_view(
    reply: Reply, start: int, end: int, opens: str, page_format: PageFormat, *, last: bool
) -> PageView:
    """The message that shows the reply from `start` to `end`, without a check of its length."""
    text = opens + reply.text[start:end]
    text = page_format.set(text + page_format.closes(text))
    return PageView(Page(text, reply.notice, reply.buttons) if last else Page(text), end, full=True)
