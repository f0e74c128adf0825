"""The models and the key of a model account as people write them. Pure."""

from __future__ import annotations

import re

MOST_MODELS = 20
_LONGEST_MODEL = 200
_LONGEST_KEY = 1_000


def models_of(text: str) -> tuple[str, ...]:
    """Names of models between commas or lines, the default first. Raises ValueError."""
    names = tuple(dict.fromkeys(name for part in re.split(r"[,，\n]", text) if (name := part.strip())))
    if not names or len(names) > MOST_MODELS or any(not _is_name(name) for name in names):
        raise ValueError("must name models as the endpoint calls them, such as gpt-5, gpt-5-mini")
    return names


def key_of(text: str) -> str:
    """A key without the spaces around it. Raises ValueError."""
    key = text.strip()
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be a key of the endpoint, in one line and without spaces")
    return key


def _is_name(name: str) -> bool:
    return len(name) <= _LONGEST_MODEL and name.isprintable() and " " not in name
