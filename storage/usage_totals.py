"""Totals of usage, from its sums. Each function is one transaction's work, or a part of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, func, select

from core.values.places import Place
from core.values.usage import SummaryTotals, UsageTotals
from storage.forgotten import former_name, names_of
from storage.usage_sums import COSTS, SumKind, sums


def total(found: Subquery, scope: Place | None) -> list[ColumnElement[Any]]:
    """The columns of the totals of `found`, for `totals_of`."""
    names = ("questions", "errors", "prompt_tokens", "completion_tokens", *COSTS)
    return [summed(found, name, scope).label(name) for name in names]


def summed(found: Subquery, name: str, scope: Place | None) -> ColumnElement[Any]:
    """The sum of one of `AMOUNTS`. Of all workspaces (None) without what their own model accounts spent: that is not
    the operator's."""
    column = found.c[name]
    payable = column - found.c[f"own_{name}"] if scope is None and name in COSTS else column
    return func.coalesce(func.sum(payable), 0)


def totals_of(row: Any, people: int = 0) -> UsageTotals:
    """The totals of a row that has the columns of `total`. Sums of a BIGINT are a NUMERIC on PostgreSQL."""
    return UsageTotals(
        questions=int(row.questions),
        people=people,
        prompt_tokens=int(row.prompt_tokens),
        completion_tokens=int(row.completion_tokens),
        cost_micros=int(row.cost_micros),
        errors=int(row.errors),
        unpriced=int(row.unpriced),
    )


def totals(
    connection: Connection, since_us: int, until_us: int, scope: Place | None, person: str = ""
) -> UsageTotals:
    """The totals of a period, of one person where `person` is not empty. `people` is counted by `people` alone."""
    found = sums(SumKind.PERSON if person else SumKind.QUARTER, since_us, until_us, scope)
    query = select(*total(found, scope))
    theirs = found.c.name.in_(names_of(person))
    return totals_of(connection.execute(query.where(theirs) if person else query).one())


def summaries(connection: Connection, since_us: int, until_us: int, scope: Place | None) -> SummaryTotals:
    """The totals of the summaries of threads."""
    found = sums(SumKind.SUMMARY, since_us, until_us, scope)
    names = ("answers", *COSTS)
    row = connection.execute(select(*(summed(found, name, scope) for name in names))).one()
    return SummaryTotals(*map(int, row))


def people(connection: Connection, since_us: int, until_us: int, scope: Place | None) -> int:
    """The number of people who asked something. A person who was forgotten while their answer ran is not counted."""
    found = sums(SumKind.PERSON, since_us, until_us, scope)
    each = select(found.c.platform, found.c.name).where(found.c.questions > 0).distinct()
    # Who asked within the time that is kept, and before, has two names.
    return len({(platform, former_name(name)) for platform, name in connection.execute(each)})
