"""The steps of `parley init` in Slack's pages, and Slack's tokens told apart.   pure"""

from __future__ import annotations

import re
import textwrap

from bots.slack.manifest import SCOPES, AppNames, Scope

_HEX_SECRET = re.compile(r"[0-9a-f]{32}")
_KINDS = (
    ("xoxb-", "the bot's token", "SLACK_BOT_TOKEN"),
    ("xapp-", "an app-level token", "SLACK_APP_TOKEN"),
    ("xoxp-", "the token of a person", ""),
    ("xoxe", "a token that configures apps", ""),
    ("xoxs-", "a token of an old workspace app", ""),
    ("xoxc-", "a token of a browser session", ""),
    ("sk-", "the key of an endpoint of models", "OPENAI_API_KEY"),
)


def bot_token_problem(value: str) -> str:
    """The reason why `value` is no token of a bot, in words; empty where it may be one. Never quotes it."""
    return _problem(value, "xoxb-", "the bot's token", "OAuth & Permissions")


def app_token_problem(value: str) -> str:
    """The same for an app-level token."""
    return _problem(value, "xapp-", "an app-level token", "Basic Information > App-Level Tokens")


def signing_secret_problem(value: str) -> str:
    """The same for a signing secret. A client secret has the same form."""
    if _HEX_SECRET.fullmatch(value):
        return ""
    what, belongs = _kind(value)
    if what:
        return f"is {what}{belongs}; the signing secret is under Basic Information > App Credentials"
    return "is no signing secret: one has 32 digits from 0 to f, under Basic Information > App Credentials"


def guide(names: AppNames, manifest_at: str, *, over_http: bool) -> str:
    """The steps from the manifest, which is at `manifest_at`, to the tokens."""
    second = (
        "4. Basic Information > App Credentials: the Signing Secret is SLACK_SIGNING_SECRET. Once Parley runs, press\n"
        "   Retry beside the Request URL under Event Subscriptions."
        if over_http
        else "4. Basic Information > App-Level Tokens: make one with the scope connections:write (xapp-...). It is\n"
        "   SLACK_APP_TOKEN."
    )
    scopes = "\n".join(map(_line, SCOPES))
    return f"""\
Slack

1. https://api.slack.com/apps > Create New App > From a manifest: choose the workspace, and paste
   {manifest_at} on the JSON tab.
2. Basic Information > Display Information: the app's icon, a square picture of 512 to 2,000 pixels such as
   deploy/icon.png. A manifest can't hold it.
3. Install to Workspace, then OAuth & Permissions: the Bot User OAuth Token (xoxb-...) is SLACK_BOT_TOKEN.
{second}
5. In a channel: /invite @{names.bot}, and ask: @{names.bot} what did we decide here? Or: {names.ask} your question

The scopes that the app asks for, and why:

{scopes}
"""


def _line(scope: Scope) -> str:
    reason = f"{scope.reason} (optional)" if scope.optional else scope.reason
    return textwrap.fill(f"{scope.name:<19} {reason}", 110, initial_indent="   ", subsequent_indent=" " * 23)


def _problem(value: str, prefix: str, wanted: str, where: str) -> str:
    if value.startswith(prefix):
        return ""
    what, belongs = _kind(value)
    if not what and _HEX_SECRET.fullmatch(value):
        what = "a signing secret, a client secret or a verification token"
    seen = f"is {what}{belongs}" if what else f"is not {wanted}"
    return f"{seen}; {wanted} begins with {prefix} and is under {where}"


def _kind(value: str) -> tuple[str, str]:
    """The kind of a token in words, and the setting that it belongs to; both empty for an unknown one."""
    for prefix, what, setting in _KINDS:
        if value.startswith(prefix):
            return what, f", which belongs in {setting}" if setting else ""
    return "", ""
