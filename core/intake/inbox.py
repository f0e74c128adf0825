"""The inbox: what a platform heard is stored here, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from core.answer.live import Live
from core.intake.rules import decide
from core.ports import Store
from core.types import Ask, Command, Deleted, Edited, Event, Outcome, Press, Receipt, Task, Turn, message_key

log = structlog.get_logger()


class StoringInbox:
    """Decides, stores, and hands new turns to `submit`. Events of one channel are taken in the order they come,
    so that a deletion never overtakes what it deletes."""

    def __init__(self, store: Store, submit: Callable[[Turn], None], live: Live) -> None:
        self._store = store
        self._submit = submit
        self._live = live
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def receive(self, event: Event) -> Receipt:
        channel = self._busy.setdefault(event.place.channel_key, asyncio.Lock())
        async with channel:
            return await self._receive(event)

    async def _receive(self, event: Event) -> Receipt:
        match event:
            case Ask():
                return await self._ask(event)
            case Press():
                return await self._press(event)
            case Edited():
                known = await self._store.edit(event)
                self._live.restart(message_key(event.place, event.message_id))
            case Deleted():
                known = await self._store.delete(event)
                self._live.withdraw(message_key(event.place, event.message_id))
            case Command():
                known = False
        return Receipt(Outcome.NOTED if known else Outcome.UNKNOWN)

    async def _press(self, press: Press) -> Receipt:
        """A button under an answer. Its turn must be one of the channel it was pressed in."""
        turn = await self._store.turn(press.turn_id)
        if turn is None or turn.ask.place.channel_key != press.place.channel_key:
            return Receipt(Outcome.UNKNOWN)
        log.info("button", turn=turn.id, action=press.action, place=press.place.key)
        if press.action == "stop":
            return Receipt(Outcome.NOTED if self._live.stop(turn.id) else Outcome.UNKNOWN, turn.id)
        task = {"again": Task.ANSWER, "continue": Task.CONTINUE}.get(press.action)
        again = await self._store.again(turn.id, task) if task else None
        if again is None:
            return Receipt(Outcome.DUPLICATE, turn.id)
        self._submit(again)
        return Receipt(Outcome.TURN, again.id)

    async def _ask(self, ask: Ask) -> Receipt:
        if ask.replies_to:
            place = await self._store.place_of_post(ask.place, ask.replies_to)
            ask = replace(ask, place=place or ask.place)
        asks = ask.addressed and not ask.author.bot
        outcome = decide(ask, joined=asks or await self._store.joined(ask.place))
        turn_id = None
        if outcome is Outcome.TURN:
            turn = await self._store.accept(ask)
            if turn is None:
                return Receipt(Outcome.DUPLICATE)
            turn_id = turn.id
            self._submit(turn)
            log.info("question", turn=turn.id, place=ask.place.key)
        elif outcome is Outcome.NOTED:
            await self._store.note(ask)
        return Receipt(outcome, turn_id)
