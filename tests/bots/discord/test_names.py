"""The name of a thread shows what its question shows, and nothing that it hides."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.names import HIDDEN, NAME_LIMIT, question_to_name


@pytest.mark.parametrize(
    "question",
    [
        "C# or F#: which for issue #42, snake_case or a*b > 3?",
        "why is 2*3*4 not 2**3**4?",
        "what do *args and **kwargs mean?",
        "a || b, or a | b?",
        "about ~5 files of _private or __name",
        "[draft] (old) a_b_c",
        "https://x.test/a_b_c*d*?q=#top and f(x) > 3",
        "at <t:1700000000:R>, 3 * 4 * 5",
        "C:\\Users\\ada",
        "x < y > z",
        "50% of #general & @Bo",
    ],
)
def test_signs_that_format_nothing_stay(question: str) -> None:
    assert question_to_name(question, "Ada") == question


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("**Why** is it *so* _slow_, __really__ ~~slow~~?", "Why is it so slow, really slow?"),
        ("***both*** and **_nested_**", "both and nested"),
        ("# Title\n> quoted\n-# small", "Title quoted small"),
        ("what does `a_b * c_d || e` do?", "what does a_b * c_d || e do?"),
        ("``a ` b``", "a ` b"),
        ("```python\nx = **y**\n```", "x = **y**"),
        ("see [the *docs*](https://x.test/a_b) or <https://y.test/_z_>", "see the docs or https://y.test/_z_"),
        ("**https://x.test/a**", "https://x.test/a"),
        (r"2 \* 3 and \||not hidden\||", "2 * 3 and ||not hidden||"),
    ],
)
def test_formatting_goes(question: str, name: str) -> None:
    assert question_to_name(question, "Ada") == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("is it true that ||the gardener did it||?", f"is it true that {HIDDEN}?"),
        ("||**a**|| or ||b\n\nc|| or d||", f"{HIDDEN} or {HIDDEN} or d||"),
        ("**who is ||he||?**", f"who is {HIDDEN}?"),
        ("||https://x.test/secret||", HIDDEN),
        ("||`secret||` and ||`more||", f"{HIDDEN} and ||more||"),
        ("|||x||", HIDDEN),
        ("x" * 80 + " ||the gardener did it " + "y" * 80 + "||", "x" * 80 + f" {HIDDEN}"),
    ],
)
def test_what_is_hidden_in_the_question_is_hidden_in_the_name(question: str, name: str) -> None:
    assert question_to_name(question, "Ada") == name


@given(st.text(), st.text(min_size=1))
def test_a_thread_has_a_name_of_one_line_that_fits(question: str, otherwise: str) -> None:
    name = question_to_name(question, otherwise)
    assert 0 < len(name) <= NAME_LIMIT
    assert name == otherwise[:NAME_LIMIT] or "\n" not in name


def test_a_long_question_is_cut_at_a_word() -> None:
    name = question_to_name("What is the airspeed velocity of an unladen swallow " * 3, "Ada")
    assert name.endswith("…")
    assert name[:-1].split(" ")[-1] in [
        "What",
        "is",
        "the",
        "airspeed",
        "velocity",
        "of",
        "an",
        "unladen",
        "swallow",
    ]
    assert len(question_to_name("x" * 300, "Ada")) == NAME_LIMIT


def test_a_question_without_words_takes_the_persons_name() -> None:
    assert question_to_name(" \n\u200b\u3164", "Ada") == "Ada"


@pytest.mark.parametrize(
    "piece", ["*", "_", "`", "|", "||", "[", "](", "\\", "> ", "# ", "*a", "_ ", "`` ", "http://"]
)
def test_a_name_takes_time_in_proportion_to_its_question(piece: str) -> None:
    def took_s(size: int) -> float:
        question, began = piece * (size // len(piece)), time.process_time()
        question_to_name(question, "Ada")
        return time.process_time() - began

    took_s(10_000)
    short, long = min(took_s(10_000) for _ in range(3)), min(took_s(100_000) for _ in range(3))
    assert long < 40 * short + 0.01
