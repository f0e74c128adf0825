"""Commands of the guides, run by the real program in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.clock import SystemClock
from storage import DatabaseSettings, open_store
from tests.house.guides import CommandLine, command_lines

NOT_RUN = ("run", "doctor", "retry")
"""Commands that serve, ask the services of the settings, or need a question that has failed."""


def ends_by_itself(line: CommandLine) -> bool:
    """True for a command of ours that needs no service and nothing that has happened before."""
    if line.program != "parley" or line.arguments[0] in NOT_RUN:
        return False
    posts = line.arguments[0] == "summary" and "--dry-run" not in line.arguments
    asks = line.arguments[0] == "init" and "--yes" not in line.arguments
    one_failure = line.arguments[0] == "errors" and len(line.arguments) > 1
    return not (posts or asks or one_failure)


LINES = {line.arguments: line for line in command_lines() if ends_by_itself(line)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run parley with no setting but what `folder` has."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    command = [str(Path(sys.executable).with_name("parley")), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder in which Parley has run, and nobody has asked anything."""
    database = DatabaseSettings(database_url=SecretStr(f"sqlite:///{tmp_path}/data/parley.db"))
    await (await open_store(database, SystemClock())).close()
    return tmp_path


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
def test_a_command_of_the_guides_does_what_it_says(arguments: tuple[str, ...], folder: Path) -> None:
    if arguments[0] == "restore":
        assert run(folder, "backup", *arguments[1:]).returncode == 0
    ended = run(folder, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_a_reference_that_is_not_known_is_refused_in_words(folder: Path) -> None:
    ended = run(folder, "errors", "K7M2QX")
    assert ended.returncode == 2
    assert ended.stderr.startswith("parley: no failure has the reference K7M2QX.")


def test_the_guides_have_commands_that_are_run() -> None:
    assert {"--version", "settings", "usage", "errors", "backup", "restore", "init"} <= {
        arguments[0] for arguments in LINES
    }
