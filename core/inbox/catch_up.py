"""Reads the events that were missed while the program was down, before the first turn of a place begins."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.inbox.backfills import Backfills
from core.inbox.deleted_questions import DeletedQuestions
from core.inbox.inbox import StoringInbox
from core.inbox.team_backfills import TeamBackfills
from core.inbox.teams import adopt
from core.platform_calls import PerInstallation, PlatformCalls
from core.ports.store.threads import ThreadStore
from core.ports.store.tools import ToolStore
from core.ports.store.turns import TurnLedger
from core.turns.recovery import Recovery
from core.values.conversation import Turn, TurnState
from core.values.places import Place

log = structlog.get_logger()


class CatchUpStore(TurnLedger, ThreadStore, ToolStore, Protocol):
    """The part of the store that catching up uses."""


class CatchUp:
    """Catches up on all platforms: open turns, missed messages, deleted questions."""

    def __init__(
        self,
        store: CatchUpStore,
        submit: Callable[[Turn], None],
        inbox: StoringInbox,
        calls: PerInstallation[PlatformCalls],
        backfills: PerInstallation[Backfills],
        deleted_questions: DeletedQuestions,
        recovery: Recovery,
        clock: Clock,
    ) -> None:
        self._store = store
        self._submit = submit
        self._inbox = inbox
        self._calls = calls
        self._backfills = backfills
        self._deleted_questions = deleted_questions
        self._recovery = recovery
        self._clock = clock
        self._reads = False

    def jobs(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """The jobs that read missed messages. From now on turns wait for them."""
        self._reads = True
        own = [one.run for one in self._backfills if one.of_team is None]
        return [*own, TeamBackfills(self._backfills, self._clock).run]

    async def take_up(self, still_since: datetime) -> None:
        """Queue the turns that earlier processes left open, and hold those whose author is still to be looked up. What
        earlier versions stored gets its team before.

        `still_since`: as in `TurnLedger.recover`. Raises StoreError.
        """
        try:
            await self._recovery.recover(still_since)
            for platform_calls in self._calls:
                await adopt(self._store, platform_calls.installation)
        except StoreError as error:
            log.warning("turns_not_recovered", **error.log_keys)
        for turn in await self._store.open_turns():
            self._deleted_questions.expect(turn)
            self._submit(turn)
        for turn, _ in await self._store.asking_turns():
            self._deleted_questions.expect(turn)
        for turn in await self._store.held_turns():
            self._deleted_questions.expect(turn)
            if self._recovery.holds(turn.ask.place):
                self._inbox.admission.hold(turn)

    async def hold(self) -> None:
        """Decide about the held turns of the places that are owned now. Raises StoreError."""
        for turn in await self._store.held_turns():
            if self._recovery.holds(turn.ask.place):
                self._inbox.admission.hold(turn)

    async def wait(self, turn: Turn) -> None:
        """Return once earlier messages of the turn's place have been read, and deleted ones are known. An answer that
        was begun before, here or in another process, goes on before others are read. A new one also waits for what a
        process heard that has just gone."""
        try:
            await self._calls.look_up(turn.ask.place)
        except StoreError as error:
            log.warning("installation_not_looked_up", place=turn.ask.place.key, **error.log_keys)
        if self._reads and (backfill := self._backfills(turn.ask.place)):
            if _goes_on(turn):
                await self._deleted_questions.look_briefly(turn.ask.place)
                return
            while (settles_s := self._recovery.settles_s) > 0:
                await self._clock.sleep(settles_s)
            await backfill.caught_up(turn.ask.place)
            await self._deleted_questions.look(turn.ask.place)

    def lost_somewhere(self) -> None:
        """Events of any place may have been lost, here or in another process: read on where this one answers."""
        for backfills in self._backfills:
            backfills.again_everywhere(self._recovery.holds)
        self._recovery.doubt()

    def lost(self, place: Place) -> None:
        """An event of this place could not be stored, or so it seems: read on, and look at every open turn."""
        if backfill := self._backfills(place):
            backfill.again(place)
        self._recovery.doubt()


def _goes_on(turn: Turn) -> bool:
    """False for a turn that has begun in this process only to show that it waits: it runs without a text."""
    return bool(turn.text) or (turn.attempt > 0 and turn.state is TurnState.WAITING)
