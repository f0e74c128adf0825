"""Reservations: what the answers of open turns may spend at most. Each function is one transaction's work, run by the
store.

Transactions lock the row of their turn, then the rows of `spending` that they change in the order of their keys, then
all reservations by one lock of PostgreSQL, so that none waits for another crosswise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Executable,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)

from core.spend.budgets import decide
from core.values.budgets import (
    ADMITTED,
    ANY,
    Balance,
    Budget,
    BudgetClaim,
    BudgetDecision,
    BudgetVerdict,
    Payer,
    Spent,
)
from storage.balances import (
    ACCOUNT_KEY,
    BALANCE,
    ORDER,
    PAYER,
    PRIMARY,
    Changed,
    account_key,
    lifts_of,
    payer_values,
    read_balances,
)
from storage.direct import DirectStatement
from storage.engine import insert
from storage.tables import KEY, OPEN, RESERVATIONS, SPENDING, TURNS, to_us

_COUNTING = (
    *(SPENDING.c[name].in_((ANY, bindparam(f"of_{name}"))) for name in PAYER),
    or_(SPENDING.c.team != ANY, bindparam("of_own", type_=Boolean()).is_(False)),
    SPENDING.c.since_us <= bindparam("at_us"),
    SPENDING.c.until_us > bindparam("at_us"),
)
"""The accounts that an answer is counted on."""
_MORE = {
    "micros": SPENDING.c.micros + bindparam("more_micros"),
    "tokens": SPENDING.c.tokens + bindparam("more_tokens"),
}
_ADD = update(SPENDING).where(*_COUNTING).values(_MORE).returning(*BALANCE)
_LOCKED = select(*ORDER).where(*_COUNTING).order_by(*ORDER).with_for_update().cte("locked")
_ADD_LOCKED = (
    update(SPENDING)
    .where(*(SPENDING.c[name] == _LOCKED.c[name] for name in ACCOUNT_KEY))
    .values(_MORE)
    .returning(*BALANCE)
)
_OPEN_TURN = select(TURNS.c.id).where(TURNS.c.id == bindparam("turn_id"), OPEN).with_for_update()
_OTHERS = (
    select(RESERVATIONS)
    .join(TURNS, TURNS.c.id == RESERVATIONS.c.turn_id)
    .where(OPEN, RESERVATIONS.c.turn_id != bindparam("turn_id"))
    .subquery("others")
)
"""The reservations of the other open turns."""
_RESERVED = {f"reserved_{unit}": func.coalesce(func.sum(_OTHERS.c[unit]), 0) for unit in ("micros", "tokens")}
_WITH_RESERVED = DirectStatement(
    select(*BALANCE, *(amount.label(name) for name, amount in _RESERVED.items()))
    .outerjoin(
        _OTHERS,
        and_(
            *(SPENDING.c[name].in_((ANY, _OTHERS.c[name])) for name in PAYER),
            or_(SPENDING.c.team != ANY, _OTHERS.c.own_account.is_(False)),
            SPENDING.c.since_us <= _OTHERS.c.at_us,
            SPENDING.c.until_us > _OTHERS.c.at_us,
        ),
    )
    .where(*_COUNTING)
    .group_by(*(SPENDING.c[name] for name in PRIMARY))
)
"""The balances of the accounts that an answer is counted on, with what other answers have reserved."""
_RESERVE_SPENDING = DirectStatement(
    text(
        "SELECT platform, team, channel, person, period, since_us, until_us, micros, tokens, lifted,"
        " reserved_micros, reserved_tokens, counted_micros, counted_tokens"
        " FROM reserve_spending(:turn_id, :of_platform, :of_team, :of_channel, :of_person, :at_us, :micros, :tokens,"
        " :more_micros, :more_tokens, :of_own)"
    )
)
"""`_put_reservation` and `_WITH_RESERVED`, in one round trip (migration 0048)."""
_COUNTED = select(RESERVATIONS.c.counted_micros, RESERVATIONS.c.counted_tokens).where(
    RESERVATIONS.c.turn_id == bindparam("turn_id")
)
_TAKE = DirectStatement(
    delete(RESERVATIONS)
    .where(RESERVATIONS.c.turn_id == bindparam("turn_id"))
    .returning(RESERVATIONS.c.counted_micros, RESERVATIONS.c.counted_tokens, RESERVATIONS.c.own_account)
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A reservation that was removed. `counted`: the part of what the turn has spent that its accounts count.
    `own_account`: the workspace's own model account has written a part of the answer."""

    counted: Spent
    own_account: bool


NOT_RESERVED = Taken(Spent(), own_account=False)


@cache
def _put_reservation(dialect: str, *, of_open: bool = True) -> Executable:
    """Put the reservation of a turn, count more of its spending, and return all that is counted. `of_open`: unless the
    turn has ended, or waits for an approval."""
    new = {name: bindparam(f"of_{name}", type_=KEY) for name in PAYER} | {
        name: bindparam(name, type_=BigInteger()) for name in ("micros", "tokens", "at_us")
    }
    new["own_account"] = bindparam("of_own", type_=Boolean())
    more = {f"counted_{unit}": bindparam(f"more_{unit}", type_=BigInteger()) for unit in ("micros", "tokens")}
    turn = select(TURNS.c.id, *new.values(), *more.values()).where(TURNS.c.id == bindparam("turn_id"))
    putting = insert(dialect, RESERVATIONS).from_select(
        ["turn_id", *new, *more], turn.where(OPEN) if of_open else turn
    )
    changed: dict[str, ColumnElement[Any]] = {name: putting.excluded[name] for name in new}
    changed["own_account"] = or_(RESERVATIONS.c.own_account, putting.excluded.own_account)
    counted = {name: RESERVATIONS.c[name] + putting.excluded[name] for name in more}
    putting = putting.on_conflict_do_update(index_elements=["turn_id"], set_=changed | counted)
    return putting.returning(*(RESERVATIONS.c[name] for name in more))


_PUT_ON_SQLITE = DirectStatement(_put_reservation("sqlite"))


def reserve(
    connection: Connection, claim: BudgetClaim, budgets: Sequence[Budget]
) -> tuple[BudgetDecision | None, Changed]:
    """The decision, and the new balances of the accounts that count the claim. The decision is None where an account
    is new. `budgets`: limits whose accounts count the claim.

    The reservation is put first, which keeps others from deciding meanwhile, and made smaller where they do not leave
    room for it. A claim that `begins` is no transaction on PostgreSQL: another answer that sees the first size waits,
    and looks again soon (`core.spend.budget_queue`).
    """
    more, changed = Spent(), Changed()
    if claim.spent != Spent():
        if not _is_open(connection, claim.turn_id):
            return ADMITTED, {}
        counted = _counted(connection, claim.turn_id)
        more, changed = _count(connection, counted, claim.payer, claim.spent, claim.at)
    if claim.moved:
        of_turn = update(TURNS).where(TURNS.c.id == claim.turn_id, OPEN)
        connection.execute(of_turn.values(started_at_us=to_us(claim.at)))
    put = _put_and_read(connection, claim, more)
    if put is None:
        return ADMITTED, {}
    counted, found = put
    keys = [account_key(budget.account) for budget in budgets]
    if any(key not in found for key in keys):
        _put(connection, claim, Spent(), Spent())
        return None, changed
    decision = decide(budgets, [found[key] for key in keys], claim.most, own=counted if claim.begun else None)
    if decision.verdict is not BudgetVerdict.ALLOWED:
        _put(connection, claim, claim.kept, Spent())
    return decision, changed


def pause(connection: Connection, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> Changed:
    """Count what a turn has spent so far, and end its reservation: its run has ended, and the turn has not. Returns
    the new balances."""
    more, changed = _count(connection, _counted(connection, turn_id), payer, spent, at)
    putting = _put_reservation(connection.dialect.name, of_open=False)
    connection.execute(putting, _reservation(BudgetClaim(turn_id, payer, at, Spent()), Spent(), more))
    return changed


def take(connection: Connection, turn_id: int) -> Taken:
    """Remove the reservation of an ended answer. `end` counts what it does not count yet."""
    rows = _TAKE.rows(connection, {"turn_id": turn_id})
    return Taken(Spent(*rows[0][:2]), bool(rows[0][2])) if rows else NOT_RESERVED


def end(connection: Connection, taken: Taken, payer: Payer, spent: Spent, at: datetime) -> Changed:
    """Count what an ended answer has spent, whose reservation is `taken`. Returns the new balances."""
    _, changed = _count(connection, taken.counted, payer, spent, at)
    return changed


def release(connection: Connection, turn_ids: Sequence[int]) -> None:
    """End the reservations of these turns. The accounts keep what is counted."""
    connection.execute(
        update(RESERVATIONS).where(RESERVATIONS.c.turn_id.in_(turn_ids)).values(micros=0, tokens=0)
    )


def _counted(connection: Connection, turn_id: int) -> Spent:
    """The part of what a turn has spent that its accounts count already."""
    row = connection.execute(_COUNTED, {"turn_id": turn_id}).first()
    return Spent(row.counted_micros, row.counted_tokens) if row is not None else Spent()


def _count(
    connection: Connection, counted: Spent, payer: Payer, spent: Spent, at: datetime
) -> tuple[Spent, Changed]:
    """Add the part of `spent` that is not `counted` yet to the accounts that count the answer. Returns that part, and
    the new balances.

    Less than what is counted may be spent: a charge that was not stored is lost with its process.
    """
    more = spent.beyond(counted)
    if more == Spent():
        return more, {}
    adding = _ADD_LOCKED if connection.dialect.name == "postgresql" else _ADD
    values = {**_counting(payer, at), "more_micros": more.micros, "more_tokens": more.tokens}
    return more, read_balances(connection, adding, values)


def _counting(payer: Payer, at: datetime) -> dict[str, Any]:
    """The values of `_COUNTING`."""
    return {f"of_{name}": value for name, value in payer_values(payer).items()} | {
        "of_own": payer.own,
        "at_us": to_us(at),
    }


def _put_and_read(connection: Connection, claim: BudgetClaim, more: Spent) -> tuple[Spent, Changed] | None:
    """Lock the turn and the accounts that count the claim, put its reservation, and count `more` of it. Returns all
    that is counted of it, and the balances of these accounts with what other answers have reserved; None where the turn
    has ended."""
    values = _reservation(claim, claim.most, more)
    if connection.dialect.name == "postgresql":
        rows = _RESERVE_SPENDING.rows(connection, values)
        return (Spent(*rows[0][-2:]), _with_reserved(rows)) if rows else None
    counted = _PUT_ON_SQLITE.rows(connection, values)
    return (Spent(*counted[0]), _with_reserved(_WITH_RESERVED.rows(connection, values))) if counted else None


def _put(connection: Connection, claim: BudgetClaim, reserved: Spent, more: Spent) -> None:
    """Put the reservation of an open turn."""
    connection.execute(_put_reservation(connection.dialect.name), _reservation(claim, reserved, more))


def _reservation(claim: BudgetClaim, reserved: Spent, more: Spent) -> dict[str, Any]:
    """The values of `_put_reservation` and `reserve_spending`."""
    return {
        **_counting(claim.payer, claim.at),
        "turn_id": claim.turn_id,
        "micros": reserved.micros,
        "tokens": reserved.tokens,
        "more_micros": more.micros,
        "more_tokens": more.tokens,
    }


def _with_reserved(rows: Iterable[Sequence[Any]]) -> Changed:
    """The balances of rows of `_WITH_RESERVED` as the driver returns them. A row may have no account."""
    found = Changed()
    for *key, micros, tokens, lifted, reserved_micros, reserved_tokens in (
        row[: len(ACCOUNT_KEY) + 5] for row in rows
    ):
        if key[0] is not None:
            lifts = lifts_of(json.loads(lifted) if lifted else None)
            found[tuple(key)] = Balance(Spent(micros, tokens), Spent(reserved_micros, reserved_tokens), lifts)
    return found


def _is_open(connection: Connection, turn_id: int) -> bool:
    """True if the turn is open. Its row is locked then."""
    return connection.scalar(_OPEN_TURN, {"turn_id": turn_id}) is not None
