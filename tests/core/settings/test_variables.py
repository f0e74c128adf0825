"""Variables of the process, of `.env` and of files with secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings.environment import CoreSettings
from core.settings.problems import Problems
from core.settings.variables import LONGEST, Variables, secret_in


def of_process() -> tuple[Variables, list[str]]:
    problems = Problems()
    return Variables.of_process(problems), problems.lines


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "PARLEY_LOG", "A"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_wins_over_the_file_and_each_value_has_an_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text('A=file\nexport B="two words" # why\nC=\nD=4\n')
    (tmp_path / "d").write_text("from a file\n")
    monkeypatch.setenv("A", "environment")
    monkeypatch.setenv("E_FILE", "d")
    found, problems = of_process()
    assert problems == []
    assert [found.get(name) for name in "ABCDE"] == ["environment", "two words", None, "4", "from a file"]
    origins = [found.origin(name) for name in "ABCDE"]
    assert origins == ["the environment", ".env", "", ".env", "E_FILE d"]
    assert "environment" not in repr(found)


def test_a_line_that_sets_nothing_is_named_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nthis is a sentence\n# a comment\nB=2\n'\n")
    found, problems = of_process()
    assert problems == [".env: line 2 is not NAME=value", ".env: line 5 is not NAME=value"]
    assert (found["A"], found["B"]) == ("1", "2")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert of_process()[1] == [".env: can't be read: it is not UTF-8"]
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert of_process()[1] == [".env: can't be read: is a directory"]


@pytest.mark.parametrize(
    ("content", "secret"), [("sk-1", "sk-1"), ("sk-1\n", "sk-1"), ("sk-1\r\n", "sk-1"), ("sk-1\n\n", "sk-1\n")]
)
def test_one_line_end_of_a_secrets_file_is_left_out(tmp_path: Path, content: str, secret: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content.encode())
    assert secret_in("KEY_FILE", file) == secret


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: no such file or directory"),
        (b"\xff", "can't be read: it is not UTF-8"),
        (b"\n", "holds no secret: it is empty, or no text"),
        (b"a\0b", "holds no secret: it is empty, or no text"),
        (b"x" * (LONGEST + 1), "is larger than a secret: 65536 bytes at most"),
    ],
)
def test_a_secrets_file_that_holds_none_is_named_with_its_path(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        secret_in("KEY_FILE", file)
    assert str(caught.value) == f"KEY_FILE: {file} {reason}"


def test_a_secret_is_read_from_the_file_that_a_variable_names_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    for name in ("OPENAI_API_KEY_FILE", "openai_api_key_file"):
        problems = Problems()
        settings = CoreSettings.read(Variables({name: str(tmp_path / "key")}), problems)
        assert problems.lines == []
        assert settings.openai_api_key is not None
        assert settings.openai_api_key.get_secret_value() == "sk-from-file"


def test_a_secret_that_is_set_twice_and_a_file_that_is_gone_are_problems(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    twice, gone = Problems(), Problems()
    given = {"OPENAI_API_KEY": "sk-given"}
    CoreSettings.read(Variables(given, {"OPENAI_API_KEY_FILE": str(tmp_path / "key")}), twice)
    CoreSettings.read(Variables({"OPENAI_API_KEY_FILE": "/nowhere/key"}), gone)
    assert twice.lines == ["OPENAI_API_KEY: is set twice, here and by OPENAI_API_KEY_FILE; unset one of them"]
    assert gone.lines == ["OPENAI_API_KEY_FILE: /nowhere/key can't be read: no such file or directory"]
