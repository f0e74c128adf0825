"""`find` and `question_exists`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.values.outgoing import Page, PostMessage
from tests.contract.platform.boundary import FULL, holds, page_call, refusal
from tests.contract.rigs.rig import CUT, LOST, Rig, post


@holds("find", "perform")
@pytest.mark.parametrize("restarted", [False, True], ids=("same process", "restarted"))
@pytest.mark.parametrize("way", [LOST, CUT])
async def test_after_an_uncertain_post_one_message_stands(rig: Rig, way: str, restarted: bool) -> None:
    lost = await page_call(rig, "post")
    assert isinstance(lost, PostMessage)
    await rig.uncertain(lost, way)
    await refusal(rig, rig.installation.perform(lost))
    if restarted:
        await rig.restart()
    found = await rig.installation.find(lost)
    assert (found is not None) == (way == LOST)
    posted = found or await rig.installation.perform(lost)
    assert [shown.text for shown in await rig.shown(lost.place)] == ["A first page.", FULL.text]
    assert (await rig.shown(lost.place))[-1].id == posted
    assert await rig.installation.find(lost) == posted


@holds("find")
async def test_a_post_of_another_key_is_not_taken_for_it(rig: Rig) -> None:
    ask = await rig.ask()
    one, two = post(ask, Page("one"), "turn-1/0"), post(ask, Page("two"), "turn-1/1")
    first = await rig.installation.perform(one)
    assert await rig.installation.find(two) is None
    second = await rig.installation.perform(two)
    assert [await rig.installation.find(call) for call in (one, two)] == [first, second]


@holds("find", "channel")
async def test_a_post_to_a_channel_is_found_too(rig: Rig) -> None:
    place = await rig.installation.channel(rig.channel())
    call = PostMessage(place, Page("12 questions"), "digest/1")
    assert await rig.installation.find(call) is None
    posted = await rig.installation.perform(call)
    assert await rig.installation.find(call) == posted


@holds("question_exists")
async def test_a_question_stands_until_it_is_deleted(rig: Rig) -> None:
    ask = await rig.ask()
    assert await rig.installation.question_exists(ask)
    await rig.installation.perform(post(ask, Page("An answer.")))
    assert await rig.installation.question_exists(ask)
    await rig.delete(ask)
    assert not await rig.installation.question_exists(ask)
    assert await rig.installation.question_exists(replace(ask, id="no-message"))
