"""A workbook -> its sheets, a row a line with its cells between bars. Imported in a child only.

Format: https://learn.microsoft.com/en-us/office/open-xml/spreadsheet/structure-of-a-spreadsheetml-document
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from core.files.archive import OfficeArchive, XmlEvent
from core.files.documents import CUT
from core.files.excerpt import LONGEST, Excerpt, excerpt
from core.ports.files import ExtractedText, FileError
from core.values.parts import FileProblem

MOST_SHEETS = 50
MOST_COLUMNS = 200
_LONGEST_CELL = 1_000
_LONGEST_ROW = 4_000
"""Characters."""
_UNKNOWN = "[...]"
"""A text past the limit."""
_WORKBOOK = "xl/workbook.xml"
_DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Numbers of the built-in formats of dates and times, those of East Asian languages too."""
_NOT_CODE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
"""The parts of a number format's code that are literal text, a colour or a condition."""
_DATE_CODE = re.compile("[dmyhs]", re.IGNORECASE)
_COLUMN = re.compile("[A-Z]{1,3}")


def read(data: bytes) -> ExtractedText:
    """Values as they were last computed. Raises FileError, and any error of zipfile's and expat's."""
    archive = OfficeArchive(data)
    reader = _SheetReader(archive)
    members = list(_members(archive))
    sheets = []
    for number, (title, member) in enumerate(members[:MOST_SHEETS]):
        sheets.append(_sheet(title, reader.rows(archive.events(member, sharing=len(members) - number))))
    sheets = [sheet for sheet in sheets if sheet.size]
    if not sheets:
        raise FileError(FileProblem.EMPTY)
    limit = _limit([sheet.size for sheet in sheets])
    texts = [sheet.text(limit).rstrip() for sheet in sheets]
    if (more := len(members) - MOST_SHEETS) > 0:
        texts.append(f"[... {more:,} more sheets left out ...]")
    return ExtractedText(excerpt("\n".join(texts)))


def _members(archive: OfficeArchive) -> Iterator[tuple[str, str]]:
    """Names of the sheets and of their members, in order."""
    related = archive.related(_WORKBOOK)
    for kind, name, attributes in archive.events(_WORKBOOK):
        if (kind, name) == ("start", "sheet"):
            reference = next(value for key, value in attributes.items() if key.endswith(":id"))
            yield attributes["name"], related.get(reference, "")


def _limit(sizes: list[int]) -> int:
    """The most bytes of each sheet, so that all of them fit together. Long sheets get the bytes that short ones
    leave."""
    left = LONGEST
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return share
        left -= size
    return LONGEST


def _sheet(title: str, rows: Iterator[str]) -> Excerpt:
    lines = Excerpt()
    for number, row in enumerate(filter(None, rows)):
        if not number:
            lines.add(f"[sheet {title}]")
        lines.add(row)
    return lines


class _SheetReader:
    """Reads the events of sheets, whose cells refer to texts and formats of the workbook."""

    def __init__(self, archive: OfficeArchive) -> None:
        self._texts = list(_shared_texts(archive))
        self._dates = list(_date_styles(archive))
        self._epoch = _epoch(archive)

    def rows(self, events: Iterator[XmlEvent]) -> Iterator[str]:
        """Each row as a line; empty where its cells are."""
        row = _Row()
        cell = _Cell({})
        for kind, name, attributes in events:
            if kind == "cut":
                yield CUT
            elif kind == "text":
                cell.add(name)
            elif name == "row":
                if kind == "end":
                    yield row.text()
                row = _Row()
            elif name != "c":
                cell.part = name if kind == "start" else ""
            elif kind == "start":
                cell = _Cell(attributes)
            else:
                row.add(cell.column, self._shown(cell))

    def _shown(self, cell: _Cell) -> str:
        if cell.kind == "s":
            text = self._shared(cell.value)
        elif cell.kind == "b":
            text = "TRUE" if cell.value == "1" else "FALSE"
        elif cell.kind == "n" and cell.value:
            text = self._number(cell)
        else:
            text = cell.value or cell.inline or (cell.formula and f"={cell.formula}")
        return " ".join(text[:_LONGEST_CELL].split())

    def _shared(self, number: str) -> str:
        index = _index(number)
        if 0 <= index < len(self._texts):
            return self._texts[index]
        return _UNKNOWN if number else ""

    def _number(self, cell: _Cell) -> str:
        with suppress(ValueError, OverflowError):
            number = float(cell.value)
            if 0 <= cell.style < len(self._dates) and self._dates[cell.style]:
                return _date(number, self._epoch)
            return f"{number:.15g}"
        return cell.value


class _Cell:
    """The content of one cell, from its events."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.kind = attributes.get("t", "n")
        self.style = _index(attributes.get("s", "0"))
        self.column = _column(attributes.get("r", ""))
        self.part = ""
        """The element whose text comes next."""
        self.value = self.inline = self.formula = ""

    def add(self, text: str) -> None:
        if self.part == "v":
            self.value = _extended(self.value, text)
        elif self.part == "t":
            self.inline = _extended(self.inline, text)
        elif self.part == "f":
            self.formula = _extended(self.formula, text)


def _extended(kept: str, more: str) -> str:
    """Keeps little more than is shown: a part of a cell can be repeated without end."""
    return kept + more[:_LONGEST_CELL] if len(kept) < _LONGEST_CELL else kept


class _Row:
    """The cells of a row, each at its column."""

    def __init__(self) -> None:
        self._cells: list[str] = []
        self._size = 0
        self._cut = False

    def add(self, column: int, text: str) -> None:
        """Append a cell; without a `column`, behind the one before."""
        gap = max(0, column - len(self._cells) - 1)
        if len(self._cells) + gap >= MOST_COLUMNS or self._size > _LONGEST_ROW:
            self._cut |= bool(text)
            return
        self._cells += [""] * gap + [text]
        self._size += len(text)

    def text(self) -> str:
        cells = [*self._cells, *(["[... more cells left out ...]"] if self._cut else [])]
        return " | ".join(cells).rstrip(" |")


def _index(text: str) -> int:
    """The number that an attribute or a cell refers to something by; -1 where it is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _column(reference: str) -> int:
    """The number, from 1, of the column of a cell such as `AB12`; 0 where it has none."""
    number = 0
    if found := _COLUMN.match(reference):
        for letter in found[0]:
            number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _shared_texts(archive: OfficeArchive) -> Iterator[str]:
    """Texts that cells refer to by number, without the pronunciation that Japanese ones may have."""
    words: list[str] = []
    wanted = phonetic = False
    for kind, name, _ in archive.events("xl/sharedStrings.xml", sharing=2):
        if kind == "text":
            if wanted and not phonetic:
                words.append(name)
        elif name == "t":
            wanted = kind == "start"
        elif name == "rPh":
            phonetic = kind == "start"
        elif (kind, name) == ("end", "si"):
            yield "".join(words)
            words.clear()


def _date_styles(archive: OfficeArchive) -> Iterator[bool]:
    """True if numbers of each style of cells are dates."""
    codes: dict[int, str] = {}
    in_cells = False
    for kind, name, attributes in archive.events("xl/styles.xml"):
        if name == "cellXfs":
            in_cells = kind == "start"
        elif kind == "start" and name == "numFmt":
            codes[_index(attributes.get("numFmtId", ""))] = attributes.get("formatCode", "")
        elif kind == "start" and name == "xf" and in_cells:
            number = _index(attributes.get("numFmtId", "0"))
            yield (
                bool(_DATE_CODE.search(_NOT_CODE.sub("", codes[number])))
                if number in codes
                else number in _DATE_FORMATS
            )


def _epoch(archive: OfficeArchive) -> datetime:
    """Day 0. Workbooks of old Macs count from 1904; others count a 29 February 1900, so that March 1900 is right."""
    for kind, name, attributes in archive.events(_WORKBOOK):
        if (kind, name) == ("start", "workbookPr") and attributes.get("date1904") in ("1", "true"):
            return datetime(1904, 1, 1)  # noqa: DTZ001
    return datetime(1899, 12, 30)  # noqa: DTZ001


def _date(number: float, epoch: datetime) -> str:
    """A date, a time, or both: `number` counts days."""
    moment = epoch + timedelta(seconds=round(number * 86_400))
    if number == int(number):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%H:%M:%S}" if 0 <= number < 1 else f"{moment:%Y-%m-%d %H:%M:%S}"
