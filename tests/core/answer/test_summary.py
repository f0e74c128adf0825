from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.answer.prompt import LEFT_OUT
from core.answer.summary import Scope, build_summary, scope_of, within
from core.types import Ask, Entry, Person, Place, Task

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = Person("U1", "Ada")


def ask(text: str) -> Ask:
    return Ask("c1", Place("slack", "T1", "C1", "1"), ADA, text, NOON, task=Task.SUMMARY)


def line(id: str, text: str = "words", ago_s: float = 0, *, mine: bool = False, anchor: str = "") -> Entry:
    return Entry(id, ADA, text, NOON - timedelta(seconds=ago_s), mine=mine, anchor=anchor)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("/summarize of:thread", Scope(False, 500, None)),
        ("/summarize of:channel", Scope(True, 100, None)),
        ("/summarize last:20 of:channel", Scope(True, 20, None)),
        ("/summarize hours:3.0 of:channel", Scope(True, 500, NOON - timedelta(hours=3))),
        ("/summarize of:channel since:2026-01-01T11:00:00+00:00", Scope(True, 500, NOON - timedelta(hours=1))),
    ],
)
def test_the_turn_says_what_to_sum_up(text: str, scope: Scope) -> None:
    assert scope_of(ask(text)) == scope


def test_only_what_was_said_within_it_counts_not_the_command() -> None:
    lines = [line("1", ago_s=90), line("2", ago_s=60), line("3", ago_s=30), line("4", " "), line("c1")]
    lines.append(line("a", "an older summary", mine=True, anchor="c1"))
    scope = Scope(False, 500, NOON - timedelta(seconds=60))
    assert [one.id for one in within(lines, scope, ask(""))] == ["2", "3"]
    assert [one.id for one in within(lines, Scope(False, 1, None), ask(""))] == ["3"]


def test_the_model_is_given_who_said_what_when_and_the_language() -> None:
    lines = [line("1", "Ship on Monday?", 60), line("2", "Yes.", mine=True, anchor="1")]
    prompt = build_summary(lines, "zh", window_tokens=8_000, answer_tokens=1_000)
    system, said = prompt.messages
    assert "Simplified Chinese" in system.content
    assert said.content == "[2026-01-01 11:59] Ada: Ship on Monday?\n[2026-01-01 12:00] Parley: Yes."


def test_the_oldest_goes_where_it_is_too_much_and_the_model_is_told() -> None:
    lines = [line(str(number), f"number {number} " + "words " * 100) for number in range(50)]
    prompt = build_summary(lines, "en", window_tokens=3_000, answer_tokens=1_000)
    assert "number 49" in prompt.messages[1].content
    assert "number 0 " not in prompt.messages[1].content
    assert LEFT_OUT in prompt.messages[0].content
    assert prompt.estimate_tokens < 2_000
