"""What is handed over, cut where it must be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.commands.papers import history, newest, person_file, thread_file
from core.phrases import LANGUAGES, say
from core.ports import Change, Tally
from core.types import Entry, Person, Place

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINES = [
    Entry(str(number), Person("1", "Ada"), f"line {number} 猫 " * 20, NOON + timedelta(minutes=number))
    for number in range(50)
]


def test_the_newest_part_of_a_thread_is_whole_lines_and_its_end() -> None:
    whole = thread_file(LINES, "en")
    part = newest(whole, 2_000)
    assert 1_000 < len(part.content) <= 2_000
    assert whole.content.endswith(part.content)
    assert part.content.startswith(b"**Ada**")
    assert newest(whole, len(whole.content)) == whole


def test_the_newest_part_of_a_persons_data_is_still_readable_and_has_their_usage() -> None:
    whole = person_file([(Place("discord", "1", "2"), line) for line in LINES], Tally(questions=50))
    part = json.loads(newest(whole, 2_000).content)
    assert part["usage"]["questions"] == 50
    assert 1 < len(part["lines"]) < 50
    assert part["lines"] == json.loads(whole.content)["lines"][-len(part["lines"]) :]


def test_the_last_line_is_never_cut_away() -> None:
    assert "line 49" in newest(thread_file(LINES, "en"), 1).content.decode()
    assert (
        "line 49"
        in newest(person_file([(Place("d", "1", "2"), one) for one in LINES], Tally()), 1).content.decode()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_history_does_not_tell_the_id_of_somebody_who_was_forgotten(language: str) -> None:
    change = Change(Place("slack", "T1", "C1"), "temperature", None, "1", Person("U123"), NOON)
    told = history([change], language)
    assert f" · {say('history_somebody', language)} · " in told
    assert "U123" not in told
