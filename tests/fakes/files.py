"""The extractor's port without a child process, for tests that are not about the content of files."""

from __future__ import annotations

from core.clock import Clock
from core.conversation.file_content import ContentReader
from core.conversation.files import FileReader
from core.ports.files import Extracted, ExtractedText, FileContent, FileError, Picture, Transcriber
from core.ports.store.threads import ThreadStore
from core.values.parts import File, FileProblem
from core.values.places import Place
from tests.fakes.platform import MemoryPlatform

PICTURE = b"\x89PNG\r\n\x1a\n of four pixels"


class PlainExtractor:
    """Knows UTF-8, and PNG by its first bytes."""

    def __init__(self) -> None:
        self.extracted: list[str] = []

    async def extract(self, name: str, data: bytes) -> Extracted:
        self.extracted.append(name)
        if data.startswith(PICTURE[:8]):
            return Picture(data, "image/png", 2, 2)
        try:
            return ExtractedText(data.decode())
        except UnicodeDecodeError as error:
            raise FileError(FileProblem.UNKNOWN_TYPE) from error


class FilePlatform(MemoryPlatform):
    """Holds `files` by their source."""

    def __init__(self, **files: bytes | FileProblem) -> None:
        super().__init__()
        self.files = files
        self.fetched: list[str] = []

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        self.fetched.append(file.source)
        content = self.files[file.source]
        if isinstance(content, FileProblem):
            raise FileError(content)
        return FileContent("", "", content)


def plain_files(store: ThreadStore, clock: Clock, transcriber: Transcriber | None = None) -> FileReader:
    """A reader of files that are plain text or `PICTURE`."""
    return FileReader(store, ContentReader(PlainExtractor(), transcriber), clock)
