"""`run`: the events that the inbox receives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import StoreError
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Deleted, Edited
from core.values.outgoing import EditMessage, Page
from core.values.ui import Button, ImmediateReply
from tests.contract.platform.boundary import FULL, holds
from tests.contract.rigs.rig import Rig, post
from tests.waiting import until


@holds("run")
async def test_a_question_comes_as_it_was_asked(rig: Rig) -> None:
    ask = await rig.ask("is a < b && c > d?")
    assert (ask.addressed, ask.to_others, ask.author.bot, ask.replies_to) == (True, False, False, "")
    assert (ask.place.platform, ask.author.id != "") == (rig.platform.name, True)
    assert all((ask.id, ask.place.team, ask.place.channel, ask.author.name))
    assert abs(datetime.now(UTC) - ask.at) < timedelta(minutes=1)


@holds("run")
async def test_a_follow_up_is_in_the_same_place(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    later = await rig.inbox.ask("who made it?")
    assert (later.place, later.at > ask.at) == (ask.place, True)
    assert later.key != ask.key


@holds("run")
async def test_an_edit_comes_with_its_new_words(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.edit(ask, "what is a spindle?")
    edited = await rig.inbox.first(Edited)
    assert (edited.place.channel_key, edited.message_id) == (ask.place.channel_key, ask.id)
    assert edited.text == "what is a spindle?"


@holds("run")
async def test_a_deletion_comes_with_the_id_of_what_is_gone(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.delete(ask)
    deleted = await rig.inbox.first(Deleted)
    assert (deleted.place.channel_key, deleted.message_id) == (ask.place.channel_key, ask.id)


@holds("run")
async def test_a_press_comes_back_with_its_action_and_turn(rig: Rig) -> None:
    ask = await rig.ask()
    button = Button("again", "Try again", 2**40)
    posted = await rig.installation.perform(post(ask, Page("A machine.", buttons=(button,))))
    await rig.press(ask, posted, button)
    press = await rig.inbox.first(ButtonPress)
    assert (press.action, press.turn_id) == ("again", 2**40)
    assert (press.place.platform, press.place.team) == (ask.place.platform, ask.place.team)
    assert press.author.id
    assert not press.author.bot


@holds("run")
async def test_a_command_comes_with_its_words(rig: Rig) -> None:
    await rig.command("what is a loom?")
    command = await rig.inbox.first(Command)
    assert (command.name, command.argument or command.options.get("question")) == ("ask", "what is a loom?")
    assert (command.place.platform, command.place.channel) == (rig.platform.name, rig.channel())
    assert command.author.id
    assert not command.author.bot
    assert command.id


@holds("run")
async def test_what_bots_say_is_nobodys_question(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, Page("A machine.")))
    await rig.installation.perform(
        EditMessage(ask.place, posted, Page("A machine that weaves."), ask.interaction_token)
    )
    await rig.bot_says(ask, "beep")
    await rig.follow_up(ask, "thanks")
    await rig.inbox.ask("thanks")
    said = {event.text: event.author.bot for event in rig.inbox.of(Ask)}
    assert said.items() <= {ask.text: False, "beep": True, "thanks": False}.items()
    assert not rig.inbox.of(Edited)


@holds("run")
async def test_a_question_is_in_the_inbox_before_it_is_acknowledged(rig: Rig) -> None:
    rig.inbox.open.clear()
    await rig.say("what is a loom?")
    await until(lambda: rig.inbox.came)
    await asyncio.sleep(0.02)
    assert not rig.acknowledged()
    rig.inbox.open.set()
    await until(rig.acknowledged)
    assert rig.inbox.of(Ask)


@holds("run")
async def test_what_cannot_be_stored_comes_again_or_its_author_is_told(rig: Rig) -> None:
    rig.inbox.error = StoreError("the disk of secret-host is full")
    await rig.say("what is a loom?")
    words = await rig.told()
    assert rig.inbox.events == []
    assert "secret-host" not in words
    if words:
        rig.inbox.error = None
    else:
        assert not rig.acknowledged()
        rig.inbox.error = None
        await rig.inbox.ask("what is a loom?")
    await rig.ask("and are you still there?")


@holds("run")
@pytest.mark.parametrize("whisper", [True, False], ids=("for one", "for all"))
@pytest.mark.parametrize("kind", ["question", "command", "press"])
async def test_an_immediate_reply_is_shown_once_and_to_one_person_where_that_can_be(
    rig: Rig, kind: str, whisper: bool
) -> None:
    ask = await rig.ask()
    button = Button("again", "Try again", 7)
    posted = await rig.installation.perform(post(ask, Page("A machine.", buttons=(button,))))
    rig.inbox.reply = ImmediateReply("Not **here**.", whisper, buttons=(Button("settings", "Settings", 1),))
    if kind == "question":
        await rig.say("may I?")
    elif kind == "command":
        await rig.command("may I?")
    else:
        await rig.press(ask, posted, button)
    (reply,) = await rig.replies("Not ")
    assert "here" in reply.text
    assert reply.buttons == ("Settings",)
    if kind == "question" and not rig.whispers_to_messages:
        assert not reply.alone
    elif whisper or rig.has_others:
        assert reply.alone == whisper
