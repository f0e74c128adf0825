"""The commands of the guides that are Parley's own, run by the real program as a shell reads them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bots.discord.test_guide import TOKEN
from tests.e2e.conftest import model_endpoint, model_settings, slack_settings, slack_workspace
from tests.e2e.program import Program, free_port
from tests.e2e.test_init import Typist
from tests.e2e.test_references import NO_MONEY, shown_ref
from tests.e2e.test_slack import AT
from tests.fakes.slack import FakeSlack
from tests.house.guide_commands import CommandLine, command_lines
from tests.house.parley_commands import is_complete
from tests.waiting import HANG_S

PROGRAM = Path(sys.executable).with_name("parley")


def of_parley(line: CommandLine) -> bool:
    """True for a complete command of Parley's own, as on a machine where `parley` is found."""
    return line.program in ("parley", ".venv/bin/parley") and is_complete(line.arguments)


LINES = {
    line.line.partition(" #")[0].replace(".venv/bin/", "").strip(): line.arguments
    for line in command_lines()
    if of_parley(line) and "&&" not in line.line
}
"""Each line once, with the arguments of its command."""
REMOVE = "parley workspaces remove slack:T0123"
ACCOUNT = "parley workspaces account slack:T0123 --base-url https://host/v1 --model gpt-5"
OF_ITS_OWN = {
    *("parley run", "parley init", "parley summary --now", "parley summary --now --period week"),
    REMOVE,
    ACCOUNT,
}
"""Those whose test is their own: they serve, ask, post, or need a workspace."""


@dataclass(frozen=True, slots=True)
class Used:
    """The folder of a Parley whose one question has failed."""

    folder: Path
    ref: str
    turn: int


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    return asyncio.run(fail_once(tmp_path_factory.mktemp("used")))


async def fail_once(folder: Path) -> Used:
    async with model_endpoint() as endpoint, slack_workspace() as slack:
        endpoint.default = NO_MONEY
        async with Program(folder, **slack_settings(slack), **model_settings(endpoint)):
            ref = await shown_ref(folder, slack, await slack.say("U1", "C1", f"{AT} why?"))
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
        ((turn,),) = database.execute("SELECT id FROM turns").fetchall()
    return Used(folder, ref, turn)


@pytest.fixture
def folder(used: Used, tmp_path: Path) -> Path:
    """A copy of it, and a place for backups."""
    shutil.copytree(used.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "backups").mkdir()
    return tmp_path


def run(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with `line` in `folder`, with no setting but what is there, whose questions are answered by
    yes. Backups are in the folder."""
    environment = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TERM": "dumb",
        **variables,
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("/backups/", "backups/")],
        cwd=folder,
        env=environment,
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("line", sorted(LINES.keys() - OF_ITS_OWN))
def test_a_command_of_the_guides_does_what_it_says(line: str, folder: Path, used: Used) -> None:
    if "jq" in line and shutil.which("jq") is None:
        line = line.partition(" | ")[0]
    name, *rest = LINES.get(line, ("export",))
    variables: dict[str, str] = {}
    if name == "restore":
        assert run(folder, f"parley backup {rest[0]}").returncode == 0
    if name == "init":
        (folder / ".env").unlink(missing_ok=True)
        variables = {"TOKEN": TOKEN, "KEY": "sk-1234"}
    if name == "doctor":
        variables = {"PARLEY_HTTP_PORT": str(free_port())}
    said = run(folder, line.replace("K7M2QX", used.ref).replace(" 123", f" {used.turn}"), **variables)
    assert (said.returncode, said.stderr) == (0, ""), said.stdout
    assert said.stdout


async def test_parley_run_serves_until_sigterm(tmp_path: Path) -> None:
    assert "parley run" in LINES
    async with Program.fresh(tmp_path) as program:
        assert "Parley" in await program.page("/")


async def test_the_addresses_that_the_guides_ask_answer(tmp_path: Path) -> None:
    asked = [line.arguments for line in command_lines() if line.program == "curl"]
    assert asked
    async with Program(tmp_path) as program:
        for arguments in asked:
            *options, url = arguments
            curl = ["curl", "--silent", *options, url.replace("127.0.0.1:8080", f"127.0.0.1:{program.port}")]
            asking = await asyncio.create_subprocess_exec(*curl, stdout=asyncio.subprocess.PIPE)
            said, _ = await asking.communicate()
            assert asking.returncode == 0
            assert said


async def test_parley_init_without_a_key_takes_enter_at_all_other_questions(tmp_path: Path) -> None:
    assert "parley init" in LINES
    person = Typist(tmp_path)
    await person.start()
    async with asyncio.timeout(2 * HANG_S):
        await person.press_enter_to_the_end({"Is there an endpoint?": "n"})
    assert await person.end() == 0, person.seen
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("line", sorted(line for line in LINES if line in OF_ITS_OWN and "summary" in line))
async def test_the_report_that_a_guide_posts_is_posted(line: str, folder: Path, slack: FakeSlack) -> None:
    settings = slack_settings(slack) | {"PARLEY_SUMMARY_CHANNELS": "slack:C2"}
    said = await asyncio.to_thread(run, folder, line, **settings)
    assert said.returncode == 0, said.stderr
    assert [message.channel for message in slack.messages("C2")] == ["C2"]


def test_a_reference_that_is_not_known_is_refused_in_words(folder: Path) -> None:
    ended = run(folder, "parley errors K7M2QX")
    assert ended.returncode == 2
    assert ended.stderr.startswith("parley: no failure has the reference K7M2QX.")


@pytest.mark.parametrize(
    ("line", "words"),
    [(REMOVE, "nothing is stored of it"), (ACCOUNT, "PARLEY_SECRET_KEY: is needed to store a key")],
)
def test_a_command_for_a_workspace_that_is_not_known_is_refused_in_words(
    line: str, words: str, folder: Path
) -> None:
    assert line in LINES
    ended = run(folder, line)
    assert ended.returncode == 2
    assert words in ended.stderr


def test_the_guides_have_commands_that_are_run() -> None:
    names = {arguments[0] for arguments in LINES.values()}
    assert {"--version", "settings", "usage", "errors", "retry", "doctor", "backup", "restore", "init"} <= names
