"""Held questions: stored and acknowledged before it is known whether their author may ask.

An unknown author is refused wherever a right depends on the unknown fact. The look-up of an author may take
seconds, and an event has to be acknowledged sooner, so the question is held until the look-up ends. A held
question is not part of its thread yet, and delays no other question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.connector import Directory
from core.values.conversation import Turn
from core.values.events import Receipt
from core.values.places import Person, Place

log = structlog.get_logger()

LOOK_UP_S = 8.0
"""The longest look-up of an author, in seconds. A refusal is shown within 10 s of the question."""
HELD_MAX = 1_000
"""The most held questions. Further questions of unknown people are refused."""
_READY_S = 0.5
_STORE_PAUSES_S = (0.5, 10.0)

Decide = Callable[[Turn, Person], Awaitable[Receipt]]


class Admission:
    """Looks up the authors of held turns, one task each.

    `decide` is called with each turn and its author, known or not, and again after a retryable StoreError.
    `directories`: the directory of a place; None where the platform names authors with their events.
    """

    def __init__(self, directories: Callable[[Place], Directory | None], decide: Decide, clock: Clock) -> None:
        self._directories = directories
        self._decide = decide
        self._clock = clock
        self._held: dict[int, tuple[Turn, asyncio.Task[None]]] = {}

    def takes(self, place: Place) -> bool:
        """True if one more question of `place` may be held."""
        return self._directories(place) is not None and len(self._held) < HELD_MAX

    def holds(self, place: Place) -> bool:
        return any(turn.ask.place.key == place.key for turn, _ in self._held.values())

    def hold(self, turn: Turn) -> None:
        """Start the decision of a HELD turn, once. Without a directory of its platform it stays held."""
        directory = self._directories(turn.ask.place)
        if turn.id not in self._held and directory is not None:
            self._held[turn.id] = (turn, asyncio.create_task(self._admit(turn, directory)))

    async def close(self) -> None:
        """Stop all look-ups. The turns stay held for the next process."""
        tasks = [task for _, task in self._held.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _admit(self, turn: Turn, directory: Directory) -> None:
        try:
            while not directory.ready():
                await self._clock.sleep(_READY_S)
            author = await directory.look_up(turn.ask.author, LOOK_UP_S)
            told = (await self._decided(turn, author)).reply
            if told is not None:
                await directory.tell(told, replace(turn.ask, author=author))
        except Exception:
            log.exception("held_question_failed", turn=turn.id, place=turn.ask.place.key)
        finally:
            del self._held[turn.id]

    async def _decided(self, turn: Turn, author: Person) -> Receipt:
        pause_s, longest_s = _STORE_PAUSES_S
        while True:
            try:
                return await self._decide(turn, author)
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("held_question_delayed", turn=turn.id, **error.log_keys)
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)
