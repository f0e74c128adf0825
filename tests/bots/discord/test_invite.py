"""The invite of the Discord bot: exactly the rights that it uses, each with its reason."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import discord

from bots.discord.invite import (
    MESSAGE_CONTENT,
    PERMISSIONS,
    RIGHTS,
    invite_url,
    missing_rights,
    rights_to_table,
)
from tests.fakes.discord.guild import INVITED


def test_the_link_names_the_application_its_scopes_and_the_sum_of_the_rights() -> None:
    query = parse_qs(urlsplit(invite_url("42")).query)
    assert query == {
        "client_id": ["42"],
        "scope": ["bot applications.commands"],
        "permissions": [str(PERMISSIONS)],
    }


def test_the_rights_are_those_with_which_the_bot_of_the_tests_does_all_it_can() -> None:
    assert int(INVITED) == PERMISSIONS


def test_each_right_has_the_bit_that_discord_knows_under_its_name() -> None:
    for right in RIGHTS:
        name = right.label.lower().replace(" ", "_").replace("view_channels", "view_channel")
        assert getattr(discord.Permissions, name).flag == right.bit, right.label


def test_the_intent_has_the_flags_that_discord_knows() -> None:
    flags = discord.ApplicationFlags
    both = flags.gateway_message_content.flag | flags.gateway_message_content_limited.flag
    assert MESSAGE_CONTENT.flags == both


def test_every_right_and_intent_says_why_in_a_sentence() -> None:
    sentences = [sentence for one in (*RIGHTS, MESSAGE_CONTENT) for sentence in (one.reason, one.without)]
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
    assert [row.split(" | ")[0] for row in rights_to_table().splitlines()[2:]] == [
        *(f"| {right.label}" for right in RIGHTS),
        f"| {MESSAGE_CONTENT.label}",
    ]


def test_an_administrator_lacks_nothing_and_others_what_was_not_granted() -> None:
    assert missing_rights(1 << 3) == missing_rights(PERMISSIONS | 1 << 40) == []
    assert [right.label for right in missing_rights(PERMISSIONS & ~(1 << 35))] == ["Create Public Threads"]
