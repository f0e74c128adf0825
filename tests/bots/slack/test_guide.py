"""The steps in Slack's pages, and tokens in the wrong place."""

from __future__ import annotations

import pytest

from bots.slack.guide import app_token_problem, bot_token_problem, guide, signing_secret_problem
from bots.slack.manifest import SCOPES, AppNames


@pytest.mark.parametrize("over_http", [False, True])
def test_the_guide_names_every_scope_with_its_reason_the_icon_and_the_second_secret(over_http: bool) -> None:
    said = guide(AppNames("Ada", "/ada-ask", "/ada"), "manifest.json", over_http=over_http)
    words = " ".join(said.split())
    assert all(f"{scope.name} {scope.reason}" in words for scope in SCOPES)
    assert "the app's icon" in words
    assert "/invite @Ada" in words
    assert "/ada-ask your question" in words
    assert ("SLACK_SIGNING_SECRET" in words, "SLACK_APP_TOKEN" in words) == (over_http, not over_http)
    assert max(map(len, said.splitlines())) <= 115


def test_tokens_in_their_place_are_taken() -> None:
    assert bot_token_problem("xoxb-1-2-abc") == app_token_problem("xapp-1-A1-2-abc") == ""
    assert signing_secret_problem("0123456789abcdef" * 2) == ""


def test_tokens_in_the_place_of_another_are_told_their_own() -> None:
    assert "belongs in SLACK_APP_TOKEN" in bot_token_problem("xapp-1-A1-2-abc")
    assert "belongs in SLACK_BOT_TOKEN" in app_token_problem("xoxb-1-2-abc")
    assert "the token of a person" in bot_token_problem("xoxp-1-2-abc")
    assert "a signing secret, a client secret" in bot_token_problem("0123456789abcdef" * 2)
    assert "belongs in OPENAI_API_KEY" in bot_token_problem("sk-abc")
    assert "belongs in SLACK_APP_TOKEN" in signing_secret_problem("xapp-1-A1-2-abc")
    assert "32 digits" in signing_secret_problem("hello")


def test_no_secret_is_quoted() -> None:
    for problem in (bot_token_problem, app_token_problem, signing_secret_problem):
        assert "very-secret" not in problem("xoxp-very-secret")
        assert "very-secret" not in problem("very-secret")
