"""The steps of `parley init` in Discord's portal, and Discord's secrets told apart.   pure"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap

from bots.discord.invite import EXAMPLE_ID, MESSAGE_CONTENT, RIGHTS, invite_url

_TOKEN = re.compile(r"[\w-]{18,}\.[\w-]{4,}\.[\w-]{20,}")
_WHERE = "the bot's token is under Bot > Reset Token"
_OTHERS = (
    (re.compile(r"\d{15,21}"), "the id of an application, server or person"),
    (re.compile(r"[0-9a-f]{64}"), "the public key of the application"),
    (re.compile(r"[\w-]{32}"), "the client secret of the application (OAuth2)"),
    (re.compile(r"(?:xox.|xapp)-.*"), "a token of Slack's"),
    (re.compile(r"sk-.*"), "the key of an endpoint of models"),
    (re.compile(r"https?://.*"), "an address"),
)


def bot_token_problem(value: str) -> str:
    """The reason why `value` is no token of a bot, in words; empty where it may be one. Never quotes it."""
    if _TOKEN.fullmatch(value):
        return ""
    if value.startswith("Bot "):
        return "has the word Bot before it: leave that out"
    what = next((what for form, what in _OTHERS if form.fullmatch(value)), "")
    return f"is {what}; {_WHERE}" if what else f"is no token of a bot, which has two dots in it; {_WHERE}"


def application_id(token: str) -> str:
    """The application's id, which a bot's token begins with; empty where it can't be read.

    https://docs.discord.com/developers/reference#authentication
    """
    first = token.partition(".")[0]
    try:
        read = base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return read if re.fullmatch(r"\d{15,21}", read) else ""


def invite(token: str) -> str:
    """The link that invites the bot of `token`, in a sentence."""
    id_ = application_id(token)
    if id_:
        return f"Invite the bot: {invite_url(id_)}"
    return f"Invite the bot: {invite_url(EXAMPLE_ID)}\nwith its Application ID in place of {EXAMPLE_ID}."


def guide(token: str) -> str:
    """The steps from the application to the invite, which has the id of the bot of `token`."""
    rights = "\n".join(f"   {right.label:<25} {right.reason}" for right in RIGHTS)
    intent = textwrap.fill(MESSAGE_CONTENT.reason, 110, initial_indent="   ", subsequent_indent="   ")
    return f"""\
Discord

1. https://discord.com/developers/applications > New Application. Under General Information: its name, and its icon
   (such as deploy/icon.png).
2. Bot > Reset Token: the new token is DISCORD_BOT_TOKEN.
3. Bot > Privileged Gateway Intents: switch on {MESSAGE_CONTENT.label}.
{intent}
4. {invite(token).replace(chr(10), chr(10) + "   ")}
5. In a channel: /ask question:what did we decide here?

The rights that the link asks for, and why:

{rights}
"""
