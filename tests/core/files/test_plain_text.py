"""Text in the encodings that people's programs write."""

import random

import pytest

from core.files.plain_text import decode

GERMAN = "Die Prüfung für Jürgen Müller: größer als je. Straße, Tür, Öl, Übung; süß.\n" * 3
FRENCH = "Le café où l'élève a mangé était fermé à Noël. Ça, c'était déjà vu, garçon.\n" * 3
CHINESE = "会议纪要：下周三之前完成数据库迁移，负责人是王小明。\n" * 3
TRADITIONAL = "會議紀要：下週三之前完成資料庫遷移，負責人是王小明。\n" * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((CHINESE, one) for one in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk", "gb2312")),
        (TRADITIONAL, "gb18030"),
        *((GERMAN, one) for one in ("utf-8", "latin-1", "utf-16", "utf-16-le", "utf-16-be")),
        *((FRENCH, one) for one in ("utf-8", "latin-1")),
        ("x = 1\nprint(x)\n", "utf-16-le"),
        ("{}", "ascii"),
        ("\x1b[32mok\x1b[0m done\n", "ascii"),
        ("", "ascii"),
    ],
)
def test_usual_encodings_are_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("mark", ["fffe", "feff"])
def test_both_orders_of_utf_16_are_read(mark: str) -> None:
    encoding = "utf-16-le" if mark == "fffe" else "utf-16-be"
    assert decode(bytes.fromhex(mark) + CHINESE.encode(encoding)) == CHINESE


def test_line_ends_of_every_system_are_one() -> None:
    assert decode(b"a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_a_log_cut_inside_a_character_is_still_utf_8() -> None:
    assert decode(CHINESE.encode()[1:-2]) == f"\ufffd\ufffd{CHINESE[1:-2]}\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        random.Random(1).randbytes(5_000),
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"text" * 50,
        b"text\x00text",
        bytes(100),
        b"\x01\x02\x03\x04 some text",
    ],
    ids=["random", "program", "null", "nulls", "controls"],
)
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    assert decode(data) is None
