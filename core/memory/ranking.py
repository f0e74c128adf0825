"""The words of a source, and its score for a question. Pure.

The score is BM25 over words that a source has or has not, where a word of its answer counts less than one of its
question: https://en.wikipedia.org/wiki/Okapi_BM25
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, zip_longest
from typing import NamedTuple

from core.memory.tokens import first_tokens
from core.values.memory import EarlierAnswer, SourceScope

ASKED = "?"
"""The mark before each word of the question. No token has it."""
MOST_QUESTION_WORDS, MOST_ANSWER_WORDS = 80, 24
"""Words of a question, and further words of its answer, that are indexed. An answer begins with its subject, and each
word takes 0.01 kB."""
MOST_WORDS = 16
"""The rarest words of a question that are looked for."""
COMMON_SHARE, COMMON_LEAST = 0.03, 1_000
"""A word in more than that share of the sources and in more than that many is not looked for: it distinguishes little,
and costs most of the time. With 30 in place of 1,000, among 781 sources the right one was among ten in 80 % of 4,800
questions; with 1,000, in 83 %."""
ANSWER_WEIGHT = 0.3
LEAST_SHARED = 0.18
"""A source has at least that share of the weight of a question's words, to be offered for it. With more, the right one
is missed too often: measured on 1,600 English questions with 5,681 sources it is among ten in 77 %, without this in
78 %, with 0.25 in 72 %. Of 400 questions about another subject 40 % are offered nothing among 300 sources, without this
5 %, and 98 % among ten that begin with "How do I", without this 55 %."""

_FEWEST_TELLING = 100
"""Among fewer sources a word in most of them, such as the name of what they are all about, still tells something."""
_K1, _B = 1.2, 0.75
_LOOKED_AT = 1_000
"""Characters of an answer that are looked at where rankings are compared."""
_TYPICAL_LENGTH = 8
"""Words of a question of usual length."""


def question_words(question: str) -> list[str]:
    """The words of a question that are indexed."""
    return list(islice(first_tokens(question), MOST_QUESTION_WORDS))


def source_words(question: str, answer: str) -> list[str]:
    """The words under which an answered question is indexed: those of the question with the mark ASKED."""
    asked = question_words(question)
    known = set(asked)
    others = (word for word in first_tokens(answer) if word not in known)
    return [*(ASKED + word for word in asked), *islice(others, MOST_ANSWER_WORDS)]


@dataclass(frozen=True, slots=True)
class WordCounts:
    """The number of sources, of those that have each word, of those that have it in their question, and of those in
    each channel by its platform, team and id. A word that is in few is not counted."""

    sources: int = 0
    having: Mapping[str, int] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    in_channel: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def weights(self, words: Sequence[str]) -> dict[str, float]:
        """The words of a question that are looked for, each with its weight, the rarest first."""
        most = max(COMMON_LEAST, COMMON_SHARE * self.sources)
        counted = {word: self.having.get(word, 1) for word in words}
        telling = sorted(
            (word for word, count in counted.items() if count <= most), key=lambda word: counted[word]
        )
        return {word: self._weight(counted[word]) for word in telling[:MOST_WORDS]}

    def terms(self, weights: Mapping[str, float], most: int | None = None) -> list[tuple[str, float]]:
        """Each of these words as it is indexed for a question, and for an answer, with its weight, the greatest first:
        those that together are in at most `most` sources; the first always. One that is in too many is left out, and
        lighter ones behind it may still be in."""
        both = [(ASKED + word, weight) for word, weight in weights.items()]
        both += [(word, ANSWER_WEIGHT * weight) for word, weight in weights.items()]
        both.sort(key=lambda term: -term[1])
        if most is None:
            return both
        chosen, left = both[:1], most - sum(self._sources_of(term) for term, _ in both[:1])
        for term, weight in both[1:]:
            if (count := self._sources_of(term)) <= left:
                left -= count
                chosen.append((term, weight))
        return chosen

    def _sources_of(self, term: str) -> int:
        word = term.removeprefix(ASKED)
        asked = self.asked.get(word, 0)
        return asked if word != term else self.having.get(word, 0) - asked

    def in_scope(self, scope: SourceScope) -> int:
        """The number of sources in these channels."""
        return sum(self.in_channel.get((scope.platform, scope.team, id_), 0) for id_ in scope.channels)

    def _weight(self, count: int) -> float:
        others = max(0, max(self.sources, _FEWEST_TELLING) - count)
        return math.log(1 + (others + 0.5) / (count + 0.5))


def united(by_meaning: Sequence[EarlierAnswer], by_words: Sequence[EarlierAnswer]) -> list[EarlierAnswer]:
    """Both rankings, each thread once: of every three two by meaning and one by words, which finds names and codes of
    errors. A sum of the ranks finds the right one less often than the meaning alone: measured on 5,681 questions."""
    found: dict[str, EarlierAnswer] = {}
    meaning, words = iter(by_meaning), iter(by_words)
    for ranking in cycle((meaning, meaning, words)):
        new = next((one for one in ranking if one.place.key not in found), None)
        if new is not None:
            found[new.place.key] = new
        elif ranking is words:
            rest = next((one for one in meaning if one.place.key not in found), None)
            if rest is None:
                return list(found.values())
            found[rest.place.key] = rest
    return list(found.values())


def compared(
    rankings: Sequence[Sequence[EarlierAnswer]], words: Sequence[str], most: int
) -> list[EarlierAnswer]:
    """The first ones of several rankings, `most` together, best first by those of `words` that they have."""
    if len(rankings) == 1:
        return list(rankings[0])
    rounds = zip_longest(*rankings)
    firsts = list(islice((one for some in rounds for one in some if one is not None), most))
    scorer = Scorer(dict.fromkeys(words, 1.0))
    scores = {
        one.turn_id: scorer.match(source_words(one.question, one.answer[:_LOOKED_AT])).score for one in firsts
    }
    return sorted(firsts, key=lambda one: -scores[one.turn_id])


class Match(NamedTuple):
    """The fit of a source. `shared`: the share of the weight of the words of the question that it has."""

    score: float
    shared: float


class Scorer:
    """Scores sources for a question, whose words have these weights."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        asked = {ASKED + word: weight for word, weight in weights.items()}
        self._terms = asked | {word: ANSWER_WEIGHT * weight for word, weight in weights.items()}
        self._whole = sum(weights.values())

    def match(self, words: Collection[str]) -> Match:
        """`words`: the `source_words` of a source, each once."""
        return self.match_counted(words, sum([word[0] == ASKED for word in words]))

    def match_counted(self, words: Collection[str], length: int) -> Match:
        """The same, where the number of the words of the question is known: hundreds are matched for a question."""
        terms = self._terms
        found = sum([terms[word] for word in words if word in terms])
        score = found * (_K1 + 1) / (1 + _K1 * (1 - _B + _B * length / _TYPICAL_LENGTH))
        return Match(score, found / self._whole if self._whole else 0.0)
