"""Events of Slack through the real slack-sdk, and as signed requests: what is stored, acknowledged and read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.slack.connector import SlackConnector
from core.values.events import ButtonPress, Deleted, Edited
from core.values.outgoing import EditMessage, PostMessage
from core.values.places import Place
from core.values.ui import Button
from tests.bots.slack.rig import C1, MENTION, connecting, listening, post, said, shown
from tests.fakes.slack import FakeSlack
from tests.waiting import until


@pytest.fixture(params=["socket", "http"])
async def platform(request: pytest.FixtureRequest, slack: FakeSlack) -> AsyncIterator[SlackConnector]:
    """A connector over Socket Mode, and one over HTTP."""
    over_http = {"app_token": "", "signing_secret": slack.signing_secret}
    platform = connecting(slack, **(over_http if request.param == "http" else {}))
    yield platform
    await platform.installation.close()


# -- the journey


async def test_a_mention_is_stored_then_acknowledged_then_answered_in_its_thread(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        ts = await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(inbox.events) == 2 and all(e.acked for e in slack.envelopes))
        assert inbox.acked_before[0] is False
        heard = inbox.asks()[0]
        assert {event.id for event in inbox.asks()} == {ts}
        assert (heard.text, heard.author.name, heard.author.locale) == ("what is a monad?", "ada", "en-GB")
        assert heard.addressed

        answer = await platform.installation.perform(PostMessage(heard.place, said("A"), "k", ts))
        assert await platform.installation.perform(EditMessage(heard.place, answer, said("A monoid"))) == answer
    assert [message.visible for message in slack.thread("C1", ts)] == [MENTION, "A monoid"]
    assert slack.client_errors == []


async def test_what_could_not_be_stored_is_not_acknowledged_and_comes_again(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.sockets.ack_timeout_s = 0.15
    async with listening(slack, platform) as inbox:
        inbox.broken = 1
        await slack.say("U1", "C1", "nobody in particular")
        await slack.wait_for(lambda: slack.envelopes and slack.envelopes[0].acked)
    assert [attempt.acked_at is not None for attempt in slack.envelopes[0].attempts] == [False, True]
    assert len(inbox.events) == 1


async def test_edits_and_deletions_arrive_and_previews_do_not(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        ts = await slack.say("U1", "C1", "frist")
        await slack.unfurl("C1", ts)
        await slack.edit("U1", "C1", ts, "first")
        await slack.delete("U1", "C1", ts)
        await slack.wait_for(lambda: len(inbox.events) == 3 and all(e.acked for e in slack.envelopes))
    place = Place("slack", "T1", "C1", ts)
    assert inbox.events[1:] == [Edited(place, ts, "first"), Deleted(place, ts)]


async def test_our_own_messages_joins_and_unknown_events_are_acknowledged_and_ignored(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        answer = await platform.installation.perform(post())
        await platform.installation.perform(EditMessage(C1, answer, said("Hello again")))
        await slack.join("U3", "C1")
        await slack.topic("U1", "C1", "monads")
        await slack.open_home("U1", "messages")
        await slack.wait_for(lambda: len(slack.envelopes) == 6 and all(e.acked for e in slack.envelopes))
    assert inbox.events == []


async def test_a_direct_message_is_addressed_and_opens_a_place_of_its_own(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        ts = await slack.direct("U2", "hello")
        await slack.direct("U2", "and?", ts)
        await slack.wait_for(lambda: len(inbox.events) == 2)
    first, reply = inbox.asks()
    assert first.place == reply.place == Place("slack", "T1", "D2", ts, direct=True)
    assert (first.addressed, first.author.locale) == (True, "zh-CN")


async def test_a_press_comes_back_with_its_action_and_turn(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        root = await slack.say("U1", "C1", "root")
        ts = await platform.installation.perform(post(root, said("Hi", "", Button("again", "Again", 7))))
        assert shown(slack, ts).buttons == ["Again"]
        envelope = await slack.press("U1", "C1", ts, "parley:again")
        await slack.wait_for(lambda: envelope.acked)
    press = inbox.events[-1]
    assert isinstance(press, ButtonPress)
    assert (press.action, press.turn_id, press.author.name) == ("again", 7, "ada")
    assert press.place == Place("slack", "T1", "C1", root)


async def test_a_channels_messages_are_taken_in_order_however_slow_a_name_is(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.fail("users.info", delay_s=0.2)
    async with listening(slack, platform) as inbox:
        for number, user in enumerate(("U1", "U2", "U1", "U2")):
            await slack.say(user, "C1", str(number))
        await slack.wait_for(lambda: len(inbox.events) == 4)
    assert [ask.text for ask in inbox.asks()] == ["0", "1", "2", "3"]


async def test_a_name_that_takes_too_long_is_an_id_and_one_call_serves_everybody(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.fail("users.info", delay_s=3)
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", "one")
        await slack.say("U1", "C1", "two")
        await slack.wait_for(lambda: len(inbox.events) == 2 and all(e.acked for e in slack.envelopes))
        assert all(envelope.latency_s and envelope.latency_s < 2 for envelope in slack.envelopes)
        await until(lambda: slack.calls[-1].ended_at is not None)
        await slack.say("U1", "C1", "three")
        await slack.wait_for(lambda: len(inbox.events) == 3)
    assert [ask.author.name for ask in inbox.asks()] == ["U1", "U1", "ada"]
    assert len(slack.called("users.info")) == 1


async def test_people_are_named_in_what_others_say(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", "ask <@U2>, not <@U_BOT>, &amp; soon")
        await slack.say("U1", "C1", "hi <@U2>")
        await slack.wait_for(lambda: len(inbox.events) == 3)
    assert inbox.asks()[0].text == "ask @bo, not @parley, & soon"
    assert [ask.to_others for ask in inbox.asks()] == [False, False, True]


async def test_no_event_costs_a_call_to_find_out_who_we_are(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        for _ in range(5):
            await slack.say("U1", "C1", "again")
        await slack.wait_for(lambda: len(inbox.events) == 5)
    assert len(slack.called("auth.test")) == 1
