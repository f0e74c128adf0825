"""Registration with Discord: the core's commands and message menus, in every language, and only
when they are not there already.

https://docs.discord.com/developers/interactions/application-commands
"""

from __future__ import annotations

from typing import Any

import discord
from discord.http import Route

from bots.discord import TRAITS
from bots.discord.incoming import ATTACHMENT
from core.commands import COMMANDS, MENUS, Kind, Option, Spec, choices, spec_on
from core.i18n import LANGUAGES, language_of, phrase, variant

CHAT, MESSAGE = 1, 3
"""Kinds of commands: typed, and in the menu of a message."""

EVERYWHERE = frozenset({"ask", "usage", "forget", "export", "help", "menu_ask"})
"""Commands that need no bot in the channel: people who installed the app for themselves have them everywhere."""

_LOCALES = {
    locale: language
    for locale in map(str, discord.Locale)
    if (language := language_of(locale, "")) not in ("", "en")
}
"""Language of each locale that has localizations. English is the default.
https://docs.discord.com/developers/reference#locales"""

_SERVER, _BOT_DM, _ELSEWHERE = 0, 1, 2
_FOR_SERVERS, _FOR_PEOPLE = 0, 1
_TYPES = {Kind.TEXT: 3, Kind.WHOLE: 4, Kind.NUMBER: 10, Kind.CHOICE: 3}
_FILES = {"ask": ("command_ask_file",)}
_NAME_LIMIT, _ABOUT_LIMIT, _CHOICE_LIMIT = 32, 100, 25

_LAUNCH = 4
_SENT = ("id", "name", "type", "handler", "contexts", "integration_types", "name_localizations")
_KEPT = ("name", "type", "description", "nsfw", "default_member_permissions")
_LISTS = ("contexts", "integration_types")
_WORDS = ("name_localizations", "description_localizations")


def payloads() -> list[dict[str, Any]]:
    """Every command as Discord takes it. Pure."""
    there = (spec_on(name, TRAITS) for name in COMMANDS)
    return [*map(_command, there), *map(_menu, MENUS)]


def menu_key(name: str) -> str | None:
    """The key in `MENUS` of a registered menu's name."""
    return next((key for key in MENUS if phrase(key, "en") == name), None)


async def register(client: discord.Client) -> bool:
    """Register the commands. False where Discord's list was up to date (one read, no write).

    Raises errors of discord.py.
    """
    wanted = payloads()
    application_id = client.application_id
    assert application_id is not None  # known since the log-in
    there = await client.http.request(
        Route(
            "GET",
            "/applications/{application_id}/commands?with_localizations=true",
            application_id=application_id,
        )
    )
    if _compared(wanted) == _compared([one for one in there if one["type"] != _LAUNCH]):
        return False
    # Discord's own command that opens an app's activity: without it Discord refuses all commands.
    # https://docs.discord.com/developers/interactions/application-commands#entry-point-commands
    kept = [
        {key: one[key] for key in _SENT if one.get(key) is not None} for one in there if one["type"] == _LAUNCH
    ]
    await client.http.bulk_upsert_global_commands(application_id, payload=wanted + kept)
    return True


def _command(spec: Spec) -> dict[str, Any]:
    # Discord wants the required ones first.
    options = sorted(spec.shown, key=lambda option: not option.required)
    return {
        "type": CHAT,
        **_words("name", spec.key, _NAME_LIMIT),
        **_words("description", f"{spec.key}_about", _ABOUT_LIMIT),
        "options": [
            *(option_to_payload(spec, option) for option in options),
            *map(_file, _FILES.get(spec.name, ())),
        ],
        **_reach(spec.name),
    }


def _menu(key: str) -> dict[str, Any]:
    return {"type": MESSAGE, **_words("name", key, _NAME_LIMIT), **_reach(key)}


def option_to_payload(spec: Spec, option: Option) -> dict[str, Any]:
    """An option of a command. Of one with more choices than Discord shows, those are suggested that fit what is
    typed: https://docs.discord.com/developers/interactions/application-commands#autocomplete"""
    shown: dict[str, Any] = {
        "type": _TYPES[option.kind],
        "name": option.name,
        "name_localizations": _localised(spec.option_key(option), _NAME_LIMIT),
        **_words("description", spec.option_about(option), _ABOUT_LIMIT),
        "required": option.required,
    }
    if option.kind in (Kind.WHOLE, Kind.NUMBER) and option.most:
        shown |= {"min_value": option.least, "max_value": option.most}
    if option.suggests or len(option.choices) > _CHOICE_LIMIT:
        shown["autocomplete"] = True
    elif option.choices:
        shown["choices"] = _choices(option)
    return shown


def _file(key: str) -> dict[str, Any]:
    """An option that takes a file: `Command.attached`, and no option of the core's."""
    return {
        "type": ATTACHMENT,
        **_words("name", key, _NAME_LIMIT),
        **_words("description", f"{key}_about", _ABOUT_LIMIT),
        "required": False,
    }


def _choices(option: Option) -> list[dict[str, Any]]:
    labels = {language: choices(option, variant(language, "discord")) for language in LANGUAGES}
    return [
        {
            "name": choice.label[:_ABOUT_LIMIT],
            "name_localizations": {
                locale: labels[language][number].label[:_ABOUT_LIMIT] for locale, language in _LOCALES.items()
            },
            "value": choice.value,
        }
        for number, choice in enumerate(labels["en"])
    ]


def _reach(name: str) -> dict[str, Any]:
    """The contexts and installations of a command.

    https://docs.discord.com/developers/interactions/application-commands#contexts
    """
    if name in EVERYWHERE:
        return {
            "contexts": [_SERVER, _BOT_DM, _ELSEWHERE],
            "integration_types": [_FOR_SERVERS, _FOR_PEOPLE],
        }
    return {"contexts": [_SERVER, _BOT_DM], "integration_types": [_FOR_SERVERS]}


def _words(field: str, key: str, limit: int) -> dict[str, Any]:
    return {field: _say(key, "en")[:limit], f"{field}_localizations": _localised(key, limit)}


def _localised(key: str, limit: int) -> dict[str, str]:
    return {locale: _say(key, language)[:limit] for locale, language in _LOCALES.items()}


def _say(key: str, language: str) -> str:
    return phrase(key, variant(language, "discord"))


def _compared(commands: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Commands by type and name, with defaults filled in: Discord omits, sorts and adds values."""
    shown = [
        {key: command.get(key) or None for key in _KEPT}
        | {key: sorted(command.get(key) or ()) for key in _LISTS}
        | {key: command.get(key) or {} for key in _WORDS}
        | {"options": _bare(command.get("options") or [])}
        for command in commands
    ]
    return {(command["type"], command["name"]): command for command in shown}


def _bare(value: Any) -> Any:
    """`value` without empty values, and without what Discord adds for the locale of the request."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _bare(item)
            for key, item in value.items()
            if item not in (None, False, [], {}) and key not in ("name_localized", "description_localized")
        }
    return value
