"""What each message of an answer should show. Pure: a reply and a platform's limits in, pages out."""

from __future__ import annotations

from core.paint.markdown import split
from core.types import Limits, Page, Reply


def reply_to_pages(reply: Reply, limits: Limits) -> tuple[Page, ...]:
    """The complete view, a page a message. Notice and buttons stand on the last; no words, no pages."""
    texts = [piece.text for piece in split(reply.text, limits.page_size, limits.page_unit)]
    shown = [text for text in texts if text.strip()] or ([""] if reply.notice else [])
    if not shown:
        return ()
    return (*map(Page, shown[:-1]), Page(shown[-1], reply.notice, reply.buttons))


def unread(pages: tuple[Page, ...], shown: tuple[Page | None, ...]) -> int:
    """How many characters of `pages` a reader cannot see yet, where `shown` is what stands there now."""
    missing = 0
    for index, page in enumerate(pages):
        before = shown[index] if index < len(shown) else None
        missing += max(0, len(page.text) - len(before.text if before else ""))
    return missing
