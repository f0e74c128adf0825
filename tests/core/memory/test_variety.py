"""One person does not fill what is found."""

from __future__ import annotations

from dataclasses import replace

from core.memory.variety import MOST_OF_ONE, varied
from core.values.memory import EarlierAnswer
from core.values.places import Person, Place
from tests.core.memory.rig import ADA, AT, BEN

NOUNS = ("lamp", "desk", "door", "printer", "badge", "parking", "coffee", "invoice", "laptop", "heating")


def one(number: int, question: str, by: Person = BEN, answer: str = "") -> EarlierAnswer:
    place = Place("slack", "T1", "C1", f"{number}.0")
    said = answer or f"number{number} desk{number}"
    return EarlierAnswer(number, place, f"q{number}", by, AT, question, said)


def numbers(*ranked: EarlierAnswer, limit: int = 8) -> list[int]:
    return [answer.turn_id for answer in varied(ranked, limit)]


def test_the_same_question_of_one_person_counts_once() -> None:
    poison = [one(number, "Where is the key of the workshop?") for number in range(20)]
    assert numbers(*poison, one(99, "Where is the key of the workshop?", ADA)) == [0, 99]
    assert numbers(one(1, "Where is the key?"), one(2, "the key: where is the key")) == [1]


def test_questions_that_are_nearly_the_same_count_once_where_their_answers_say_the_same() -> None:
    said = (
        "Where is the key of the workshop?",
        "Where is the key of the workshop, please?",
        "Where is the bike?",
    )
    assert numbers(*(one(number, text, answer="Ask me.") for number, text in enumerate(said))) == [0, 2]
    rooms = ("Where is the key of room 12?", "Where is the key of room 13?")
    assert numbers(*(one(number, text) for number, text in enumerate(rooms))) == [0, 1]
    chinese = ("工坊的钥匙在哪里？", "工坊的钥匙在哪里呢？", "咖啡机怎么用？")
    assert numbers(*(one(number, text, answer="问我。") for number, text in enumerate(chinese))) == [0, 2]


def test_others_come_before_many_questions_of_one_person() -> None:
    poison = [one(number, f"Where is the {noun}?") for number, noun in enumerate(NOUNS)]
    rest = [one(99, "Where is the key?", ADA)]
    assert numbers(*poison, *rest) == [*range(7), 99], "the rest of the places is theirs"
    everybody = [one(100 + number, "Where is it?", replace(ADA, id=f"P{number}")) for number in range(6)]
    assert numbers(*poison, *everybody) == [*range(MOST_OF_ONE), *range(100, 105)]


def test_alone_a_person_has_all_places_in_their_order() -> None:
    assert numbers(*(one(number, f"Where is the {noun}?") for number, noun in enumerate(NOUNS))) == [*range(8)]


def test_each_thread_is_there_once() -> None:
    first = one(1, "Where is the key?")
    assert numbers(first, replace(first, turn_id=2, question="And the door?", asker=ADA)) == [1]


def test_questions_without_words_are_not_taken_for_one() -> None:
    assert numbers(one(1, "?"), one(2, "!")) == [1, 2]
