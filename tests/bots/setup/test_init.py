"""`parley init`: its questions, its refusals, and what a start makes of the files that it writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bots.config import Config
from bots.setup.answers import Endpoint
from bots.setup.init import Flags, Init
from bots.setup.options import endpoints_of
from core.errors import SettingsError
from tests.bots.discord.test_guide import TOKEN

NOW = datetime(2026, 11, 29, 15, 8, 1)  # noqa: DTZ001 - of the operator's clock
MAIN = (Endpoint("main", "https://models.example.com/v1", "sk-first-key", ("gpt-5",)),)
SLACK: dict[str, Any] = {
    "platforms": ("slack",),
    "slack_bot_token": "xoxb-1-abc",
    "slack_app_token": "xapp-1-abc",
}


class Person:
    """A `Console` whose person gives `answers` by the beginning of the question, the next one where it is asked again,
    and else takes the default. `shown` is all that they see."""

    def __init__(self, answers: Mapping[str, str | list[str]] = {}) -> None:
        self._answers = {begin: [one] if isinstance(one, str) else list(one) for begin, one in answers.items()}
        self.shown = ""
        self.hidden: list[str] = []

    def say(self, text: str) -> None:
        self.shown += f"{text}\n"

    def ask(self, question: str, default: str = "", *, hidden: bool = False) -> str:
        self.shown += f"{question}\n" if hidden else f"{question} [{default}]\n"
        self.hidden += [question] if hidden else []
        return self._next(question) or default

    def confirm(self, question: str, *, default: bool) -> bool:
        self.shown += f"{question}\n"
        said = self._next(question)
        return said == "y" if said else default

    def _next(self, question: str) -> str:
        assert self.shown.count(f"{question}\n") + self.shown.count(f"{question} [") < 5, question
        begin = next((begin for begin in self._answers if question.startswith(begin)), "")
        left = self._answers.get(begin, [])
        return left.pop(0) if left else ""


def init(
    folder: Path, person: Person | None = None, environment: Mapping[str, str] = {}, **given: Any
) -> Person:
    """One run; without a person nothing is asked."""
    flags = {name: given.pop(name) for name in ("public_url", "manifest", "overwrite") if name in given}
    console = person or Person()
    Init(Flags(given, asks=person is not None, **flags), console, folder, NOW, environment).run()
    return console


def started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The settings that a start in `folder` would have."""
    for name in ("DATABASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    return Config.load()


def test_options_alone_make_an_installation_that_a_start_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(
        tmp_path,
        **SLACK,
        endpoints=MAIN,
        discord_bot_token=TOKEN,
        admins="slack:U1",
        language="zh",
        time_zone="Asia/Shanghai",
        memory="workspace",
        keep_days="90",
        slack_ask_command="/frag",
    )
    config = started(tmp_path, monkeypatch)
    (route,) = config.catalog.routes
    assert (route.account.base_url, route.model_there) == ("https://models.example.com/v1", "gpt-5")
    core = config.core
    assert (core.parley_language, core.parley_time_zone, core.parley_memory) == (
        "zh",
        "Asia/Shanghai",
        "workspace",
    )
    assert (core.parley_keep_days, core.parley_admins) == (90, "slack:U1")
    assert config.slack.names.ask == "/frag"
    on = [name for name, why in config.platforms().items() if not why]
    assert on == ["slack"], "a token alone is no platform that was chosen"


def test_questions_alone_make_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(
        {
            "Platforms": "slack, discord",
            "Bot User": "xoxb-1-abc",
            "App-level": "xapp-1-abc",
            "Token of the Discord bot": TOKEN,
            "Base URL": "https://models.example.com/v1",
            "Key": "sk-first-key",
            "Model (": "gpt-5",
            "Days": "30",
        }
    )
    init(tmp_path, person)
    config = started(tmp_path, monkeypatch)
    assert [name for name, why in config.platforms().items() if not why] == ["slack", "discord"]
    assert config.catalog.routes[0].model_there == "gpt-5"
    assert config.core.parley_keep_days == 30
    secrets = ("xoxb-1-abc", "xapp-1-abc", TOKEN, "sk-first-key")
    assert not any(secret in person.shown for secret in secrets)
    assert len(person.hidden) == 4
    assert person.shown.rstrip().endswith("Then: parley run")


def test_a_token_in_the_wrong_place_is_asked_for_again(tmp_path: Path) -> None:
    person = Person(
        {
            "Platforms": ["slack,teams", "slack"],
            "Bot User": ["xapp-1-abc", "xoxb-1-abc"],
            "App-level": ["xoxb-1-abc", "xapp-1-abc"],
            "Base URL": ["https://models.example.com/v1/chat/completions", "https://models.example.com/v1"],
            "Key": ["https://models.example.com", "sk-first-key"],
            "Model (": "gpt-5",
            "Time zone": ["Mars", "Europe/Berlin"],
        }
    )
    init(tmp_path, person)
    refusals = [line.strip() for line in person.shown.splitlines() if line.startswith("  Not taken: ")]
    assert len(refusals) == 6
    assert any("belongs in SLACK_APP_TOKEN" in one for one in refusals)
    assert any("write https://models.example.com/v1" in one for one in refusals)


def test_what_is_set_already_is_the_default_of_each_question(tmp_path: Path) -> None:
    init(tmp_path, **SLACK, endpoints=MAIN, time_zone="Europe/Berlin")
    before = (tmp_path / ".env").read_text()
    person = init(tmp_path, Person({"Change .env": "y"}))
    assert (tmp_path / ".env").read_text() == before
    assert "Time zone, such as Europe/Berlin [Europe/Berlin]" in person.shown
    assert (tmp_path / ".env.bak-20261129-150801").read_text() == before


def test_the_machine_suggests_its_language_and_zone_until_others_are_set(tmp_path: Path) -> None:
    here = {"LANG": "zh_CN.UTF-8", "TZ": "Asia/Shanghai"}
    init(tmp_path, Person({"Is there": "n"}), here)
    text = (tmp_path / ".env").read_text()
    assert "PARLEY_LANGUAGE=zh" in text
    assert "PARLEY_TIME_ZONE=Asia/Shanghai" in text
    elsewhere = {"LANG": "en_US.UTF-8", "TZ": "Europe/Berlin"}
    init(tmp_path, Person({"Is there": "n", "Change .env": "y"}), elsewhere)
    assert (tmp_path / ".env").read_text() == text


def test_a_key_is_not_kept_for_another_address(tmp_path: Path) -> None:
    init(tmp_path, endpoints=MAIN)
    answers: dict[str, str | list[str]] = {
        "Base URL": "https://other.example.com/v1",
        "Key": ["", "sk-other-key"],
        "Model (": "m",
    }
    person = init(tmp_path, Person(answers | {"Change .env": "y"}))
    text = (tmp_path / ".env").read_text()
    assert "base URL, key and model belong together" in person.shown
    assert "sk-other-key" in text
    assert "sk-first-key" not in text


def test_a_file_that_is_there_is_changed_only_when_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PARLEY_LOG=json\n")
    with pytest.raises(SettingsError, match="--overwrite"):
        init(tmp_path)
    assert "Nothing was written" in init(tmp_path, Person({"Is there": "n"})).shown
    assert (tmp_path / ".env").read_text() == "PARLEY_LOG=json\n"
    init(tmp_path, overwrite=True)
    assert (tmp_path / ".env").read_text().startswith("PARLEY_LOG=json\n")


def test_several_endpoints_make_a_file_that_a_start_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = endpoints_of(
        "https://models.example.com/v1",
        "sk-first-key",
        ["gpt-5", "gpt-5-mini"],
        ["name=spare-one url=https://spare.example.com/v1 key=sk-spare-key model=gpt-5,glm"],
    )
    (tmp_path / "parley.toml").write_text('[[tools]]\nname = "wiki"\nurl = "https://wiki.example.com/mcp"\n')
    init(tmp_path, endpoints=spare)
    config = started(tmp_path, monkeypatch)
    asked = [(route.account.host, route.model_there) for route in config.catalog.routes]
    main, other = "models.example.com", "spare.example.com"
    assert asked == [(main, "gpt-5"), (other, "gpt-5"), (main, "gpt-5-mini"), (other, "glm")]
    assert [route.account.key.get_secret_value() for route in config.catalog.routes][1] == "sk-spare-key"
    assert [server.name for server in config.tool_servers] == ["wiki"]
    assert "sk-" not in (tmp_path / "parley.toml").read_text()


def test_further_endpoints_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(
        {
            "Base URL": ["https://models.example.com/v1", "https://spare.example.com/v1"],
            "Key": ["sk-first-key", "sk-spare-key"],
            "Model (": ["gpt-5", "glm"],
            "Another endpoint": ["y", "n"],
            "Its name": ["main", "Spare", "spare"],
        }
    )
    init(tmp_path, person)
    hosts = [route.account.name for route in started(tmp_path, monkeypatch).catalog.routes]
    assert hosts == ["main/first", "spare/first"]
    assert person.shown.count("Not taken") == 2


def test_models_of_a_file_stay_as_they_are(tmp_path: Path) -> None:
    written = 'models = ["m"]\n[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'
    written += 'accounts = [{name = "a", key = "none"}]\nmodels = {m = {}}\n'
    (tmp_path / "parley.toml").write_text(written)
    assert "Models: they stay as parley.toml" in init(tmp_path, Person()).shown
    with pytest.raises(SettingsError, match="names the models"):
        init(tmp_path, endpoints=MAIN, overwrite=True)
    assert (tmp_path / "parley.toml").read_text() == written


@pytest.mark.parametrize("missing", ["base_url", "api_key", "models"])
def test_a_key_without_its_address_and_model_is_refused(missing: str) -> None:
    given: dict[str, Any] = {"base_url": "https://models.example.com/v1", "api_key": "sk-1", "models": ["m"]}
    with pytest.raises(SettingsError, match="belong together"):
        endpoints_of(**(given | {missing: None}), further=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://spare.example.com", "written as name=backup"),
        ("name=main url=https://a.b/v1 key=k model=m", "is there already: main"),
        ("name=Spare url=https://a.b/v1 key=k model=m", "small letter"),
    ],
)
def test_an_endpoint_that_is_written_otherwise_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        endpoints_of("https://models.example.com/v1", "sk-1", ["m"], [text])


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        init(tmp_path, **(SLACK | {"slack_bot_token": "xapp-1-abc"}), language="fr", time_zone="Mars")
    assert [line.partition(":")[0] for line in refused.value.lines] == [
        "SLACK_BOT_TOKEN",
        "PARLEY_LANGUAGE",
        "PARLEY_TIME_ZONE",
    ]
    assert list(tmp_path.iterdir()) == []


def test_tokens_may_come_later_and_are_named_until_then(tmp_path: Path) -> None:
    shown = init(tmp_path, platforms=("slack", "discord"), slack_bot_token="xoxb-1-abc").shown
    assert "SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET, over HTTP) is missing still" in shown
    assert "DISCORD_BOT_TOKEN is missing still" in shown
    assert "xoxb-1-abc" in (tmp_path / ".env").read_text()


def test_the_manifest_is_printed_or_written_for_both_ways(tmp_path: Path) -> None:
    shown = init(tmp_path, **SLACK, slack_bot_name="Ada").shown
    start = shown.index("{")
    made, _ = json.JSONDecoder().raw_decode(shown[start:])
    assert made["display_information"]["name"] == "Ada"
    assert made["settings"]["socket_mode_enabled"]
    file = tmp_path / "manifest.json"
    init(tmp_path, **SLACK, public_url="https://chat.example.com", manifest=file, overwrite=True)
    assert json.loads(file.read_text())["settings"]["event_subscriptions"]["request_url"] == (
        "https://chat.example.com/slack/events"
    )


def test_secrets_in_files_of_their_own_stay_there_with_their_address(tmp_path: Path) -> None:
    text = "OPENAI_API_KEY_FILE=/run/secrets/openai\nOPENAI_BASE_URL=https://models.example.com/v1\nOPENAI_MODEL=m\n"
    text += "DISCORD_BOT_TOKEN_FILE=/run/secrets/discord\n"
    (tmp_path / ".env").write_text(text)
    shown = init(tmp_path, overwrite=True).shown
    assert (tmp_path / ".env").read_text().startswith(text)
    assert "is missing still" not in shown
    (tmp_path / ".env.bak-20261129-150801").unlink()
    init(tmp_path, overwrite=True, discord_bot_token=TOKEN)
    written = (tmp_path / ".env").read_text().splitlines()
    assert "# DISCORD_BOT_TOKEN_FILE=" in written, "else it is set twice"
    assert f"DISCORD_BOT_TOKEN={TOKEN}" in written


def test_a_file_of_a_secret_is_left_with_its_platform_and_no_copy_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_BOT_TOKEN_FILE=/run/secrets/discord\n")
    init(tmp_path, overwrite=True, platforms=("web",))
    assert (tmp_path / ".env").read_text().startswith("# DISCORD_BOT_TOKEN_FILE=\n")
    with pytest.raises(SettingsError, match=r"\.env can't be written: file exists"):
        init(tmp_path, overwrite=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("precious.txt", "exists: name another file, or remove it first"),
        ("link.json", "exists as a link to .*nowhere: name another file"),
        (".env", r"\.env: settings are written there, name another file"),
        ("parley.toml", r"parley\.toml: settings are written there"),
        ("folder", "is a folder: name a file in it"),
        ("missing/manifest.json", "the folder .*missing does not exist"),
    ],
)
@pytest.mark.parametrize("person", [None, Person({"Is there": "n"})])
def test_a_manifest_replaces_no_file_and_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, words: str, person: Person | None
) -> None:
    (tmp_path / "precious.txt").write_text("precious")
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SettingsError, match=f"--manifest .*{words}") as refused:
        init(tmp_path, person, **SLACK, manifest=tmp_path / name)
    assert len(refused.value.lines) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "precious.txt").read_text() == "precious"


def test_settings_behind_a_link_are_changed_where_they_are(tmp_path: Path) -> None:
    real = tmp_path / "sub" / "real.env"
    real.parent.mkdir()
    real.write_text("PARLEY_RATE=3\n")
    link = tmp_path / ".env"
    link.symlink_to("sub/real.env")
    shown = init(tmp_path, overwrite=True, platforms=("web",), language="zh").shown
    assert link.is_symlink()
    assert "PARLEY_LANGUAGE=zh" in real.read_text()
    copy = real.with_name("real.env.bak-20261129-150801")
    assert copy.read_text() == "PARLEY_RATE=3\n"
    assert f".env, a link to {real}, is written (mode 0600); the one before is {copy}." in shown


def test_settings_in_a_pipe_are_neither_waited_for_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(SettingsError, match=r"\.env is no regular file"):
        init(tmp_path, overwrite=True, platforms=("web",))
    assert (tmp_path / ".env").is_fifo()


def test_a_variable_that_wins_over_the_file_is_named(tmp_path: Path) -> None:
    shown = init(tmp_path, environment={"OPENAI_MODEL": "another"}, endpoints=MAIN).shown
    assert "OPENAI_MODEL is set in the environment too" in shown


def test_a_platform_that_is_left_takes_its_tokens_along(tmp_path: Path) -> None:
    init(tmp_path, **SLACK)
    init(tmp_path, platforms=("web",), overwrite=True)
    text = (tmp_path / ".env").read_text()
    assert "xoxb" not in text
    assert "xapp" not in text


def test_the_page_beside_another_platform_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path, **(SLACK | {"platforms": ("slack", "web")}))
    assert not started(tmp_path, monkeypatch).platforms()["web"]
