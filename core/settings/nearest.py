"""The known name that a misspelt one is nearest to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

_ALIKE = 0.6
"""The least similarity, from 0 to 1."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The name of `known` that is most like `name`; empty where none is alike. Case does not count."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower, 1, _ALIKE)
    return by_lower[found[0]] if found else ""


def meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean <name>?`, or nothing where no known name is alike."""
    found = nearest(name, known)
    return f"; did you mean {found}?" if found else ""


def is_near_miss(name: str, right: str) -> bool:
    """True if `name` is `right` with one slip: a letter too much, too few or wrong, two in each other's place, or
    other underscores. Case does not count."""
    one, other = _letters(name), _letters(right)
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    if len(other) > 2 and one[:1] != other[:1] and one[-1:] != other[-1:]:
        return False  # one slip is at one end alone: a start compares each variable with each setting
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    one, other = one[at:], other[at:]
    if one[1:] == other[1:] or one == other[1:]:
        return True
    return len(one) == len(other) and one[:2] == other[1::-1] and one[2:] == other[2:]


@lru_cache(maxsize=1_000)
def _letters(name: str) -> str:
    return name.lower().replace("_", "")
