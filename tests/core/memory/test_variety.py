"""One person does not fill what is found."""

from __future__ import annotations

from core.memory.variety import MOST_OF_ONE, distinct, spread
from core.values.memory import EarlierAnswer
from core.values.places import Person, Place
from tests.core.memory.rig import ADA, AT, BEN


def one(number: int, question: str, by: Person = BEN) -> EarlierAnswer:
    return EarlierAnswer(
        number, Place("slack", "T1", "C1", f"{number}.0"), f"q{number}", by, AT, question, "So."
    )


def numbers(found: list[EarlierAnswer]) -> list[int]:
    return [answer.turn_id for answer in found]


def test_the_same_question_of_one_person_counts_once() -> None:
    poison = [one(number, "Where is the key of the workshop?") for number in range(20)]
    assert numbers(distinct([*poison, one(99, "Where is the key of the workshop?", ADA)])) == [0, 99]
    assert numbers(distinct([one(1, "Where is the key?"), one(2, "the keys: WHERE is the key")])) == [1]
    assert numbers(distinct([one(1, "钥匙在哪里？"), one(2, "钥匙在哪里")])) == [1]


def test_a_word_tells_two_questions_apart() -> None:
    rooms = [one(number, f"Where is the key of room {number}?") for number in (12, 13)]
    assert numbers(distinct(rooms)) == [12, 13]
    assert numbers(distinct([one(1, "?"), one(2, "!")])) == [1, 2]


def test_others_come_before_many_questions_of_one_person() -> None:
    poison = [one(number, f"Where is lamp {number}?") for number in range(10)]
    everybody = [one(100, "Where is it?", ADA)]
    assert numbers(spread([*poison, *everybody])) == [0, 1, 2, 100, *range(MOST_OF_ONE, 10)]
    assert numbers(spread(poison)) == [*range(10)]
