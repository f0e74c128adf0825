"""The platform on the real discord.py: what people do in a Discord on loopback, and what they see.

`running` twice over one Discord is a restart: the second platform remembers nothing.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bots.discord import DiscordSettings, create, why_not
from bots.discord.client import BEAT_S, SILENT_BEATS
from core.clock import SystemClock
from core.errors import Code, PlatformError, SettingsError, StoreError
from core.i18n import error_text
from core.values.conversation import Ask
from core.values.events import ButtonPress, Deleted, Edited, Outcome
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.places import Place
from core.values.ui import Button, ImmediateReply
from tests.bots.discord.conftest import Bot, Recorder, running, settings
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    ChannelType,
    FakeDiscord,
    Message,
    MessageFlag,
    Permission,
)
from tests.fakes.discord.guild import INVITED
from tests.waiting import AT_ONCE_S, timer_waits, until


class HastyClock(SystemClock):
    """Does not wait long before it tries again; `ahead_s` is how far it has been put forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


def post(ask: Ask, text: str = "A machine.", page: int = 0, **fields: object) -> PostMessage:
    fields.setdefault("interaction_token", ask.interaction_token)
    shown = Page(text, **{k: fields.pop(k) for k in ("notice", "buttons") if k in fields})  # type: ignore[arg-type]
    return PostMessage(ask.place, shown, f"{ask.key}#{page}", answers=ask.id, **fields)  # type: ignore[arg-type]


def edit(ask: Ask, message_id: str, text: str) -> EditMessage:
    return EditMessage(ask.place, message_id, Page(text), interaction_token=ask.interaction_token)


async def mention(bot: Bot, text: str = "what is a loom?", channel: int = GENERAL) -> Ask:
    await bot.fake.say(ADA, channel, f"<@{BOT}> {text}")
    return await bot.inbox.ask(text)


async def slash(bot: Bot, channel: int = GENERAL, text: str = "what is a loom?", by: int = ADA) -> Ask:
    await bot.fake.slash(by, channel, "ask", question=text)
    return await bot.inbox.ask(text)


def shown(bot: Bot, channel: int | str) -> list[str]:
    return [message.content for message in bot.fake.from_bot(int(channel))]


async def failure(bot: Bot, call: PostMessage | EditMessage) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        await bot.platform.installation.perform(call)
    return raised.value


# Threads


async def test_a_mention_opens_a_thread_and_is_answered_there(bot: Bot) -> None:
    ask = await mention(bot, "what is a **loom**?")
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))

    thread = bot.fake.thread_of(int(ask.id))
    assert thread is not None
    assert (thread.name, thread.auto_archive_minutes) == ("what is a loom?", 1440)
    assert shown(bot, thread.id) == ["A machine", "that weaves."]
    assert shown(bot, GENERAL) == []


async def test_a_follow_up_in_the_thread_needs_no_mention(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    await bot.fake.say(BO, int(ask.place.thread), "who made it?")
    follow_up = await bot.inbox.ask("who made it?")
    assert follow_up.place == ask.place
    assert (follow_up.addressed, follow_up.author.name) == (False, "Bo Larsen")

    await bot.platform.installation.perform(post(follow_up, "Jacquard."))
    assert shown(bot, ask.place.thread) == ["A machine.", "Jacquard."]


async def test_a_thread_that_somebody_opened_first_is_used(bot: Bot) -> None:
    ask = await mention(bot)
    async with running(bot.fake) as later:
        await bot.fake.open_thread(BO, GENERAL, int(ask.id), "looms")
        await later.platform.installation.perform(post(ask))
    assert shown(bot, ask.id) == ["A machine."]


@pytest.mark.parametrize("reason", ["forbidden", "refused for minutes", "broken"])
async def test_where_no_thread_can_be_opened_the_answer_is_a_reply_in_the_channel(
    bot: Bot, reason: str
) -> None:
    path = "/channels/*/messages/*/threads"
    if reason == "forbidden":
        await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    elif reason == "broken":
        bot.fake.fail("POST", path, status=503)
    else:
        bot.fake.fail("POST", path, retry_after=219.0, scope="shared")
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))

    assert shown(bot, GENERAL) == ["A machine", "that weaves."]
    for message in bot.fake.from_bot(GENERAL):
        assert message.reference is not None
        assert message.reference["message_id"] == ask.id
    assert bot.fake.thread_of(int(ask.id)) is None


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_in_the_chat_of_a_voice_channel_which_has_no_threads_the_answer_is_a_reply(
    bot: Bot, kind: ChannelType
) -> None:
    """https://docs.discord.com/developers/resources/channel#start-thread-from-message"""
    lounge = await bot.fake.add_channel("lounge", kind=kind)
    ask = await mention(bot, channel=lounge)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, lounge) == ["A machine."]
    follow_up = await bot.fake.say(BO, lounge, "who made it?", bot.fake.from_bot(lounge)[0].id)
    assert (await bot.inbox.ask("who made it?")).place.thread == f"ask-{bot.fake.from_bot(lounge)[0].id}"
    assert follow_up


async def test_a_mention_in_an_announcement_channel_opens_a_thread_there(bot: Bot) -> None:
    news = await bot.fake.add_channel("news", kind=ChannelType.ANNOUNCEMENT)
    ask = await mention(bot, channel=news)
    await bot.platform.installation.perform(post(ask))
    thread = bot.fake.thread_of(int(ask.id))
    assert thread is not None
    assert shown(bot, thread.id) == ["A machine."]
    await bot.fake.say(BO, thread.id, "who made it?")
    assert (await bot.inbox.ask("who made it?")).place == ask.place


async def test_where_it_may_open_threads_but_not_speak_in_them_it_answers_in_the_channel(bot: Bot) -> None:
    """An empty thread would be all that is seen of an answer."""
    await bot.fake.deny(GENERAL, Permission.SEND_MESSAGES_IN_THREADS)
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, GENERAL) == ["A machine."]
    assert bot.fake.thread_of(int(ask.id)) is None


async def test_where_it_may_not_read_on_it_answers_without_a_reference(bot: Bot) -> None:
    """A reply takes the right to read the history, a message does not."""
    denied = (Permission.READ_MESSAGE_HISTORY, Permission.CREATE_PUBLIC_THREADS)
    await bot.fake.deny(GENERAL, *denied)
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, GENERAL) == ["A machine."]


async def test_where_it_may_not_read_on_people_are_told_things_all_the_same(bot: Bot) -> None:
    await bot.fake.deny(GENERAL, Permission.READ_MESSAGE_HISTORY)
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.TOLD
    await mention(bot)
    await bot.fake.wait_for(lambda: shown(bot, GENERAL) == ["Not here."])


async def test_an_answer_in_the_channel_goes_on_there_after_a_restart(bot: Bot) -> None:
    await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    async with running(bot.fake) as later:
        await later.platform.installation.perform(edit(ask, posted, "A machine."))
        await bot.fake.say(BO, GENERAL, "and then?", reply_to=int(posted))
        reply = await later.inbox.ask("and then?")
        follow_up = PostMessage(ask.place, Page("Then Jacquard."), "2/0", answers=reply.id)
        await later.platform.installation.perform(follow_up)
    assert shown(bot, GENERAL) == ["A machine.", "Then Jacquard."]


async def test_a_thread_goes_on_after_a_restart_though_it_is_archived(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.fake.archive(int(ask.id))
    async with running(bot.fake) as later:
        await later.platform.installation.perform(edit(ask, posted, "A machine."))
        await later.platform.installation.perform(post(ask, "It weaves.", page=1))
    assert shown(bot, ask.id) == ["A machine.", "It weaves."]


async def test_a_forum_post_is_a_thread_whose_first_message_has_its_id(bot: Bot) -> None:
    thread = await bot.fake.open_thread(ADA, FORUM, None, "Looms", f"<@{BOT}> what is a loom?")
    ask = await bot.inbox.ask("Looms\n\nwhat is a loom?")
    assert ask.place == Place("discord", str(GUILD), str(FORUM), str(thread))
    await bot.platform.installation.perform(post(ask, "A machine."))
    await bot.fake.archive(thread)
    async with running(bot.fake) as later:
        await later.platform.installation.perform(post(ask, "It weaves.", page=1))
    assert shown(bot, thread) == ["A machine.", "It weaves."]


async def test_a_locked_thread_says_no(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    await bot.fake.archive(int(ask.id), locked=True)
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.NOT_ALLOWED


def test_the_link_by_which_it_is_invited_asks_for_what_it_has_here() -> None:
    """So that every test of this room shows that it needs no other rights."""
    told = (Path(__file__).parents[3] / "deploy" / "README.md").read_text()
    assert f"scope=bot+applications.commands&permissions={int(INVITED)}\n" in told


# Other places


async def test_a_direct_message_is_answered_without_a_thread(bot: Bot) -> None:
    await bot.fake.direct(ADA, "what is a loom?")
    ask = await bot.inbox.ask("what is a loom?")
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert shown(bot, bot.fake.dm(ADA)) == ["A machine."]
    assert bot.fake.from_bot(bot.fake.dm(ADA))[0].reference is None


async def test_a_reply_to_the_bot_in_a_channel_is_answered_by_a_reply(bot: Bot) -> None:
    first = await slash(bot)
    posted = await bot.platform.installation.perform(post(first))
    await bot.fake.say(BO, GENERAL, "who made it?", reply_to=int(posted), ping=False)
    ask = await bot.inbox.ask("who made it?")
    assert (ask.addressed, ask.replies_to, ask.place.thread) == (True, posted, f"ask-{posted}")

    await bot.platform.installation.perform(post(ask, "Jacquard."))
    reply = bot.fake.from_bot(GENERAL)[-1]
    assert reply.content == "Jacquard."
    assert reply.reference is not None
    assert reply.reference["message_id"] == ask.id


async def test_what_is_said_to_nobody_is_heard_but_not_addressed(bot: Bot) -> None:
    await bot.fake.say(ADA, GENERAL, "lunch?")
    assert not (await bot.inbox.ask("lunch?")).addressed
    await bot.fake.bot_says(GENERAL, "beep")
    assert (await bot.inbox.ask("beep")).author.id == str(OTHER_BOT)


# The slash command


async def test_ask_is_deferred_and_its_reply_is_the_answer(bot: Bot) -> None:
    ask = await slash(bot)
    response = bot.fake.interaction(int(ask.id)).response
    assert response is not None
    assert response.loading

    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))
    assert (posted, response.loading) == (str(response.id), False)
    assert shown(bot, GENERAL) == ["A machine", "that weaves."]
    assert all(message.flags & MessageFlag.SUPPRESS_EMBEDS for message in bot.fake.from_bot(GENERAL))


async def test_ask_is_answered_in_its_reply_after_a_restart(bot: Bot) -> None:
    ask = await slash(bot)
    async with running(bot.fake) as later:
        assert await later.platform.installation.find(post(ask)) is None
        posted = await later.platform.installation.perform(post(ask, "A machine"))
        await later.platform.installation.perform(post(ask, "that weaves.", page=1))
        assert await later.platform.installation.find(post(ask, "A machine")) == posted
    assert shown(bot, GENERAL) == ["A machine", "that weaves."]


async def test_an_answer_outlives_its_ticket_where_the_bot_is_in_the_channel(bot: Bot) -> None:
    ask = await slash(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    bot.fake.clock.advance(901)
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert shown(bot, GENERAL) == ["A machine."]
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.EXPIRED
    assert [b.scope for b in bot.platform.installation.rate_limits(edit(ask, posted, ""))] == [
        f"discord/{BOT}/edit/{GENERAL}",
        f"discord/{BOT}/bot",
    ]


async def test_ask_works_between_people_until_its_ticket_dies(bot: Bot) -> None:
    chat = bot.fake.private_chat(ADA)
    ask = await slash(bot, chat)
    assert ask.place == Place("discord", str(BOT), str(chat), f"ask-{ask.id}")
    posted = await bot.platform.installation.perform(post(ask))
    assert shown(bot, chat) == ["A machine."]
    bot.fake.clock.advance(901)
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.EXPIRED


async def test_a_store_that_fails_is_told_in_the_askers_language(bot: Bot) -> None:
    bot.inbox.error = StoreError("disk full")
    interaction = await bot.fake.slash(CHEN, GENERAL, "ask", question="织布机是什么？")
    told = await until(lambda: bot.fake.interaction(interaction).followups)
    assert (told[0].content, told[0].ephemeral_to) == (error_text(bot.inbox.error, "zh"), CHEN)
    await until(lambda: shown(bot, GENERAL) == [told[0].content])

    question = await bot.fake.say(ADA, GENERAL, f"<@{BOT}> hello")
    reply = await until(lambda: next((m for m in bot.fake.from_bot(GENERAL) if m.reference), None))
    assert reply.content == error_text(bot.inbox.error, "en")
    assert reply.reference is not None
    assert reply.reference["message_id"] == str(question)


async def test_a_question_that_is_not_taken_does_not_think_for_ever(bot: Bot) -> None:
    bot.inbox.outcome = Outcome.DRAINING
    ask = await slash(bot)
    told = await until(lambda: bot.fake.interaction(int(ask.id)).followups)
    await until(lambda: [message.id for message in bot.fake.from_bot(GENERAL)] == [told[0].id])


# Buttons, edits, deletions


async def test_a_button_is_a_press_after_a_restart_too(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        ask = await mention(bot)
        posted = await bot.platform.installation.perform(post(ask, buttons=(Button("again", "Again", 42),)))
    async with running(fake) as bot:
        await fake.press(BO, int(ask.id), int(posted), "parley:again:42")
        press = await until(lambda: next(iter(bot.inbox.of(ButtonPress)), None))
        assert (press.action, press.turn_id, press.place, press.author.id) == ("again", 42, ask.place, str(BO))
        await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert fake.message(int(posted)).buttons == []


async def test_an_interaction_that_another_process_took_is_left_to_it(bot: Bot) -> None:
    async with running(bot.fake) as twin:
        await bot.fake.slash(ADA, GENERAL, "ask", question="who takes it?")
        await until(lambda: sum(call.path.endswith("/callback") for call in bot.fake.calls) == 2)
        await until(lambda: bot.inbox.events or twin.inbox.events)
    assert len(bot.inbox.of(Ask)) + len(twin.inbox.of(Ask)) == 1


async def test_edits_and_deletions_are_heard(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    said = [await bot.fake.say(BO, int(ask.id), text) for text in ("one", "two", "three")]
    await bot.fake.edit(said[0], "ONE")
    await bot.fake.delete(said[0])
    bulk = {"ids": [str(i) for i in said[1:]], "channel_id": ask.id, "guild_id": str(GUILD)}
    await bot.fake.gateway.dispatch("MESSAGE_DELETE_BULK", bulk)

    await until(lambda: len(bot.inbox.of(Deleted)) == 3)
    assert bot.inbox.of(Edited) == [Edited(ask.place, str(said[0]), "ONE")]
    assert bot.inbox.of(Deleted) == [Deleted(ask.place, str(i)) for i in said]


# Strokes that fail


async def test_the_same_post_twice_is_one_message(bot: Bot) -> None:
    ask = await mention(bot)
    first = await bot.platform.installation.perform(post(ask))
    assert await bot.platform.installation.perform(post(ask)) == first
    assert shown(bot, ask.id) == ["A machine."]


async def test_a_post_whose_answer_was_lost_is_found(bot: Bot) -> None:
    ask = await mention(bot)
    assert await bot.platform.installation.find(post(ask)) is None
    bot.fake.fail("POST", "/channels/*/messages", drop="after")
    error = await failure(bot, post(ask))
    assert (error.code, error.certain) == (Code.UNCERTAIN, False)
    assert await bot.platform.installation.find(post(ask)) == str(bot.fake.from_bot(int(ask.id))[0].id)
    assert await bot.platform.installation.find(post(ask, "more", page=1)) is None


async def test_a_post_that_stands_already_with_other_words_gets_the_new_ones(bot: Bot) -> None:
    ask = await mention(bot)
    first = await bot.platform.installation.perform(post(ask, "A mach"))
    async with running(bot.fake) as later:
        assert await later.platform.installation.perform(post(ask, "An engine")) == first
    assert shown(bot, ask.id) == ["An engine"]


async def test_a_reply_in_the_channel_whose_answer_was_lost_is_found_and_not_taken_for_another(
    bot: Bot,
) -> None:
    await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    one, two = await mention(bot, "one?"), await mention(bot, "two?")
    bot.fake.fail("POST", f"/channels/{GENERAL}/messages", drop="after")
    assert (await failure(bot, post(two, "…"))).code is Code.UNCERTAIN
    async with running(bot.fake) as later:
        assert await later.platform.installation.find(post(one, "…")) is None
        assert await later.platform.installation.find(post(two, "…")) == str(bot.fake.from_bot(GENERAL)[0].id)


async def test_a_question_whose_ticket_died_is_answered_without_it(bot: Bot) -> None:
    ask = await slash(bot)
    bot.fake.clock.advance(901)
    assert (await failure(bot, post(ask))).code is Code.EXPIRED
    await bot.platform.installation.perform(post(ask, interaction_token=""))
    assert shown(bot, GENERAL)[-1] == "A machine."


async def test_a_follow_up_whose_answer_was_lost_is_found(bot: Bot) -> None:
    ask = await slash(bot)
    await bot.platform.installation.perform(post(ask, "A machine"))
    bot.fake.fail("POST", "/webhooks/*/*", drop="after")
    assert (await failure(bot, post(ask, "that weaves.", page=1))).code is Code.UNCERTAIN
    assert await bot.platform.installation.find(post(ask, "that weaves.", page=1)) == str(
        bot.fake.from_bot(GENERAL)[-1].id
    )
    assert await bot.platform.installation.find(post(ask, "and more.", page=2)) is None


async def test_a_message_or_thread_that_was_deleted_is_gone(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask))
    await bot.fake.delete(int(posted))
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.GONE
    bot.fake.fail("*", f"/channels/{ask.id}/**", None, status=404, code=10003)
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.GONE


async def test_each_refusal_has_its_code(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask))
    assert (await failure(bot, post(ask, "x" * 2_001, page=1))).code is Code.REJECTED
    bot.fake.fail("PATCH", "/channels/*/messages/*", status=503)
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.UNAVAILABLE
    bot.fake.fail("POST", "/channels/*/messages", status=503)
    assert (await failure(bot, post(ask, page=2))).code is Code.UNCERTAIN
    bot.fake.fail("PATCH", "/channels/*/messages/*", retry_after=40.0)
    slow = await failure(bot, edit(ask, posted, "more"))
    assert (slow.code, slow.retry_after_s) == (Code.SLOW_DOWN, 40.0)
    await bot.fake.deny(GENERAL, Permission.SEND_MESSAGES_IN_THREADS)
    assert (await failure(bot, post(ask, page=3))).code is Code.NOT_ALLOWED


async def test_nothing_is_done_before_there_is_a_connection(fake: FakeDiscord) -> None:
    platform = create(settings(fake), SystemClock())
    assert platform is not None
    here = Place("discord", str(GUILD), str(GENERAL))
    with pytest.raises(PlatformError) as raised:
        await platform.installation.perform(PostMessage(here, Page("hello"), "1/0"))
    assert raised.value.code is Code.UNAVAILABLE
    await platform.installation.typing(here)
    assert fake.calls == []


async def test_nobody_is_pinged_and_no_link_unfurls(bot: Bot) -> None:
    words = f"@everyone @here <@{ADA}> <@&{GUILD}> http://x.test"
    for ask in (await mention(bot), await slash(bot, text="and now?")):
        posted = await bot.platform.installation.perform(post(ask, words))
        await bot.platform.installation.perform(edit(ask, posted, words + "!"))
        message: Message = bot.fake.message(int(posted))
        assert message.content == words + "!"
        assert message.flags & MessageFlag.SUPPRESS_EMBEDS
    assert bot.fake.pinged == []


# Reading


async def test_history_of_a_thread_begins_with_what_it_was_opened_on(bot: Bot) -> None:
    root = await bot.fake.say(ADA, GENERAL, "the loom is broken")
    starter = await bot.fake.say(BO, GENERAL, "which one?", reply_to=root)
    thread = await bot.fake.open_thread(CHEN, GENERAL, starter, "looms")
    await bot.fake.say(CHEN, thread, "the left one")
    await bot.fake.say(ADA, thread, f"<@{BOT}> what now?")
    ask = await bot.inbox.ask("what now?")
    await bot.fake.say(BO, thread, "later")

    history = await bot.platform.installation.history(ask.place, ask)
    assert [(e.author.name, e.text) for e in history.entries] == [
        ("Ada Byron", "the loom is broken"),
        ("Bo Larsen", "which one?"),
        ("陈晨", "the left one"),
    ]
    assert history.complete


async def test_a_long_thread_is_cut_but_keeps_its_starter(bot: Bot) -> None:
    starter = await bot.fake.say(ADA, GENERAL, "the start")
    thread = await bot.fake.open_thread(ADA, GENERAL, starter, "long")
    for n in range(105):
        await bot.fake.say(BO, thread, f"line {n}")
    await bot.fake.say(ADA, thread, f"<@{BOT}> sum up")
    ask = await bot.inbox.ask("sum up")
    history = await bot.platform.installation.history(ask.place, ask)
    assert not history.complete
    assert [history.entries[0].text, history.entries[1].text, history.entries[-1].text] == [
        "the start",
        "line 5",
        "line 104",
    ]


async def test_a_place_that_was_just_opened_has_no_history_and_needs_no_call(bot: Bot) -> None:
    for ask in (await mention(bot), await slash(bot, text="and now?")):
        before = len(bot.fake.calls)
        history = await bot.platform.installation.history(ask.place, ask)
        assert (history.entries, history.complete) == ((), True)
        assert len(bot.fake.calls) == before


async def test_a_mention_in_a_reply_knows_what_it_replies_to(bot: Bot) -> None:
    said = await bot.fake.say(BO, GENERAL, "looms think")
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> is that so?", reply_to=said)
    ask = await bot.inbox.ask("is that so?")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == ["looms think"]


async def test_history_of_a_chain_of_replies(bot: Bot) -> None:
    first = await slash(bot)
    answer = await bot.platform.installation.perform(post(first, "A machine.", notice="Cut."))
    last = int(answer)
    for n in range(12):
        last = await bot.fake.say(BO, GENERAL, f"reply {n}", reply_to=last)
    await bot.fake.say(ADA, GENERAL, "so?", reply_to=int(answer))
    ask = await bot.inbox.ask("so?")
    (entry,) = (await bot.platform.installation.history(ask.place, ask)).entries
    assert (entry.text, entry.mine) == ("A machine.", True)

    long = Ask("9" * 19, ask.place, ask.author, "?", ask.at, replies_to=str(last))
    entries = (await bot.platform.installation.history(ask.place, long)).entries
    assert [entry.text for entry in entries] == [f"reply {n}" for n in range(2, 12)]


async def test_history_of_a_direct_message_is_its_recent_window(bot: Bot) -> None:
    for n in range(35):
        await bot.fake.direct(ADA, f"line {n}")
    ask = await bot.inbox.ask("line 34")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == [f"line {n}" for n in range(4, 34)]


async def test_history_that_is_refused_says_so(bot: Bot) -> None:
    thread = await bot.fake.open_thread(ADA, GENERAL, None, "looms")
    await bot.fake.say(ADA, thread, f"<@{BOT}> what now?")
    ask = await bot.inbox.ask("what now?")
    bot.fake.fail("GET", "/channels/*/messages", retry_after=60.0)
    with pytest.raises(PlatformError) as slow:
        await bot.platform.installation.history(ask.place, ask)
    assert slow.value.code is Code.SLOW_DOWN


async def test_what_was_missed_says_who_may_what(bot: Bot) -> None:
    weavers = await bot.fake.grant(BO, Permission.MANAGE_CHANNELS, role="weavers")
    here = Place("discord", str(GUILD), str(GENERAL))
    after = datetime.now(UTC) - timedelta(minutes=1)
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> may I?")
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> and now?")
    calls = len(bot.fake.calls)
    asks = await bot.platform.installation.missed(here, after)
    assert [(ask.author.roles, ask.author.manager, ask.author.admin) for ask in asks] == [
        ((str(weavers),), True, False)
    ] * 2
    assert len(bot.fake.calls) - calls == 2, "one read, and one look-up for each person"


async def test_nobody_is_looked_up_for_what_nothing_comes_of(bot: Bot) -> None:
    bot.inbox.concerned = False
    after = datetime.now(UTC) - timedelta(minutes=1)
    await bot.fake.say(BO, GENERAL, "news")
    calls = len(bot.fake.calls)
    (ask,) = await bot.platform.installation.missed(Place("discord", str(GUILD), str(GENERAL)), after)
    assert (ask.text, ask.author.may_read) == ("news", False)
    assert len(bot.fake.calls) - calls == 1


async def test_threads_are_looked_into_too_and_what_may_not_be_read_is_not(bot: Bot) -> None:
    chat = await bot.fake.open_thread(BO, GENERAL, None, "a chat")
    secret = await bot.fake.add_channel("secret")
    await bot.fake.deny(secret, Permission.VIEW_CHANNEL)
    await until(lambda: str(chat) in {place.thread for place in bot.platform.installation.channels()})
    shown = {place.thread or place.channel for place in bot.platform.installation.channels()}
    assert shown >= {str(GENERAL), str(FORUM), str(chat)}
    await until(lambda: str(secret) not in {place.channel for place in bot.platform.installation.channels()})


async def test_posts_of_a_forum_that_were_archived_meanwhile_are_missed_with_their_title(bot: Bot) -> None:
    here = Place("discord", str(GUILD), str(FORUM))
    earlier = await bot.fake.open_thread(BO, FORUM, None, "Long ago", "Known.")
    await bot.fake.archive(earlier)
    await asyncio.sleep(0.01)  # ids know milliseconds
    after = datetime.now(UTC)
    await asyncio.sleep(0.01)
    calls = len(bot.fake.calls)
    assert await bot.platform.installation.missed(here, after) == []
    assert len(bot.fake.calls) == calls, "no post is that new"
    post = await bot.fake.open_thread(BO, FORUM, None, "Why is it slow?", "It creaks.")
    await bot.fake.archive(post)
    shown = await bot.fake.open_thread(BO, FORUM, None, "And dusty?", "Very.")
    await until(lambda: str(shown) in {place.thread for place in bot.platform.installation.channels()})
    asks = await bot.platform.installation.missed(here, after)
    assert [(ask.text, ask.id, ask.place.thread) for ask in asks] == [
        ("Why is it slow?\n\nIt creaks.", str(post), str(post))
    ]


async def test_the_title_of_a_forums_post_is_read_with_it(bot: Bot) -> None:
    thread = await bot.fake.open_thread(BO, FORUM, None, "Why is it slow?", "It creaks.")
    await bot.fake.say(ADA, thread, f"<@{BOT}> do you know?")
    ask = await bot.inbox.ask("do you know?")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == ["Why is it slow?\n\nIt creaks."]


async def test_typing_shows_where_the_answer_will_be_or_else_in_the_channel(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.typing(ask.place)
    await bot.platform.installation.perform(post(ask))
    await bot.platform.installation.typing(ask.place)
    bot.fake.fail("POST", "/channels/*/typing", status=403, code=50001)
    await bot.platform.installation.typing(ask.place)
    assert [channel for channel, _ in bot.fake.typing] == [GENERAL, int(ask.id)]


async def test_a_channel_is_found_by_its_id(bot: Bot) -> None:
    assert await bot.platform.installation.channel(str(GENERAL)) == Place("discord", str(GUILD), str(GENERAL))
    for unknown in ("999", "general"):
        with pytest.raises(PlatformError) as raised:
            await bot.platform.installation.channel(unknown)
        assert raised.value.code is Code.GONE


async def test_a_post_to_a_channel_itself_is_a_plain_message(bot: Bot) -> None:
    here = await bot.platform.installation.channel(str(GENERAL))
    await bot.platform.installation.perform(PostMessage(here, Page("Usage"), "digest/1"))
    assert [(m.content, m.reference) for m in bot.fake.from_bot(GENERAL)] == [("Usage", None)]


async def test_budgets_are_per_channel_and_kind_and_tickets_have_their_own(bot: Bot) -> None:
    thread = Place("discord", "1", "2", "3")
    scopes = [
        [b.scope for b in bot.platform.installation.rate_limits(s)]
        for s in (PostMessage(thread, Page(""), "k"), EditMessage(thread, "4", Page("")))
    ]
    assert scopes == [
        [f"discord/{BOT}/post/3", f"discord/{BOT}/bot"],
        [f"discord/{BOT}/edit/3", f"discord/{BOT}/bot"],
    ]
    (interaction_token,) = bot.platform.installation.rate_limits(
        EditMessage(thread, "4", Page(""), interaction_token="secret")
    )
    assert "secret" not in interaction_token.scope


# The connection


async def test_a_bad_token_ends_with_the_name_of_the_setting(fake: FakeDiscord) -> None:
    platform = create(settings(fake, "wrong-test-token"), SystemClock())
    assert platform is not None
    with pytest.raises(PlatformError, match="DISCORD_BOT_TOKEN") as raised:
        await platform.run(Recorder())
    assert raised.value.code is Code.BAD_TOKEN


async def test_a_token_that_is_taken_back_ends_the_run(fake: FakeDiscord) -> None:
    platform = create(settings(fake), SystemClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    await until(platform.ready)
    await fake.gateway.hang_up(4004)
    with pytest.raises(PlatformError) as raised:
        await run
    assert raised.value.code is Code.BAD_TOKEN


async def test_without_the_message_content_intent_mentions_still_work() -> None:
    async with FakeDiscord(message_content_allowed=False) as fake, running(fake) as bot:
        ask = await mention(bot)
        await bot.platform.installation.perform(post(ask))
        assert shown(bot, ask.id) == ["A machine."]


async def test_an_event_that_cannot_be_read_does_not_end_the_bot(bot: Bot) -> None:
    for event in ("MESSAGE_CREATE", "INTERACTION_CREATE", "MESSAGE_UPDATE", "THREAD_CREATE"):
        await bot.fake.gateway.dispatch(event, {"id": "1", "guild_id": str(GUILD)})
    await mention(bot)
    assert bot.platform.ready()
    assert bot.fake.gateway.identifies == 1


async def test_a_cut_connection_is_resumed_and_nothing_is_missed(bot: Bot) -> None:
    bot.fake.abort_gateway()
    await mention(bot, "while you were away")
    await until(bot.platform.ready)
    assert bot.fake.gateway.resumes == 1


async def test_a_half_open_connection_is_noticed_and_resumed(fake: FakeDiscord) -> None:
    assert SILENT_BEATS * BEAT_S <= 30
    async with running(fake, beat_s=0.4) as bot:
        fake.half_open()
        began = time.monotonic()
        await fake.say(ADA, GENERAL, f"<@{BOT}> anyone?")
        await bot.inbox.ask("anyone?")
        # Half a second to connect; 30 s, were the beats as far apart as in production.
        assert time.monotonic() - began < 0.5 + 30 * 0.4 / BEAT_S
        await until(bot.platform.ready)
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 1)


async def test_a_connection_on_which_nobody_speaks_is_left_alone(fake: FakeDiscord) -> None:
    async with running(fake, beat_s=0.4) as bot:
        await until(lambda: fake.gateway.heartbeats >= 5)
        assert bot.platform.ready()
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 0)


async def test_a_gateway_that_never_greets_is_not_waited_for(fake: FakeDiscord) -> None:
    async with running(fake, beat_s=0.1) as bot:
        fake.gateway.greets = False
        fake.abort_gateway()
        await until(lambda: not bot.platform.ready())
        await fake.wait_for(lambda: fake.gateway.ungreeted)
        fake.gateway.greets = True
        await until(bot.platform.ready)


async def test_a_start_without_network_goes_on_trying(fake: FakeDiscord) -> None:
    fake.fail("GET", "/users/@me", 3, status=503)
    platform = create(settings(fake), HastyClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    assert not platform.ready()


async def test_a_gateway_that_stays_away_ends_in_a_new_session(fake: FakeDiscord) -> None:
    clock = HastyClock()
    platform = create(settings(fake), clock)
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(platform.ready)
        fake.refuse_connections = True
        fake.abort_gateway()
        await until(lambda: not platform.ready())
        clock.ahead_s += 61
        await until(lambda: [call.path for call in fake.calls].count("/users/@me") == 2)
        fake.refuse_connections = False
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    assert fake.gateway.identifies == 2


async def test_commands_that_cannot_be_registered_keep_it_from_being_ready(fake: FakeDiscord) -> None:
    refused = fake.fail("GET", "/applications/*/commands", None, status=403, code=50001)
    platform = create(settings(fake), HastyClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(lambda: fake.gateway.connected)
        assert not platform.ready()
        fake.rest.failures.remove(refused)
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_stopping_takes_no_time_even_on_a_dead_line(fake: FakeDiscord) -> None:
    async with running(fake):
        fake.half_open()
        waited_s = timer_waits()
    assert waited_s() < AT_ONCE_S


# Settings


def test_settings_name_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_GATEWAY_URL", "https://gateway.test")
    with pytest.raises(SettingsError, match="DISCORD_GATEWAY_URL"):
        DiscordSettings.load()


def test_without_a_token_there_is_no_platform_and_a_reason() -> None:
    nothing = DiscordSettings(discord_bot_token=None)
    assert create(nothing, SystemClock()) is None
    assert "DISCORD_BOT_TOKEN" in why_not(nothing)


async def test_an_event_waits_for_the_names_of_the_one_before_it(bot: Bot) -> None:
    bot.fake.fail("GET", f"/guilds/*/members/{BO}", status=0, delay_s=0.3)
    card = {"type": "rich", "description": f"<@{BO}> rolled back"}
    said = await bot.fake.say(OTHER_BOT, GENERAL, "", embeds=[card])
    await bot.fake.delete(said)
    await until(lambda: bot.inbox.of(Deleted))
    told, deleted = bot.inbox.events
    assert isinstance(told, Ask)
    assert told.text == "@Bo Larsen rolled back"
    assert isinstance(deleted, Deleted)
