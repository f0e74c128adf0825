"""Keeps one person from filling what is found: by one question again and again, or by many questions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from core.memory.ranking import MOST_ANSWER_WORDS, MOST_QUESTION_WORDS
from core.memory.tokens import first_tokens
from core.values.memory import EarlierAnswer

Words = frozenset[str]

MOST_OF_ONE = 3
"""The most earlier answers to questions of one person, where others have asked too."""
ALIKE, SAME_ANSWER = 0.5, 0.8
"""The shares of common words from which on two questions of a person count once, if their answers say the same."""
_LOOKED_AT = 200
"""The most that are looked at."""


def varied(ranked: Iterable[EarlierAnswer], limit: int) -> list[EarlierAnswer]:
    """The first `limit` of a ranking, in its order: one of each thread, and of questions of one person that are alike
    the first one. Those of others among the next `limit` come in place of more than `MOST_OF_ONE` of a person."""
    first: list[tuple[int, EarlierAnswer]] = []
    more: list[tuple[int, EarlierAnswer]] = []
    threads: set[str] = set()
    asked: dict[str, list[tuple[Words, Words]]] = {}
    for rank, one in enumerate(islice(ranked, _LOOKED_AT)):
        words = (
            frozenset(islice(first_tokens(one.question), MOST_QUESTION_WORDS)),
            frozenset(islice(first_tokens(one.answer), MOST_ANSWER_WORDS)),
        )
        mine = asked.setdefault(one.asker.id, [])
        if one.place.key in threads or any(_are_alike(words, other) for other in mine):
            continue
        threads.add(one.place.key)
        mine.append(words)
        (first if len(mine) <= MOST_OF_ONE else more).append((rank, one))
        if len(first) == limit or len(first) + len(more) == 2 * limit:
            break
    return [one for _, one in sorted([*first, *more[: limit - len(first)]], key=lambda both: both[0])]


def _are_alike(one: tuple[Words, Words], other: tuple[Words, Words]) -> bool:
    """One word tells two questions apart, such as the number of a room: then the answers decide."""
    (asked, said), (others_asked, others_said) = one, other
    if not asked:
        return False
    return asked == others_asked or (
        _share(asked, others_asked) >= ALIKE and _share(said, others_said) >= SAME_ANSWER
    )


def _share(words: Words, others: Words) -> float:
    every = len(words | others)
    return len(words & others) / every if every else 1.0
