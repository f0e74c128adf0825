"""The gauges that are read from a running Parley when Prometheus asks for its metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress

from bots.app import App
from core.llm.overview import AccountLoad, load
from core.ports.connector import CountsConnections

Values = Iterable[tuple[tuple[str, ...], float]]


def connect_metrics(app: App) -> None:
    """Have `app.metrics` read the state of `app`."""
    sample = app.metrics.sample_each
    sample("parley_oldest_waiting_seconds", lambda: [((), app.place_queues.oldest_waiting_s)])
    sample("parley_platform_connections", lambda: _connections(app))
    sample("parley_account_requests", lambda: _requests(app))
    sample("parley_account_slots", lambda: [((one.account,), one.slots) for one in _loads(app)])
    sample("parley_breakers_open", lambda: [((one.account,), one.open_breakers) for one in _loads(app)])
    sample("parley_disk_free_bytes", lambda: _free(app))


def _connections(app: App) -> Values:
    for one in app.connectors:
        count = one.connections if isinstance(one, CountsConnections) else int(one.ready())
        yield (one.name,), count


def _requests(app: App) -> Values:
    for one in _loads(app):
        yield (one.account, "under_way"), one.under_way
        yield (one.account, "waiting"), one.waiting


def _loads(app: App) -> Iterable[AccountLoad]:
    return load(router) if (router := app.live_parts.router) is not None else ()


def _free(app: App) -> Values:
    """Nothing for a database that has no file here, and where the folder can't be read."""
    if (file := app.config.database.file) is not None:
        with suppress(OSError):
            yield (), shutil.disk_usage(file.absolute().parent).free
