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

_AMOUNTS = (
    "questions",
    "errors",
    "answers",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost",
    "currency",
    "unpriced_answers",
)
OPINION_COLUMNS = (
    "at",
    "platform",
    "team",
    "channel",
    "thread",
    "question",
    "model",
    "helpful",
    "reason",
    "person",
    "name",
)
"""The columns of `opinion_rows`."""


class TableFormat(StrEnum):
    """The format of a table, which is also the ending of its file's name."""

    CSV = "csv"
    JSON = "json"


def usage_rows(
    groups: Iterable[UsageGroup], by: Collection[UsageField], currency: str, *, names: bool
) -> list[dict[str, Cell]]:
    """A row for each group. A question that failed is one of `questions` and `errors`, and no answer. The cost is None
    where no cost is known; `unpriced` says how many are not."""
    columns = _group_columns(by, names=names)
    return [{name: getattr(group, name) for name in columns} | _amounts(group, currency) for group in groups]


def usage_columns(by: Collection[UsageField], *, names: bool) -> list[str]:
    """The columns of `usage_rows`."""
    return [*_group_columns(by, names=names), *_AMOUNTS]


def _group_columns(by: Collection[UsageField], *, names: bool) -> list[str]:
    columns = dict.fromkeys(column for field in UsageField if field in by for column in _COLUMNS[field])
    return [column for column in columns if names or column != "name"]


def _amounts(group: UsageGroup, currency: str) -> dict[str, Cell]:
    unknown = group.unpriced and not group.cost_micros
    amounts = (
        group.questions,
        group.errors,
        group.answers - group.errors,
        group.prompt_tokens,
        group.cached_tokens,
        group.completion_tokens,
        group.reasoning_tokens,
        None if unknown else group.cost_micros / 1_000_000,
        currency,
        group.unpriced,
    )
    return dict(zip(_AMOUNTS, amounts, strict=True))


def opinion_rows(
    rated: Iterable[RatedAnswer], named_teams: Collection[tuple[str, str]]
) -> list[dict[str, Cell]]:
    """A row for each opinion. Names of people are shown in the teams `named_teams` alone: each is a platform and an
    id."""
    return [_opinion(one, (one.place.platform, one.place.team) in named_teams) for one in rated]


def _opinion(one: RatedAnswer, named: bool) -> dict[str, Cell]:
    values = (
        one.at.isoformat(timespec="seconds"),
        one.place.platform,
        one.place.team,
        one.place.channel,
        one.place.thread,
        one.message_id,
        one.model,
        one.helpful,
        one.reason,
        one.person,
        one.name if named else "",
    )
    return dict(zip(OPINION_COLUMNS, values, strict=True))


def rows_to_text(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], table_format: TableFormat) -> str:
    """The rows as CSV (RFC 4180), whose header is there also without rows, or as a JSON array, without marks of
    direction. Each row has all `columns`.

    A text in CSV that a spreadsheet would take for a formula begins with an apostrophe, which makes it text:
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    rows = [{name: _unmarked(value) for name, value in row.items()} for row in rows]
    if table_format is TableFormat.JSON:
        return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _unmarked(value: Cell) -> Cell:
    return value.translate(_UNMARKED) if isinstance(value, str) else value


def _harmless(value: Cell) -> Cell:
    risky = isinstance(value, str) and (value[:1] in ("\t", "\r", "\n") or value.lstrip().startswith(_FORMULA))
    return f"'{value}" if risky else value
