"""The content of one file: its text, its pictures, or why there is neither."""

from __future__ import annotations

from dataclasses import replace
from logging import INFO, WARNING

import structlog

from core.ports.files import (
    ExtractedText,
    Extractor,
    FileError,
    OnTranscript,
    Picture,
    ScannedPages,
    Transcriber,
)
from core.values.parts import File, FileProblem

_WARNED = frozenset((FileProblem.CRASHED, FileProblem.TOO_SLOW, FileProblem.NOT_ALLOWED))
"""Problems that operators may have to look at."""

log = structlog.get_logger()

_PDF = "application/pdf"
"""The media type of scanned pages, regardless of the platform's name for it."""


class ContentReader:
    """Reads files for questions of all platforms."""

    def __init__(self, extractor: Extractor, transcriber: Transcriber | None = None) -> None:
        self._extractor = extractor
        self._transcriber = transcriber

    @property
    def transcribes(self) -> bool:
        """False where no endpoint for voice clips is configured."""
        return self._transcriber is not None

    def check(self, file: File) -> None:
        """Raises FileError for a `file` that can't be read, regardless of its content."""
        if is_sound(file) and not self.transcribes:
            raise FileError(FileProblem.UNHEARD)

    async def read(
        self, file: File, data: bytes, on_transcript: OnTranscript = lambda _transcript: None
    ) -> tuple[File, tuple[Picture, ...]]:
        """`file` with its text, its problem or, for a picture, its media type; and its pictures. Raises nothing."""
        try:
            self.check(file)
            if is_sound(file):
                return replace(file, text=await self._transcribe(file, data, on_transcript)), ()
            match await self._extractor.extract(file.name, data):
                case ExtractedText(text):
                    return replace(file, text=text, media_type=_no_picture(file.media_type)), ()
                case Picture() as picture:
                    return replace(file, media_type=picture.media_type), (picture,)
                case ScannedPages(pages):
                    return replace(file, media_type=_PDF), pages
        except FileError as error:
            return with_problem(file, error), ()

    async def _transcribe(self, file: File, data: bytes, on_transcript: OnTranscript) -> str:
        if self._transcriber is None:
            raise FileError(FileProblem.UNHEARD)
        transcript = await self._transcriber.transcribe(file.name, file.media_type, data)
        on_transcript(transcript)
        if not transcript.text.strip():
            raise FileError(FileProblem.EMPTY, "nothing was heard")
        return transcript.text


def with_problem(file: File, error: FileError, **keys: str) -> File:
    """`file` with the problem of `error`, which is logged with `keys` and without the file's name."""
    level = WARNING if error.problem in _WARNED else INFO
    log.log(level, "file_not_read", problem=str(error.problem), detail=error.detail, **keys)
    return replace(file, problem=error.problem)


def is_picture(file: File) -> bool:
    """True if the platform calls it a picture."""
    return file.media_type.startswith("image/")


def is_sound(file: File) -> bool:
    """True if the platform calls it a sound, such as a voice clip."""
    return file.media_type.startswith("audio/")


def _no_picture(media_type: str) -> str:
    """text/plain in place of an image's type: a text under a picture's name does not count as a picture
    again."""
    return "text/plain" if media_type.startswith("image/") else media_type
