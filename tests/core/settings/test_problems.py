"""Refused values in plain words, all at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.config import SETTINGS
from core.errors import SettingsError
from core.llm.catalog import toml_to_catalog
from core.settings.environment import CoreSettings, Settings
from core.settings.problems import Problems
from core.settings.variables import Variables

JARGON = re.compile(
    r"Input|String|Field required|pattern|valid |permitted|literal|parse|instance|None|Value error|validation",
    re.I,
)


def problems_of(values: dict[str, str], settings: type[Settings] = CoreSettings) -> list[str]:
    problems = Problems()
    settings.read(Variables(values), problems)
    return problems.lines


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PARLEY_TEMPERATURE", "hot", "must be a number from 0 to 2, such as 0.7, not 'hot'"),
        ("PARLEY_TEMPERATURE", "nan", "must be a number from 0 to 2, such as 0.7, not 'nan'"),
        ("PARLEY_MAX_TOKENS", "0", "must be a whole number from 1, such as 4000, not '0'"),
        ("PARLEY_CONTEXT_TOKENS", "1.5", "must be a whole number from 1000, such as 128000, not '1.5'"),
        ("PARLEY_GAP_S", "0", "must be a number above 0, such as 30, not '0'"),
        ("PARLEY_PRICE_INPUT", "cheap", "must be a number from 0 to 1000000000, such as 1.25, not 'cheap'"),
        ("PARLEY_GUESTS", "perhaps", "must be true or false, not 'perhaps'"),
        ("PARLEY_LOG", "xml", "must be text or json, not 'xml'"),
        ("PARLEY_MEMORY", "all", "must be channel, workspace or off, not 'all'"),
        ("PARLEY_LANGUAGE", "fr", "must be a language that Parley speaks (en, zh), not 'fr'"),
        (
            "PARLEY_CURRENCY",
            "XXQ",
            "must be the ISO 4217 code of a currency, such as USD, EUR or CNY, not 'XXQ'",
        ),
        (
            "PARLEY_TIME_ZONE",
            "Europe/Berln",
            "'Europe/Berln' is not a time zone, such as Europe/Berlin; did you mean Europe/Berlin?",
        ),
        ("OPENAI_BASE_URL", "zrapi.org", "must begin with http:// or https://, such as https://host/v1"),
        (
            "OPENAI_BASE_URL",
            "https://host/v1/chat/completions/",
            "must not end in /chat/completions, which is the address of one call: write https://host/v1",
        ),
        (
            "OPENAI_BASE_URL",
            "https://host/v1?api_key=hunter2",
            "must not hold 'api_key' in its query, since addresses are shown; the key has a setting",
        ),
    ],
)
def test_a_wrong_value_is_one_line_with_its_form_and_an_example(name: str, value: str, reason: str) -> None:
    assert problems_of({name: value}) == [f"{name}: {reason}"]


@pytest.mark.parametrize(("name", "value", "kept"), [("LANGUAGE", "zh-CN", "zh"), ("CURRENCY", "eur", "EUR")])
def test_usual_spellings_are_taken(name: str, value: str, kept: str) -> None:
    settings = CoreSettings.read(Variables({f"PARLEY_{name}": value}), problems := Problems())
    assert problems.lines == []
    assert getattr(settings, f"parley_{name.lower()}") == kept


def test_the_query_that_some_endpoints_need_stays() -> None:
    url = "https://host/openai/v1?api-version=preview"
    settings = CoreSettings.read(Variables({"OPENAI_BASE_URL": url}), problems := Problems())
    assert (settings.openai_base_url, problems.lines) == (url, [])


def test_all_wrong_values_are_reported_and_the_others_read() -> None:
    problems = Problems()
    given = {"PARLEY_TEMPERATURE": "hot", "PARLEY_LOG": "xml", "PARLEY_RATE": "7", "parley_gap_s": "-1"}
    settings = CoreSettings.read(Variables(given), problems)
    assert [line.partition(":")[0] for line in problems.lines] == [
        *("PARLEY_TEMPERATURE", "PARLEY_GAP_S", "PARLEY_LOG")
    ]
    assert (settings.parley_rate, settings.parley_log, settings.parley_gap_s) == (7, "text", 30)
    with pytest.raises(SettingsError) as caught:
        problems.check()
    assert caught.value.lines == tuple(problems.lines)


def test_no_secret_is_shown_not_even_in_the_place_of_a_number() -> None:
    (line,) = problems_of({"PARLEY_MAX_TOKENS": "sk-abcdefgh12345"})
    assert "abcdefgh" not in line
    (line,) = problems_of({"PARLEY_MAX_TOKENS": "0123456789abcdef0123456789abcdef0123456789abcdef"})
    assert line == "PARLEY_MAX_TOKENS: must be a whole number from 1, such as 4000"


_NAMES = [(settings, name.upper()) for settings in SETTINGS for name in settings.model_fields]


@given(st.sampled_from(_NAMES), st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_no_line_has_the_words_of_a_library(which: tuple[type[Settings], str], value: str) -> None:
    settings, name = which
    for line in problems_of({name: value}, settings):
        assert line.startswith(f"{name}: ") or name in line.partition("beside ")[2], line
        said = line.removeprefix(f"{name}: ").replace(repr(value), "")
        assert not JARGON.search(said), line
        assert "\n" not in line


def test_a_table_in_the_place_of_another_form_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        toml_to_catalog('[[models]]\nname = "a"\n', CoreSettings(_env_file=None), {}, "parley.toml")
    assert refused.value.lines[0] == (
        'parley.toml: models: must be a list of texts, such as ["GPT-5.5", "GLM-5"], not a list of tables'
    )
