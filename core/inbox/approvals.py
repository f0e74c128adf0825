"""Approvals: a person decides whether the tool calls of an ASKING turn run, or the request ends without a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from core.commands.handlers import CommandHandlers
from core.errors import StoreError
from core.i18n import phrase
from core.inbox.eligibility import refusal_reply
from core.ports.store import Store
from core.ports.store.settings import Change
from core.speakers import label
from core.turns.approval_view import ALWAYS, ARGUMENTS, DENY, action_and_key, arguments_reply
from core.values.conversation import Turn, TurnState
from core.values.events import ButtonPress, Outcome, Receipt
from core.values.places import Person
from core.values.steps import ApprovalAnswered, ApprovalAsked, Decision
from core.values.tools import ToolGrant
from core.values.ui import ImmediateReply

log = structlog.get_logger()

ENDING_S = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Pauses, in seconds, while the end of a run is stored: its buttons are visible a moment earlier."""
EXPIRY_S = 5.0
"""Seconds between two looks for requests that were not answered in time."""
PARLEY = Person("parley", "Parley", bot=True)
"""The author of an audit entry that no person decided."""


class Approvals:
    """Stores the decision of each request, and passes its turn to `submit`. Every method raises StoreError."""

    def __init__(self, store: Store, submit: Callable[[Turn], None], handlers: CommandHandlers) -> None:
        self._store = store
        self._submit = submit
        self._handlers = handlers

    async def press(self, press: ButtonPress, turn: Turn, language: str) -> Receipt:
        """Take the press of a button of a request. Only the asker and the operators' approvers may decide."""
        action, key = action_and_key(press.action) or ("", "")
        asked = await self._asked(turn, key)
        if asked is None or (action == ALWAYS and not asked.reading):
            return Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(phrase("approval_over", language)))
        if not _may_decide(press.author, turn, asked):
            return Receipt(Outcome.REFUSED, turn.id, refusal_reply(_who_may(turn, asked, language)))
        if asked.expired(self._handlers.clock.now()):
            await self._end(turn, asked, Decision.EXPIRED, PARLEY)
            return Receipt(Outcome.REFUSED, turn.id, refusal_reply(phrase("approval_expired", language)))
        if action == ARGUMENTS:
            return Receipt(Outcome.NOTED, turn.id, arguments_reply(asked, language))
        if not await self._decide(action, press, turn, asked):
            return Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(phrase("approval_over", language)))
        return Receipt(Outcome.NOTED, turn.id)

    async def supersede(self, turn: Turn) -> None:
        """The asker of `turn` went on with it: a request in its place is declined.

        Where the store fails, the request stays until it expires.
        """
        with suppress(StoreError):
            for other, asked in await self._store.asking_turns(turn.ask.place):
                if other.ask.author.id == turn.ask.author.id:
                    await self._end(other, asked, Decision.SUPERSEDED, turn.ask.author)

    async def withdraw(self, which: Callable[[Turn], bool], by: Person = PARLEY) -> bool:
        """End the requests of the turns that `which` picks. Returns whether there were any."""
        picked = [(turn, asked) for turn, asked in await self._store.asking_turns() if which(turn)]
        for turn, asked in picked:
            await self._end(turn, asked, Decision.WITHDRAWN, by)
        return bool(picked)

    async def find(self, question: str) -> tuple[Turn, ApprovalAsked] | None:
        """The ASKING turn of the question with this key (`Ask.key`), and its request."""
        asking = await self._store.asking_turns()
        return next(((turn, asked) for turn, asked in asking if turn.ask.key == question), None)

    async def restart(self, turn: Turn, asked: ApprovalAsked) -> None:
        """The question was edited: the turn answers it anew."""
        await self._end(turn, asked, Decision.EDITED, turn.ask.author)

    async def expire(self) -> None:
        """End the requests that are not answered in time."""
        now = self._handlers.clock.now()
        for turn, asked in await self._store.asking_turns():
            if asked.expired(now):
                await self._end(turn, asked, Decision.EXPIRED, PARLEY)

    async def run(self) -> None:
        """Look for requests that have expired, also while the program was down. Until cancelled."""
        while True:
            with suppress(StoreError):
                await self.expire()
            await self._handlers.clock.sleep(EXPIRY_S)

    async def _asked(self, turn: Turn, key: str) -> ApprovalAsked | None:
        """The open request of the turn with that key; None where it is decided."""
        for pause_s in (*ENDING_S, 0.0):
            now = await self._store.turn(turn.id)
            steps = await self._store.steps(turn.id)
            if steps and isinstance(last := steps[-1], ApprovalAsked):
                return last if last.key == key else None
            decided = any(isinstance(step, ApprovalAsked) and step.key == key for step in steps)
            if decided or now is None or now.state is not TurnState.RUNNING:
                return None
            await self._handlers.clock.sleep(pause_s)
        return None

    async def _decide(self, action: str, press: ButtonPress, turn: Turn, asked: ApprovalAsked) -> bool:
        """Store a person's decision. False where another one was first."""
        approved = () if action == DENY else tuple(call.id for call in asked.calls)
        everybody = self._handlers.is_admin(press.author, press.place)
        whose = "" if everybody else turn.ask.author.id
        grants = [ToolGrant(tool, whose, press.author.id) for tool in asked.tools] if action == ALWAYS else ()
        what = f"{ALWAYS}_all" if action == ALWAYS and everybody else action
        answer = ApprovalAnswered(approved, press.author.id)
        return await self._resume(turn, answer, self._changes(turn, asked, what, press.author), grants)

    async def _end(self, turn: Turn, asked: ApprovalAsked, decision: Decision, by: Person) -> bool:
        """End a request without a decision of a person. False where one was first."""
        changes = self._changes(turn, asked, str(decision), by)
        return await self._resume(turn, ApprovalAnswered((), decision=decision), changes)

    async def _resume(
        self, turn: Turn, answer: ApprovalAnswered, changes: list[Change], grants: Sequence[ToolGrant] = ()
    ) -> bool:
        resumed = await self._store.resume(turn.id, answer, changes, grants)
        if resumed is None:
            return False
        log.info(
            "approval_ended",
            turn=turn.id,
            place=turn.ask.place.key,
            decision=str(answer.decision),
            approved=len(answer.approved),
            by=answer.by,
        )
        self._submit(resumed)
        return True

    def _changes(self, turn: Turn, asked: ApprovalAsked, what: str, by: Person) -> list[Change]:
        """The entries of the audit, one for each call."""
        place, at = replace(turn.ask.place, thread=""), self._handlers.clock.now()
        return [
            Change(place, f"tool:{call.name}", None, f"{what} {digest}", by, at)
            for call, digest in zip(asked.calls, asked.digests or ("",) * len(asked.calls), strict=True)
        ]


def _may_decide(person: Person, turn: Turn, asked: ApprovalAsked) -> bool:
    asker = turn.ask.author
    return person.id == asker.id or f"{turn.ask.place.platform}:{person.id}" in asked.approvers


def _who_may(turn: Turn, asked: ApprovalAsked, language: str) -> str:
    name = label(turn.ask.author.name) or turn.ask.author.id
    return phrase("not_approver_named" if asked.approvers else "not_approver", language, name=name)
