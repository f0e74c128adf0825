"""Files that appear whole or not at all, in the place of what is there: refusals before that, and errors in words."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path

from core.errors import SettingsError
from storage.url import SIDE_FILES

_LOCK = ".lock"
_SIDES = ("-journal", *SIDE_FILES)
_PART = re.compile(r"(?P<part>(?P<name>.+)\.part-[0-9a-f]{8})(?:-journal|-wal|-shm|\.lock)?")


def real_file(name: Path) -> Path:
    """The file that is written as `name`: the one that a link leads to, so that the link stays. It may not exist yet.

    Raises SettingsError where it is a folder or another thing that is no file, such as a pipe or a device.
    """
    if not name.is_symlink():
        file, shown = name, str(name)
    else:
        file = Path(os.path.realpath(name))
        shown = f"{name} (a link to {file})"
        if not file.parent.is_dir():
            raise SettingsError(f"{shown}: the folder {file.parent} does not exist")
    if file.is_dir():
        raise SettingsError(f"{shown} is a folder: name a file in it")
    if os.path.lexists(file) and (file.is_symlink() or not file.is_file()):
        raise SettingsError(f"{shown} is no regular file: name another one")
    return file


@contextmanager
def part_beside(file: Path) -> Iterator[Path]:
    """A new empty file of mode 0600 beside `file`, which is removed at the end unless it has taken another name.

    Parts of `file` that processes which were killed have left are removed first.
    """
    with in_words(file):
        for left in parts_left(file.parent, file.name):
            _remove_left(left)
        part, held = _new_part(file)
    try:
        with in_words(file):
            os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
    finally:
        _remove(part)
        os.close(held)


def _new_part(file: Path) -> tuple[Path, int]:
    """The path of a new part, and its open lock file: flock(2) tells others that a process uses the part.

    The part itself is not locked: on NFS that would be a lock of its bytes, which SQLite waits for (flock(2), NFS).
    """
    while True:
        part = file.with_name(f"{file.name}.part-{secrets.token_hex(4)}")
        held = os.open(_lock_of(part), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(OSError):  # a file system without locks, where `_claimed` finds every part held
            fcntl.flock(held, fcntl.LOCK_EX)
        if os.fstat(held).st_nlink:
            return part, held
        os.close(held)  # another process took it for one that was left, before it was locked


def parts_left(folder: Path, name: str = "") -> list[Path]:
    """The parts in `folder` that no process holds, of the file `name` or of all: their processes were killed."""
    try:
        found = [match for one in os.listdir(folder) if (match := _PART.fullmatch(one))]
    except OSError:
        return []
    parts = {folder / match["part"] for match in found if name in ("", match["name"])}
    left = []
    for part in sorted(parts):
        with _claimed(part) as claimed:
            if claimed:
                left.append(part)
    return left


def size_left(part: Path) -> int:
    """The bytes of a part with the files beside it."""
    files = [part.with_name(part.name + end) for end in ("", *_SIDES)]
    return sum(file.stat().st_size for file in files if file.is_file())


def _remove_left(part: Path) -> None:
    """Remove a part unless a process holds it by now. One of another user, which can't be removed, stays."""
    with suppress(OSError), _claimed(part) as claimed:
        if claimed:
            _remove(part)


@contextmanager
def _claimed(part: Path) -> Iterator[bool]:
    """True where no process holds `part`; none can begin to meanwhile."""
    opened: int | None = None
    try:
        opened = os.open(_lock_of(part), os.O_RDWR)
    except OSError as error:
        claimed = isinstance(error, FileNotFoundError)
    else:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            claimed = True
        except OSError:
            claimed = False
    try:
        yield claimed
    finally:
        if opened is not None:
            os.close(opened)


def _remove(part: Path) -> None:
    """Remove a part with the files beside it, its lock file last."""
    for end in ("", *_SIDES, _LOCK):
        part.with_name(part.name + end).unlink(missing_ok=True)


def _lock_of(part: Path) -> Path:
    return part.with_name(part.name + _LOCK)


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


def check_new(target: Path, *, force: bool, otherwise: str = "say --force to replace it") -> Path:
    """The file that `target` is, or leads to as a link.

    Raises SettingsError where that can't be a file, or `target` exists (without `force`), also as a link to nothing.
    """
    file = real_file(target)
    if not file.parent.is_dir():
        raise SettingsError(f"{target}: the folder {file.parent} does not exist")
    if os.path.lexists(target) and not force:
        link = f" as a link to {file}" if target.is_symlink() else ""
        raise SettingsError(f"{target} exists{link}: name another file, or {otherwise}")
    return file


def check_apart(target: Path, database: Path | None, *, force: bool) -> Path:
    """`check_new`, which refuses also a file of `database`, the SQLite file if there is one."""
    if database is not None:
        check_new(target, force=True)
        names = {database, database.resolve()}
        own = {name.with_name(name.name + end) for name in names for end in ("", _LOCK, *SIDE_FILES)}
        if target.resolve() in {file.resolve() for file in own}:
            raise SettingsError(f"{target} belongs to the database itself (DATABASE_URL): name another file")
    return check_new(target, force=force)


def appear(part: Path, target: Path) -> None:
    """Have `part`, a whole file beside it, take the name `target` for good."""
    sync(part)
    os.replace(part, target)
    sync(target.parent)


def save(file: Path, content: bytes, database: Path | None, *, force: bool) -> None:
    """Write a whole file of mode 0600. Raises SettingsError as `check_apart`."""
    with part_beside(check_apart(file, database, force=force)) as part, in_words(file):
        part.write_bytes(content)
        appear(part, check_apart(file, database, force=force))
