"""Suggestions while a command is typed."""

import pytest

from bots.web.suggestions import Suggestion, names, typing
from core.commands import COMMANDS
from core.values.ui import Choice

MODELS = {"name": [Choice("small", "small"), Choice("large", "large")]}


def labels(text: str, language: str = "en", values: dict[str, list[Choice]] | None = None) -> list[str]:
    typed = typing(text)
    found = typed.suggestions(values or {}, language) if typed else names(text, language)
    return [one.label for one in found]


def test_a_slash_alone_offers_every_command_with_what_it_does() -> None:
    assert labels("/") == [f"/{name}" for name in COMMANDS]
    assert names("/mod", "en") == [Suggestion("/model ", "/model", "See or choose the model")]
    assert names("/mod", "zh")[0].about == "查看或选择模型"


@pytest.mark.parametrize("text", ["", "model", "a /model", "/nothing", "//", "/model\nx"])
def test_what_begins_no_command_offers_nothing(text: str) -> None:
    assert labels(text) == []


def test_a_command_is_found_by_its_name_in_any_language_and_kept_as_it_was_written() -> None:
    assert [one.text for one in names("/模", "en")] == ["/模型 "]
    assert labels("/模型 ", "zh", MODELS)[:2] == ["small", "large"]


def test_nothing_is_typed_behind_what_takes_no_words() -> None:
    assert names("/help", "en")[0].text == "/help"
    assert labels("/help ") == []


def test_the_word_that_is_typed_is_replaced_and_what_stands_before_it_stays() -> None:
    typed = typing("/summarize channel 3")
    assert typed is not None
    assert (typed.head, typed.begun, dict(typed.given)) == ("/summarize channel ", "3", {"of": "channel"})
    offered = typing("/usage we")
    assert offered is not None
    assert [one.text for one in offered.suggestions({}, "en")] == ["/usage week "]


EXPORTED = ["day", "week", "month", "csv", "json"]


def test_choices_are_offered_by_value_or_label_and_only_until_one_is_there() -> None:
    assert labels("/export ") == ["thread", "me", "usage", *EXPORTED]
    assert labels("/export usage ") == EXPORTED
    assert labels("/export usage week json ") == []
    assert labels("/export 我", "zh") == ["me"]
    assert labels("/summarize ") == ["last:", "hours:", "thread", "channel"]


@pytest.mark.parametrize(
    ("language", "meanings"),
    [("en", ["Today", "This week", "This month"]), ("zh", ["今天", "本周", "本月"])],
)
def test_each_period_has_a_meaning_of_its_own(language: str, meanings: list[str]) -> None:
    typed = typing("/usage ")
    assert typed is not None
    assert [one.about for one in typed.suggestions({}, language)] == meanings


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("text", ["/usage ", "/export ", "/forget ", "/summarize "])
def test_no_two_values_of_a_command_have_the_same_meaning(text: str, language: str) -> None:
    typed = typing(text)
    assert typed is not None
    meanings = [one.about for one in typed.suggestions({}, language)]
    assert len(set(meanings)) == len(meanings)


def test_models_come_from_the_core() -> None:
    typed = typing("/model la")
    assert typed is not None
    assert [option.name for option in typed.asked] == ["name"]
    assert labels("/model ", values=MODELS) == ["small", "large"]


def test_a_settings_value_is_asked_for_once_its_name_is_there() -> None:
    nameless, named = typing("/settings "), typing("/settings language ")
    assert nameless is not None
    assert named is not None
    assert nameless.asked == ()
    assert [option.name for option in named.asked] == ["value"]
    assert named.given == {"name": "language"}
    temperature = next(one for one in nameless.suggestions({}, "en") if one.label == "temperature")
    assert temperature.about == "randomness, a number from 0 to 2"


def test_nothing_is_offered_that_is_about_channels_or_other_people() -> None:
    assert {"rate", "person_budget", "time_zone", "guests", "strangers", "allow", "deny"} & set(
        labels("/settings ")
    ) == set()
    assert labels("/usage ") == ["day", "week", "month"]


def test_words_that_belong_to_a_question_are_left_alone() -> None:
    assert labels("/ask what is a model ") == []
    assert labels("/prompt Answer in ") == []
    assert labels("/prompt ") == []
