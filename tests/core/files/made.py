"""Files for the tests, made here: whole ones, strange ones and hostile ones."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from io import BytesIO

from PIL import Image

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
    return Image.effect_noise((width, height), 60).convert("RGB").rotate(1)


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
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(b" " * 1_000_000) for _ in range(megabytes)) + squeeze.flush()
