"""Keeps one person from filling what is found: by one question again and again, or by many questions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from core.memory.ranking import MOST_QUESTION_WORDS
from core.memory.tokens import first_tokens
from core.values.memory import EarlierAnswer

MOST_OF_ONE = 3
"""The most earlier answers to questions of one person, where others have asked too."""
ALIKE = 0.7
"""The share of common words from which on two questions of a person are the same one."""
_LOOKED_AT = 200
"""The most that are looked at."""


def varied(ranked: Iterable[EarlierAnswer], limit: int) -> list[EarlierAnswer]:
    """The first `limit` of a ranking, in its order: one of each thread, and of questions of one person that are alike
    the first one. Those of others among the next `limit` come in place of more than `MOST_OF_ONE` of a person."""
    first: list[tuple[int, EarlierAnswer]] = []
    more: list[tuple[int, EarlierAnswer]] = []
    threads: set[str] = set()
    asked: dict[str, list[frozenset[str]]] = {}
    for rank, one in enumerate(islice(ranked, _LOOKED_AT)):
        words = frozenset(islice(first_tokens(one.question), MOST_QUESTION_WORDS))
        mine = asked.setdefault(one.asker.id, [])
        if one.place.key in threads or any(_are_alike(words, other) for other in mine):
            continue
        threads.add(one.place.key)
        mine.append(words)
        (first if len(mine) <= MOST_OF_ONE else more).append((rank, one))
        if len(first) == limit or len(first) + len(more) == 2 * limit:
            break
    return [one for _, one in sorted([*first, *more[: limit - len(first)]], key=lambda both: both[0])]


def _are_alike(words: frozenset[str], others: frozenset[str]) -> bool:
    return bool(words) and len(words & others) >= ALIKE * len(words | others)
