"""The tables that `parley usage` and `parley feedback` print. They only read the store, beside a running Parley."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, time

from core.clock import Clock
from core.errors import SettingsError
from core.settings.environment import CoreSettings
from core.spend.usage_table import (
    OPINION_COLUMNS,
    TableFormat,
    opinion_rows,
    rows_to_text,
    usage_columns,
    usage_rows,
)
from core.values.usage import UsageField
from storage import DatabaseSettings, SqlStore, open_existing


def fields_of(text: str) -> tuple[UsageField, ...]:
    """The fields of a list separated by commas. Raises SettingsError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not set(names) <= set(UsageField):
        raise SettingsError(f"--by: {text!r} is not a list of {', '.join(UsageField)}")
    return tuple(UsageField(name) for name in dict.fromkeys(names))


def day_of(text: str, clock: Clock, core: CoreSettings) -> datetime:
    """The beginning of a day in PARLEY_TIME_ZONE: `2026-11-01`; empty: of this month. Raises SettingsError."""
    try:
        day = date.fromisoformat(text) if text else clock.now().astimezone(core.zone).date().replace(day=1)
    except ValueError:
        raise SettingsError(f"--since: {text!r} is not a date, such as 2026-11-01") from None
    return datetime.combine(day, time(), core.zone)


async def usage_table(
    database: DatabaseSettings,
    core: CoreSettings,
    clock: Clock,
    since: datetime,
    by: Collection[UsageField],
    table_format: TableFormat,
) -> str:
    """The usage since a time, in groups, by days of PARLEY_TIME_ZONE. Raises StoreError."""
    async with _opened(database, clock) as store:
        groups = await store.usage_groups(since, clock.now(), by, names=True, zone=core.zone)
        named = await _named_teams(store, {group.platform for group in groups})
    shown = [group if (group.platform, group.team) in named else replace(group, name="") for group in groups]
    rows = usage_rows(shown, by, core.parley_currency, names=True)
    return rows_to_text(rows, usage_columns(by, names=True), table_format)


async def feedback_table(
    database: DatabaseSettings, clock: Clock, since: datetime, table_format: TableFormat
) -> str:
    """The opinions of answers since a time. Raises StoreError."""
    async with _opened(database, clock) as store:
        rated = await store.rated_answers(since, clock.now())
        named = await _named_teams(store, {one.place.platform for one in rated})
    return rows_to_text(opinion_rows(rated, named), OPINION_COLUMNS, table_format)


@asynccontextmanager
async def _opened(database: DatabaseSettings, clock: Clock) -> AsyncIterator[SqlStore]:
    store = await open_existing(database, clock)
    try:
        yield store
    finally:
        await store.close()


async def _named_teams(store: SqlStore, platforms: Iterable[str]) -> set[tuple[str, str]]:
    """The teams whose admins allow that reports name people."""
    found = {platform: await store.workspaces(platform) for platform in platforms}
    return {
        (platform, team)
        for platform, teams in found.items()
        for team, settings in teams.items()
        if settings.get("report_names") == "on"
    }
