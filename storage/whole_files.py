"""Files that appear whole or not at all, and errors about them in words."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

from core.errors import SettingsError
from storage.url import SIDE_FILES


@contextmanager
def part_beside(file: Path, *, keep: bool = False) -> Iterator[Path]:
    """A new empty file of mode 0600 beside `file`. It is removed at the end, with `keep` only after an error."""
    part = file.with_name(f"{file.name}.part-{secrets.token_hex(4)}")
    with in_words(file):
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    done = False
    try:
        yield part
        done = True
    finally:
        if not (keep and done):
            remove(part)


def remove(part: Path) -> None:
    """Remove a copy that is not needed, with the files beside it."""
    for end in ("", "-journal", *SIDE_FILES):
        part.with_name(part.name + end).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def in_words(file: Path) -> Iterator[None]:
    """Errors of the system and of SQLite as one line that names the file."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}{_room(file, error)}") from None
    except sqlite3.Error as error:
        raise SettingsError(f"{file}: {error}") from None


def _room(file: Path, error: OSError) -> str:
    if error.errno != ENOSPC:
        return ""
    return f" ({shutil.disk_usage(file.parent).free // 1_000_000} MB are free)"


def check_new(target: Path, *, force: bool) -> None:
    """Raises SettingsError where `target` can't be made, or exists (without `force`)."""
    if target.is_dir():
        raise SettingsError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise SettingsError(f"{target}: the folder {target.parent} does not exist")
    if target.exists() and not force:
        raise SettingsError(f"{target} exists: name another file, or say --force to replace it")


def appear(part: Path, target: Path) -> None:
    """Have `part`, a whole file beside it, take the name `target` for good."""
    sync(part)
    os.replace(part, target)
    sync(target.parent)
