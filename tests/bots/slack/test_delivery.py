"""Answers painted by the core's scheduler on the real Slack platform, against a workspace with limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.slack import LIMITS
from bots.slack.connector import SlackConnector
from core.clock import SystemClock
from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.errors import Code, PlatformError
from core.platform_calls import PlatformCalls
from core.values.conversation import Ask
from core.values.outgoing import Growth, Page, Phase, Reply, StartStream
from core.values.places import Person, Place
from core.values.ui import Button
from tests.fakes.slack import DOCUMENTED, FakeSlack, Message, scaled
from tests.waiting import HANG_S

AGAIN = Button("again", "Again", 7)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack
        assert slack.client_errors == []


@pytest.fixture
async def platform(slack: FakeSlack) -> AsyncIterator[SlackConnector]:
    platform = SlackConnector(
        bot_token=slack.bot_token, app_token=slack.app_token, api_url=slack.api_url, clock=SystemClock()
    )
    yield platform
    await platform.installation.close()


@asynccontextmanager
async def delivering(platform: SlackConnector, *, file_chars: int = 0) -> AsyncIterator[DeliveryScheduler]:
    scheduler = DeliveryScheduler(PlatformCalls(platform.installation), SystemClock(), file_chars=file_chars)
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def delivery(
    scheduler: DeliveryScheduler,
    root: str,
    channel: str = "C1",
    posted: tuple[str, ...] = (),
    reader: str = "U1",
) -> AnswerDelivery:
    async def on_post(_: tuple[str, ...]) -> None:
        """Nothing is stored here."""

    place = Place("slack", "T1", channel, root)
    ask = Ask(root, place, Person(reader), "?", datetime.now(UTC))
    return scheduler.delivery(ask, f"turn-{channel}", on_post, posted, look_first=bool(posted))


def words(count: int) -> str:
    return " ".join(f"w{number:04d}" for number in range(count))


async def write(delivery: AnswerDelivery, text: str, seconds: float, notice: str = "") -> None:
    clock = SystemClock()
    steps = max(1, int(seconds / 0.02))
    for step in range(1, steps + 1):
        delivery.show(Reply(text[: len(text) * step // steps], Phase.WRITING), clock.monotonic())
        await clock.sleep(0.02)
    delivery.show(Reply(text, Phase.ENDED, notice, (AGAIN,)), clock.monotonic())
    async with asyncio.timeout(HANG_S):
        await delivery.finished()


def answers(slack: FakeSlack, root: str, channel: str = "C1") -> list[Message]:
    return [message for message in slack.thread(channel, root)[1:] if not message.deleted]


async def test_an_answer_grows_natively_and_ends_with_its_notice_and_buttons(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.limits = DOCUMENTED
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), words(60), 0.6, "Cut.")
    (answer,) = answers(slack, root)
    assert answer.visible == words(60) + "\nCut."
    assert answer.buttons == ["Again"]
    assert not answer.streaming
    methods = [call.method for call in slack.calls if call.method.startswith("chat.")]
    assert (methods[0], methods[-1]) == ("chat.startStream", "chat.stopStream")
    assert set(methods[1:-1]) == {"chat.appendStream"}
    started = slack.called("chat.startStream")[0].args
    assert (started["recipient_team_id"], started["recipient_user_id"]) == ("T1", "U1")


@pytest.mark.parametrize("error", ["unknown_method", "missing_scope"])
async def test_where_native_streaming_is_unknown_answers_are_edited_and_it_is_not_tried_again(
    slack: FakeSlack, platform: SlackConnector, error: str
) -> None:
    slack.fail("chat.startStream", None, error=error)
    root, other = await slack.say("U1", "C1", "?"), await slack.say("U1", "C2", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), words(20), 0.3)
        await write(delivery(scheduler, other, "C2"), words(20), 0.3)
    assert [message.visible for message in answers(slack, root)] == [words(20)]
    assert [message.visible for message in answers(slack, other, "C2")] == [words(20)]
    assert len(slack.called("chat.startStream")) == 1


async def test_an_answer_grows_for_somebody_of_another_workspace_too(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.space.add_person("U4", "dan", "Dan Away", team="T2")
    root = await slack.say("U4", "C1", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root, reader="U4"), words(40), 0.3)
    assert [message.visible for message in answers(slack, root)] == [words(40)]
    (started,) = slack.called("chat.startStream")
    assert (started.args["recipient_team_id"], started.outcome) == ("T2", "ok")


@pytest.mark.parametrize("error", ["team_not_found", "user_not_found", "channel_type_not_supported"])
async def test_an_answer_that_cannot_grow_for_its_reader_is_edited_and_others_grow(
    slack: FakeSlack, platform: SlackConnector, error: str
) -> None:
    slack.fail("chat.startStream", error=error)
    root, other = await slack.say("U1", "C1", "?"), await slack.say("U1", "C2", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), words(20), 0.3)
        await write(delivery(scheduler, other, "C2"), words(20), 0.3)
    assert [message.visible for message in answers(slack, root)] == [words(20)]
    assert [call.outcome for call in slack.called("chat.startStream")] == [error, "ok"]


async def test_a_long_answer_rolls_over_before_slack_refuses_more(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", "?")
    text = "界" * 2_900 + "\n\n```python\n" + "x = '界'\n" * 900 + "```\nDone."
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), text, 1.0)
    shown = [message.visible for message in answers(slack, root)]
    assert len(shown) >= 2
    assert "".join(shown).count("界") == text.count("界")
    assert all(page.count("```") % 2 == 0 for page in shown)
    assert all(call.method != "chat.update" for call in slack.calls)


async def test_a_stream_that_slack_ended_early_is_finished_by_edits(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform) as scheduler:
        writing = asyncio.create_task(write(delivery(scheduler, root), words(60), 1.0))
        await slack.wait_for(lambda: slack.called("chat.appendStream"))
        slack.clock.advance(301)
        await writing
    assert [message.visible for message in answers(slack, root)] == [words(60)]


async def test_an_old_stream_is_stopped_in_time(slack: FakeSlack, platform: SlackConnector) -> None:
    platform.installation.limits = replace(LIMITS, growth=Growth(size=9_000, life_s=0.5))
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), words(60), 1.2)
    assert [message.visible for message in answers(slack, root)] == [words(60)]
    assert len(slack.called("chat.stopStream")) == 1
    assert slack.called("chat.update")


@pytest.mark.parametrize("effect", ["before", "after"])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_a_call_of_unknown_fate_doubles_no_word(
    slack: FakeSlack, platform: SlackConnector, method: str, effect: str
) -> None:
    slack.fail(method, drop=effect)
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root), words(40), 0.8, "Cut.")
    assert [message.visible for message in answers(slack, root)] == [words(40) + "\nCut."]


async def test_after_a_restart_an_open_stream_is_closed_and_goes_on(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", "?")
    place = Place("slack", "T1", "C1", root)
    left = await platform.installation.perform(StartStream(place, "half an ans", "turn-C1-0", root, "U1"))
    async with delivering(platform) as scheduler:
        await write(delivery(scheduler, root, posted=(left,)), words(10), 0.2)
    (answer,) = answers(slack, root)
    assert (answer.ts, answer.visible) == (left, words(10))


async def test_a_stream_whose_id_was_never_stored_is_found_after_a_restart(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", "?")
    place = Place("slack", "T1", "C1", root)
    left = await platform.installation.perform(StartStream(place, "half an ans", "turn-C1-0", root, "U1"))
    async with delivering(platform) as scheduler:
        made = delivery(scheduler, root)
        made.look_first = True
        await write(made, words(10), 0.2)
    (answer,) = answers(slack, root)
    assert (answer.ts, answer.visible) == (left, words(10))


async def test_a_persons_stop_reaches_the_writer(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", "?")
    stopped = asyncio.Event()
    async with delivering(platform) as scheduler:
        made = delivery(scheduler, root)
        made.on_stopped = stopped.set
        clock = SystemClock()
        made.show(Reply("one ", Phase.WRITING), clock.monotonic())
        await slack.wait_for(lambda: answers(slack, root))
        await slack.stop_session("U1", "C1", root)
        made.show(Reply("one two ", Phase.WRITING), clock.monotonic())
        async with asyncio.timeout(HANG_S):
            await stopped.wait()
        made.show(Reply("one two ", Phase.ENDED, "Stopped."), clock.monotonic())
        await asyncio.wait_for(made.finished(), HANG_S)
    assert [message.visible for message in answers(slack, root)] == ["one two \nStopped."]


async def test_no_mention_fires_from_a_message_that_grows(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", "?")
    text = "Hey <!channel> and <@U1> and <!subteam^S1|x> and <#C1>, a < b. "
    async with delivering(platform) as scheduler:
        made, clock = delivery(scheduler, root), SystemClock()
        for end in range(1, len(text) + 1):
            made.show(Reply(text[:end], Phase.WRITING), clock.monotonic())
            await clock.sleep(0.01)
        made.show(Reply(text, Phase.ENDED), clock.monotonic())
        await asyncio.wait_for(made.finished(), HANG_S)
    (answer,) = answers(slack, root)
    assert answer.pings == []
    assert answer.visible.replace("\u200b", "") == text
    assert len(slack.called("chat.appendStream")) > 1


@pytest.mark.parametrize("scale", [1.0, 0.5])
async def test_twelve_answers_at_once_lose_nothing(
    slack: FakeSlack, platform: SlackConnector, scale: float
) -> None:
    slack.limits = scaled(DOCUMENTED, scale)
    for number in range(12):
        slack.space.add_channel(f"CB{number}", f"bench-{number}")
    roots = [await slack.say("U1", f"CB{number}", "?") for number in range(12)]
    async with delivering(platform) as scheduler:
        await asyncio.gather(
            *(write(delivery(scheduler, root, f"CB{n}"), words(40), 0.6) for n, root in enumerate(roots))
        )
    for number, root in enumerate(roots):
        shown = " ".join(message.visible for message in answers(slack, root, f"CB{number}"))
        assert shown.split() == words(40).split()
    assert scale < 1 or not slack.refused


async def test_an_answer_over_the_limit_of_messages_ends_as_a_file(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", "?")
    text = words(2_000)
    async with delivering(platform, file_chars=6_000) as scheduler:
        await write(delivery(scheduler, root), text, 0.5, "The whole answer is in the file.")
    first, file = answers(slack, root)
    assert text.startswith(first.visible.split("\n")[0].strip())
    assert "in the file" in first.visible
    assert first.buttons == ["Again"]
    (stored,) = slack.space.files.values()
    assert stored.content == text.encode()
    assert file.files[0]["title"] == "answer.md"


async def test_without_the_right_to_upload_every_word_stays_in_messages(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.fail("files.getUploadURLExternal", None, error="missing_scope")
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform, file_chars=6_000) as scheduler:
        await write(delivery(scheduler, root), words(2_000), 0.3)
    assert " ".join(message.visible for message in answers(slack, root)).split() == words(2_000).split()


async def test_nothing_follows_a_growing_message_that_was_deleted(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    platform.installation.limits = replace(LIMITS, growth=None)
    root = await slack.say("U1", "C1", "?")
    async with delivering(platform) as scheduler:
        made, clock = delivery(scheduler, root), SystemClock()
        made.show(Reply("one two ", Phase.WRITING), clock.monotonic())
        await slack.wait_for(lambda: answers(slack, root))
        await slack.delete("U1", "C1", answers(slack, root)[0].ts)
        made.show(Reply("one two three", Phase.ENDED), clock.monotonic())
        with pytest.raises(PlatformError) as caught:
            await asyncio.wait_for(made.finished(), HANG_S)
    assert caught.value.code is Code.GONE
    assert answers(slack, root) == []


def test_a_page_of_a_growing_message_can_still_be_edited_as_a_whole() -> None:
    """The text of a stream fits the blocks of chat.update, though not the `text` argument of the method."""
    from bots.slack.outgoing import page_to_content
    from tests.fakes.slack import blocks

    assert LIMITS.growth is not None
    content = page_to_content(Page("界" * (LIMITS.growth.size // 3), "A notice.", (AGAIN,)))
    assert list(blocks.problems(content["blocks"])) == []
    assert not blocks.too_long(content["blocks"])


CODE = "Here:\n```turtle\n<#Customer> a owl:Class .\n<@U1> <!here>\n```\nAnd `<#C1>`, <@U1>."


async def test_code_is_shown_as_it_was_written_while_it_grows_and_outside_of_it_nobody_is_mentioned(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    for channel, limits in (("C1", LIMITS), ("C2", replace(LIMITS, growth=None))):
        platform.installation.limits = limits
        root = await slack.say("U1", channel, "?")
        async with delivering(platform) as scheduler:
            await write(delivery(scheduler, root, channel), CODE, 0.4)
        (answer,) = answers(slack, root, channel)
        assert answer.visible == CODE.replace(", <@", ", <\u200b@")


@pytest.mark.parametrize("marks", ["~" * 3_899, "`" * 8_999, "```py\nx\n" + "~" * 20_000])
async def test_a_line_of_fence_marks_longer_than_a_message_is_shown_and_others_are_answered(
    slack: FakeSlack, platform: SlackConnector, marks: str
) -> None:
    root, other = await slack.say("U1", "C1", "?"), await slack.say("U1", "C2", "?")
    async with delivering(platform) as scheduler:
        await asyncio.gather(
            write(delivery(scheduler, root), f"{marks}\nand then words", 0.2),
            write(delivery(scheduler, other, "C2"), words(20), 0.2),
        )
    shown = "".join(message.visible for message in answers(slack, root))
    assert shown.count(marks[-1]) >= len(marks) - 10
    assert shown.count("and then words") == 1
    assert [message.visible for message in answers(slack, other, "C2")] == [words(20)]
