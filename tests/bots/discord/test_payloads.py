"""Events as Discord's gateway sends them, from the files in tests/payloads/discord, through the real discord.py to
the inbox. Ids there are the fake's own with a prefix, so that what is done about an event reaches the fake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from discord.utils import snowflake_time

from core.i18n import phrase
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Deleted, Edited, Event
from core.values.parts import Quote
from core.values.places import Person, Place
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import BO, BOT, CHEN, FORUM, GENERAL, GUILD
from tests.fakes.discord.guild import Channel, ChannelType, Interaction
from tests.fakes.discord.spec import load
from tests.waiting import until

Json = dict[str, Any]
FILES = sorted((Path(__file__).parents[2] / "payloads" / "discord").glob("*.json"))
QUESTION, THREAD, POST, ANSWER = (f"14200000000000000{end}" for end in ("01", "10", "20", "30"))
DIRECT, BETWEEN_PEOPLE, ELSEWHERE = 800, 810, 290
HERE = Place("discord", str(GUILD), str(GENERAL))
IN_THREAD = Place("discord", str(GUILD), str(GENERAL), THREAD)
CHEN_ = Person(str(CHEN), "陈晨", "zh-CN")


def frame(name: str) -> Json:
    text = next(file for file in FILES if file.stem == name).read_text("utf-8")
    read: Json = json.loads(re.sub(r"1100000000000(\d{6})", lambda found: str(int(found[1])), text))
    return read


class Recorded:
    """A bot in the recorded server, to whom recorded events are handed in."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        channels = bot.fake.world.channels
        channels[int(THREAD)] = Channel(int(THREAD), ChannelType.PUBLIC_THREAD, parent_id=GENERAL, owner_id=BO)
        channels[DIRECT] = Channel(DIRECT, ChannelType.DM, recipient_id=CHEN)
        channels[BETWEEN_PEOPLE] = Channel(BETWEEN_PEOPLE, ChannelType.DM, recipient_id=BO, bot_absent=True)
        channels[ELSEWHERE] = Channel(ELSEWHERE, ChannelType.TEXT, "elsewhere", bot_absent=True)

    async def hand_in(self, name: str) -> int:
        """The id of the event's object."""
        event = frame(name)
        data = event["d"]
        if event["t"] == "INTERACTION_CREATE":
            fake = self.bot.fake
            user = data.get("member", data)["user"]
            interaction = Interaction(
                int(data["id"]),
                data["token"],
                data["type"],
                int(user["id"]),
                int(data["channel_id"]),
                fake.clock.now(),
                owners=data["authorizing_integration_owners"],
            )
            fake.world.interactions[interaction.id] = fake.world.tokens[interaction.token] = interaction
        await self.bot.fake.gateway.dispatch(event["t"], data)
        return int(data.get("id", 0))

    async def heard(self, name: str) -> Event:
        """The event that the inbox received."""
        before = len(self.bot.inbox.events)
        await self.hand_in(name)
        return (await until(lambda: self.bot.inbox.events[before:]))[0]

    async def ask(self, name: str) -> Ask:
        event = await self.heard(name)
        assert isinstance(event, Ask)
        return event

    async def command(self, name: str) -> Command:
        event = await self.heard(name)
        assert isinstance(event, Command)
        assert event.interaction_token.startswith("interaction-test-")
        return event


@pytest.fixture
async def recorded(bot: Bot) -> Recorded:
    here = Recorded(bot)
    await here.hand_in("guild_create")
    return here


# What the files hold is what Discord describes.


def objects(event: Json) -> Iterator[tuple[str, Json]]:
    """The parts of an event that Discord's document knows, by the names of their schemas."""
    data = event["d"]
    if event["t"] in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        yield "MessageResponse", data
    elif event["t"] == "THREAD_CREATE":
        yield "ThreadResponse", data
    elif event["t"] == "GUILD_CREATE":
        yield from (("GuildRoleResponse", role) for role in data["roles"])
        yield from (("GuildMemberResponse", member) for member in data["members"])
        inside = {"guild_id": data["id"]}
        yield from (("GuildChannelResponse", channel | inside) for channel in data["channels"])
        yield from (("ThreadResponse", thread | inside) for thread in data["threads"])
    elif event["t"] == "INTERACTION_CREATE":
        yield ("UserResponse", data["user"]) if "user" in data else ("GuildMemberResponse", data["member"])
        messages = data["data"].get("resolved", {}).get("messages", {})
        yield from (("MessageResponse", message) for message in messages.values())
        if "message" in data:
            yield "MessageResponse", data["message"]


def as_told_by_rest(part: Any) -> Any:
    """The document is REST's: the gateway's users have no `flags`, its plain roles empty tags. Of references it knows
    replies only."""
    if isinstance(part, list):
        return [as_told_by_rest(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    told = {key: as_told_by_rest(inner) for key, inner in part.items()}
    if told.get("tags") == {}:
        del told["tags"]
    if told.get("type") == 1 and "message_id" in told:
        told["type"] = 0
    return told | {"flags": 0} if "username" in told else told


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_the_recorded_events_are_as_discord_describes_them(name: str) -> None:
    for schema, part in objects(frame(name)):
        assert load().object_problems(schema, as_told_by_rest(part)) == []


# Messages.


async def test_a_mention_in_a_channel(recorded: Recorded) -> None:
    ask = await recorded.ask("message_create")
    assert (ask.id, ask.place) == (QUESTION, Place("discord", str(GUILD), str(GENERAL), QUESTION))
    assert ask.text == "compare #questions with what @Bo the weaver said :loom:"
    assert (ask.addressed, ask.to_others, ask.replies_to) == (True, False, "")
    assert (ask.author.id, ask.author.name, ask.author.admin) == ("501", "Ada Byron", True)
    assert ask.author.locale == "zh-CN", "the server's, for a message has none"


async def test_what_is_said_between_people_in_a_thread(recorded: Recorded) -> None:
    ask = await recorded.ask("message_create_in_thread")
    assert (ask.place, ask.text) == (IN_THREAD, "@陈晨 what do you think?")
    assert (ask.addressed, ask.to_others) == (False, True)
    author = ask.author
    assert (author.name, author.roles, author.manager, author.admin) == ("Bo the weaver", ("160",), True, False)


async def test_a_reply_to_the_bots_answer(recorded: Recorded) -> None:
    ask = await recorded.ask("message_create_reply")
    assert (ask.place.thread, ask.replies_to, ask.addressed) == (f"ask-{ANSWER}", ANSWER, True)
    assert ask.text == "为什么？"


async def test_a_forums_post(recorded: Recorded) -> None:
    await recorded.hand_in("thread_create")
    ask = await recorded.ask("message_create_forum_post")
    assert (ask.id, ask.place) == (POST, Place("discord", str(GUILD), str(FORUM), POST))
    assert ask.text == "Why is the loom slow?\n\nIt creaks, and then it stops."
    assert not ask.addressed


async def test_a_direct_message(recorded: Recorded) -> None:
    ask = await recorded.ask("message_create_direct")
    assert (ask.place, ask.addressed) == (Place("discord", str(BOT), str(DIRECT), direct=True), True)
    assert (ask.text, ask.author) == ("你好，Parley", Person(str(CHEN), "陈晨"))


async def test_a_webhook_is_a_bot_and_a_join_says_nothing(recorded: Recorded) -> None:
    await recorded.hand_in("message_create_join")
    ask = await recorded.ask("message_create_webhook")
    assert (ask.text, ask.author.bot) == ("the build is red", True)
    assert len(recorded.bot.inbox.events) == 1


async def test_a_forward_is_a_quote_and_no_word_of_who_forwards_it(recorded: Recorded) -> None:
    ask = await recorded.ask("message_create_forward")
    assert (ask.text, ask.addressed) == ("", False)
    assert ask.attached == (Quote("forwarded words", place="#general"),)


async def test_edits_and_deletions(recorded: Recorded) -> None:
    await recorded.hand_in("message_update_unfurl")
    edited = await recorded.heard("message_update")
    assert edited == Edited(IN_THREAD, "1420000000000000011", "it was in 1816")
    assert await recorded.heard("message_delete") == Deleted(HERE, QUESTION)
    await recorded.hand_in("message_delete_bulk")
    await until(lambda: len(recorded.bot.inbox.of(Deleted)) == 3)
    assert {one.message_id for one in recorded.bot.inbox.of(Deleted)} == {QUESTION, "1420000000000000031"}


# Interactions.


async def test_a_slash_command(recorded: Recorded) -> None:
    command = await recorded.command("interaction_slash")
    assert (command.name, command.place, command.author) == ("summarize", HERE, CHEN_)
    assert command.options == {"last": "50", "hours": "1.5", "of": "channel"}
    assert (command.id, command.opens) == ("1420000000000001001", "ask-1420000000000001001")
    assert (command.author.manager, command.author.admin, command.author.roles) == (True, False, ("160",))


async def test_a_slash_command_in_a_direct_conversation_between_people_and_elsewhere(
    recorded: Recorded,
) -> None:
    direct = await recorded.command("interaction_slash_direct")
    assert (direct.place, direct.opens) == (Place("discord", str(BOT), str(DIRECT), direct=True), "")
    private = await recorded.command("interaction_slash_between_people")
    assert (private.place, private.opens) == (
        Place("discord", str(BOT), str(BETWEEN_PEOPLE)),
        f"ask-{private.id}",
    )
    elsewhere = await recorded.command("interaction_slash_elsewhere")
    assert (elsewhere.place, elsewhere.opens) == (
        Place("discord", "190", str(ELSEWHERE)),
        f"ask-{elsewhere.id}",
    )
    assert [one.options["question"] for one in (direct, private, elsewhere)] == [
        "你是谁？",
        "真的吗？",
        "and here?",
    ]


async def test_an_option_that_is_being_typed(recorded: Recorded) -> None:
    await recorded.hand_in("interaction_autocomplete")
    command, option = (await until(lambda: recorded.bot.inbox.typed))[0]
    assert (command.name, command.options, option) == ("settings", {"name": "listen", "value": "me"}, "value")
    assert (command.author.locale, command.author.admin) == ("en-GB", True)


async def test_a_messages_menu(recorded: Recorded) -> None:
    interaction = recorded.bot.fake.interaction(await recorded.hand_in("interaction_message_menu"))
    form = await until(lambda: interaction.modal)
    assert form["title"] == phrase("menu_ask", "zh")
    question, about = (part["component"] for part in form["components"])
    assert (question["custom_id"], about["value"]) == ("question", "@陈晨 what do you think?")


async def test_a_button_and_the_form_behind_it(recorded: Recorded) -> None:
    press = await recorded.heard("interaction_button")
    at = [snowflake_time(1420000000000001000 + number) for number in range(11)]
    assert press == ButtonPress("again", 42, IN_THREAD, CHEN_, "interaction-test-7", at=at[7])
    direct = await recorded.heard("interaction_button_direct")
    place = Place("discord", str(BOT), str(DIRECT), direct=True)
    assert direct == ButtonPress("up", 43, place, CHEN_, "interaction-test-8", at=at[8])
    reason = await recorded.heard("interaction_modal_submit_reason")
    assert reason == ButtonPress("reason", 42, IN_THREAD, CHEN_, "interaction-test-10", "太短了", at[10])


async def test_a_form_that_is_sent_off(recorded: Recorded) -> None:
    command = await recorded.command("interaction_modal_submit")
    assert (command.name, command.place, command.author.admin) == ("settings", HERE, True)
    assert command.options == {
        "scope": "channel",
        "set_model": "GLM-5",
        "set_temperature": "",
        "set_language": "zh",
        "set_tools": "",
    }
