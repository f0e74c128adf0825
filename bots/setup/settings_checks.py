"""The checks of the settings: every value, and the rights of the files that hold them."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.values.checks import CheckStatus, Finding, failed, ok, warning

ENV_FILE = Path(".env")


_SERVICE = (
    "if Parley is installed as a service, `cd` to its working directory, and give this command the service's settings: "
    "deploy/README.md says how"
)


def settings_sources(folder: Path, files: Sequence[Path], named: Iterable[str]) -> Finding:
    """The finding about the places that settings are read from: the folder, its `files` that exist, and the settings
    that are `named` in the environment."""
    there = [str(file) for file in files if (folder / file).is_file()]
    missing = [str(file) for file in files if not (folder / file).is_file()]
    count = len(set(named))
    variables = f"{count} setting{'s' * (count != 1)} of the environment" if count else ""
    if read := " and ".join(filter(None, (", ".join(there), variables))):
        absent = f"; no {' and no '.join(missing)} there" if missing else ""
        todo = "" if there else _SERVICE
        return Finding("folder", CheckStatus.OK, f"in {folder}: read {read}{absent}", todo)
    detail = (
        f"in {folder} there is no {' and no '.join(missing)}, and the environment has no setting of Parley's"
    )
    return warning("folder", f"{detail}: nothing is configured", f"{_SERVICE}; else run `parley init`")


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
