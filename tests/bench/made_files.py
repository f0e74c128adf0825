"""The files of the bench of files, made one after the other."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from PIL import Image

from tests.bench.files import PAGES, PHOTO
from tests.core.files.made import (
    docx,
    filled,
    flat_png,
    gif,
    paragraph,
    pdf,
    pdf_of,
    photo,
    saved,
    stream,
    xlsx,
    zipped,
)


def files() -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    yield PHOTO, _photo()
    yield PAGES, pdf(["The quick brown fox jumps over the lazy dog, page after page.\n" * 50] * 200)
    yield "scan.pdf", pdf([""] * 20, jpeg=saved(photo(2_480, 3_508), "JPEG"))
    yield "picture of 50 megapixels.jpg", saved(photo(10_000, 5_000), "JPEG", quality=80)
    yield "bomb 30,000 x 30,000.png", flat_png(30_000, 30_000)
    yield "bomb 81 megapixels.png", flat_png(9_000, 9_000)
    yield "cut.jpg", _photo()[:3_000_000]
    yield "600 frames.gif", gif(Image.new("RGB", (640, 480), (n % 256, n // 3, 9)) for n in range(600))
    yield "bomb 340 MB in a page.pdf", _page(filled(340))
    yield "bomb 220 MB.docx", docx(paragraph(" " * 220_000_000))
    yield "bomb entities.docx", zipped({"word/document.xml": _entities()})
    yield "bomb nested.docx", docx("<w:p>" * 1_500_000)
    yield "bomb 480,000 members.docx", _members(480_000)
    yield "a million rows.xlsx", xlsx({"S": "".join(map(_row, range(1_000_000)))})
    yield (
        "a million lines.csv",
        b"id,name\n" + b"".join(b"%d,somebody\n" % number for number in range(1_000_000)),
    )
    yield "25 MB of GB18030.txt", "会议纪要：下周三之前完成数据库迁移。\n".encode("gb18030") * 650_000


def _photo() -> bytes:
    noise = Image.frombytes("RGB", (2_000, 1_500), random.Random(1).randbytes(9_000_000))
    return saved(Image.blend(photo(4_000, 3_000), noise.resize((4_000, 3_000)), 0.3), "JPEG", quality=97)


def _page(packed: bytes) -> bytes:
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
            stream(packed, b"/Filter /FlateDecode"),
        ]
    )


def _entities() -> str:
    declared = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE a [<!ENTITY e0 "a">{declared}]><a>&e9;</a>'


def _members(count: int) -> bytes:
    """A zip that lists `count` empty members."""
    begin = b"PK\x03\x04word/document.xml"
    entries = bytearray()
    for number in range(count):
        name = b"%d" % number
        entries += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *(0,) * 9, len(name), *(0,) * 6) + name
    return (
        begin
        + entries
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, len(entries), len(begin), 0)
    )


def _row(number: int) -> str:
    return f'<row><c r="A{number + 1}"><v>{number}</v></c><c><v>{number * 7_919 % 1_000_003}</v></c></row>'
