"""What we register with Discord: `/ask`, in every language we speak, and only when it is not there already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import app_commands
from discord.http import Route

from core.phrases import LANGUAGES, say

Asked = Callable[[discord.Interaction[Any], str], Awaitable[None]]

_LOCALES = {"zh": (discord.Locale.chinese,)}
"""Discord's locales of our languages; English is what everybody else sees."""

_KEPT = ("name", "type", "description", "nsfw", "default_member_permissions")
_LISTS = ("contexts", "integration_types")
_WORDS = ("name_localizations", "description_localizations")


class _Words(app_commands.Translator):
    """Takes the phrase whose key a `locale_str` carries."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        language = next(
            (ours for ours, theirs in _LOCALES.items() if locale in theirs and ours in LANGUAGES), None
        )
        key = string.extras.get("key")
        return say(key, language) if language and key else None


def _words(key: str) -> app_commands.locale_str:
    return app_commands.locale_str(say(key, "en"), key=key)


async def grow(client: discord.Client, asked: Asked) -> app_commands.CommandTree[discord.Client]:
    """The command tree of `client`. `/ask` is for servers, for DMs with the bot, and, installed by a person
    for themselves, everywhere: https://docs.discord.com/developers/interactions/application-commands#contexts
    """
    tree = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )

    @app_commands.describe(question=_words("command_ask_question_about"))
    @app_commands.rename(question=_words("command_ask_question"))
    async def ask(interaction: discord.Interaction[Any], question: str) -> None:
        await asked(interaction, question)

    tree.add_command(
        app_commands.Command(name=_words("command_ask"), description=_words("command_ask_about"), callback=ask)
    )
    await tree.set_translator(_Words())
    return tree


async def register(client: discord.Client, tree: app_commands.CommandTree[discord.Client]) -> bool:
    """Make Discord's list of our commands the tree's; False where it was so already (one read, no write).

    Raises what discord.py raises.
    """
    assert tree.translator is not None
    wanted = [await command.get_translated_payload(tree, tree.translator) for command in tree.get_commands()]
    # CommandTree.fetch_commands leaves the localisations out.
    there = await client.http.request(
        Route(
            "GET",
            "/applications/{application_id}/commands?with_localizations=true",
            application_id=client.application_id,
        )
    )
    if _compared(wanted) == _compared(there):
        return False
    await tree.sync()
    return True


def _compared(commands: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Commands by type and name, with defaults filled in: Discord leaves out, sorts and adds as it likes."""
    shown = [
        {key: command.get(key) or None for key in _KEPT}
        | {key: sorted(command.get(key) or ()) for key in _LISTS}
        | {key: command.get(key) or {} for key in _WORDS}
        | {"options": [_option(option) for option in command.get("options") or ()]}
        for command in commands
    ]
    return {(command["type"], command["name"]): command for command in shown}


def _option(option: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in option.items()
        if value not in (None, False, [], {}) and key not in ("name_localized", "description_localized")
    }
