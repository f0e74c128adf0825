"""Every command of the guides is run by a test, or there is a reason why not, and it is checked as far as it can be.

Those of `parley` and `curl` are run in `tests/e2e/test_guides.py`, those that make files here. `NOT_RUN` has the reason
of each other program, and a check of its commands.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import metadata, version
from pathlib import Path

import pytest
import yaml

from tests.house.guide_commands import CommandLine, command_lines, commands_of
from tests.house.guides import TOP
from tests.house.parley_commands import is_name, problem
from tests.house.tools import installed, run_tool, tool

DEPLOY = TOP / "deploy"
INSTALLED = "/opt/parley/"
"""The folder of the repository in the guide for systemd."""
LINES = list(command_lines())
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
MADE_BY_A_LINE_BEFORE = {"secret.yaml"}


def fault_of_parley(line: CommandLine) -> str:
    return "" if line.block == 0 and is_name(line.arguments) else problem(line.arguments)


def fault_of_make(line: CommandLine) -> str:
    done = subprocess.run(
        ["make", "--dry-run", *line.arguments], cwd=TOP, capture_output=True, text=True, check=False
    )
    return done.stderr


def fault_of_sudo(line: CommandLine) -> str:
    words = line.arguments[2:] if line.arguments[0] == "-u" else line.arguments
    return fault(replace(line, program=words[0], arguments=words[1:]))


def fault_of_docker(line: CommandLine) -> str:
    if line.arguments[0] in ("build", "push"):
        return missing_files(line)
    if line.arguments[:3] != ("compose", "-f", "deploy/compose.yaml"):
        return "the file of compose is not named, and is not in the folder of the clone"
    name, *rest = line.arguments[3:]
    service = next((at for at, word in enumerate(rest) if word in SERVICES), len(rest))
    if name == "exec" and rest[service + 1] == "parley":
        return problem(rest[service + 2 :])
    if installed("docker-compose") is None:
        return ""
    known = run_tool("docker-compose", name, "--help").stdout
    unknown = [word for word in rest[:service] if word[0] == "-" and not re.search(rf"{word}\b", known)]
    return f"docker compose {name} does not know {unknown}" if unknown or not known else ""


def fault_of_kubectl(line: CommandLine) -> str:
    objects = yaml.safe_load_all((DEPLOY / "kubernetes" / "parley.yaml").read_text())
    names = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in objects}
    named = {word for word in line.arguments if re.fullmatch(r"[a-z]+/[a-z]+", word)}
    if not named <= names:
        return f"{named - names} is no object of parley.yaml"
    if "--" in line.arguments:
        return problem(line.arguments[line.arguments.index("--") + 2 :])
    return missing_files(line)


def fault_of_systemctl(line: CommandLine) -> str:
    verb, *_, name = line.arguments
    verbs = {"reload", "restart", "enable", "edit", "status"}
    known = verb in verbs and (DEPLOY / f"{name}.service").exists()
    return "" if known else "no such unit or verb"


def fault_of_users(line: CommandLine) -> str:
    """The user and the folder are those of the unit."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(DEPLOY / "parley.service")
    user, folder = unit["Service"]["User"], unit["Service"]["WorkingDirectory"]
    return "" if user in line.arguments and folder in line.arguments else "not the user or folder of the unit"


def fault_of_pip(line: CommandLine) -> str:
    extras = set(metadata("parley").get_all("Provides-Extra") or ())
    for word in line.arguments:
        if (extra := re.fullmatch(r"parley\[(\w+)\]", word)) and extra[1] not in extras:
            return f"there is no extra {extra[1]}"
        if word.endswith(".whl") and not word.startswith(f"parley-{version('parley')}-"):
            return "this is not the version that `make wheel` builds"
        if word.endswith(".txt") and not (DEPLOY / word).exists():
            return f"there is no {word} in deploy"
    return ""


def missing_files(line: CommandLine) -> str:
    """The files behind -f that there are not."""
    named = [
        line.arguments[at + 1]
        for at, word in enumerate(line.arguments)
        if word == "-f" and word != line.program
    ]
    gone = [name for name in named if name not in MADE_BY_A_LINE_BEFORE and not (TOP / name).exists()]
    return f"there is no {gone[0]}" if gone else ""


def fault_of_copy(line: CommandLine) -> str:
    source = TOP / line.arguments[0].removeprefix(INSTALLED)
    return "" if source.is_file() else f"there is no {source.name}"


def fault_of_git(line: CommandLine) -> str:
    done = subprocess.run(["git", line.arguments[0], "-h"], capture_output=True, text=True, check=False)
    return done.stderr if "is not a git command" in done.stderr else ""


def no_fault(_line: CommandLine) -> str:
    return ""


NOT_RUN: dict[str, tuple[str, Callable[[CommandLine], str]]] = {
    "parley": ("run in tests/e2e/test_guides.py", fault_of_parley),
    "curl": ("run in tests/e2e/test_guides.py", no_fault),
    "jq": ("run with the export that it reads, where jq is installed", no_fault),
    "make": ("targets are run by .ci/run and by people; here make finds all that they need", fault_of_make),
    ".ci/run": (
        "runs this test",
        lambda line: "" if os.access(TOP / line.program, os.X_OK) else "can't be run",
    ),
    "sudo": ("changes the machine; what follows is checked", fault_of_sudo),
    "cd": ("its folder is there only where Parley is installed", no_fault),
    ".": (
        "changes the shell that runs it",
        lambda line: "" if (TOP / line.arguments[0]).exists() else "is gone",
    ),
    "docker": ("needs a daemon; docker-compose reads its file in test_deploy_tools.py", fault_of_docker),
    "kubectl": ("needs a cluster; the objects are validated in test_deploy_tools.py", fault_of_kubectl),
    "systemctl": (
        "needs a machine that runs the unit; systemd reads it in test_deploy_tools.py",
        fault_of_systemctl,
    ),
    "useradd": ("makes a user of the machine", fault_of_users),
    "install": ("its owner is a user of the machine", fault_of_users),
    "chown": ("run below, as far as this user may", no_fault),
    "chmod": ("run below", no_fault),
    "mkdir": ("run below", no_fault),
    "printf": ("run below", no_fault),
    "openssl": ("run below", no_fault),
    "tr": ("run below", no_fault),
    "cp": ("run below, or copies to a folder of the machine", fault_of_copy),
    "git": ("needs a repository elsewhere", fault_of_git),
    "python3": ("tests/e2e/test_wheel.py makes such an environment", no_fault),
    "pip": ("needs a package index; tests/e2e/test_wheel.py installs the wheel", fault_of_pip),
}


def fault(line: CommandLine) -> str:
    """The reason why a command can't be right; raises KeyError for one that is neither run nor excused."""
    path = line.program
    name = path if path in NOT_RUN else Path(path).name if path.startswith((INSTALLED, ".venv/bin/")) else path
    return NOT_RUN[name][1](line)


def test_each_command_is_run_or_excused_and_can_be_right() -> None:
    found = {f"{line.page.name}: {line.words}": fault(line) for line in LINES}
    assert {words: wrong for words, wrong in found.items() if wrong} == {}


def test_no_excuse_is_for_nothing() -> None:
    used = {Path(word).name for line in LINES for word in (line.program, *line.arguments[:3])}
    assert {Path(name).name for name in NOT_RUN} <= used


@pytest.mark.parametrize(
    "text",
    [
        "    parley usage --jsn\n",
        "- In a list:\n\n      parley backupp FILE\n",
        "Write `parley usage --jsn` first.\n",
        "| a | b |\n|---|---|\n| c | `make nothing` |\n",
        "    sudo systemctl enable --now parleyd\n",
        "    sudo -u parley /opt/parley/.venv/bin/parley docter\n",
        "`docker compose ps`\n",
        "    kubectl rollout restart deployment/parley\n",
        "    kubectl apply -f deploy/kubernetes/parly.yaml\n",
        "    sudo cp /opt/parley/deploy/parley.unit /etc/systemd/system/\n",
        "`pip install 'parley[otl]'`\n",
        "    sudo useradd --system --home-dir /srv/parley parley\n",
    ],
)
def test_a_command_that_can_not_be_right_is_noticed(text: str) -> None:
    (line,) = commands_of(TOP / "README.md", text)
    assert fault(line)


def test_an_option_that_compose_does_not_know_is_noticed() -> None:
    tool("docker-compose")
    text = "    docker compose -f deploy/compose.yaml up --detached\n"
    (line,) = commands_of(TOP / "README.md", text)
    assert fault(line)


@pytest.mark.parametrize(
    "text", ["    terraform apply\n", "```sh\nrm -rf data\n```\n", "    A block of words.\n"]
)
def test_a_new_command_that_is_neither_run_nor_excused_fails(text: str) -> None:
    (line,) = commands_of(TOP / "README.md", text)
    with pytest.raises(KeyError):
        fault(line)


# -- those that are run


def shell(line: str, folder: Path, **variables: str) -> str:
    """The output of a line in `folder`. An owner is given only where this user may."""
    if os.geteuid():
        line = re.sub(r"sudo chown [^&]+&& ", "", line)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line.replace("sudo ", "")],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), line
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of `deploy`, and a `.env`, as in a clone."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", "screenshots"))
    shutil.copy(TOP / ".env.example", tmp_path / ".env")
    return tmp_path


def block_with(words: str) -> list[str]:
    """The lines of the block of deploy/README.md in which a line begins with `words`."""
    (found,) = {
        line.block for line in LINES if line.page == DEPLOY / "README.md" and line.line.startswith(words)
    }
    lines = [line.line for line in LINES if line.page == DEPLOY / "README.md" and line.block == found]
    return list(dict.fromkeys(lines))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_secrets_of_compose_are_made_by_the_lines_of_the_guide(clone: Path) -> None:
    *lines, up = block_with("mkdir -m 700 deploy/secrets")
    assert up.startswith("docker compose -f deploy/compose.yaml up ")
    for line in lines:
        shell(line, clone, OPENAI_API_KEY="sk-1234")
    secrets = clone / "deploy" / "secrets"
    named = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["secrets"]
    assert {f"secrets/{file.name}" for file in secrets.iterdir()} == {one["file"] for one in named.values()}
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o400}
    password = (secrets / "postgres_password").read_text()
    assert re.fullmatch("[0-9a-f]{48}", password)
    assert (secrets / "database_url").read_text() == f"postgresql://parley:{password}@postgres/parley"
    assert (secrets / "openai_api_key").read_text() == "sk-1234"
    checked = run_tool("docker-compose", *up.split()[2:4], "config", "--quiet", folder=clone)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_secret_of_kubernetes_is_copied_by_the_line_of_the_guide(clone: Path) -> None:
    (copy,) = (line for line in block_with("cp deploy/kubernetes") if line.startswith("cp "))
    shell(copy, clone)
    assert yaml.safe_load((clone / "secret.yaml").read_text())["kind"] == "Secret"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_token_of_the_guide_is_random_and_long_enough() -> None:
    (line,) = {line.line for line in LINES if line.program == "openssl" and line.block == 0}
    assert re.fullmatch("[0-9a-f]{64}\n", shell(line, TOP))
