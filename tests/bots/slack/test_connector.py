"""The Slack platform on the real slack-bolt, against a workspace on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from bots.slack import LIMITS, SlackSettings, create, why_not
from bots.slack.connector import SlackConnector
from bots.slack.socket import proxy_for
from core.clock import SystemClock
from core.errors import Code, PlatformError, SettingsError, StoreError
from core.values.conversation import Ask
from core.values.events import ButtonPress, Deleted, Edited, Event, Outcome, Receipt
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.places import Person, Place
from core.values.ui import Button
from tests.fakes.inbox import RecordingInbox
from tests.fakes.slack import DOCUMENTED, RESTRICTED, FakeSlack, Message
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits, until

MENTION = "<@U_BOT> what is a monad?"
C1 = Place("slack", "T1", "C1")


class Inbox(RecordingInbox):
    """Stores slowly; `broken` is how often it can't. `acked_before`: whether anything was acknowledged before."""

    def __init__(self, slack: FakeSlack) -> None:
        super().__init__()
        self.slack = slack
        self.broken = 0
        self.acked_before: list[bool] = []

    async def receive(self, event: Event) -> Receipt:
        if self.broken:
            self.broken -= 1
            raise StoreError("the disk is full")
        await asyncio.sleep(0.01)
        self.acked_before.append(any(envelope.acked for envelope in self.slack.envelopes))
        return await super().receive(event)

    async def respond(self, event: Event) -> Receipt:
        self.slack.pulse.beat()
        return Receipt(Outcome.NOTED)

    def asks(self) -> list[Ask]:
        return self.of(Ask)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
async def platform(slack: FakeSlack) -> AsyncIterator[SlackConnector]:
    platform = connecting(slack)
    yield platform
    await platform.installation.close()


def connecting(slack: FakeSlack, **changes: Any) -> SlackConnector:
    given: dict[str, Any] = {
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "api_url": slack.api_url,
    }
    return SlackConnector(**given | {"clock": SystemClock(), "ping_interval_s": 0.2} | changes)


@asynccontextmanager
async def listening(slack: FakeSlack, platform: SlackConnector) -> AsyncIterator[Inbox]:
    inbox = Inbox(slack)
    running = asyncio.create_task(platform.run(inbox))
    try:
        await slack.wait_for(lambda: running.done() or len(slack.sockets.open) == 2)
        yield inbox
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def said(text: str = "Hello", notice: str = "", *buttons: Button) -> Page:
    return Page(text, notice, buttons)


def post(thread: str = "", page: Page | None = None, key: str = "turn-1/0", answers: str = "") -> PostMessage:
    return PostMessage(Place("slack", "T1", "C1", thread), page or said(), key, answers)


def ask(ts: str, thread: str) -> Ask:
    at = datetime.fromtimestamp(int(ts[:-7]), UTC).replace(microsecond=int(ts[-6:]))
    return Ask(ts, Place("slack", "T1", "C1", thread), Person("U1", "ada"), "?", at)


def shown(slack: FakeSlack, ts: str) -> Message:
    return slack.message("C1", ts)


async def refusal(call: Any) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await call
    return caught.value


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
        await slack.wait_for(lambda: len(slack.envelopes) == 5 and all(e.acked for e in slack.envelopes))
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


# -- connections


async def test_it_is_ready_while_one_connection_stands(slack: FakeSlack, platform: SlackConnector) -> None:
    assert not platform.ready()
    async with listening(slack, platform):
        await until(platform.ready)
        slack.refuse_connections = True
        slack.abort_sockets()
        await until(lambda: not platform.ready())
    assert not platform.ready()


async def test_a_refresh_loses_nothing(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        for number in range(3):
            await slack.disconnect("refresh_requested")
            await slack.say("U1", "C1", str(number))
        await slack.wait_for(lambda: {ask.text for ask in inbox.asks()} == {"0", "1", "2"})


async def test_a_dead_url_does_not_leave_it_deaf(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        slack.refuse_connections = True
        slack.abort_sockets()
        await slack.wait_for(lambda: slack.sockets.refused > 3)
        slack.refuse_connections = False
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)
        await until(platform.ready)


async def test_a_half_open_connection_is_noticed_and_replaced(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        dead = list(slack.sockets.open)
        slack.half_open()
        waited_s = timer_waits()
        await slack.wait_for(lambda: len([s for s in slack.sockets.open if s not in dead]) == 2)
        assert waited_s() < 30 * 0.2 / 5  # 30 s, with pings as far apart as in production
        for socket in dead:
            if socket in slack.sockets.open:
                slack.sockets.open.remove(socket)
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)


async def test_it_ends_at_once_also_when_the_peer_is_dead(slack: FakeSlack) -> None:
    platform = connecting(slack, ping_interval_s=30)
    async with listening(slack, platform):
        slack.half_open()
        waited_s = timer_waits()
    assert waited_s() < AT_ONCE_S


async def test_what_is_being_stored_at_the_end_is_still_acknowledged(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", "one last thing")
        await until(lambda: bool(platform._receiving))
        assert inbox.events == []
    assert slack.envelopes[0].acked


@pytest.mark.parametrize(
    ("method", "error", "variable"),
    [
        ("auth.test", "invalid_auth", "SLACK_BOT_TOKEN"),
        ("auth.test", "account_inactive", "SLACK_BOT_TOKEN"),
        ("apps.connections.open", "invalid_auth", "SLACK_APP_TOKEN"),
        ("apps.connections.open", "missing_scope", "SLACK_APP_TOKEN"),
    ],
)
async def test_a_bad_token_ends_the_run_and_is_named(
    slack: FakeSlack, platform: SlackConnector, method: str, error: str, variable: str
) -> None:
    slack.fail(method, None, error=error)
    async with asyncio.timeout(HANG_S):
        refused = await refusal(platform.run(Inbox(slack)))
    assert refused.code is Code.BAD_TOKEN
    assert variable in refused.detail
    assert error in refused.detail
    assert "\n" not in refused.detail
    assert "test" not in refused.detail.replace("auth.test", "")  # the tokens


async def test_trouble_at_the_start_is_waited_out(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.fail("auth.test", 1, drop="before")
    slack.fail("apps.connections.open", 1, status=503)
    async with listening(slack, platform):
        await until(platform.ready)


async def test_it_starts_before_slack_is_there() -> None:
    slack = FakeSlack()
    await slack.start()
    platform = connecting(slack)
    await slack.stop()
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await asyncio.sleep(0.05)
    await slack.start()
    await until(platform.ready)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await slack.stop()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://127.0.0.1:8000/api/", None),
        ("ws://localhost:8000/link", None),
        ("https://slack.example/api/", None),
        ("https://slack.com/api/", "http://proxy.example:3128"),
    ],
)
def test_a_proxy_is_used_except_for_this_machine_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "slack.example")
    assert proxy_for(url) == proxy


async def test_loopback_works_with_a_proxy_in_the_environment(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with listening(slack, connecting(slack)) as inbox:
        await slack.disconnect()
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)


# -- calls


async def test_a_post_has_words_notice_and_buttons_and_says_nothing_twice(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    ts = await platform.installation.perform(
        post(page=said("**Hi** a < b", "Stopped.", Button("again", "Again", 7)))
    )
    message = shown(slack, ts)
    assert message.visible == "**Hi** a < b\nStopped."
    assert message.text == "**Hi** a &lt; b"
    assert message.buttons == ["Again"]
    arguments = slack.called("chat.postMessage")[0].args
    assert (arguments["unfurl_links"], arguments["unfurl_media"]) == (False, False)
    assert message.metadata == {"event_type": "parley_answer", "event_payload": {"key": "turn-1/0"}}


async def test_an_edit_shows_the_complete_new_view(slack: FakeSlack, platform: SlackConnector) -> None:
    ts = await platform.installation.perform(post(page=said("", "Thinking", Button("stop", "Stop", 7))))
    assert shown(slack, ts).visible == "Thinking"
    await platform.installation.perform(EditMessage(C1, ts, said("Done.")))
    assert (shown(slack, ts).visible, shown(slack, ts).buttons) == ("Done.", [])
    assert shown(slack, ts).metadata  # so that it can still be found


@pytest.mark.parametrize("letter", ["x", "é", "界", "<", "&", "😀"])
async def test_a_full_page_can_be_posted_and_edited_in_any_script(
    slack: FakeSlack, platform: SlackConnector, letter: str
) -> None:
    text = letter * (LIMITS.page_size // len(letter.encode()))
    ts = await platform.installation.perform(post())
    await platform.installation.perform(EditMessage(C1, ts, said(text, "A notice.")))
    assert shown(slack, ts).visible == f"{text}\nA notice."


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"])
async def test_refused_blocks_go_out_once_more_as_plain_text(
    slack: FakeSlack, platform: SlackConnector, error: str
) -> None:
    slack.fail("chat.postMessage", error=error)
    ts = await platform.installation.perform(post(page=said("a < b", "Stopped.")))
    assert shown(slack, ts).visible == "a &lt; b\n\nStopped."
    slack.fail("chat.update", error=error)
    await platform.installation.perform(EditMessage(C1, ts, said("a > b")))
    assert shown(slack, ts).visible == "a &gt; b"
    assert [len(slack.called(method)) for method in ("chat.postMessage", "chat.update")] == [2, 2]


async def test_words_refused_twice_are_rejected(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.fail("chat.postMessage", 2, error="invalid_blocks")
    assert (await refusal(platform.installation.perform(post()))).code is Code.REJECTED
    assert len(slack.calls) == 2


@pytest.mark.parametrize(
    "mention", ["<!channel>", "<!here>", "<@U1>", "<#C1>", "<!subteam^S1>", "<!everyone|x>"]
)
async def test_no_mention_ever_fires(slack: FakeSlack, platform: SlackConnector, mention: str) -> None:
    for blocks_fail in (False, True):
        if blocks_fail:
            slack.fail("chat.postMessage", error="invalid_blocks")
        ts = await platform.installation.perform(post(page=said(f"look {mention} @channel", f"by {mention}")))
        message = shown(slack, ts)
        markdown = [block["text"] for block in message.blocks if block["type"] == "markdown"]
        assert mention not in message.text
        assert mention not in "".join(markdown)
    for call in slack.called("chat.postMessage"):
        assert (call.args["parse"], call.args["link_names"]) == ("none", False)


@pytest.mark.parametrize(
    ("failure", "code", "certain"),
    [
        ({"retry_after": 7}, Code.SLOW_DOWN, True),
        ({"error": "channel_not_found"}, Code.GONE, True),
        ({"error": "is_archived"}, Code.GONE, True),
        ({"error": "not_in_channel"}, Code.NOT_ALLOWED, True),
        ({"error": "missing_scope", "needed": "chat:write"}, Code.NOT_ALLOWED, True),
        ({"error": "msg_too_long"}, Code.REJECTED, True),
        ({"error": "never_heard_of"}, Code.REJECTED, True),
        ({"status": 503}, Code.UNAVAILABLE, True),
        ({"error": "internal_error"}, Code.UNCERTAIN, False),
        ({"error": "fatal_error"}, Code.UNCERTAIN, False),
        ({"drop": "before"}, Code.UNCERTAIN, False),
        ({"drop": "after"}, Code.UNCERTAIN, False),
    ],
)
async def test_each_refusal_has_its_outcome_and_nothing_is_sent_twice(
    slack: FakeSlack, platform: SlackConnector, failure: dict[str, Any], code: Code, certain: bool
) -> None:
    slack.fail("chat.postMessage", **failure)
    refused = await refusal(platform.installation.perform(post()))
    assert (refused.code, refused.certain) == (code, certain)
    assert refused.retry_after_s == (7 if code is Code.SLOW_DOWN else None)
    assert len(slack.calls) == 1


async def test_an_edit_of_a_deleted_message_is_gone(slack: FakeSlack, platform: SlackConnector) -> None:
    ts = await platform.installation.perform(post())
    await slack.delete("U1", "C1", ts)
    assert (await refusal(platform.installation.perform(EditMessage(C1, ts, said())))).code is Code.GONE


async def test_a_slack_that_is_away_was_surely_not_told(slack: FakeSlack, platform: SlackConnector) -> None:
    await slack.stop()
    refused = await refusal(platform.installation.perform(post()))
    assert (refused.code, refused.certain, refused.retryable) == (Code.UNAVAILABLE, True, True)


async def test_the_budgets_are_those_that_slack_enforces(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.limits = DOCUMENTED
    tight, wide = platform.installation.rate_limits(post())
    assert (tight.burst, tight.per_s, wide.burst, wide.per_s) == (3, 1, 20, 5)
    assert "T1" in tight.scope
    assert "T1" in wide.scope
    assert "C1" in tight.scope
    for _ in range(int(tight.burst)):
        await platform.installation.perform(post())
    assert (await refusal(platform.installation.perform(post()))).code is Code.SLOW_DOWN
    (edits,) = platform.installation.rate_limits(EditMessage(C1, "1.0", said()))
    assert (edits.burst, edits.per_s) == (10, 50 / 60)
    assert edits.scope not in (tight.scope, wide.scope)


# -- looking things up


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("effect", ["before", "after"])
async def test_a_post_of_unknown_outcome_is_found_if_it_is_there(
    slack: FakeSlack, platform: SlackConnector, threaded: bool, effect: str
) -> None:
    root = await slack.say("U1", "C1", MENTION) if threaded else ""
    await platform.installation.perform(post(root, key="turn-1/0", answers=root))
    lost = post(root, key="turn-1/1", answers=root)
    slack.fail("chat.postMessage", drop=effect)
    assert (await refusal(platform.installation.perform(lost))).code is Code.UNCERTAIN
    last = slack.messages("C1")[-1].ts
    assert await platform.installation.find(lost) == (last if effect == "after" else None)


async def test_history_is_who_said_what_before_the_question(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", "shall we? <@U2>", at=1_700_000_000)
    await slack.say("U2", "C1", "yes &amp; now", root, at=1_700_000_001)
    await slack.bot_says("C1", "deployed", root)
    own = await platform.installation.perform(post(root, said("Hello.", "Stopped.")))
    await platform.installation.perform(post(root, said("", "Something went wrong.")))
    question = await slack.say("U1", "C1", MENTION, root)
    await slack.say("U2", "C1", "too late", root)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(question, root))
    lines = [(entry.author.name, entry.text, entry.mine, entry.author.bot) for entry in history.entries]
    assert lines[:2] == [("ada", "shall we? @bo", False, False), ("bo", "yes & now", False, False)]
    assert lines[2][1:] == ("deployed", False, True)
    assert lines[3][1:] == ("Hello.", True, True)
    assert len(lines) == 4
    assert history.entries[3].id == own
    assert slack.called("conversations.replies")[0].args["latest"] == question
    assert history.complete


async def test_there_is_nothing_before_a_root_and_no_call(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", MENTION)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(root, root))
    assert (history.entries, history.complete, slack.calls) == ((), True, [])


@pytest.mark.parametrize(
    ("replies", "read", "complete", "calls"),
    [(199, 200, True, 1), (1_200, 1_201, True, 3), (4_300, 4_196, False, 5)],
)
async def test_a_long_thread_is_read_page_by_page_and_bounded(
    slack: FakeSlack, platform: SlackConnector, replies: int, read: int, complete: bool, calls: int
) -> None:
    """Replies come oldest first: what was said right before the question stands on the last page."""
    root = await slack.say("U1", "C1", "root", at=1_700_000_000)
    for number in range(replies):
        await slack.say("U1", "C1", str(number), root, at=1_700_000_001 + number)
    question = await slack.say("U1", "C1", MENTION, root)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(question, root))
    assert (len(history.entries), history.complete) == (read, complete)
    assert history.entries[-1].text == str(read - 2)
    assert len(slack.called("conversations.replies")) == calls


async def test_a_limit_within_the_reading_keeps_what_was_read_and_one_before_it_is_told(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.limits = RESTRICTED
    root = await slack.say("U1", "C1", "root", at=1_700_000_000)
    for number in range(30):
        await slack.say("U1", "C1", str(number), root, at=1_700_000_001 + number)
    question = await slack.say("U1", "C1", MENTION, root)
    place = Place("slack", "T1", "C1", root)
    history = await platform.installation.history(place, ask(question, root))
    assert (len(history.entries), history.complete) == (15, False)
    refused = await refusal(platform.installation.history(place, ask(question, root)))
    assert refused.code is Code.SLOW_DOWN
    assert refused.retry_after_s


async def test_a_channel_is_a_place_without_a_thread(slack: FakeSlack, platform: SlackConnector) -> None:
    assert await platform.installation.channel("C1") == C1


async def test_typing_is_a_hint_that_gives_up_where_it_is_not_known(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", MENTION)
    place = Place("slack", "T1", "C1", root)
    await platform.installation.typing(place)
    assert slack.space.statuses["C1", root] == "is thinking…"
    await platform.installation.typing(place, "zh")
    assert slack.space.statuses["C1", root] == "正在思考…"
    slack.fail("assistant.threads.setStatus", error="internal_error")
    await platform.installation.typing(place)
    slack.fail("assistant.threads.setStatus", error="missing_scope")
    await platform.installation.typing(place)
    await platform.installation.typing(place)
    assert len(slack.called("assistant.threads.setStatus")) == 4


# -- settings


def settings(**values: str) -> SlackSettings:
    return SlackSettings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SlackSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_slack_is_off_without_tokens_and_on_with_both() -> None:
    off, on = settings(), settings(slack_bot_token="xoxb-test", slack_app_token="xapp-test")
    assert create(off, SystemClock()) is None
    assert "SLACK_BOT_TOKEN" in why_not(off)
    assert isinstance(create(on, SystemClock()), SlackConnector)
    assert why_not(on) == ""


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-test"}, "SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-test"}, "SLACK_BOT_TOKEN"),
        (
            {"SLACK_BOT_TOKEN": "xapp-test", "SLACK_APP_TOKEN": "xapp-test"},
            "SLACK_BOT_TOKEN: must begin with xoxb-",
        ),
        ({"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_APP_TOKEN": "test"}, "SLACK_APP_TOKEN: must begin with xapp-"),
        ({"SLACK_API_URL": "slack.com/api"}, "SLACK_API_URL"),
    ],
)
def test_wrong_settings_name_the_variable_and_no_token(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        SlackSettings.load()
    assert str(caught.value).startswith(named)
    assert "-test" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/api", "http://127.0.0.1:8000/api/"])
def test_the_last_slash_of_the_api_url_is_optional(url: str) -> None:
    assert settings(slack_api_url=url).slack_api_url == "http://127.0.0.1:8000/api/"


# -- tokens that stop working, and work again


@pytest.mark.parametrize("reason", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_revoked_token_ends_the_run_and_the_next_one_works_once_the_token_does(
    slack: FakeSlack, platform: SlackConnector, reason: str
) -> None:
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await until(lambda: len(slack.sockets.open) == 2)
    slack.revoke(reason)
    assert (await refusal(running)).code is Code.BAD_TOKEN
    assert not platform.ready()
    assert (await refusal(platform.run(Inbox(slack)))).code is Code.BAD_TOKEN, "asked anew, not remembered"
    slack.revoke("")
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(inbox.events) == 2)


async def test_a_bots_token_that_is_refused_while_the_sockets_are_open_ends_the_run(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await until(lambda: len(slack.sockets.open) == 2)
    slack.fail("chat.postMessage", error="account_inactive")
    assert (await refusal(platform.installation.perform(post()))).code is Code.BAD_TOKEN
    await until(lambda: len(slack.called("auth.test")) == 2)
    assert not running.done(), "the token itself is good"
    slack.web.revoked = "account_inactive"
    assert (await refusal(platform.installation.perform(post()))).code is Code.BAD_TOKEN
    assert (await refusal(running)).code is Code.BAD_TOKEN


async def test_catch_up_over_many_channels_looks_a_person_up_once_and_names_who_is_unknown(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    for number in range(100, 140):
        slack.space.add_channel(f"C{number}", f"room-{number}")
        await slack.say("U1", f"C{number}", MENTION)
    slack.fail("users.info", times=None, skip=1, retry_after=30)
    places = [Place("slack", "T1", f"C{number}") for number in range(100, 140)]
    missed = await asyncio.gather(
        *(platform.installation.missed(place, datetime.fromtimestamp(0, UTC)) for place in places)
    )
    assert {ask.author.name for asks in missed for ask in asks} == {"ada"}
    assert sum(call.args["user"] == "U1" for call in slack.called("users.info")) == 1
    await slack.say("U3", "C100", f"{MENTION} <@U2>")
    (_, last) = await platform.installation.missed(places[0], datetime.fromtimestamp(0, UTC))
    assert (last.author.id, last.author.guest, last.author.external) == ("U3", None, False)
    assert last.text.endswith("@U2"), "an id is readable"
