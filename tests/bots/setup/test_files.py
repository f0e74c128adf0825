"""The files of `parley init`: what is changed in them, what stays, and who may read them."""

from __future__ import annotations

import io
import stat
import tomllib
from datetime import datetime
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bots.setup.answers import Endpoint
from bots.setup.env_file import HEAD, changed
from bots.setup.private_files import write_private
from bots.setup.toml_file import names_models, to_toml, with_tools
from core.errors import SettingsError

NOW = datetime(2026, 11, 29, 15, 8, 1)  # noqa: DTZ001 - of the operator's clock


def test_a_new_file_says_who_wrote_it() -> None:
    assert changed("", {"PARLEY_RATE": "3", "PARLEY_ADMINS": ""}) == f"{HEAD}PARLEY_RATE=3\n"


def test_a_setting_keeps_its_place_and_all_else_stays_as_it_is() -> None:
    text = "# mine\nOTHER='as it was'\nexport PARLEY_RATE=1\n# PARLEY_ADMINS=\nPARLEY_LOG=json\n"
    made = changed(text, {"PARLEY_RATE": "2", "PARLEY_ADMINS": "slack:U1", "PARLEY_LANGUAGE": "zh"})
    assert made == (
        "# mine\nOTHER='as it was'\nPARLEY_RATE=2\nPARLEY_ADMINS=slack:U1\nPARLEY_LOG=json\nPARLEY_LANGUAGE=zh\n"
    )


def test_a_secret_that_is_not_used_any_more_leaves_the_file() -> None:
    made = changed("SLACK_BOT_TOKEN=xoxb-old\n", {"SLACK_BOT_TOKEN": ""})
    assert made == "# SLACK_BOT_TOKEN=\n"


def test_a_setting_that_is_there_twice_is_there_once() -> None:
    assert changed("# A=0\nA=1\nB=2\nA=3\n", {"A": "4"}) == "# A=0\nA=4\nB=2\n"


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=30))
def test_every_value_is_read_back_as_it_was_written(text: str) -> None:
    value = f"x{text.replace('${', '$')}"
    made = changed("", {"PARLEY_SYSTEM_PROMPT": value})
    assert dotenv_values(stream=io.StringIO(made)) == {"PARLEY_SYSTEM_PROMPT": value}


def test_a_file_is_private_and_the_one_before_is_kept_privately(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert write_private(file, "first", NOW) is None
    file.chmod(0o644)
    copy = write_private(file, "second", NOW)
    assert copy == tmp_path / ".env.bak-20261129-150801"
    assert (file.read_text(), copy.read_text()) == ("second", "first")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (file, copy)} == {0o600}
    assert sorted(one.name for one in tmp_path.iterdir()) == [".env", ".env.bak-20261129-150801"]


def test_no_copy_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for text in ("first", "second"):
        write_private(file, text, NOW)
    with pytest.raises(FileExistsError):
        write_private(file, "third", NOW)
    assert file.read_text() == "second"


def test_endpoints_become_a_file_with_their_models_in_order_and_no_key() -> None:
    endpoints = (
        Endpoint("main", "https://a.example.com/v1", "sk-first", ('odd "name"', "gpt-5")),
        Endpoint("spare-one", "https://b.example.com/v1", "sk-second", ("gpt-5", "glm")),
    )
    text = to_toml(endpoints)
    read = tomllib.loads(text)
    assert read["models"] == ['odd "name"', "gpt-5", "glm"]
    assert read["endpoints"]["spare-one"]["accounts"] == [{"name": "first", "key_env": "SPARE_ONE_API_KEY"}]
    assert list(read["endpoints"]["main"]["models"]) == ['odd "name"', "gpt-5"]
    assert "sk-" not in text


def test_tools_that_are_there_stay_behind_the_endpoints() -> None:
    tools = '[[tools]]\nname = "wiki"\nurl = "https://wiki.example.com/mcp"\n'
    assert not names_models(tools)
    read = tomllib.loads(
        with_tools(to_toml((Endpoint("main", "https://a.example.com/v1", "k", ("m",)),)), tools)
    )
    assert set(read) == {"models", "endpoints", "tools"}
    assert names_models(to_toml((Endpoint("main", "https://a.example.com/v1", "k", ("m",)),)))


def test_a_file_that_is_no_toml_is_refused_with_its_place() -> None:
    with pytest.raises(SettingsError, match=r"parley\.toml: end of document: is not TOML"):
        names_models("models = [")
