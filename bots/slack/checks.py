"""The checks of `parley doctor` of the Slack app: both tokens, the scopes, and the way in which events come.

No socket is opened: `apps.connections.open` only returns a URL, and an unused one takes no event from a running Parley.
https://docs.slack.dev/reference/methods/apps.connections.open
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bots.slack import SlackSettings
from bots.slack.errors import answered, reason_of
from bots.slack.install_checks import check_install
from bots.slack.manifest import SCOPES, missing_scopes
from bots.slack.socket import proxy_for
from bots.slack.web import Web
from core.connection_problems import connection_problem
from core.errors import Code, PlatformError
from core.values.checks import Check, Finding, Host, failed, host_of, ok, warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json = dict[str, Any]

_LIMIT_S = 25.0
_SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")
_APP_OF_TOKEN = re.compile(r"xapp-\d+-(A[A-Z0-9]+)-")
_REINSTALL = (
    "api.slack.com/apps > your app > OAuth & Permissions: add it to the bot's scopes, and install the app again"
)
_BOT_TOKEN = "api.slack.com/apps > your app > OAuth & Permissions: copy the bot's token to SLACK_BOT_TOKEN"
_APP_TOKEN = (
    "api.slack.com/apps > your app > Basic Information > App-Level Tokens: make one with the scope connections:write, "
    "and copy it to SLACK_APP_TOKEN; see that Socket Mode is on"
)


def slack_hosts(settings: SlackSettings) -> list[Host]:
    """The hosts that Slack needs; none where it is off. A socket's own host is known only by its URL."""
    if settings.slack_bot_token is None and not settings.slack_client_id:
        return []
    urls = {settings.slack_api_url: "Slack"}
    if "//slack.com/" in settings.slack_api_url:
        urls |= {"https://files.slack.com/": "files on Slack"}
        urls |= {"wss://wss-primary.slack.com/": "Slack's sockets"} if settings.slack_app_token else {}
    return [Host(url, use, proxy_for(url) or "") for url, use in urls.items()]


def slack_checks(
    settings: SlackSettings, channels: Mapping[str, str], admins: Iterable[str] = ()
) -> list[Check]:
    """The checks in the order of the report; none where Slack is off. `channels`: the setting that names each channel,
    by its id. `admins`: the people of PARLEY_ADMINS."""
    install = (
        [Check("slack install", partial(check_install, settings), _LIMIT_S)] if settings.slack_client_id else []
    )
    if settings.slack_bot_token is None:
        return install
    checks = SlackChecks(settings, settings.slack_bot_token)
    every: list[tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]] = [("slack token", checks.bot)]
    if settings.slack_app_token is not None:
        every.append(("slack socket mode", partial(checks.socket_mode, settings.slack_app_token)))
    if settings.slack_signing_secret is not None:
        every.append(("slack signing secret", partial(checks.signing_secret, settings.slack_signing_secret)))
    every.append(("slack events", checks.events))
    every += [(f"slack channel {id_}", partial(checks.channel, id_, at)) for id_, at in channels.items()]
    every += [(f"slack admin {id_}", partial(checks.admin, id_)) for id_ in admins]
    return [*(Check(name, run, _LIMIT_S) for name, run in every), *install]


class SlackChecks:
    """The checks of one app in one workspace."""

    def __init__(self, settings: SlackSettings, bot_token: SecretStr) -> None:
        self._settings = settings
        self._bot_token = bot_token.get_secret_value()

    async def bot(self) -> list[Finding]:
        """The bot's token, and its scopes."""
        async with self._web() as web:
            try:
                said, granted = await web.identity_and_scopes()
            except PlatformError as error:
                return [self._refused("slack token", error, _BOT_TOKEN)]
        if not said.get("bot_id"):
            return [failed("slack token", "it is the token of a person, and not of a bot", _BOT_TOKEN)]
        if app := self._other_app(str(said.get("app_id") or "")):
            return [
                failed(
                    "slack token", f"it is of another app than SLACK_APP_TOKEN, which is of {app}", _BOT_TOKEN
                )
            ]
        where = f"{said.get('team') or '?'} ({said.get('team_id') or '?'})"
        return [ok("slack token", f"bot {said.get('user') or '?'} in {where}"), *self._scopes(granted)]

    async def socket_mode(self, app_token: SecretStr) -> list[Finding]:
        """The app-level token, and whether sockets may be opened with it."""
        async with self._web() as web:
            try:
                await web.call("apps.connections.open", {"token": app_token.get_secret_value()})
            except PlatformError as error:
                return [self._refused("slack socket mode", error, _APP_TOKEN)]
        return [ok("slack socket mode", "Slack takes SLACK_APP_TOKEN, and would open a socket")]

    async def signing_secret(self, secret: SecretStr) -> list[Finding]:
        """The form of the signing secret: only a request of Slack's shows whether it is the app's."""
        name = "slack signing secret"
        where = (
            "api.slack.com/apps > your app > Basic Information: copy the Signing Secret to SLACK_SIGNING_SECRET"
        )
        if not _SIGNING_SECRET.fullmatch(secret.get_secret_value()):
            return [failed(name, "is no signing secret: one has 32 digits from 0 to f", where)]
        return [
            warning(
                name,
                "has the right form; only a request of Slack's can show that it is this app's",
                "api.slack.com/apps > your app > Event Subscriptions > Request URL: Retry, while Parley runs",
            )
        ]

    async def events(self) -> list[Finding]:
        """Slack tells no bot which events its app has subscribed to."""
        return [
            warning(
                "slack events",
                "Slack does not tell a bot which events, commands and shortcuts its app has",
                "api.slack.com/apps > your app > App Manifest: compare it with the one that `parley init` prints",
            )
        ]

    async def channel(self, id_: str, setting: str) -> list[Finding]:
        """A channel that a setting names: the bot has to be in it."""
        name, invite = f"slack channel {id_}", "invite the bot into it: /invite"
        async with self._web() as web:
            try:
                said = await web.read("conversations.info", {"channel": id_})
            except PlatformError as error:
                if reason_of(error) == "missing_scope":
                    return [warning(name, f"a scope is missing, so it could not be looked up (for {setting})")]
                if error.code is not Code.GONE:
                    return [self._refused(name, error, _BOT_TOKEN)]
                detail = f"there is none, or it is private and the bot is not in it (for {setting})"
                return [failed(name, detail, f"check the id, and {invite}")]
        channel: Json = said.get("channel") or {}
        shown = f"#{channel.get('name') or id_}"
        if channel.get("is_archived"):
            return [failed(name, f"{shown} is archived (for {setting})", f"name another channel in {setting}")]
        if not (channel.get("is_member") or channel.get("is_im") or channel.get("is_mpim")):
            return [failed(name, f"the bot is not in {shown} (for {setting})", invite)]
        return [ok(name, f"the bot is in {shown} (for {setting})")]

    async def admin(self, id_: str) -> list[Finding]:
        """A person of PARLEY_ADMINS."""
        name, todo = f"slack admin {id_}", "correct PARLEY_ADMINS: a member's profile > ... > Copy member ID"
        async with self._web() as web:
            try:
                said = await web.read("users.info", {"user": id_})
            except PlatformError as error:
                if reason_of(error) == "missing_scope":
                    return [warning(name, "a scope is missing, so it could not be looked up (PARLEY_ADMINS)")]
                if error.code not in (Code.GONE, Code.NOT_ALLOWED, Code.REJECTED):
                    return [self._refused(name, error, _BOT_TOKEN)]
                return [warning(name, "Slack knows no such person (PARLEY_ADMINS)", todo)]
        person: Json = said.get("user") or {}
        shown = f"{person.get('real_name') or person.get('name') or id_}"
        if person.get("deleted"):
            return [warning(name, f"{shown} is deactivated (PARLEY_ADMINS)", todo)]
        return [ok(name, f"{shown} (PARLEY_ADMINS)")]

    def _refused(self, check: str, error: PlatformError, todo: str) -> Finding:
        """The finding about a call that Slack refused, or that did not reach it."""
        if error.code in (Code.UNAVAILABLE, Code.UNCERTAIN):
            reason = error.detail if answered(error) else connection_problem(error)
            todo = "check the connection to Slack, and its status page"
            hosts = () if answered(error) else (host_of(self._settings.slack_api_url),)
            return failed(check, f"Slack can't be reached: {reason}", todo, *hosts)
        if error.code is Code.SLOW_DOWN:
            return warning(
                check,
                "Slack limits the calls of the bot now, so it could not be verified",
                "run it again later",
            )
        return failed(check, f"Slack refuses it: {reason_of(error) or error.detail}", todo)

    def _scopes(self, granted: frozenset[str] | None) -> list[Finding]:
        if granted is None:
            return [warning("slack scopes", "Slack did not say which scopes the token has")]
        missing = missing_scopes(granted)
        if self._settings.slack_distributed:
            missing += [scope for scope in SCOPES if scope.optional and scope.name not in granted]
        if not missing:
            return [ok("slack scopes", "all of the manifest are granted")]
        return [
            failed(f"slack scope {scope.name}", "missing, and nothing works without it", _REINSTALL)
            if not scope.without
            else warning(f"slack scope {scope.name}", f"missing. {scope.without}", _REINSTALL)
            for scope in missing
        ]

    def _other_app(self, id_: str) -> str:
        """The app of the app-level token, which that token names, where it is another one than `id_`."""
        token = self._settings.slack_app_token
        found = _APP_OF_TOKEN.match(token.get_secret_value()) if token is not None else None
        return found[1] if found and id_ and found[1] != id_ else ""

    @asynccontextmanager
    async def _web(self) -> AsyncIterator[Web]:
        web = Web(self._bot_token, self._settings.slack_api_url)
        try:
            yield web
        finally:
            await web.close()
