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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A remark.\n\n---\n\nThe answer.", "A remark.\n\n────────────\n\nThe answer."),
        ("* * *\n> ___", "────────────\n> ────────────"),
        ("* ---", "* ────────────"),
        ("```\n---\n```", "```\n---\n```"),
        ("Title\n---", "Title\n---"),
        ("--- not one", "--- not one"),
    ],
)
def test_a_rule_is_drawn_where_the_platform_knows_none(text: str, shown: str) -> None:
    assert typeset(text) == shown
    assert typeset(text, tables=True) == text


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


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("- [ ] one\n- [x] two\n  - [X] three", "- ☐ one\n- ☑ two\n  - ☑ three"),
        ("1. [ ] one", "1. ☐ one"),
        ("words [x] stay", "words [x] stay"),
        ("See ![a cat](https://x.test/cat.png).", "See [a cat](https://x.test/cat.png)."),
        ("Here \\( x = \\frac{a}{b} \\) it is", "Here `x = \\frac{a}{b}` it is"),
        ("It costs $5 and $6, $x^2$ not", "It costs $5 and $6, `x^2` not"),
        (
            "So:\n\n\\[\n\\int_0^1 x\\,dx\n= 1\n\\]\n\nDone",
            "So:\n\n```\n\\int_0^1 x\\,dx\n= 1\n```\n\nDone",
        ),
        ("> $$\n> a^2\n> $$\n", "> ```\n> a^2\n> ```\n"),
        (
            "\\begin{align}\na &= b\n\\end{align}.\n",
            "```\n\\begin{align}\na &= b\n\\end{align}\n```\n",
        ),
        ("one<br>two<br/>", "one\ntwo"),
        ("> one<br>two", "> one\n> two"),
        ("`![a](b) <br> \\(x=1\\)`", "`![a](b) <br> \\(x=1\\)`"),
        ("```\n- [ ] $x^2$ <br>\n```", "```\n- [ ] $x^2$ <br>\n```"),
        ("\\\\(x=1\\\\) and \\[brackets\\]", "\\\\(x=1\\\\) and \\[brackets\\]"),
    ],
)
def test_what_a_platform_does_not_know_is_set_in_what_it_knows(markdown: str, shown: str, tables: bool) -> None:
    assert typeset(markdown, tables=tables) == shown


def test_fences_of_tildes_become_fences_of_backticks() -> None:
    assert typeset("~~~py\nx~\n~~~\nwords ~~~") == "```py\nx~\n```\nwords ~~~"
    assert typeset("- a\n\n  ~~~~\n  x\n  ~~~~\n") == "- a\n\n  ```\n  x\n  ```\n"
    assert typeset("~~~\nopen") == "```\nopen"


def test_tables_in_quotes_and_lists_stay_in_them() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    for before in ("> ", "  "):
        quoted = "\n".join(before + line for line in table.split("\n"))
        shown = typeset(quoted if before == "> " else f"- x\n\n{quoted}")
        assert f"{before}```\n{before}a | b\n{before}--+--\n{before}1 | 2\n{before}```" in shown


def test_where_there_are_tables_they_stay() -> None:
    text = "| a |\n|---|\n| b |\n\n#### Deep\n\n~~~\nx\n~~~"
    assert typeset(text, tables=True) == text
