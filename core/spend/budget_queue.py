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
    """An answer with its place in the order of arrival. `rests`: it waits between two of its rounds. `hears`: its
    sounds are being transcribed, or will be once it begins."""

    payer: Payer
    accounts: frozenset[BudgetAccount]
    arrival: int
    rests: bool = False
    hears: bool = False

    @property
    def person(self) -> tuple[str, str]:
        return self.payer.platform, self.payer.person

    def meets(self, other: _Entry) -> bool:
        """True if a limit of one of them counts the other. Reservations count in every period of an account."""
        theirs = any(account.payer.covers(other.payer) for account in self.accounts)
        return theirs or any(account.payer.covers(self.payer) for account in other.accounts)


class BudgetQueue:
    """The answers that run, and those that wait to begin: those of people with the fewest running answers first, then
    in the order of arrival. Only answers that meet wait for each other: those of which one's limit counts the other.

    A sound may be longer, and so cost more, than any bound that is known before it is transcribed. So of answers that
    meet one at a time has sounds transcribed, until their cost is counted: a limit is passed by that answer alone.

    No answer waits for ever, since each of these waits ends without those that follow it:

    - An answer that runs and does not rest waits for no limit. It ends, begins anew, or asks the store again.
    - An answer that rests waits for reservations. Only running answers have one. Where all that meet it rest too, the
      younger one of any two goes on with the round that it has reserved, and ends. The store allows one that is alone.
    - An answer that waits to begin has no reservation, so that nobody waits for one. Of those that meet, one is the
      first in the order. It asks the store once nobody rests, and then waits for reservations of running answers alone.
    - An answer that waits until the sounds of another one are transcribed waits for a running one that does not rest.
      It holds nobody back.
    - An answer that waits within a round, for another try or model, has no reservation either. Where people see words
      of it, it asks the store at each look, and waits for reservations of running answers alone; else it waits in the
      order as if it began.
    """

    def __init__(self) -> None:
        self._running: dict[int, _Entry] = {}
        self._waiting: dict[int, _Entry] = {}
        self._arrivals = 0
        self._changed = asyncio.Event()

    def may_begin(
        self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount], *, hears: bool = False
    ) -> bool:
        """True if no waiting answer goes first. One that waits between two rounds goes before all that begin."""
        own = self._known(turn_id, payer, accounts)
        if hears and self._is_outheard(own):
            return False
        if any(one.rests and one is not own and one.meets(own) for one in self._running.values()):
            return False
        rank = self._rank(own)
        return not any(
            other.meets(own) and self._rank(other) < rank
            for other in self._waiting.values()
            if other is not own and not (other.hears and self._is_outheard(other))
        )

    def may_hear(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> bool:
        """True if no sounds of another answer are being transcribed."""
        return not self._is_outheard(self._known(turn_id, payer, accounts))

    def is_running(self, turn_id: int) -> bool:
        """True if the answer has begun: it may have a reservation."""
        return turn_id in self._running

    def is_waiting(self, turn_id: int) -> bool:
        """True if the answer waits to begin: it has no reservation."""
        return turn_id in self._waiting

    def wait(
        self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount], *, hears: bool = False
    ) -> None:
        """The answer waits to begin, without a reservation. It keeps the place that it has."""
        entry = self._known(turn_id, payer, accounts)
        entry.rests, entry.hears = False, hears
        self._waiting[turn_id] = entry
        if self._running.pop(turn_id, None):
            self._wake()

    def run(
        self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount], *, hears: bool = False
    ) -> None:
        """The answer begins, or goes on. What it has spent is counted. `hears`: now its sounds are transcribed."""
        entry = self._known(turn_id, payer, accounts)
        entry.rests, entry.hears = False, hears
        self._waiting.pop(turn_id, None)
        self._running[turn_id] = entry
        self._wake()

    def rest(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> bool:
        """The answer waits between two rounds. False where nothing is gained by that: all others that meet it wait too,
        and an older one of them goes on alone once the others have ended."""
        own = self._running[turn_id] = self._known(turn_id, payer, accounts)
        self._waiting.pop(turn_id, None)
        own.rests, own.hears, changed = True, False, not own.rests
        others = [one for one in self._running.values() if one is not own and one.meets(own)]
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
        """The answer does not wait any more, to begin or between two rounds."""
        running = self._running.get(turn_id)
        rested = running is not None and running.rests
        if running is not None:
            running.rests = False
        if self._waiting.pop(turn_id, None) or rested:
            self._wake()

    async def changed(self, clock: Clock) -> None:
        """Return once an answer has begun or ended, at the latest after POLL_S."""
        waits = {asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(clock.sleep(POLL_S))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _known(self, turn_id: int, payer: Payer, accounts: frozenset[BudgetAccount]) -> _Entry:
        """The entry of the answer with its limits of now; a new one where it has none."""
        entry = self._waiting.get(turn_id) or self._running.get(turn_id)
        if entry is None:
            self._arrivals += 1
            return _Entry(payer, accounts, self._arrivals)
        entry.payer, entry.accounts = payer, accounts
        return entry

    def _is_outheard(self, own: _Entry) -> bool:
        """True if sounds of another answer that meets it are being transcribed."""
        return any(one.hears and one is not own and one.meets(own) for one in self._running.values())

    def _rank(self, entry: _Entry) -> tuple[int, int]:
        running = sum(one.person == entry.person for one in self._running.values() if one is not entry)
        return running, entry.arrival

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
