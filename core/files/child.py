"""`python -m core.files.child NAME`: reads a hostile file from stdin, and writes a reply to stdout.

Starts in little time: it imports only the modules that the kind of the file needs.
"""

from __future__ import annotations

import gc
import sys
from codecs import lookup
from collections.abc import Callable
from importlib import import_module

from core.files import plain_text, sandbox
from core.files.excerpt import excerpt
from core.files.kinds import FileKind, is_encrypted_office, is_named_binary, kind_of
from core.files.replies import reply_to_bytes
from core.ports.files import Extracted, ExtractedText, FileError
from core.values.parts import FileProblem

_READERS = {
    FileKind.PICTURE: ("core.files.pictures", "read"),
    FileKind.PDF: ("core.files.pdf", "read"),
    FileKind.DOCX: ("core.files.documents", "read_document"),
    FileKind.PPTX: ("core.files.documents", "read_slides"),
    FileKind.XLSX: ("core.files.workbook", "read"),
}
"""Functions of a file's bytes, by their modules. They raise FileError or, for a damaged file, any other error."""


def main() -> None:
    """Bound the process, read, reply. It ends before garbage matters; looking for some takes a third of its time."""
    gc.disable()
    sandbox.limit()
    name = sys.argv[1]
    reply = _reply(sys.stdin.buffer.read(), name)
    sys.stdout.buffer.write(reply_to_bytes(reply))


def _reply(data: bytes, name: str) -> Extracted | FileError:
    try:
        return _extracted(data, name)
    except FileError as error:
        return error
    except MemoryError:
        return FileError(FileProblem.BOMB, "MemoryError")
    except Exception as error:  # Parsers of hostile files raise anything.
        return FileError(FileProblem.DAMAGED, type(error).__name__)


def _extracted(data: bytes, name: str) -> Extracted:
    kind = kind_of(data, name)
    if kind is FileKind.TEXT and is_named_binary(name):
        raise FileError(FileProblem.MISMATCH)
    read = _reader(kind, data)
    for encoding in plain_text.ENCODINGS:
        lookup(encoding)
    sandbox.seal()
    return read(data)


def _reader(kind: FileKind, data: bytes) -> Callable[[bytes], Extracted]:
    if kind is FileKind.TEXT:
        return _read_text
    if kind not in _READERS:
        raise FileError(FileProblem.ENCRYPTED if is_encrypted_office(data) else FileProblem.UNKNOWN_TYPE)
    module, function = _READERS[kind]
    read: Callable[[bytes], Extracted] = getattr(import_module(module), function)
    return read


def _read_text(data: bytes) -> Extracted:
    text = plain_text.decode(data)
    if text is None:
        raise FileError(FileProblem.UNKNOWN_TYPE)
    if not text.strip():
        raise FileError(FileProblem.EMPTY)
    return ExtractedText(excerpt(text))


if __name__ == "__main__":
    main()
