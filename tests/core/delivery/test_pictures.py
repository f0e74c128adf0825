"""Pictures behind an answer: posted once its text is shown, each once, and never at the expense of the text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.delivery.answer import AnswerDelivery
from core.errors import Code, PlatformError
from core.values.outgoing import (
    AnswerPicture,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    Phase,
    PostMessage,
    Reply,
    UploadFile,
)
from tests.core.delivery.rig import Fate, Paper, Studio, studio
from tests.fakes.clock import FakeClock

CHART, MAP = (
    AnswerPicture(f"turn-0-picture-{number}.png", f"Picture {number}", "image/png", content)
    for number, content in enumerate((b"chart", b"map"), 1)
)
ENDED = Reply("Here it is.", Phase.ENDED, pictures=(CHART, MAP))


async def written(made: Studio, reply: Reply = ENDED, **kept: object) -> AnswerDelivery:
    delivery = made.delivery(**kept)  # type: ignore[arg-type]
    delivery.show(reply, made.clock.monotonic())
    await made.finish(delivery)
    return delivery


def calls(paper: Paper) -> list[str]:
    return [call.name if isinstance(call, UploadFile) else type(call).__name__ for _, call in paper.calls]


async def test_they_follow_the_whole_text_in_order_and_name_the_answers_message() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        delivery = await written(made)
    assert calls(paper) == ["PostMessage", CHART.name, MAP.name]
    uploads = [call for _, call in paper.calls if isinstance(call, UploadFile)]
    assert [(one.under, one.content, one.title) for one in uploads] == [
        ("m0", b"chart", "Picture 1"),
        ("m0", b"map", "Picture 2"),
    ]
    assert (delivery.pictures.shown, delivery.pictures.refused) == ([CHART, MAP], [])
    assert paper.forbidden == []


async def test_none_is_posted_before_the_end() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        made.delivery().show(Reply("Here", Phase.WRITING, pictures=(CHART,)), made.clock.monotonic())
        await made.pass_s(5)
    assert not paper.files


@pytest.mark.parametrize(
    ("fates", "missing"),
    [
        ([Fate.SLOW, Fate.AWAY, Fate.LOST, Fate.DONE], []),
        ([Fate.NO], [Code.REJECTED]),
        ([Fate.NEVER], [Code.NOT_ALLOWED]),
        ([Fate.AWAY] * 5, [Code.UNAVAILABLE]),
    ],
    ids=["passing", "refused", "not allowed", "away"],
)
async def test_one_that_is_refused_for_good_is_left_out_and_the_next_follows(
    fates: list[Fate], missing: list[Code]
) -> None:
    paper = Paper(FakeClock(), [Fate.WELL, *fates])
    async with studio(paper) as made:
        delivery = await written(made)
        assert delivery.pictures.refused == missing
        assert delivery.pictures.shown == ([MAP] if missing else [CHART, MAP])
        delivery.show(Reply(ENDED.text, Phase.ENDED, "One is missing.", pictures=ENDED.pictures), 0.0)
        await made.finish(delivery)
    assert set(paper.files) == {one.name for one in delivery.pictures.shown}
    assert paper.notices == ["One is missing."], "the answer can still say so"


async def test_after_a_crash_those_that_were_posted_are_found_and_the_others_follow() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        await written(made)
        del paper.files[MAP.name]  # the process ended between the two
        paper.calls.clear()
        delivery = await written(made, posted=("m0",), look_first=True)
    assert [name for name in calls(paper) if name.endswith("png")] == [MAP.name]
    assert delivery.pictures.shown == [CHART, MAP]


async def test_none_follows_an_answer_that_was_deleted() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        delivery = made.delivery()
        delivery.show(Reply("Here", Phase.WRITING), made.clock.monotonic())
        await made.pass_s(2)
        delivery.remove("m0")
        delivery.show(ENDED, made.clock.monotonic())
        await made.pass_s(5)
    assert not paper.files


async def test_they_follow_an_answer_that_became_a_file() -> None:
    paper = Paper(FakeClock())
    async with studio(paper, file_chars=400) as made:
        await written(made, Reply("word " * 100, Phase.ENDED, pictures=(CHART,)))
    names = [name for name in calls(paper) if "." in name]
    assert names == ["turn-0-answer.md", CHART.name]
    assert DeleteMessage.__name__ not in calls(paper)[-1:]


def _page(call: OutgoingCall) -> Page:
    return call.page if isinstance(call, PostMessage | EditMessage) else Page("")


class RefusesPictures(Paper):
    """Raises the next of `errors` for each picture, until None is left."""

    errors: list[PlatformError | None]

    async def perform(self, call: OutgoingCall) -> str:
        is_upload = isinstance(call, UploadFile) and call.under
        if (is_upload or _page(call).picture) and self.errors and (error := self.errors.pop(0)):
            raise error
        return await super().perform(call)


async def test_rate_limits_cost_a_picture_none_of_its_tries() -> None:
    paper = RefusesPictures(FakeClock())
    slow = PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=1.0)
    paper.errors = [slow, slow, slow, slow, PlatformError(Code.UNAVAILABLE, retryable=True)]
    async with studio(paper) as made:
        delivery = await written(made)
    assert (delivery.pictures.shown, delivery.pictures.refused) == ([CHART, MAP], [])


async def test_a_token_that_is_refused_for_a_moment_costs_no_picture() -> None:
    paper = RefusesPictures(FakeClock())
    paper.errors = [PlatformError(Code.BAD_TOKEN)]
    async with studio(paper) as made:
        delivery = await written(made)
    assert (delivery.pictures.shown, delivery.pictures.refused) == ([CHART, MAP], [])


async def test_where_earlier_messages_can_not_be_read_the_picture_is_posted() -> None:
    """A platform with keys that it takes once, such as Discord's nonces, does not show it twice."""
    paper = RefusesPictures(FakeClock())
    paper.errors, paper.unreadable = [], True
    async with studio(paper) as made:
        delivery = await written(made, look_first=True)
    assert (delivery.pictures.shown, delivery.pictures.refused) == ([CHART, MAP], [])
    assert len(paper.sheets) == 1


async def test_a_picture_behind_a_refused_one_is_found_again_after_a_restart() -> None:
    paper = RefusesPictures(FakeClock())
    async with studio(paper) as made:
        for look_first in (False, True):
            paper.errors = [PlatformError(Code.REJECTED)]
            posted = made.ids.get("turn-0", ())
            delivery = made.delivery(0, posted, look_first=look_first)
            delivery.show(ENDED, made.clock.monotonic())
            await made.finish(delivery)
            made.scheduler.release(delivery)
    assert calls(paper).count(MAP.name) == 1


WITHIN = Reply("The report.", Phase.ENDED, embedded=CHART)
SLOW = PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=1.0)
AWAY = PlatformError(Code.UNAVAILABLE, retryable=True)


def pictures(paper: Paper) -> list[AnswerPicture | None]:
    return [sheet.page.picture for sheet in paper.sheets.values() if not sheet.deleted]


@pytest.mark.parametrize("notice", ["", "It is short.", "A notice that needs a message of its own. " * 3])
async def test_a_picture_within_an_answer_is_in_the_message_with_its_caption(notice: str) -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        await written(made, Reply("word " * 60 + "\n\n_Bars._", Phase.ENDED, notice, embedded=CHART))
    assert len(paper.sheets) > 1
    within = [sheet.page for sheet in paper.sheets.values() if sheet.page.picture is not None]
    assert [page.text.endswith("_Bars._") for page in within] == [True]
    assert "EditMessage" not in calls(paper)


async def test_a_picture_within_a_message_waits_for_the_end() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        delivery = made.delivery()
        delivery.show(replace(WITHIN, phase=Phase.WRITING), made.clock.monotonic())
        await made.pass_s(5)
        assert pictures(paper) == [None]
        delivery.show(WITHIN, made.clock.monotonic())
        await made.finish(delivery)
    assert pictures(paper) == [CHART]


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ([SLOW] * 6, None),
        ([AWAY] * 6, None),
        ([PlatformError(Code.REJECTED)], Code.REJECTED),
        ([PlatformError(Code.APP_SETUP)], Code.APP_SETUP),
    ],
    ids=["slow", "away", "refused", "not allowed"],
)
async def test_the_text_is_posted_once_without_a_picture_that_its_message_is_refused_for(
    errors: list[PlatformError | None], why: Code | None
) -> None:
    paper = RefusesPictures(FakeClock())
    paper.errors = [*errors]
    async with studio(paper) as made:
        delivery = await written(made, WITHIN)
        assert delivery.pictures.not_embedded == why
        delivery.show(replace(WITHIN, notice="It is missing."), made.clock.monotonic())
        await made.finish(delivery)
    assert pictures(paper) == [None if why else CHART]
    assert paper.notices == ["It is missing."]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.DONE])
async def test_a_message_with_a_picture_that_may_have_been_posted_is_looked_for(fate: Fate) -> None:
    paper = Paper(FakeClock(), [fate])
    async with studio(paper) as made:
        await written(made, WITHIN)
    assert pictures(paper) == [CHART]


async def test_a_message_that_is_refused_for_its_text_too_is_an_error() -> None:
    paper = Paper(FakeClock(), blocked="report")
    async with studio(paper) as made:
        with pytest.raises(PlatformError):
            await written(made, WITHIN)


async def test_after_a_crash_a_message_gets_its_picture_again_and_there_is_no_second_one() -> None:
    paper = Paper(FakeClock())
    async with studio(paper) as made:
        await written(made, WITHIN)
        await written(made, WITHIN, posted=("m0",), look_first=True)
    assert pictures(paper) == [CHART]
