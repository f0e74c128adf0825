"""Small copies of pictures: upright, plain, and small enough for every endpoint."""

import random
from io import BytesIO

import pytest
from PIL import Image

from core.files import pictures
from core.files.pictures import LARGEST, LONGEST_SIDE, read
from core.ports.files import FileError, Picture
from core.values.parts import FileProblem
from tests.core.files.made import COLOURS, flat_png, gif, kinds_of_pictures, photo, quarters, saved


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.content))
    assert (image.width, image.height) == (picture.width, picture.height)
    assert Image.MIME[image.format or ""] == picture.media_type
    assert picture.media_type in ("image/jpeg", "image/png")
    return image.convert("RGB")


def corners(image: Image.Image) -> list[tuple[int, int, int]]:
    width, height = image.size
    places = ((2, 2), (width - 3, 2), (2, height - 3), (width - 3, height - 3))
    return [image.getpixel(place) for place in places]  # type: ignore[misc]


def close(found: list[tuple[int, int, int]], wanted: tuple[tuple[int, int, int], ...], by: int = 12) -> bool:
    pairs = zip(found, wanted, strict=True)
    return all(abs(a - b) <= by for one, other in pairs for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_every_usual_format_is_read(format: str) -> None:
    assert close(corners(opened(read(saved(quarters(), format)))), COLOURS, 30)


def test_a_photo_becomes_a_small_jpeg() -> None:
    picture = read(saved(photo(3_000, 1_500), "BMP"))
    assert (picture.width, picture.height, picture.media_type) == (LONGEST_SIDE, 1_000, "image/jpeg")
    opened(picture)


def test_the_noisiest_picture_is_still_small_enough() -> None:
    noise = Image.frombytes("RGB", (2_000, 2_000), random.Random(1).randbytes(12_000_000))
    picture = read(saved(noise, "BMP"))
    assert len(picture.content) <= LARGEST
    opened(picture)


def test_a_drawing_of_few_colours_stays_exact() -> None:
    picture = read(saved(quarters(), "PNG"))
    assert picture.media_type == "image/png"
    assert opened(picture).tobytes() == quarters().tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_and_its_metadata_are_gone(orientation: int) -> None:
    back = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    held = quarters(4_000, 2_000)
    for turn in back.get(orientation, []):
        held = held.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "MakerOfTheCamera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    data = saved(held, "JPEG", exif=exif, comment=b"a comment", icc_profile=b"a profile" * 20)
    picture = read(data)
    assert b"MakerOfTheCamera" in data
    for trace in (b"Exif", b"MakerOfTheCamera", b"a comment", b"a profile"):
        assert trace not in picture.content
    assert (picture.width, picture.height) == (2_000, 1_000)
    assert close(corners(opened(picture)), COLOURS)


def test_a_profile_of_a_png_is_gone_too() -> None:
    data = saved(quarters(), "PNG", icc_profile=b"a profile" * 20)
    assert b"iCCP" in data
    assert b"iCCP" not in read(data).content


def test_a_cmyk_photo_has_its_colours() -> None:
    data = saved(quarters(400, 200).convert("CMYK"), "JPEG", quality=95)
    assert close(corners(opened(read(data))), COLOURS, 30)


@pytest.mark.parametrize("top", [65_535, 30_000])
def test_a_picture_with_16_bits_a_pixel_keeps_its_shades(top: int) -> None:
    image = Image.new("I;16", (40, 20), top)
    image.paste(0, (0, 0, 20, 20))
    shown = opened(read(saved(image, "PNG")))
    assert close([corners(shown)[0], corners(shown)[1]], ((0, 0, 0), (top // 257,) * 3))


def test_a_picture_of_real_numbers_is_shown_from_black_to_white() -> None:
    image = Image.new("F", (40, 20), -3.5)
    image.paste(12.0, (20, 0, 40, 20))
    shown = opened(read(saved(image, "TIFF")))
    assert corners(shown)[:2] == [(0, 0, 0), (255, 255, 255)]


def test_transparent_pixels_are_white() -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((10, 20, 30, 255), (0, 0, 20, 20))
    palette = image.quantize(16)
    for data in (saved(image, "PNG"), saved(palette, "PNG"), saved(image, "WEBP", lossless=True)):
        assert corners(opened(read(data)))[:2] == [(10, 20, 30), (255, 255, 255)]


def test_of_an_animation_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (40, 20), (number % 256, number // 256 * 99, 7)) for number in range(600)]
    animation = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:50], lossless=True)
    for data in (gif(frames), animation):
        assert close(corners(opened(read(data))), ((0, 0, 7),) * 4, 3)


def test_a_picture_of_one_pixel_and_one_of_one_row_are_read() -> None:
    assert read(saved(Image.new("RGB", (1, 1)), "PNG")).width == 1
    assert read(saved(Image.new("RGB", (9_000, 1)), "PNG")).height == 1


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(FileError) as raised:
        read(flat_png(9_000, 9_000)[:100])
    assert raised.value.problem is FileProblem.TOO_MANY_PIXELS


def test_a_picture_whose_copies_need_too_much_memory_has_too_many_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(image: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(pictures, "_smooth", full)
    with pytest.raises(FileError) as raised:
        read(saved(quarters(), "WEBP"))
    assert raised.value.problem is FileProblem.TOO_MANY_PIXELS


def test_as_many_pixels_as_are_allowed_are_read() -> None:
    assert read(flat_png(10_000, 5_000)).width == LONGEST_SIDE


def test_every_kind_of_picture_is_read() -> None:
    kinds = list(kinds_of_pictures())
    assert len(kinds) > 30
    assert [kind[:2] for kind in kinds if not isinstance(read(kind[2]), Picture)] == []
