"""Payloads as Discord sends them, read by discord.py, become the core's values. No connection is made."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bots.discord.incoming import (
    channel_to_place,
    deletion_to_deleted,
    interaction_to_command,
    interaction_to_options,
    interaction_to_press,
    interaction_to_target,
    message_to_ask,
    message_to_entry,
    update_to_ask,
    update_to_edited,
)
from bots.discord.lenient import read_message
from bots.discord.message_parts import message_to_parts
from core.values.conversation import Ask
from core.values.events import Command, Deleted, Edited
from core.values.places import Person, Place
from tests.fakes.discord import ADA, APPLICATION, BO, BOT, CHEN, FORUM, GENERAL, GUILD, OTHER_BOT, wire
from tests.fakes.discord.guild import BOT_ROLE, World

THREAD, FORUM_POST, DM = 700, 701, 702
MESSAGE = 1_300_000_000_000_000_000
Json = dict[str, Any]


class Reader:
    """discord.py with one guild in its cache, and no network."""

    def __init__(self) -> None:
        self.world = World()
        self.client = discord.Client(intents=discord.Intents.default())
        self.state: Any = self.client._connection
        self.state.user = discord.ClientUser(state=self.state, data=self.user(BOT))  # type: ignore[arg-type]
        guild: Any = wire.guild_create(self.world, all_members=False)
        guild["threads"] = [self.thread(THREAD, GENERAL), self.thread(FORUM_POST, FORUM)]
        self.state._add_guild_from_data(guild)

    @property
    def me(self) -> discord.ClientUser:
        assert self.client.user is not None
        return self.client.user

    def user(self, user_id: int) -> Json:
        return wire.user(self.world.people[user_id])

    def thread(self, thread_id: int, parent_id: int) -> Json:
        return {
            "id": str(thread_id),
            "guild_id": str(GUILD),
            "parent_id": str(parent_id),
            "owner_id": str(ADA),
            "type": 11,
            "name": "a thread",
            "last_message_id": None,
            "message_count": 0,
            "member_count": 1,
            "flags": 0,
            "thread_metadata": {
                "archived": False,
                "locked": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": "2026-11-22T10:00:00+00:00",
            },
        }

    def payload(self, content: str, *, by: int = ADA, channel: int = GENERAL, **fields: Any) -> Json:
        mentions = [i for i in (BOT, ADA, BO, CHEN) if f"<@{i}>" in content]
        shown: Json = {
            "id": str(MESSAGE),
            "channel_id": str(channel),
            "type": 0,
            "author": self.user(by),
            "content": content,
            "timestamp": "2026-11-22T10:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [self.user(i) for i in mentions],
            "mention_roles": [str(BOT_ROLE)] if f"<@&{BOT_ROLE}>" in content else [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "flags": 0,
        }
        if channel != DM:
            shown["guild_id"] = str(GUILD)
        return shown | fields

    def reply(self, content: str, *, to: int, of: int, pings: bool = True, **fields: Any) -> Json:
        """A reply to message `to`, which `of` wrote."""
        shown: Json = {
            "type": 19,
            "message_reference": {"type": 0, "message_id": str(to), "channel_id": str(GENERAL)},
            "referenced_message": self.payload("earlier", by=of, id=str(to)),
        }
        return self.payload(content, **shown | ({"mentions": [self.user(of)]} if pings else {}) | fields)

    def message(self, data: Json) -> discord.Message:
        channel, _ = self.state._get_guild_channel(data)
        return read_message(self.state, channel, data)

    def ask(self, data: Json) -> Ask | None:
        message = self.message(data)
        here = channel_to_place(message.channel)
        assert here is not None
        return message_to_ask(message, self.me, here)

    def heard(self, data: Json) -> Ask:
        ask = self.ask(data)
        assert ask is not None
        return ask

    def text(self, content: str, **fields: Any) -> str:
        return self.heard(self.payload(content, **fields)).text

    def update(self, data: Json, before: Json | None = None) -> Edited | None:
        message = self.message(data)
        payload = discord.RawMessageUpdateEvent(data=data, message=message)  # type: ignore[arg-type]
        payload.cached_message = self.message(before) if before else None
        here = channel_to_place(message.channel)
        assert here is not None
        return update_to_edited(payload, self.me, here)

    def interaction(
        self, channel: Json, *, kind: int = 2, data: Json | None = None, may: int = 0, **fields: Any
    ) -> Any:
        in_guild = channel["type"] not in (1, 3)
        who: Json = {"member": wire.member(self.world, self.world.people[CHEN]) | {"user": self.user(CHEN)}}
        who["member"]["permissions"] = str(may)
        payload: Json = {
            "id": str(MESSAGE),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": "ticket",
            "version": 1,
            "attachment_size_limit": 1,
            "entitlements": [],
            "locale": "zh-CN",
            "channel": channel,
            "context": 0 if in_guild else 1,
            "authorizing_integration_owners": {"0": str(GUILD) if in_guild else "0"},
            "data": data or {"id": "1", "name": "ask", "type": 1},
        }
        payload |= {"guild_id": str(GUILD)} | who if in_guild else {"user": self.user(CHEN)}
        return discord.Interaction(data=payload | fields, state=self.state)  # type: ignore[arg-type]


GENERAL_CHANNEL: Json = {"id": str(GENERAL), "type": 0, "name": "general", "permissions": "0"}
DM_CHANNEL: Json = {"id": str(DM), "type": 1, "last_message_id": None, "flags": 0, "recipients": []}


@pytest.fixture
def reader() -> Reader:
    return Reader()


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


# Edits and deletions

EDITED: Json = {"edited_timestamp": "2026-11-22T10:05:00+00:00"}


def test_new_words_are_an_edit_cached_or_not(reader: Reader) -> None:
    changed = reader.payload(f"ask <@{BO}>", channel=THREAD, **EDITED)
    expected = Edited(Place("discord", str(GUILD), str(GENERAL), str(THREAD)), str(MESSAGE), "ask @Bo Larsen")
    assert reader.update(changed) == expected
    assert reader.update(changed, before=reader.payload("ask", channel=THREAD)) == expected


def test_a_channels_message_does_not_say_which_thread_it_opened(reader: Reader) -> None:
    edited = reader.update(reader.payload("new", **EDITED))
    assert edited is not None
    assert edited.place.thread == ""


def test_an_unfurled_link_the_bots_own_edit_and_the_same_words_are_none(reader: Reader) -> None:
    assert reader.update(reader.payload("http://x.test", embeds=[{"type": "link"}])) is None
    assert reader.update(reader.payload("more", by=BOT, **EDITED)) is None
    assert reader.update(reader.payload("same", **EDITED), before=reader.payload("same")) is None


def asked_by_edit(reader: Reader, now: Json, before: Json | None = None) -> Ask | None:
    message = reader.message(now)
    payload = discord.RawMessageUpdateEvent(data=now, message=message)  # type: ignore[arg-type]
    payload.cached_message = reader.message(before) if before else None
    here = channel_to_place(message.channel)
    assert here is not None
    return update_to_ask(payload, reader.me, here)


@pytest.mark.parametrize("channel", [GENERAL, THREAD])
def test_an_edit_that_adds_the_mention_asks(reader: Reader, channel: int) -> None:
    now = reader.payload(f"<@{BOT}> what is 2+2?", channel=channel, **EDITED)
    for before in (None, reader.payload("what is 2+2?", channel=channel)):
        assert asked_by_edit(reader, now, before) == reader.ask(now)


def test_an_edit_that_adds_nothing_but_the_mention_is_an_edit(reader: Reader) -> None:
    now = reader.payload(f"<@{BOT}> what is 2+2?", channel=THREAD, **EDITED)
    edited = reader.update(now, reader.payload("what is 2+2?", channel=THREAD))
    assert edited is not None
    assert edited.text == "what is 2+2?"


def test_an_edit_of_what_was_asked_already_or_is_to_nobody_asks_nothing(reader: Reader) -> None:
    asked = reader.payload(f"<@{BOT}> what is 2+2?")
    assert asked_by_edit(reader, reader.payload(f"<@{BOT}> and 2+3?", **EDITED), asked) is None
    assert asked_by_edit(reader, reader.payload("what is 2+3?", **EDITED), asked) is None
    assert asked_by_edit(reader, reader.payload("and 2+3?", channel=THREAD, **EDITED)) is None
    assert asked_by_edit(reader, reader.payload(f"<@{BOT}> 2+3?", by=BOT, **EDITED)) is None


LOADING = 1 << 7


def test_a_deferred_reply_that_another_bot_fills_is_heard_as_new(reader: Reader) -> None:
    thinking = reader.payload("", by=OTHER_BOT, channel=THREAD, type=20, flags=LOADING)
    filled = reader.payload("It is done.", by=OTHER_BOT, channel=THREAD, type=20)
    assert asked_by_edit(reader, filled, thinking) == reader.ask(filled)
    assert reader.update(filled, before=thinking) is None
    assert asked_by_edit(reader, thinking, thinking) is None


def test_a_link_that_unfurls_asks_nothing_anew(reader: Reader) -> None:
    now = reader.payload(f"<@{BOT}> see https://x.test", embeds=[{"type": "link", "title": "X"}])
    assert asked_by_edit(reader, now) is None


def test_words_that_are_added_to_a_direct_message_without_any_ask(reader: Reader) -> None:
    now = reader.payload("what is this?", channel=DM, **EDITED)
    assert asked_by_edit(reader, now, reader.payload("", channel=DM)) == reader.ask(now)


def test_a_deletion_names_its_message() -> None:
    here = Place("discord", "1", "2")
    assert deletion_to_deleted(3, here) == Deleted(here, "3")


# Interactions


def command(interaction: Any) -> Command:
    name, options, _ = interaction_to_options(interaction)
    given = interaction_to_command(interaction, name, options)
    assert given is not None
    return given


def test_a_command_in_a_channel_opens_a_place_of_its_own(reader: Reader) -> None:
    options = [
        {"name": "question", "type": 3, "value": "why?"},
        {"name": "last", "type": 4, "value": 50},
        {"name": "hours", "type": 10, "value": 1.5},
    ]
    data = {"id": "1", "name": "ask", "type": 1, "options": options}
    given = command(reader.interaction(GENERAL_CHANNEL, data=data))
    assert (given.place, given.opens) == (Place("discord", str(GUILD), str(GENERAL)), f"ask-{MESSAGE}")
    assert (given.name, given.id, given.interaction_token, given.prefix) == ("ask", str(MESSAGE), "ticket", "/")
    assert given.options == {"question": "why?", "last": "50", "hours": "1.5"}
    assert given.author == Person(str(CHEN), "陈晨", locale="zh-CN")


def test_a_command_in_a_thread_or_dm_is_in_that_place(reader: Reader) -> None:
    in_thread = command(reader.interaction(reader.thread(THREAD, GENERAL)))
    in_dm = command(reader.interaction(DM_CHANNEL))
    assert (in_thread.place, in_thread.opens) == (
        Place("discord", str(GUILD), str(GENERAL), str(THREAD)),
        "",
    )
    assert (in_dm.place, in_dm.opens) == (Place("discord", str(BOT), str(DM), direct=True), "")


def test_a_command_where_the_bot_is_not_opens_a_place_of_its_own(reader: Reader) -> None:
    private = reader.interaction(DM_CHANNEL, context=2, authorizing_integration_owners={"1": str(CHEN)})
    foreign = reader.interaction(
        reader.thread(THREAD, GENERAL), authorizing_integration_owners={"1": str(CHEN)}
    )
    for interaction in (private, foreign):
        given = command(interaction)
        assert (given.place.thread, given.opens) == ("", f"ask-{MESSAGE}")
        assert not given.place.direct


def test_an_option_that_is_being_typed_is_known(reader: Reader) -> None:
    options = [{"name": "name", "type": 3, "value": "gp", "focused": True}]
    data = {"id": "1", "name": "model", "type": 1, "options": options}
    assert interaction_to_options(reader.interaction(GENERAL_CHANNEL, kind=4, data=data)) == (
        "model",
        {"name": "gp"},
        "name",
    )


def test_the_message_of_a_menu_is_read_as_people_see_it(reader: Reader) -> None:
    target = reader.payload(f"ask <@{ADA}> about it", by=BO)
    data = {
        "id": "1",
        "name": "Ask about this",
        "type": 3,
        "target_id": str(MESSAGE),
        "resolved": {"messages": {str(MESSAGE): target}},
    }
    message = interaction_to_target(reader.interaction(GENERAL_CHANNEL, data=data))
    assert message is not None
    assert message_to_parts(message, reader.me).words == "ask @Ada Byron about it"
    assert interaction_to_target(reader.interaction(GENERAL_CHANNEL)) is None


@pytest.mark.parametrize(
    ("permission", "admin", "manager"),
    [(1 << 3, True, True), (1 << 5, True, False), (1 << 4, False, True), (1 << 11, False, False)],
)
def test_what_a_person_may_do_is_read_from_interactions_and_from_roles(
    reader: Reader, permission: int, admin: bool, manager: bool
) -> None:
    """ADMINISTRATOR, MANAGE_GUILD, MANAGE_CHANNELS, SEND_MESSAGES. An interaction says what the roles come to."""
    comes_to = permission | (1 << 4 if permission == 1 << 3 else 0)
    asker = command(reader.interaction(GENERAL_CHANNEL, may=comes_to)).author
    assert (asker.admin, asker.manager) == (admin, manager)

    guild: Any = reader.state._get_guild(GUILD)
    role: Any = wire.role(160, "r", permission, 2)
    guild._add_role(discord.Role(guild=guild, state=reader.state, data=role))
    data = reader.payload("hi", by=CHEN, member=wire.member(reader.world, reader.world.people[CHEN]))
    data["member"]["roles"] = ["160"]
    author = reader.heard(data).author
    assert (author.admin, author.manager, author.roles) == (admin, manager, ("160",))


VIEW, HISTORY, ADMINISTRATOR = 1 << 10, 1 << 16, 1 << 3


@pytest.mark.parametrize(
    ("permissions", "may_read"),
    [(VIEW | HISTORY, True), (VIEW, False), (0, False), (ADMINISTRATOR, True)],
)
def test_an_interaction_says_whether_the_asker_may_read_what_was_said(
    reader: Reader, permissions: int, may_read: bool
) -> None:
    for channel in (GENERAL_CHANNEL, reader.thread(THREAD, GENERAL)):
        assert command(reader.interaction(channel, may=permissions)).author.may_read is may_read
    assert command(reader.interaction(DM_CHANNEL)).author.may_read


@pytest.mark.parametrize("channel", [GENERAL, THREAD])
@pytest.mark.parametrize(
    ("denied", "may_read"),
    [(0, True), (HISTORY, False), (VIEW | HISTORY, True)],
    ids=["all", "no history", "what can't be: they spoke there"],
)
def test_roles_and_overwrites_say_whether_an_author_may_read_what_was_said(
    reader: Reader, channel: int, denied: int, may_read: bool
) -> None:
    overwrite = {"id": str(CHEN), "type": 1, "allow": "0", "deny": str(denied)}
    place: Any = wire.channel(reader.world, reader.world.channels[GENERAL])
    guild: Any = reader.state._get_guild(GUILD)
    guild.get_channel(GENERAL)._update(guild, place | {"permission_overwrites": [overwrite]})
    member = wire.member(reader.world, reader.world.people[CHEN])
    said = reader.heard(reader.payload("hi", by=CHEN, channel=channel, member=member))
    assert said.author.may_read is may_read


def test_of_whom_no_roles_are_known_nothing_is_read_on_in_a_server(reader: Reader) -> None:
    assert not reader.heard(reader.payload("hi", by=CHEN)).author.may_read
    assert reader.heard(reader.payload("hi", by=CHEN, channel=DM)).author.may_read


def test_whoever_owns_the_server_is_an_admin(reader: Reader) -> None:
    data = reader.payload("hi", by=ADA, member=wire.member(reader.world, reader.world.people[ADA]))
    assert reader.heard(data).author.admin
    data = reader.payload("hi", by=BO, member=wire.member(reader.world, reader.world.people[BO]))
    assert not reader.heard(data).author.admin
    assert reader.heard(data).author.roles == ()


def test_a_forums_post_is_asked_with_its_title(reader: Reader) -> None:
    post = {"channel": FORUM_POST, "id": str(FORUM_POST)}
    assert reader.text("It does not weave.", **post) == "a thread\n\nIt does not weave."
    assert reader.text("", **post) == "a thread"
    assert reader.text("a thread is torn", **post) == "a thread is torn"
    assert reader.text("later", channel=FORUM_POST) == "later"
    assert reader.text("not in a forum", channel=THREAD, id=str(THREAD)) == "not in a forum"


def test_a_button_of_ours_is_a_press(reader: Reader) -> None:
    data = {"custom_id": "parley:again:42", "component_type": 2}
    press = interaction_to_press(reader.interaction(GENERAL_CHANNEL, kind=3, data=data))
    assert press is not None
    assert (press.action, press.turn_id, press.interaction_token, press.author.id) == (
        "again",
        42,
        "ticket",
        str(CHEN),
    )


@pytest.mark.parametrize("custom_id", ["other:again:42", "parley:again", "parley:again:x", ""])
def test_a_strangers_button_is_none(reader: Reader, custom_id: str) -> None:
    data = {"custom_id": custom_id, "component_type": 2}
    assert interaction_to_press(reader.interaction(GENERAL_CHANNEL, kind=3, data=data)) is None
    assert interaction_to_press(reader.interaction(GENERAL_CHANNEL)) is None
