"""The scheduler on a platform in memory: whatever goes wrong, the answer is shown whole, once, and in good time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.delivery.answer import AnswerDelivery
from core.errors import Code, PlatformError
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    Limits,
    OutgoingCall,
    Page,
    Phase,
    PostMessage,
    RateLimit,
    Reply,
    StartStream,
    StopStream,
)
from core.values.ui import Button
from tests.core.delivery.rig import EDITS, LIMITS, SCARCE_EDITS, Fate, Paper, Sheet, Studio, studio
from tests.fakes.clock import FakeClock

PLAIN = replace(LIMITS, growth=None)
REPOSTS = replace(PLAIN, reposts=True)
STOP = Button("stop", "Stop", 1)


def words(count: int) -> str:
    return " ".join(f"w{number:03d}" for number in range(count))


async def write(
    at: Studio, number: int, text: str, *, seconds: float, notice: str = "", until: str = ""
) -> None:
    """An answer, written evenly over `seconds` with the notice `until` it ends, and then shown to its end."""
    delivery = at.delivery(number)
    pieces = text.split(" ")
    for end in range(1, len(pieces) + 1):
        newest = partial(Reply, " ".join(pieces[:end]), Phase.WRITING, until)
        delivery.show_newest(newest, at.clock.monotonic())
        await at.clock.sleep(seconds / len(pieces))
    delivery.show(Reply(text, Phase.ENDED, notice), at.clock.monotonic())
    await delivery.finished()
    at.scheduler.release(delivery)


async def paint(
    at: Studio, *answers: str, seconds: float = 6.0, notice: str = "", within_s: float = 500
) -> None:
    """Write all of them at once and let time pass until they are shown."""
    writing = asyncio.gather(
        *(write(at, n, text, seconds=seconds, notice=notice) for n, text in enumerate(answers))
    )
    for _ in range(int(within_s / 0.2)):
        await at.clock.advance(0.2)
        if writing.done():
            break
    assert writing.done(), "the last words never came"
    await writing


FATES = st.lists(st.sampled_from([fate for fate in Fate if fate is not Fate.GONE]), max_size=14)


@settings(max_examples=60, deadline=None)
@given(fates=FATES, count=st.integers(1, 110), seconds=st.sampled_from([0.2, 3.0, 30.0]), grows=st.booleans())
@example(fates=[Fate.DONE, Fate.DONE], count=20, seconds=3.0, grows=True)
@example(fates=[Fate.WELL, Fate.DONE, Fate.DONE, Fate.DONE], count=80, seconds=3.0, grows=True)
@example(fates=[], count=63, seconds=3.0, grows=True)
@example(fates=[Fate.WELL, Fate.NEVER, Fate.NO, Fate.NEVER], count=80, seconds=3.0, grows=True)
@example(fates=[Fate.WELL, Fate.NO, Fate.NO, Fate.NO, Fate.NEVER], count=80, seconds=3.0, grows=False)
def test_the_answer_is_shown_whole_and_once_whatever_becomes_of_the_calls(
    fates: list[Fate], count: int, seconds: float, grows: bool
) -> None:
    async def run() -> None:
        paper = Paper(FakeClock(), list(fates), limits=LIMITS if grows else PLAIN)
        async with studio(paper) as at:
            await paint(at, words(count), seconds=seconds, notice="Stopped.")
        shown = paper.shown.split()
        if {Fate.DONE, Fate.LOST} & set(fates) and {Fate.NO, Fate.NEVER} & set(fates):
            # What may stand there and can't be changed is said again: rather twice than not at all.
            assert set(shown) == set(words(count).split())
        else:
            assert shown == words(count).split()
            assert paper.notices == ["Stopped."]
        assert paper.forbidden == []
        if not {Fate.NO, Fate.NEVER} & set(fates):
            assert not any(sheet.growing for sheet in paper.sheets.values())

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(
    fates=FATES,
    answers=st.integers(1, 6),
    left=st.booleans(),
    count=st.integers(1, 110),
    seconds=st.sampled_from([0.2, 3.0, 30.0]),
    scarce=st.booleans(),
)
@example(fates=[], answers=6, left=False, count=20, seconds=3.0, scarce=True)
@example(fates=[], answers=2, left=True, count=60, seconds=3.0, scarce=True)
@example(fates=[Fate.WELL, Fate.DONE], answers=1, left=False, count=20, seconds=3.0, scarce=True)
@example(
    fates=[Fate.WELL, Fate.WELL, Fate.WELL, Fate.DONE],
    answers=1,
    left=False,
    count=20,
    seconds=3.0,
    scarce=True,
)
@example(
    fates=[Fate.WELL, Fate.WELL, Fate.WELL, Fate.NO], answers=1, left=False, count=20, seconds=3.0, scarce=True
)
@example(fates=[Fate.WELL, Fate.WELL, Fate.LOST], answers=1, left=False, count=80, seconds=3.0, scarce=True)
def test_an_answer_that_is_posted_anew_is_shown_whole_and_once(
    fates: list[Fate], answers: int, left: bool, count: int, seconds: float, scarce: bool
) -> None:
    async def run() -> None:
        paper = Paper(FakeClock(), list(fates), limits=REPOSTS, edits=SCARCE_EDITS if scarce else EDITS)
        if left:
            paper.sheets["m0"] = Sheet("turn-0-0", Page("", "One before you."))
        texts = [f"a{number:03d} {words(count)}" for number in range(answers)]
        async with studio(paper) as at:
            deliveries = [
                at.delivery(number, ("m0",) if left and not number else (), look_first=left)
                for number in range(answers)
            ]
            for delivery, text in zip(deliveries, texts, strict=True):
                delivery.show(Reply(text[:10], Phase.WRITING, "Writes."), at.clock.monotonic())
            await at.pass_s(seconds)
            for delivery, text in zip(deliveries, texts, strict=True):
                delivery.show(Reply(text, Phase.ENDED, "Stopped."), at.clock.monotonic())
            await at.finish(*deliveries, within_s=900)
        said, shown = sorted(" ".join(texts).split()), sorted(paper.shown.split())
        if {Fate.NO, Fate.NEVER} & set(fates):
            assert set(said) <= set(shown), "what can't be deleted stays, and is said again"
        else:
            assert shown == said
            assert paper.notices == ["Stopped."] * answers
        assert paper.forbidden == []
        for number, delivery in enumerate(deliveries):
            assert list(at.ids.get(f"turn-{number}", delivery.posted)) == delivery.posted

    asyncio.run(run())


async def ended_at_once(at: Studio, *, begun: str = "w000", notice: str = "Writes.") -> list[AnswerDelivery]:
    """Six answers of 20 words, of which `begun` could be read, and whose last words came in the same moment."""
    deliveries = [at.delivery(number) for number in range(6)]
    for text, phase, shown_as in ((begun, Phase.WRITING, notice), (words(20), Phase.ENDED, "Stopped.")):
        for delivery in deliveries:
            delivery.show(Reply(text, phase, shown_as, buttons=(STOP,)), at.clock.monotonic())
        await at.pass_s(1)
    return deliveries


async def test_where_edits_are_scarce_a_message_is_posted_anew_and_the_one_before_it_is_deleted() -> None:
    paper = Paper(FakeClock(), limits=REPOSTS, edits=SCARCE_EDITS)
    async with studio(paper) as at:
        deliveries = await ended_at_once(at)
        ended_at = at.clock.monotonic()
        await at.finish(*deliveries)
        assert at.clock.monotonic() - ended_at <= 5, "the edits alone would take three minutes"
    assert [sheet.page.text for sheet in paper.sheets.values() if not sheet.deleted] == [words(20)] * 6
    assert paper.forbidden == []


async def test_a_notice_that_waits_for_an_edit_makes_way_for_the_first_words() -> None:
    paper = Paper(FakeClock(), limits=REPOSTS, edits=SCARCE_EDITS)
    async with studio(paper) as at:
        deliveries = [at.delivery(number) for number in range(4)]
        for text in ("", "hello "):
            for delivery in deliveries:
                delivery.show(Reply(text, Phase.WRITING, "Waits."), at.clock.monotonic())
            await at.pass_s(4)
        pages = [sheet.page for sheet in paper.sheets.values() if not sheet.deleted]
        assert pages == [Page("hello ", "Waits.")] * 4


async def test_a_message_that_the_platform_does_not_delete_loses_its_notice_and_buttons() -> None:
    class Keeps(Paper):
        def _meet(self, fate: Fate, call: OutgoingCall) -> None:
            if isinstance(call, DeleteMessage):
                raise PlatformError(Code.NOT_ALLOWED, "cant_delete_message")
            super()._meet(fate, call)

    paper = Keeps(FakeClock(), limits=REPOSTS, edits=SCARCE_EDITS)
    async with studio(paper) as at:
        deliveries = await ended_at_once(at)
        await at.finish(*deliveries)
        pages = [sheet.page for sheet in paper.sheets.values()]
        assert [page for page in pages if page.text != words(20)] == [Page("w000")] * (len(pages) - 6)
        assert sum(page.text == words(20) for page in pages) == 6
        tried = sum(isinstance(call, DeleteMessage) for _, call in paper.calls)
        await at.finish(*await ended_at_once(at))
        assert sum(isinstance(call, DeleteMessage) for _, call in paper.calls) == tried, "none is tried again"


async def test_the_limits_of_channels_where_nothing_is_said_any_more_are_forgotten() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    async with studio(paper) as at:
        for number in range(1_200):
            delivery = at.delivery(number)
            delivery.show(Reply("hello", Phase.ENDED), at.clock.monotonic())
            await at.pass_s(0.3, step_s=0.3)
            at.scheduler.release(delivery)
        assert len(at.scheduler.limits()) <= 501
    assert paper.forbidden == []
    assert len(paper.sheets) == 1_200


async def test_more_answers_than_edits_end_as_fast_as_they_begin() -> None:
    """Ninety a minute, where 50 edits a minute are allowed: without reposts the answers that are open grow by 40 a
    minute."""
    paper = Paper(FakeClock(), limits=REPOSTS)
    open_at: list[int] = []
    async with studio(paper) as at:
        writing: set[asyncio.Task[None]] = set()
        for number in range(360):
            task = asyncio.create_task(write(at, number % 12, words(20), seconds=10, until="Writes."))
            writing.add(task)
            task.add_done_callback(writing.discard)
            await at.pass_s(60 / 90, step_s=60 / 90)
            open_at.append(len(writing))
        await at.pass_s(60)
        assert not writing
    assert max(open_at[240:]) <= max(open_at[120:240]) + 5
    assert paper.forbidden == []


@settings(max_examples=40, deadline=None)
@given(
    fates=FATES,
    left=st.integers(0, 3),
    begun=st.integers(0, 60),
    count=st.integers(1, 110),
    file_chars=st.sampled_from([0, 300]),
    grows=st.booleans(),
    waits=st.booleans(),
)
@example(fates=[Fate.WELL, Fate.SLOW], left=1, begun=93, count=93, file_chars=300, grows=False, waits=False)
@example(fates=[Fate.WELL, Fate.SLOW], left=2, begun=10, count=40, file_chars=0, grows=False, waits=False)
@example(fates=[Fate.WELL, Fate.NEVER], left=3, begun=10, count=60, file_chars=0, grows=False, waits=False)
@example(fates=[Fate.WELL, Fate.SLOW], left=0, begun=0, count=1, file_chars=0, grows=False, waits=False)
@example(fates=[Fate.WELL, Fate.SLOW], left=0, begun=1, count=1, file_chars=0, grows=False, waits=False)
@example(
    fates=[Fate.WELL, Fate.SLOW, Fate.NO], left=0, begun=1, count=1, file_chars=0, grows=False, waits=False
)
def test_no_word_is_missing_whatever_stood_there_before(
    fates: list[Fate], left: int, begun: int, count: int, file_chars: int, grows: bool, waits: bool
) -> None:
    """`left` messages of an earlier process, and `begun` words; even ones are of an answer that began otherwise."""

    async def run() -> None:
        paper = Paper(FakeClock(), list(fates), limits=LIMITS if grows else PLAIN)
        for number in range(left):
            paper.sheets[f"m{number}"] = Sheet(f"turn-0-{number}", Page(f"old {number}"))
        async with studio(paper, file_chars=file_chars) as at:
            delivery = at.delivery(0, tuple(paper.sheets), look_first=bool(left))
            first = words(begun) if begun % 2 else "Or " + words(begun)
            for text in (first[: len(first) // 2], first):
                delivery.show(Reply(text, Phase.WRITING), at.clock.monotonic())
                await at.pass_s(0.4)
            if waits and begun:
                delivery.show(Reply(first, Phase.WAITING, "Waiting."), at.clock.monotonic())
                await at.pass_s(0.8)
            delivery.show(Reply(words(count), Phase.ENDED, "Stopped."), at.clock.monotonic())
            await at.finish(delivery)
        said, shown = words(count).split(), paper.shown.split()
        if paper.files:
            assert list(paper.files.values()) == [words(count)]
        else:
            assert set(said) <= set(shown)
        if not {Fate.DONE, Fate.LOST, Fate.NO, Fate.NEVER} & set(fates):
            assert shown == said[: len(shown)], "no old word, and none twice"
            assert paper.notices == ["Stopped."]
        assert paper.forbidden == []

    asyncio.run(run())


@settings(max_examples=15, deadline=None)
@given(answers=st.integers(2, 30), seconds=st.sampled_from([0.5, 6.0]), fates=FATES)
def test_many_answers_share_the_budgets_and_none_is_asked_for_more(
    answers: int, seconds: float, fates: list[Fate]
) -> None:
    async def run() -> None:
        paper = Paper(FakeClock(), list(fates))
        async with studio(paper) as at:
            await paint(at, *[f"a{n:02d} {words(20)}" for n in range(answers)], seconds=seconds)
        assert paper.forbidden == []
        said = [word for n in range(answers) for word in f"a{n:02d} {words(20)}".split()]
        if {Fate.DONE, Fate.LOST} & set(fates) and {Fate.NO, Fate.NEVER} & set(fates):
            assert set(paper.shown.split()) == set(said)
        else:
            assert sorted(paper.shown.split()) == sorted(said)

    asyncio.run(run())


@pytest.mark.parametrize("scale", [0.5, 0.25])
async def test_with_tighter_limits_than_told_nothing_is_lost_and_refusals_become_rare(scale: float) -> None:
    paper = Paper(FakeClock(), scale=scale)
    async with studio(paper) as at:
        for _ in range(3):
            await paint(at, *[f"a{n:02d} {words(60)}" for n in range(12)])
            texts = paper.shown.split()
            assert sorted(texts) == sorted(w for n in range(12) for w in f"a{n:02d} {words(60)}".split())
            first = paper.refused if not paper.forbidden else 0
            refused, paper.refused = paper.refused, 0
            paper.sheets.clear()
            await at.pass_s(60)
    assert first >= refused
    assert refused <= 8


class Reticent(Paper):
    """All calls together are limited too, and of that limit only its refusals tell."""

    opened = -1.0
    used = 0

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        channel = f"{type(call).__name__}/{call.place.channel}"
        return (RateLimit(channel, 5, 1, window_s=5), RateLimit("bot", 48, 48, window_s=1))

    async def perform(self, call: OutgoingCall) -> str:
        try:
            return await super().perform(call)
        except PlatformError:
            await self.clock.sleep(self.latency_s)
            raise

    def _check_pace(self, call: OutgoingCall) -> None:
        now = self.clock.monotonic()
        if now >= self.opened + 1:
            self.opened, self.used = now, 0
        self.used += 1
        if self.used > 50 * self.scale:
            self.refused += 1
            refusal = PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=self.opened + 1 - now)
            refusal.scope = "bot"
            raise refusal


@pytest.mark.parametrize(("scale", "latency_s", "most"), [(1.0, 0.3, 0.0), (0.5, 0.1, 0.05), (0.5, 0.5, 0.1)])
async def test_a_limit_of_which_only_refusals_tell_is_learned_from_the_first_of_them(
    scale: float, latency_s: float, most: float
) -> None:
    paper = Reticent(FakeClock(), limits=PLAIN, scale=scale, latency_s=latency_s)
    async with studio(paper) as at:
        await paint(at, *[words(20)] * 120)
        first, calls = paper.refused, len(paper.calls)
        assert first <= most * calls
        await paint(at, *[words(20)] * 120)
    assert paper.refused - first <= most * (len(paper.calls) - calls) / 4
    assert all(sheet.page.text == words(20) for sheet in paper.sheets.values())


@pytest.mark.parametrize(("before", "waits"), [(0, False), (12, True)])
async def test_a_refusal_that_names_no_limit_is_laid_to_the_one_of_which_most_was_used(
    before: int, waits: bool
) -> None:
    """Nothing was used of either: it was the channel's. Twelve posts elsewhere: it was that of all posts."""
    paper = Paper(FakeClock(), [*[Fate.WELL] * before, Fate.SLOW], limits=PLAIN)
    async with studio(paper) as at:
        for number in range(before + 1):
            at.delivery(number).show(Reply("hello", Phase.WRITING), at.clock.monotonic())
        await at.pass_s(1)
        at.delivery(99).show(Reply("elsewhere", Phase.WRITING), at.clock.monotonic())
        await at.pass_s(1)
        assert ("elsewhere" not in paper.shown) is waits
        await at.pass_s(3)
        assert "elsewhere" in paper.shown
    assert paper.forbidden == []


async def test_first_words_of_a_new_answer_do_not_wait_for_the_middle_of_others() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        long = asyncio.gather(*(write(at, n, words(100), seconds=20) for n in range(12)))
        await at.pass_s(10)
        late = at.delivery(99)
        late.show(Reply("hello", Phase.WRITING), at.clock.monotonic())
        await at.pass_s(0.2)
        assert "hello" in paper.shown
        late.show(Reply("hello there", Phase.ENDED), at.clock.monotonic())
        await at.finish(late)
        await at.pass_s(60)
        await long


async def test_of_the_text_between_two_calls_only_the_newest_is_made_into_a_reply() -> None:
    paper, made = Paper(FakeClock(), limits=PLAIN), list[str]()

    def make(text: str) -> Reply:
        made.append(text)
        return Reply(text, Phase.WRITING)

    async with studio(paper) as at:
        delivery = at.delivery()
        for count in range(1, 101):
            delivery.show_newest(partial(make, words(count)), at.clock.monotonic())
            await at.pass_s(0.02)
        delivery.show(Reply(words(100), Phase.ENDED), at.clock.monotonic())
        await at.finish(delivery)
    assert paper.shown.split() == words(100).split()
    assert made == sorted(set(made), key=len)
    assert len(made) <= 2 * len(paper.calls)


async def test_one_answer_has_the_whole_burst_but_not_at_once() -> None:
    paper = Paper(FakeClock(), limits=replace(LIMITS, growth=replace(LIMITS.growth, size=5_000)))  # type: ignore[type-var]
    async with studio(paper) as at:
        await paint(at, words(300), seconds=6)
    times = [when for when, call in paper.calls if isinstance(call, AppendStream)]
    assert len(times) > 18
    assert min(after - before for before, after in pairwise(times)) > 0.1


async def test_while_it_grows_nothing_is_edited_and_it_is_stopped_with_what_stands_under_it() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        await paint(at, words(30), notice="Cut.")
    kinds = [type(call) for _, call in paper.calls]
    assert kinds[0] is StartStream
    assert kinds[-1] is StopStream
    assert EditMessage not in kinds
    assert [sheet.page for sheet in paper.sheets.values()] == [Page(words(30), "Cut.")]


async def test_a_growing_message_that_is_full_ends_and_another_goes_on() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        await paint(at, "```py\n" + words(150).replace(" w1", "\nw1") + "\n```")
    assert len(paper.sheets) > 2
    for sheet in paper.sheets.values():
        assert sheet.page.text.startswith("```py\n")
        assert sheet.page.text.rstrip().endswith("```")


async def test_a_growing_message_is_ended_before_its_life_is_and_edited_from_then_on() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        await paint(at, words(55), seconds=40)
    kinds = [type(call) for _, call in paper.calls]
    assert (kinds.count(StartStream), kinds.count(StopStream), kinds[-1]) == (1, 1, EditMessage)
    assert paper.shown == words(55)


async def test_a_growing_message_that_died_early_is_edited() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        writing = asyncio.ensure_future(write(at, 0, words(40), seconds=8))
        await at.pass_s(3)
        next(iter(paper.sheets.values())).died_at = 0.0
        await at.pass_s(20)
        await writing
    assert paper.shown == words(40)
    assert len(paper.sheets) == 1


async def test_words_of_unknown_fate_are_not_shown_twice() -> None:
    paper = Paper(FakeClock(), [Fate.WELL, Fate.WELL, Fate.DONE])
    async with studio(paper) as at:
        await paint(at, words(40))
    kinds = [type(call) for _, call in paper.calls]
    assert kinds[3:5] == [StopStream, EditMessage]
    assert paper.shown == words(40)


async def test_where_messages_cannot_grow_they_are_edited() -> None:
    class Still(Paper):
        def _do(self, call: object) -> str:
            if isinstance(call, StartStream):
                raise PlatformError(Code.UNSUPPORTED)
            return super()._do(call)  # type: ignore[arg-type]

    paper = Still(FakeClock())
    async with studio(paper) as at:
        await paint(at, words(20))
    kinds = [type(call) for _, call in paper.calls]
    assert kinds[:2] == [StartStream, PostMessage]
    assert paper.shown == words(20)


async def test_a_persons_stop_is_told_once_and_the_message_is_closed() -> None:
    class Stopped(Paper):
        def _do(self, call: object) -> str:
            if isinstance(call, AppendStream):
                raise PlatformError(Code.HALTED)
            return super()._do(call)  # type: ignore[arg-type]

    paper, told = Stopped(FakeClock()), []
    async with studio(paper) as at:
        delivery = at.delivery()
        delivery.on_stopped = lambda: told.append(True)
        delivery.show(Reply("one", Phase.WRITING), 0.0)
        await at.pass_s(1)
        delivery.show(Reply("one two", Phase.WRITING), at.clock.monotonic())
        await at.pass_s(3)
        delivery.show(Reply("one two", Phase.ENDED, "Stopped."), at.clock.monotonic())
        await at.finish(delivery)
    assert told == [True]
    assert [sheet.page for sheet in paper.sheets.values()] == [Page("one two", "Stopped.")]


async def test_an_edit_does_not_wait_until_a_post_is_written_down_and_the_next_post_does() -> None:
    paper, written_down = Paper(FakeClock(), limits=PLAIN), asyncio.Event()

    async def on_post(_: tuple[str, ...]) -> None:
        await written_down.wait()

    async with studio(paper) as at:
        delivery = at.delivery()
        delivery.on_post = on_post
        delivery.show(Reply("one", Phase.WRITING), 0.0)
        await at.pass_s(1)
        delivery.show(Reply("one two three", Phase.WRITING), at.clock.monotonic())
        await at.pass_s(5)
        assert paper.shown.startswith("one two")
        long = words(PLAIN.page_size // 4)
        delivery.show(Reply(long, Phase.ENDED), at.clock.monotonic())
        await at.pass_s(10)
        assert len(paper.sheets) == 1
        written_down.set()
        await at.finish(delivery)
    assert len(paper.sheets) > 1


async def test_after_a_restart_an_open_message_is_stopped_then_edited() -> None:
    paper = Paper(FakeClock())
    paper.sheets["m0"] = Sheet("turn-0-0", Page("half an ans"), growing=True, died_at=99.0)
    async with studio(paper) as at:
        delivery = at.delivery(0, ("m0",), look_first=True)
        delivery.show(Reply(words(10), Phase.ENDED), 0.0)
        await at.finish(delivery)
    assert [type(call) for _, call in paper.calls] == [EditMessage, StopStream, EditMessage]
    assert paper.shown == words(10)


async def test_messages_that_are_no_longer_needed_go() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    for number in range(3):
        paper.sheets[f"m{number}"] = Sheet(f"turn-0-{number}", Page(f"old {number}"))
    async with studio(paper) as at:
        delivery = at.delivery(0, ("m0", "m1", "m2"), look_first=True)
        delivery.show(Reply("short", Phase.ENDED, "Done."), 0.0)
        await at.finish(delivery)
    assert [type(call) for _, call in paper.calls] == [EditMessage, DeleteMessage, DeleteMessage]
    assert paper.shown == "short"
    assert at.ids["turn-0"] == ("m0",)


async def test_a_message_that_an_earlier_process_could_not_write_down_goes_too() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    paper.sheets["m0"] = Sheet("turn-0-0", Page("the beginning"))
    paper.sheets["m1"] = Sheet("turn-0-1", Page("and its rest"))
    async with studio(paper) as at:
        delivery = at.delivery(0, ("m0",), look_first=True)
        delivery.show(Reply("the beginning and its rest", Phase.ENDED), 0.0)
        await at.finish(delivery)
    assert [type(call) for _, call in paper.calls] == [EditMessage, DeleteMessage]
    assert paper.shown == "the beginning and its rest"
    assert at.ids["turn-0"] == ("m0",)


async def test_an_answer_does_not_wait_for_a_look_that_is_refused() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    paper.sheets["m0"] = Sheet("turn-0-0", Page("old"))
    paper.unfindable = True
    async with studio(paper) as at:
        delivery = at.delivery(0, ("m0",), look_first=True)
        delivery.show(Reply("new", Phase.ENDED), 0.0)
        await at.finish(delivery)
    assert paper.shown == "new"


@pytest.mark.parametrize("limits", [LIMITS, PLAIN], ids=["grows", "plain"])
@pytest.mark.parametrize(
    "text",
    [
        "\n" * 5_000 + "end",
        " " * 500 + "end",
        "a\n\n" + " " * 1_000 + "end",
        "```\n" + "\n" * 500 + "end",
        "\n" * 300,
    ],
    ids=["lines first", "spaces first", "spaces between", "lines in a block", "nothing else"],
)
async def test_a_page_of_blanks_is_passed_over(text: str, limits: Limits) -> None:
    paper = Paper(FakeClock(), limits=limits)
    async with studio(paper) as at:
        delivery = at.delivery()
        delivery.show(Reply(text, Phase.WRITING), 0.0)
        await at.pass_s(2)
        delivery.show(Reply(text, Phase.ENDED), at.clock.monotonic())
        await at.finish(delivery)
    assert paper.shown.rstrip("`\n").endswith("end" if "end" in text else "")


async def test_a_very_long_answer_ends_as_a_file_with_its_first_page_to_read() -> None:
    paper = Paper(FakeClock(), limits=PLAIN)
    async with studio(paper, file_chars=400) as at:
        await paint(at, words(200), seconds=10, notice="In the file.")
    assert list(paper.files.values()) == [words(200)]
    (left,) = [sheet.page for sheet in paper.sheets.values() if not sheet.deleted]
    assert words(200).startswith(left.text.strip())
    assert len(left.text) > 60
    assert left.notice == "In the file."


async def test_where_a_file_is_refused_every_word_stays_in_messages() -> None:
    class Fileless(Paper):
        def _do(self, call: object) -> str:
            if type(call).__name__ == "UploadFile":
                raise PlatformError(Code.NOT_ALLOWED)
            return super()._do(call)  # type: ignore[arg-type]

    paper = Fileless(FakeClock(), limits=PLAIN)
    async with studio(paper, file_chars=400) as at:
        await paint(at, words(200), seconds=10)
    assert paper.shown.split() == words(200).split()


async def test_an_answer_that_begins_anew_is_edited_as_a_whole() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as at:
        delivery = at.delivery()
        delivery.show(Reply("a first attempt", Phase.WRITING), 0.0)
        await at.pass_s(2)
        delivery.show(Reply("another one", Phase.ENDED), at.clock.monotonic())
        await at.finish(delivery)
    assert paper.shown == "another one"


async def test_words_refused_in_the_middle_do_not_end_the_delivery() -> None:
    paper = Paper(FakeClock(), [Fate.WELL, *[Fate.NO] * 3], limits=PLAIN)
    async with studio(paper) as at:
        await paint(at, words(20))
    assert paper.shown == words(20)
    assert len(paper.sheets) == 1


async def test_an_answer_whose_channel_is_gone_says_so() -> None:
    class Gone(Paper):
        def _do(self, call: object) -> str:
            raise PlatformError(Code.GONE)

    async with studio(Gone(FakeClock(), limits=PLAIN)) as at:
        delivery = at.delivery()
        delivery.show(Reply("hello", Phase.ENDED), 0.0)
        with pytest.raises(PlatformError) as raised:
            await at.finish(delivery)
    assert raised.value.code is Code.GONE


async def test_a_buttons_place_is_under_the_last_words() -> None:
    paper = Paper(FakeClock(), limits=Limits(page_size=120))
    async with studio(paper) as at:
        delivery = at.delivery()
        for count in (5, 40):
            delivery.show(Reply(words(count), Phase.WRITING, buttons=(STOP,)), at.clock.monotonic())
            await at.pass_s(5)
        assert [sheet.page.buttons for sheet in paper.sheets.values()] == [(), (STOP,)]
        delivery.show(Reply(words(40), Phase.ENDED), at.clock.monotonic())
        await at.finish(delivery)
    assert [sheet.page.buttons for sheet in paper.sheets.values()] == [(), ()]


async def test_an_answer_grows_faster_once_the_process_has_a_greater_part_of_the_limit() -> None:
    paper = Paper(FakeClock(), limits=PLAIN, edits=RateLimit("edit", 2, 2, window_s=1.0))
    async with studio(paper) as at:
        await paint(at, words(40), words(40), words(40))
        slow = sum(isinstance(call, EditMessage) for _, call in paper.calls)
        paper.calls.clear()
        paper.edits = RateLimit("edit", 20, 20, window_s=1.0)
        await paint(at, words(40), words(40), words(40))
        assert sum(isinstance(call, EditMessage) for _, call in paper.calls) > 2 * slow
        assert not paper.forbidden


async def test_an_answer_that_a_process_takes_over_goes_on_before_the_words_in_between_of_others() -> None:
    paper = Paper(FakeClock(), limits=PLAIN, edits=RateLimit("edit", 4, 1 / 30, reserve=3))
    paper.sheets["m0"] = Sheet("turn-9", Page("It"))
    async with studio(paper) as at:
        begun = at.delivery(0)
        begun.show(Reply("It begins"), at.clock.monotonic())
        await at.pass_s(2.0)
        begun.show(Reply("It begins and grows"), at.clock.monotonic())
        await at.pass_s(2.0)
        begun.show(Reply("It begins and grows and waits"), at.clock.monotonic())
        await at.pass_s(5.0)
        assert paper.sheets["m1"].page.text == "It begins and ", "three edits are kept for last words"
        taken_over = at.delivery(9, ("m0",), look_first=True)
        taken_over.show(Reply("It goes on"), at.clock.monotonic())
        await at.pass_s(0.5)
        assert paper.sheets["m0"].page.text == "It goes "
        taken_over.show(Reply("It goes on and waits"), at.clock.monotonic())
        await at.pass_s(5.0)
        assert paper.sheets["m0"].page.text == "It goes ", "from then on it is one of them"


async def test_a_growing_message_of_a_process_that_has_ended_is_stopped_and_goes_on_at_once() -> None:
    paper = Paper(FakeClock(), fates=[Fate.WELL])
    paper.sheets["m0"] = Sheet("turn-9", Page("It"), growing=True, died_at=1000.0)
    async with studio(paper) as at:
        taken_over = at.delivery(9, ("m0",), look_first=True)
        taken_over.show(Reply("It goes on"), at.clock.monotonic())
        await at.pass_s(0.4)
        assert paper.sheets["m0"].page.text == "It goes "
        assert not paper.sheets["m0"].growing
