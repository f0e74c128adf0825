from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.intake.rules import decide
from core.types import Ask, Outcome, Person, Place

ASK = Ask("1", Place("slack", "T1", "C1", "1"), Person("U1", "Ada"), "hello", datetime(2026, 1, 1, tzinfo=UTC))
BOT = Person("B9", "Other bot", bot=True)


@pytest.mark.parametrize(
    ("ask", "joined", "outcome"),
    [
        (ASK, False, Outcome.NOT_ADDRESSED),
        (ASK, True, Outcome.TURN),
        (replace(ASK, addressed=True), False, Outcome.TURN),
        (replace(ASK, to_others=True), True, Outcome.NOTED),
        (replace(ASK, author=BOT, addressed=True), False, Outcome.BOT),
        (replace(ASK, author=BOT, addressed=True), True, Outcome.NOTED),
    ],
)
def test_who_is_answered(ask: Ask, joined: bool, outcome: Outcome) -> None:
    assert decide(ask, joined) is outcome
