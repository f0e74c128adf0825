"""Earlier answers as a model reads them: lines of JSON within a size, whatever is in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.citations import shown_mark
from core.memory.source_text import MOST_BYTES, MOST_CANDIDATES, block, candidates, question_title
from core.values.memory import EarlierAnswer
from tests.core.memory.rig import AT, BEN, PLACE

ONE = EarlierAnswer(1, PLACE, "q1", BEN, AT, "Where is the key?", "In the safe.")
YEAR = timedelta(days=365)


def numbered(*some: EarlierAnswer) -> list[tuple[int, EarlierAnswer]]:
    return list(enumerate(some, 1))


def test_a_candidate_is_its_number_date_question_and_answer() -> None:
    (line,) = candidates(numbered(ONE), "xkq", AT, YEAR)
    assert json.loads(line) == {
        "cite": "[xkq1]",
        "on": "2026-11-01",
        "question": "Where is the key?",
        "answer": "In the safe.",
    }


def test_an_old_one_says_so() -> None:
    (line,) = candidates(numbered(ONE), "xkq", AT + YEAR + timedelta(seconds=1), YEAR)
    assert json.loads(line)["old"] is True


@pytest.mark.parametrize("words", ["why so? " * 300, "为什么呢？" * 300])
def test_long_ones_are_shortened_to_the_size_of_all(words: str) -> None:
    long = replace(ONE, question=words, answer=words)
    lines = candidates(numbered(*[long] * 20), "xkq", AT, YEAR)
    assert len(lines) >= 5
    assert sum(len(line.encode()) + 1 for line in lines) <= MOST_BYTES
    assert all(len(json.loads(line)["answer"]) > 10 for line in lines)


def test_eight_short_ones_are_all_offered_and_no_more() -> None:
    assert len(candidates(numbered(*[ONE] * 20), "xkq", AT, YEAR)) == MOST_CANDIDATES


@given(st.text(max_size=400), st.text(max_size=3_000), st.integers(1, 12))
def test_no_text_ends_its_line_or_the_size(question: str, answer: str, number: int) -> None:
    lines = candidates(numbered(*[replace(ONE, question=question, answer=answer)] * number), "xkq", AT, YEAR)
    text = "\n".join(lines)
    assert len(text.encode("utf-8", "replace")) <= MOST_BYTES
    assert text.splitlines() == lines
    assert [json.loads(line)["cite"] for line in lines] == [f"[xkq{at}]" for at in range(1, len(lines) + 1)]


def test_the_block_says_how_to_cite_one_of_its_lines() -> None:
    text = block(candidates([(4, ONE)], "xkq", AT, YEAR), "[xkq4]")
    assert "such as [xkq4]" in text
    assert text.splitlines()[-1].startswith('{"cite": "[xkq4]"')


def test_a_candidate_has_no_citations_of_its_own() -> None:
    cites = f"In the safe {shown_mark(3)}, list [5]."
    (line,) = candidates(numbered(replace(ONE, question=f"Is it {cites}?", answer=cites)), "xkq", AT, YEAR)
    assert json.loads(line)["question"] == "Is it In the safe, list [5].?"
    assert json.loads(line)["answer"] == "In the safe, list [5]."


def test_a_candidate_of_whose_question_nothing_fits_is_left_out() -> None:
    long = replace(ONE, question="字" * 300, answer="字" * 300)
    for number in range(1, 9):
        for line in candidates(numbered(*[long] * number), "xkq", AT, YEAR):
            assert json.loads(line)["question"] != "…"


def test_a_title_is_one_line() -> None:
    assert (
        question_title(replace(ONE, question="# Where\n\nis it? " + "x" * 200)) == f"# Where is it? {'x' * 64}…"
    )
    assert question_title(replace(ONE, question=" ")) == "…"
    for unseen in "\u3164\u2800\ufe0f":
        assert question_title(replace(ONE, question=unseen)) == "…"
