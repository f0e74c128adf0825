"""`find` and `question_exists`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.platform_calls import PlatformCalls
from core.ports.connector import RereadsQuestions
from core.values.conversation import Ask
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer
from core.values.outgoing import DeleteMessage, Page, PostMessage
from tests.contract.platform.boundary import FULL, holds, page_call, refusal
from tests.contract.rigs.rig import CUT, LOST, Rig, post
from tests.waiting import until


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


async def answered(rig: Rig, text: str = "what is a loom?") -> tuple[EarlierAnswer, RereadsQuestions]:
    """A question with its answer, as it may be a source later."""
    installation = rig.installation
    if not isinstance(installation, RereadsQuestions):
        rig.cannot("its messages are Parley's own")
    ask = await rig.ask(text)
    posted = await installation.perform(post(ask, Page("An answer.")))
    return EarlierAnswer(1, ask.place, ask.id, ask.author, ask.at, ask.text, "An answer.", posted), installation


@pytest.mark.parametrize("text", ["what is a loom?", "what is *a* <loom> & a [shuttle](x)?"])
async def test_an_answered_question_that_is_as_it_was_is_no_change(rig: Rig, text: str) -> None:
    source, installation = await answered(rig, text)
    assert await installation.reread(source) is None
    assert await installation.reread(replace(source, question_id="no-message")) is None
    assert await installation.reread(replace(source, answer_id="")) is None


async def test_an_edit_is_found_with_the_words_that_the_event_tells(rig: Rig) -> None:
    source, installation = await answered(rig)
    ask = next(one for one in rig.inbox.of(Ask) if one.id == source.question_id)
    await rig.edit(ask, "what is *a* <mill>?")
    await until(lambda: bool(rig.inbox.of(Edited)))
    found, told = await installation.reread(source), rig.inbox.of(Edited)[0]
    assert isinstance(found, Edited)
    assert (found.message_id, found.text) == (told.message_id, told.text)


async def test_a_deletion_of_the_question_is_found(rig: Rig) -> None:
    source, installation = await answered(rig)
    ask = next(one for one in rig.inbox.of(Ask) if one.id == source.question_id)
    await rig.delete(ask)
    assert await installation.reread(source) == Deleted(source.place, source.question_id)


async def test_a_deletion_of_the_answer_is_found(rig: Rig) -> None:
    source, installation = await answered(rig)
    await installation.perform(DeleteMessage(source.place, source.answer_id))  # type: ignore[attr-defined]
    assert await installation.reread(source) == Deleted(source.place, source.answer_id)


async def test_changes_are_heard_from_the_beginning_of_the_connection_on(idle: Rig) -> None:
    if not isinstance(idle.installation, RereadsQuestions):
        idle.cannot("its messages are Parley's own")
    assert idle.installation.heard_since is None
    before = datetime.now(UTC)
    await idle.start()
    await until(lambda: (PlatformCalls(idle.installation).heard_since or before) > before)
