"""Interruptions of answers that another replica writes: the one that hears of the event tells the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.clock import Clock
from core.inbox.quotes import QuoteRemoval
from core.ports.store.turns import TurnLedger
from core.turns.running import RunningTurns
from core.values.events import Deleted, Edited, Forgotten, Halted, Interrupting, PlaceClosed, Stopped
from core.values.places import message_key

TellOthers = Callable[[Interrupting], Awaitable[bool]]
"""Tells the other replicas of an event. True if there may be any. Raises StoreError."""


async def to_nobody(_event: Interrupting) -> bool:
    """Tell nobody: one process has the database for itself."""
    return False


class Interruptions:
    """The effects of an event on the answers that are written here. The replica that heard of it has stored the rest.

    `is_ours`: a message is deleted by a call from here.

    An answer that is not known here yet is not written later either: its owner may change (`EarlyInterrupts`).
    """

    def __init__(
        self,
        store: TurnLedger,
        live: RunningTurns,
        clock: Clock,
        quotes: QuoteRemoval,
        restart: Callable[[str], Awaitable[object]],
        halted: Callable[[Halted], Awaitable[object]],
        is_ours: Callable[[Deleted], bool],
    ) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._quotes = quotes
        self._restart = restart
        self._halted = halted
        self._is_ours = is_ours

    async def learn(self, event: Interrupting) -> None:
        """Take an event that another replica tells of. Raises StoreError."""
        match event:
            case Edited():
                self._quotes.drop_running(event)
                if not event.begun_anew:
                    await self._restart(message_key(event.place, event.message_id))
            case Deleted() if self._is_ours(event):
                pass  # a page that its answer needs no longer
            case Deleted():
                self._quotes.drop_running(event)
                message = message_key(event.place, event.message_id)
                self._live.message_deleted(message)
                self._live.withdraw(message)
            case PlaceClosed():
                self._live.close(event.place, self._clock.now())
            case Halted():
                if self._live.at(event.place) is not None:
                    await self._halted(event)
            case Stopped(turn_id, refused):
                (self._live.refuse_stop if refused else self._live.stop)(turn_id)
            case Forgotten():
                await self._forget()

    async def _forget(self) -> None:
        """Interrupt the answers whose questions the store does not have any more."""
        gone = set[int]()
        for turn_id in self._live.ids:
            turn = await self._store.turn(turn_id)
            if turn is None or turn.forgotten:
                gone.add(turn_id)
        self._live.forget(lambda turn: turn.id in gone)
