"""Keeps one person from filling what is found: by one question again and again, or by many questions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.memory.ranking import question_words
from core.values.memory import EarlierAnswer

MOST_OF_ONE = 3
"""The earlier answers to questions of one person that come before those of others."""


def spread(ranked: Sequence[EarlierAnswer]) -> list[EarlierAnswer]:
    """A ranking with more than `MOST_OF_ONE` of a person behind those of others."""
    count: Counter[str] = Counter()
    first: list[EarlierAnswer] = []
    more: list[EarlierAnswer] = []
    for one in ranked:
        count[one.asker.id] += 1
        (first if count[one.asker.id] <= MOST_OF_ONE else more).append(one)
    return [*first, *more]


def distinct(found: Iterable[EarlierAnswer]) -> list[EarlierAnswer]:
    """Of questions of one person in the same words, in any order, the first one."""
    kept: dict[tuple[str, frozenset[str] | int], EarlierAnswer] = {}
    for one in found:
        words = frozenset(question_words(one.question))
        kept.setdefault((one.asker.id, words or one.turn_id), one)
    return list(kept.values())
