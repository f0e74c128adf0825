"""Converts the words that a person types to the ``data`` of a command interaction, as Discord's client would
send it.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-application-command-data-structure
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.discord import wire
from tests.fakes.discord.guild import Attachment, Json, World

SUB_COMMAND, GROUP = 1, 2
STRING, INTEGER, BOOLEAN, USER, CHANNEL, NUMBER, ATTACHMENT = 3, 4, 5, 6, 7, 10, 11
CHAT_INPUT, ON_USER, ON_MESSAGE = 1, 2, 3


@dataclass(slots=True)
class Typed:
    """The objects that the client resolved for the person who types: id to object, by kind."""

    user: int
    resolved: dict[str, dict[str, Json]] = field(default_factory=dict)
    files: list[Attachment] = field(default_factory=list)

    def keep(self, kind: str, key: int, value: Json) -> None:
        self.resolved.setdefault(kind, {})[str(key)] = value


def find(world: World, name: str, kind: int, context: int) -> Json:
    """The registered command a person would see. Raises LookupError when there is none to pick."""
    for command in world.commands:
        if command["name"] == name and command["type"] == kind:
            if context not in (command.get("contexts") or (0, 1, 2)):
                raise LookupError(f"/{name} is not offered here (contexts {command.get('contexts')})")
            if context == 2 and 1 not in command["integration_types"]:
                raise LookupError(f"/{name} cannot be installed by a user, so it is not offered here")
            return command
    known = ", ".join(sorted(c["name"] for c in world.commands)) or "none"
    raise LookupError(f"no command {name!r} of type {kind}; registered: {known}")


def data(
    world: World,
    user: int,
    words: str,
    options: dict[str, Any],
    *,
    context: int,
    focused: str | None = None,
) -> Json:
    """``words``, typed by ``user``, names a command, with group and sub-command behind it. Raises LookupError or
    ValueError."""
    name, *path = words.removeprefix("/").split()
    command = find(world, name, CHAT_INPUT, context)
    typed = Typed(user)
    known = command.get("options") or []
    nested: list[Json] = []
    inner = nested
    for part in path:
        chosen = next((o for o in known if o["name"] == part and o["type"] in (SUB_COMMAND, GROUP)), None)
        if chosen is None:
            raise LookupError(f"no sub-command {part!r} in /{words}")
        level: Json = {"name": part, "type": chosen["type"], "options": []}
        inner.append(level)
        inner, known = level["options"], chosen.get("options") or []
    inner += _options(world, known, options, typed, focused)
    sent: Json = {"id": command["id"], "name": name, "type": CHAT_INPUT}
    if "guild_id" in command:
        sent["guild_id"] = command["guild_id"]
    if nested:
        sent["options"] = nested
    if typed.resolved:
        sent["resolved"] = typed.resolved
    return sent


def _options(
    world: World, known: list[Json], given: dict[str, Any], typed: Typed, focused: str | None
) -> list[Json]:
    """The client refuses what the command does not offer, so this raises ValueError for it."""
    by_name = {option["name"]: option for option in known}
    if unknown := given.keys() - by_name.keys():
        raise ValueError(f"no such options: {', '.join(sorted(unknown))}")
    missing = [o["name"] for o in known if o.get("required") and o["name"] not in given]
    if missing and focused is None:
        raise ValueError(f"required options are missing: {', '.join(missing)}")
    sent = []
    for name, value in given.items():
        option: Json = {
            "name": name,
            "type": by_name[name]["type"],
            "value": value if focused else _value(world, by_name[name], value, typed),
        }
        sent.append(option | {"focused": True} if name == focused else option)
    return sent


def _value(world: World, option: Json, value: Any, typed: Typed) -> Any:
    kind = option["type"]
    offered = [choice["value"] for choice in option.get("choices") or ()]
    if offered and value not in offered:
        raise ValueError(f"{option['name']}: {value!r} is none of {offered}")
    if kind == STRING:
        if not option.get("min_length", 0) <= len(value) <= option.get("max_length", 6000):
            raise ValueError(f"{option['name']}: {len(value)} characters are not accepted")
        return str(value)
    if kind in (INTEGER, NUMBER):
        if not option.get("min_value", value) <= value <= option.get("max_value", value):
            raise ValueError(f"{option['name']}: {value} is out of range")
        return value
    if kind == BOOLEAN:
        return bool(value)
    if kind == ATTACHMENT:
        file: Attachment = value
        world.uploads[file.id] = file
        typed.keep("attachments", file.id, wire.upload(world, file))
        return str(file.id)
    if kind == CHANNEL:
        typed.keep("channels", value, wire.partial_channel(world, world.channels[value], typed.user))
    elif value in world.people:
        typed.keep("users", value, wire.user(world.people[value]))
        typed.keep("members", value, wire.member(world, world.people[value]))
    return str(value)
