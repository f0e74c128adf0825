"""The words that are looked for, and the order of what is found."""

from __future__ import annotations

import pytest

from core.memory.ranking import (
    ANSWER_WEIGHT,
    COMMON_LEAST,
    COMMON_SHARE,
    MOST_ANSWER_WORDS,
    MOST_QUESTION_WORDS,
    MOST_WORDS,
    Scorer,
    WordCounts,
    source_words,
    united,
)
from core.values.memory import EarlierAnswer, SourceScope
from core.values.places import Place
from tests.contract.stored import ANN, NOON


def test_a_word_of_question_and_answer_counts_as_one_of_the_question() -> None:
    assert source_words("Reset the PIN?", "To reset your pin, call.") == ["?reset", "?pin", "call"]


def test_a_long_question_and_a_long_answer_leave_each_other_room() -> None:
    many = [" ".join(f"{side}{number}" for number in range(200)) for side in ("q", "a")]
    words = source_words(*many)
    assert sum(word.startswith("?") for word in words) == MOST_QUESTION_WORDS
    assert len(words) == MOST_QUESTION_WORDS + MOST_ANSWER_WORDS


def test_a_word_in_many_sources_and_a_large_share_of_them_is_not_looked_for() -> None:
    sources = int(2 * COMMON_LEAST / COMMON_SHARE)
    share = int(COMMON_SHARE * sources)
    counts = WordCounts(sources, {"common": share + 1, "frequent": share, "rare": 3})
    weights = counts.weights(["common", "frequent", "rare", "new"])
    assert list(weights) == ["new", "rare", "frequent"]
    assert weights["new"] > weights["rare"] > weights["frequent"] > 0


def test_a_small_team_keeps_its_frequent_words() -> None:
    assert set(WordCounts(COMMON_LEAST, {"all": COMMON_LEAST}).weights(["all"])) == {"all"}
    assert WordCounts(COMMON_LEAST + 1, {"all": COMMON_LEAST + 1}).weights(["all"]) == {}


def test_of_a_long_question_the_rarest_words_are_looked_for() -> None:
    words = [f"w{number}" for number in range(3 * MOST_WORDS)]
    counts = WordCounts(500, {word: number + 1 for number, word in enumerate(words)})
    assert list(counts.weights(words[::-1])) == words[:MOST_WORDS]


def test_the_terms_of_the_greatest_weight_are_those_in_few_sources_together() -> None:
    counts = WordCounts(1_000, {"rare": 5, "frequent": 300}, {"rare": 2, "frequent": 100})
    weights = counts.weights(["frequent", "rare", "new"])
    every = [term for term, _ in counts.terms(weights)]
    assert every == ["?new", "?rare", "new", "rare", "?frequent", "frequent"]
    assert dict(counts.terms(weights))["rare"] == ANSWER_WEIGHT * weights["rare"]
    assert [term for term, _ in counts.terms(weights, 105)] == every[:5]
    assert [term for term, _ in counts.terms(weights, 104)] == every[:4]
    assert [term for term, _ in counts.terms({"frequent": 1.0}, 99)] == ["?frequent"], "the first always is"


def test_the_sources_of_a_scope_are_those_of_its_channels() -> None:
    counts = WordCounts(
        9, in_channel={("slack", "T1", "C1"): 4, ("slack", "T1", "C2"): 3, ("slack", "T2", "C1"): 2}
    )
    scope = SourceScope("slack", "T1", frozenset({"C1", "C3"}), Place("slack", "T1", "C1", "1"))
    assert counts.in_scope(scope) == 4


def test_a_word_of_the_question_counts_more_than_one_of_the_answer() -> None:
    scorer = Scorer({"pin": 2.0, "card": 1.0})
    asked, said = scorer.match(["?pin"]), scorer.match(["?other", "pin"])
    assert said.score == pytest.approx(ANSWER_WEIGHT * asked.score)
    assert scorer.match(["?pin", "?card"]).score > asked.score
    assert scorer.match(["?pin", *(f"?w{number}" for number in range(20))]).score < asked.score
    assert scorer.match(["?cards"]) == (0, 0)


def test_a_source_shares_the_weight_of_the_words_that_it_has() -> None:
    scorer = Scorer({"pin": 3.0, "card": 1.0})
    assert scorer.match(["?pin", "?card", "?other"]).shared == 1
    assert scorer.match(["?pin"]).shared == 0.75
    assert scorer.match(["?other", "card"]).shared == ANSWER_WEIGHT * 0.25
    assert Scorer({}).match(["?pin"]).shared == 0


def found(*numbers: int) -> list[EarlierAnswer]:
    return [
        EarlierAnswer(number, Place("slack", "T1", "C1", str(number)), f"m{number}", ANN, NOON, "why?", "so")
        for number in numbers
    ]


@pytest.mark.parametrize(
    ("by_meaning", "by_words", "both"),
    [
        ((1, 2, 3, 4), (5, 6), [1, 2, 5, 3, 4, 6]),
        ((1, 2, 3, 4), (2, 1, 5), [1, 2, 5, 3, 4]),
        ((1, 2, 3, 4, 5), (), [1, 2, 3, 4, 5]),
        ((), (1, 2, 3), [1, 2, 3]),
        ((1,), (1, 2, 3), [1, 2, 3]),
        ((), (), []),
    ],
)
def test_of_three_two_are_by_meaning_and_one_by_words_and_none_is_there_twice(
    by_meaning: tuple[int, ...], by_words: tuple[int, ...], both: list[int]
) -> None:
    answers = united(found(*by_meaning), found(*by_words))
    assert [one.turn_id for one in answers] == both
