"""`python -m core.files.child NAME`: reads a hostile file from stdin, and writes a reply to stdout.

Starts in little time: it imports only what the kind of the file needs.
"""

from __future__ import annotations

import sys
from codecs import lookup
from importlib import import_module

from core.files import plain_text, sandbox
from core.files.excerpt import excerpt
from core.files.kinds import FileKind, is_named_binary, kind_of
from core.files.replies import reply_to_bytes
from core.ports.files import Extracted, ExtractedText, FileError
from core.values.parts import FileProblem

_READERS = {FileKind.PICTURE: "core.files.pictures", FileKind.PDF: "core.files.pdf"}
"""Each has a function `read(data, name)`, which raises FileError or, for a file that is damaged, any other error."""


def main() -> None:
    """Bound the process, read, reply."""
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
    if kind is FileKind.TEXT:
        read = _read_text
    elif kind in _READERS:
        read = import_module(_READERS[kind]).read
    else:
        raise FileError(FileProblem.UNKNOWN_TYPE)
    for encoding in plain_text.ENCODINGS:
        lookup(encoding)
    sandbox.seal()
    return read(data, name)


def _read_text(data: bytes, name: str) -> Extracted:
    if is_named_binary(name):
        raise FileError(FileProblem.MISMATCH)
    text = plain_text.decode(data)
    if text is None:
        raise FileError(FileProblem.UNKNOWN_TYPE)
    if not text.strip():
        raise FileError(FileProblem.EMPTY)
    return ExtractedText(excerpt(text))


if __name__ == "__main__":
    main()
