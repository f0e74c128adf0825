"""Which earlier answers people do not want as sources."""

from __future__ import annotations

from core.memory.opinions import unwanted
from core.memory.tokens import tokens
from core.values.memory import SourceOpinion

LOST = "I lost the key of the workshop"


def left_out(question: str, *given: tuple[int, str, int, str]) -> set[int]:
    return unwanted(tokens(question), [SourceOpinion(*one) for one in given])


def test_one_person_takes_a_source_away_from_questions_like_theirs_alone() -> None:
    wrong = (7, "U1", -1, LOST)
    assert left_out("I lost the workshop key", wrong) == {7}
    assert left_out("Where is the bike?", wrong) == set()
    assert left_out("工坊的钥匙丢了", (7, "U1", -1, "工坊的钥匙丢了怎么办")) == {7}


def test_several_people_take_it_away_from_all() -> None:
    assert left_out("Where is the bike?", (7, "U1", -1, LOST), (7, "U2", -1, "Who has the badge?")) == {7}


def test_one_person_counts_once_however_often_they_say_it() -> None:
    again = [(7, "U1", -1, text) for text in (LOST, "Who has the badge?", "When is lunch?")]
    assert left_out("Where is the bike?", *again) == set()


def test_who_finds_it_right_outweighs_who_finds_it_wrong() -> None:
    assert left_out(LOST, (7, "U1", -1, LOST), (7, "U2", 1, LOST)) == set()
    several = [(7, f"U{number}", -1, "Who has the badge?") for number in range(2)]
    assert left_out("Where is the bike?", *several, (7, "U9", 1, LOST)) == set()


def test_an_opinion_whose_question_is_gone_still_counts_for_all() -> None:
    assert left_out(LOST, (7, "U1", -1, "")) == set()
    assert left_out(LOST, (7, "U1", -1, ""), (7, "U2", -1, "")) == {7}
