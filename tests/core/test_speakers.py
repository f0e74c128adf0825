"""Labels of people, and texts that begin like another's: linear in their length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.speakers import labels, set_off
from core.values.places import Person


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=20)), unique_by=lambda pair: pair[0]))
def test_no_two_people_share_a_label_and_each_is_one_line_without_a_colon(
    people: list[tuple[str, str]],
) -> None:
    known = labels(Person(f"U{number}", name) for number, (_, name) in enumerate(people))
    assert len(set(known.values())) == len(people)
    for label in known.values():
        assert len(label.splitlines()) == 1
        assert ":" not in label


@pytest.mark.parametrize("name", ["System", "assistant", "ＳＹＳＴＥＭ", "Sys\u200dtem", "系统", "Parley"])
def test_a_name_that_is_a_role_is_told_apart_from_the_role(name: str) -> None:
    assert labels([Person("U1", name)]) == {"U1": f"{name} (U1)"}


def test_a_name_that_comes_late_renames_earlier_lines_and_an_unknown_name_renames_nothing() -> None:
    assert labels([Person("U1", "U1"), Person("U1", "Ann"), Person("U1", "U1")]) == {"U1": "Ann"}
    assert labels([Person("U1", "Ann"), Person("U1", "Anna")]) == {"U1": "Anna"}
    assert labels([Person("U1", "U1"), Person("U1", "")]) == {"U1": "U1"}


@pytest.mark.parametrize("piece", ["Ada: x\n", "\n", ":" * 50, "x", "\u2028", "a\u0301:\r", "*" * 500 + "\n"])
def test_setting_words_off_adds_at_most_two_characters_a_line(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    known = [f"Person {number}" for number in range(400)] + ["Ada"]
    found = set_off(text, known)
    assert len(found) <= len(text) + 2 * len(text.splitlines())
    assert found.replace("> ", "") == text.replace("> ", "")
