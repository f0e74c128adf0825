"""The settings that differ, by name: those of a reload, and those of a restart."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from bots.config import Config
from bots.config_changes import ConfigChanges, changes_of, not_reread
from core.settings.environment import CoreSettings, Settings
from core.settings.live import RELOADED, LiveSettings
from core.settings.problems import Problems
from core.settings.variables import Variables

FILE = """
[endpoints.main]
base_url = "https://one.example/v1"
accounts = [{ name = "team", key_env = "TEAM_KEY" }]
[endpoints.main.models.large]
price_input = 1
price_output = 2
"""
JIRA = """
[[tools]]
name = "jira"
url = "https://mcp.example/mcp"
headers = { Authorization = "env:JIRA_TOKEN" }
"""
KEYS = {"TEAM_KEY": "sk-secret-one", "JIRA_TOKEN": "Bearer secret-one"}


def config(folder: Path, toml: str = "", **environment: str) -> Config:
    file = folder / "parley.toml"
    file.unlink(missing_ok=True)
    if toml:
        file.write_text(toml)
    read = Config.read(Variables(KEYS | environment), problems := Problems())
    assert problems.lines == []
    return read


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_differs_from_itself(tmp_path: Path) -> None:
    one, other = (config(tmp_path, FILE + JIRA) for _ in range(2))
    assert changes_of(one, other) == ConfigChanges((), ())


@pytest.mark.parametrize(
    ("environment", "reloaded", "restart"),
    [
        ({"PARLEY_ALLOW": "slack:U1", "PARLEY_PRICE_INPUT": "2"}, ["PARLEY_ALLOW", "PARLEY_PRICE_INPUT"], []),
        ({"OPENAI_MODEL": "small"}, ["OPENAI_MODEL"], []),
        ({"PARLEY_GRACE_S": "3", "PARLEY_LANGUAGE": "zh"}, [], ["PARLEY_GRACE_S", "PARLEY_LANGUAGE"]),
        ({"DATABASE_URL": "sqlite:///other.db"}, [], ["DATABASE_URL"]),
        ({"DISCORD_BOT_TOKEN": "secret"}, [], ["DISCORD_BOT_TOKEN"]),
        ({"PARLEY_OPERATOR_TOKEN": "a-token-of-operators"}, [], ["PARLEY_OPERATOR_TOKEN"]),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
                "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret",
            },
            [],
            ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"],
        ),
        ({"OTEL_SERVICE_NAME": "other"}, [], ["OTEL_SERVICE_NAME"]),
        (
            {"PARLEY_HTTP_PORT": "81", "PARLEY_SUMMARY_AT": "10:00"},
            [],
            ["PARLEY_HTTP_PORT", "PARLEY_SUMMARY_AT"],
        ),
        (
            {"OPENAI_API_KEY": "sk-secret", "PARLEY_TRANSCRIBE_MODEL": "whisper-1"},
            ["OPENAI_API_KEY"],
            ["PARLEY_TRANSCRIBE_MODEL", "PARLEY_TRANSCRIBE_MODEL with its account"],
        ),
    ],
)
def test_settings_of_the_environment(
    tmp_path: Path, environment: dict[str, str], reloaded: list[str], restart: list[str]
) -> None:
    changes = changes_of(config(tmp_path), config(tmp_path, **environment))
    assert (list(changes.reloaded), list(changes.restart)) == (reloaded, restart)


@pytest.mark.parametrize(
    ("toml", "reloaded"),
    [
        (FILE.replace("= 2", "= 3"), ["endpoints.main.models.large.price_output"]),
        (
            FILE.replace(".large", ".small"),
            [
                f"endpoints.main.models.{m}.price_{p}"
                for m, p in (("large", "input"), ("large", "output"), ("small", "input"), ("small", "output"))
            ],
        ),
        (FILE + JIRA, ["tools.0.headers.Authorization", "tools.0.name", "tools.0.url"]),
    ],
)
def test_keys_of_the_file(tmp_path: Path, toml: str, reloaded: list[str]) -> None:
    changes = changes_of(config(tmp_path, FILE), config(tmp_path, toml))
    assert list(changes.reloaded) == [f"parley.toml: {key}" for key in reloaded]
    assert changes.restart == ()


def test_keys_with_another_value_under_the_same_name(tmp_path: Path) -> None:
    old = config(tmp_path, FILE + JIRA)
    new = config(tmp_path, FILE + JIRA, TEAM_KEY="sk-secret-two", JIRA_TOKEN="Bearer secret-two")
    assert changes_of(old, new).reloaded == ("TEAM_KEY", "headers or variables of the tools jira")


def test_every_setting_is_reloaded_or_needs_a_restart(tmp_path: Path) -> None:
    old = config(tmp_path)
    for one in fields(Config):
        settings = getattr(old, one.name)
        for name in type(settings).model_fields if isinstance(settings, Settings) else ():
            new = replace(old, **{one.name: settings.model_copy(update={name: "another"})})
            changes = changes_of(old, new)
            assert (*changes.reloaded, *changes.restart) == (name.upper(),)
            assert bool(changes.reloaded) == (name in RELOADED)


def test_live_settings_take_over_what_a_reload_changes_and_nothing_else() -> None:
    before = CoreSettings.read(Variables({}), Problems())
    after = CoreSettings.read(Variables({"PARLEY_RATE": "7", "PARLEY_GRACE_S": "3"}), Problems())
    live = LiveSettings.of(before)
    live.adopt(after)
    assert (live.parley_rate, live.parley_grace_s) == (7, before.parley_grace_s)
    assert before.parley_rate == 0
    assert set(CoreSettings.model_fields) >= RELOADED


def test_settings_of_the_environment_are_counted_and_those_named_that_a_file_has_too(tmp_path: Path) -> None:
    (tmp_path / "parley.toml").write_text(FILE)
    environment = {"TEAM_KEY": "sk-secret", "parley_rate": "7", "PARLEY_ADMINS": "slack:U1", "PATH": "/bin"}
    variables = Variables(environment | {"PARLEY_DENY": ""}, {"PARLEY_RATE": "8", "OPENAI_MODEL": "large"})
    assert not_reread(Config.read(variables, Problems()), tmp_path) == (
        "3 settings from the environment of the process, among them PARLEY_RATE (also in .env), TEAM_KEY (named in "
        "parley.toml)"
    )
    only_files = Config.read(Variables({"PATH": "/bin", "TEAM_KEY_FILE": ""}, {"TEAM_KEY": "x"}), Problems())
    assert not_reread(only_files, tmp_path) == "nothing"
    beside = Config.read(Variables({"PARLEY_RATE": "7"}, {"OPENAI_MODEL": "large"}), Problems())
    (tmp_path / "parley.toml").unlink()
    assert not_reread(beside, tmp_path) == "1 setting from the environment of the process"


def test_a_process_without_files_says_that_there_is_nothing_to_reread(tmp_path: Path) -> None:
    read = Config.read(Variables({"PARLEY_RATE": "7", "OPENAI_MODEL": "large"}), Problems())
    assert not_reread(read, Path("/var/lib/parley")) == (
        "2 settings from the environment of the process; /var/lib/parley has no settings in .env and no parley.toml: "
        "there is nothing to reread"
    )
    (tmp_path / "key").write_text("sk-secret")
    read = Config.read(Variables({"OPENAI_API_KEY_FILE": str(tmp_path / "key")}), Problems())
    assert not_reread(read, Path("/app")).endswith(": the files of OPENAI_API_KEY_FILE alone were read")
