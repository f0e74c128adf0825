"""The manifest of the Slack app, made from tables: each scope, event, command and shortcut with its reason.   pure

`deploy/slack-manifest.json` (Socket Mode) and `deploy/slack-manifest-http.json` (HTTP) are its output, and so are the
tables of `deploy/README.md`; `make settings` writes them.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from core.commands import MENUS
from core.errors import SettingsError
from core.i18n import phrase

Json = dict[str, Any]

EVENTS_PATH, INTERACTIONS_PATH, COMMANDS_PATH = "/slack/events", "/slack/interactions", "/slack/commands"
INSTALL_PATH, REDIRECT_PATH = "/slack/install", "/slack/oauth"
EXAMPLE_URL = "https://parley.example.com"
"""The public URL in the manifest of `deploy`, for its reader to replace."""

_NAME_MAX, _COMMAND_MAX = 35, 32
_COMMAND = re.compile(r"/[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Scope:
    """A right of the bot's token: the ability that needs it, and why. `without` says what the bot lacks where it is
    not granted; empty for one that it does not work without. `optional`: it may be refused at the installation."""

    name: str
    ability: str
    reason: str
    without: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """An event that Slack sends, and the use of it."""

    name: str
    reason: str


SCOPES = (
    Scope(
        "app_mentions:read",
        "questions in channels",
        "Slack sends a message that mentions the bot only with it.",
    ),
    Scope(
        "assistant:write",
        "the app's agent view",
        "It shows that an answer is being written, suggests first questions, and tells of Slack's own stop button.",
        "No status, no suggestions, and Slack's own stop button stops nothing.",
    ),
    Scope(
        "channels:history",
        "threads of public channels",
        "The bot reads the thread that it is asked in, and the messages that follow there.",
    ),
    Scope(
        "channels:read",
        "rights in public channels",
        "It tells who made a channel and who is in it: who may change its settings, and who reads an answer there.",
        "Earlier answers of other channels are not used, and a channel's creator is not its admin.",
    ),
    Scope("chat:write", "answers", "The bot posts and edits its own messages with it."),
    Scope(
        "commands",
        "/ask, /parley and the menu of a message",
        "Slack offers commands and shortcuts only with it.",
        "No commands and no menu; mentions work.",
    ),
    Scope(
        "files:read",
        "files and pictures in questions",
        "The bot downloads the files of a thread for the model to read.",
        "Files are named to the model and not read.",
    ),
    Scope(
        "files:write",
        "files and pictures in answers",
        "Very long answers, exports, charts of reports and pictures of tools are posted as files.",
        "Long answers take many messages; exports, charts and pictures are not posted.",
    ),
    Scope(
        "groups:history",
        "threads of private channels",
        "As channels:history, for the private channels that the bot is invited to.",
        "Nobody can ask in private channels.",
    ),
    Scope(
        "groups:read",
        "rights in private channels",
        "As channels:read, for the private channels that the bot is in.",
        "Private channels use no earlier answers, and their creators are not their admins.",
    ),
    Scope(
        "im:history",
        "direct messages",
        "The bot reads what a person writes to it directly.",
        "Nobody can ask in direct messages.",
    ),
    Scope(
        "im:write",
        "replies in direct messages",
        "The bot opens the direct messages with a person to send what concerns only that person, such as an export.",
        "Exports and notices that concern one person can't be sent to them.",
    ),
    Scope(
        "mpim:history",
        "group conversations",
        "As im:history, for conversations of several people that the bot was added to.",
        "Nobody can ask in group conversations.",
    ),
    Scope(
        "mpim:read",
        "rights in group conversations",
        "It tells who is in a group conversation, so that an answer uses only what all of them may read.",
        "A group conversation uses its own earlier messages alone.",
    ),
    Scope(
        "search:read.public",
        "Slack's own search, for an app that others install",
        "With SLACK_DISTRIBUTED=true earlier messages of public channels are found by Slack's search, and no index of "
        "them is kept. Other apps never use it.",
        "Where SLACK_DISTRIBUTED=true, earlier messages are not used.",
        optional=True,
    ),
    Scope(
        "users:read",
        "names and roles of people",
        "It tells the name and the language of who asks, and who is an admin or a guest.",
    ),
)

_CLOSED = "The channel is gone or closed: nothing more is answered or looked up there."
_MOVED = "Who reads a channel has changed: earlier answers are used only where everybody there may read them."
_ACCESS = "An organisation has given the app a workspace, or taken it off one: that is served, or no longer."
_REVOKED = "The app was taken off the workspace: Parley checks its token at once, and tells the operators."

EVENTS = (
    Subscription("agent_session_stopped", "Slack's own stop button was pressed: the answer stops."),
    Subscription("app_home_opened", "A person has opened the app's Home tab or its direct messages."),
    Subscription("app_mention", "A question, in any channel that the bot is in."),
    Subscription("app_uninstalled", _REVOKED),
    Subscription("channel_archive", _CLOSED),
    Subscription("channel_deleted", _CLOSED),
    Subscription("channel_left", _CLOSED),
    Subscription("group_archive", _CLOSED),
    Subscription("group_deleted", _CLOSED),
    Subscription("group_left", _CLOSED),
    Subscription("member_joined_channel", _MOVED),
    Subscription("member_left_channel", _MOVED),
    Subscription(
        "message.channels", "Messages of public channels: follow-ups without a mention, edits, deletions."
    ),
    Subscription("message.groups", "The same of private channels."),
    Subscription("message.im", "Questions in direct messages, their edits and deletions."),
    Subscription("message.mpim", "Questions in group conversations, their edits and deletions."),
    Subscription("team_access_granted", _ACCESS),
    Subscription("team_access_revoked", _ACCESS),
    Subscription("tokens_revoked", _REVOKED),
)

_SHORTCUTS = {
    "menu_ask": "Ask Parley about this message",
    "menu_summarize": "Have Parley sum up what was said from here on",
}


@dataclass(frozen=True, slots=True)
class AppNames:
    """The names that people see: of the bot, of the command that asks, and of the one with all others behind it."""

    bot: str = "Parley"
    ask: str = "/ask"
    command: str = "/parley"

    @property
    def prefix(self) -> str:
        """The text before the name of a command that is typed on its own."""
        return f"{self.command} "

    @property
    def typed_prefix(self) -> str:
        """The text before the name of a command in a message to the bot."""
        return f"@{self.bot} /"


OWN_NAMES = AppNames()


def manifest(names: AppNames = OWN_NAMES, public_url: str = "", *, installs: bool = False) -> Json:
    """The manifest for Socket Mode; with `public_url`, for HTTP at that URL. `installs`: teams and whole organisations
    install the app themselves, and its tokens rotate.

    Raises SettingsError for a name or URL that Slack does not take.
    """
    _check(names, public_url)
    url = public_url.rstrip("/")
    return {
        "display_information": {
            "name": names.bot,
            "description": "Asks an AI model in the threads where your team talks",
            "background_color": "#1f3b4d",
        },
        "features": _features(names, url),
        "oauth_config": {
            **({"redirect_urls": [url + REDIRECT_PATH]} if installs else {}),
            "scopes": {
                "bot": [scope.name for scope in SCOPES],
                "bot_optional": [scope.name for scope in SCOPES if scope.optional],
            },
        },
        "settings": {
            "event_subscriptions": _at(url, EVENTS_PATH, "request_url")
            | {"bot_events": [event.name for event in EVENTS]},
            "interactivity": {"is_enabled": True} | _at(url, INTERACTIONS_PATH, "request_url"),
            "org_deploy_enabled": installs,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": installs,
        },
    }


def manifest_to_text(made: Json) -> str:
    """The manifest as Slack's JSON tab takes it."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def scopes_to_table() -> str:
    """The scopes as a Markdown table, for `deploy/README.md`."""
    rows = ["| scope | for | why | without it |", "|---|---|---|---|"]
    rows += [
        f"| `{scope.name}` | {scope.ability} | {scope.reason} | {scope.without or 'The bot does not work.'} |"
        for scope in SCOPES
    ]
    return "\n".join(rows) + "\n"


def events_to_table() -> str:
    """The events as a Markdown table, for `deploy/README.md`; those with the same reason share a row."""
    by_reason: dict[str, list[str]] = {}
    for event in EVENTS:
        by_reason.setdefault(event.reason, []).append(f"`{event.name}`")
    rows = ["| event | why |", "|---|---|"]
    rows += [f"| {', '.join(events)} | {reason} |" for reason, events in by_reason.items()]
    return "\n".join(rows) + "\n"


def missing_scopes(granted: frozenset[str]) -> list[Scope]:
    """The scopes of the manifest that a token lacks, without the optional ones."""
    return [scope for scope in SCOPES if scope.name not in granted and not scope.optional]


def _features(names: AppNames, url: str) -> Json:
    return {
        "bot_user": {"display_name": names.bot, "always_online": True},
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "agent_view": {
            "agent_description": "Answers your questions, and reads along in the threads it is asked in"
        },
        "slash_commands": [
            _command(names.ask, f"Ask {names.bot} a question", "your question", url),
            _command(
                names.command,
                "Summaries, search, settings, usage and more",
                "help, search, settings, usage, summarize 3 hours",
                url,
            ),
        ],
        "shortcuts": [
            {
                "name": phrase(menu, "en"),
                "type": "message",
                "callback_id": menu,
                "description": _SHORTCUTS[menu].replace("Parley", names.bot),
            }
            for menu in MENUS
        ],
    }


def _command(name: str, description: str, hint: str, url: str) -> Json:
    address = _at(url, COMMANDS_PATH, "url")
    return {
        "command": name,
        **address,
        "description": description,
        "usage_hint": hint,
        "should_escape": True,
    }


def _at(url: str, path: str, key: str) -> Json:
    return {key: url + path} if url else {}


def bot_name(value: str) -> str:
    """`value`, a name of the app. Raises ValueError for one that Slack does not take."""
    if not 0 < len(value.strip()) <= _NAME_MAX:
        raise ValueError(f"must have 1 to {_NAME_MAX} characters, such as Parley")
    return value.strip()


def command_name(value: str) -> str:
    """`value`, a name of a slash command. Raises ValueError for one that Slack does not take."""
    if not _COMMAND.fullmatch(value) or len(value) > _COMMAND_MAX:
        raise ValueError(
            f"must be a slash and at most {_COMMAND_MAX - 1} small letters, digits, - or _, such as /ask"
        )
    return value


def _check(names: AppNames, public_url: str) -> None:
    for what, check, name in (
        ("the name of the Slack app", bot_name, names.bot),
        ("a Slack command", command_name, names.ask),
        ("a Slack command", command_name, names.command),
    ):
        try:
            check(name)
        except ValueError as error:
            raise SettingsError(f"{what} {error}, not {name!r}") from None
    if names.ask == names.command:
        raise SettingsError(f"the two Slack commands have the same name, {names.ask}")
    parts = urlsplit(public_url)
    if public_url and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
        raise SettingsError(
            f"{public_url!r} is no public URL, such as {EXAMPLE_URL}: Slack sends events to https alone"
        )
