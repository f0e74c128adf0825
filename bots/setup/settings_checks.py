"""The checks of the settings: every value, and the rights of the files that hold them."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.values.checks import Finding, failed, ok, warning

ENV_FILE = Path(".env")


def wrong_settings(lines: Iterable[str]) -> list[Finding]:
    """One finding for each line of the report of wrong settings."""
    todo = "correct it in the environment, in .env or in parley.toml: `parley settings` lists all settings"
    return [failed("settings", line, todo) for line in lines]


def odd_settings(lines: Iterable[str]) -> list[Finding]:
    """One finding for each line about a variable that may be a misspelt setting."""
    return [warning("settings", line) for line in lines]


def right_settings(files: Sequence[Path]) -> list[Finding]:
    """The findings about settings that are right, and about the rights of `files`, which may hold secrets."""
    there = [file for file in files if file.is_file()]
    sources = ", ".join(["the environment", *map(str, there)])
    return [ok("settings", f"all are right ({sources})"), *filter(None, map(_rights, there))]


def _rights(file: Path) -> Finding | None:
    others = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
    if file.stat().st_mode & others:
        return warning(
            f"file {file}", "others on this machine may read it, and it may hold keys", f"chmod 600 {file}"
        )
    return None
