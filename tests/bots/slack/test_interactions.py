"""Replies to one person on the real slack-bolt: in time, where only they see it, and after failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from bots.slack.connector import SlackConnector
from core.clock import SystemClock
from core.errors import StoreError
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event, Outcome, Receipt
from core.values.ui import Attachment, Button, Field, Form, ImmediateReply
from tests.fakes.inbox import RecordingInbox
from tests.fakes.slack import BOT_USER, Channel, FakeSlack, Message

FORM = Form("settings", "Settings", "Save", (Field("set_model", "Model"),), {"scope": "channel"})


class Inbox(RecordingInbox):
    """Replies by `answer`, which may raise."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[Event], ImmediateReply | None] = lambda event: None

    async def respond(self, event: Event) -> Receipt:
        return Receipt(Outcome.TOLD, reply=self.answer(event))

    @property
    def commands(self) -> list[Command]:
        return self.of(Command)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        slack.space.people["U1"].is_admin = True
        slack.space.channels["C1"].creator = "U2"
        yield slack
    assert slack.client_errors == []


@pytest.fixture
async def inbox(slack: FakeSlack) -> AsyncIterator[Inbox]:
    """Of a platform that listens."""
    inbox, platform = Inbox(), connecting(slack)
    running = asyncio.create_task(platform.run(inbox))
    await slack.wait_for(lambda: running.done() or len(slack.sockets.open) == 2)
    yield inbox
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def connecting(slack: FakeSlack) -> SlackConnector:
    return SlackConnector(
        bot_token=slack.bot_token, app_token=slack.app_token, api_url=slack.api_url, clock=SystemClock()
    )


def shown(slack: FakeSlack, channel: str = "C1") -> list[Message]:
    return [m for m in slack.messages(channel) if m.user == BOT_USER]


async def whisper(slack: FakeSlack, words: str, channel: str = "C1") -> Message:
    found = await slack.wait_for(
        lambda: next((m for m in shown(slack, channel) if m.ephemeral_to and words in m.visible), None)
    )
    assert found is not None
    return found


async def test_a_question_is_stored_before_it_is_acknowledged(slack: FakeSlack, inbox: Inbox) -> None:
    acked: list[bool] = []

    def look(event: Event) -> None:
        acked.append(envelope.acked)

    inbox.answer = look
    envelope = await slack.slash("U1", "C1", "/ask", "why?")
    await slack.wait_for(lambda: envelope.acked)
    assert acked == [False]
    repeated = shown(slack)[0]
    assert (inbox.commands[0].id, inbox.commands[0].opens) == (repeated.ts, repeated.ts)
    assert inbox.commands[0].place.thread == ""
    assert envelope.ack_payload is None


async def test_a_question_that_is_refused_goes_away_and_only_its_asker_is_told(
    slack: FakeSlack, inbox: Inbox
) -> None:
    inbox.answer = lambda event: ImmediateReply("Not here, please.") if isinstance(event, Command) else None
    await slack.slash("U1", "C1", "/ask", "why?")
    assert (await whisper(slack, "Not here")).ephemeral_to == "U1"
    await slack.wait_for(lambda: shown(slack)[0].deleted)


async def test_the_words_of_a_refused_command_are_given_back(slack: FakeSlack, inbox: Inbox) -> None:
    inbox.answer = lambda event: ImmediateReply("Not here.", refused=True)
    long = "Answer in the words of a pirate who has read very many books about looms."
    await slack.slash("U1", "C1", "/ask", "why?")
    assert (await whisper(slack, "why?")).visible == "Not here.\n\nYou wrote:\n> why?"
    await slack.slash("U2", "C1", "/parley", f"prompt {long}")
    assert (await whisper(slack, long)).visible == f"Not here.\n\n你写的是：\n> {long}"


async def test_the_words_of_a_question_that_can_not_be_taken_are_given_back(
    slack: FakeSlack, inbox: Inbox
) -> None:
    def fail(event: Event) -> None:
        raise StoreError("the disk is full") if slack.space.people["U1"].is_admin else TypeError("a defect")

    inbox.answer = fail
    for number, admin in enumerate((True, False)):
        slack.space.people["U1"].is_admin = admin
        await slack.slash("U1", "C1", "/ask", f"why {number}?")
        told = (await whisper(slack, f"why {number}?")).visible
        assert " (ref " in told
        assert told.endswith(f"\n\nYou wrote:\n> why {number}?")


async def test_a_broken_store_is_told_in_the_persons_language(slack: FakeSlack, inbox: Inbox) -> None:
    def fail(event: Event) -> None:
        raise StoreError("the disk is full")

    inbox.answer = fail
    for text in ("usage", "ask why?"):
        envelope = await slack.slash("U2", "C1", "/parley", text)
        await slack.wait_for(lambda envelope=envelope: envelope.acked)  # type: ignore[misc]
    await slack.wait_for(lambda: len([m for m in shown(slack) if "编号" in m.visible]) == 2)
    assert not any("disk" in m.visible for m in shown(slack))


async def test_slow_names_and_slow_posts_leave_the_acknowledgement_in_time(
    slack: FakeSlack, inbox: Inbox
) -> None:
    slack.fail("users.info", times=None, delay_s=5.0)
    slack.fail("conversations.info", times=None, delay_s=5.0)
    slack.fail("chat.postMessage", delay_s=2.5)
    envelope = await slack.slash("U1", "C1", "/ask", "why?")
    await slack.wait_for(lambda: envelope.acked)
    assert (envelope.latency_s or 9) < 2.9
    assert inbox.events == []
    await whisper(slack, "ref")
    await slack.wait_for(lambda: shown(slack)[0].deleted)


async def test_a_channel_without_the_bot_is_said_to_be_one(slack: FakeSlack, inbox: Inbox) -> None:
    await slack.slash("U1", "C9", "/ask", "why?")
    await whisper(slack, "/invite", "C9")
    assert inbox.events == []


@pytest.mark.parametrize("refusal", ["is_archived", "restricted_action", "restricted_action_read_only_channel"])
async def test_where_slack_lets_it_not_write_the_asker_hears_so(
    slack: FakeSlack, inbox: Inbox, refusal: str
) -> None:
    slack.space.channels["C1"].refusal = refusal
    await slack.slash("U1", "C1", "/ask", "why?")
    await whisper(slack, "I'm not allowed to write here")
    assert inbox.events == []


async def test_who_may_change_what_comes_with_every_command(slack: FakeSlack, inbox: Inbox) -> None:
    for user in ("U1", "U2", "U3", "U2"):
        await slack.slash(user, "C1", "/parley", "settings")
    await slack.slash("U2", "C2", "/parley", "settings")
    await slack.wait_for(lambda: len(inbox.commands) == 5)
    rights = {
        (command.author.id, command.place.channel): (
            command.author.admin,
            command.author.manager,
            command.author.guest,
        )
        for command in inbox.commands
    }
    assert rights == {
        ("U1", "C1"): (True, False, False),
        ("U2", "C1"): (False, True, False),
        ("U3", "C1"): (False, False, True),
        ("U2", "C2"): (False, False, False),
    }
    assert len(slack.called("conversations.info")) == 2


async def test_a_typed_command_comes_with_its_authors_rights_and_a_question_costs_nothing_more(
    slack: FakeSlack, inbox: Inbox
) -> None:
    await slack.say("U2", "C1", f"<@{BOT_USER}> what is a monad?")
    await slack.wait_for(lambda: len(inbox.events) == 2)
    assert slack.called("conversations.info") == []
    await slack.say("U2", "C1", f"<@{BOT_USER}> /settings listen off")
    await slack.wait_for(lambda: len(inbox.events) == 4)
    asks = [event for event in inbox.events if isinstance(event, Ask)]
    assert [ask.author.manager for ask in asks] == [False, False, True, True]


async def test_nobody_manages_a_group_conversation(slack: FakeSlack, inbox: Inbox) -> None:
    group = slack.space.add_channel("M1", "", "mpim")
    group.members, group.creator = {"U1", "U2", BOT_USER}, "U2"
    await slack.slash("U2", "M1", "/parley", "settings")
    await slack.wait_for(lambda: inbox.commands)
    assert inbox.commands[0].author.manager is False


async def test_what_an_asker_is_told_is_seen_by_them_alone_in_a_live_thread(
    slack: FakeSlack, inbox: Inbox
) -> None:
    inbox.answer = lambda event: ImmediateReply("A little slower, please.") if isinstance(event, Ask) else None
    root = await slack.say("U1", "C1", "just talking")
    await slack.say("U1", "C1", f"<@{BOT_USER}> hm?", thread_ts=root)
    assert (await whisper(slack, "slower")).thread_ts in (None, root)
    await slack.wait_for(lambda: any(m.thread_ts == root for m in shown(slack)))
    ts = await slack.direct("U1", "hm?")
    await slack.wait_for(lambda: shown(slack, "D1") != [])
    told = shown(slack, "D1")[0]
    assert (told.ephemeral_to, told.thread_ts) == (None, ts)


async def test_what_all_should_see_is_said_to_all_and_is_no_answer(slack: FakeSlack, inbox: Inbox) -> None:
    inbox.answer = lambda event: ImmediateReply("Afresh.", whisper=False) if isinstance(event, Ask) else None
    ts = await slack.direct("U1", "/reset")
    await slack.wait_for(lambda: shown(slack, "D1") != [])
    ask = inbox.events[0]
    assert isinstance(ask, Ask)
    await slack.direct("U1", "and now?", thread_ts=ts)
    await slack.wait_for(lambda: len(inbox.events) == 2)
    later = inbox.events[1]
    assert isinstance(later, Ask)
    platform = connecting(slack)
    try:
        lines = (await platform.installation.history(later.place, later)).entries
    finally:
        await platform.installation.close()
    assert [line.text for line in lines] == ["/reset"]


async def test_a_file_reaches_its_asker_alone_or_they_hear_why_not(slack: FakeSlack, inbox: Inbox) -> None:
    file = Attachment("thread.md", "text/markdown", "# 话题".encode())
    inbox.answer = lambda event: (
        ImmediateReply("**Yours**, 2 lines.", file=file) if isinstance(event, Command) else None
    )
    await slack.slash("U2", "C1", "/parley", "export")
    await whisper(slack, "私信")
    sent = shown(slack, "D2")[0]
    assert (sent.text, sent.files[0]["name"]) == ("*Yours*, 2 lines.", "thread.md")
    assert slack.space.files[sent.files[0]["id"]].content == file.content
    slack.fail("conversations.open", error="missing_scope")
    await slack.slash("U1", "C1", "/parley", "export")
    await whisper(slack, "ref")
    assert len(slack.called("files.completeUploadExternal")) == 1


async def test_a_file_asked_for_between_two_people_goes_to_its_asker_alone(
    slack: FakeSlack, inbox: Inbox
) -> None:
    """A command works in the direct messages of two people, where the bot is not and nobody can invite it."""
    slack.space.channels["DU1U2"] = Channel("DU1U2", kind="im", members={"U1", "U2"})
    file = Attachment("me.md", "text/markdown", b"# Ada")
    inbox.answer = lambda event: ImmediateReply("Yours.", file=file) if isinstance(event, Command) else None
    await slack.slash("U1", "DU1U2", "/parley", "export me")
    sent = await slack.wait_for(lambda: shown(slack, "D1"))
    assert sent[0].files[0]["name"] == "me.md"
    await whisper(slack, "as a direct message", "DU1U2")
    await slack.slash("U1", "DU1U2", "/ask", "why?")
    await whisper(slack, "Ask me in a direct message", "DU1U2")


async def test_a_response_url_that_is_dead_is_replaced_by_a_call(slack: FakeSlack, inbox: Inbox) -> None:
    inbox.answer = lambda event: ImmediateReply("Here.")
    envelope = await slack.slash("U1", "C1", "/parley", "help")
    slack.space.response_urls[envelope.payload["response_url"].rpartition("/")[2]].uses = 5
    assert (await whisper(slack, "Here.")).ephemeral_to == "U1"


async def test_buttons_under_what_was_told_come_back(slack: FakeSlack, inbox: Inbox) -> None:
    reason = Button("reason", "Say why", 7)
    inbox.answer = lambda event: ImmediateReply("Thanks.", form=FORM, buttons=(reason,))
    await slack.slash("U1", "C1", "/parley", "settings")
    told = await whisper(slack, "Thanks.")
    assert told.buttons == ["Say why", "Change"]
    await slack.press("U1", "C1", told.ts, "parley:reason")
    await slack.wait_for(lambda: len(slack.space.views) == 1)
    assert len(inbox.events) == 1, "nobody is asked before the form is sent off"
    sent = await slack.submit_view("U1", "parley:form", {"text": {"value": {"value": "too short"}}})
    await slack.wait_for(lambda: sent.acked)
    press = inbox.events[-1]
    assert isinstance(press, ButtonPress)
    assert (press.action, press.turn_id, press.text, press.author.admin) == ("reason", 7, "too short", True)
    await slack.press("U1", "C1", told.ts, "parley:change")
    await slack.wait_for(lambda: len(slack.space.views) == 2)
    assert inbox.commands[-1].options == {"scope": "channel"}


async def test_a_workspace_without_suggested_prompts_is_asked_once(slack: FakeSlack, inbox: Inbox) -> None:
    slack.fail("assistant.threads.setSuggestedPrompts", times=None, error="missing_scope")
    await slack.open_home("U1", "messages")
    await slack.wait_for(lambda: len(slack.called("assistant.threads.setSuggestedPrompts")) == 1)
    await asyncio.sleep(0.05)
    await slack.open_home("U1", "messages")
    await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
    await asyncio.sleep(0.05)
    assert len(slack.called("assistant.threads.setSuggestedPrompts")) == 1
    call = slack.called("assistant.threads.setSuggestedPrompts")[0]
    assert "thread_ts" not in call.args


@pytest.mark.parametrize("words", ["门" * 3_500, "a line\n" * 1_200, '"quoted" ' * 900])
async def test_a_long_message_is_asked_about_whole(slack: FakeSlack, inbox: Inbox, words: str) -> None:
    ts = await slack.say("U2", "C1", words)
    await slack.shortcut("U1", "menu_ask", "C1", ts)
    await slack.wait_for(lambda: slack.space.views)
    await slack.submit_view("U1", "parley:form", {"question": {"value": {"value": "why?"}}})
    await slack.wait_for(lambda: inbox.commands)
    assert inbox.commands[0].options["about"] == words.strip()


@pytest.mark.parametrize("words", ["很长的问题" * 2_600, "why? " * 2_600])
async def test_a_question_of_13_000_characters_is_repeated_in_part_and_asked_whole(
    slack: FakeSlack, inbox: Inbox, words: str
) -> None:
    await slack.slash("U1", "C1", "/ask", words)
    await slack.wait_for(lambda: inbox.commands)
    assert inbox.commands[0].argument == words.strip()
    (repeated,) = slack.messages("C1")
    assert "Cut here. The whole text has" in repeated.visible
