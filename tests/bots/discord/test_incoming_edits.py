"""Edits and deletions of Discord as values."""

from __future__ import annotations

import discord
import pytest

from bots.discord.incoming import (
    channel_to_place,
    deletion_to_deleted,
    update_to_ask,
)
from core.values.conversation import Ask
from core.values.events import Deleted, Edited
from core.values.places import Place
from tests.bots.discord.reader import DM, EDITED, MESSAGE, THREAD, Json, Reader
from tests.fakes.discord import BO, BOT, GENERAL, GUILD, OTHER_BOT


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
