"""The kind of a file is in its first bytes."""

import zipfile
from io import BytesIO

import pytest

from core.files.kinds import FileKind, is_named_binary, kind_of
from tests.core.files.made import quarters, saved


def zipped(*names: str) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        *((saved(quarters(), one), FileKind.PICTURE) for one in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")),
        (b"%PDF-1.7\n", FileKind.PDF),
        (zipped("[Content_Types].xml", "word/document.xml"), FileKind.DOCX),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), FileKind.XLSX),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), FileKind.PPTX),
        (zipped("photo.jpg"), FileKind.OTHER),
        (b"\0\0\0\x1cftypheic" + bytes(20), FileKind.OTHER),
        (b"\0\0\0\x1cftypisom" + bytes(20), FileKind.OTHER),
        (b"\0\0\0\x1cftypM4A " + bytes(20), FileKind.OTHER),
        (b"OggS\0\x02" + bytes(20), FileKind.OTHER),
        (b"RIFF\x24\0\0\0WAVEfmt ", FileKind.OTHER),
        (b"ID3\x04\0\0", FileKind.OTHER),
        (b"\x1f\x8b\x08\0\0\0\0\0", FileKind.OTHER),
        (b"MZ\x90\0\x03\0\0\0", FileKind.OTHER),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", FileKind.TEXT),
        ("会议纪要".encode("gb18030"), FileKind.TEXT),
        ("a,b\n1,2\n".encode("utf-16"), FileKind.TEXT),
        (b"BMW and others", FileKind.TEXT),
        (b"", FileKind.TEXT),
    ],
)
def test_kinds_are_told_by_first_bytes(data: bytes, kind: FileKind) -> None:
    assert kind_of(data, "notes.png") is kind


def test_a_pdf_may_have_other_bytes_before_its_header() -> None:
    assert kind_of(b"\r\nHTTP junk\r\n%PDF-1.4\n", "bill.PDF") is FileKind.PDF
    assert kind_of(b"# A PDF begins with %PDF-1.4", "notes.md") is FileKind.TEXT


def test_names_of_kinds_that_are_never_text() -> None:
    assert is_named_binary("a.PNG")
    assert not is_named_binary("png")
    assert not is_named_binary("a.csv")
