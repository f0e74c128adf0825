"""The manifest of the Slack app: names of one's own, both ways of delivery, and a reason for all that it asks for."""

from __future__ import annotations

import json

import pytest

from bots.slack.manifest import (
    EVENTS,
    SCOPES,
    AppNames,
    manifest,
    manifest_to_text,
    missing_scopes,
    scopes_to_table,
)
from core.commands import MENUS
from core.errors import SettingsError

URL = "https://chat.example.com"


def test_every_scope_and_event_says_why_it_is_asked_for_in_a_sentence() -> None:
    sentences = [*(scope.reason for scope in SCOPES), *(event.reason for event in EVENTS)]
    sentences += [scope.without for scope in SCOPES if scope.without]
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
    assert all(scope.ability for scope in SCOPES)


def test_files_and_group_conversations_are_asked_for_from_the_first_install() -> None:
    scopes = manifest()["oauth_config"]["scopes"]
    assert {"files:read", "mpim:read"} <= set(scopes["bot"]) - set(scopes["bot_optional"])


def test_socket_mode_has_no_address_and_http_has_one_for_each_way() -> None:
    socket, http = manifest(), manifest(public_url=URL + "/")
    assert "https://" not in json.dumps(socket)
    assert socket["settings"]["socket_mode_enabled"]
    assert not http["settings"]["socket_mode_enabled"]
    assert http["settings"]["event_subscriptions"]["request_url"] == f"{URL}/slack/events"
    assert http["settings"]["interactivity"]["request_url"] == f"{URL}/slack/interactions"
    assert {command["url"] for command in http["features"]["slash_commands"]} == {f"{URL}/slack/commands"}


def test_only_the_ways_of_delivery_differ_between_the_two() -> None:
    socket, http = manifest(), manifest(public_url=URL)
    http["settings"]["socket_mode_enabled"] = True
    del http["settings"]["event_subscriptions"]["request_url"], http["settings"]["interactivity"]["request_url"]
    for command in http["features"]["slash_commands"]:
        del command["url"]
    assert http == socket


def test_a_bot_of_another_name_is_called_so_wherever_people_read_it() -> None:
    made = manifest(AppNames("Ada’s helper", "/ask-ada", "/ada"))
    assert "Parley" not in json.dumps(made)
    assert made["features"]["bot_user"]["display_name"] == made["display_information"]["name"] == "Ada’s helper"
    assert [command["command"] for command in made["features"]["slash_commands"]] == ["/ask-ada", "/ada"]
    assert "Ada’s helper" in manifest_to_text(made), "readable, and not escaped"


def test_every_menu_of_a_message_is_described() -> None:
    assert [one["callback_id"] for one in manifest()["features"]["shortcuts"]] == list(MENUS)


@pytest.mark.parametrize(
    ("names", "url", "said"),
    [
        (AppNames(ask="ask"), "", "a slash and at most 31 small letters"),
        (AppNames(command="/Parley"), "", "small letters"),
        (AppNames(command="/" + "p" * 32), "", "at most 31"),
        (AppNames(ask="/ai", command="/ai"), "", "the same name, /ai"),
        (AppNames(bot=" "), "", "1 to 35 characters"),
        (AppNames(bot="p" * 36), "", "1 to 35 characters"),
        (AppNames(), "http://chat.example.com", "https alone"),
        (AppNames(), "chat.example.com", "https alone"),
        (AppNames(), "https://chat.example.com/?a=b", "no public URL"),
    ],
)
def test_what_slack_would_not_take_is_refused_with_words(names: AppNames, url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        manifest(names, url)


def test_a_token_lacks_the_scopes_that_it_was_not_given_but_for_the_optional_one() -> None:
    every = frozenset(scope.name for scope in SCOPES)
    assert missing_scopes(every) == missing_scopes(every - {"search:read.public"}) == []
    assert [scope.name for scope in missing_scopes(every - {"files:read", "mpim:read"})] == [
        "files:read",
        "mpim:read",
    ]


def test_the_table_has_a_row_for_each_scope() -> None:
    rows = scopes_to_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [scope.name for scope in SCOPES]
    assert all(row.count(" | ") == 3 for row in rows)
