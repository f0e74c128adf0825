"""The lines of a start about keys and models: hosts and settings, never a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.config import Config
from bots.start_lines import key_lines, model_line
from core.settings.problems import Problems
from core.settings.variables import Variables

CATALOG = """
[endpoints.main]
base_url = "https://one.example/v1"
headers = { "X-Gateway-Key" = "env:GATEWAY_KEY", "X-Team" = "parley" }
accounts = [{ name = "team", key_env = "TEAM_KEY" }, { name = "spare", key = "sk-secret-spare" }]
[endpoints.main.models.large]
[[tools]]
name = "jira"
url = "https://mcp.example/mcp"
headers = { Authorization = "env:JIRA_TOKEN" }
[[tools]]
name = "files"
command = ["uvx", "files"]
env = { FILES_KEY = "env:GATEWAY_KEY", LEVEL = "low" }
"""


def config(environment: dict[str, str], dotenv: dict[str, str] | None = None) -> Config:
    problems = Problems()
    read = Config.read(Variables(environment, dotenv or {}), problems)
    assert problems.lines == []
    return read


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_host_is_named_with_the_settings_of_the_keys_that_it_gets(tmp_path: Path) -> None:
    (tmp_path / "parley.toml").write_text(CATALOG)
    (tmp_path / "token").write_text("xapp-secret\n")
    read = config(
        {
            "GATEWAY_KEY": "gateway-secret",
            "JIRA_TOKEN": "Bearer secret-jira",
            "SLACK_APP_TOKEN_FILE": "token",
            "DISCORD_BOT_TOKEN": "secret-discord",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://traces.example/otlp",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
        },
        {"TEAM_KEY": "sk-secret-team", "SLACK_BOT_TOKEN": "xoxb-secret"},
    )
    lines = key_lines(read)
    assert lines == [
        "one.example gets TEAM_KEY (from .env) of account main/team, and the header X-Gateway-Key",
        "one.example gets parley.toml: endpoints.main.accounts.1.key of account main/spare, and the header "
        "X-Gateway-Key",
        "slack.com gets SLACK_BOT_TOKEN (from .env) and SLACK_APP_TOKEN (from SLACK_APP_TOKEN_FILE token)",
        "discord.com, gateway.discord.gg gets DISCORD_BOT_TOKEN (from the environment)",
        "mcp.example gets the header Authorization of the tools jira",
        "uvx gets the variable FILES_KEY of the tools files",
        "traces.example gets OTEL_EXPORTER_OTLP_HEADERS (from the environment)",
    ]
    assert "secret" not in "".join(lines)
    assert model_line(read.catalog, read.core) == "large at parley.toml"


def test_without_a_key_no_host_gets_one_and_the_three_settings_are_named_together() -> None:
    read = config({})
    assert key_lines(read) == []
    line = model_line(read.catalog, read.core)
    assert line.startswith(
        "the built-in offline one. For a real one set OPENAI_API_KEY together with OPENAI_BASE_URL"
    )
    assert "(now https://zrapi.org/v1), and OPENAI_MODEL (now GPT-5.5)" in line


def test_a_key_of_the_environment_goes_to_its_base_url() -> None:
    read = config({"OPENAI_API_KEY": "sk-secret"}, {"OPENAI_BASE_URL": "https://two.example:8443/v1"})
    assert key_lines(read) == ["two.example:8443 gets OPENAI_API_KEY (from the environment)"]
