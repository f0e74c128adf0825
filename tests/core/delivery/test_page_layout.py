"""Which words stand in which message: what the layout says, before any call is made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.delivery.page_layout import PageLayout
from core.delivery.page_state import Life
from core.values.outgoing import Growth, Limits, Page, Phase, Reply

LIMITS = Limits(page_size=40, growth=Growth(size=100, life_s=20.0), files=True)
ONE, TWO, THREE = (f"{name} words that fill a whole message. " for name in ("The", "Two", "End"))


def writing(text: str) -> Reply:
    return Reply(text, Phase.WRITING)


def ended(text: str, notice: str = "") -> Reply:
    return Reply(text, Phase.ENDED, notice)


def show(layout: PageLayout, reply: Reply, *, grows: bool = False) -> list[str]:
    """Lay it out and have every message show what it should; what then stands there."""
    layout.lay(reply)
    while True:
        if page_state := layout.behind():
            page = layout.view(page_state).page
            layout.stopped(page_state, page) if page_state.growing and layout.ended else layout.shows(
                page_state, page
            )
        elif layout.wants_another():
            page = layout.view(layout.begin(grows=grows)).page
            layout.shows(layout.page_posted(f"m{len(layout.page_states)}"), page)
        else:
            return [page_state.text for page_state in layout.page_states]


def test_where_a_message_is_full_the_next_one_begins_and_there_it_stays() -> None:
    layout = PageLayout(LIMITS)
    assert show(layout, writing(ONE)) == [ONE]
    assert show(layout, writing(ONE + TWO)) == [ONE, TWO]
    assert show(layout, ended(ONE + TWO + THREE)) == [ONE, TWO, THREE]
    assert [page_state.final for page_state in layout.page_states] == [True, True, False]
    assert [(page_state.start, page_state.upto) for page_state in layout.page_states] == [
        (0, 37),
        (37, 74),
        (74, 111),
    ]


def test_what_has_room_in_a_message_that_grows_is_not_laid_into_another() -> None:
    assert show(PageLayout(LIMITS), writing(ONE + TWO), grows=True) == [ONE + TWO]


def test_a_message_does_not_begin_with_the_blank_lines_that_ended_the_one_before() -> None:
    assert show(PageLayout(LIMITS), ended(f"{ONE}\n\n\n{TWO}")) == [ONE + "\n\n\n", TWO]


def test_code_that_goes_on_in_another_message_is_code_there() -> None:
    first, second, *_ = show(PageLayout(LIMITS), ended("```py\n" + "x = 1234\n" * 6 + "```"))
    assert first.endswith("\n```")
    assert second.startswith("```py\nx = ")


def test_a_notice_stands_under_the_last_message_and_moves_on_with_it() -> None:
    layout = PageLayout(LIMITS)
    show(layout, Reply(ONE, Phase.WRITING, "Thinking hard."))
    assert layout.page_states[0].shown == Page(ONE, "Thinking hard.")
    show(layout, ended(ONE + TWO, "Cut."))
    assert [page_state.shown for page_state in layout.page_states] == [Page(ONE), Page(TWO, "Cut.")]


def test_what_an_earlier_process_left_is_used_again_in_its_order_and_what_is_over_is_surplus() -> None:
    layout = PageLayout(LIMITS, ("a", "b", "c"))
    layout.lay(ended(ONE + TWO))
    assert [page_state.start for page_state in layout.page_states] == [0, None, None]
    assert show(layout, layout.reply) == [ONE, TWO, ""]
    assert layout.surplus() is layout.page_states[2]


def test_an_answer_that_begins_anew_is_laid_from_its_first_message_on() -> None:
    layout = PageLayout(LIMITS)
    show(layout, writing(ONE + TWO))
    assert show(layout, ended(THREE)) == [THREE, TWO]
    assert layout.surplus() is layout.page_states[1]


def test_after_a_new_beginning_a_message_that_grows_is_stopped_before_it_is_edited() -> None:
    layout = PageLayout(LIMITS)
    show(layout, writing(ONE), grows=True)
    layout.lay(writing(TWO))
    (page_state,) = layout.page_states
    assert (layout.behind(), page_state.life) == (page_state, Life.ENDS)
    layout.stopped(page_state, Page(ONE))
    assert (layout.behind(), layout.view(page_state).page) == (page_state, Page(TWO))


def test_a_message_that_cannot_be_changed_keeps_its_words_and_the_rest_goes_into_another() -> None:
    layout = PageLayout(LIMITS)
    show(layout, writing("Some words "))
    layout.cut(layout.page_states[0])
    assert show(layout, ended("Some words and the rest.", "Cut.")) == ["Some words ", "and the rest."]


def test_the_rest_goes_into_what_an_earlier_process_left_behind_a_message_that_cannot_be_changed() -> None:
    layout = PageLayout(LIMITS, ("a", "b"))
    layout.lay(writing("Some words "))
    layout.shows(layout.page_states[0], layout.view(layout.page_states[0]).page)
    layout.cut(layout.page_states[0])
    assert show(layout, ended("Some words and the rest.")) == ["Some words ", "and the rest."]
    assert [page_state.id for page_state in layout.page_states] == ["a", "b"]


def test_a_notice_that_cannot_be_put_under_the_last_words_stands_alone() -> None:
    layout = PageLayout(LIMITS)
    show(layout, writing("All the words."))
    layout.cut(layout.page_states[0])
    show(layout, ended("All the words.", "Cut."))
    assert [page_state.shown for page_state in layout.page_states] == [Page("All the words."), Page("", "Cut.")]


def test_a_notice_too_long_for_the_last_message_follows_it() -> None:
    layout, notice = PageLayout(replace(LIMITS, message_size=LIMITS.page_size + 10)), "Not read: " + "n" * 20
    show(layout, writing(ONE))
    show(layout, ended(ONE, notice))
    assert [page_state.shown for page_state in layout.page_states] == [Page(ONE), Page("", notice)]
    assert layout.behind() is None
    assert not layout.wants_another()


@pytest.mark.parametrize(("life", "known"), [(Life.GROWS, True), (Life.ENDS, True), (Life.DOUBTED, False)])
def test_a_stopped_message_shows_what_it_was_stopped_with_unless_there_was_a_doubt(
    life: Life, known: bool
) -> None:
    layout = PageLayout(LIMITS)
    show(layout, writing("Some words "), grows=True)
    (page_state,) = layout.page_states
    layout.lay(ended("Some words and more."))
    page_state.life = life
    assert layout.behind() is page_state, "the last words stop it"
    layout.stopped(page_state, layout.view(page_state).page)
    assert not page_state.growing
    assert (page_state.shown is not None) is known
    assert (layout.behind() is None) is known, "what is not known is edited"


def test_words_that_were_refused_wait_for_others() -> None:
    layout = PageLayout(LIMITS)
    layout.lay(writing("One "))
    layout.wait()
    assert not layout.wants_another()
    layout.lay(writing("One two "))
    assert layout.wants_another()
    show(layout, layout.reply)
    layout.lay(writing("One two three "))
    layout.wait(layout.page_states[0])
    assert layout.behind() is None
    layout.lay(writing("One two three four "))
    assert layout.behind() is layout.page_states[0]


@pytest.mark.parametrize("shown", ["The words ", ONE + TWO + THREE])
def test_what_became_a_file_leaves_its_first_page_with_the_notice_and_no_other(shown: str) -> None:
    layout = PageLayout(LIMITS, file_chars=100)
    show(layout, writing(shown))
    layout.lay(ended(ONE + TWO + THREE, "In the file."))
    assert layout.filing
    layout.file()
    assert not layout.filing
    show(layout, layout.reply)
    assert layout.page_states[0].shown == Page(ONE, "In the file.")
    assert not layout.wants_another()
    assert layout.surplus() is (layout.page_states[-1] if len(layout.page_states) > 1 else None)
