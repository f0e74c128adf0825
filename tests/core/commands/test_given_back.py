"""The words of refused commands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.commands.given_back import with_words
from core.i18n import LANGUAGES, phrase
from core.values.events import ButtonPress, Command
from core.values.places import Person, Place
from core.values.ui import ImmediateReply

PLACE, ADA = Place("p", "T1", "C1"), Person("U1")
NO = ImmediateReply("No.", refused=True)
LONG = "a text that somebody wrote with care, and that nobody wants to write again"


def command(name: str = "ask", argument: str = "", **options: str) -> Command:
    return Command(name, PLACE, ADA, datetime(2026, 11, 23, tzinfo=UTC), argument, options)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_question_keeps_its_words(language: str) -> None:
    lead = phrase("words_given_back", language)
    for asked in (command(argument="why?"), command(question="why?"), command(question="why?", about=LONG)):
        assert with_words(NO, asked, language) == replace(NO, text=f"No.\n\n{lead}\n> why?")


def test_other_texts_are_given_back_where_they_are_long() -> None:
    assert with_words(NO, command("prompt", LONG), "en").text.endswith(f"\n> {LONG}")
    assert with_words(NO, command("settings", set_prompt=LONG), "en").text.endswith(f"\n> {LONG}")
    for short in (command("prompt", "be kind"), command("summarize", "last 5"), command("nothing", LONG)):
        assert with_words(NO, short, "en") is NO


def test_the_reason_that_a_form_held_is_given_back() -> None:
    press = ButtonPress("reason", 1, PLACE, ADA, text="it is wrong")
    assert with_words(NO, press, "en").text.endswith("> it is wrong")
    assert with_words(NO, replace(press, text=""), "en") is NO


def test_an_accepted_command_and_a_refusal_for_all_repeat_nothing() -> None:
    for reply in (ImmediateReply("Done."), replace(NO, whisper=False)):
        assert with_words(reply, command(argument="why?"), "en") is reply


def test_very_many_words_are_cut_and_marked() -> None:
    text = with_words(NO, command(question="why?" * 5_000), "en").text
    assert len(text) < 6_200
    assert text.endswith(phrase("text_cut", "en", n=20_000))
