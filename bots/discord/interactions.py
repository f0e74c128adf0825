"""Interactions: slash commands, menus, autocomplete, buttons and forms.

Discord waits 3 s for a first response, so a slow one is deferred ("is thinking"). Whether only the asker sees the reply
has to be said with it: https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import discord
import structlog
from cachetools import FIFOCache
from discord import app_commands

from bots.discord import forms
from bots.discord.acknowledge import acknowledge
from bots.discord.commands import MESSAGE, menu_key
from bots.discord.errors import FOREIGN, translate
from bots.discord.files import AttachmentFiles, read_message_at
from bots.discord.incoming import (
    interaction_to_attachments,
    interaction_to_command,
    interaction_to_names,
    interaction_to_options,
    interaction_to_press,
    interaction_to_target,
    interaction_to_target_time,
)
from bots.discord.mentioned_people import MentionedPeople
from bots.discord.mentions import named, unknown_users
from bots.discord.message_parts import (
    MessageParts,
    attachment_to_file,
    message_to_attachments,
    message_to_parts,
)
from bots.discord.replies import (
    reply_to_contents,
    reply_to_files,
    reply_to_view,
    send_directly,
    with_file,
    without_file,
)
from bots.discord.rest import Wire
from core.commands import COMMANDS, MENUS, press_form
from core.commands.given_back import with_words
from core.errors import BotError, Code
from core.i18n import error_text, language_of, phrase
from core.ports.connector import Inbox
from core.values.events import ButtonPress, Command, Outcome
from core.values.parts import File
from core.values.ui import ImmediateReply

log = structlog.get_logger(platform="discord")

Interaction = discord.Interaction[Any]
_SUGGESTIONS, _CHOICE_LIMIT = 25, 100
_EMPTY = "\u200b"
_ABOUTS = 500
"""Messages that are being asked about whose files are remembered."""
_DECIDE_WITHIN_S = 1.0
"""Seconds, of the 3 s until the first response: a slow database must not cost the interaction."""


class DiscordInteractions:
    """Handles interactions. Each has all that is needed, or it is read again, so that they work after a restart.

    `on_deferred` receives the token of every interaction whose deferred reply becomes an answer.
    """

    def __init__(
        self,
        inbox: Inbox,
        on_deferred: Callable[[str], None],
        wire: Wire,
        files: AttachmentFiles,
        people: MentionedPeople,
    ) -> None:
        self._inbox = inbox
        self._people = people
        self._on_deferred = on_deferred
        self._wire = wire
        self._files = files
        self._abouts: FIFOCache[str, tuple[File, ...]] = FIFOCache(_ABOUTS)

    async def _deferred(
        self, interaction: Interaction, *, thinking: bool = True, ephemeral: bool = False
    ) -> bool:
        """Acknowledge. False where it is too late, or another process of the same bot did it."""
        return await acknowledge(self._wire, interaction, thinking=thinking, ephemeral=ephemeral)

    async def take(self, interaction: Interaction) -> None:
        """Handle one interaction of any type. Failures are logged and shown."""
        match interaction.type:
            case discord.InteractionType.application_command:
                await self._command(interaction)
            case discord.InteractionType.autocomplete:
                await self._suggest(interaction)
            case discord.InteractionType.component:
                await self._component(interaction)
            case discord.InteractionType.modal_submit:
                await self._form(interaction)

    async def _command(self, interaction: Interaction) -> None:
        name, options, _ = interaction_to_options(interaction)
        if dict(interaction.data or {}).get("type") == MESSAGE:
            await self._menu(interaction, menu_key(name))
        else:
            attachments = interaction_to_attachments(interaction)
            self._files.remember(attachments)
            files = tuple(map(attachment_to_file, attachments))
            await self._perform(interaction, interaction_to_command(interaction, name, options, files))

    async def _menu(self, interaction: Interaction, key: str | None) -> None:
        if key is None:
            return
        name, option = MENUS[key]
        if option == "about":
            await self._ask_about(interaction)
        elif said_at := interaction_to_target_time(interaction):
            options = {option: said_at.isoformat()}
            await self._perform(interaction, interaction_to_command(interaction, name, options))

    async def _ask_about(self, interaction: Interaction) -> None:
        """Open the form for a question about a message, with the text of that message in it."""
        message, me = interaction_to_target(interaction), interaction.client.user
        parts = message_to_parts(message, me) if message is not None and me is not None else MessageParts()
        language = await self._spoken(interaction)
        if message is not None and parts.words:
            key = f"{message.channel.id}/{message.id}"
            self._files.remember(message_to_attachments(message))
            self._abouts[key] = parts.files
            await _at_once(interaction.response.send_modal(forms.about_to_modal(parts.words, language, key)))
        elif await self._deferred(interaction, ephemeral=True):
            await self._tell(interaction, ImmediateReply(phrase("about_nothing", language)), whispered=True)

    async def _files_about(self, interaction: Interaction, where: str) -> tuple[File, ...]:
        """The files of the message of the same channel that a form is about. After a restart it is read again; without
        it the question has the text alone."""
        me = interaction.client.user
        if me is None or where.partition("/")[0] != str(interaction.channel_id):
            return ()
        if where in self._abouts:
            return self._abouts[where]
        try:
            async with asyncio.timeout(_DECIDE_WITHIN_S):
                return message_to_parts(await read_message_at(interaction.client, where), me).files
        except FOREIGN as error:
            log.warning("files_unknown", **translate(error).log_keys)
            return ()

    async def _suggest(self, interaction: Interaction) -> None:
        name, options, focused = interaction_to_options(interaction)
        command = interaction_to_command(interaction, name, options)
        try:
            found = await self._inbox.suggest(command, focused) if command else []
        except BotError as error:
            log.warning("autocomplete_failed", command=name, **error.log_keys)
            found = []
        choices = [
            app_commands.Choice(name=choice.label[:_CHOICE_LIMIT], value=choice.value)
            for choice in found
            if 0 < len(choice.value) <= _CHOICE_LIMIT
        ]
        await _at_once(interaction.response.autocomplete(choices[:_SUGGESTIONS]))

    async def _component(self, interaction: Interaction) -> None:
        custom_id = _custom_id(interaction)
        if sheet := forms.custom_id_to_sheet(custom_id):
            await self._open(interaction, custom_id, sheet)
        elif press := interaction_to_press(interaction):
            form = press_form(press.action, await self._spoken(interaction))
            modal = forms.form_to_modal(form, custom_id) if form else None
            if modal is not None:
                await _at_once(interaction.response.send_modal(modal))
            else:
                await self._press(interaction, press)

    async def _open(self, interaction: Interaction, custom_id: str, sheet: forms.SettingsSheet) -> None:
        """Open the form with its current values. A modal can't be deferred."""
        command = interaction_to_command(interaction, sheet.command, sheet.fixed)
        reply, _ = await self._performed(interaction, command)
        modal = forms.form_to_modal(reply.form, custom_id, sheet.number) if reply and reply.form else None
        if modal is not None:
            await _at_once(interaction.response.send_modal(modal))
        elif await self._deferred(interaction, thinking=False) and reply is not None:
            await self._tell(interaction, replace(reply, form=None), whispered=None)

    async def _form(self, interaction: Interaction) -> None:
        custom_id, values = _custom_id(interaction), forms.interaction_to_values(interaction)
        if sheet := forms.custom_id_to_sheet(custom_id):
            options = {**sheet.fixed, **values}
            await self._perform(interaction, interaction_to_command(interaction, sheet.command, options))
        elif (about := forms.custom_id_to_about(custom_id)) is not None:
            files = await self._files_about(interaction, about)
            await self._perform(interaction, interaction_to_command(interaction, "ask", values, files))
        elif press := interaction_to_press(interaction, values.get("text", "")):
            await self._press(interaction, press)

    async def _perform(self, interaction: Interaction, command: Command | None) -> None:
        spec = COMMANDS.get(command.name) if command else None
        turn = spec is not None and spec.turn
        if spec is not None and not (turn or spec.whisper):
            return await self._perform_first(interaction, command)
        refused = await self._refusal(command) if turn and command is not None else None
        whispered = refused is not None or not turn
        if not await self._deferred(interaction, ephemeral=whispered):
            return
        if refused is not None:
            refused = await self._with_words(interaction, refused, command)
            return await self._tell(interaction, refused, whispered=True)
        if turn and command is not None:
            self._on_deferred(interaction.token)
            command = await self._with_names(interaction, command)
        reply, answered = await self._performed(interaction, command)
        if (
            reply is not None and answered
        ):  # a follow-up would fill the deferred reply, which becomes the answer
            await send_directly(interaction.user, reply)
        elif reply is not None:
            reply = await self._with_words(interaction, reply, command)
            await self._tell(interaction, reply, whispered=whispered)

    async def _perform_first(self, interaction: Interaction, command: Command | None) -> None:
        """Perform a command whose outcome decides who sees the reply: acknowledge it then, or after
        `_DECIDE_WITHIN_S`."""
        performing = asyncio.create_task(self._performed(interaction, command))
        done, _ = await asyncio.wait({performing}, timeout=_DECIDE_WITHIN_S)
        known = performing.result()[0] if done else None
        whispered = known is not None and known.whisper
        acknowledged = await self._deferred(interaction, ephemeral=whispered)
        reply, _ = await performing
        if acknowledged and reply is not None:
            reply = await self._with_words(interaction, reply, command)
            await self._tell(interaction, reply, whispered=whispered)

    async def _with_names(self, interaction: Interaction, command: Command) -> Command:
        """The command with names in place of the ids of mentions. They come with the interaction, are known, or are
        looked up."""
        names, texts = interaction_to_names(interaction), command.options
        if asked := unknown_users(" ".join(texts.values()), names):
            guild = interaction.guild if interaction.is_guild_integration() else None
            found = await self._people.names(interaction.client, guild, asked)
            names = replace(names, users={**names.users, **found})
        return replace(command, options={name: named(text, names) for name, text in texts.items()})

    async def _refusal(self, command: Command) -> ImmediateReply | None:
        """The reply to a command that would be refused a public answer, else None.

        None too where the store is slow or down: the command itself will report that.
        """
        try:
            async with asyncio.timeout(_DECIDE_WITHIN_S):
                return await self._inbox.refusal(command)
        except (BotError, TimeoutError) as error:
            log.warning("command_not_checked", command=command.name, error=type(error).__name__)
            return None

    async def _press(self, interaction: Interaction, press: ButtonPress) -> None:
        if await self._deferred(interaction, thinking=False):
            reply, _ = await self._performed(interaction, press)
            if reply is not None:
                reply = await self._with_words(interaction, reply, press)
                await self._tell(interaction, reply, whispered=None)

    async def _performed(
        self, interaction: Interaction, event: Command | ButtonPress | None
    ) -> tuple[ImmediateReply | None, bool]:
        """Pass `event` to the inbox. Returns (the immediate reply, whether an answer will fill the deferred reply)."""
        try:
            if event is None:
                raise BotError(Code.INTERNAL, "an interaction came without a channel")
            receipt = await self._inbox.receive(event)
            answered = receipt.outcome in (Outcome.TURN, Outcome.DUPLICATE)
            if receipt.reply is None and not answered and isinstance(event, Command):
                raise BotError(Code.INTERNAL, f"a command was not taken: {receipt.outcome}")
        except Exception as error:
            reply = error if isinstance(error, BotError) else BotError(Code.INTERNAL, type(error).__name__)
            log.warning("event_not_accepted", **reply.log_keys, exc_info=reply is not error)
            if event is not None:
                self._inbox.failed(reply, event.place)
            return ImmediateReply(error_text(reply, _language(interaction)), refused=True), False
        return receipt.reply, answered

    async def _with_words(
        self, interaction: Interaction, reply: ImmediateReply, event: Command | ButtonPress | None
    ) -> ImmediateReply:
        """A refusal with the refused words: Discord keeps neither a command's text nor a form's."""
        if not reply.refused or event is None:
            return reply
        return with_words(reply, event, await self._spoken(interaction))

    async def _tell(self, interaction: Interaction, reply: ImmediateReply, *, whispered: bool | None) -> None:
        """Show `reply` in the deferred reply where that has the same audience (`whispered`, None without a deferred
        reply), else in a follow-up.

        The audience of a deferred reply can't change, and the first follow-up of an empty one fills it. Deleted while
        empty, it may take follow-ups with it. So it is filled first, and deleted last:
        https://github.com/discord/discord-api-docs/issues/2866, https://github.com/discord/discord-api-docs/issues/3087
        """
        if reply.file is not None:
            reply = await with_file(reply, interaction.filesize_limit, await self._spoken(interaction))
        elsewhere = whispered is not None and whispered is not reply.whisper
        first, *more = reply_to_contents(reply)
        extra = reply_to_view(reply)
        try:
            if whispered is reply.whisper:
                await interaction.edit_original_response(
                    content=first, attachments=reply_to_files(reply), **extra
                )
            else:
                if elsewhere:
                    await interaction.edit_original_response(content=_EMPTY)
                await interaction.followup.send(
                    first, files=reply_to_files(reply), ephemeral=reply.whisper, **extra
                )
            for content in more:
                await interaction.followup.send(content, ephemeral=reply.whisper)
            if elsewhere:
                await interaction.delete_original_response()
        except FOREIGN as error:
            log.warning("reply_not_delivered", **translate(error, interaction_token=True).log_keys)
            if reply.file is not None:
                reply = without_file(reply, await self._spoken(interaction))
                await self._tell(interaction, reply, whispered=whispered)
            elif reply.picture is not None:
                await self._tell(interaction, replace(reply, picture=None), whispered=whispered)

    async def _spoken(self, interaction: Interaction) -> str:
        """The language for the asker in that channel; their own where the store is down."""
        command = interaction_to_command(interaction, "", {})
        try:
            if command is not None:
                return await self._inbox.language(command.author, command.place)
        except BotError as error:
            log.warning("language_unknown", **error.log_keys)
        return _language(interaction)


async def _at_once(answer: Awaitable[object]) -> bool:
    try:
        await answer
    except FOREIGN as error:
        log.warning("interaction_not_acknowledged", **translate(error, interaction_token=True).log_keys)
        return False
    return True


def _custom_id(interaction: Interaction) -> str:
    return str(dict(interaction.data or {}).get("custom_id", ""))


def _language(interaction: Interaction) -> str:
    return language_of(interaction.locale.value)
