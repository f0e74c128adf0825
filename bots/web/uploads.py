"""A message with files, as the page sends it: read, and its files made text or small pictures, one at a time.

`multipart/form-data` (https://www.rfc-editor.org/rfc/rfc7578): the part `ask` is the JSON that a message without files
is, and each part behind it is a file. Nothing of the original files is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs, web
from aiohttp.http import HttpProcessingError

from bots.web import incoming
from bots.web.errors import FILE_LIMIT_BYTES, FILES_LIMIT, PICTURE_LIMIT_BYTES, Reason, RequestError
from core.conversation.file_content import ContentReader, is_picture, is_sound, with_problem
from core.files.names import safe_name
from core.i18n import phrase
from core.ports.files import FileContent, FileError, Picture, Transcript
from core.values.conversation import Ask
from core.values.parts import File, FileProblem
from core.values.ui import ImmediateReply

AT_ONCE = 4
"""Messages with files that are read at a time: each needs up to `FILE_LIMIT_BYTES` of memory."""
BODY_LIMIT_BYTES = FILES_LIMIT * FILE_LIMIT_BYTES + incoming.BODY_LIMIT_BYTES + 65_536
"""The longest request, with the separators of its parts."""
PATIENCE_S = 20.0
SLOWEST_BYTES_PER_S = 20_000
"""A body may take `PATIENCE_S`, and a second for each of these bytes that came. Reading its files is not counted."""
MOST_LINES = 1_000
"""Lines of a body, those of the contents of its parts not counted. A browser sends some five a part."""
_CHUNK = 262_144
_MALFORMED = (ValueError, RuntimeError, AssertionError, HttpProcessingError)
"""Errors of aiohttp for a body that is not multipart, or ends in the middle. Where the sender has gone, it
raises ConnectionResetError, and nothing is stored."""


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A question with its files as `attached`, the small copies of its pictures by `File.source`, and the transcripts
    that were made of its sounds."""

    ask: Ask
    pictures: dict[str, FileContent] = field(default_factory=dict)
    transcripts: Sequence[Transcript] = ()


class QuestionRefusedError(Exception):
    """A question that gets no turn, with the reply to it."""

    def __init__(self, ask: Ask, reply: ImmediateReply) -> None:
        super().__init__(reply.text)
        self.ask = ask
        self.reply = reply


class SentAgainError(Exception):
    """A question that is stored already."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask.id)
        self.ask = ask


class UploadReader:
    """Reads the messages of the page that have files."""

    def __init__(self, content: ContentReader) -> None:
        self._content = content
        self.reading = 0
        """Messages that are read now."""

    async def read(
        self,
        request: web.Request,
        to_ask: Callable[[bytes], Ask],
        check: Callable[[Ask], Awaitable[None]],
        check_sounds: Callable[[Ask], Awaitable[FileProblem | None]],
        language: str,
    ) -> SentMessage:
        """The message of `request`; `to_ask` reads its part `ask`.

        `check` raises QuestionRefusedError for a question whose files are not to be read. `check_sounds` is awaited
        once before sounds are transcribed, and returns why they are not. Raises RequestError, and what both raise.
        """
        if (request.content_length or 0) > BODY_LIMIT_BYTES:
            raise RequestError(Reason.FILES_TOO_LARGE)
        if self.reading >= AT_ONCE:
            raise RequestError(Reason.BUSY)
        self.reading += 1
        try:
            return await self._read(_Body(request), to_ask, check, check_sounds, language)
        except _MALFORMED:
            raise RequestError(Reason.MALFORMED) from None
        finally:
            self.reading -= 1

    async def _read(
        self,
        body: _Body,
        to_ask: Callable[[bytes], Ask],
        check: Callable[[Ask], Awaitable[None]],
        check_sounds: Callable[[Ask], Awaitable[FileProblem | None]],
        language: str,
    ) -> SentMessage:
        ask = to_ask(await body.fields())
        with body.paused():
            await check(ask)
        files: list[File] = []
        pictures: dict[str, FileContent] = {}
        transcripts: list[Transcript] = []
        problem: FileProblem | None = None
        hears = False
        while (part := await body.part()) is not None:
            if body.files > FILES_LIMIT:
                raise RequestError(Reason.TOO_MANY_FILES, n=FILES_LIMIT)
            name = safe_name(part.filename or "") or phrase("file_unnamed", language)
            file = File(name, part.headers.get(hdrs.CONTENT_TYPE, ""))
            data = await body.content(part, *_limit(file))
            file, copies = replace(file, size=len(data)), tuple[Picture, ...]()
            with body.paused():
                if is_sound(file) and self._content.transcribes and not hears:
                    hears, problem = True, await check_sounds(ask)
                if is_sound(file) and problem is not None:
                    read = with_problem(file, FileError(problem))
                else:
                    read, copies = await self._content.read(file, data, transcripts.append)
            seen = _pictures(read, copies, str(body.files), language)
            files += seen or [read]
            pictures |= {one.source: _content(one, copy) for one, copy in zip(seen, copies, strict=True)}
        return SentMessage(replace(ask, attached=tuple(files)), pictures, transcripts)


class _Body:
    """The parts of a body, one behind the other, in the time that it may take."""

    def __init__(self, request: web.Request) -> None:
        """Raises ValueError and AssertionError where the body is not announced as multipart."""
        self.files = -1
        """Parts so far behind the first one."""
        self._parts = MultipartReader(request.headers, cast(StreamReader, _FewLines(request.content)))
        self._clock = asyncio.get_running_loop().time
        self._until_s = self._clock() + PATIENCE_S

    async def fields(self) -> bytes:
        """The content of the first part."""
        part = await self.part()
        if part is None or part.name != "ask":
            raise RequestError(Reason.MALFORMED)
        return await self.content(part, incoming.BODY_LIMIT_BYTES, RequestError(Reason.TOO_LONG))

    async def part(self) -> BodyPartReader | None:
        part = await self._in_time(self._parts.next())
        if isinstance(part, MultipartReader):
            raise RequestError(Reason.MALFORMED)
        self.files += 1
        return part

    async def content(self, part: BodyPartReader, limit: int, too_long: RequestError) -> bytes:
        """All of a part, which is read no further than `limit` bytes. Raises `too_long` behind them."""
        data = bytearray()
        while not part.at_eof():
            chunk = await self._in_time(part.read_chunk(_CHUNK))
            data += chunk
            self._until_s += len(chunk) / SLOWEST_BYTES_PER_S
            if len(data) > limit:
                raise too_long
        return bytes(data)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time in here is not the sender's."""
        began_s = self._clock()
        yield
        self._until_s += self._clock() - began_s

    async def _in_time(self, reading: Awaitable[_Value]) -> _Value:
        try:
            async with asyncio.timeout_at(self._until_s):
                return await reading
        except TimeoutError:
            raise RequestError(Reason.TOO_SLOW) from None


class _FewLines:
    """The content of a request, of which only so many lines can be read.

    aiohttp reads headers, and what comes before the first part, line by line, and does not let the event loop go on
    while lines are there.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._left = MOST_LINES

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """Raises ValueError behind the last of them."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many lines")
        return await self._content.readline(max_line_length=max_line_length)

    def __getattr__(self, name: str) -> object:
        return getattr(self._content, name)


def _limit(file: File) -> tuple[int, RequestError]:
    """The maximum bytes of a file, and the problem that its sender is shown for a longer one."""
    limit = PICTURE_LIMIT_BYTES if is_picture(file) else FILE_LIMIT_BYTES
    return limit, RequestError(Reason.FILE_TOO_LARGE, name=file.name, mb=limit // 1_000_000)


def _pictures(file: File, copies: Sequence[Picture], number: str, language: str) -> list[File]:
    """A file of its own for each picture: `file` itself, or the pages of a scan."""
    if is_picture(file):
        return [replace(file, source=number) for _ in copies]
    return [
        File(phrase("file_page", language, name=file.name, n=page), copy.media_type, source=f"{number}-{page}")
        for page, copy in enumerate(copies, 1)
    ]


def _content(file: File, copy: Picture) -> FileContent:
    return FileContent(file.name, copy.media_type, copy.content)
