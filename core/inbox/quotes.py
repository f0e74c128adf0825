"""Quoted transcripts leave an answer when their clip is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.clock import Clock
from core.ports.store import Store
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Turn, announcement
from core.values.events import Deleted, Edited
from core.values.parts import Attached, File
from core.values.tasks import RemoveQuote


class QuoteRemoval:
    """Submits a turn for each answer whose quote has to go. It runs behind the answer, if that is still written."""

    def __init__(self, store: Store, submit: Callable[[Turn], None], live: RunningTurns, clock: Clock) -> None:
        self._store = store
        self._submit = submit
        self._live = live
        self._clock = clock

    async def receive(self, event: Deleted | Edited) -> None:
        """Take a deletion, or an edit that may have removed a clip of a message. Raises StoreError.

        The whole quote of an answer is removed: at once while it is shown by a run, and once behind each run.
        """
        left = _readable(event.attached) if isinstance(event, Edited) else frozenset[str]()
        running = self.drop_running(event)
        shown = await self._store.quoting_turns(event.place, event.message_id, left)
        for turn in {turn.id: turn for turn in (*shown, *(one.turn for one in running))}.values():
            key = f"unquote-{turn.id}-{turn.attempt}"
            removal = announcement(key, turn.ask.place, RemoveQuote(turn.id), self._clock.now())
            if (stored := await self._store.accept(removal)) is not None:
                self._submit(stored)

    def drop_running(self, event: Deleted | Edited) -> list[RunningTurn]:
        """Remove the quotes of the answers that are written here. Returns their turns."""
        left = _readable(event.attached) if isinstance(event, Edited) else frozenset[str]()
        running = self._live.keep_clips(event.place, event.message_id, left)
        for one in running:
            if one.delivery is not None:
                one.delivery.drop_quote(self._clock.monotonic())
        return running


def _readable(attached: Iterable[Attached]) -> frozenset[str]:
    """The sources of files that are still there. A platform may not say of which type a file is."""
    return frozenset(one.source for one in attached if isinstance(one, File) and one.problem is None)
