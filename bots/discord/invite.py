"""The invite of the Discord bot, made from a table: each right with its reason, and the intents.   pure

The link and the tables of `deploy/README.md` are its output; `make settings` writes them.

https://docs.discord.com/developers/topics/permissions#permissions-bitwise-permission-flags
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

EXAMPLE_ID = "APPLICATION_ID"
"""The application's id in the link of `deploy/README.md`, for its reader to replace."""

_INVITE_URL = "https://discord.com/oauth2/authorize"
_SCOPES = "bot applications.commands"
_ADMINISTRATOR = 1 << 3


@dataclass(frozen=True, slots=True)
class Right:
    """A permission of the bot in a server, under Discord's name for it, and why it is asked for. `without`: what the
    bot lacks where it is not granted."""

    label: str
    bit: int
    reason: str
    without: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A privileged intent. `flags`: the bits of an application that has it, limited or not. `at`: where it is
    switched on.

    https://docs.discord.com/developers/resources/application#application-object-application-flags
    """

    label: str
    flags: int
    reason: str
    without: str
    at: str


RIGHTS = (
    Right(
        "View Channels",
        1 << 10,
        "The bot sees the channels that it is to answer in.",
        "It answers by /ask alone.",
    ),
    Right("Send Messages", 1 << 11, "It posts answers in channels.", "It can't answer in channels."),
    Right(
        "Attach Files",
        1 << 15,
        "Very long answers, exports, charts of reports and pictures of tools are posted as files.",
        "Long answers take many messages; exports, charts and pictures are not posted.",
    ),
    Right(
        "Read Message History",
        1 << 16,
        "It reads the thread that it is asked in, and what was asked while it was down.",
        "It knows only what was said since it started, and misses questions of that time.",
    ),
    Right(
        "Create Public Threads",
        1 << 35,
        "A mention in a channel opens a thread, in which the bot answers.",
        "Answers are replies in the channel.",
    ),
    Right(
        "Send Messages in Threads",
        1 << 38,
        "It posts answers in threads and in the posts of forums.",
        "It can't answer in threads and forums.",
    ),
)

MESSAGE_CONTENT = Intent(
    "Message Content Intent",
    1 << 18 | 1 << 19,
    "Discord sends the bot the text of messages that do not mention it: follow-ups in its threads, and what others say "
    "there.",
    "It hears only mentions, direct messages and commands, and follow-ups need a mention.",
    "developer portal > your application > Bot > Privileged Gateway Intents",
)
"""The only privileged intent that Parley asks for."""

PERMISSIONS = sum(right.bit for right in RIGHTS)
"""The number of an invite: exactly the rights that Parley uses."""


def invite_url(application_id: str) -> str:
    """The link by which an application is added to a server with the rights of the table.

    https://docs.discord.com/developers/topics/oauth2#bot-authorization-flow
    """
    query = urlencode({"client_id": application_id, "scope": _SCOPES, "permissions": PERMISSIONS})
    return f"{_INVITE_URL}?{query}"


def invite_to_text() -> str:
    """The link as a block of Markdown code, for `deploy/README.md`."""
    return f"    {invite_url(EXAMPLE_ID)}\n"


def rights_to_table() -> str:
    """The rights and the intent as a Markdown table, for `deploy/README.md`."""
    rows = ["| right | why | without it |", "|---|---|---|"]
    asked: Iterable[Right | Intent] = (*RIGHTS, MESSAGE_CONTENT)
    rows += [f"| {one.label} | {one.reason} | {one.without} |" for one in asked]
    return "\n".join(rows) + "\n"


def missing_rights(permissions: int) -> list[Right]:
    """The rights of the table that are not among `permissions`. An administrator has all."""
    if permissions & _ADMINISTRATOR:
        return []
    return [right for right in RIGHTS if not permissions & right.bit]
