"""The next candidate, and the call that is made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery.next_call import Address, NextCall, call, fulfil, next_calls
from core.delivery.page_layout import PageLayout
from core.delivery.page_state import Life, PageState
from core.values.outgoing import (
    AppendStream,
    EditMessage,
    Growth,
    Limits,
    Phase,
    PostMessage,
    Reply,
    StartStream,
    StopStream,
)
from core.values.tasks import Summarize
from tests.core.delivery.rig import ask

LIMITS = Limits(page_size=40, growth=Growth(size=60, life_s=20.0), files=True)
ADDRESS = Address(ask(), "turn-7", "ticket", 7)
PIECES = [
    " ",
    "\n",
    "word ",
    "```\n",
    "`",
    "| a | b |\n",
    "|---|---|\n",
    "- ",
    "\t",
    " " * 90,
    "\n" * 90,
    "世界",
    "😀",
]
WORDS = "Some words "
FULL = "The words that fill a whole message. "


def layout(*, grows: bool) -> PageLayout:
    """An answer that shows `WORDS`."""
    made = PageLayout(LIMITS, can_grow=grows, file_chars=200)
    made.lay(Reply(WORDS, Phase.WRITING))
    assert fulfil(NextCall.START if grows else NextCall.POST, made, ADDRESS)
    page_state = made.page_posted("m0")
    page_state.stop_by = 100.0
    made.shows(page_state, made.view(page_state).page)
    return made


@pytest.mark.parametrize(
    ("grows", "text", "phase", "now", "wished"),
    [
        (False, WORDS, Phase.WRITING, 0.0, ()),
        (False, WORDS + "and more ", Phase.WRITING, 0.0, (NextCall.EDIT,)),
        (False, WORDS + "and more ", Phase.ENDED, 0.0, (NextCall.EDIT, NextCall.REST)),
        (False, FULL * 6, Phase.ENDED, 0.0, (NextCall.UPLOAD,)),
        (True, WORDS, Phase.WRITING, 0.0, ()),
        (True, WORDS + "and more ", Phase.WRITING, 0.0, (NextCall.APPEND,)),
        (True, WORDS + "and more ", Phase.WRITING, 100.0, (NextCall.STOP,)),
        (True, WORDS + FULL * 2, Phase.WRITING, 0.0, (NextCall.STOP,)),
        (False, WORDS, Phase.WAITING, 0.0, ()),
        (True, WORDS, Phase.WAITING, 0.0, (NextCall.STOP,)),
        (True, WORDS, Phase.ENDED, 0.0, (NextCall.STOP,)),
        (True, WORDS + "and more ", Phase.ENDED, 0.0, (NextCall.STOP, NextCall.APPEND)),
    ],
)
def test_the_best_way_comes_first(
    grows: bool, text: str, phase: Phase, now: float, wished: tuple[NextCall, ...]
) -> None:
    made = layout(grows=grows)
    made.lay(Reply(text, phase))
    assert next_calls(made, now) == wished


@pytest.mark.parametrize(
    ("reply", "wished"),
    [
        (Reply(), ()),
        (Reply(notice="Waiting."), (NextCall.POST,)),
        (Reply(WORDS, Phase.WRITING), (NextCall.POST, NextCall.START)),
        (Reply(WORDS, Phase.WAITING, "Waiting."), (NextCall.POST,)),
        (Reply(WORDS, Phase.ENDED), (NextCall.POST,)),
    ],
)
def test_first_words_may_grow_unless_no_others_follow_them_now(
    reply: Reply, wished: tuple[NextCall, ...]
) -> None:
    made = PageLayout(LIMITS, can_grow=True)
    made.lay(reply)
    assert next_calls(made, 0.0) == wished


def test_calls_carry_the_words_that_are_not_shown_yet_and_all_of_them_where_it_is_edited() -> None:
    grown, edited = layout(grows=True), layout(grows=False)
    for made in (grown, edited):
        made.lay(Reply(WORDS + "and more.", Phase.ENDED, "Cut."))
    place = ADDRESS.ask.place
    page = edited.view(edited.page_states[0]).page
    assert page.text == WORDS + "and more."
    assert fulfil(NextCall.APPEND, grown, ADDRESS) == AppendStream(place, "m0", "and more.", turn_id=7)
    stop = StopStream(place, "m0", "turn-7-0", "and more.", "Cut.", turn_id=7)
    assert fulfil(NextCall.STOP, grown, ADDRESS) == stop
    assert fulfil(NextCall.EDIT, edited, ADDRESS) == EditMessage(place, "m0", page, "ticket", turn_id=7)


def test_a_message_that_must_stop_is_stopped_without_more_words() -> None:
    made = layout(grows=True)
    made.lay(Reply(WORDS + "and more.", Phase.ENDED, "Cut."))
    made.page_states[0].life = Life.ENDS
    assert next_calls(made, 0.0) == (NextCall.STOP,)
    assert fulfil(NextCall.STOP, made, ADDRESS) == StopStream(ADDRESS.ask.place, "m0", "turn-7-0", turn_id=7)


def test_a_page_has_the_same_key_whenever_it_is_posted_and_another_page_has_another() -> None:
    made = PageLayout(LIMITS)
    made.lay(Reply(FULL * 2, Phase.ENDED))
    first, again = (fulfil(NextCall.POST, made, ADDRESS) for _ in range(2))
    assert isinstance(first, PostMessage)
    assert first == again
    made.shows(made.page_posted("m0"), first.page)
    second = fulfil(NextCall.POST, made, ADDRESS)
    assert isinstance(second, PostMessage)
    assert (first.key, second.key) == ("turn-7-0", "turn-7-1")


def test_what_can_not_be_edited_stays_and_the_rest_is_posted() -> None:
    made = layout(grows=False)
    made.lay(Reply(WORDS + "and more.", Phase.ENDED))
    rest = fulfil(NextCall.REST, made, ADDRESS)
    assert isinstance(rest, PostMessage)
    assert (rest.page.text, rest.key) == ("and more.", "turn-7-1")


@pytest.mark.parametrize("filed", [False, True])
def test_the_rest_stands_apart_only_where_nothing_stands_behind_it_and_it_is_in_no_file(filed: bool) -> None:
    made = PageLayout(LIMITS, ("m0",) if filed else ("m0", "m1"))
    made.lay(Reply(WORDS, Phase.WRITING))
    made.shows(made.page_states[0], made.view(made.page_states[0]).page)
    made.lay(Reply(FULL + WORDS, Phase.ENDED))
    if filed:
        made.file()
    assert next_calls(made, 0.0) == (NextCall.EDIT,)


def test_nothing_is_posted_for_half_a_link() -> None:
    made = PageLayout(replace(LIMITS, growth=None))
    made.lay(Reply("[the do", Phase.WRITING))
    assert next_calls(made, 0.0) == (NextCall.POST,)
    assert fulfil(NextCall.POST, made, ADDRESS) is None
    assert next_calls(made, 0.0) == ()
    made.lay(Reply("[the docs](http://x.test) ", Phase.WRITING))
    assert isinstance(fulfil(NextCall.POST, made, ADDRESS), PostMessage)


def test_a_message_grows_for_the_person_who_asked() -> None:
    made = PageLayout(LIMITS, can_grow=True)
    made.lay(Reply(WORDS, Phase.WRITING))
    start = fulfil(NextCall.START, made, ADDRESS)
    asked = ADDRESS.ask
    assert start == StartStream(asked.place, WORDS, "turn-7-0", asked.id, asked.author.id, 7)


@pytest.mark.parametrize("kind", NextCall)
def test_every_call_of_an_answer_carries_its_turn(kind: NextCall) -> None:
    assert call(kind, ADDRESS).turn_id == 7


@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.sampled_from([LIMITS, replace(LIMITS, growth=None, typeset=True)]),
)
def test_whatever_is_written_there_is_an_end_to_showing_it(text: str, limits: Limits) -> None:
    made = PageLayout(limits)
    made.lay(Reply(text, Phase.ENDED))
    for number in range(len(text) + 2):
        wished = next_calls(made, 0.0)
        if not wished:
            return
        call = fulfil(wished[0], made, ADDRESS)
        assert isinstance(call, PostMessage | EditMessage), "a wish that nothing fulfils is wished for ever"
        page_state = made.page_posted(f"m{number}") if isinstance(call, PostMessage) else made.page_states[-1]
        made.shows(page_state, call.page)
    pytest.fail("it goes on and on")


def quote(kind: NextCall, address: Address, page_state: PageState) -> str:
    made = call(kind, address, page_state)
    assert isinstance(made, PostMessage | EditMessage)
    return made.quote


def test_the_question_of_a_command_is_quoted_above_the_first_message_alone() -> None:
    first, second = PageState(0, 100, "m0"), PageState(1, 100, "m1")
    asked = replace(ask(), text="> The loom\n> is broken.\n\nwhat\nnow?", interaction_token="ticket")
    address = Address(asked, "turn-7", "ticket", 7)
    assert quote(NextCall.POST, address, first) == "what now?"
    assert quote(NextCall.EDIT, address, first) == "what now?"
    assert quote(NextCall.EDIT, replace(address, interaction_token=""), first) == "what now?", "also later"
    assert quote(NextCall.EDIT, address, second) == ""


def test_a_question_that_is_a_message_is_not_quoted() -> None:
    first = PageState(0, 100, "m0")
    assert quote(NextCall.POST, Address(ask(), "turn-7", ""), first) == ""
    summary = replace(ask(), interaction_token="ticket", task=Summarize(channel=False, last=5))
    assert quote(NextCall.POST, Address(summary, "turn-7", "ticket"), first) == ""
