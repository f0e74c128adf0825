"""How often a question that was asked before is found again, on each database: a short form of `make bench`."""

from __future__ import annotations

from storage import SqlStore
from storage.engine import Database
from tests import asked_before


async def test_most_english_questions_that_were_asked_before_are_among_the_ten_best(
    sql_store: SqlStore, database: Database
) -> None:
    asked = asked_before.english(others=300, repeats=100)
    await asked_before.fill(database, asked.answered)
    first, tenth = await asked_before.share_found(sql_store, asked, (1, 10))
    assert first >= 0.4
    assert tenth >= 0.75


async def test_nearly_all_chinese_questions_that_were_asked_before_are_among_the_three_best(
    sql_store: SqlStore, database: Database
) -> None:
    asked = asked_before.chinese()
    await asked_before.fill(database, asked.answered)
    (third,) = await asked_before.share_found(sql_store, asked, (3,))
    assert third >= 0.92
