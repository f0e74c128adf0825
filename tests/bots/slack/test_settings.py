"""Slack's settings: which are needed, and which are refused."""

from __future__ import annotations

import pytest

from bots.slack import SlackSettings, create, why_not
from bots.slack.connector import SlackConnector
from core.clock import SystemClock
from core.errors import SettingsError


def settings(**values: str) -> SlackSettings:
    return SlackSettings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SlackSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_slack_is_off_without_tokens_and_on_with_both() -> None:
    off, on = settings(), settings(slack_bot_token="xoxb-test", slack_app_token="xapp-test")
    assert create(off, SystemClock()) is None
    assert "SLACK_BOT_TOKEN" in why_not(off)
    assert isinstance(create(on, SystemClock()), SlackConnector)
    assert why_not(on) == ""


def test_slack_is_on_over_http_with_a_signing_secret_and_the_bots_token() -> None:
    on = settings(slack_bot_token="xoxb-test", slack_signing_secret="8f742231b10e8888abcd99edcba85a54")
    connector = create(on, SystemClock())
    assert isinstance(connector, SlackConnector)
    assert [route.path for route in connector.routes()] == list(connector.signed_paths)
    assert connector.shown_at("http://127.0.0.1:8080") == (
        "taking signed requests at http://127.0.0.1:8080/slack/events, /slack/interactions, /slack/commands"
    )


def test_socket_mode_alone_has_no_routes_and_both_ways_are_shown() -> None:
    tokens = {"slack_bot_token": "xoxb-test", "slack_app_token": "xapp-test"}
    alone, both = (
        create(settings(**tokens, **more), SystemClock()) for more in ({}, {"slack_signing_secret": "s"})
    )
    assert alone is not None
    assert both is not None
    assert (alone.routes(), alone.shown_at("http://x")) == ([], "connecting")
    assert both.shown_at("http://x").startswith(
        "connecting and taking signed requests at http://x/slack/events"
    )


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-test"}, "SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-test"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_SIGNING_SECRET": "a-test"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_SIGNING_SECRET": "a -test"}, "SLACK_SIGNING_SECRET"),
        (
            {"SLACK_BOT_TOKEN": "xapp-test", "SLACK_APP_TOKEN": "xapp-test"},
            "SLACK_BOT_TOKEN: must begin with xoxb-",
        ),
        ({"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_APP_TOKEN": "test"}, "SLACK_APP_TOKEN: must begin with xapp-"),
        ({"SLACK_API_URL": "slack.com/api"}, "SLACK_API_URL"),
    ],
)
def test_wrong_settings_name_the_variable_and_no_token(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        SlackSettings.load()
    assert str(caught.value).startswith(named)
    assert "-test" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/api", "http://127.0.0.1:8000/api/"])
def test_the_last_slash_of_the_api_url_is_optional(url: str) -> None:
    assert settings(slack_api_url=url).slack_api_url == "http://127.0.0.1:8000/api/"
