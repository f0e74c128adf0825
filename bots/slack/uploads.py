"""Files that the bot sends: shared in a channel, or shown in an image block of a message. Needs the scope files:write.

https://docs.slack.dev/messaging/working-with-files/#upload
"""

from __future__ import annotations

from typing import Any, Protocol

from cachetools import FIFOCache

from bots.slack.errors import reason_of
from bots.slack.web import Web
from core.clock import Clock
from core.errors import Code, PlatformError
from core.values.outgoing import AnswerPicture, UploadFile

_NO_SCOPE = "the scope files:write is missing: add it to the app, and install the app again"
_PAUSES_S = (0.2, 0.4, 0.8, 1.6, 3.2)
_REMEMBERED = 100


async def share(web: Web, upload: UploadFile) -> str:
    """Post a file as a message of its own. Its id. Raises PlatformError."""
    where = {"channel_id": upload.place.channel}
    where |= {"thread_ts": upload.place.thread} if upload.place.thread else {}
    alt = upload.title if upload.under else ""
    return await _upload(web, upload.name, upload.content, where, upload.title, alt)


class UploadCalls(Protocol):
    """The calls that uploads need. Both raise PlatformError."""

    async def read(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]: ...
    async def upload(
        self, name: str, content: bytes, where: dict[str, Any], title: str = "", alt: str = ""
    ) -> str: ...


class BlockPictures:
    """Pictures in image blocks. Each is uploaded once and not shared: the messages that show it share it.

    https://docs.slack.dev/reference/block-kit/composition-objects/slack-file-object
    """

    def __init__(self, web: UploadCalls, clock: Clock) -> None:
        self._web = web
        self._clock = clock
        self._files: FIFOCache[AnswerPicture, str] = FIFOCache(_REMEMBERED)
        self._processed: FIFOCache[str, bool] = FIFOCache(_REMEMBERED)

    async def file_id(self, picture: AnswerPicture) -> str:
        """The id of the picture's file once a block can show it. Raises PlatformError, one that is retryable where
        that takes more than 6 s."""
        name, title = picture.name, picture.title
        if picture not in self._files:
            self._files[picture] = await _upload(self._web, name, picture.content, {}, title, title)
        file = self._files[picture]
        if file not in self._processed:
            await self._wait(file)
            self._processed[file] = True
        return file

    async def _wait(self, file: str) -> None:
        """Wait until Slack has looked at the file. Until then its type is empty, and a block with it is refused:
        https://github.com/slackapi/node-slack-sdk/issues/2040"""
        for pause_s in _PAUSES_S:
            if await self._is_processed(file):
                return
            await self._clock.sleep(pause_s)
        raise PlatformError(Code.UNAVAILABLE, "files.info: Slack has not processed the picture", retryable=True)

    async def _is_processed(self, file: str) -> bool:
        try:
            info = (await self._web.read("files.info", {"file": file}))["file"]
        except PlatformError as error:
            if reason_of(error) != "missing_scope":
                raise
            return True  # it can't be known
        return bool(info.get("mimetype"))


async def _upload(
    web: UploadCalls, name: str, content: bytes, where: dict[str, Any], title: str, alt: str
) -> str:
    try:
        return await web.upload(name, content, where, title, alt)
    except PlatformError as error:
        if reason_of(error) != "missing_scope":
            raise
        raise PlatformError(Code.APP_SETUP, _NO_SCOPE) from error
