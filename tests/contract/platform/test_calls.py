"""`perform`: a page that is posted or edited is shown whole. `typing` never fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import Code
from core.values.outgoing import AnswerPicture, EditMessage, Page, PostMessage, page_length
from core.values.places import Place
from tests.contract.platform.boundary import FULL, SCRIPTS, filled, holds, refusal
from tests.contract.rigs.rig import Rig, post


@holds("perform")
async def test_what_is_posted_is_what_is_shown(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, FULL))
    (shown,) = await rig.shown(ask.place)
    assert (shown.id, shown.text, shown.notice) == (posted, FULL.text, FULL.notice)
    assert shown.buttons == ("Try again",)


@holds("perform")
async def test_an_edit_shows_the_complete_new_view(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, FULL))
    views = (Page("A machine."), Page("", "Something went wrong."), FULL, replace(FULL, buttons=()))
    for page in views:
        assert (
            await rig.installation.perform(EditMessage(ask.place, posted, page, ask.interaction_token))
            == posted
        )
        (shown,) = await rig.shown(ask.place)
        assert (shown.text, shown.notice, len(shown.buttons)) == (page.text, page.notice, len(page.buttons))


@holds("perform")
async def test_pages_stand_in_the_order_in_which_they_were_posted(rig: Rig) -> None:
    ask = await rig.ask()
    ids = [await rig.installation.perform(post(ask, Page(text))) for text in ("one", "two", "three")]
    assert [(shown.id, shown.text) for shown in await rig.shown(ask.place)] == list(
        zip(ids, ("one", "two", "three"), strict=True)
    )


@holds("perform")
@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_full_page_is_taken_whole(rig: Rig, script: str) -> None:
    limits = rig.installation.limits
    text = filled(SCRIPTS[script], limits.page_size, limits.page_unit)
    assert page_length(text, limits.page_unit) == limits.page_size
    ask = await rig.ask()
    page = Page(text, "Stopped.", FULL.buttons)
    posted = await rig.installation.perform(post(ask, page))
    assert [(m.text, m.notice) for m in await rig.shown(ask.place)] == [(text, "Stopped.")]
    await rig.installation.perform(EditMessage(ask.place, posted, Page("…"), ask.interaction_token))
    await rig.installation.perform(EditMessage(ask.place, posted, page, ask.interaction_token))
    assert [(m.text, m.notice) for m in await rig.shown(ask.place)] == [(text, "Stopped.")]


@holds("perform")
async def test_no_mention_fires(rig: Rig) -> None:
    words = " and ".join(rig.mentions)
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, Page(words, words)))
    await rig.installation.perform(
        EditMessage(ask.place, posted, Page(f"{words}!", words), ask.interaction_token)
    )
    assert rig.alerts() == []


@holds("perform", "channel")
async def test_a_channel_itself_can_be_posted_to(rig: Rig) -> None:
    place = await rig.installation.channel(rig.channel())
    assert (place.platform, place.channel, place.thread) == (rig.platform.name, rig.channel(), "")
    posted = await rig.installation.perform(PostMessage(place, Page("12 questions"), "digest/1"))
    assert [(shown.id, shown.text) for shown in await rig.shown(place)] == [(posted, "12 questions")]


@holds("perform", "channel")
async def test_a_channel_that_is_not_there_is_refused_at_the_latest_when_it_is_posted_to(rig: Rig) -> None:
    async def post_there() -> None:
        place = await rig.installation.channel("404404")
        await rig.installation.perform(PostMessage(place, Page("12 questions"), "digest/1"))

    assert (await refusal(rig, post_there())).code is Code.GONE


@holds("typing")
async def test_typing_is_shown(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.typing(ask.place)
    assert await rig.typed(ask.place)


@holds("typing")
async def test_typing_that_fails_is_no_error(rig: Rig) -> None:
    ask = await rig.ask()
    rig.break_typing()
    await rig.installation.typing(ask.place)
    assert not await rig.typed(ask.place)


@holds("typing")
async def test_typing_without_a_connection_is_no_error(idle: Rig) -> None:
    await idle.installation.typing(Place(idle.platform.name, "1", idle.channel(), "1"))


PICTURE = AnswerPicture(
    "summary-1-chart.png", "Questions: 12, the most 9 (4 Nov).", "image/png", b"\x89PNG picture"
)


@holds("perform")
async def test_a_page_with_a_picture_shows_it_within_its_message_and_an_edit_keeps_it(rig: Rig) -> None:
    ask = await rig.ask()
    page = replace(FULL, picture=PICTURE)
    posted = await rig.installation.perform(post(ask, page))
    for text in (FULL.text, "12 questions"):
        (shown,) = await rig.shown(ask.place)
        assert (shown.id, shown.text, shown.notice) == (posted, text, FULL.notice)
        assert await rig.pictures(ask.place) == [(PICTURE.title, PICTURE.content)]
        changed = replace(page, text="12 questions")
        await rig.installation.perform(EditMessage(ask.place, posted, changed, ask.interaction_token))


@holds("perform")
async def test_a_message_gets_a_picture_by_an_edit(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, FULL))
    page = replace(FULL, picture=PICTURE)
    await rig.installation.perform(EditMessage(ask.place, posted, page, ask.interaction_token))
    assert [shown.id for shown in await rig.shown(ask.place)] == [posted]
    assert await rig.pictures(ask.place) == [(PICTURE.title, PICTURE.content)]
