"""Turns, from their acceptance to their end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from core.ports.store.settings import Change
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, Step
from core.values.tasks import Alert, ReportScope, Task
from core.values.tools import ToolGrant
from core.values.turn_ends import MOST_ANNOUNCEMENTS, Announcement, AnswerFooter, Finish

MANY_ATTEMPTS = 5
"""The attempts after which a turn that was running at a sudden end is suspected of it, also where others were open."""
TAKEN_OVER_ATTEMPTS = 10
"""Those after which a turn is suspected that one of several processes has taken over: more processes end suddenly, and
not each of them for what it runs."""
SUSPECT_ATTEMPTS = 3
"""The attempts by which such a turn is suspected each further time. It runs alone among suspects then, so that one of
them that ends processes is told from those that have run beside it, and from those whose processes ended for others."""


def taken_over_attempts(deaths: int) -> int:
    """The attempts at which a turn is suspected that was taken over, and has so many deaths."""
    return TAKEN_OVER_ATTEMPTS + SUSPECT_ATTEMPTS * deaths


class TurnLedger(Protocol):
    """Turns, from their acceptance to their end."""

    async def accept(self, ask: Ask, started_at: datetime | None = None) -> Turn | None:
        """Store `ask` as a waiting turn and as a message of its thread, and join the place. `started_at`: as in `Turn`.

        Returns None if it is stored already, or was sent before its author was forgotten (`forget_person`). Durable
        when it returns.
        """
        ...

    async def hold(self, ask: Ask) -> Turn | None:
        """Store `ask` as a HELD turn, not as a message of its thread, and do not join the place.

        Returns the same turn again while it is held, and None where `ask` is stored as anything else, or was sent
        before its author was forgotten. Durable when it returns.
        """
        ...

    async def admit(self, turn_id: int, author: Person, started_at: datetime | None = None) -> Turn | None:
        """Make a HELD turn wait for its answer, asked by `author`, as if `accept` had stored it.

        Returns None where it is not held any more.
        """
        ...

    async def discard(self, turn_id: int) -> None:
        """Remove a HELD turn with its text."""
        ...

    async def held_turns(self) -> list[Turn]:
        """HELD turns, oldest first. `guest` and `external` of their authors are not stored."""
        ...

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        """Turns that wait, or were running when their process died, in the order they came."""
        ...

    async def turn(self, turn_id: int) -> Turn | None: ...

    async def turn_of(self, place: Place, ask_id: str) -> Turn | None:
        """The turn of the ask with that id in `place`'s channel."""
        ...

    async def recover(
        self,
        still_since: datetime,
        owned: Callable[[Place], bool] = lambda _: True,
        running_here: Collection[int] = (),
        *,
        taken_over: bool = False,
    ) -> None:
        """Make the turns of `owned` places that were running wait again, without those that run here, and end what they
        have reserved. Call it at the start, and when more places are owned, before their turns begin.

        A turn that may have ended the last process gets one more of `deaths`: the only open turn, if it was running.
        Where the process gave no sign of life (`advance_watermark(PROCESS, "", ...)`) since `still_since`, it is the
        first running turn of each place; one that was begun `MANY_ATTEMPTS` times is suspected in any case. Of turns
        that were `taken_over` only one is that was begun `taken_over_attempts` times.
        """
        ...

    async def give_back(self) -> None:
        """Make the turns that were begun here and have not ended wait for the next process, without a death. Call it at
        an orderly end."""
        ...

    async def retry_turn(self, turn_id: int, task: Task, by: Person | None = None) -> Turn | None:
        """A new waiting turn for the question of an ended one: answer it again, or continue its answer. It starts now.

        `by`: the person who asked for it and pays for it; None is the question's author. The new turn may read older
        messages only where both may (`Person.may_read`). Returns None where the turn has not ended, is unknown, or was
        retried already.
        """
        ...

    async def charge_asker(self, turn_id: int) -> None:
        """The question of an open turn was edited: its author pays from now on, not the person who had it begin. The
        accounts of budgets keep what they count already; the usage is that of the author."""
        ...

    async def begin(self, turn_id: int, epoch: int = 0, *, in_order: bool = False) -> Turn:
        """Mark a turn RUNNING in `epoch` (`core.turns.ownership`) and count one more `attempt`. Its checkpoints, its
        steps and its end are stored as long as no other process begins it.

        Where another turn of the place comes first, `in_order` returns that one, which has not begun: background work
        comes last, else the one that was asked first. Raises StoreError, not retryable, where the turn has ended, or
        the epoch is over.
        """
        ...

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        """Store partial answers, each (turn id, text, message ids), in one transaction."""
        ...

    async def finish(self, finish: Finish) -> bool:
        """End a turn, or in the state ASKING its run: then no usage and no message of the thread are stored yet.

        False where the turn is not open any more: it was forgotten, or this is a second call. Then only the usage is
        stored, once. False, and nothing is stored, where another process has begun the turn.
        """
        ...

    async def steps(self, turn_id: int) -> list[Step]:
        """The steps of a turn that have ended, in order. Where none was stored on its own, an ended turn has one
        round, which is its text."""
        ...

    async def put_steps(self, turn_id: int, number: int, steps: Sequence[Step]) -> None:
        """Store `steps` of an open turn from `number` on, counted from 0, in place of those from there on."""
        ...

    async def resume(
        self,
        turn_id: int,
        answer: ApprovalAnswered,
        changes: Sequence[Change] = (),
        grants: Sequence[ToolGrant] = (),
    ) -> Turn | None:
        """Store the answer to the request of an ASKING turn as its next step, and make the turn wait for its
        run.

        The audit gets `changes`, and the turn's thread `grants`, in the same transaction. Returns None, and stores
        nothing, where the turn does not ask any more.
        """
        ...

    async def quoting_turns(self, place: Place, message_id: str, left: Collection[str] = ()) -> list[Turn]:
        """The ended and ASKING turns of `place`'s channel whose answers quote a clip of that message other than those
        with the sources `left`, oldest first."""
        ...

    async def answer_footer(self, turn_id: int) -> AnswerFooter | None:
        """The notice, the buttons and the sources under the answer of an ended or ASKING turn. None where there are
        none."""
        ...

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        """The footers of a thread's newest `limit` ended turns, oldest first.

        Without those that have neither notice, buttons nor sources, were retried, or were forgotten.
        """
        ...

    async def alerts(self, place: Place, since: datetime) -> list[tuple[Alert, datetime]]:
        """The alerts raised since then that were posted to a channel, with the time of each, oldest first.

        Of a place without a team: to the channel of each installation that has a watermark.
        """
        ...

    async def announcements(
        self, place: Place, since: datetime, limit: int = MOST_ANNOUNCEMENTS
    ) -> list[Announcement]:
        """The newest `limit` alerts and reports that were posted at the top of a channel since then, oldest first.

        An alert has the text of its `UpdateAlert`, as soon as that is accepted. Those that were forgotten are left out.
        """
        ...

    async def last_report(self, place: Place, scope: ReportScope, period: str) -> datetime | None:
        """The end of the newest period that a report in the channel of `place` is about, of this scope and length. None
        where there is no report; one that was asked for before its period had ended is none."""
        ...

    async def mark_once(self, key: str) -> bool:
        """True for the first call with this key, ever."""
        ...
