"""`parley export`: all records of the store as JSON lines, on both databases and beside a running Parley.

The first line names the format, and the last one counts the records: without it an export is not whole. Pages are read
one after the other, so that a store of any size needs little memory; each record is as it is when its page is read.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.clock import Clock
from core.errors import SettingsError
from core.settings.environment import CoreSettings
from storage import DatabaseSettings, SqlStore, open_existing
from storage.migrations import NEWEST
from storage.records import RECORDS, TeamKey
from storage.whole_files import appear, check_apart, in_words, part_beside

Tell = Callable[[str], None]

FORMAT = 1
"""It grows where a field changes its meaning or goes. Fields and types that come do not change it."""
STANDARD_OUTPUT = Path("-")


async def export(
    database: DatabaseSettings,
    core: CoreSettings,
    clock: Clock,
    file: Path,
    tell: Tell,
    *,
    team: str = "",
    force: bool = False,
) -> None:
    """Write to `file`, of mode 0600, or to standard output. `team`: only its records, `slack:T0123`. Raises
    SettingsError and StoreError."""
    whose = team_named(team) if team else None
    if file == STANDARD_OUTPUT:
        await _to_output(lines(database, core, clock, whose))
        return
    target = check_apart(file, database.file, force=force)
    count = 0
    with part_beside(target) as part, in_words(file):
        with part.open("w", encoding="utf-8") as writing:
            async for line in lines(database, core, clock, whose):
                writing.write(line)
                count += 1
            size = writing.tell()
        appear(part, check_apart(file, database.file, force=force))
    tell(f"export   {file}: {size / 1_000_000:,.1f} MB, {count:,} lines")


def team_named(text: str) -> TeamKey:
    """The team that `slack:T0123` names. Raises SettingsError."""
    platform, _, team = text.partition(":")
    if not platform or not team:
        raise SettingsError(f"{text!r} names no team: write its platform and its id, such as slack:T0123")
    return platform, team


async def _to_output(exported: AsyncIterator[str]) -> None:
    try:
        async for line in exported:
            sys.stdout.write(line)
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def lines(
    database: DatabaseSettings, core: CoreSettings, clock: Clock, whose: TeamKey | None = None
) -> AsyncIterator[str]:
    """The lines of an export, of one team where `whose` names it. Raises StoreError."""
    store = await open_existing(database, clock)
    counts: Counter[str] = Counter()
    try:
        yield _line(
            {
                "type": "export",
                "format": FORMAT,
                "parley": version("parley"),
                "schema": NEWEST,
                "at": clock.now().isoformat(),
                "currency": core.parley_currency,
                **({} if whose is None else {"team": ":".join(whose)}),
            }
        )
        async for record in _records(store, whose):
            counts[record["type"]] += 1
            yield _line(record)
        yield _line({"type": "end", "at": clock.now().isoformat(), "records": dict(counts)})
    finally:
        await store.close()


async def _records(store: SqlStore, whose: TeamKey | None) -> AsyncIterator[dict[str, Any]]:
    for one in RECORDS:
        found, last = await store.records(one, whose=whose)
        while True:
            for record in found:
                yield record
            if last is None:
                break
            found, last = await store.records(one, last, whose)


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
