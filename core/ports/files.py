"""The protocols of platforms that hold people's files, and of the extractor of their content."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.values.deltas import ModelInfo, Usage
from core.values.parts import File, FileProblem
from core.values.places import Place


class FileError(Exception):
    """A file, or its content, can't be had."""

    def __init__(self, problem: FileProblem, detail: str = "") -> None:
        super().__init__(problem, detail)
        self.problem = problem
        self.detail = detail
        """The detail for the log. It holds no URL and no content."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's content as the platform gave it. `name` and `media_type` may be better known than before."""

    name: str
    media_type: str
    data: bytes


@runtime_checkable
class FileSource(Protocol):
    """An installation whose messages hold files."""

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        """The content of `file` of a message of `place`, at most `limit` bytes.

        Asks only the platform's own hosts, follows redirects only among them, and stops reading at `limit`. Takes at
        most 30 s. Raises FileError and nothing else.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """The text of a file, cut to the length of a prompt, with a note of the part left out."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A small copy of a picture: JPEG or PNG, upright, without metadata, at most 2,000 px long and 3.5 MB."""

    content: bytes
    media_type: str
    width: int
    height: int

    @property
    def tokens(self) -> int:
        """The approximate number of tokens that a model counts for it."""
        return min(1_600, math.ceil(self.width * self.height / 750))


@dataclass(frozen=True, slots=True)
class ScannedPages:
    """The first pages of a document that has pictures of text and no text."""

    pages: tuple[Picture, ...]


Extracted = ExtractedText | Picture | ScannedPages


class Extractor(Protocol):
    """Reads files that may be hostile."""

    async def extract(self, name: str, data: bytes) -> Extracted:
        """The text of a file, or small copies of its pictures. Cancelling the call ends the work.

        Raises FileError and nothing else.
        """
        ...


_NO_WORDS = Usage(estimated=True)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of a sound. `usage` of the model of `model_info`: an estimate of the words alone where the endpoint
    reports none."""

    text: str
    model_info: ModelInfo
    usage: Usage = _NO_WORDS


OnTranscript = Callable[[Transcript], None]
"""Receives each transcript as it is made, for its cost, also where its words are not needed any more."""


async def _allowed(_sounds: Sequence[File]) -> FileProblem | None:
    """Every transcript is allowed."""
    return None


@dataclass(frozen=True, slots=True)
class TranscriptHooks:
    """`before` is awaited once with the sounds that are to be transcribed. It returns the problem of all of them where
    they can't be, and raises where there is no answer either. `after` receives each transcript."""

    after: OnTranscript
    before: Callable[[Sequence[File]], Awaitable[FileProblem | None]] = _allowed


class Transcriber(Protocol):
    """Transcribes the speech in a sound."""

    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        """The words of a voice clip. Raises FileError and nothing else."""
        ...
