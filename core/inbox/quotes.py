"""Quoted transcripts leave an answer when their clip is deleted."""

from __future__ import annotations

from collections.abc import Callable

from core.clock import Clock
from core.conversation.file_content import is_sound
from core.ports.store import Store
from core.turns.running import RunningTurns
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
        """Take a deletion, or an edit that may have removed the clip of a message, once for each answer. Raises
        StoreError."""
        if isinstance(event, Edited) and any(map(_is_readable_sound, event.attached)):
            return
        running = self._live.clips_removed(event.place, event.message_id)
        ended = await self._store.quoting_turns(event.place, event.message_id)
        for turn in {turn.id: turn for turn in (*ended, *running)}.values():
            removal = announcement(
                f"unquote-{turn.id}", turn.ask.place, RemoveQuote(turn.id), self._clock.now()
            )
            if (stored := await self._store.accept(removal)) is not None:
                self._submit(stored)


def _is_readable_sound(one: Attached) -> bool:
    return isinstance(one, File) and is_sound(one) and one.problem is None
