"""Pictures -> small copies for a model: JPEG, or PNG where that is exact and small. Imported in a child only."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from core.ports.files import FileError, Picture
from core.values.parts import FileProblem

LONGEST_SIDE = 2_000
"""Pixels: https://docs.anthropic.com/en/docs/build-with-claude/vision takes no more where there are many pictures."""
LARGEST = 3_500_000
"""Bytes: the same page has 5 MB, in base64."""
MOST_PIXELS = 50_000_000
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_FEW_COLOURS = 8_192
"""Screenshots and drawings have fewer, with smooth letters too; photographs have more."""
_QUALITIES = (85, 70, 50, 25)
_WHITE = (255, 255, 255)

_PLUGINS = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""Imported beside the usual ones: Pillow would import them when a picture needs them, which a sealed process can't."""

Image.preinit()
Image.MAX_IMAGE_PIXELS = None  # Up to twice this, Pillow only warns; `read` refuses.


def read(data: bytes) -> Picture:
    """The picture's first frame, upright and without metadata. Raises FileError, and any error of Pillow's."""
    with Image.open(BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise FileError(FileProblem.TOO_MANY_PIXELS)
        try:
            return small_copy(opened)
        except MemoryError:  # WebP and transparent pictures need several copies of all pixels.
            raise FileError(FileProblem.TOO_MANY_PIXELS, "MemoryError") from None


def small_copy(image: Image.Image) -> Picture:
    """A copy of at most 2,000 pixels a side and 3.5 MB."""
    image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    image = _smooth(image)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    image = _plain(_upright(image))
    image.info = {}  # Comments and colour profiles, which writers would copy.
    content, media_type = _encoded(image)
    return Picture(content, media_type, image.width, image.height)


def _smooth(image: Image.Image) -> Image.Image:
    """A copy without a palette and without a colour that means transparent: made smaller, these would be coarse."""
    if image.mode not in ("1", "P", "PA") and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Damaged metadata raise anything, and the picture is whole.
        return image


def _plain(image: Image.Image) -> Image.Image:
    """Grey or RGB, 8 bits a channel, on white where it is transparent."""
    if image.mode[0] in "IF":
        return _grey(image)
    if image.mode not in ("RGBA", "LA"):
        return image if image.mode in ("L", "RGB") else image.convert("RGB")
    ground = Image.new("RGB", image.size, _WHITE)
    ground.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return ground


def _grey(image: Image.Image) -> Image.Image:
    """A copy with 8 bits of a picture with 16 or 32 bits, or numbers of any range, a pixel."""
    numbers = image.convert("F")
    low, high = (0.0, 65_535.0) if image.mode.startswith("I;16") else _range(numbers)
    scale = 255 / ((high - low) or 1)
    return numbers.point(lambda value: value * scale - low * scale).convert("L")


def _range(numbers: Image.Image) -> tuple[float, float]:
    low, high = numbers.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    return low, high


def _encoded(image: Image.Image) -> tuple[bytes, str]:
    if image.getcolors(_FEW_COLOURS) is not None:
        content = _saved(image, format="PNG")
        if len(content) <= LARGEST:
            return content, "image/png"
    for quality in _QUALITIES:
        content = _saved(image, format="JPEG", quality=quality)
        if len(content) <= LARGEST:
            break
    return content, "image/jpeg"


def _saved(image: Image.Image, **options: object) -> bytes:
    written = BytesIO()
    image.save(written, **options)  # type: ignore[arg-type]
    return written.getvalue()
