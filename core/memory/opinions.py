"""Decides which earlier answers people do not want as sources. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from core.memory.tokens import tokens
from core.values.memory import SourceOpinion

SEVERAL = 2
"""The people who take a source away from all questions together. One alone takes it away from those like theirs."""
ALIKE = 0.5
"""The share of common words from which on a question is like the one that an opinion was given for."""


def unwanted(words: Sequence[str], opinions: Iterable[SourceOpinion]) -> set[int]:
    """The sources that are left out for a question with these words. Each person counts once for a source: by the sum
    of what they said of it."""
    of_all: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    of_these: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in opinions:
        of_all[one.source][one.person] += one.value
        if _are_alike(set(words), set(tokens(one.question))):
            of_these[one.source][one.person] += one.value
    left_out = {source for source, by in of_these.items() if _sum(by.values()) < 0}
    return left_out | {source for source, by in of_all.items() if _sum(by.values()) <= -SEVERAL}


def _sum(values: Iterable[int]) -> int:
    return sum((value > 0) - (value < 0) for value in values)


def _are_alike(words: set[str], others: set[str]) -> bool:
    return bool(words) and len(words & others) >= ALIKE * len(words | others)
