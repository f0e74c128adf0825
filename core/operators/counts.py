"""Counts for the operators' report. Unlike the metrics they survive a restart."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.operators.alerts import Count
from core.ports.store.usage import UsageStore
from core.values.operation import CountName, OperationCount

EVERY_S = 60.0
_QUARTER = timedelta(minutes=15)
_LABELS = {
    "parley_tries_total": (CountName.TRIES, "account", "outcome"),
    "parley_refused_questions_total": (CountName.REFUSED, "platform", "reason"),
}
"""The metrics that are counted, with the labels that make their subject and reason."""

log = structlog.get_logger()


class OperationCounts:
    """Passes each count on to `metrics`, and stores those of the operators' report once a minute."""

    def __init__(self, store: UsageStore, clock: Clock, metrics: Count) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._new: Counter[tuple[CountName, str, str, datetime]] = Counter()

    def count(self, name: str, labels: dict[str, str]) -> None:
        self._metrics(name, labels)
        if name in _LABELS:
            kind, what, why = _LABELS[name]
            now = self._clock.now()
            quarter = now - (now - datetime.fromtimestamp(0, now.tzinfo)) % _QUARTER
            self._new[kind, labels[what], labels[why], quarter] += 1

    async def run(self) -> None:
        """Store what was counted, each minute. Until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Store what was counted; what the database refuses is stored by the next call."""
        new, self._new = self._new, Counter()
        if not new:
            return
        try:
            await self._store.add_counts(
                [OperationCount(*key[:3], number, key[3]) for key, number in new.items()]
            )
        except StoreError as error:
            self._new += new
            log.warning("counts_not_stored", **error.log_keys)
