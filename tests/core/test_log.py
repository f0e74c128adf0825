"""Lines of the log: one line an event, no secret, nothing that a terminal obeys."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from core.log import LONGEST_FIELD, redact

WRITE = """
import logging, sys
import structlog
from core.log import configure
configure(sys.argv[1], ["our-own-secret"])
log = structlog.get_logger()
place = "a\\nb\\u2028c\\u202ed\\x85e"
log.info("command", name="\\x1b[31mFAKE", place=place, key="x our-own-secret y", n=3, parts=["\\x1b[0m"])
try:
    raise ValueError("first\\n2026-11-28T00:00:00Z [info] forged \\x1b[31m")
except ValueError:
    log.exception("failed")
logging.getLogger("library").warning("said \\x1b[31m%s", "red\\nforged")
log.info("long", text="x" * 10_000)
log.info("chinese", text="你好")
"""


def written(style: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", WRITE, style], capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stderr.split("\n")[:-1]


@pytest.fixture(scope="module", params=["text", "json"])
def lines(request: pytest.FixtureRequest) -> list[str]:
    return written(request.param)


def test_no_line_holds_what_a_terminal_obeys(lines: list[str]) -> None:
    for line in lines:
        assert line.isprintable(), line


def test_no_secret_is_written(lines: list[str]) -> None:
    assert "our-own-secret" not in "".join(lines)


def test_letters_of_every_language_stay(lines: list[str]) -> None:
    assert any("你好" in line for line in lines)


def test_words_of_others_begin_no_line(lines: list[str]) -> None:
    assert not any(line.startswith(("b", "c", "forged", "2026-11-28T00:00:00Z")) for line in lines)
    assert not any(line.lstrip().startswith("forged") for line in lines)


def test_a_long_field_is_cut_and_says_so(lines: list[str]) -> None:
    (long,) = (line for line in lines if "xxxx" in line)
    assert len(long) < LONGEST_FIELD + 200
    assert "10000 characters" in long


def test_json_lines_are_json() -> None:
    events = [json.loads(line)["event"] for line in written("json")]
    assert events[:2] == ["command", "failed"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:hidden@host/db", "postgresql://me:[redacted]@host/db"),
        ("sqlite:///x.db?password=hidden&timeout=1", "sqlite:///x.db?password=[redacted]&timeout=1"),
        ("https://host/v1?api-key=hidden", "https://host/v1?api-key=[redacted]"),
        ("https://host/v1?x=1&access_token=hidden#a", "https://host/v1?x=1&access_token=[redacted]"),
        ("postgresql://me:hid@den:x@host/db", "postgresql://me:[redacted]@host/db"),
        ("postgresql://host/db?sslpassword=hid/d@en&x=1", "postgresql://host/db?sslpassword=[redacted]&x=1"),
        ("https://host/v1?client_secret=hidden", "https://host/v1?client_secret=[redacted]"),
        ("https://host/v1?subscription-key=hidden", "https://host/v1?subscription-key=[redacted]"),
        ("https://host/#id_token=hidden", "https://host/#id_token=[redacted]"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("http://127.0.0.1:8080/livez", "http://127.0.0.1:8080/livez"),
        ("https://host/openai/v1?api-version=preview", "https://host/openai/v1?api-version=preview"),
        ("Bearer abcdefgh", "Bearer [redacted]"),
    ],
)
def test_no_secret_of_an_address_is_shown(text: str, shown: str) -> None:
    assert redact(text) == shown
