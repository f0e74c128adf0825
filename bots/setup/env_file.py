"""Changes settings in the text of a `.env` file, and leaves all else as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEAD = "# Parley's settings, written by `parley init`. `parley settings` prints all that can be set.\n"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=~%&?-]*")


def changed(text: str, values: Mapping[str, str]) -> str:
    """`text` with these values. A setting has its place where it is, or where it is commented out; others come behind.
    One that is empty is taken out, so that no old secret stays."""
    lines, left = (text or HEAD).splitlines(), dict(values)
    kept: list[str] = []
    assigned = {name for line in lines if (name := _name(line, commented=False))}
    for line in lines:
        name = _name(line, commented=False) or _name(line, commented=True)
        if name not in values or (name in assigned and not _name(line, commented=False)):
            kept.append(line)
        elif name in left:
            value = left.pop(name)
            kept += [f"{name}={_quoted(value)}"] if value else [f"# {name}="]
    new = [f"{name}={_quoted(value)}" for name, value in left.items() if value]
    return "\n".join([*kept, *new]) + "\n"


def _name(line: str, *, commented: bool) -> str:
    """The setting that a line assigns, or would without its `#`; empty for another line."""
    mark = r"#\s?" if commented else ""
    match = re.match(rf"\s*{mark}(?:export\s+)?([A-Z][A-Z0-9_]*)=", line)
    return match[1] if match else ""


def _quoted(value: str) -> str:
    """https://saurabh-kumar.com/python-dotenv/#file-format"""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
