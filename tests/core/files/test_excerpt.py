"""A long text keeps its beginning and its end."""

import re

from hypothesis import given
from hypothesis import strategies as st

from core.files.excerpt import LONGEST, Excerpt, converted_excerpt, excerpt
from core.redaction import Secrets

_MARK = re.compile(r"\n\[\.\.\. ([\d,]+) characters left out \.\.\.\]\n")
TEXTS = st.builds(
    lambda lines, times: "\n".join(lines * times),
    st.lists(st.text("ab 界😀", max_size=90), min_size=1, max_size=20),
    st.integers(1, 400),
)


def test_a_short_text_is_whole() -> None:
    assert excerpt("one\ntwo") == "one\ntwo"


def test_a_table_of_a_million_lines_keeps_its_header_and_its_last_line() -> None:
    text = "id,name\n" + "".join(f"{number},somebody\n" for number in range(1_000_000))
    kept = excerpt(text)
    assert kept.startswith("id,name\n0,somebody\n")
    assert kept.endswith("\n999999,somebody\n")
    assert all(re.fullmatch(r"\d+,somebody", line) for line in kept.splitlines()[1:] if "left out" not in line)


@given(TEXTS)
def test_what_is_left_out_is_counted(text: str) -> None:
    kept = excerpt(text)
    assert len(kept.encode()) <= LONGEST
    if (found := _MARK.search(kept)) is None:
        assert kept == text
    else:
        first, last = kept[: found.start()], kept[found.end() :]
        assert text.startswith(first)
        assert text.endswith(last)
        assert len(first) + int(found[1].replace(",", "")) + len(last) == len(text)
        assert len(first.encode()) > LONGEST / 4
        assert len(last.encode()) > LONGEST / 8


@given(TEXTS)
def test_a_text_that_comes_in_lines_is_cut_alike(text: str) -> None:
    lines = Excerpt()
    for line in text.split("\n"):
        lines.add(line)
    assert lines.size == len(text) + 1
    assert lines.text() == excerpt(f"{text}\n")


def test_a_text_of_one_line_is_cut_anywhere() -> None:
    assert re.fullmatch(r"x{20000}\n\[.* 70,100 .*\]\nx{9900}", excerpt("x" * 100_000))


@given(st.integers(0, 5_000), st.integers(1_000, 2_000))
def test_of_a_long_text_only_the_ends_are_converted_and_all_that_is_left_out_is_counted(
    length: int, limit: int
) -> None:
    converted = list[int]()

    def convert(text: str) -> str:
        converted.append(len(text))
        return text

    said = converted_excerpt("é" * length, limit, convert)
    assert said == excerpt("é" * length, limit)
    assert sum(converted) <= 4 * limit


def test_no_part_of_a_secret_is_kept_where_a_long_text_is_cut() -> None:
    secret = "key-0123456789abcdef"
    secrets = Secrets([secret])
    for shift in range(len(secret)):
        said = converted_excerpt("x" * shift + secret * 10_000, 1_000, secrets.cut_from)
        assert not any(secrets.give_away(run) for run in re.findall("[a-z0-9-]+", said))
        assert len(said.encode()) <= 1_000
