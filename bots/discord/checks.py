"""The checks of `parley doctor` of the Discord application: its token, its intent, its limits, and its rights in each
server. They make REST calls alone: no gateway session is begun, so a running Parley keeps its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from discord import DiscordException
from pydantic import SecretStr

from bots.discord import DiscordSettings
from bots.discord.errors import FOREIGN, translate
from bots.discord.invite import MESSAGE_CONTENT, invite_url, missing_rights
from bots.discord.limiter import Limited
from bots.discord.private import aim
from bots.discord.rest import Wire
from core.clock import Clock
from core.connection_problems import connection_problem
from core.errors import Code, PlatformError
from core.values.checks import Check, Finding, Host, failed, host_of, ok, warning

Json = dict[str, Any]

MOST_NAMED = 10
"""Servers that are named; the others are counted."""
_LIMIT_S = 25.0
_SERVERS_A_PAGE, _PAGES = 200, 15
_FEW_STARTS = 20
_PORTAL = "developer portal > your application"
_TOKEN = f"{_PORTAL} > Bot > Reset Token: copy the new token to DISCORD_BOT_TOKEN"


def discord_hosts(settings: DiscordSettings) -> list[Host]:
    """The hosts that Discord needs, all reached without a proxy; none where it is off."""
    if settings.discord_bot_token is None:
        return []
    urls = {settings.discord_api_url: "Discord", settings.discord_gateway_url: "Discord's gateway"}
    if "//discord.com/" in settings.discord_api_url:
        urls["https://cdn.discordapp.com/"] = "files on Discord"
    return [Host(url, use) for url, use in urls.items()]


def discord_checks(
    settings: DiscordSettings, clock: Clock, channels: Mapping[str, str], admins: Iterable[str] = ()
) -> list[Check]:
    """The checks in the order of the report; none where Discord is off. `channels`: the setting that names each
    channel, by its id. `admins`: the people of PARLEY_ADMINS. Points discord.py, process-wide, at the set URLs."""
    if settings.discord_bot_token is None:
        return []
    aim(settings.discord_api_url, settings.discord_gateway_url)
    host = host_of(settings.discord_api_url)
    checks = DiscordChecks(settings.discord_bot_token, clock, host, settings.discord_shards)
    every: list[tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]] = [
        ("discord token", checks.application),
        ("discord gateway", checks.gateway),
        ("discord rights", checks.rights),
        *((f"discord channel {id_}", partial(checks.channel, id_, at)) for id_, at in channels.items()),
        *((f"discord admin {id_}", partial(checks.admin, id_)) for id_ in admins),
    ]
    return [Check(name, run, _LIMIT_S) for name, run in every]


class DiscordChecks:
    """The checks of one application."""

    def __init__(self, token: SecretStr, clock: Clock, host: str, shards: int | None = None) -> None:
        self._token = token.get_secret_value()
        self._shards = shards
        self._host = host
        self._clock = clock

    async def application(self) -> list[Finding]:
        """The token, and the application as it is set up in the portal."""
        async with self._wire() as get:
            try:
                said: Json = await get("/applications/@me")
            except PlatformError as error:
                return [self._refused("discord token", error)]
        findings = [ok("discord token", f"application {said.get('name') or '?'} ({said.get('id') or '?'})")]
        if int(said.get("flags") or 0) & MESSAGE_CONTENT.flags:
            findings.append(ok("discord intents", f"{MESSAGE_CONTENT.label} is on"))
        else:
            detail = f"{MESSAGE_CONTENT.label} is off. {MESSAGE_CONTENT.without}"
            findings.append(failed("discord intents", detail, f"{MESSAGE_CONTENT.at}: switch it on"))
        if said.get("interactions_endpoint_url"):
            detail = "commands and buttons go to the Interactions Endpoint URL, and not to Parley"
            todo = f"{_PORTAL} > General Information: empty the Interactions Endpoint URL"
            findings.append(failed("discord commands", detail, todo))
        if said.get("bot_require_code_grant"):
            detail = "Requires OAuth2 Code Grant is on: the invite does not work"
            findings.append(failed("discord invite", detail, f"{_PORTAL} > Bot: switch it off"))
        return findings

    async def gateway(self) -> list[Finding]:
        """The limit on new sessions, and the number of shards that Discord recommends.

        https://docs.discord.com/developers/events/gateway#session-start-limit
        """
        async with self._wire() as get:
            try:
                said: Json = await get("/gateway/bot")
            except PlatformError as error:
                return [self._refused("discord gateway", error)]
        limit = said.get("session_start_limit") or {}
        left, total = int(limit.get("remaining") or 0), int(limit.get("total") or 0)
        hours = float(limit.get("reset_after") or 0) / 3_600_000
        detail = f"{left} of {total} starts of a session are left for {hours:.0f} h"
        if left == 0:
            return [
                failed(
                    "discord gateway", detail, f"wait {hours:.0f} h, and find out what starts Parley so often"
                )
            ]
        if left < _FEW_STARTS:
            return [warning("discord gateway", detail, "find out what starts Parley so often")]
        recommended = int(said.get("shards") or 1)
        if self._shards is not None and self._shards < recommended:
            few = f"Discord recommends {recommended} shards, and DISCORD_SHARDS is {self._shards}"
            todo = f"set DISCORD_SHARDS to {recommended}, or remove it where one `parley run` is alone"
            return [warning("discord gateway", few, todo)]
        return [ok("discord gateway", detail)]

    async def rights(self) -> list[Finding]:
        """The bot's rights in each server. Overwrites of channels may take some away there."""
        async with self._wire() as get:
            try:
                servers, whole = await self._servers(get)
                id_ = str((await get("/applications/@me")).get("id") or "")
            except PlatformError as error:
                return [self._refused("discord rights", error)]
        invite = invite_url(id_)
        if not servers:
            return [warning("discord rights", "the bot is in no server", f"invite it: {invite}")]
        lacking = [finding for server in servers if (finding := _lacks(server, invite))]
        more = len(lacking) - MOST_NAMED
        findings = lacking[:MOST_NAMED]
        if more > 0:
            findings.append(
                warning("discord rights", f"{more} more servers lack rights", f"invite it anew: {invite}")
            )
        if not whole:
            findings.append(
                warning("discord rights", f"only the first {len(servers)} servers could be looked at")
            )
        return findings or [ok("discord rights", f"all that Parley uses, in {_counted(len(servers))}")]

    async def channel(self, id_: str, setting: str) -> list[Finding]:
        """A channel that a setting names: the bot has to see it."""
        name = f"discord channel {id_}"
        async with self._wire() as get:
            try:
                said: Json = await get(f"/channels/{id_}")
            except PlatformError as error:
                if error.code not in (Code.GONE, Code.NOT_ALLOWED, Code.REJECTED):
                    return [self._refused(name, error)]
                detail = f"there is none, or the bot may not see it (for {setting})"
                return [failed(name, detail, "check the id, and give the bot's role View Channel there")]
        return [ok(name, f"the bot sees #{said.get('name') or id_} (for {setting})")]

    async def admin(self, id_: str) -> list[Finding]:
        """A person of PARLEY_ADMINS."""
        name = f"discord admin {id_}"
        unknown = warning(
            name,
            "Discord knows no such person (PARLEY_ADMINS)",
            "correct PARLEY_ADMINS: with Developer Mode on, right-click the person > Copy User ID",
        )
        if not (id_.isascii() and id_.isdigit()):
            return [unknown]
        async with self._wire() as get:
            try:
                said: Json = await get(f"/users/{id_}")
            except PlatformError as error:
                gone = error.code in (Code.GONE, Code.NOT_ALLOWED, Code.REJECTED)
                return [unknown if gone else self._refused(name, error)]
        return [ok(name, f"{said.get('global_name') or said.get('username') or id_} (PARLEY_ADMINS)")]

    def _refused(self, check: str, error: PlatformError) -> Finding:
        """The finding about a call that Discord refused, or that did not reach it."""
        match error.code:
            case Code.BAD_TOKEN:
                return failed(check, "Discord does not accept DISCORD_BOT_TOKEN", _TOKEN)
            case Code.SLOW_DOWN:
                detail = "Discord limits the calls of the bot, or of this address, so it could not be verified"
                return warning(
                    check, detail, "run it again later; look for another use of the token or the address"
                )
            case Code.UNAVAILABLE | Code.UNCERTAIN:
                answered = isinstance(error.__cause__, DiscordException)
                reason = error.detail if answered else connection_problem(error)
                todo = "check the connection to Discord, and its status page"
                hosts = () if answered else (self._host,)
                return failed(check, f"Discord can't be reached: {reason}", todo, *hosts)
        return failed(check, f"Discord refuses it: {error.detail}", _TOKEN)

    async def _servers(self, get: Callable[[str], Awaitable[Any]]) -> tuple[list[Json], bool]:
        """The servers of the bot, and whether these are all. Raises PlatformError."""
        servers: list[Json] = []
        after = "0"
        for _ in range(_PAGES):
            page: list[Json] = await get(f"/users/@me/guilds?limit={_SERVERS_A_PAGE}&after={after}")
            servers += page
            if len(page) < _SERVERS_A_PAGE:
                return servers, True
            after = str(page[-1].get("id"))
        return servers, False

    @asynccontextmanager
    async def _wire(self) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
        """A function that makes a GET call, and raises PlatformError."""
        wire = Wire(self._token, self._clock)

        async def get(path: str) -> Any:
            try:
                return await wire.call(path, "GET", path)
            except FOREIGN as error:
                limited = isinstance(error, Limited)
                raise (PlatformError(Code.SLOW_DOWN, str(error)) if limited else translate(error)) from error

        try:
            yield get
        finally:
            await wire.close()


def _lacks(server: Json, invite: str) -> Finding | None:
    """The finding about a server where the bot lacks rights."""
    missing = missing_rights(int(server.get("permissions") or 0))
    if not missing:
        return None
    labels, without = ", ".join(right.label for right in missing), " ".join(right.without for right in missing)
    name = f"discord rights in {server.get('name') or server.get('id')}"
    todo = f"give the bot's role these rights in the server's settings, or invite it anew: {invite}"
    return warning(name, f"{labels} missing. {without}", todo)


def _counted(servers: int) -> str:
    return "1 server" if servers == 1 else f"{servers} servers"
