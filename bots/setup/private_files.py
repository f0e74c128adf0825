"""Writes files that only their owner may read, and keeps a copy of each that it replaces."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from storage.whole_files import appear, part_beside, real_file

MODE = 0o600


def write_private(name: Path, text: str, now: datetime) -> Path | None:
    """Write a file with mode 0600, as a whole or not at all: `name`, or the file that it leads to as a link. One that
    was there is kept beside it under `NAME.bak-DATE-TIME`, whose path is returned. Raises OSError and SettingsError."""
    file = real_file(name)
    copy = None
    if file.exists():
        copy = file.with_name(f"{file.name}.bak-{now:%Y%m%d-%H%M%S}")
        _put(copy, file.read_bytes())
    with part_beside(file) as part:
        part.write_text(text, encoding="utf-8")
        appear(part, file)
    return copy


def _put(file: Path, content: bytes) -> None:
    """Make `file`, which must not be there yet."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(opened, "wb") as writing:
        os.fchmod(opened, MODE)  # independent of the mask of this process
        writing.write(content)
        writing.flush()
        os.fsync(opened)
