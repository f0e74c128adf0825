"""Documents and slides of office programs -> their paragraphs, one a line. Imported in a child only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from core.files.archive import OfficeArchive, XmlEvent
from core.files.excerpt import excerpt
from core.ports.files import ExtractedText, FileError
from core.values.parts import FileProblem

_DOCUMENT = re.compile(r"word/document\d*\.xml")
_SLIDES = "ppt/presentation.xml"
_SLIDE_NOTES = "ppt/notesSlides/"
_NOTES = {"footnotes": "word/footnotes.xml", "endnotes": "word/endnotes.xml", "comments": "word/comments.xml"}
_SKIPPED = frozenset(
    ("pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr", "del", "moveFrom", "instrText", "Fallback", "fld")
)
"""Elements whose text is no text of the document: formats, deleted words, codes of fields, and second forms of drawings
for older programs. The number that `fld` holds is that of a slide."""
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
CUT = "[... the rest is left out: the file is too long ...]"


def read_document(data: bytes) -> ExtractedText:
    """Text, then notes and comments. Raises FileError, and any error of zipfile's and expat's."""
    archive = OfficeArchive(data)
    main = next(filter(_DOCUMENT.fullmatch, archive.names))
    lines = list(paragraphs(archive.events(main)))
    for title, member in _NOTES.items():
        if notes := list(paragraphs(archive.events(member))):
            lines += [f"[{title}]", *notes]
    return _extracted(lines)


def read_slides(data: bytes) -> ExtractedText:
    """The slides in the order in which they are shown, with their notes.

    Each slide is read once and has one page of notes, as the format says, so that a short list can't ask for much work.
    """
    archive = OfficeArchive(data)
    members = archive.related(_SLIDES)
    ids = (
        _reference(attributes)
        for kind, name, attributes in archive.events(_SLIDES)
        if (kind, name) == ("start", "sldId")
    )
    lines: list[str] = []
    for number, slide in enumerate(dict.fromkeys(members[one] for one in ids), 1):
        lines += [f"[slide {number}]", *paragraphs(archive.events(slide))]
        page = next((one for one in archive.related(slide).values() if one.startswith(_SLIDE_NOTES)), "")
        if notes := list(paragraphs(archive.events(page))):
            lines += [f"[notes of slide {number}]", *notes]
    return _extracted(lines)


def _extracted(lines: list[str]) -> ExtractedText:
    if not lines:
        raise FileError(FileProblem.EMPTY)
    return ExtractedText(excerpt("\n".join(lines)))


def _reference(attributes: dict[str, str]) -> str:
    return next(value for name, value in attributes.items() if name.endswith(":id"))


def paragraphs(events: Iterable[XmlEvent]) -> Iterator[str]:
    """The paragraphs that are not blank; a row of a table is one, its cells between bars."""
    reader = _ParagraphReader()
    for kind, name, attributes in events:
        yield from reader.read(kind, name, attributes)


class _ParagraphReader:
    """Reads events of DrawingML or WordprocessingML, whose elements have the same local names."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._cells: list[list[str]] = []
        """The paragraphs of the cells that are open: cells of a table inside a cell are behind it."""
        self._rows: list[list[str]] = []
        self._skipping = 0
        self._in_text = False
        self._listed = False

    def read(self, kind: str, name: str, attributes: dict[str, str]) -> Iterator[str]:
        if kind == "cut":
            yield from self._paragraph()
            yield CUT
        elif kind == "text":
            if self._in_text and not self._skipping:
                self._words.append(name)
        elif name in _SKIPPED:
            self._skipping += 1 if kind == "start" else -1
        elif kind == "start":
            self._start(name, attributes)
        else:
            yield from self._end(name)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._listed |= name == "numPr"
        if self._skipping:
            return
        self._in_text = name == "t"
        if name in _BREAKS:
            self._words.append(_BREAKS[name])
        elif name == "docPr" and attributes.get("descr"):
            self._words.append(f"[picture: {attributes['descr']}]")
        elif name == "tr":
            self._rows.append([])
        elif name == "tc":
            self._cells.append([])

    def _end(self, name: str) -> Iterator[str]:
        self._in_text &= name != "t"
        if self._skipping:
            return
        if name == "p":
            yield from self._paragraph()
        elif name == "tc" and self._cells and self._rows:
            self._rows[-1].append(" ".join(" ".join(self._cells.pop()).split()))
        elif name == "tr" and self._rows:
            yield from self._line(" | ".join(self._rows.pop()).strip())

    def _paragraph(self) -> Iterator[str]:
        text = "".join(self._words).strip()
        self._words.clear()
        listed, self._listed = self._listed, False
        if text:
            yield from self._line(f"- {text}" if listed else text)

    def _line(self, line: str) -> Iterator[str]:
        if self._cells:
            self._cells[-1].append(line)
        elif line.strip(" |"):
            yield line
