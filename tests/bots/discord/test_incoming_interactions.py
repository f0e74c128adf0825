"""Interactions and rights of Discord as values."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bots.discord.incoming import (
    interaction_to_command,
    interaction_to_options,
    interaction_to_press,
    interaction_to_target,
)
from bots.discord.message_parts import message_to_parts
from core.values.events import Command
from core.values.places import Person, Place
from tests.bots.discord.reader import DM, DM_CHANNEL, FORUM_POST, GENERAL_CHANNEL, MESSAGE, THREAD, Reader
from tests.fakes.discord import ADA, BO, BOT, CHEN, GENERAL, GUILD, wire

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
