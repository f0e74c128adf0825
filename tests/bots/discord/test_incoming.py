"""Messages of Discord as values: places, addressees, authors and text."""

from __future__ import annotations

import discord
import pytest

from bots.discord.incoming import (
    message_to_entry,
)
from core.values.conversation import Ask
from core.values.places import Person, Place
from tests.bots.discord.reader import DM, FORUM_POST, MESSAGE, THREAD, Json, Reader
from tests.fakes.discord import ADA, BO, BOT, FORUM, GENERAL, GUILD, OTHER_BOT, wire
from tests.fakes.discord.guild import BOT_ROLE

# Places


def test_a_mention_in_a_channel_is_at_the_thread_it_would_open(reader: Reader) -> None:
    assert reader.heard(reader.payload(f"<@{BOT}> why?")) == Ask(
        id=str(MESSAGE),
        place=Place("discord", str(GUILD), str(GENERAL), str(MESSAGE)),
        author=Person(str(ADA), "Ada Byron"),
        text="why?",
        at=discord.utils.snowflake_time(MESSAGE),
        addressed=True,
    )


@pytest.mark.parametrize(("channel", "parent"), [(THREAD, GENERAL), (FORUM_POST, FORUM)])
def test_a_thread_names_its_parent(reader: Reader, channel: int, parent: int) -> None:
    ask = reader.heard(reader.payload("and then?", channel=channel))
    assert ask.place == Place("discord", str(GUILD), str(parent), str(channel))
    assert not ask.addressed


def test_a_direct_message_is_addressed_and_one_place(reader: Reader) -> None:
    ask = reader.heard(reader.payload("hello", channel=DM))
    assert ask.place == Place("discord", str(BOT), str(DM), direct=True)
    assert ask.addressed


# Who is spoken to


@pytest.mark.parametrize("pings", [True, False])
def test_a_reply_to_the_bot_in_a_channel_goes_on_with_that_answer(reader: Reader, pings: bool) -> None:
    ask = reader.heard(reader.reply("and why?", to=55, of=BOT, pings=pings))
    assert ask.addressed
    assert ask.replies_to == "55"
    assert ask.place.thread == "ask-55"


def test_a_reply_to_a_person_is_not_for_the_bot(reader: Reader) -> None:
    ask = reader.heard(reader.reply("I think so too", to=55, of=BO))
    assert (ask.addressed, ask.to_others, ask.replies_to) == (False, True, "55")


@pytest.mark.parametrize("of", [BO, OTHER_BOT])
@pytest.mark.parametrize("pings", [True, False])
def test_a_reply_in_a_thread_is_for_whom_it_replies_to(reader: Reader, of: int, pings: bool) -> None:
    ask = reader.heard(reader.reply("friday is fine", to=55, of=of, pings=pings, channel=str(THREAD)))
    assert (ask.addressed, ask.to_others) == (False, True)


def test_a_reply_to_ones_own_message_goes_on_with_it(reader: Reader) -> None:
    ask = reader.heard(reader.reply("and by when?", to=55, of=ADA, pings=False, channel=str(THREAD)))
    assert (ask.addressed, ask.to_others) == (False, False)


def test_a_mention_in_a_reply_to_a_person_opens_a_thread_and_knows_the_other_message(reader: Reader) -> None:
    ask = reader.heard(
        reader.reply(f"<@{BOT}> is that so?", to=55, of=BO, mentions=[reader.user(BOT)], pings=False)
    )
    assert (ask.addressed, ask.replies_to, ask.place.thread) == (True, "55", str(MESSAGE))


def test_a_reply_whose_message_is_gone_is_still_heard(reader: Reader) -> None:
    ask = reader.heard(reader.reply("hm", to=55, of=BOT, pings=False, referenced_message=None))
    assert (ask.addressed, ask.replies_to) == (False, "55")


def test_a_forward_is_no_reply(reader: Reader) -> None:
    reference = {"type": 1, "message_id": "55", "channel_id": str(GENERAL)}
    assert reader.heard(reader.payload("look", message_reference=reference)).replies_to == ""


def test_the_bots_own_role_is_the_bot(reader: Reader) -> None:
    ask = reader.heard(reader.payload(f"<@&{BOT_ROLE}> hello"))
    assert (ask.addressed, ask.to_others, ask.text) == (True, False, "hello")


@pytest.mark.parametrize("words", ["@everyone lunch", "@here lunch"])
def test_what_is_said_to_everybody_is_not_for_the_bot(reader: Reader, words: str) -> None:
    ask = reader.heard(reader.payload(words, channel=THREAD, mention_everyone=True))
    assert (ask.addressed, ask.to_others) == (False, True)
    asked = reader.heard(reader.payload(f"{words} <@{BOT}>, when?", channel=THREAD, mention_everyone=True))
    assert (asked.addressed, asked.to_others) == (True, False)


def test_what_is_said_to_a_role_is_not_for_the_bot(reader: Reader) -> None:
    ask = reader.heard(reader.payload(f"<@&{GUILD}> lunch", channel=THREAD, mention_roles=[str(GUILD)]))
    assert (ask.addressed, ask.to_others) == (False, True)


def test_a_message_that_names_a_person_is_to_others_unless_it_names_the_bot_too(reader: Reader) -> None:
    assert reader.heard(reader.payload(f"<@{BO}> you?", channel=THREAD)).to_others
    assert not reader.heard(reader.payload(f"<@{BO}> ask <@{BOT}>", channel=THREAD)).to_others


# What is not said by a person


@pytest.mark.parametrize("kind", [6, 7, 8, 18, 21], ids=["pin", "join", "boost", "thread", "starter"])
def test_discord_itself_asks_nothing(reader: Reader, kind: int) -> None:
    assert reader.ask(reader.payload("", type=kind)) is None


def test_the_bot_does_not_hear_itself(reader: Reader) -> None:
    assert reader.ask(reader.payload(f"<@{BOT}> hello", by=BOT)) is None


WORDLESS = pytest.mark.parametrize(
    "fields",
    [{}, {"flags": 1 << 13}, {"content": "\u200b"}, {"content": " \u2800\n"}],
    ids=["empty", "voice without a file", "zero-width", "blank"],
)


@WORDLESS
def test_what_shows_nothing_asks_nothing_and_is_no_line(reader: Reader, fields: Json) -> None:
    data = reader.payload("", channel=THREAD) | fields
    assert reader.ask(data) is None
    assert message_to_entry(reader.message(data), reader.me) is None


@WORDLESS
def test_what_shows_nothing_and_is_for_the_bot_is_heard_without_words(reader: Reader, fields: Json) -> None:
    """The core says that it can't be read."""
    ask = reader.heard(reader.payload("", channel=DM) | fields)
    assert (ask.addressed, ask.text, ask.attached) == (True, "", ())
    assert reader.heard(reader.payload(f"<@{BOT}>")).text == ""


def test_other_bots_and_webhooks_are_marked(reader: Reader) -> None:
    assert reader.heard(reader.payload("beep", by=OTHER_BOT)).author.bot
    assert reader.heard(reader.payload("beep", webhook_id="77")).author.bot


# Words


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"<@{BOT}> hi", "hi"),
        (f"<@!{BOT}>, hi", "hi"),
        (f"<@{BOT}> <@{BOT}> hi", "hi"),
        (f"hi <@{BOT}>!", "hi @parley!"),
        (f"<@{BO}> said", "@Bo Larsen said"),
        ("<@12345> left", "<@12345> left"),
        (f"see <#{GENERAL}>", "see #general"),
        (f"see <#{THREAD}>", "see #a thread"),
        (f"all <@&{GUILD}>", "all @@everyone"),
        ("nice <:blob:123> <a:dance:124>", "nice :blob: :dance:"),
        ("use </ask:99>", "use /ask"),
        ("a < b <t:0>", "a < b <t:0>"),
        (f"<@{'1' * 5_000}> <#{'2' * 5_000}>", f"<@{'1' * 5_000}> <#{'2' * 5_000}>"),
    ],
)
def test_ids_are_read_as_names(reader: Reader, content: str, text: str) -> None:
    assert reader.text(content) == text


def test_people_are_called_by_what_the_server_calls_them(reader: Reader) -> None:
    member = wire.member(reader.world, reader.world.people[ADA]) | {"nick": "The Countess"}
    assert reader.heard(reader.payload("hello", member=member)).author.name == "The Countess"


# History


def test_history_takes_the_notice_off_our_own_words(reader: Reader) -> None:
    entry = message_to_entry(reader.message(reader.payload("Yes.\n-# cut here", by=BOT)), reader.me)
    assert entry is not None
    assert (entry.mine, entry.text) == (True, "Yes.")


def test_history_skips_what_discord_says_and_what_is_still_thought_of(reader: Reader) -> None:
    for data in (reader.payload("Ada joined", type=7), reader.payload("", by=BOT, type=20)):
        assert message_to_entry(reader.message(data), reader.me) is None
