"""The end of answers that can't be shown whole: deleted while they grow, refused for their text, many at
once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery.answer import AnswerDelivery
from core.errors import Code, PlatformError
from core.values.outgoing import AppendStream, Limits, OutgoingCall, Phase, PostMessage, Reply, StartStream
from core.values.ui import Button
from tests.core.delivery.rig import LIMITS, Fate, Paper, Sheet, Studio, studio
from tests.fakes.clock import FakeClock

PLAIN = replace(LIMITS, growth=None)
STOP, AGAIN = Button("stop", "Stop", 1), Button("again", "Try again", 1)
WAYS = pytest.mark.parametrize("limits", [LIMITS, PLAIN], ids=["grows", "plain"])


def words(count: int) -> str:
    return " ".join(f"w{number:03d}" for number in range(count))


class Answer:
    """An answer of which more is shown while time passes, and how it is ended where it can't be shown whole."""

    def __init__(self, at: Studio, number: int = 0) -> None:
        self.at = at
        self.delivery: AnswerDelivery = at.delivery(number)
        self.lost: list[Code] = []
        self.delivery.on_lost = lambda: self.lost.append(self.code)

    @property
    def code(self) -> Code:
        assert self.delivery.error is not None
        return self.delivery.error.code

    async def grow(self, *texts: str, each_s: float = 3.0) -> None:
        for text in texts:
            self.delivery.show(Reply(text, Phase.WRITING, buttons=(STOP,)), self.at.clock.monotonic())
            await self.at.pass_s(each_s)

    async def end(self, text: str) -> Code | None:
        """Show it to its end; the first code that said it can't be."""
        self.delivery.show(Reply(text, Phase.ENDED), self.at.clock.monotonic())
        try:
            await self.at.finish(self.delivery)
        except PlatformError as error:
            return error.code
        return None

    async def conclude(self, text: str) -> None:
        self.delivery.conclude(Reply(text, Phase.ENDED, "Over.", (AGAIN,)), self.at.clock.monotonic())
        await self.at.finish(self.delivery)


def read(paper: Paper) -> list[Sheet]:
    """The texts there, message by message."""
    return [sheet for sheet in paper.sheets.values() if not sheet.deleted]


def said_since(paper: Paper, calls: int) -> list[OutgoingCall]:
    return [call for _, call in paper.calls[calls:]]


@WAYS
@pytest.mark.parametrize("told", ["by the event", "by the next call"])
async def test_nothing_comes_back_of_a_growing_answer_that_is_deleted(limits: Limits, told: str) -> None:
    paper = Paper(FakeClock(), limits=limits)
    async with studio(paper) as at:
        answer = Answer(at)
        await answer.grow(words(5))
        paper.delete("m0")
        calls = len(paper.calls)
        if told == "by the event":
            answer.delivery.remove("m0")
        await answer.grow(words(10), words(50))
        assert answer.lost == [Code.GONE], "the writer is told, once"
        assert answer.delivery.standing == []
        await answer.conclude("")
    assert read(paper) == []
    assert len(said_since(paper, calls)) <= (0 if told == "by the event" else 1)


@WAYS
@pytest.mark.parametrize("gone", [0, 1, 2])
@pytest.mark.parametrize("quote", ["", "> clip: hello\n\n", f"> clip: {'hello ' * 40}\n\n"])
async def test_of_several_messages_one_deleted_the_others_stay_as_they_are_and_lose_stop(
    limits: Limits, gone: int, quote: str
) -> None:
    paper = Paper(FakeClock(), limits=limits)
    async with studio(paper) as at:
        answer = Answer(at)
        answer.delivery.quote = quote
        await answer.grow(*(words(count) for count in range(1, 150, 10)))
        assert len(paper.sheets) > 2
        before = {id_: sheet.page.text for id_, sheet in paper.sheets.items()}
        paper.delete(f"m{gone}")
        answer.delivery.remove(f"m{gone}")
        assert "hello" not in "".join(answer.delivery.standing)
        await answer.conclude("".join(answer.delivery.standing))
        await at.pass_s(30)
    assert {id_: sheet.page.text for id_, sheet in paper.sheets.items()} == before
    assert [sheet.page.notice for sheet in read(paper)][-1] == "Over."
    assert not any(sheet.growing or STOP in sheet.page.buttons for sheet in read(paper))


async def test_nothing_is_called_in_a_place_that_is_closed() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    async with studio(paper) as at:
        answer, waiting = Answer(at), Answer(at, 1)
        await answer.grow(words(5))
        calls = len(paper.calls)
        for one in (answer, waiting):
            one.delivery.remove()
            await one.grow(words(10))
            await one.conclude("")
        assert (answer.lost, waiting.lost) == ([Code.GONE], [Code.GONE])
    assert said_since(paper, calls) == []


async def test_a_message_that_is_deleted_while_it_is_being_posted_is_not_posted_again() -> None:
    paper = Paper(FakeClock(), limits=PLAIN, latency_s=1.0)
    async with studio(paper) as at:
        answer = Answer(at)
        await answer.grow(words(5), each_s=0.5)
        answer.delivery.remove()
        await answer.conclude("")
    assert [sheet.page.buttons for sheet in read(paper)] == [(AGAIN,)], "what is late loses its Stop button"


@settings(max_examples=40, deadline=None)
@given(
    fates=st.lists(st.sampled_from(list(Fate)), max_size=10),
    at_call=st.integers(1, 12),
    count=st.integers(1, 120),
    grows=st.booleans(),
)
def test_whenever_one_is_deleted_no_message_follows_and_none_keeps_stop(
    fates: list[Fate], at_call: int, count: int, grows: bool
) -> None:
    fates = [*(fate for fate in fates if fate not in (Fate.NO, Fate.NEVER)), *[Fate.WELL] * at_call, Fate.GONE]

    async def run() -> None:
        paper = Paper(FakeClock(), fates, limits=LIMITS if grows else PLAIN)
        async with studio(paper) as at:
            answer = Answer(at)
            for shown in range(1, count + 1, 4):
                await answer.grow(words(shown), each_s=0.8)
                if answer.lost:
                    break
            code = None if answer.lost else await answer.end(words(count))
            if not answer.lost:
                assert code is None
                assert len(read(paper)) == len(paper.sheets), "nothing was deleted"
                return
            made = len(paper.sheets)
            await at.pass_s(2)
            await answer.conclude("".join(answer.delivery.standing))
            assert len(paper.sheets) == made
        assert not any(sheet.growing or STOP in sheet.page.buttons for sheet in read(paper))

    asyncio.run(run())


@WAYS
async def test_words_that_are_refused_leave_those_before_them_and_a_word_of_ours(limits: Limits) -> None:
    paper = Paper(FakeClock(), limits=limits, blocked="bad.test")
    async with studio(paper) as at:
        answer = Answer(at)
        await answer.grow(
            "Look here:", "Look here: https://bad.test is", "Look here: https://bad.test is good. "
        )
        assert await answer.end("Look here: https://bad.test is good. So there.") is Code.REJECTED
        assert "".join(answer.delivery.standing).strip() == "Look here:"
        await answer.conclude("".join(answer.delivery.standing))
    (left,) = read(paper)
    assert (left.page.text.strip(), left.page.notice) == ("Look here:", "Over.")
    assert (left.page.buttons, left.growing) == ((AGAIN,), False)


@WAYS
async def test_where_the_first_words_are_refused_ours_come_alone(limits: Limits) -> None:
    paper = Paper(FakeClock(), limits=limits, blocked="bad.test")
    async with studio(paper) as at:
        answer = Answer(at)
        await answer.grow("https://bad.test is", "https://bad.test is good. ")
        assert await answer.end("https://bad.test is good. So there.") is Code.REJECTED
        assert answer.delivery.standing == []
        await answer.conclude("")
    assert [(sheet.page.text, sheet.page.notice) for sheet in read(paper)] == [("", "Over.")]


async def test_pages_before_the_refused_one_stay() -> None:
    paper = Paper(FakeClock(), limits=PLAIN, blocked="bad.test")
    async with studio(paper) as at:
        answer = Answer(at)
        await answer.grow(words(20), words(30), words(40))
        whole = words(60) + " https://bad.test " + words(10)
        assert await answer.end(whole) is Code.REJECTED
        standing = "".join(answer.delivery.standing)
        assert standing.split() == words(len(standing.split())).split()
        await answer.conclude(standing)
    assert paper.shown.split() == standing.split()
    assert [sheet.page.notice for sheet in read(paper)][-1:] == ["Over."]
    assert not any(STOP in sheet.page.buttons for sheet in read(paper))


@settings(max_examples=20, deadline=None)
@given(before=st.integers(0, 60), behind=st.integers(0, 60), each=st.integers(1, 9), grows=st.booleans())
def test_wherever_the_refused_words_stand_no_stop_button_is_left(
    before: int, behind: int, each: int, grows: bool
) -> None:
    text = f"{words(before)} https://bad.test {words(behind)} ".split(" ")

    async def run() -> None:
        paper = Paper(FakeClock(), limits=LIMITS if grows else PLAIN, blocked="bad.test")
        async with studio(paper) as at:
            answer = Answer(at)
            for count in range(each, len(text), each):
                await answer.grow(" ".join(text[:count]), each_s=1.0)
            assert await answer.end(" ".join(text)) is Code.REJECTED
            await answer.conclude("".join(answer.delivery.standing))
            await at.pass_s(30)
        assert not any(sheet.growing or STOP in sheet.page.buttons for sheet in read(paper))
        assert paper.notices == ["Over."]

    asyncio.run(run())


@pytest.mark.parametrize("count", [2, 5])
async def test_in_a_burst_a_short_answer_is_one_message_and_keeps_no_stop_button(count: int) -> None:
    paper = Paper(FakeClock(), limits=replace(PLAIN, page_size=300))
    async with studio(paper) as at:
        answers = [Answer(at, number) for number in range(70)]
        for answer in answers:
            answer.delivery.show(Reply("w000", Phase.WRITING, buttons=(STOP,)), at.clock.monotonic())
        await at.pass_s(15)
        for answer in answers:
            answer.delivery.show(Reply(words(count), Phase.ENDED, buttons=(AGAIN,)), at.clock.monotonic())
        await at.finish(*(answer.delivery for answer in answers))
    assert [sheet.page.text for sheet in read(paper)] == [words(count)] * 70
    assert [sheet.page.buttons for sheet in read(paper)] == [(AGAIN,)] * 70
    assert paper.forbidden == []


@WAYS
async def test_in_a_burst_of_long_answers_no_message_keeps_a_stop_button(limits: Limits) -> None:
    paper = Paper(FakeClock(), limits=limits)
    async with studio(paper) as at:
        answers = [Answer(at, number) for number in range(70)]
        for count in (3, 8, 15):
            for answer in answers:
                shown = Reply(words(count) + " ", Phase.WRITING, buttons=(STOP,))
                answer.delivery.show(shown, at.clock.monotonic())
            await at.pass_s(4)
        for answer in answers:
            answer.delivery.show(Reply(words(22), Phase.ENDED, buttons=(AGAIN,)), at.clock.monotonic())
        await at.finish(*(answer.delivery for answer in answers))
    assert sorted(paper.shown.split()) == sorted(words(22).split() * 70)
    assert sum(AGAIN in sheet.page.buttons for sheet in read(paper)) == 70
    assert not any(sheet.growing or STOP in sheet.page.buttons for sheet in read(paper))
    kinds = {type(call) for _, call in paper.calls}
    assert kinds & {PostMessage, StartStream, AppendStream}
