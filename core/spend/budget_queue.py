"""The order in which answers that wait for a limit begin. Pure but for the wait itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.clock import Clock
from core.values.budgets import BudgetAccount, Payer

POLL_S = 1.0
"""Seconds between two looks at a limit that other answers may use up: its settings may have changed."""


@dataclass(slots=True)
class _Entry:
    """An answer with its place in the order of arrival. `rests`: it waits between two of its rounds."""

    payer: Payer
    accounts: frozenset[BudgetAccount]
    arrival: int
    rests: bool = False

    @property
    def person(self) -> tuple[str, str]:
        return self.payer.platform, self.payer.person


class BudgetQueue:
    """The answers that run, and those that wait to begin: those of people with the fewest running answers first, then
    in the order of arrival. Only answers that share an account wait for each other."""

    def __init__(self) -> None:
        self._running: dict[int, _Entry] = {}
        self._waiting: dict[int, _Entry] = {}
        self._arrivals = 0
        self._changed = asyncio.Event()

    def may_begin(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> bool:
        """True if no waiting answer goes first. One that waits between two rounds goes before all that begin."""
        if any(one.rests and one.accounts & accounts for one in self._running.values()):
            return False
        own = self._waiting.get(turn_id) or self._running.get(turn_id) or self._entry(payer, accounts)
        return not any(
            other.accounts & accounts and self._rank(other) < self._rank(own)
            for other_id, other in self._waiting.items()
            if other_id != turn_id
        )

    def wait(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> None:
        """The answer waits to begin. It keeps the place that it has."""
        self._running.pop(turn_id, None)
        entry = self._waiting.setdefault(turn_id, self._entry(payer, accounts))
        entry.accounts = accounts

    def run(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> None:
        """The answer begins, or goes on."""
        entry = self._waiting.pop(turn_id, None) or self._running.get(turn_id) or self._entry(payer, accounts)
        entry.accounts, entry.rests = accounts, False
        self._running[turn_id] = entry
        self._wake()

    def rest(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> bool:
        """The answer waits between two rounds. False where nothing is gained by that: all others that share an account
        wait too, and an older one of them goes on alone once the others have ended."""
        if turn_id not in self._running:
            self._running[turn_id] = self._entry(payer, accounts)
        own = self._running[turn_id]
        own.rests, changed = True, not own.rests
        others = [one for one in self._running.values() if one is not own and one.accounts & own.accounts]
        older = [one for one in others if one.arrival < own.arrival]
        if changed:
            self._wake()
        return not older or not all(one.rests for one in others)

    def end(self, turn_id: int) -> None:
        """The answer has ended, or does not wait any more."""
        waited, ran = self._waiting.pop(turn_id, None), self._running.pop(turn_id, None)
        if waited or ran:
            self._wake()

    def leave(self, turn_id: int) -> None:
        """The answer does not wait any more."""
        if self._waiting.pop(turn_id, None):
            self._wake()

    async def changed(self, clock: Clock) -> None:
        """Return once an answer has begun or ended, at the latest after POLL_S."""
        waits = {asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(clock.sleep(POLL_S))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _entry(self, payer: Payer, accounts: frozenset[BudgetAccount]) -> _Entry:
        self._arrivals += 1
        return _Entry(payer, accounts, self._arrivals)

    def _rank(self, entry: _Entry) -> tuple[int, int]:
        running = sum(one.person == entry.person for one in self._running.values() if one is not entry)
        return running, entry.arrival

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
