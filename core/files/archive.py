"""The XML inside an office file, which is a zip: read in pieces, up to a limit, with nothing expanded. In a child only.

Format: https://ecma-international.org/publications-and-standards/standards/ecma-376/
"""

from __future__ import annotations

import posixpath
from codecs import lookup
from collections.abc import Iterator
from io import BytesIO
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from core.ports.files import FileError
from core.values.parts import FileProblem

MOST_UNPACKED = 5_000_000
"""Bytes of XML that are read of one file, all its members together: a second's work, and some 300 pages."""
_RATIO = 100
"""The most that a member past the limit may unpack to, for each byte packed."""
_MOST_MEMBERS = 5_000
_MEMBER = b"PK\x01\x02"
"""The signature of each entry in the central directory. zipfile reads the whole directory at once."""
_DEEPEST = 1_000
"""Elements inside each other."""
_MOST_NAMES = 5_000
"""Different names of elements: the formats have some hundreds, and a new one costs more than one that is known."""
_PIECE = 65_536
_ENCRYPTED = 1
_NONE: dict[str, str] = {}

lookup("cp437")  # zipfile decodes names by it, and a sandboxed process can't import it.

XmlEvent = tuple[str, str, dict[str, str]]
"""`("start", name, attributes)`, `("end", name, {})`, `("text", text, {})`, or `("cut", "", {})` in place of what is
past the limit. Names of elements have no prefix."""


class OfficeArchive:
    """The members of an office file. Raises FileError, and any error of zipfile's and expat's."""

    def __init__(self, data: bytes) -> None:
        if data.count(_MEMBER) > _MOST_MEMBERS:
            raise FileError(FileProblem.BOMB, "members")
        self._zip = ZipFile(BytesIO(data))
        self._left = MOST_UNPACKED
        self.names = dict.fromkeys(self._zip.namelist())

    def events(self, name: str, sharing: int = 1) -> Iterator[XmlEvent]:
        """The XML of a member in document order; nothing where there is no such member.

        Reads no more than a part of what may still be read of the file, where `sharing` members have to share it.
        """
        if name not in self.names:
            return
        info = self._zip.getinfo(name)
        _check(info)
        parser, left = _Parser(), self._left // sharing
        with self._zip.open(info) as member:
            while piece := member.read(min(_PIECE, left)):
                left -= len(piece)
                self._left -= len(piece)
                yield from parser.events(piece)
            if member.tell() < info.file_size:
                yield "cut", "", _NONE

    def related(self, name: str) -> dict[str, str]:
        """Names of the members that a member refers to, by the ids of the references."""
        folder, base = posixpath.split(name)
        return {
            attributes["Id"]: posixpath.normpath(posixpath.join("/", folder, attributes["Target"]))[1:]
            for kind, element, attributes in self.events(f"{folder}/_rels/{base}.rels")
            if kind == "start" and element == "Relationship" and attributes.get("TargetMode") != "External"
        }


class _Parser:
    """Feeds expat, which follows no reference to another file. It refuses entities: office files declare none."""

    def __init__(self) -> None:
        self._found: list[XmlEvent] = []
        self._depth = 0
        self._names: dict[str, str] = {}
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.EntityDeclHandler = _refuse

    def events(self, piece: bytes) -> list[XmlEvent]:
        self._found.clear()
        self._expat.Parse(piece, False)
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FileError(FileProblem.DAMAGED, "nested too deeply")
        self._found.append(("start", self._names.get(name) or self._local(name), attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._found.append(("end", self._names[name], _NONE))

    def _text(self, text: str) -> None:
        self._found.append(("text", text, _NONE))

    def _local(self, name: str) -> str:
        if len(self._names) >= _MOST_NAMES:
            raise FileError(FileProblem.DAMAGED, "too many names")
        return self._names.setdefault(name, name.rpartition(":")[2])


def _refuse(*_declared: object) -> None:
    raise FileError(FileProblem.BOMB, "entity")


def _check(info: ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise FileError(FileProblem.ENCRYPTED)
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise FileError(FileProblem.DAMAGED, "compression")
    if info.file_size > max(MOST_UNPACKED, _RATIO * info.compress_size):
        raise FileError(FileProblem.BOMB, "ratio")
