"""Routes of the bot itself: who it is, its commands, its guild.

https://docs.discord.com/developers/interactions/application-commands#endpoints
"""

from __future__ import annotations

from tests.fakes.discord import wire
from tests.fakes.discord.errors import InvalidForm, Refusal
from tests.fakes.discord.guild import APPLICATION, BOT, Json
from tests.fakes.discord.rest import Call, Rest, Route, fields, ids_of

ENTRY_POINT = 4


async def get_me(rest: Rest, _: Call) -> Json:
    me = wire.user(rest.world.people[BOT])
    return me | {"verified": True, "mfa_enabled": False, "email": None, "locale": "en-US", "flags": 0}


async def get_my_guilds(rest: Rest, call: Call) -> list[Json]:
    """One page, of `limit` guilds behind `after`, by their ids."""
    after, limit = int(call.query.get("after") or 0), int(call.query.get("limit") or 200)
    found = sorted(guild_id for guild_id in rest.world.guilds if guild_id > after)
    return [wire.own_guild(rest.world, guild_id) for guild_id in found[:limit] if rest.world.bot_in_guild]


async def get_application(rest: Rest, _: Call) -> Json:
    return wire.application(rest.world)


async def get_gateway_bot(rest: Rest, _: Call) -> Json:
    gateway = rest.actions.gateway
    start: Json = {
        "total": 1000,
        "remaining": max(0, gateway.starts_left),
        "reset_after": round(gateway.starts_reset_s * 1000),
        "max_concurrency": gateway.max_concurrency,
    }
    return {"url": rest.world.gateway_url, "shards": gateway.recommended_shards, "session_start_limit": start}


async def post_dm(rest: Rest, call: Call) -> Json:
    person_id = int(fields(call).get("recipient_id") or 0)
    if person_id not in rest.world.people:
        raise InvalidForm("recipient_id", "USER_INVALID", "Unknown user")
    return wire.channel(rest.world, rest.world.dm(person_id))


async def get_user(rest: Rest, call: Call) -> Json:
    person = rest.world.people.get(ids_of(call, "user"))
    if person is None:
        raise Refusal(10013)
    return wire.user(person)


async def get_guild(rest: Rest, call: Call) -> Json:
    return wire.guild(rest.world, _check_guild(rest, call))


async def get_guild_channels(rest: Rest, call: Call) -> list[Json]:
    top = [c for c in rest.world.in_guild(_check_guild(rest, call)) if not c.is_thread]
    return [wire.channel(rest.world, shown) for shown in top]


async def get_member(rest: Rest, call: Call) -> Json:
    _check_guild(rest, call)
    person_id = ids_of(call, "user")
    if person_id not in rest.world.members:
        raise Refusal(10007)
    return wire.member_with_user(rest.world, rest.world.people[person_id])


# -- commands ---------------------------------------------------------------------------------------------


async def get_commands(rest: Rest, call: Call) -> list[Json]:
    return _scope(rest, call)


async def put_commands(rest: Rest, call: Call) -> list[Json]:
    """Replaces all but the entry point, which has to be among them; commands that keep their name and type keep
    their id. https://github.com/serenity-rs/serenity/issues/2993"""
    kept = {str(body.get("id")) for body in call.body or ()}
    if any(c["type"] == ENTRY_POINT and c["id"] not in kept for c in _scope(rest, call)):
        raise Refusal(50240)
    old = {(c["name"], c["type"]): c["id"] for c in _scope(rest, call)}
    fresh = [_command(rest, call, body, old) for body in call.body or ()]
    rest.world.commands = [c for c in rest.world.commands if not _in_scope(c, call)] + fresh
    return fresh


async def post_command(rest: Rest, call: Call) -> Json:
    """Adds one, or replaces that of the same name and type."""
    body = fields(call)
    old = {(c["name"], c["type"]): c["id"] for c in _scope(rest, call)}
    made = _command(rest, call, body, old)
    rest.world.commands = [c for c in rest.world.commands if c["id"] != made["id"]] + [made]
    return made


async def get_command(rest: Rest, call: Call) -> Json:
    return _find(rest, call)


async def patch_command(rest: Rest, call: Call) -> Json:
    known = _find(rest, call)
    known |= fields(call)
    known["version"] = str(rest.world.ids.next())
    return known


async def delete_command(rest: Rest, call: Call) -> None:
    rest.world.commands.remove(_find(rest, call))


def _command(rest: Rest, call: Call, body: Json, old: dict[tuple[str, int], str]) -> Json:
    kind = body.get("type") or 1
    made: Json = {
        "id": old.get((body["name"], kind), str(rest.world.ids.next())),
        "application_id": str(APPLICATION),
        "version": str(rest.world.ids.next()),
        "default_member_permissions": None,
        "description": "",
        "nsfw": False,
        "integration_types": [0],
    }
    made |= {key: value for key, value in body.items() if value is not None} | {"type": kind}
    if "guild" in call.params:
        made["guild_id"] = call.params["guild"]
    return made


def _in_scope(command: Json, call: Call) -> bool:
    return bool(command.get("guild_id") == call.params.get("guild"))


def _scope(rest: Rest, call: Call) -> list[Json]:
    if call.params["application"] != str(APPLICATION):
        raise Refusal(
            20012, status=403, message="You are not authorized to perform this action on this application"
        )
    return [command for command in rest.world.commands if _in_scope(command, call)]


def _find(rest: Rest, call: Call) -> Json:
    for command in _scope(rest, call):
        if command["id"] == call.params["command"]:
            return command
    raise Refusal(10063)


def _check_guild(rest: Rest, call: Call) -> int:
    """Its id. Raises Refusal 10004 for one that is not there."""
    guild_id = ids_of(call, "guild")
    if guild_id not in rest.world.guilds:
        raise Refusal(10004)
    return guild_id


_GLOBAL = "/applications/{application}/commands"
_GUILD = "/applications/{application}/guilds/{guild}/commands"

ROUTES = (
    Route("GET", "/users/@me", get_me),
    Route("GET", "/users/@me/guilds", get_my_guilds),
    Route("POST", "/users/@me/channels", post_dm),
    Route("GET", "/users/{user}", get_user),
    Route("GET", "/oauth2/applications/@me", get_application),
    Route("GET", "/applications/@me", get_application),
    Route("GET", "/gateway/bot", get_gateway_bot),
    Route("GET", "/guilds/{guild}", get_guild),
    Route("GET", "/guilds/{guild}/channels", get_guild_channels),
    Route("GET", "/guilds/{guild}/members/{user}", get_member),
    *(
        route
        for scope in (_GLOBAL, _GUILD)
        for route in (
            Route("GET", scope, get_commands),
            Route("PUT", scope, put_commands),
            Route("POST", scope, post_command),
            Route("GET", f"{scope}/{{command}}", get_command),
            Route("PATCH", f"{scope}/{{command}}", patch_command),
            Route("DELETE", f"{scope}/{{command}}", delete_command),
        )
    ),
)
