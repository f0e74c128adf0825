"""The steps in Discord's portal, and secrets in the place of the bot's token."""

from __future__ import annotations

import base64

import pytest

from bots.discord.guide import application_id, bot_token_problem, guide, invite
from bots.discord.invite import MESSAGE_CONTENT, RIGHTS, invite_url

ID = "123456789012345678"
TOKEN = (
    base64.urlsafe_b64encode(ID.encode()).decode().rstrip("=") + ".GaBcDe.abcdefghijklmnopqrstuvwxyz_-0123456"
)


def test_the_guide_names_every_right_the_intent_and_the_invite_of_the_bot() -> None:
    words = " ".join(guide(TOKEN).split())
    assert all(f"{right.label} {right.reason}" in words for right in RIGHTS)
    assert MESSAGE_CONTENT.label in words
    assert invite_url(ID) in words
    assert "APPLICATION_ID" not in words


def test_without_a_token_the_id_is_left_to_the_reader() -> None:
    assert "its Application ID in place of APPLICATION_ID" in " ".join(guide("").split())
    assert invite_url("APPLICATION_ID") in invite("")


@pytest.mark.parametrize("token", ["", "no base64!.x.y", "aGVsbG8.x.y", "////.x.y"])
def test_an_id_that_cannot_be_read_is_empty(token: str) -> None:
    assert application_id(token) == ""


def test_the_token_of_a_bot_is_taken() -> None:
    assert bot_token_problem(TOKEN) == ""
    assert application_id(TOKEN) == ID


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("AbCdEfGhIjKlMnOpQrStUvWxYz012345", "the client secret"),
        (ID, "the id of an application"),
        ("0123456789abcdef" * 4, "the public key"),
        (f"Bot {TOKEN}", "leave that out"),
        ("xoxb-1-2-abc", "a token of Slack's"),
        ("sk-abcdef", "the key of an endpoint"),
        ("https://discord.com/oauth2", "an address"),
        ("very-secret", "two dots"),
    ],
)
def test_other_secrets_are_told_apart_and_not_quoted(value: str, said: str) -> None:
    assert said in bot_token_problem(value)
    assert value not in bot_token_problem(value)
