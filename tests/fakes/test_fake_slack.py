"""The fake Slack, met by the real slack_sdk and slack-bolt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import DOCUMENTED, RESTRICTED, FakeSlack, File, scaled
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits

MENTION = "<@U_BOT> good morning"
BUTTONS: list[dict[str, Any]] = [
    {"type": "markdown", "text": "**Ready**"},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "again",
                "text": {"type": "plain_text", "text": "Again"},
                "value": "7",
            }
        ],
    },
]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
async def client(slack: FakeSlack) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session, retry_handlers=[])


@asynccontextmanager
async def running(
    slack: FakeSlack, client: AsyncWebClient, *listen: Callable[[AsyncApp], Any]
) -> AsyncIterator[Any]:
    """A real bolt app in Socket Mode, which keeps the bodies of all events."""
    app, bodies = AsyncApp(client=client), []

    async def keep(body: dict[str, Any]) -> None:
        bodies.append(body)

    for add in listen:
        add(app)
    app.event({"type": "message", "subtype": None})(keep)
    app.event("app_mention")(keep)
    app.event("message")(keep)
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await slack.wait_for(lambda: slack.sockets.open)
        yield bodies, handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        receiver, monitor = handler.client.message_receiver, handler.client.current_session_monitor
        for task in (handler.client.message_processor, receiver, monitor):
            if task is not None:
                task.cancel()
        await handler.client.aiohttp_client_session.close()


async def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_mention_arrives_as_two_events_of_one_message_and_both_are_acked(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    async with running(slack, client) as (bodies, _):
        waited_s = timer_waits()
        ts = await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(bodies) == 2 and all(e.acked for e in slack.envelopes))
        assert waited_s() < AT_ONCE_S
    assert {body["event"]["type"] for body in bodies} == {"message", "app_mention"}
    assert {body["event"]["ts"] for body in bodies} == {ts}
    assert len({body["event_id"] for body in bodies}) == 2
    assert all(e.latency_s is not None for e in slack.envelopes)


async def test_the_bots_own_post_and_edit_come_back_as_events(slack: FakeSlack, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="C1", text="Hello")
    await client.chat_update(channel="C1", ts=posted["ts"], text="Hello again")
    new, changed = (envelope.event for envelope in slack.envelopes)
    assert (new["bot_id"], new["user"], new.get("subtype")) == ("B_BOT", "U_BOT", None)
    assert (changed["subtype"], changed["message"]["text"]) == ("message_changed", "Hello again")
    assert changed["previous_message"]["text"] == "Hello"
    message = slack.message("C1", posted["ts"])
    assert [text for _, text in message.history] == ["Hello", "Hello again"]


async def test_people_edit_delete_join_and_other_bots_speak(slack: FakeSlack) -> None:
    ts = await slack.say("U1", "C1", "a")
    await slack.edit("U1", "C1", ts, "b")
    await slack.delete("U1", "C1", ts)
    await slack.join("U2", "C1")
    await slack.topic("U2", "C1", "tea")
    await slack.bot_says("C1", "beep")
    await slack.say("U1", "C9", "where the bot is not")
    kinds = [envelope.event.get("subtype") for envelope in slack.envelopes]
    assert kinds == [None, "message_changed", "message_deleted", None, "channel_join", "channel_topic", None]
    assert slack.message("C1", ts).deleted


async def test_an_unacked_event_is_sent_again_with_its_reason(slack: FakeSlack) -> None:
    slack.sockets.ack_timeout_s, slack.sockets.retry_delays_s = 0.03, (0.0, 0.01, 0.01)
    async with aiohttp.ClientSession() as session, session.ws_connect(await link(slack, session)) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        await slack.direct("U1", "hello")
        frames = [await socket.receive_json() for _ in range(4)]
        await slack.wait_for(lambda: slack.envelopes[0].lost)
    assert [frame["retry_attempt"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["retry_reason"] for frame in frames] == ["", "timeout", "timeout", "timeout"]
    assert len({frame["payload"]["event_id"] for frame in frames}) == 1


async def test_what_happened_without_a_socket_is_delivered_to_the_next_one(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    await slack.direct("U1", "anyone?")
    async with running(slack, client) as (bodies, _):
        await slack.wait_for(lambda: slack.envelopes[0].acked)
    assert bodies[0]["event"]["channel_type"] == "im"
    assert slack.envelopes[0].attempts[0].number == 1


async def test_acked_events_are_delivered_again_at_the_rate_asked_for(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.sockets.redeliver_rate, slack.sockets.redeliver_delay_s = 1.0, 0.0
    async with running(slack, client) as (bodies, _):
        await slack.direct("U1", "once")
        await slack.wait_for(lambda: len(bodies) == 2)
    assert bodies[0]["event_id"] == bodies[1]["event_id"]


async def test_an_event_goes_to_one_of_several_sockets_and_again_to_another_when_that_one_ends(
    slack: FakeSlack,
) -> None:
    async with aiohttp.ClientSession() as session, AsyncExitStack() as opened:
        sockets = [
            await opened.enter_async_context(session.ws_connect(await link(slack, session))) for _ in range(3)
        ]
        hellos = [await socket.receive_json() for socket in sockets]
        assert [hello["num_connections"] for hello in hellos] == [1, 2, 3]
        by_number = dict(zip([socket.number for socket in slack.sockets.open], sockets, strict=True))
        for number in range(30):
            await slack.direct("U1", f"event {number}")
        await slack.wait_for(lambda: all(envelope.attempts for envelope in slack.envelopes))
        assert {e.attempts[0].socket for e in slack.envelopes} == set(by_number)
        ended = slack.envelopes[0].attempts[0].socket
        await by_number.pop(ended).close()
        await slack.wait_for(
            lambda: all(len(e.attempts) == 1 + (e.attempts[0].socket == ended) for e in slack.envelopes)
        )
    assert ended not in {e.attempts[-1].socket for e in slack.envelopes}


async def test_an_app_has_ten_sockets_and_the_next_one_is_closed_without_an_event(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as session, AsyncExitStack() as opened:
        for _ in range(10):
            socket = await opened.enter_async_context(session.ws_connect(await link(slack, session)))
            assert (await socket.receive_json())["type"] == "hello"
        async with session.ws_connect(await link(slack, session)) as late:
            assert (await late.receive_json())["type"] == "hello"
            assert (await late.receive_json())["reason"] == "too_many_websockets"
            assert (await late.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_disconnect_frame_brings_a_new_socket(slack: FakeSlack, client: AsyncWebClient) -> None:
    async with running(slack, client):
        first = slack.sockets.open[0]
        await slack.disconnect("refresh_requested")
        await slack.wait_for(lambda: slack.sockets.open and slack.sockets.open[0] is not first)


@pytest.mark.parametrize("broken", [FakeSlack.abort_sockets, FakeSlack.half_open])
async def test_a_broken_socket_is_replaced_and_loses_no_event(
    slack: FakeSlack, client: AsyncWebClient, broken: Callable[[FakeSlack], None]
) -> None:
    slack.sockets.ack_timeout_s, slack.sockets.retry_delays_s = 0.2, (0.0, 0.0, 0.0)
    async with running(slack, client) as (bodies, _):
        first = slack.sockets.open[0]
        broken(slack)
        await slack.direct("U1", "hello")
        await slack.wait_for(lambda: set(slack.sockets.open) - {first} and slack.envelopes[0].acked)
    assert [body["event"]["text"] for body in bodies] == ["hello"]
    assert slack.envelopes[0].attempts[-1].number > 0


async def test_a_socket_url_works_once_and_is_dead_for_ever_once_refused(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as session:
        slack.refuse_connections = True
        url = await link(slack, session)
        for refuse in (True, False):
            slack.refuse_connections = refuse
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)
        url = await link(slack, session)
        async with session.ws_connect(url):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)


async def test_wrong_tokens_and_unknown_methods_are_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    assert await refusal(client.auth_test(token="xoxb-wrong")) == "invalid_auth"
    assert await refusal(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"
    slack.bad_app_token = True
    assert await refusal(client.apps_connections_open(app_token=slack.app_token)) == "invalid_auth"
    assert await refusal(client.api_call("chat.sing")) == "unknown_method"
    assert "xoxb" not in str(slack.calls)


async def test_calls_over_the_limit_get_429_and_when_to_come_back(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.limits = DOCUMENTED
    for _ in range(3):
        await client.chat_postMessage(channel="C1", text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C1", text="x")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "1"
    assert slack.refused == {"chat.postMessage": 1}
    await client.chat_postMessage(channel="C2", text="another channel")
    slack.clock.advance(1)
    await client.chat_postMessage(channel="C1", text="x")


async def test_limits_can_be_half_as_generous(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.limits = scaled(DOCUMENTED, 0.5)
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    for _ in range(5):
        await client.chat_update(channel="C1", ts=ts, text="y")
    assert await refusal(client.chat_update(channel="C1", ts=ts, text="y")) == "ratelimited"


async def test_the_restricted_class_reads_15_messages_a_minute(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.limits = RESTRICTED
    root = await thread_of(slack, 20)
    page = await client.conversations_replies(channel="C1", ts=root, limit=200)
    assert (len(page["messages"]), page["has_more"]) == (15, True)
    assert await refusal(client.conversations_replies(channel="C1", ts=root)) == "ratelimited"


async def test_a_call_dropped_after_took_effect_and_one_dropped_before_did_not(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    for drop, posted in (("before", 0), ("after", 1)):
        slack.fail("chat.postMessage", drop=drop)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.chat_postMessage(channel="C1", text="x")
        assert len(slack.messages("C1")) == posted
    slack.fail("chat.postMessage", status=500, skip=1)
    await client.chat_postMessage(channel="C1", text="good")
    assert await refusal(client.chat_postMessage(channel="C1", text="bad")) == "internal_error"
    slack.fail("chat.postMessage", retry_after=7)
    assert await refusal(client.chat_postMessage(channel="C1", text="bad")) == "ratelimited"
    assert [call.outcome for call in slack.calls] == [
        "dropped",
        "dropped",
        "ok",
        "internal_error",
        "ratelimited",
    ]


async def test_replies_come_in_pages_the_parent_first(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = await thread_of(slack, 7)
    texts: list[str] = []
    cursor, pages = "", 0
    while cursor or not pages:
        page = await client.conversations_replies(channel="C1", ts=root, limit=3, cursor=cursor)
        texts += [message["text"] for message in page["messages"]]
        cursor, pages = (page.get("response_metadata") or {}).get("next_cursor", ""), pages + 1
    assert (pages, texts) == (3, ["root", *map(str, range(7))])
    third = slack.thread("C1", root)[3].ts
    later = await client.conversations_replies(channel="C1", ts=root, oldest=third)
    assert [message["text"] for message in later["messages"]] == ["root", "3", "4", "5", "6"]
    assert later["messages"][0]["reply_count"] == 7
    assert await refusal(client.conversations_replies(channel="C1", ts="1.000000")) == "thread_not_found"
    newest = await client.conversations_history(channel="C1", limit=1)
    assert [message["ts"] for message in newest["messages"]] == [root]


async def test_metadata_is_found_again_when_asked_for(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = await slack.say("U1", "C1", "root")
    metadata = {"event_type": "turn", "event_payload": {"id": "7"}}
    await client.chat_postMessage(channel="C1", thread_ts=root, text="x", metadata=metadata)
    for asked, found in ((True, metadata), (False, None)):
        page = await client.conversations_replies(channel="C1", ts=root, include_all_metadata=asked)
        assert page["messages"][1].get("metadata") == found


async def test_a_stream_grows_up_to_its_cap_and_ends_after_five_minutes(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    root = await slack.say("U1", "C1", MENTION)
    there: dict[str, Any] = {"channel": "C1", "thread_ts": root, "recipient_team_id": "T1"}
    assert await refusal(client.chat_startStream(**there)) == "missing_recipient_user_id"
    stream = await client.chat_stream(recipient_user_id="U1", buffer_size=1, **there)
    await stream.append(markdown_text="Good ")
    await stream.append(markdown_text="morning")
    message = slack.thread("C1", root)[1]
    assert (message.visible, message.streaming) == ("Good morning", True)
    here: dict[str, Any] = {"channel": "C1", "ts": message.ts}
    assert await refusal(client.chat_update(text="x", **here)) == "streaming_state_conflict"
    assert await refusal(client.chat_appendStream(markdown_text="x", **here)) == "streaming_mode_mismatch"
    long = [{"type": "markdown_text", "text": "é" * 5_300}]
    assert await refusal(client.chat_appendStream(chunks=long, **here)) == "msg_too_long"
    await stream.stop(blocks=BUTTONS[1:])
    assert (message.visible, message.buttons, message.streaming) == ("Good morning", ["Again"], False)
    started = await client.chat_startStream(recipient_user_id="U1", markdown_text="slow", **there)
    slack.clock.advance(301)
    here["ts"] = started["ts"]
    for late in (client.chat_appendStream, client.chat_stopStream):
        assert await refusal(late(markdown_text="x", **here)) == "message_not_in_streaming_state"
    await client.chat_update(text="mended", **here)
    assert slack.message("C1", started["ts"]).visible == "mended"


async def test_a_person_stops_a_stream(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = await slack.direct("U1", "hello")
    started = await client.chat_startStream(channel="D1", thread_ts=root, markdown_text="Well, ")
    assert await slack.stop_session("U1", "D1", root) == [started["ts"]]
    here: dict[str, Any] = {"channel": "D1", "ts": started["ts"]}
    assert await refusal(client.chat_appendStream(markdown_text="...", **here)) == "stopped_by_user"
    await client.chat_stopStream(session_status="active", **here)
    assert "agent_session_stopped" in [envelope.event["type"] for envelope in slack.envelopes]


async def test_a_press_reaches_the_app_and_changes_the_message(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    async def again(ack: Any, action: dict[str, Any], respond: Any) -> None:
        await ack()
        await respond(text=f"pressed {action['value']}", replace_original=True)

    posted = await client.chat_postMessage(channel="C1", text="fallback", blocks=BUTTONS)
    message = slack.message("C1", posted["ts"])
    assert (message.visible, message.buttons) == ("**Ready**", ["Again"])
    async with running(slack, client, lambda app: app.action("again")(again)):
        envelope = await slack.press("U1", "C1", posted["ts"], "again")
        await slack.wait_for(lambda: envelope.acked and message.visible == "pressed 7")
    with pytest.raises(LookupError):
        await slack.press("U1", "C1", posted["ts"], "again")


async def test_a_slash_command_is_acked_with_words_for_one_person(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    async def command(ack: Any, command: dict[str, Any]) -> None:
        await ack(f"You said {command['text']}")

    async with running(slack, client, lambda app: app.command("/parley")(command)):
        await slack.slash("U1", "C1", "/parley", "help")
        await slack.wait_for(lambda: slack.messages("C1"))
    shown = slack.messages("C1")[0]
    assert (shown.visible, shown.ephemeral_to) == ("You said help", "U1")


async def test_a_shortcut_opens_a_modal_that_is_submitted(slack: FakeSlack, client: AsyncWebClient) -> None:
    title, blocks = {"type": "plain_text", "text": "M"}, [{"type": "divider"}]
    view = {"type": "modal", "callback_id": "m", "title": title, "blocks": blocks}
    submitted = asyncio.Event()

    async def opened(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    async def taken(ack: Any, view: dict[str, Any]) -> None:
        await ack()
        assert view["state"]["values"] == {"b": {"a": {"value": "x"}}}
        submitted.set()

    ts = await slack.say("U1", "C1", "this one")
    listen = (lambda app: app.shortcut("s")(opened), lambda app: app.view("m")(taken))
    async with running(slack, client, *listen):
        await slack.shortcut("U1", "s", "C1", ts)
        await slack.wait_for(lambda: slack.space.views)
        await slack.submit_view("U1", "m", {"b": {"a": {"value": "x"}}})
        await asyncio.wait_for(submitted.wait(), HANG_S)


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("chat.update", {"text": "é" * 2_001}, "msg_too_long"),
        ("chat.update", {"ts": "1.000000", "text": "x"}, "message_not_found"),
        ("chat.postMessage", {}, "no_text"),
        ("chat.postMessage", {"text": "x", "markdown_text": "x"}, "markdown_text_conflict"),
        ("chat.postMessage", {"text": "x", "channel": "C0"}, "channel_not_found"),
        ("chat.postMessage", {"text": "x", "channel": "C9"}, "not_in_channel"),
        ("chat.postMessage", {"text": "x", "thread_ts": "1.000000"}, "thread_not_found"),
        ("chat.postMessage", {"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        (
            "chat.postMessage",
            {"blocks": [{"type": "markdown", "text": "x" * 8_000}] * 2},
            "msg_blocks_too_long",
        ),
        ("chat.postMessage", {"blocks": [{"type": "section", "text": "x"}]}, "invalid_blocks"),
        ("chat.postMessage", {"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        (
            "chat.postMessage",
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}}]},
            "invalid_blocks",
        ),
        (
            "chat.postMessage",
            {"text": "x", "metadata": {"event_type": "a.b", "event_payload": {}}},
            "invalid_metadata_format",
        ),
        (
            "views.publish",
            {"user_id": "U1", "view": {"type": "home", "title": "x", "blocks": []}},
            "invalid_arguments",
        ),
        (
            "views.publish",
            {"user_id": "U1", "view": {"type": "home", "blocks": [{"type": "divider", "block_id": "b"}] * 2}},
            "invalid_arguments",
        ),
        ("reactions.add", {"name": "eyes", "timestamp": "1.000000"}, "missing_scope"),
    ],
)
async def test_what_slack_refuses_is_refused(
    slack: FakeSlack, client: AsyncWebClient, method: str, args: dict[str, Any], error: str
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    assert await refusal(client.api_call(method, json={"channel": "C1", "ts": ts, **args})) == error


@pytest.mark.parametrize("refusal_of", ["restricted_action", "is_archived"])
async def test_a_channel_may_refuse_what_the_bot_posts(
    slack: FakeSlack, client: AsyncWebClient, refusal_of: str
) -> None:
    channel = slack.space.channels["C1"]
    channel.archived, channel.refusal = refusal_of == "is_archived", refusal_of.replace("is_archived", "")
    assert await refusal(client.chat_postMessage(channel="C1", text="x")) == refusal_of


async def test_a_mention_in_an_edited_message_is_told_again(slack: FakeSlack) -> None:
    ts = await slack.say("U1", "C1", MENTION)
    await slack.edit("U1", "C1", ts, MENTION + "!")
    events = [envelope.event for envelope in slack.envelopes]
    mentions = [event for event in events if event["type"] == "app_mention"]
    assert [event["ts"] for event in mentions] == [ts, ts]
    assert ["edited" in event for event in mentions] == [False, True]


async def test_only_the_bots_own_messages_can_be_changed(slack: FakeSlack, client: AsyncWebClient) -> None:
    ts = await slack.say("U1", "C1", "mine")
    assert await refusal(client.chat_update(channel="C1", ts=ts, text="x")) == "cant_update_message"
    assert await refusal(client.chat_delete(channel="C1", ts=ts)) == "cant_delete_message"


async def test_a_long_post_is_cut_at_40_000_characters(slack: FakeSlack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="x" * 40_001))["ts"]
    message = slack.message("C1", ts)
    assert (len(message.text), message.truncated) == (40_000, True)


async def test_a_file_is_uploaded_and_read_back(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = await slack.say("U1", "C1", "all of it", files=[("in.txt", "text/plain", b"in")])
    await client.files_upload_v2(filename="out.md", content="words", channel="C1", thread_ts=root)
    file = slack.thread("C1", root)[1].files[0]
    assert (file["name"], slack.space.files[file["id"]].content) == ("out.md", b"words")
    url = slack.message("C1", root).files[0]["url_private"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {slack.bot_token}"}) as session:
        assert await (await session.get(url)).read() == b"in"


async def test_who_is_alerted_by_a_message_can_be_asked(slack: FakeSlack, client: AsyncWebClient) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "<!channel> and <@U1>"}}]
    for content, pings in (
        ({"text": "x", "blocks": blocks}, ["<!channel>", "<@U1>"]),
        ({"text": "&lt;!channel&gt; @here <https://example.com|U1>"}, []),
    ):
        posted = await client.chat_postMessage(channel="C1", **content)
        assert slack.message("C1", posted["ts"]).pings == pings


async def test_events_can_be_lost_and_read_later(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.space.lose_events = True
    hour_ago = time.time() - 3600
    ts = await slack.say("U1", "C1", MENTION, at=hour_ago)
    assert not slack.envelopes
    assert abs(float(ts) - hour_ago) < 1e-5
    page = await client.conversations_history(channel="C1", oldest=str(hour_ago - 1))
    assert [message["text"] for message in page["messages"]] == [MENTION]


async def test_a_status_goes_when_the_bot_answers(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = await slack.say("U1", "C1", MENTION)
    await client.assistant_threads_setStatus(channel_id="C1", thread_ts=root, status="thinks")
    assert slack.space.statuses == {("C1", root): "thinks"}
    await client.chat_postMessage(channel="C1", thread_ts=root, text="x")
    assert slack.space.statuses == {}


async def test_people_have_names_and_languages(slack: FakeSlack, client: AsyncWebClient) -> None:
    user = (await client.users_info(user="U2", include_locale=True))["user"]
    assert (user["profile"]["real_name"], user["locale"]) == ("Bo Lin", "zh-CN")
    assert (await client.conversations_open(users=["U2"]))["channel"]["id"] == "D2"


async def test_it_stops_and_starts_again_on_the_same_port(slack: FakeSlack, client: AsyncWebClient) -> None:
    ts = await slack.say("U1", "C1", "still here")
    await slack.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.auth_test()
    await slack.start()
    assert (await client.conversations_history(channel="C1"))["messages"][0]["ts"] == ts


async def test_waiting_in_vain_says_what_was_called(slack: FakeSlack, client: AsyncWebClient) -> None:
    await client.auth_test()
    waited_s = timer_waits()
    with pytest.raises(TimeoutError, match=r"auth\.test ok"):
        await slack.wait_for(lambda: slack.messages("C1"), 0.05)
    assert waited_s() < AT_ONCE_S


async def thread_of(slack: FakeSlack, replies: int) -> str:
    root = await slack.say("U1", "C1", "root")
    for number in range(replies):
        await slack.say("U2", "C1", str(number), root)
    return root


async def link(slack: FakeSlack, session: aiohttp.ClientSession) -> str:
    headers = {"Authorization": f"Bearer {slack.app_token}"}
    async with session.post(slack.api_url + "apps.connections.open", headers=headers) as response:
        return str((await response.json())["url"])


@pytest.mark.parametrize("mention_first", [False, True])
@pytest.mark.parametrize("files_in", [set(), {"message"}, {"app_mention"}])
async def test_either_event_of_a_mention_may_come_first_and_lack_its_files(
    slack: FakeSlack, client: AsyncWebClient, mention_first: bool, files_in: set[str]
) -> None:
    slack.space.mention_first, slack.space.files_in = mention_first, files_in
    async with running(slack, client):
        await slack.say("U1", "C1", MENTION, files=[("a.txt", "text/plain", b"a")])
        events = [envelope.payload["event"] for envelope in slack.envelopes]
    assert [event["type"] for event in events] == (
        ["app_mention", "message"] if mention_first else ["message", "app_mention"]
    )
    assert {event["type"] for event in events if event.get("files")} == files_in


async def test_a_private_url_needs_the_token_and_the_scope_and_else_leads_to_a_form(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    ts = await slack.direct(
        "U1", "", files=[File("F1", "a.png", "image/png", b"png", redirects=["/files/F1/b"])]
    )
    url = slack.message("D1", ts).files[0]["url_private"]
    bearer = {"Authorization": f"Bearer {slack.bot_token}"}

    async def fetched(**headers: str) -> tuple[int, str]:
        assert client.session is not None
        async with client.session.get(url, headers=headers, allow_redirects=False) as response:
            return response.status, response.content_type

    assert await fetched() == (200, "text/html")
    assert (await fetched(**bearer))[0] == 302
    assert await fetched(**bearer) == (200, "image/png")
    slack.web.scopes = slack.web.scopes.replace("files:read,", "")
    assert await fetched(**bearer) == (200, "text/html")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.files_info(file="F1")


async def test_a_deleted_file_leaves_its_id_and_one_of_another_workspace_comes_as_its_id(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    told = {"mode": "file_access", "file_access": "check_file_info"}
    ts = await slack.direct("U1", "", files=[File("F1", "a.txt", "text/plain", b"a", told=told)])
    assert slack.message("D1", ts).files == [{"id": "F1", **told}]
    assert (await client.files_info(file="F1"))["file"]["name"] == "a.txt"
    await slack.delete_file("U1", "D1", ts, "F1")
    assert slack.message("D1", ts).files == [{"id": "F1", "mode": "tombstone"}]
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_info(file="F1")


async def _uploaded(client: AsyncWebClient, content: bytes = b"png") -> str:
    """The id of a file that is shared with nobody."""
    asked = await client.files_getUploadURLExternal(filename="chart.png", length=len(content))
    async with aiohttp.ClientSession() as session:
        await session.post(asked["upload_url"], data=content)
    await client.files_completeUploadExternal(files=[{"id": asked["file_id"], "title": "Chart"}])
    return str(asked["file_id"])


async def test_a_block_shows_a_picture_once_slack_has_looked_at_it(client: AsyncWebClient) -> None:
    file = await _uploaded(client)
    block = {"type": "image", "alt_text": "a chart", "slack_file": {"id": file}}
    with pytest.raises(SlackApiError, match="invalid slack file"):
        await client.chat_postMessage(channel="C1", text="words", blocks=[block])
    assert (await client.files_info(file=file))["file"]["mimetype"] == ""
    assert (await client.files_info(file=file))["file"]["mimetype"] == "image/png"
    await client.chat_postMessage(channel="C1", text="words", blocks=[block])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"slack_file": {"id": "F00000000"}}, "invalid slack file"),
        ({"slack_file": {"id": "F1"}}, "regex"),
        ({"slack_file": {"id": "F00000001", "url": "https://files.slack.com/a.png"}}, "either id or url"),
        ({"image_url": "https://example.com/a.png", "slack_file": {"id": "F00000001"}}, "image_url"),
        ({"slack_file": {"id": "F00000001"}, "alt_text": ""}, "alt_text"),
    ],
)
async def test_a_block_needs_a_known_picture_and_its_description(
    client: AsyncWebClient, wrong: dict[str, object], error: str
) -> None:
    with pytest.raises(SlackApiError, match=error):
        await client.chat_postMessage(
            channel="C1", text="a", blocks=[{"type": "image", "alt_text": "a"} | wrong]
        )


async def test_a_search_takes_the_token_of_an_event_once_and_soon(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    async with running(slack, client) as (bodies, _):
        await slack.say("U2", "C2", "good evening")
        await slack.say("U1", "C1", MENTION)
        await slack.say("U1", "C1", "good night")
        await slack.say("U3", "C1", MENTION)
        await slack.direct("U1", "good day")
        await slack.wait_for(lambda: len(bodies) >= 7)
        events = [body["event"] for body in bodies]
    with_token = {(one["type"], one["user"], one["text"]) for one in events if "assistant_thread" in one}
    assert with_token == {
        ("message", "U1", MENTION),
        ("app_mention", "U1", MENTION),
        ("message", "U1", "good day"),
    }
    tokens = [one["assistant_thread"]["action_token"] for one in events if "assistant_thread" in one]
    assert len(set(tokens)) == 3
    asked = {"query": "good", "action_token": tokens[0]}
    found = await client.api_call("assistant.search.context", json=asked)
    [first, *_] = found["results"]["messages"]
    assert first["permalink"].startswith(f"{slack.space.base_url}/archives/")
    assert {one["channel_id"] for one in found["results"]["messages"]} == {"C1", "C2"}
    with pytest.raises(SlackApiError, match="invalid_action_token"):
        await client.api_call("assistant.search.context", json=asked)
    slack.clock.advance(slack.space.search_token_s + 1)
    with pytest.raises(SlackApiError, match="invalid_action_token"):
        await client.api_call("assistant.search.context", json=asked | {"action_token": tokens[1]})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"query": " "}, "missing_query"),
        ({"query": "x" * 501}, "query_too_long"),
        ({"limit": 21}, "invalid_arguments"),
        ({"channel_types": ["public_channel"]}, "invalid_arguments"),
        ({"channel_types": "public_channel,im"}, "missing_scope"),
        ({"content_types": "messages,files"}, "missing_scope"),
        ({"action_token": ""}, "invalid_action_token"),
        ({"action_token": "1.2.3"}, "invalid_action_token"),
    ],
)
async def test_a_search_that_slack_refuses_is_refused(
    slack: FakeSlack, client: AsyncWebClient, change: dict[str, Any], error: str
) -> None:
    asked = {"query": "good", "action_token": slack.space.new_action_token("U1", "C1")}
    with pytest.raises(SlackApiError, match=error):
        await client.api_call("assistant.search.context", json=asked | change)
    assert bool(slack.client_errors) == (error == "invalid_arguments")


async def test_a_person_has_ten_searches_a_minute(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.limits = DOCUMENTED

    async def search(user: str) -> Any:
        asked = {"query": "good", "action_token": slack.space.new_action_token(user, "C1")}
        return await client.api_call("assistant.search.context", json=asked)

    for _ in range(10):
        await search("U1")
    with pytest.raises(SlackApiError, match="ratelimited"):
        await search("U1")
    await search("U2")


async def test_from_a_shared_channel_that_channel_alone_is_searched(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    for channel in ("C1", "C2", "G1", "D1"):
        await slack.say("U1", channel, f"good day {channel}")
    await slack.share("C1")
    for channel, found in (("C1", {"C1"}), ("C2", {"C1", "C2"})):
        asked = {"query": "good day", "action_token": slack.space.new_action_token("U1", channel)}
        given = await client.api_call("assistant.search.context", json=asked)
        assert {one["channel_id"] for one in given["results"]["messages"]} == found
