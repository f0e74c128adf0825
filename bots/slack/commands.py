"""Slash commands, message shortcuts and pressed buttons as the core's values. Pure.

Shapes: https://docs.slack.dev/interactivity/implementing-slash-commands/,
https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload/ and
https://docs.slack.dev/reference/events/agent_session_stopped/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bots.slack.authors import Claim, claim_of, with_claim
from bots.slack.forms import form_of_question
from bots.slack.incoming import (
    CLOSINGS,
    MOVES,
    Identity,
    Names,
    Payload,
    channel_of,
    line_of,
    place_of,
    ts_to_time,
)
from bots.slack.mrkdwn import mrkdwn_to_text, people_mentioned
from bots.slack.outgoing import CHANGE
from bots.slack.team_access import access_in
from core.commands import COMMANDS, MENUS
from core.commands.parser import CommandError, named, options_of, values_of
from core.i18n import phrase
from core.llm.messages import whole_text
from core.text import shortened
from core.values.conversation import ThreadMessage
from core.values.events import ButtonPress, Command, Halted
from core.values.parts import File
from core.values.places import Person, Place
from core.values.ui import Form

REVOKED = ("app_uninstalled", "tokens_revoked")
"""The events after which the bot's token may be none any more. Over HTTP nothing else tells, until it is used.

https://docs.slack.dev/reference/events/tokens_revoked and app_uninstalled
"""

EVENTS = ("app_home_opened", "agent_session_stopped", *MOVES, *CLOSINGS, *REVOKED)
"""Events that are taken beside messages and mentions."""

KINDS = ("event_callback", "block_actions", "message_action", "view_submission", "block_suggestion")

_REPEATED_MAX = 3_000  # characters of a question that the bot repeats; blocks together take about 12,000

_PERSON = re.compile(r"<@([UW]\w+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([CG]\w+)(?:\|[^<>]*)?>")


def kind_of(payload: Payload) -> str | None:
    """The kind of a payload, or None for one that Parley does not take."""
    kind, event = str(payload.get("type", "")), payload.get("event") or {}
    if kind == "event_callback" and access_in(payload) is not None:
        return "team_access"
    if not kind and payload.get("command"):  # by any name: Slack sends an app its own alone
        return "slash_command"
    if kind == "event_callback" and event.get("type") in EVENTS:
        return str(event["type"])
    if kind == "block_actions" and _action(payload).get("action_id") == CHANGE:
        return "change"
    return kind if kind in KINDS else None


def user_id_of(payload: Payload) -> str:
    """The id of the payload's author."""
    return str((payload.get("user") or {}).get("id") or payload.get("user_id") or "")


def user_of(payload: Payload, me: Identity, names: Names) -> Person:
    """The payload's author, as far as `names` and the payload say."""
    user: Payload = payload.get("user") or {}
    who = user_id_of(payload)
    name = str(user.get("name") or user.get("username") or payload.get("user_name") or who)
    return with_claim(names.get(who), who, name, claim_of(user or payload), me.home)


def named_in_slash(payload: Payload) -> tuple[str, ...]:
    """The ids of the people whom a slash command mentions, in order."""
    return people_mentioned(str(payload.get("text", "")))


def slash_to_command(payload: Payload, me: Identity, names: Names, at: datetime) -> Command:
    """`/ask question` or `/parley command ...`, under the app's names. Slack sends mentions as ids."""
    typed, name = str(payload.get("text") or "").strip(), "ask"
    if payload.get("command") != me.names.ask:
        word, typed = [*typed.split(None, 1), "", ""][:2]
        name = named(word) or word.lower()
    if name in ("ask", "summarize"):
        argument = mrkdwn_to_text(typed, lambda id_: names[id_].name if id_ in names else id_)
    else:  # other commands take ids, not names
        argument = mrkdwn_to_text(_CHANNEL.sub(r"\1", _PERSON.sub(r"\1", typed)), str)
    place = place_of({"channel": payload.get("channel_id", "")}, me, "")
    return _command(name, place, payload, me, names, at, argument=argument)


def shortcut_to_command(payload: Payload, me: Identity, names: Names, at: datetime) -> Command | None:
    """A shortcut in a message's menu: about this message in its thread, or from this message on."""
    menu = str(payload.get("callback_id", ""))
    message: Payload = payload.get("message") or {}
    if menu not in MENUS or not message.get("ts"):
        return None
    name, option = MENUS[menu]
    ts, root = str(message["ts"]), str(message.get("thread_ts") or message["ts"])
    about = name == "ask"
    place = place_of({"channel": channel_of(payload)}, me, root if about or root != ts else "")
    value = _about(line_of(message, me, names)) if about else ts_to_time(ts).isoformat()
    return _command(name, place, payload, me, names, at, options={option: value})


def _about(line: ThreadMessage) -> str:
    """All words of a message, and its files by name: their content comes with its thread."""
    words = tuple(one for one in line.attached if not isinstance(one, File))
    files = " ".join(f"[{one.name}]" for one in line.attached if isinstance(one, File) and one.name)
    return "\n".join(filter(None, (whole_text(replace(line, attached=words)), files)))


def command_to_form(command: Command, language: str) -> Form | None:
    """The form that a shortcut opens first, or None."""
    about = command.options.get("about")
    return form_of_question(about, language) if about is not None else None


def change_to_command(payload: Payload, me: Identity, names: Names, at: datetime) -> Command | None:
    """A press of the button `CHANGE`, as the command whose form it opens."""
    action = _action(payload)
    if action.get("action_id") != CHANGE:
        return None
    try:
        wanted = json.loads(str(action.get("value", "")))
        name, options = str(wanted["command"]), {str(key): str(one) for key, one in wanted["options"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return _command(name, place_of_view(payload, me), payload, me, names, at, options=options)


def place_of_view(payload: Payload, me: Identity) -> Place:
    """The place of a pressed button: under a message, or, without a channel, the Home tab."""
    container: Payload = payload.get("container") or {}
    channel = channel_of(payload) or str(container.get("channel_id") or "")
    if not channel:
        return home_of(me)
    return place_of({"channel": channel}, me, str(container.get("thread_ts") or ""))


def home_of(me: Identity) -> Place:
    """The Home tab as a place: the workspace, directly with the bot."""
    return Place("slack", me.team, "", direct=True)


def stopped_to_events(
    event: Payload, me: Identity, names: Names, turns: Mapping[str, int]
) -> list[ButtonPress | Halted]:
    """Slack's own stop button: one press for each growing answer. `turns`: ids of turns by their messages. Before the
    first word the event names no message."""
    who = str(event.get("user", ""))
    place = place_of(event, me, str(event.get("thread_ts") or ""))
    messages = [str(ts) for ts in event.get("streaming_message_ts") or ()]
    author = with_claim(names.get(who), who, who, Claim(), me.home)
    if not messages:
        return [Halted(place, author)]
    return [ButtonPress("stop", turns[ts], place, author) for ts in messages if ts in turns]


def becomes_turn(command: Command) -> bool:
    """True if it is a readable question, which is shown to everybody before it is asked."""
    spec = COMMANDS.get(command.name)
    if spec is None or not spec.turn:
        return False
    try:
        values_of(spec, options_of(spec, command.argument) | dict(command.options))
    except CommandError:
        return False
    return True


def repeated(command: Command, language: str) -> str:
    """The question as a message for all, since a slash command is not visible: Markdown, marked where it is cut.

    The model is asked all of it.
    """
    options = options_of(COMMANDS[command.name], command.argument) | dict(command.options)
    key = "slack_asked_summary" if command.name == "summarize" else "slack_asked"
    key += "_about" if "about" in options else ""
    asked = options.get("question", "")
    question = shortened(asked, _REPEATED_MAX, phrase("text_cut", language, n=len(asked)))
    return phrase(key, language, name=command.author.name, question=question).strip()


def _command(
    name: str, place: Place, payload: Payload, me: Identity, names: Names, at: datetime, **given: Any
) -> Command:
    """The command of an interaction, which has no message yet: its id is that of the trigger."""
    author, id_ = user_of(payload, me, names), str(payload.get("trigger_id") or "")
    return Command(name, place, author, at, id=id_, prefix=me.names.prefix, **given)


def _action(payload: Payload) -> Payload:
    return next(iter(payload.get("actions") or ()), {})
