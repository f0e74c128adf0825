"""The counts and figures of the operators' report. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from sqlalchemy import Connection, Executable, delete, func, select

from core.spend.report import two_digits
from core.values.operation import CountName, ModelLatency, OperationCount, OperationFigures
from storage.engine import insert
from storage.reports import errors
from storage.tables import OPERATION_COUNTS, USAGE, to_us
from storage.usage_sums import QUARTER_US
from storage.usage_totals import totals

KEPT = timedelta(days=100)
_COUNT = OPERATION_COUNTS.c


@cache
def _add(dialect: str) -> Executable:
    adding = insert(dialect, OPERATION_COUNTS)
    more = {"number": _COUNT.number + adding.excluded.number}
    return adding.on_conflict_do_update(index_elements=["at_us", "name", "what", "why"], set_=more)


def add_counts(connection: Connection, counts: Sequence[OperationCount]) -> None:
    """Add the counts, and remove those that are older than KEPT."""
    rows = [
        {
            "at_us": to_us(one.at) // QUARTER_US * QUARTER_US,
            "name": one.name,
            "what": one.what,
            "why": one.why,
            "number": one.number,
        }
        for one in sorted(counts, key=lambda one: (one.at, one.name, one.what, one.why))
    ]
    if rows:
        connection.execute(_add(connection.dialect.name), rows)
        old_us = to_us(max(one.at for one in counts) - KEPT)
        connection.execute(delete(OPERATION_COUNTS).where(_COUNT.at_us < old_us))


def operation_figures(connection: Connection, since_us: int, until_us: int) -> OperationFigures:
    """The figures of a period."""
    key = (_COUNT.name, _COUNT.what, _COUNT.why)
    within = (_COUNT.at_us >= since_us, _COUNT.at_us < until_us)
    counts = connection.execute(
        select(*key, func.sum(_COUNT.number)).where(*within).group_by(*key).order_by(*key)
    )
    return OperationFigures(
        totals(connection, since_us, until_us, None),
        errors(connection, (since_us, until_us), None),
        _latencies(connection, since_us, until_us),
        tuple((CountName(name), what, why, int(number)) for name, what, why, number in counts),
    )


def _latencies(connection: Connection, since_us: int, until_us: int) -> tuple[ModelLatency, ...]:
    used = USAGE.c
    key = (used.model, used.first_word_ms)
    within = (used.at_us >= since_us, used.at_us < until_us, used.first_word_ms.is_not(None))
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for model, milliseconds, count in connection.execute(
        select(*key, func.count()).where(*within).group_by(*key)
    ):
        found[model][two_digits(milliseconds)] += count
    return tuple(ModelLatency(model, tuple(sorted(counts.items()))) for model, counts in sorted(found.items()))
