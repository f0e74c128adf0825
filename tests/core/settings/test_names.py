"""Names of variables that are no settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings.names import names_in, near_misses, unknown_names
from core.settings.nearest import is_near_miss, nearest

KNOWN = (
    "PARLEY_LANGUAGE",
    "PARLEY_MODELS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "DATABASE_URL",
    "CHAT_BOT_TOKEN",
)
ALIASES = {"CHAT_TOKEN": "CHAT_BOT_TOKEN"}


def set_(*names: str) -> dict[str, str]:
    """These variables, with a value as Kubernetes has them."""
    return dict.fromkeys(names, "tcp://10.0.0.1:80")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("PARLEY_LANGAUGE", "PARLEY_LANGAUGE: is no setting of Parley; did you mean PARLEY_LANGUAGE?"),
        ("parley_modles", "PARLEY_MODLES: is no setting of Parley; did you mean PARLEY_MODELS?"),
        ("PARLEY_XYZ", "PARLEY_XYZ: is no setting of Parley; `parley settings` lists them all"),
    ],
)
def test_an_unknown_name_that_begins_as_ours_is_a_problem_with_the_nearest_right_one(
    name: str, line: str
) -> None:
    assert unknown_names(set_(name, "HOME", "PARLEY_LANGUAGE", "parley_models"), KNOWN) == [line]


@pytest.mark.parametrize(
    "name",
    [
        "PARLEY_SERVICE_HOST",
        "PARLEY_SERVICE_PORT",
        "PARLEY_SERVICE_PORT_HTTP",
        "PARLEY_WEB_PORT",
        "PARLEY_PORT_8080_TCP",
        "PARLEY_PORT_8080_TCP_ADDR",
        "PARLEY_WEB_SERVICE_HOST",
        "PARLEY_DB_PORT_5432_TCP_PROTO",
    ],
)
def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_problem(name: str) -> None:
    assert unknown_names(set_(name), KNOWN) == []


def test_a_port_that_a_person_has_set_is_no_name_of_kubernetes() -> None:
    known = (*KNOWN, "PARLEY_HTTP_PORT")
    line = "PARLEY_PORT: is no setting of Parley; did you mean PARLEY_HTTP_PORT?"
    assert unknown_names({"PARLEY_PORT": "8081"}, known) == [line]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("openai_api_key_", "OPENAI_API_KEY"),
        ("OPENAI_API_KEYS", "OPENAI_API_KEY"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("PARLAY_MODELS", "PARLEY_MODELS"),
        ("CHAT_BOT_TOKNE", "CHAT_BOT_TOKEN"),
        ("CHAT_TOKEN", "CHAT_BOT_TOKEN"),
        ("CHAT_BOT_USER_OAUTH_TOKEN", "CHAT_BOT_TOKEN"),
        ("OPENAI_SECRET_API_KEY", "OPENAI_API_KEY"),
        ("DATABASE_MAIN_URL", "DATABASE_URL"),
    ],
)
def test_a_near_miss_is_named_with_what_was_meant(name: str, right: str) -> None:
    line = f"{name.upper()}: is not read; did you mean {right}?"
    if name.upper() != right:
        assert near_misses(set_(name), KNOWN, ALIASES) == [line]
    assert near_misses(set_(name, right), KNOWN, ALIASES) == [], (
        "where the right one is set, it is another program's"
    )


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_ORG_ID",
        "DATABASE_USER",
        "CHAT_APP_NAME",
        "LANG",
        "PATH",
        "OPENAI_API_KEY_TWO",
        "CHAT_KEY_BOT_TOKENS",
        "OPENAI_KEY_API",
    ],
)
def test_other_names_are_nobodys_business(name: str) -> None:
    assert near_misses(set_(name), KNOWN, ALIASES) == []
    assert unknown_names(set_(name), KNOWN) == []


def test_variables_that_a_file_names_are_known() -> None:
    values = {
        "endpoints": {"a": {"accounts": [{"key_env": "KEY_ONE"}], "headers": {"X": "env:GATE", "Y": "plain"}}},
        "tools": [{"env": {"A": " env: TOOL_KEY "}, "number": 3}],
    }
    assert names_in(values) == {"KEY_ONE", "GATE", "TOOL_KEY"}


@given(st.text("ABC_", min_size=4, max_size=9), st.integers(0, 8), st.sampled_from("XYZ"))
def test_one_slip_is_a_near_miss(name: str, at: int, letter: str) -> None:
    at %= len(name)
    slips = [
        name[:at] + letter + name[at:],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1 :],
        name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
        name.replace("_", ""),
    ]
    assert all(is_near_miss(slip, name) and is_near_miss(name, slip) for slip in slips)
    assert not is_near_miss(name + "XYZ", name)


def test_the_nearest_name_is_found_in_any_case_and_none_where_nothing_is_alike() -> None:
    assert nearest("europe/berln", ["Europe/Berlin", "Europe/Dublin"]) == "Europe/Berlin"
    assert nearest("qqq", ["Europe/Berlin"]) == ""
