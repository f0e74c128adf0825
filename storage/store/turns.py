"""`TurnLedger` on a `Database`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial

import structlog

from core.errors import StoreError
from core.ports.store.settings import Change
from core.values.conversation import Ask, Turn, TurnState
from core.values.memory import Vector
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, Step
from core.values.tasks import Alert, ReportScope, Task
from core.values.tools import ToolGrant
from core.values.turn_ends import MOST_ANNOUNCEMENTS, Announcement, AnswerFooter, Finish
from storage import announcements, answer_footers, runs, settings, steps, tools, turn_ends, turns
from storage.balances import Changed
from storage.store.state import StoreState
from storage.tables import to_us

log = structlog.get_logger()


class SqlTurnLedger(StoreState):
    """`core.ports.store.turns` documents each method."""

    async def accept(self, ask: Ask, started_at: datetime | None = None) -> Turn | None:
        kept = self._remaining(ask.place, ask)
        if kept is None:
            return None
        if turns.begins_thread(kept) and self._database.in_one_trip:
            first = await self._database.write_one(self._telling(turns.accept_first), kept, started_at)
            if first is not None:
                return first
        balances = self._changing_balances() if kept.charges else None
        turn = await self._database.write(self._telling(turns.accept), kept, started_at, balances)
        self._balances.put(balances or {})
        return turn

    async def hold(self, ask: Ask) -> Turn | None:
        kept = self._remaining(ask.place, ask)
        return None if kept is None else await self._database.write(turns.hold, kept)

    async def admit(self, turn_id: int, author: Person, started_at: datetime | None = None) -> Turn | None:
        return await self._database.write(self._telling(turns.admit), turn_id, author, started_at)

    async def discard(self, turn_id: int) -> None:
        await self._database.write(turns.discard, turn_id)

    async def held_turns(self) -> list[Turn]:
        return await self._database.read(turns.held_turns)

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        return await self._database.read(turns.open_turns, after_id)

    async def alerts(self, place: Place, since: datetime) -> list[tuple[Alert, datetime]]:
        return await self._database.read(turns.alerts, place, to_us(since))

    async def announcements(
        self, place: Place, since: datetime, limit: int = MOST_ANNOUNCEMENTS
    ) -> list[Announcement]:
        return await self._database.read(announcements.announcements, place, to_us(since), limit)

    async def last_report(self, place: Place, scope: ReportScope, period: str) -> datetime | None:
        return await self._database.read(turns.last_report, place, scope, period)

    async def turn(self, turn_id: int) -> Turn | None:
        return await self._database.read(turns.turn, turn_id)

    async def turn_of(self, place: Place, ask_id: str) -> Turn | None:
        return await self._database.read(turns.turn_of_ask, place, ask_id)

    async def retry_turn(self, turn_id: int, task: Task, by: Person | None = None) -> Turn | None:
        now = self._clock.now()
        return await self._database.write(self._telling(turns.retry_turn), turn_id, task, by, now)

    async def recover(
        self,
        still_since: datetime,
        owned: Callable[[Place], bool] = lambda _: True,
        running_here: Collection[int] = (),
        *,
        taken_over: bool = False,
    ) -> None:
        since_us = to_us(still_since)
        await self._database.write(runs.recover, since_us, owned, running_here, taken_over=taken_over)

    async def give_back(self) -> None:
        await self._database.write(runs.give_back, dict(self._epochs))

    async def charge_asker(self, turn_id: int) -> None:
        await self._database.write(turns.charge_asker, turn_id)

    async def begin(self, turn_id: int, epoch: int = 0, *, in_order: bool = False) -> Turn:
        begun = await self._database.write_one(runs.begin, turn_id, epoch, in_order=in_order)
        if begun.id == turn_id:
            self._epochs[turn_id] = epoch
        return begun

    async def checkpoint(self, turns_so_far: Sequence[runs.Checkpoint]) -> None:
        if turns_so_far:
            await self._database.write_one(runs.checkpoint, turns_so_far, self._epochs)
            for turn_id, _, posted in turns_so_far:
                self._posted[turn_id] = posted

    async def finish(self, finish: Finish) -> bool:
        asks, now_us = finish.state is TurnState.ASKING, to_us(self._clock.now())
        balances = self._changing_balances()
        with self._asking.adding(finish.turn.ask.place) if asks else nullcontext():
            ended = await self._finish(finish, now_us, balances)
        self._epochs.pop(finish.turn.id, None)
        self._balances.put(balances or {})
        place = finish.turn.ask.place
        if finish.state is TurnState.DONE:
            self._word_counts.added()
        if finish.turn.again_of is not None:
            self._vectors.forget_later(place)
        if finish.meaning is not None:
            await self._tell_vectors(finish.turn, finish.meaning.vector)
        return ended

    async def _tell_vectors(self, turn: Turn, vector: Vector) -> None:
        """The answer is stored, whether others hear of it or not."""
        try:
            await self._vectors_added(turn.ask.place, vector, [turn.id])
        except StoreError as error:
            log.warning("vectors_not_told", turn=turn.id, **error.log_keys)

    async def _finish(self, finish: Finish, now_us: int, balances: Changed | None) -> bool:
        """An answer that cannot be indexed ends all the same."""
        turn_id = finish.turn.id
        kept = self._posted.pop(turn_id, ())
        ending = partial(turn_ends.finish, epoch=self._epochs.get(turn_id, 0), kept=kept)
        try:
            return await self._database.write(ending, finish, now_us, balances)
        except turn_ends.NotIndexedError as error:
            log.warning("answer_not_indexed", turn=turn_id, reason=type(error.__cause__).__name__)
            return await self._database.write(ending, finish, now_us, balances, indexes=False)

    async def steps(self, turn_id: int) -> list[Step]:
        return await self._database.read(steps.steps, turn_id)

    async def put_steps(self, turn_id: int, number: int, new: Sequence[Step]) -> None:
        at_us, epoch = to_us(self._clock.now()), self._epochs.get(turn_id, 0)
        await self._database.write(steps.put, turn_id, number, new, at_us, epoch)

    async def resume(
        self,
        turn_id: int,
        answer: ApprovalAnswered,
        changes: Sequence[Change] = (),
        grants: Sequence[ToolGrant] = (),
    ) -> Turn | None:
        now_us = to_us(self._clock.now())
        return await self._database.write(self._telling(tools.resume), turn_id, answer, changes, grants, now_us)

    async def quoting_turns(self, place: Place, message_id: str, left: Collection[str] = ()) -> list[Turn]:
        return await self._database.read(turns.quoting_turns, place, message_id, left)

    async def answer_footer(self, turn_id: int) -> AnswerFooter | None:
        return await self._database.read(answer_footers.answer_footer, turn_id)

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        return await self._database.read(answer_footers.answer_footers, place, limit)

    async def mark_once(self, key: str) -> bool:
        return await self._database.write(settings.mark_once, key)
