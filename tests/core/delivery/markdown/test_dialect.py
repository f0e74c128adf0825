from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery.markdown.dialect import typeset, width


def test_columns_stand_under_each_other_also_where_letters_are_wide() -> None:
    shown = typeset("Here:\n| 名前 | count |\n|---|--:|\n| 東京タワー | 3 |\n| x | 12345 |\n\nDone.")
    assert shown == (
        "Here:\n```\n名前       | count\n-----------+------\n東京タワー |     3\nx          | 12345\n```\n\nDone."
    )
    table = shown.split("```")[1].strip().split("\n")
    assert {width(line[: line.index("|")]) for line in table if "|" in line} == {11}


def test_code_is_left_alone() -> None:
    code = "```\n| a | b |\n|---|---|\n#### no heading\n```"
    assert typeset(code) == code


def test_a_table_that_is_too_wide_for_code_stays_markdown() -> None:
    table = f"| a | b |\n|---|---|\n| {'x' * 150} | y |"
    assert typeset(table) == table


def test_marks_in_cells_go_and_escaped_bars_stay() -> None:
    assert "x | y" in typeset("| **a** | `b` |\n|---|---|\n| x | y |")
    assert "a|b" in typeset("| n |\n|---|\n| a\\|b |")


def test_deep_headings_are_bold() -> None:
    assert typeset("#### Details ####\ntext") == "**Details**\ntext"


@given(
    st.lists(st.sampled_from(["| a | b |", "|---|---|", "words", "", "| 世界 |", "```", "a | b"]), max_size=12)
)
def test_no_word_is_lost(lines: list[str]) -> None:
    text = "\n".join(lines)
    for word in ("a", "b", "words", "世界"):
        assert typeset(text).count(word) >= (text.count(word) > 0)


NESTED = "````markdown\n# T\n```bash\n#### build\nmake\n| a | b |\n|---|---|\n| 1 | 2 |\n```\n````"


@pytest.mark.parametrize(
    "code",
    [
        NESTED,
        NESTED.replace("````", "~~~~~"),
        "1. Run it:\n\n    ```sh\n    #### build\n    | a | b |\n    |---|---|\n    ```",
        "~~~\n```\n#### x\n~~~",
        "```\n#### open",
        "```\n~~~\n| a | b |\n|---|---|\n```",
    ],
)
def test_code_in_nested_and_longer_fences_is_left_alone(code: str) -> None:
    assert typeset(code) == code
    assert typeset(f"#### Head\n{code}") == f"**Head**\n{code}"


def test_what_follows_code_is_set_again() -> None:
    assert typeset(f"{NESTED}\n#### Head") == f"{NESTED}\n**Head**"
    assert typeset("    ```\n#### Head\n") == "    ```\n**Head**\n", "indented that far, it opens nothing"


def test_a_heading_without_words_stays() -> None:
    assert typeset("#### ####\n#### #\n####") == "#### ####\n#### #\n####"
