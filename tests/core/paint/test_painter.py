from __future__ import annotations

from core.paint.painter import reply_to_pages, unread
from core.types import Button, Limits, Page, Phase, Reply

LIMITS = Limits(page_size=60, page_unit="utf16")


def test_notice_and_buttons_stand_on_the_last_page_only() -> None:
    stop = Button("stop", "Stop", 7)
    pages = reply_to_pages(Reply("word " * 30, Phase.ENDED, "A notice.", (stop,)), LIMITS)
    assert len(pages) == 3
    assert [(page.notice, page.buttons) for page in pages] == [("", ()), ("", ()), ("A notice.", (stop,))]


def test_a_notice_alone_is_a_page_and_nothing_is_none() -> None:
    assert reply_to_pages(Reply("", Phase.ENDED, "Sorry."), LIMITS) == (Page("", "Sorry."),)
    assert reply_to_pages(Reply(" \n", Phase.WRITING), LIMITS) == ()


def test_unread_counts_what_no_message_shows_yet() -> None:
    assert unread((Page("hello there"), Page("more")), (Page("hello"),)) == 6 + 4
    assert unread((Page("hello"),), (None,)) == 5
