"""Extra headers for endpoints, as parley.toml has them."""

import pytest

from core.errors import SettingsError
from core.headers import is_secret, read_headers
from core.llm.catalog import ModelCatalog, toml_to_catalog
from core.settings.environment import CoreSettings

TOML = """
[endpoints.one]
base_url = "https://one.example/v1"
headers = { "X-Team" = "parley-team", "X-Gate" = "env:GATE" }
accounts = [{ name = "a", key = "sk-abcdefgh" }]
models = { "m" = {} }
"""


def catalog(text: str = TOML, **environment: str) -> ModelCatalog:
    return toml_to_catalog(text, CoreSettings(_env_file=None), environment, "parley.toml")


def test_headers_are_read_and_those_of_the_environment_are_secrets() -> None:
    found = catalog(GATE="gate-secret")
    [route] = found.routes
    assert {name: value.get_secret_value() for name, value in route.account.headers.items()} == {
        "X-Team": "parley-team",
        "X-Gate": "gate-secret",
    }
    assert found.secrets == ["gate-secret", "sk-abcdefgh"]
    assert "gate-secret" not in repr(found)


def test_a_variable_that_is_not_set_is_one_line() -> None:
    with pytest.raises(SettingsError) as caught:
        catalog()
    assert str(caught.value) == "parley.toml: endpoints.one.headers: X-Gate: GATE is not set"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Authorization": "Bearer x"}, "Authorization: is sent with the key"),
        ({"content-length": "5"}, "content-length: is Parley's own"),
        ({"Host": "x"}, "Host: is Parley's own"),
        ({"X Y": "x"}, "'X Y' is no name"),
        ({"": "x"}, "'' is no name"),
        ({"X-A": "a\r\nB: c"}, "X-A: its value"),
        ({"X-A": ""}, "X-A: its value"),
        ({"X-A": "世"}, "X-A: its value"),
        ({"X-A": "1", "x-a": "2"}, "x-a: is there twice"),
    ],
)
def test_what_no_header_can_be_is_refused(headers: dict[str, str], reason: str) -> None:
    [found] = read_headers(headers, {})[1]
    assert found.startswith(reason)


def test_each_header_that_is_wrong_has_a_reason_and_the_others_are_read() -> None:
    read, wrong = read_headers({"Host": "x", "X-A": "1", "X-B": "env:NONE"}, {})
    assert list(read) == ["X-A"]
    assert wrong == ["Host: is Parley's own to set", "X-B: NONE is not set"]


@pytest.mark.parametrize(
    ("name", "given", "secret"),
    [
        ("X-Team", "env:TEAM", True),
        ("X-Api-Key", "abc", True),
        ("Cookie", "a=b", True),
        ("X-Title", "Parley", False),
    ],
)
def test_values_are_secrets_by_where_they_come_from_or_by_their_name(
    name: str, given: str, secret: bool
) -> None:
    assert is_secret(name, given) is secret
