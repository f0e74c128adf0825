"""Files for the tests, made here: whole ones, strange ones and hostile ones."""

import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO

from PIL import Image

from tests.squeezed import squeezed

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 30))
"""Of the corners of `quarters`: top left, top right, bottom left, bottom right."""


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    written = BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


def quarters(width: int = 40, height: int = 20) -> Image.Image:
    image = Image.new("RGB", (width, height))
    for number, colour in enumerate(COLOURS):
        left, top = number % 2 * width // 2, number // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def photo(width: int, height: int) -> Image.Image:
    """A picture of many colours."""
    coarse = random.Random(1).randbytes(3 * 60 * 40)
    return Image.frombytes("RGB", (60, 40), coarse).resize((width, height), Image.Resampling.BICUBIC)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(width: int, height: int) -> bytes:
    """A PNG of one colour, with a bit a pixel, made in little memory."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def gif(frames: Iterable[Image.Image]) -> bytes:
    first, *rest = frames
    return saved(first, "GIF", save_all=True, append_images=rest, duration=40)


def pdf_of(objects: Sequence[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1: https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf"""
    written = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(written)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def pdf(pages: Sequence[str], *, jpeg: bytes = b"", trailer: bytes = b"", extra: Sequence[bytes] = ()) -> bytes:
    """A PDF with a text, and where given a picture, on each page. `extra` are objects behind those of the pages."""
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages)))
    picture = stream(
        jpeg,
        b"/Type /XObject /Subtype /Image /Width 40 /Height 20 "
        b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode",
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        picture if jpeg else b"null",
    ]
    drawing = b"q 400 0 0 200 50 100 cm /I Do Q\n" if jpeg else b""
    for number, text in enumerate(pages):
        lines = b"".join(
            b"(%s) Tj T*\n" % line.encode("cp1252").replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
            for line in text.split("\n")
        )
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F 3 0 R >> /XObject << /I 4 0 R >> >> >>" % (6 + 2 * number)
        )
        objects.append(stream(drawing + b"BT /F 10 Tf 12 TL 50 800 Td\n" + lines + b"ET"))
    return pdf_of([*objects, *extra], b"/Root 1 0 R " + trailer)


def filled(megabytes: int) -> bytes:
    """A stream of spaces, squeezed."""
    return squeezed(b" " * 1_000_000, megabytes)


MAIN = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def docx(body: str, **others: str) -> bytes:
    """`body` is the content of `w:body`; `others` are whole members of the folder `word`."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    document = f"{head}<w:document {MAIN}><w:body>{body}</w:body></w:document>"
    return zipped(
        {"word/document.xml": document, **{f"word/{name}.xml": text for name, text in others.items()}}
    )


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(sheets: Mapping[str, str], texts: Sequence[str] = (), styles: str = "", properties: str = "") -> bytes:
    """`sheets` has the rows of each sheet as XML; `styles` is the content of `styleSheet`."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in zip(numbers, sheets, strict=True)
    )
    related = "".join(f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>' for n in numbers)
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    members = {
        "xl/workbook.xml": (
            f'<workbook xmlns:r="{_RELATED}"><workbookPr {properties}/><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": f"<Relationships>{related}</Relationships>",
        "xl/sharedStrings.xml": f"<sst>{shared}</sst>",
        "xl/styles.xml": f"<styleSheet>{styles}</styleSheet>",
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        members[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return zipped(members)


def pptx(slides: Sequence[str], order: Sequence[int], notes: Mapping[int, str] = {}) -> bytes:
    """`slides` has paragraphs as XML; `order` the numbers of slides, from 1, as they are shown."""
    shown = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in order)
    related = "".join(f'<Relationship Id="rId{n}" Target="slides/slide{n}.xml"/>' for n in order)
    members = {
        "ppt/presentation.xml": (
            f'<p:presentation xmlns:p="p" xmlns:r="{_RELATED}"><p:sldIdLst>{shown}</p:sldIdLst></p:presentation>'
        ),
        "ppt/_rels/presentation.xml.rels": f"<Relationships>{related}</Relationships>",
    }
    for number, text in enumerate(slides, 1):
        members[f"ppt/slides/slide{number}.xml"] = (
            f'<p:sld xmlns:p="p" xmlns:a="a"><p:txBody>{text}</p:txBody></p:sld>'
        )
    for number, text in notes.items():
        members[f"ppt/notesSlides/notesSlide{number}.xml"] = (
            f'<p:notes xmlns:p="p" xmlns:a="a">{text}</p:notes>'
        )
        members[f"ppt/slides/_rels/slide{number}.xml.rels"] = (
            f'<Relationships><Relationship Id="rId1" Target="../notesSlides/notesSlide{number}.xml"/></Relationships>'
        )
    return zipped(members)


def kinds_of_pictures() -> Iterator[tuple[str, str, bytes]]:
    """A picture in each colour mode of each format that has it."""
    for format in ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF"):
        for mode in ("RGB", "P", "L", "CMYK", "RGBA", "I;16"):
            with suppress(OSError, ValueError):
                yield format, mode, saved(quarters().convert(mode), format)
