"""The tools that check the files of `deploy`, where they are installed: a test says which it lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.guides import TOP

INSTALLED_BY = {
    "docker-compose": "make tools",
    "hadolint": "make tools",
    "kubernetes-validate": "make tools",
    "pip-audit": "make tools",
    "promtool": "Debian's package prometheus",
    "systemd-analyze": "Debian's package systemd",
}
_FOLDERS = (TOP / ".venv" / "tools" / "bin", TOP / ".venv" / "audit" / "bin")


def installed(name: str) -> Path | None:
    """The program `name`; None where it is not installed."""
    path = next((folder / name for folder in _FOLDERS if (folder / name).exists()), None) or shutil.which(name)
    return Path(path) if path else None


def tool(name: str) -> Path:
    """The program `name`; a test that needs it is skipped where it is not installed, and says what installs it."""
    return installed(name) or pytest.skip(f"{name} is not installed: {INSTALLED_BY[name]} brings it")


def run_tool(name: str, *arguments: str | Path, folder: Path = TOP) -> subprocess.CompletedProcess[str]:
    """Run a tool in `folder`."""
    return subprocess.run([tool(name), *arguments], cwd=folder, capture_output=True, text=True, check=False)
