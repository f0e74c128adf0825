"""PDF -> its text with marks of pages, or small copies of its pages where it has none. Imported in a child only."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from pypdfium2 import PdfDocument, PdfiumError, raw

from core.files.excerpt import Excerpt
from core.files.pictures import LONGEST_SIDE, small_copy
from core.ports.files import Extracted, ExtractedText, FileError, Picture, ScannedPages
from core.values.parts import FileProblem

MOST_READ = 200
"""Pages, the last ones among them."""
_LAST = 50
MOST_DRAWN = 4
_SPARSE = 40
"""Characters a page: a scan has fewer, such as the mark of a scanner or a page number."""
_LARGEST_SCALE = 4.0
"""Pixels of a drawn page for each of its points, which are 1/72 inch."""


def read(data: bytes) -> Extracted:
    """Raises FileError, and any error of pypdfium2's."""
    document = _opened(data)
    document.init_forms()
    texts = {number: _text(document, number) for number in _numbers(len(document))}
    if sum(map(len, texts.values())) < _SPARSE * len(texts) and _is_drawn(document, texts.values()):
        return ScannedPages(tuple(_drawn(document, number) for number in range(min(len(document), MOST_DRAWN))))
    return ExtractedText(_marked(texts))


def _opened(data: bytes) -> PdfDocument:
    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise FileError(FileProblem.ENCRYPTED) from None
        raise


def _numbers(pages: int) -> Iterable[int]:
    """The pages that are read, from 0: all, or the first and the last."""
    first = min(pages, MOST_READ - _LAST)
    return chain(range(first), range(max(first, pages - _LAST), pages))


def _text(document: PdfDocument, number: int) -> str:
    """The text that a reader of the page sees, with the values of forms. A page that can't be read is empty."""
    try:
        page = document[number]
        if page.formenv:
            page.flatten()
            page.close()
            page = document[number]
        text: str = page.get_textpage().get_text_bounded()
        page.close()
    except PdfiumError:
        return ""
    return text.replace("\r\n", "\n").replace("\x00", "").replace("\ufffe", "").strip()


def _marked(texts: dict[int, str]) -> str:
    """The texts behind the marks of their pages."""
    lines = Excerpt()
    before = -1
    for number, text in texts.items():
        if number > before + 1:
            lines.add(f"[... pages {before + 2} to {number} left out ...]")
        lines.add(f"[page {number + 1}]\n{text}" if text else f"[page {number + 1}: no text]")
        before = number
    return lines.text().rstrip()


def _is_drawn(document: PdfDocument, texts: Iterable[str]) -> bool:
    """True if a document of so little text holds pictures, or has no text at all."""
    pages = (document[number] for number in range(min(len(document), MOST_DRAWN)))
    return not any(texts) or any(True for page in pages for _ in page.get_objects([raw.FPDF_PAGEOBJ_IMAGE]))


def _drawn(document: PdfDocument, number: int) -> Picture:
    page = document[number]
    scale = min(_LARGEST_SCALE, LONGEST_SIDE / max(page.get_size()))
    return small_copy(page.render(scale=scale, rev_byteorder=True).to_pil())
