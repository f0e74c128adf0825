from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import SettingsError
from core.llm.catalog import environment_to_catalog, load_catalog, toml_to_catalog
from core.settings.environment import CoreSettings
from core.settings.parley_toml import FILE
from core.settings.variables import Variables
from core.values.deltas import ModelInfo
from core.values.prices import Prices

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
    assert catalog.default.prices == (Prices(input=Decimal("2.5")),)


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
        ModelInfo(
            "GPT-5.5",
            400_000,
            (
                Prices(input=Decimal("1.25"), cached_input=Decimal("0.125"), output=Decimal(10)),
                Prices(date(2027, 1, 1), Decimal(1), Decimal("0.1"), Decimal(8)),
            ),
            images=True,
            tools=True,
        ),
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


def test_every_price_can_be_set_and_from_a_day_on() -> None:
    written = (
        FINE
        + """
price_input = 2
price_cached_input = 0.2
price_output = 8.5
price_reasoning = 4
price_picture = 3_000
prices = [
  { since = 2026-12-01, input = 1, output = 4 },
  { since = 2027-01-01, input = 1, cached_input = 0.1, output = 4, reasoning = 2, picture = 0 },
]
"""
    )
    assert toml_to_catalog(written, settings(), KEYS, FILE).default.prices == (
        Prices(date.min, Decimal(2), Decimal("0.2"), Decimal("8.5"), Decimal(4), Decimal(3_000)),
        Prices(date(2026, 12, 1), Decimal(1), output=Decimal(4)),
        Prices(date(2027, 1, 1), Decimal(1), Decimal("0.1"), Decimal(4), Decimal(2), Decimal(0)),
    )
    in_environment = environment_to_catalog(
        settings(
            parley_price_input="2",
            parley_price_cached_input="0.2",
            parley_price_output="8.5",
            parley_price_reasoning="4",
            parley_price_picture="3000",
        )
    )
    assert in_environment.default.prices == toml_to_catalog(written, settings(), KEYS, FILE).default.prices[:1]


@pytest.mark.parametrize(
    ("written", "prices"),
    [
        ('"whisper-1"', ()),
        ('{ name = "whisper-1", price_minute = 0.006 }', (Prices(minute=Decimal("0.006")),)),
        (
            '{ name = "whisper-1", price_input = 6, price_output = 10, prices = [{ since = 2026-12-01, minute = 1 }] }',
            (Prices(input=Decimal(6), output=Decimal(10)), Prices(date(2026, 12, 1), minute=Decimal(1))),
        ),
    ],
)
def test_the_model_that_writes_clips_down_has_prices_of_its_own(
    written: str, prices: tuple[Prices, ...]
) -> None:
    text = FINE.replace("accounts", f"transcribe = {written}\naccounts", 1)
    of_settings = settings(parley_price_input=5, parley_price_sound_minute=7)
    [route] = toml_to_catalog(text, of_settings, KEYS, FILE).transcriptions
    assert (route.model_there, route.model_info.prices) == ("whisper-1", prices)
    [route] = environment_to_catalog(
        of_settings.model_copy(
            update={"openai_api_key": SecretStr("sk-test"), "parley_transcribe_model": "whisper-2"}
        )
    ).transcriptions
    assert (route.model_there, route.model_info.prices) == ("whisper-2", (Prices(minute=Decimal(7)),))


@pytest.mark.parametrize(
    ("written", "prices"),
    [('"bge"', ()), ('{ name = "bge", price_input = 0.02 }', (Prices(input=Decimal("0.02")),))],
)
def test_the_model_that_makes_vectors_has_a_price_of_its_own(written: str, prices: tuple[Prices, ...]) -> None:
    text = FINE.replace("accounts", f"embed = {written}\naccounts", 1)
    of_settings = settings(parley_price_input=5, parley_price_embedding_input=7)
    of_settings = of_settings.model_copy(update={"openai_api_key": SecretStr("sk-test")})
    routes = toml_to_catalog(text, of_settings, KEYS, FILE).embeddings
    assert {(route.model_there, route.model_info.prices) for route in routes} == {("bge", prices)}
    named = of_settings.model_copy(update={"parley_embedding_model": "small"})
    [route] = environment_to_catalog(named).embeddings
    assert (route.model_there, route.model_info.prices) == ("small", (Prices(input=Decimal(7)),))
    assert environment_to_catalog(of_settings).embeddings == ()


TWO = """
[endpoints.one]
base_url = "https://one.example/v1"
accounts = [{ name = "a", key = "sk-a" }]
models = { large = {} }
ONE
[endpoints.two]
base_url = "https://two.example/v1"
accounts = [{ name = "b", key = "sk-b" }]
models = { small = {} }
TWO
"""


@pytest.mark.parametrize(
    ("one", "two", "asked"),
    [
        ("", "", [("one", "env"), ("two", "env")]),
        ("", 'embed = "bge"', [("two", "bge")]),
        ('embed = "bge"', 'embed = "bge"', [("one", "bge"), ("two", "bge")]),
    ],
)
def test_the_endpoints_that_name_an_embedding_model_are_asked_alone(
    one: str, two: str, asked: list[tuple[str, str]]
) -> None:
    text = TWO.replace("ONE", one).replace("TWO", two)
    catalog = toml_to_catalog(text, settings(parley_embedding_model="env"), {}, FILE)
    assert [(route.account.endpoint, route.model_there) for route in catalog.embeddings] == asked


def test_vectors_of_two_models_are_refused_at_the_start() -> None:
    text = TWO.replace("ONE", 'embed = "bge"').replace("TWO", 'embed = "e5"')
    with pytest.raises(SettingsError, match="'bge' and 'e5' are two models; there can be one"):
        toml_to_catalog(text, settings(), {}, FILE)


@pytest.mark.parametrize(
    ("currency", "written", "counts"),
    [
        ("USD", "", True),
        ("EUR", "", False),
        ("EUR", "reported_cost = true", True),
        ("USD", "reported_cost = false", False),
    ],
)
def test_a_reported_cost_counts_in_us_dollars_unless_an_endpoint_says_otherwise(
    currency: str, written: str, counts: bool
) -> None:
    text = FINE.replace("accounts", f"{written}\naccounts", 1)
    of_settings = settings(parley_currency=currency)
    assert toml_to_catalog(text, of_settings, KEYS, FILE).default.reported_cost is counts
    assert environment_to_catalog(of_settings).default.reported_cost is (currency == "USD")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("models = [", "parley.toml: end of document: is not TOML, whose lines are like name = "),
        ("", "parley.toml: endpoints: is missing; it must be a table, such as [endpoints.main]"),
        (
            FINE + 'colour = "red"',
            "parley.toml: endpoints.one.models.large.colour: is no key of Parley: here are price_input",
        ),
        (
            FINE + "price_input = -1",
            "parley.toml: endpoints.one.models.large.price_input: must be a number from 0 to 1000000000",
        ),
        (
            FINE + "price_reasoning = inf",
            "parley.toml: endpoints.one.models.large.price_reasoning: must be a number from 0 to 1000000000",
        ),
        (
            FINE + "price_picture = 1e10",
            "parley.toml: endpoints.one.models.large.price_picture: must be a number from 0 to 1000000000",
        ),
        (
            FINE + "prices = [{ since = 2026-12-01, input = 1 }]",
            "parley.toml: endpoints.one.models.large.prices.0: needs input and output, or minute",
        ),
        (
            FINE + "prices = [{ since = 'soon', input = 1, output = 1 }]",
            "parley.toml: endpoints.one.models.large.prices.0.since: must be a day, such as 2027-01-01",
        ),
        (
            FINE + "prices = [" + "{ since = 2026-12-01, input = 1, output = 1 }," * 2 + "]",
            "parley.toml: endpoints.one.models.large.prices: 2026-12-01 is there twice",
        ),
        ('models = ["small"]' + FINE, "parley.toml: models: no endpoint serves 'small'"),
        ('models = ["larg"]' + FINE, "parley.toml: models: no endpoint serves 'larg'; did you mean large?"),
        (
            FINE + "price_inptu = 1",
            "parley.toml: endpoints.one.models.large.price_inptu: is no key of Parley; did you",
        ),
        (FINE + "images = 3", "parley.toml: endpoints.one.models.large.images: must be true, false or auto"),
        (
            FINE.replace("one/v1/", "one/v1/chat/completions"),
            "parley.toml: endpoints.one.base_url: must not end in /chat/completions, which is the address of one call: "
            "write http://one/v1",
        ),
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


def test_a_key_that_the_file_names_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    variables = Variables({"OPENAI_API_KEY_FILE": str(tmp_path / "key")})
    assert toml_to_catalog(FINE, settings(), variables, FILE).secrets == ["sk-from-file"]
    gone = Variables({"OPENAI_API_KEY_FILE": "/nowhere/key"})
    with pytest.raises(SettingsError, match=r"^OPENAI_API_KEY_FILE: /nowhere/key can't be read: no such file"):
        toml_to_catalog(FINE, settings(), gone, FILE)


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = FINE.replace("}]", '}, { name = "b", key_env = "NONE" }, { name = "b", key = "sk-secret" }]')
    text = (
        'models = ["small", "large"]' + text + "[endpoints.two]\nbase_url = 'http://two'\nmodels = { m = {} }\n"
    )
    text += 'accounts = [{ name = "c" }]'
    with pytest.raises(SettingsError) as caught:
        toml_to_catalog(text, settings(), KEYS, FILE)
    assert caught.value.lines == (
        "parley.toml: endpoints.one.accounts.2.name: 'b' is there twice",
        "parley.toml: endpoints.two.accounts.0: needs key_env, the name of the variable that holds its key",
        "parley.toml: models: no endpoint serves 'small'",
        "parley.toml: endpoints.one.accounts.1.key_env: NONE is not set",
    )
    text = FINE.replace("accounts", "acounts") + "colour = 1\nprice_input = 'much'"
    with pytest.raises(SettingsError) as caught:
        toml_to_catalog(text, settings(), KEYS, FILE)
    assert caught.value.lines == (
        "parley.toml: endpoints.one.acounts: is no key of Parley; did you mean accounts?",
        "parley.toml: endpoints.one.models.large.colour: is no key of Parley: here are price_input, price_output, "
        "prices, name, context_tokens, images, tools, price_cached_input, price_reasoning, price_picture",
        "parley.toml: endpoints.one.models.large.price_input: must be a number from 0 to 1000000000, such as 1.25",
    )


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
    with pytest.raises(SettingsError, match=r"^PARLEY_CONFIG: gone.toml can't be read: no such file"):
        load_catalog(settings(parley_config="gone.toml"))
