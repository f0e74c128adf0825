from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.llm.catalog import environment_to_catalog, load_catalog, toml_to_catalog
from core.settings.environment import CoreSettings
from core.settings.parley_toml import FILE
from core.values.deltas import ModelInfo

EXAMPLE = Path(__file__).parents[3] / "deploy" / "parley.example.toml"
KEYS = {"OPENAI_API_KEY": "sk-test", "OPENAI_API_KEY_SPARE": "sk-test-spare"}
FINE = """
[endpoints.one]
base_url = "http://one/v1/"
accounts = [{ name = "a", key_env = "OPENAI_API_KEY" }]
[endpoints.one.models.large]
"""


def settings(**values: object) -> CoreSettings:
    return CoreSettings(_env_file=None, **values)  # type: ignore[arg-type]


def test_the_environment_alone_is_one_account_and_model() -> None:
    catalog = environment_to_catalog(
        settings(openai_api_key="sk-test", openai_model="gpt", parley_price_input=2.5)
    )
    [route] = catalog.routes
    assert (route.model_there, route.account.key.get_secret_value()) == ("gpt", "sk-test")
    assert catalog.default.price_input == 2.5


def test_without_a_key_there_is_no_route() -> None:
    catalog = environment_to_catalog(settings(openai_api_key=None, openai_model="gpt"))
    assert (catalog.routes, catalog.default.name) == ((), "gpt")


def test_the_example_loads() -> None:
    catalog = toml_to_catalog(EXAMPLE.read_text(), settings(), KEYS, FILE)
    assert [(route.account.name, route.model_there) for route in catalog.routes] == [
        ("main/team", "GPT-5.5"),
        ("main/spare", "GPT-5.5"),
        ("local/local", "glm-5:q4"),
    ]
    assert catalog.cards == (
        ModelInfo("GPT-5.5", 400_000, 1.25, 10, images=True, tools=True),
        ModelInfo("GLM-5", 32_000),
    )
    assert [route.account.concurrency for route in catalog.routes] == [500, 20, 500]
    assert catalog.secrets == ["sk-test", "sk-test-spare"], "and not the word none"


def test_advice_names_what_an_operator_wrote_where_and_never_a_key() -> None:
    [alone] = environment_to_catalog(
        settings(openai_api_key="sk-secret", openai_base_url="https://one.example:8443/v1")
    ).routes
    assert alone.account.endpoint == "one.example:8443"
    assert list(alone.places.values()) == [
        "one.example:8443",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "PARLEY_CONTEXT_TOKENS",
    ]
    first, second, _ = toml_to_catalog(EXAMPLE.read_text(), settings(), KEYS, FILE).routes
    assert list(second.places.values()) == [
        "zrapi.org",
        "OPENAI_API_KEY_SPARE, account main/spare",
        "parley.toml: endpoints.main.base_url",
        'parley.toml: endpoints.main.models."GPT-5.5"',
        'parley.toml: endpoints.main.models."GPT-5.5".context_tokens',
    ]
    written = FINE.replace('key_env = "OPENAI_API_KEY"', 'key = "sk-secret"')
    [route] = toml_to_catalog(written, settings(), KEYS, FILE).routes
    assert route.places["key"] == "parley.toml: endpoints.one.accounts.0.key, account one/a"
    for places in (alone.places, first.places, second.places, route.places):
        assert "sk-" not in str(places)


def test_the_host_is_what_stands_before_the_path_and_the_query() -> None:
    for url in ("http://one:8080/v1", "http://one:8080?for=ada@example.com", "http://one:8080/@ada/v1"):
        [route] = toml_to_catalog(FINE.replace("http://one/v1/", url), settings(), KEYS, FILE).routes
        assert route.account.host == "one:8080"


def test_what_is_not_said_is_the_settings_or_unknown() -> None:
    catalog = toml_to_catalog(FINE, settings(parley_context_tokens=9_000, parley_price_input=1.0), KEYS, FILE)
    assert catalog.default == ModelInfo("large", 9_000)
    assert catalog.routes[0].account.base_url == "http://one/v1"
    assert catalog.model_info("other") == ModelInfo("other", 9_000)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("models = [", "parley.toml: Invalid value (at end of document)"),
        ("", "parley.toml: endpoints: Field required"),
        (
            FINE + 'colour = "red"',
            "parley.toml: endpoints.one.models.large.colour: Extra inputs are not permitted",
        ),
        (
            FINE + "price_input = -1",
            "parley.toml: endpoints.one.models.large.price_input: Input should be greater",
        ),
        ('models = ["small"]' + FINE, "parley.toml: models: no endpoint serves 'small'"),
        (FINE.replace("http://", "ftp://"), "parley.toml: endpoints.one.base_url: must begin with http://"),
        (
            FINE.replace("http://", "http://ada:sk-secret@"),
            "parley.toml: endpoints.one.base_url: must not hold a name or password",
        ),
        (
            FINE.replace("OPENAI_API_KEY", "NO_KEY"),
            "parley.toml: endpoints.one.accounts.0.key_env: NO_KEY is not set",
        ),
        (
            FINE.replace(', key_env = "OPENAI_API_KEY"', ""),
            "parley.toml: endpoints.one.accounts.0: needs key_env",
        ),
        (
            FINE.replace("}]", '}, { name = "a", key = "sk-secret" }]'),
            "parley.toml: endpoints.one.accounts.1.name: 'a' is there twice",
        ),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        toml_to_catalog(text, settings(), KEYS, FILE)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert "sk-" not in str(caught.value)


def test_the_file_is_found_in_the_working_directory_or_where_it_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY_ONE", "sk-from-environment")
    (tmp_path / ".env").write_text("KEY_ONE=sk-unused\nKEY_TWO=sk-from-file\n")
    assert load_catalog(settings(openai_api_key=None)).routes == ()
    (tmp_path / FILE).write_text(FINE.replace("OPENAI_API_KEY", "KEY_ONE"))
    assert load_catalog(settings()).secrets == ["sk-from-environment"]
    (tmp_path / "other.toml").write_text(FINE.replace("OPENAI_API_KEY", "KEY_TWO"))
    assert load_catalog(settings(parley_config="other.toml")).secrets == ["sk-from-file"]
    with pytest.raises(SettingsError, match=r"^PARLEY_CONFIG: gone.toml can't be read: No such file"):
        load_catalog(settings(parley_config="gone.toml"))
