"""Slash commands, shortcuts and buttons, as Slack sends them, and the events in the inbox."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bots.slack.commands import (
    EVENTS,
    REVOKED,
    becomes_turn,
    change_to_command,
    kind_of,
    repeated,
    shortcut_to_command,
    slash_to_command,
    stopped_to_events,
)
from bots.slack.incoming import CLOSINGS, MOVES
from bots.slack.manifest import AppNames
from bots.slack.team_access import ACCESS
from core.commands import COMMANDS, MENUS
from core.i18n import phrase
from core.values.events import ButtonPress, Command, Halted
from core.values.places import Person, Place
from tests.bots.slack.test_incoming import ADA, ME, NAMES, ROOT, THREAD, payload
from tests.fakes.slack.methods import METHODS
from tests.fakes.slack.payloads import SUBSCRIPTIONS
from tests.fakes.slack.web import SCOPES
from tests.fakes.slack.workspace import KINDS

AT = datetime(2026, 11, 23, 2, 16, tzinfo=UTC)
CHANNEL = Place("slack", "T0AAA1111", "C0GEN1111")
HOUSE = Path(__file__).parents[3]
DEPLOY, ROOM = HOUSE / "deploy", HOUSE / "bots" / "slack"


def slash(text: str, command: str = "/parley", **changes: str) -> Command:
    given = payload("slash_command") | {"command": command, "text": text} | changes
    return slash_to_command(given, ME, NAMES, AT)


def test_a_slash_command_is_a_command_of_the_table_at_the_top_of_its_channel() -> None:
    command = slash_to_command(payload("slash_command"), ME, NAMES, AT)
    assert command == Command(
        "settings", CHANNEL, ADA, AT, argument="deny U0BOB1111, C0RAN1111", id="1.2.test", prefix="/parley "
    )
    assert command.author == ADA


def test_ask_takes_all_that_was_typed_and_reads_mentions_as_names() -> None:
    command = slash("why did <@U0BOB1111|bob> say <https://example.com/?a=1&amp;b=2>?", "/ask")
    assert (command.name, command.argument) == ("ask", "why did @Bob say https://example.com/?a=1&b=2?")
    assert repeated(command, "en") == "**Ada** asked: why did @Bob say https://example.com/?a=1&b=2?"


def test_commands_of_other_names_do_the_same_and_are_named_in_replies() -> None:
    me = replace(ME, names=AppNames("Ada", "/frag", "/ada"))

    def typed(command: str, text: str) -> Command:
        return slash_to_command(payload("slash_command") | {"command": command, "text": text}, me, NAMES, AT)

    assert (typed("/frag", "why?").name, typed("/frag", "why?").argument) == ("ask", "why?")
    assert (typed("/ada", "settings").name, typed("/ada", "settings").prefix) == ("settings", "/ada ")
    assert me.names.typed_prefix == "@Ada /"


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("", "", ""),
        ("HELP", "help", ""),
        ("总结 3小时", "summarize", "3小时"),
        ("prompt Be &lt;brief&gt;.\nAnd kind.", "prompt", "Be <brief>.\nAnd kind."),
        ("dance with me", "dance", "with me"),
    ],
)
def test_the_first_word_names_the_command_in_any_language(text: str, name: str, argument: str) -> None:
    command = slash(text)
    assert (command.name, command.argument) == (name, argument)


def test_a_command_in_a_direct_conversation_says_so() -> None:
    assert slash("usage", channel_id="D0ADA1111").place.direct
    assert not slash("usage").place.direct


def test_somebody_unknown_goes_by_the_name_that_slack_gives() -> None:
    assert slash("usage", user_id="U0NEW1111", user_name="new").author == Person("U0NEW1111", "new")


@pytest.mark.parametrize(
    ("text", "turn"),
    [("ask why", True), ("ask", False), ("summarize", True), ("summarize for fun", False), ("usage", False)],
)
def test_only_what_can_be_read_as_a_question_is_shown_to_all(text: str, turn: bool) -> None:
    assert becomes_turn(slash(text)) is turn


def test_a_message_is_asked_about_in_its_thread() -> None:
    command = shortcut_to_command(payload("message_action"), ME, NAMES, AT)
    assert command == Command(
        "ask",
        THREAD,
        ADA,
        AT,
        options={"about": "@Ada the build is red & slow"},
        id="1.2.test",
        prefix="/parley ",
    )


def shortcut(callback: str, **message: Any) -> Command | None:
    given = payload("message_action") | {"callback_id": callback}
    given["message"] = {name: value for name, value in (given["message"] | message).items() if value}
    return shortcut_to_command(given, ME, NAMES, AT)


def test_a_summary_begins_at_the_message_where_it_stands() -> None:
    reply, root = shortcut("menu_summarize"), shortcut("menu_summarize", thread_ts=None)
    head = shortcut("menu_summarize", thread_ts=ROOT, ts=ROOT)
    assert reply is not None
    assert root is not None
    assert head is not None
    assert reply.options == {"since": "2026-11-23T02:14:10.000200+00:00"}
    assert [one.place for one in (reply, root, head)] == [THREAD, CHANNEL, CHANNEL]
    assert repeated(root, "zh") == "**Ada** 请我总结。"


def test_an_unknown_shortcut_is_none_of_ours() -> None:
    assert shortcut("somebody_elses") is None


def test_the_change_button_asks_for_its_command_again_where_it_was_pressed() -> None:
    under = change_to_command(payload("block_actions_ephemeral"), ME, NAMES, AT)
    home = change_to_command(payload("block_actions_home"), ME, NAMES, AT)
    assert under is not None
    assert home is not None
    assert (under.name, under.options, under.place) == ("settings", {"scope": "channel"}, CHANNEL)
    assert (home.options, home.place.channel, home.place.direct) == ({"scope": "workspace"}, "", True)


@pytest.mark.parametrize("value", ["", "42", "{}", '{"command": "x"}', '{"command": "x", "options": 1}'])
def test_a_change_button_that_was_tampered_with_does_nothing(value: str) -> None:
    given = payload("block_actions_home")
    given["actions"][0]["value"] = value
    assert change_to_command(given, ME, NAMES, AT) is None


def test_slacks_stop_button_presses_stop_for_every_answer_that_grows() -> None:
    event = payload("agent_session_stopped")["event"]
    assert stopped_to_events(event, ME, NAMES, {"1795400070.000100": 42, "1.000001": 43}) == [
        ButtonPress("stop", 42, THREAD, ADA)
    ]
    assert stopped_to_events(event, ME, NAMES, {}) == []


@pytest.mark.parametrize("messages", [{"streaming_message_ts": []}, {"streaming_message_ts": None}, {}])
def test_slacks_stop_button_before_the_first_word_stops_what_its_thread_prepares(
    messages: dict[str, Any],
) -> None:
    event = payload("agent_session_stopped")["event"]
    del event["streaming_message_ts"]
    assert stopped_to_events(event | messages, ME, NAMES, {"1795400070.000100": 42}) == [Halted(THREAD, ADA)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("slash_command", "slash_command"),
        ("message_action", "message_action"),
        ("view_submission", "view_submission"),
        ("block_actions", "block_actions"),
        ("block_actions_home", "change"),
        ("app_home_opened", "app_home_opened"),
        ("agent_session_stopped", "agent_session_stopped"),
        ("message", "event_callback"),
    ],
)
def test_every_payload_has_its_way(name: str, kind: str) -> None:
    assert kind_of(payload(name)) == kind


def test_what_was_never_asked_for_has_none() -> None:
    assert kind_of({"type": "workflow_step_execute"}) is None


# -- the manifest


def manifest() -> Any:
    return json.loads((DEPLOY / "slack-manifest.json").read_text())


def test_the_manifest_names_the_commands_and_shortcuts_that_are_handled() -> None:
    features = manifest()["features"]
    assert [command["command"] for command in features["slash_commands"]] == ["/ask", "/parley"]
    assert all(command["should_escape"] for command in features["slash_commands"])
    shortcuts = {shortcut["callback_id"]: shortcut["name"] for shortcut in features["shortcuts"]}
    assert shortcuts == {menu: phrase(menu, "en") for menu in MENUS}
    assert tuple(shortcuts) == tuple(MENUS)
    assert {shortcut["type"] for shortcut in features["shortcuts"]} == {"message"}
    assert features["app_home"]["home_tab_enabled"]
    assert features["app_home"]["messages_tab_enabled"]


def test_the_manifest_names_the_events_that_are_handled_and_the_scopes_they_need() -> None:
    asked = manifest()
    events = asked["settings"]["event_subscriptions"]["bot_events"]
    kinds = {"channels", "groups", "im", "mpim"}
    messages = {f"message.{kind}" for kind in kinds}
    assert set(events) == {"app_mention", *messages, *EVENTS, *ACCESS}
    scopes = asked["oauth_config"]["scopes"]["bot"]
    assert {f"{kind}:history" for kind in kinds} | {"commands", "files:read", "files:write", "im:write"} <= set(
        scopes
    )
    assert scopes == sorted(set(scopes))
    assert asked["settings"]["interactivity"]["is_enabled"]
    assert asked["settings"]["socket_mode_enabled"]


# What Slack tells needs a scope too: https://docs.slack.dev/reference/events
NEEDED = {"app_mention": "app_mentions:read", "app_home_opened": "", "agent_session_stopped": "assistant:write"}
NEEDED |= {f"message.{kind}": f"{kind}:history" for kind in KINDS.values()}
NEEDED |= {event: f"{event.split('_')[0]}s:read" for event in CLOSINGS}
NEEDED |= dict.fromkeys((*REVOKED, *ACCESS), "")
NEEDED |= dict.fromkeys(MOVES, "channels:read")  # and groups:read, for private channels
# Of a direct conversation nothing is read: it has one person, who alone reads the answer, and nobody who made it.
UNREAD = {"im:read"}


def test_the_manifest_asks_for_the_scopes_that_the_code_needs_and_no_other() -> None:
    written = "".join(file.read_text() for file in sorted(ROOM.glob("*.py")))
    called = {name for name in re.findall(r'"([a-z]+(?:\.[a-zA-Z]+)+)"', written) if name in METHODS}
    assert {"chat.postMessage", "views.open", "agents.sessions.setStatus", "conversations.open"} <= called
    scopes = {METHODS[name].scope.format(kind=kind) for name in called for kind in KINDS.values()} - UNREAD
    asked = manifest()
    scopes |= {NEEDED[event] for event in asked["settings"]["event_subscriptions"]["bot_events"]} | {"commands"}
    assert scopes - {""} == set(asked["oauth_config"]["scopes"]["bot"])


def test_the_workspace_of_the_tests_grants_what_the_manifest_asks_for() -> None:
    asked = manifest()
    assert SCOPES.split(",") == asked["oauth_config"]["scopes"]["bot"]
    assert set(SUBSCRIPTIONS) == set(asked["settings"]["event_subscriptions"]["bot_events"])


def test_no_description_in_the_manifest_is_too_long() -> None:
    """https://docs.slack.dev/reference/app-manifest"""
    asked = manifest()
    assert len(asked["display_information"]["description"]) <= 140
    features = asked["features"]
    assert all(len(one["description"]) <= 150 for one in features["shortcuts"])
    assert all(len(one["name"]) <= 24 for one in features["shortcuts"])
    assert all(len(one["description"]) <= 2_000 for one in features["slash_commands"])
    assert len(COMMANDS) > 10, "they are all behind /parley"
