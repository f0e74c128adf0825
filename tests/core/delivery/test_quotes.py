"""Answers under a quote, such as the transcript of a voice message: the quote is no part of the answer."""

from __future__ import annotations

import pytest

from core.values.outgoing import DeleteMessage, EditMessage, Phase, PostMessage, Reply, UploadFile
from tests.core.delivery.rig import Paper, Studio, studio
from tests.fakes.clock import FakeClock

QUOTE = "> clip.ogg: call me back\n\n"


async def answered(made: Studio, text: str) -> tuple[str, ...]:
    """The ids of the messages of an answer under `QUOTE` that has ended."""
    delivery = made.delivery()
    delivery.quote = QUOTE
    delivery.show(Reply(text, Phase.ENDED), made.clock.monotonic())
    await made.finish(delivery)
    made.scheduler.release(delivery)
    return tuple(delivery.posted)


@pytest.mark.parametrize("length", [380, 400, 420])
async def test_an_answer_becomes_a_file_by_its_own_length_and_the_file_has_its_own_words(length: int) -> None:
    paper, text = Paper(FakeClock()), ("word " * 100)[:length]
    async with studio(paper, file_chars=400) as made:
        await answered(made, text)
    assert list(paper.files.values()) == ([text] if length > 400 else [])
    assert paper.shown.startswith(QUOTE)


@pytest.mark.parametrize(("length", "file_chars"), [(80, 0), (380, 0), (420, 400), (420, 0)])
async def test_a_quote_is_removed_in_the_messages_that_the_answer_has(length: int, file_chars: int) -> None:
    paper, text = Paper(FakeClock()), ("word " * 100)[:length].strip()
    async with studio(paper, file_chars=file_chars) as made:
        posted = await answered(made, text)
        before = len(paper.calls)
        corrected = made.delivery(0, posted)
        corrected.correct(Reply(text, Phase.ENDED, "Cut short."), made.clock.monotonic())
        await made.finish(corrected)
    made_calls = [call for _, call in paper.calls[before:]]
    assert not [call for call in made_calls if isinstance(call, PostMessage | UploadFile)]
    assert {type(call) for call in made_calls} <= {EditMessage, DeleteMessage}
    assert QUOTE.strip() not in paper.shown
    whole = "".join(paper.files.values()) or " ".join(paper.shown.split())
    assert whole.split() == text.split()
    assert paper.notices == ["Cut short."]


async def test_a_quote_that_is_dropped_is_no_part_of_the_words_that_can_be_read() -> None:
    paper = Paper(FakeClock())
    async with studio(paper, file_chars=0) as made:
        delivery = made.delivery()
        delivery.quote = QUOTE
        delivery.show(Reply("one two three", Phase.WRITING), made.clock.monotonic())
        await made.pass_s(3)
        assert paper.shown.startswith(QUOTE)
        delivery.drop_quote(made.clock.monotonic())
        assert "clip.ogg" not in "".join(delivery.standing)
        await made.pass_s(3)
        assert paper.shown.startswith("one two")
        made.scheduler.release(delivery)
