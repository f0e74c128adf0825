"""The texts that an object holds in memory."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType


def texts_held_by(thing: object, *apart: object) -> set[str]:
    """Every text that can be reached from `thing`, except through `apart`, classes, functions and modules."""
    seen, left, found = set(map(id, apart)), [thing], set[str]()
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, type | FunctionType | ModuleType):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            found.add(one)
        left += gc.get_referents(one)
    return found
