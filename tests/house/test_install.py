"""`make install` says what it does while pip works, and ends as pip ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP = """#!/bin/sh
case "$*" in *requirements.txt*) ;; *) exit 0 ;; esac
echo "Collecting httpx==0.28.1 (from -r deploy/requirements.txt (line 1))"
echo "  Using cached httpx.whl"
echo "Collecting sqlmodel==0.0.27 (from -r deploy/requirements.txt (line 2))"
%s
"""
INSTALLED = 'echo "Installing collected packages: httpx, sqlmodel"'
REFUSED = 'echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" >&2; exit 3'


def install(venv: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run `make install` with an environment whose Python is a script that prints what pip prints."""
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(script)
    python.chmod(0o755)
    # Flags of a make that runs these tests would be taken for its own.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "install", f"VENV={venv}"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_each_package_is_a_line_while_pip_works(tmp_path: Path) -> None:
    done = install(tmp_path, PIP % INSTALLED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Fetching the packages of deploy/requirements.txt, with their hashes checked ...",
        "  1  httpx==0.28.1",
        "  2  sqlmodel==0.0.27",
        "  unpacking 2 packages ...",
        "Installing Parley itself ...",
    ]


def test_a_refusal_of_pip_is_shown_and_ends_the_installation(tmp_path: Path) -> None:
    done = install(tmp_path, PIP % REFUSED)
    assert done.returncode != 0
    assert "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" in done.stdout
    assert "Installing Parley itself" not in done.stdout
    assert not (tmp_path / ".installed").exists()
