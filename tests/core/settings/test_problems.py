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


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/completions", "/completions"),
        ("/V1/Chat/Completions", "/Chat/Completions"),
        ("/v1/chat", "/chat"),
        ("/v1/responses", "/responses"),
        ("/openai/v1/models", "/models"),
        ("/v1/embeddings/", "/embeddings"),
        ("/v1/messages", "/messages"),
        ("/v1/audio/transcriptions", "/audio/transcriptions"),
        ("/v1/images/generations", "/images/generations"),
    ],
)
def test_the_address_of_any_call_is_no_base_url_and_the_right_one_is_named(path: str, call: str) -> None:
    (line,) = problems_of({"OPENAI_BASE_URL": f"https://host{path}"})
    base = f"https://host{path.rstrip('/').removesuffix(call)}"
    assert line.endswith(f"must not end in {call}, which is the address of one call: write {base}")


@pytest.mark.parametrize(
    "url",
    [
        "https://host",
        "http://127.0.0.1:11434/v1",
        "http://[::1]:8000/v1/",
        "https://name.services.ai.example.com/models",
        "https://host/api/paas/v4",
        "https://müller.example/v1",
        "https://host/openai/deployments/chat-model",
    ],
)
def test_the_addresses_that_endpoints_have_are_taken(url: str) -> None:
    assert problems_of({"OPENAI_BASE_URL": url}) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://{resource}.openai.example/v1",
        "https://<your-host>/v1",
        "https://$HOST/v1",
        "https://exa mple.com/v1",
        "https://*.example.com/v1",
        "https://host:0/v1",
        "https://host:port/v1",
        "https:///v1",
        "https://xn--/v1",
        "https://models.xn--a.example/v1",
        "https://xn--!!!/v1",
        "https://xn--ä/v1",
    ],
)
def test_an_address_with_a_gap_to_fill_in_is_none(url: str) -> None:
    assert problems_of({"OPENAI_BASE_URL": url}) == ["OPENAI_BASE_URL: is no address, such as https://host/v1"]


@pytest.mark.parametrize("tag", ["de", "klingon", "english", "x", "fr-FR", "zz", "中文"])
def test_a_language_that_parley_does_not_speak_is_refused_with_those_it_does(tag: str) -> None:
    assert problems_of({"PARLEY_LANGUAGE": tag}) == [
        f"PARLEY_LANGUAGE: must be a language that Parley speaks (en, zh), not {tag!r}"
    ]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("RMB", "CNY"),
        ("yuan", "CNY"),
        ("$", "USD"),
        ("€", "EUR"),
        ("euro", "EUR"),
        ("us dollar", "USD"),
        ("pound", "GBP"),
        ("BTC", ""),
        ("XXX", ""),  # no currency
        ("XTS", ""),  # for tests
        ("XAU", ""),  # gold
        ("DEM", ""),  # until 2002
        ("EU", ""),
    ],
)
def test_what_nobody_pays_with_today_is_no_currency(value: str, hint: str) -> None:
    (line,) = problems_of({"PARLEY_CURRENCY": value})
    assert line.endswith(f"not {value!r}" + (f"; did you mean {hint}?" if hint else ""))


@pytest.mark.parametrize(
    "code", ["USD", "EUR", "CNY", "GBP", "JPY", "CHF", "INR", "BRL", "TWD", "KRW", "BHD", "clp"]
)
def test_currencies_of_today_are_taken(code: str) -> None:
    assert problems_of({"PARLEY_CURRENCY": code}) == []


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("Berlin", "Europe/Berlin"),
        ("america/new_yrok", "America/New_York"),
        ("Asia/Shanghi", "Asia/Shanghai"),
        ("utc", "UTC"),
        ("CEST", ""),
        ("GMT+2", ""),
        ("Mars/Base", ""),
    ],
)
def test_a_zone_that_there_is_not_is_refused_with_the_nearest_place(value: str, hint: str) -> None:
    (line,) = problems_of({"PARLEY_TIME_ZONE": value})
    assert line.endswith(f"such as Europe/Berlin; did you mean {hint}?" if hint else "such as Europe/Berlin")


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
