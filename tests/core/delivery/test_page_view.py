from __future__ import annotations

from core.delivery.page_view import view
from core.values.outgoing import Limits, Page, Phase, Reply
from core.values.ui import Button

LIMITS = Limits(page_size=60, page_unit="utf16")
STOP = Button("stop", "Stop", 7)


def page(reply: Reply, start: int = 0, opens: str = "") -> Page:
    return view(reply, start, opens, LIMITS, size=LIMITS.page_size).page


def test_notice_and_buttons_stand_under_the_last_words_only() -> None:
    reply = Reply("word " * 30, Phase.ENDED, "A notice.", (STOP,))
    first = view(reply, 0, "", LIMITS, size=60)
    assert first.full
    assert (first.page.notice, first.page.buttons) == ("", ())
    last = page(reply, 110)
    assert (last.notice, last.buttons) == ("A notice.", (STOP,))


def test_a_notice_that_the_last_words_leave_no_room_for_gets_a_message_of_its_own() -> None:
    limits = Limits(page_size=60, message_size=70)
    notice, reply = "n" * 30, Reply("word " * 10, Phase.ENDED, "n" * 30, (STOP,))
    last = view(reply, 0, "", limits, size=60)
    assert (last.page, last.upto, last.full) == (Page(reply.text), len(reply.text), True)
    assert view(reply, last.upto, "", limits, size=60).page == Page("", notice, (STOP,))
    assert view(Reply("word", Phase.ENDED, notice), 0, "", limits, size=60).page == Page("word", notice)
    alone = Reply("", Phase.ENDED, "n" * 90)
    assert not view(alone, 0, "", limits, size=60).full, "there is nowhere else to put it"


def test_a_page_that_is_being_written_shows_nothing_half_and_closes_what_is_open() -> None:
    text = "**Note** this `co"
    assert page(Reply(text, Phase.WRITING)).text == text + "`"
    assert page(Reply("see [the docs](http://ex", Phase.WRITING)).text == "see "
    assert page(Reply("```py\nx = 1;", Phase.WRITING)).text == "```py\nx = 1;\n```"
    assert page(Reply("see [the docs](http://ex", Phase.ENDED)).text == "see [the docs](http://ex"


def test_a_growing_message_shows_only_what_will_stay_as_it_is() -> None:
    def shown(text: str, sent: int = 0) -> str:
        reply = Reply(text, Phase.WRITING)
        return view(reply, 0, "", LIMITS, size=60, grows=True, sent=sent).page.text

    assert shown("one **two") == "one "
    assert shown("one **two** th") == "one **two** "
    assert shown("one **two", sent=7) == "one **tw"[:7]
    assert shown("a <!chan") == "a "


def test_a_growing_message_is_never_cut_before_what_it_shows() -> None:
    text = "words of a first paragraph, long enough\n\nand then some more words follow"
    seen = view(Reply(text, Phase.WRITING), 0, "", LIMITS, size=60, grows=True, sent=50)
    assert seen.full
    assert seen.upto >= 50
    assert text.startswith(seen.page.text)


def test_a_table_is_set_as_code_where_there_are_none_and_counts_as_it_is_shown() -> None:
    limits = Limits(page_size=80, page_unit="utf16", typeset=True)
    rows = "\n".join(f"| {name} | 1 |" for name in ("a", "a much longer name", "b", "c", "d"))
    reply = Reply(f"| name | n |\n|---|---|\n{rows}\n", Phase.ENDED)
    start, opens, pages = 0, "", []
    while start < len(reply.text):
        seen = view(reply, start, opens, limits, size=80)
        pages.append(seen.page.text)
        start, opens = seen.upto, "| name | n |\n|---|---|\n"
    assert len(pages) > 1
    assert all(len(shown) <= 80 and shown.startswith("```\nname") for shown in pages)
