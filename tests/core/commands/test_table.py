"""The table: what a platform is given to register is complete, in every language."""

from __future__ import annotations

import re

import pytest

from bots import discord, slack, web
from core.commands import COMMANDS, MENUS, Kind, Spec, choices, example, press_form, spec_on
from core.commands.parser import options_of
from core.i18n import LANGUAGES, phrase
from core.settings.channel import SETTINGS

# https://docs.discord.com/developers/interactions/application-commands#application-command-object
NAME = re.compile(r"[-_\w]{1,32}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_every_command_has_a_name_and_says_what_it_does(spec: Spec, language: str) -> None:
    keys = [(spec.option_key(option), spec.option_about(option)) for option in spec.shown]
    for key, about in [(spec.key, f"{spec.key}_about"), *keys]:
        name = phrase(key, language)
        assert NAME.fullmatch(name), name
        assert name == name.lower()
        assert 1 <= len(phrase(about, language)) <= 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_names_are_the_same(language: str) -> None:
    names = [phrase(spec.key, language) for spec in COMMANDS.values()]
    assert len(set(names)) == len(names)
    for spec in COMMANDS.values():
        options = [phrase(spec.option_key(option), language) for option in spec.shown]
        assert len(set(options)) == len(options)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_choice_and_setting_is_called_something(language: str) -> None:
    for traits in (slack.TRAITS, discord.TRAITS, web.TRAITS):
        options = [option for name in COMMANDS for option in spec_on(name, traits).shown]
        many = {option.name for option in options if len(option.choices) > 25}
        assert many <= {"name"}, "of more than 25 Discord suggests those that fit what is typed"
    for spec in COMMANDS.values():
        for option in spec.shown:
            labels = [choice.label for choice in choices(option, language)]
            assert len(set(labels)) == len(option.choices)
            assert all(1 <= len(label) <= 100 for label in labels)
    for name, setting in SETTINGS.items():
        assert phrase(f"setting_{name}", language)
        assert setting.choices or phrase(f"setting_{name}_about", language)
        assert all(f"choice_{choice}" in LANGUAGES[language] for choice in setting.choices)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_what_help_shows_behind_a_command_can_be_typed_like_that(spec: Spec, language: str) -> None:
    shown = example(spec, language)
    words = re.findall(r"\[([^\]]+)\]", shown) or shown.split()
    for option in (one for one in spec.shown if not one.named):
        word = words.pop(0)
        name = f"{phrase(spec.option_key(option), language)} " if option.spaced else ""
        for way in word.removeprefix(name).split("|"):
            if option.units or option.spaced or "|" in word:
                assert set(options_of(spec, name + way)) == {option.name}, way
    assert words == []


def test_english_names_are_the_names() -> None:
    for spec in COMMANDS.values():
        assert phrase(spec.key, "en") == spec.name
        assert [phrase(spec.option_key(option), "en") for option in spec.shown] == [o.name for o in spec.shown]


def test_menus_fill_an_option_that_there_is() -> None:
    for key, (command, option) in MENUS.items():
        assert option in {one.name for one in COMMANDS[command].options}
        assert all(len(phrase(key, language)) <= 24 for language in LANGUAGES), "Slack's limit for a shortcut"


def test_required_options_come_first_and_numbers_have_bounds() -> None:
    for spec in COMMANDS.values():
        required = [option.required for option in spec.shown]
        assert required == sorted(required, reverse=True)
        assert all(o.most > o.least for o in spec.options if o.kind in (Kind.WHOLE, Kind.NUMBER))


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_reason_opens_a_form(language: str) -> None:
    form = press_form("reason", language)
    assert form is not None
    assert [field.name for field in form.fields] == ["text"]
    assert [press_form(action, language) for action in ("up", "down", "stop", "regenerate")] == [None] * 4
