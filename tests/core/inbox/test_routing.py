from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.inbox.routing import classify
from core.settings.channel import Listen
from core.values.conversation import Ask
from core.values.events import Outcome
from core.values.places import Person, Place
from core.values.tasks import ReportUsage, Summarize

AT = datetime(2026, 1, 1, tzinfo=UTC)
ASK = Ask("1", Place("slack", "T1", "C1", "1"), Person("U1", "Ada"), "hello", AT)
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
        (replace(ASK, author=BOT, task=ReportUsage(AT, AT)), False, Outcome.TURN),
        (replace(ASK, text=""), True, Outcome.WORDLESS),
        (replace(ASK, text=" \u200b\n", to_others=True), True, Outcome.WORDLESS),
        (replace(ASK, text="", author=BOT, addressed=True), True, Outcome.WORDLESS),
        (replace(ASK, text="", addressed=True), False, Outcome.TURN),
    ],
)
def test_who_is_answered(ask: Ask, joined: bool, outcome: Outcome) -> None:
    assert classify(ask, AT if joined else None) is outcome


@pytest.mark.parametrize(
    ("ask", "joined", "listen", "outcome"),
    [
        (ASK, False, Listen.ALL, Outcome.TURN),
        (replace(ASK, to_others=True), False, Listen.ALL, Outcome.NOT_ADDRESSED),
        (replace(ASK, to_others=True), True, Listen.ALL, Outcome.NOTED),
        (replace(ASK, author=BOT), False, Listen.ALL, Outcome.BOT),
        (ASK, False, Listen.FORUM, Outcome.TURN),
        (replace(ASK, id="2"), False, Listen.FORUM, Outcome.NOT_ADDRESSED),
        (replace(ASK, id="2"), True, Listen.FORUM, Outcome.TURN),
        (replace(ASK, id="2", addressed=True), False, Listen.FORUM, Outcome.TURN),
        (replace(ASK, addressed=True), True, Listen.OFF, Outcome.OFF),
        (replace(ASK, addressed=True, task=Summarize(False, 500)), True, Listen.OFF, Outcome.OFF),
        (replace(ASK, task=ReportUsage(AT, AT)), False, Listen.OFF, Outcome.TURN),
    ],
)
def test_where_it_listens(ask: Ask, joined: bool, listen: Listen, outcome: Outcome) -> None:
    assert classify(ask, AT if joined else None, listen) is outcome


@pytest.mark.parametrize(
    ("seconds", "listen", "outcome"),
    [
        (-1, Listen.MENTIONS, Outcome.NOTED),
        (0, Listen.MENTIONS, Outcome.TURN),
        (1, Listen.MENTIONS, Outcome.TURN),
        (-1, Listen.ALL, Outcome.TURN),
    ],
)
def test_words_from_before_the_first_question_are_context_whenever_they_arrive(
    seconds: int, listen: Listen, outcome: Outcome
) -> None:
    assert classify(replace(ASK, at=AT + timedelta(seconds=seconds)), AT, listen) is outcome
