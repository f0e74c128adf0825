"""PDF: its text by pages, and drawn pages of a scan."""

from io import BytesIO

import pytest
from PIL import Image

from core.clock import SystemClock
from core.files.excerpt import LONGEST
from core.files.extractor import ProcessExtractor
from core.files.pdf import MOST_DRAWN, read
from core.ports.files import Extracted, ExtractedText, FileError, ScannedPages
from core.values.parts import FileProblem
from tests.core.files.made import filled, pdf, pdf_of, quarters, saved, stream

SENTENCE = "The quick brown fox jumps over the lazy dog, page after page.\n"
ENCRYPTED = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"ab" * 32 + b"> /U <" + b"cd" * 32 + b"> >>"
FIELD = b"""<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ada Lovelace) /F 4 /P 5 0 R
/Rect [50 500 300 520] /AP << /N 8 0 R >> >>"""
APPEARANCE = stream(
    b"BT /F 10 Tf 2 5 Td (Ada Lovelace) Tj ET",
    b"/Type /XObject /Subtype /Form /BBox [0 0 250 20] /Resources << /Font << /F 3 0 R >> >>",
)


def text(data: bytes) -> str:
    extracted = read(data)
    assert isinstance(extracted, ExtractedText)
    return extracted.text


async def in_child(data: bytes) -> Extracted:
    extractor = ProcessExtractor(SystemClock())
    try:
        return await extractor.extract("a.pdf", data)
    finally:
        await extractor.close()


async def problem_of(data: bytes) -> FileProblem:
    with pytest.raises(FileError) as raised:
        await in_child(data)
    return raised.value.problem


async def test_text_is_read_page_by_page_in_a_child() -> None:
    data = pdf(["Käse\nzwei Zeilen", "", "the end"])
    assert await in_child(data) == ExtractedText(
        "[page 1]\nKäse\nzwei Zeilen\n[page 2: no text]\n[page 3]\nthe end"
    )


def test_of_many_pages_the_first_and_the_last_are_kept() -> None:
    kept = text(pdf([SENTENCE * 40] * 200))
    assert kept.startswith("[page 1]\nThe quick")
    assert "[page 200]" in kept
    assert "characters left out" in kept
    assert len(kept.encode()) <= LONGEST


def test_no_more_than_200_pages_are_read() -> None:
    kept = text(pdf([str(number) for number in range(1, 1_001)]))
    assert "\n[page 150]\n150\n[... pages 151 to 950 left out ...]\n[page 951]\n951\n" in kept
    assert kept.endswith("[page 1000]\n1000")


def test_what_was_written_into_a_form_is_read() -> None:
    data = pdf(["Your name:"], trailer=b"", extra=[FIELD, APPEARANCE])
    data = data.replace(b"/Type /Catalog", b"/Type /Catalog /AcroForm << /Fields [7 0 R] >>")
    data = data.replace(b"/Type /Page /", b"/Type /Page /Annots [7 0 R] /")
    assert text(data) == "[page 1]\nYour name:\nAda Lovelace"


async def test_pages_of_a_scan_are_drawn_in_a_child() -> None:
    scan = await in_child(pdf(["", "2", "3", "4", "5", "6"], jpeg=saved(quarters(), "JPEG")))
    assert isinstance(scan, ScannedPages)
    assert [(page.width, page.height) for page in scan.pages] == [(1_414, 2_000)] * MOST_DRAWN
    red, green, blue = Image.open(BytesIO(scan.pages[0].content)).convert("RGB").getpixel((200, 1_400))  # type: ignore[misc]
    assert red > 150 > 100 > max(green, blue)


def test_a_short_text_with_no_picture_is_no_scan() -> None:
    assert text(pdf(["Hello"])) == "[page 1]\nHello"


def test_a_page_of_nothing_is_drawn() -> None:
    assert isinstance(read(pdf([""])), ScannedPages)


def holding_itself(times: int) -> bytes:
    """A PDF whose tree of pages holds nothing but itself."""
    tree = b"<< /Type /Pages /Kids [%s] /Count 10000 >>" % (b"2 0 R " * times)
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", tree])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pdf(["secret"], trailer=b"/Encrypt 7 0 R /ID [<00> <00>]", extra=[ENCRYPTED]), FileProblem.ENCRYPTED),
        (b"%PDF-1.7\nnothing else", FileProblem.DAMAGED),
        (pdf(["cut"])[:300], FileProblem.DAMAGED),
        (pdf([]), FileProblem.DAMAGED),
        (holding_itself(1), FileProblem.DAMAGED),
        (holding_itself(10_000), FileProblem.DAMAGED),
        (
            pdf_of(
                [
                    b"<< /Type /Catalog /Pages 2 0 R >>",
                    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
                    stream(filled(600), b"/Filter /FlateDecode"),
                ]
            ),
            FileProblem.CRASHED,
        ),
    ],
    ids=[
        "encrypted",
        "a header alone",
        "cut",
        "no pages",
        "a tree in itself",
        "10,000 trees",
        "600 MB in a page",
    ],
)
async def test_a_pdf_that_is_refused_has_a_reason(data: bytes, problem: FileProblem) -> None:
    assert await problem_of(data) is problem
