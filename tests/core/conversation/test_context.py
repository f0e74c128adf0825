from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.conversation.context import readable
from core.values.conversation import Ask, ThreadMessage
from core.values.places import Person, Place

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BEN, PARLEY = Person("1", "Ann"), Person("2", "Ben"), Person("", "Parley", bot=True)


def line(id: str, author: Person, *, answers: str = "") -> ThreadMessage:
    return ThreadMessage(id, author, f"line {id}", NOON, mine=author is PARLEY, anchor=answers)


LINES = [line("a", BEN), line("b", ANN), line("c", PARLEY, answers="b"), line("d", BEN), line("e", ANN)]


def ask(by: Person, *, may_read: bool) -> Ask:
    place = Place("discord", "100", "200", "300")
    return Ask("e", place, replace(by, may_read=may_read), "line e", NOON, addressed=True)


@pytest.mark.parametrize(
    ("by", "may_read", "seen"),
    [(ANN, True, "abcde"), (ANN, False, "bcde"), (BEN, False, "abcde"), (Person("3"), False, "")],
)
def test_without_the_right_to_read_on_a_thread_begins_with_the_askers_first_line(
    by: Person, may_read: bool, seen: str
) -> None:
    assert "".join(one.id for one in readable(LINES, ask(by, may_read=may_read))) == seen
