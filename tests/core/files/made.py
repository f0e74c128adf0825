"""Files for the tests, made here: whole ones, strange ones and hostile ones."""

import struct
import zlib
from collections.abc import Iterable
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
