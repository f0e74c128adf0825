"""The content of attachments, by signed URLs that Discord renews whenever their message is read.

https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable

import discord
from cachetools import FIFOCache
from discord.http import Route
from yarl import URL

from bots.discord.errors import FOREIGN, translate
from bots.discord.message_parts import message_to_attachments
from bots.discord.rest import Wire
from bots.downloads import DEADLINE_S, allow_list, download, to_file_error
from core.clock import Clock
from core.ports.files import FileContent, FileError
from core.values.parts import File, FileProblem

HOSTS = ("cdn.discordapp.com", "media.discordapp.net")
_API_HOST = "discord.com"
_REMEMBERED = 2_000


class AttachmentFiles:
    """Downloads attachments. URLs are kept in memory alone, by the ids of their attachments. A file that was given to a
    command, or is in a channel without the bot, can be had by them alone."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self.deadline_s = DEADLINE_S
        self._urls: FIFOCache[str, str] = FIFOCache(_REMEMBERED)

    def remember(self, attachments: Iterable[discord.Attachment]) -> None:
        for attachment in attachments:
            self._urls[str(attachment.id)] = attachment.url

    async def fetch(self, client: discord.Client | None, file: File, limit: int) -> FileContent:
        """`FileSource.fetch` of a file whose source is `CHANNEL/MESSAGE/ATTACHMENT` or, of a command, `ATTACHMENT`.

        `client` is None where there is no connection.
        """
        where, _, attachment_id = file.source.rpartition("/")
        try:
            async with asyncio.timeout(self.deadline_s):
                return await self._known(attachment_id, file, limit) or await self._renewed(
                    client, where, attachment_id, file, limit
                )
        except TimeoutError:
            raise FileError(FileProblem.UNAVAILABLE, f"over {self.deadline_s} s") from None

    async def _known(self, attachment_id: str, file: File, limit: int) -> FileContent | None:
        """The content by the cached URL, or None where that is unknown or has expired."""
        url = self._urls.get(attachment_id, "")
        if not url or url_to_expiry(url) < self._clock.now().timestamp():
            return None
        try:
            return await self._download(url, file, limit)
        except FileError as error:
            if error.problem is not FileProblem.NOT_FOUND:
                raise
            return None

    async def _renewed(
        self, client: discord.Client | None, where: str, attachment_id: str, file: File, limit: int
    ) -> FileContent:
        """The content by the URL that the message has now."""
        if not where:
            raise FileError(FileProblem.NOT_FOUND, "the link of a command's file has expired")
        if client is None:
            raise FileError(FileProblem.UNAVAILABLE, "not connected to Discord")
        found = {str(one.id): one for one in await _attachments(client, where)}
        if attachment_id not in found:
            raise FileError(FileProblem.NOT_FOUND, "no longer in its message")
        self.remember(found.values())
        return await self._download(found[attachment_id].url, file, limit)

    async def _download(self, url: str, file: File, limit: int) -> FileContent:
        data = await download(
            self._wire.session, url, allows=_allowed(), limit=limit, expected_size=file.size, page=True
        )
        return FileContent(file.name, file.media_type, data)


def url_to_expiry(url: str) -> float:
    """The expiry of a signed URL, in seconds since 1970; infinite where it names none."""
    try:
        return float(int(URL(url).query.get("ex", ""), 16))
    except (ValueError, OverflowError):
        return math.inf


def _allowed() -> Callable[[URL], bool]:
    """Discord's own hosts of files, and the host of the API where that is set to another than Discord's."""
    api = Route.BASE
    return allow_list(*HOSTS, also="" if URL(api).host == _API_HOST else api)


async def read_message_at(client: discord.Client, where: str) -> discord.Message:
    """The message `CHANNEL/MESSAGE`. Raises ValueError where it names none, and errors of discord.py."""
    channel_id, _, message_id = where.partition("/")
    return await client.get_partial_messageable(int(channel_id)).fetch_message(int(message_id))


async def _attachments(client: discord.Client, where: str) -> list[discord.Attachment]:
    """The attachments of the message `CHANNEL/MESSAGE`. Raises FileError."""
    try:
        message = await read_message_at(client, where)
    except ValueError:
        raise FileError(FileProblem.NOT_FOUND, "no message of Discord") from None
    except FOREIGN as error:
        raise to_file_error(translate(error)) from None
    return message_to_attachments(message)
