"""Usage and opinions as CSV and JSON, for people's own tools. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from core.text import DIRECTION_MARKS
from core.values.usage import RatedAnswer, UsageField, UsageGroup

Cell = str | int | float | bool | None
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
"""A spreadsheet may take a cell that begins with one of these, also behind white space, for a formula.
https://owasp.org/www-community/attacks/CSV_Injection"""
_UNMARKED = dict.fromkeys(map(ord, DIRECTION_MARKS))
_COLUMNS: dict[UsageField, tuple[str, ...]] = {
    UsageField.DAY: ("day",),
    UsageField.CHANNEL: ("platform", "team", "channel"),
    UsageField.PERSON: ("platform", "team", "person", "name"),
    UsageField.MODEL: ("model",),
}


class TableFormat(StrEnum):
    """The format of a table, which is also the ending of its file's name."""

    CSV = "csv"
    JSON = "json"


def usage_rows(
    groups: Iterable[UsageGroup], by: Collection[UsageField], currency: str, *, names: bool
) -> list[dict[str, Cell]]:
    """A row for each group. The cost is None where no cost is known; `unpriced` says how many are not."""
    columns = list(dict.fromkeys(column for field in UsageField if field in by for column in _COLUMNS[field]))
    if not names and "name" in columns:
        columns.remove("name")
    return [{name: getattr(group, name) for name in columns} | _amounts(group, currency) for group in groups]


def _amounts(group: UsageGroup, currency: str) -> dict[str, Cell]:
    unknown = group.unpriced and not group.cost_micros
    return {
        "questions": group.questions,
        "errors": group.errors,
        "answers": group.answers,
        "input_tokens": group.prompt_tokens,
        "cached_input_tokens": group.cached_tokens,
        "output_tokens": group.completion_tokens,
        "reasoning_tokens": group.reasoning_tokens,
        "cost": None if unknown else group.cost_micros / 1_000_000,
        "currency": currency,
        "unpriced_answers": group.unpriced,
    }


def opinion_rows(
    rated: Iterable[RatedAnswer], named_teams: Collection[tuple[str, str]]
) -> list[dict[str, Cell]]:
    """A row for each opinion. Names of people are shown in the teams `named_teams` alone: each is a platform and an
    id."""
    return [_opinion(one, (one.place.platform, one.place.team) in named_teams) for one in rated]


def _opinion(one: RatedAnswer, named: bool) -> dict[str, Cell]:
    return {
        "at": one.at.isoformat(timespec="seconds"),
        "platform": one.place.platform,
        "team": one.place.team,
        "channel": one.place.channel,
        "thread": one.place.thread,
        "question": one.message_id,
        "model": one.model,
        "helpful": one.helpful,
        "reason": one.reason,
        "person": one.person,
        "name": one.name if named else "",
    }


def rows_to_text(rows: Sequence[Mapping[str, Cell]], table_format: TableFormat) -> str:
    """The rows as CSV (RFC 4180) or a JSON array, without marks of direction. All rows have the same columns.

    A text in CSV that a spreadsheet would take for a formula begins with an apostrophe, which makes it text:
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    rows = [{name: _unmarked(value) for name, value in row.items()} for row in rows]
    if table_format is TableFormat.JSON:
        return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _unmarked(value: Cell) -> Cell:
    return value.translate(_UNMARKED) if isinstance(value, str) else value


def _harmless(value: Cell) -> Cell:
    risky = isinstance(value, str) and (value[:1] in ("\t", "\r", "\n") or value.lstrip().startswith(_FORMULA))
    return f"'{value}" if risky else value
