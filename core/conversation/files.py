"""Selects and reads the files of a thread for a question, and collects the news for its asker.

Text is stored with the message, so that a file is read once. Images are cached in memory and downloaded again after
that.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from cachetools import TTLCache

from core.clock import Clock
from core.conversation.file_content import ContentReader, is_picture, is_sound, with_problem
from core.conversation.prompt import Pictures
from core.files.extractor import LARGEST_FILE
from core.platform_calls import PlatformCalls
from core.ports.files import FileError, Picture, TranscriptHooks
from core.ports.store.threads import ThreadStore
from core.values.conversation import Ask, ThreadMessage
from core.values.parts import Attached, File, FileProblem, Image
from core.values.places import message_key

MOST_PICTURES = 6
"""Maximum images of a question. Several endpoints refuse more than 8 to 12."""
MOST_FILES = 10
"""Maximum other files whose text a question has."""
AT_ONCE, AT_ONCE_EACH = 3, 2
"""Files that are downloaded and read concurrently, in all and per person, so that one person's slow files do not
block others. Each may need `LARGEST_FILE` of memory."""
PICTURES_BYTES = 64_000_000
PICTURES_S = 3_600.0
"""Seconds for which small copies of images are cached."""
FAILED_S = 600.0
_MOST_FAILED = 1_000

_PASSING = frozenset(
    (
        FileProblem.UNAVAILABLE,
        FileProblem.NOT_ALLOWED,
        FileProblem.TOO_SLOW,
        FileProblem.CRASHED,
        FileProblem.UNHEARD,
        FileProblem.UNSEEN,
        FileProblem.UNPRICED,
    )
)
"""Temporary problems, which are not stored."""
_COSTLY = frozenset((FileProblem.TOO_SLOW, FileProblem.CRASHED))
"""Problems of files that use the whole time limit: they are not tried again for `FAILED_S`."""


@dataclass(frozen=True, slots=True)
class FileNews:
    """A reason why the content of a file could not be read, as news for the asker."""

    name: str
    problem: FileProblem


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a thread, by its message and its number in it."""

    message_id: str
    number: int
    file: File

    @property
    def place(self) -> tuple[str, int]:
        return self.message_id, self.number

    @property
    def key(self) -> tuple[str, str]:
        return self.message_id, self.file.source


@dataclass(frozen=True, slots=True)
class ThreadFiles:
    """The files of a thread that were read for a question. `lines` hold their text, or why there is none."""

    lines: tuple[ThreadMessage, ...] = ()
    pictures: Pictures = field(default_factory=dict)
    news: tuple[FileNews, ...] = ()
    """The news for the asker."""
    heard: tuple[FoundFile, ...] = ()
    """The sounds with a transcript that no earlier answer quotes, oldest first."""

    def showing(self, images: Iterable[Image]) -> dict[str, list[File]]:
        """The files that `images` were made of, by their messages."""
        wanted, found = set(images), dict[str, list[File]]()
        for line in self.lines:
            for one in line.attached:
                if isinstance(one, File) and not wanted.isdisjoint(
                    self.pictures.get((line.id, one.source), ())
                ):
                    found.setdefault(line.id, []).append(one)
        return found


def choose(lines: Sequence[ThreadMessage]) -> list[FoundFile]:
    """The files to read for a question: those of people's newest messages, up to the limits."""
    found = [
        FoundFile(line.id, number, one)
        for line in reversed(lines)
        if not line.mine
        for number, one in enumerate(line.attached)
        if isinstance(one, File) and (one.source or one.text) and one.problem is None
    ]
    pictures = [one for one in found if is_picture(one.file)][:MOST_PICTURES]
    others = [one for one in found if not is_picture(one.file)][:MOST_FILES]
    return [one for one in found if one in pictures or one in others]


class FileReader:
    """Reads the files of all turns."""

    def __init__(self, store: ThreadStore, content: ContentReader, clock: Clock) -> None:
        self._store = store
        self._content = content
        self._free = asyncio.Semaphore(AT_ONCE)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._pictures: TTLCache[tuple[str, str], tuple[Image, ...]] = TTLCache(
            PICTURES_BYTES, PICTURES_S, timer=clock.monotonic, getsizeof=_size
        )
        self._failed: TTLCache[tuple[str, str], File] = TTLCache(_MOST_FAILED, FAILED_S, timer=clock.monotonic)

    def drop_expired(self) -> None:
        """Remove what is past its lifetime from memory: a cache does so by itself only where something is added."""
        self._pictures.expire()
        self._failed.expire()

    async def read(
        self,
        ask: Ask,
        lines: Sequence[ThreadMessage],
        platform_calls: PlatformCalls,
        hooks: TranscriptHooks,
    ) -> ThreadFiles:
        """The content of the files of `lines`. Raises StoreError, and what `hooks.before` raises.

        A problem is reported once: with the question whose message has the file, or where it was found.
        """
        chosen = choose(lines)
        sounds = [one for one in chosen if self._needs_transcript(ask, one)]
        problem = await hooks.before([one.file for one in sounds]) if sounds else None
        refused = {one.place for one in sounds if problem is not None}

        async def read_one(one: FoundFile) -> tuple[File, tuple[Image, ...]]:
            if problem is not None and one.place in refused:
                return with_problem(one.file, FileError(problem), place=ask.place.key), ()
            return await self._read(ask, one, platform_calls, hooks)

        results = await asyncio.gather(*(read_one(one) for one in chosen))
        read = list(zip(chosen, results, strict=True))
        files = {one.place: file for one, (file, _) in read}
        heard = _heard(known := tuple(_with_files(line, files) for line in lines), chosen)
        news = (_news(file, own=one.message_id == ask.id) for one, (file, _) in read)
        pictures = _newest({one.key: images for one, (_, images) in read if images})
        return ThreadFiles(
            known, pictures, (*_known(ask), *filter(None, news), *_left_out(ask, known, pictures)), heard
        )

    async def refused(self, ask: Ask, files: ThreadFiles, images: Iterable[Image]) -> tuple[FileNews, ...]:
        """Leave `images`, which an endpoint refused, out of later questions. Returns the news for the asker. Raises
        StoreError."""
        found = [(id_, file) for id_, some in files.showing(images).items() for file in some]
        for message_id, file in found:
            refused = replace(file, problem=FileProblem.REFUSED)
            await self._store.put_file(ask.place, message_id, refused)
        return tuple(FileNews(file.name, FileProblem.REFUSED) for _, file in found)

    def _needs_transcript(self, ask: Ask, found: FoundFile) -> bool:
        file, key = found.file, _key(ask, found)
        return is_sound(file) and not file.text and key not in self._failed and self._content.transcribes

    async def _read(
        self, ask: Ask, found: FoundFile, platform_calls: PlatformCalls, hooks: TranscriptHooks
    ) -> tuple[File, tuple[Image, ...]]:
        """The file with its stored text or problem, and its images."""
        file = found.file
        key = _key(ask, found)
        if file.text or (images := self._pictures.get(key, ())):
            return file, () if file.text else images
        if key in self._failed:
            return self._failed[key], ()
        share = self._shares.setdefault(
            f"{ask.place.platform}/{ask.author.id}", asyncio.Semaphore(AT_ONCE_EACH)
        )
        async with share, self._free:
            file, images = await self._fetch(ask, found, platform_calls, hooks)
        if file.problem in _COSTLY:
            self._failed[key] = file
        if images:
            self._keep(key, images)
        if file != found.file and file.problem not in _PASSING:
            await self._store.put_file(ask.place, found.message_id, file)
        return file, images

    async def _fetch(
        self, ask: Ask, found: FoundFile, platform_calls: PlatformCalls, hooks: TranscriptHooks
    ) -> tuple[File, tuple[Image, ...]]:
        file = found.file
        try:
            if file.size > LARGEST_FILE:
                raise FileError(FileProblem.TOO_LARGE)
            self._content.check(file)
            content = await platform_calls.fetch(ask.place, found.message_id, file, LARGEST_FILE)
            file = replace(
                file, name=content.name or file.name, media_type=content.media_type or file.media_type
            )
        except FileError as error:
            return with_problem(file, error, place=ask.place.key), ()
        file, pictures = await self._content.read(file, content.data, hooks.after)
        return file, tuple(picture_to_image(one, file.name) for one in pictures[:MOST_PICTURES])

    def _keep(self, key: tuple[str, str], images: tuple[Image, ...]) -> None:
        if _size(images) <= PICTURES_BYTES:
            self._pictures[key] = images


def _key(ask: Ask, found: FoundFile) -> tuple[str, str]:
    return message_key(ask.place, found.message_id), found.file.source


def unseen(
    ask: Ask, files: ThreadFiles, images: Iterable[Image], problem: FileProblem = FileProblem.UNSEEN
) -> tuple[FileNews, ...]:
    """The news that the model does not receive `images`, limited to those of the question itself, once each.
    `problem` says why; UNSEEN of a scan is NO_TEXT."""

    def why(file: File) -> FileProblem:
        scanned = problem is FileProblem.UNSEEN and not is_picture(file)
        return FileProblem.NO_TEXT if scanned else problem

    return tuple(FileNews(file.name, why(file)) for file in files.showing(images).get(ask.id, ()))


def _with_files(line: ThreadMessage, read: Mapping[tuple[str, int], File]) -> ThreadMessage:
    """The line with the files that were read for it; other files by name only."""
    attached: Iterable[Attached] = (
        read.get((line.id, number), replace(one, text="")) if isinstance(one, File) else one
        for number, one in enumerate(line.attached)
    )
    return replace(line, attached=tuple(attached)) if line.attached else line


def _newest(pictures: Mapping[tuple[str, str], tuple[Image, ...]]) -> Pictures:
    """At most `MOST_PICTURES` images. `pictures` begins with those of the newest message."""
    left, kept = MOST_PICTURES, {}
    for key, images in pictures.items():
        if images[:left]:
            kept[key] = images[:left]
        left -= len(images[:left])
    return kept


def _known(ask: Ask) -> list[FileNews]:
    """The files of a question that could not be read when it arrived."""
    return [FileNews(one.name, one.problem) for one in ask.attached if isinstance(one, File) and one.problem]


def _left_out(ask: Ask, lines: Iterable[ThreadMessage], pictures: Pictures) -> list[FileNews]:
    """The files of the question beyond the limits, of which the model receives nothing."""
    own = (one for line in lines if line.id == ask.id for one in line.attached if isinstance(one, File))
    unread = (one for one in own if not one.text and one.problem is None)
    return [FileNews(one.name, FileProblem.TOO_MANY) for one in unread if (ask.id, one.source) not in pictures]


def _heard(lines: Sequence[ThreadMessage], chosen: Iterable[FoundFile]) -> tuple[FoundFile, ...]:
    """The sounds that were said since the last answer, or had no text until now.

    Those since the last answer are the same when the question is answered once more after a restart.
    """
    unread = {one.place for one in chosen if not one.file.text}
    answered = max((at for at, line in enumerate(lines) if line.mine), default=-1)
    return tuple(
        FoundFile(line.id, number, one)
        for at, line in enumerate(lines)
        for number, one in enumerate(line.attached)
        if isinstance(one, File) and is_sound(one) and one.text
        if at > answered or (line.id, number) in unread
    )


def _news(now: File, *, own: bool) -> FileNews | None:
    if now.problem is not None and (own or now.problem not in _PASSING):
        return FileNews(now.name, now.problem)
    return None


def picture_to_image(picture: Picture, name: str) -> Image:
    """A picture as models take it."""
    data = base64.b64encode(picture.content).decode("ascii")
    return Image(f"data:{picture.media_type};base64,{data}", name, picture.tokens)


def image_to_data(image: Image) -> tuple[str, bytes]:
    """The media type and the content of a picture."""
    head, _, data = image.url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data)


def _size(images: tuple[Image, ...]) -> int:
    return sum(len(image.url) for image in images)
