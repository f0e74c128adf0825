"""Usage and opinions as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spend.usage_table import Cell, TableFormat, rows_to_text, usage_columns, usage_rows
from core.text import DIRECTION_MARKS
from core.values.usage import UsageField, UsageGroup

GROUP = UsageGroup("2026-11-01", "slack", "T1", "C1", "U1", "Ada", "m", 4, 3, 1, 100, 20, 10, 5, 1_500_000, 1)
BY = (UsageField.PERSON, UsageField.CHANNEL)


def test_a_table_has_the_columns_that_it_is_grouped_by() -> None:
    (row,) = usage_rows([GROUP], BY, "EUR", names=True)
    assert row == {
        "platform": "slack",
        "team": "T1",
        "channel": "C1",
        "person": "U1",
        "name": "Ada",
        "questions": 3,
        "errors": 1,
        "answers": 3,
        "input_tokens": 100,
        "cached_input_tokens": 20,
        "output_tokens": 10,
        "reasoning_tokens": 5,
        "cost": 1.5,
        "currency": "EUR",
        "unpriced_answers": 1,
    }
    assert "name" not in usage_rows([GROUP], BY, "EUR", names=False)[0]


def test_a_question_that_failed_is_no_answer() -> None:
    failed = replace(GROUP, answers=2, questions=2, errors=2)
    (row,) = usage_rows([failed], BY, "EUR", names=True)
    assert (row["questions"], row["errors"], row["answers"]) == (2, 2, 0)


def test_both_formats_say_the_same_and_an_unknown_cost_is_empty() -> None:
    rows: list[dict[str, Cell]] = [{"model": "m", "cost": None}, {"model": '模型, "x"\n', "cost": 0.25}]
    text = rows_to_text(rows, ("model", "cost"), TableFormat.CSV)
    assert text.startswith("model,cost\r\nm,\r\n")
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"model": "m", "cost": ""},
        {"model": '模型, "x"\n', "cost": "0.25"},
    ]
    assert json.loads(rows_to_text(rows, ("model", "cost"), TableFormat.JSON)) == rows


@pytest.mark.parametrize("names", [True, False])
def test_a_table_without_rows_has_its_header(names: bool) -> None:
    (row,) = usage_rows([GROUP], BY, "EUR", names=names)
    columns = usage_columns(BY, names=names)
    assert columns == list(row)
    assert rows_to_text([], columns, TableFormat.CSV) == f"{','.join(row)}\r\n"
    assert json.loads(rows_to_text([], columns, TableFormat.JSON)) == []


@pytest.mark.parametrize("table_format", TableFormat)
def test_no_cell_turns_its_line_around(table_format: TableFormat) -> None:
    table = rows_to_text([{"reason": "Pay \u202e001", "name": "\u2066=Ada"}], ("reason", "name"), table_format)
    assert not set(DIRECTION_MARKS) & set(table)
    assert "Pay 001" in table
    assert table_format is TableFormat.JSON or "'=Ada" in table


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", " =", "\N{FULLWIDTH EQUALS SIGN}"])
def test_no_cell_is_a_formula(sign: str) -> None:
    row: dict[str, Cell] = {"model": f"{sign}SUM(A1)", "cost": -1.5}
    assert rows_to_text([row], tuple(row), TableFormat.CSV).partition("\r\n")[2].lstrip('"').startswith("'")


@given(st.text())
def test_any_text_is_read_back_from_a_table(text: str) -> None:
    given_row: dict[str, Cell] = {"reason": text, "n": 1}
    table = rows_to_text([given_row], tuple(given_row), TableFormat.CSV)
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    kept = "".join(character for character in text if character not in DIRECTION_MARKS)
    assert row["reason"].removeprefix("'") == kept.removeprefix("'")
