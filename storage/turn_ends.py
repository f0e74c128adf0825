"""The end of a run of a turn: its answer, its usage, and the spending that budgets count. Each function is one
transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from core.ports.store.summaries import SummaryEnd
from core.spend.budgets import charged_at, payer_of, spent_of
from core.spend.prices import NO_USAGE, merged, total
from core.values.budgets import Payer, Spent, payer_name
from core.values.conversation import Turn, TurnState
from core.values.deltas import ChargeKind
from core.values.steps import ModelRound
from core.values.summaries import FoldedSummary, StretchSummary, SummaryFailure
from core.values.tasks import ContinueAnswer, RelateThreads
from core.values.turn_ends import Finish
from core.values.usage import Charge
from storage import (
    announcements,
    charges,
    failures,
    posts,
    reservations,
    sources,
    steps,
    summaries,
    threads,
    uploads,
    usage,
)
from storage.balances import Changed
from storage.posts import line_id
from storage.runs import OWN_TURN
from storage.tables import OPEN, TURNS, from_us, to_us
from storage.turns import OPEN_TURN, turn_of


class NotIndexedError(Exception):
    """The answer cannot be indexed for a reason that is its cause. Its transaction is rolled back."""


def finish(
    connection: Connection,
    end: Finish,
    now_us: int,
    balances: Changed | None,
    *,
    epoch: int = 0,
    indexes: bool = True,
    kept: Collection[str] = (),
) -> bool:
    """`balances` receives those of the accounts that count the answer. None: there are no accounts of budgets. `epoch`:
    in which it was begun; where another replica has begun it since then, nothing is stored. `indexes`: a later answer
    may cite this one. `kept`: messages of the answer that are stored. Raises NotIndexedError."""
    ask, asked = end.turn.ask, end.asked if end.state is TurnState.ASKING else None
    if asked is not None and steps.stored(connection, end.turn.id, asked[0]):
        return False
    values: dict[str, Any] = {
        "turn_id": end.turn.id,
        "own_epoch": epoch,
        "state": end.state,
        "posted": list(end.posted),
        "notice": end.notice,
        "buttons": [[button.action, button.label] for button in end.buttons],
        "error": end.error,
        "ref": end.ref,
        "cited": [list(one) for one in end.cited] or None,
        "quoted": [list(clip) for clip in end.quoted] or None,
    }
    if asked is None:
        values |= {"ticket": "", "ended_at_us": now_us}
    if end.anonymous is not None:
        return connection.execute(announcements.end_report(end), values).rowcount > 0
    values["answer"] = end.text
    if isinstance(ask.task, RelateThreads):  # its words were not said to Parley
        values |= {"text": "", "attached": None}
    ended = connection.execute(OWN_TURN, values).rowcount > 0
    if ended:
        _add_failure(connection, end, now_us)
    if ask.announces or (not ended and _is_open(connection, end.turn.id)):
        return ended
    if not ended:  # a second call, or the turn was forgotten meanwhile: its usage still counts
        if end.state is TurnState.ASKING:  # nobody is asked, and its steps are gone
            end = replace(end, state=TurnState.STOPPED, charges=merged((*end.charges, *end.of_steps)))
        _charge(connection, end, _payer(connection, end.turn), now_us, balances)
        uploads.discard(connection, ask.place, line_id(end.turn.id, end.posted))
        return False
    if not set(end.posted) <= set(kept):
        posts.add(connection, [(end.turn.id, end.posted)])
    if asked is not None:
        steps.append(connection, end.turn.id, asked[1], now_us)
        charges.put(connection, end)
        if balances is not None:
            payer, spent, at = _spending(end, now_us)
            balances |= reservations.pause(connection, end.turn.id, payer, spent, at)
        return True
    person = _payer(connection, end.turn) if end.turn.started_by else ask.author.id
    if end.turn.started_by:  # the accounts need no digest any more
        named = update(TURNS).where(TURNS.c.id == end.turn.id, TURNS.c.started_by.contains("#"))
        connection.execute(named.values(started_by=person))
    if end.text.strip():
        if end.turn.again_of is not None and not isinstance(ask.task, ContinueAnswer):
            uploads.remove_messages(connection, threads.answers_to(ask))  # they have been answered anew
            sources.remove_question(connection, ask.place, ask.id)
        threads.put_answer(connection, ask, line_id(end.turn.id, end.posted), end.text, end.attached)
        if indexes:
            _index(connection, end)
    # Last, since these rows are also those of other answers that end now: they wait for the end of this transaction.
    _charge(connection, end, person, now_us, balances)
    return True


def _is_open(connection: Connection, turn_id: int) -> bool:
    return connection.scalar(select(TURNS.c.id).where(TURNS.c.id == turn_id, OPEN)) is not None


def _add_failure(connection: Connection, end: Finish, now_us: int) -> None:
    if end.failure is not None:
        failures.add(connection, end.failure, now_us, end.turn.id)


def _index(connection: Connection, end: Finish) -> None:
    try:
        sources.add(connection, end)
    except Exception as error:
        if getattr(error, "connection_invalidated", False):
            raise
        raise NotIndexedError from error


def finish_charged(connection: Connection, end: Finish, now_us: int, balances: Changed | None) -> None:
    """End a turn of work that has been done, and count what it has cost, as nobody's. `balances`: as in `finish`."""
    connection.execute(OPEN_TURN, {"turn_id": end.turn.id, "state": end.state, "ended_at_us": now_us})
    _charge(connection, end, "", now_us, balances)


def finish_summary(
    connection: Connection,
    end: Finish,
    result: SummaryEnd | None,
    now_us: int,
    balances: Changed | None,
    epoch: int = 0,
) -> bool:
    """`balances`, `epoch`: as in `finish`."""
    values = {"turn_id": end.turn.id, "state": end.state, "error": end.error, "ref": end.ref}
    ended = connection.execute(OWN_TURN, values | {"ended_at_us": now_us, "own_epoch": epoch}).rowcount > 0
    if not ended and _is_open(connection, end.turn.id):
        return False
    place = end.turn.ask.place
    if ended:
        _add_failure(connection, end, now_us)
    threads.hold(connection, place)
    if end.usage is not None:
        _charge(connection, end, "", now_us, balances)
    else:
        _end_reservation(connection, end, now_us, balances)
    if ended and isinstance(result, SummaryFailure):
        summaries.put_failure(connection, place, result)
    if not ended or not isinstance(result, StretchSummary | FoldedSummary):
        return False
    new = result.summary
    if isinstance(result, StretchSummary):
        read = threads.oldest_lines(connection, place, new.after, len(result.stretch) + 1, new.until, hold=True)
        if tuple(read) != result.stretch or not summaries.has_free(connection, place, new.span):
            return False
    elif not set(result.parts) <= set(summaries.hold_parts(connection, place, new.span)):
        return False
    summaries.put(connection, place, new)
    return True


def _payer(connection: Connection, turn: Turn) -> str:
    """The id under which the usage of a turn is stored: that of its payer, who may have been forgotten meanwhile."""
    query = select(TURNS.c.started_by, TURNS.c.author).where(TURNS.c.id == turn.id)
    started_by, author = connection.execute(query).one()
    return payer_name(started_by or author)


def _charge(connection: Connection, end: Finish, person: str, now_us: int, balances: Changed | None) -> None:
    """Store the usage of an answer, and add it to the accounts of budgets. A budget also counts what a person who was
    forgotten spent. It is the workspace's own where an earlier run was."""
    taken = reservations.take(connection, end.turn.id) if balances is not None else reservations.NOT_RESERVED
    if taken.own_account:
        end = replace(end, own_account=True)
    added = usage.add(connection, end, person, to_us(charged_at(end.turn, from_us(now_us))))
    if added and balances is not None:
        balances |= reservations.end(connection, taken, *_spending(end, now_us))


def _end_reservation(connection: Connection, end: Finish, now_us: int, balances: Changed | None) -> None:
    """Add what an answer without usage has spent to the accounts of budgets. `balances`: as in `finish`."""
    if balances is not None:
        taken = reservations.take(connection, end.turn.id)
        balances |= reservations.end(connection, taken, *_spending(end, now_us))


def _spending(end: Finish, now_us: int) -> tuple[Payer, Spent, datetime]:
    """The payer of an answer, what it has spent, and the time at which that counts."""
    payer = payer_of(end.turn.ask.place, end.turn.payer.id, own=end.own_account)
    return payer, spent_of(end.usage or NO_USAGE), charged_at(end.turn, from_us(now_us))


def charge_unrun(
    connection: Connection,
    which: Iterable[ColumnElement[bool]],
    now_us: int,
    balances: Changed | None,
) -> None:
    """Store the usage so far of the turns that wait for an approval, or for their next run, and end their reservations.
    They are about to be forgotten, so that no run ends them. `balances`: as in `finish`."""
    waits = TURNS.c.state.in_((TurnState.ASKING, TurnState.WAITING))
    waiting = map(turn_of, connection.execute(select(TURNS).where(*which, waits)).all())
    # In one order for all: two transactions that lock the same accounts crosswise would wait for each other.
    for turn in sorted(waiting, key=lambda turn: turn.ask.place.key):
        rounds = [step for step in steps.steps(connection, turn.id) if isinstance(step, ModelRound)]
        of_rounds = (Charge(ChargeKind.ANSWER, one.model, one.usage) for one in rounds)
        spent = [*charges.charges(connection, turn.id), *of_rounds]
        model, used = spent[-1].model if spent else "", total(one.usage for one in spent)
        end = Finish(turn, TurnState.STOPPED, model=model, usage=used, charges=merged(spent))
        if spent:
            _charge(connection, end, payer_name(turn.payer.id), now_us, balances)
        else:
            _end_reservation(connection, end, now_us, balances)
