"""Spending under budgets, and reservations. Each function is one transaction's work, run by the store.

Transactions lock the row of their turn, then the rows of `spending` in the order of their keys, so that none waits for
another crosswise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any

from cachetools import LRUCache
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.ports.store.settings import Change
from core.spend.budgets import decide
from core.values.budgets import (
    ADMITTED,
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetDecision,
    BudgetVerdict,
    Payer,
    Spent,
)
from storage import settings
from storage.direct import DirectStatement
from storage.engine import insert
from storage.forgotten import names_of
from storage.tables import FORGOTTEN, KEY, OPEN, RESERVATIONS, SPENDING, TURNS, USAGE, to_us

MOST_KEPT = 10_000
"""The most accounts whose balance is kept in memory."""

AccountKey = tuple[str | int, ...]
"""The values of `_KEY`."""

Changed = dict[AccountKey, Balance]
"""The new balances of accounts."""

_PRIMARY = ("platform", "team", "channel", "person", "period", "since_us")
_KEY = (*_PRIMARY, "until_us")
"""A change of the time zone may move the end of a period and not its beginning."""
_PAYER = ("platform", "team", "channel", "person")
_ORDER = [SPENDING.c[name] for name in _KEY]
_BALANCE = (*_ORDER, SPENDING.c.micros, SPENDING.c.tokens, SPENDING.c.lifted)
_OF_ACCOUNTS = select(*_BALANCE).where(
    tuple_(*(SPENDING.c[name] for name in _KEY)).in_(bindparam("accounts", expanding=True))
)
_COUNTING = (
    *(SPENDING.c[name].in_((ANY, bindparam(f"of_{name}"))) for name in _PAYER),
    SPENDING.c.since_us <= bindparam("at_us"),
    SPENDING.c.until_us > bindparam("at_us"),
)
"""The accounts that an answer is counted on."""
_MORE = {
    "micros": SPENDING.c.micros + bindparam("more_micros"),
    "tokens": SPENDING.c.tokens + bindparam("more_tokens"),
}
_ADD = update(SPENDING).where(*_COUNTING).values(_MORE).returning(*_BALANCE)
_LOCKED = select(*_ORDER).where(*_COUNTING).order_by(*_ORDER).with_for_update().cte("locked")
_ADD_LOCKED = (
    update(SPENDING)
    .where(*(SPENDING.c[name] == _LOCKED.c[name] for name in _KEY))
    .values(_MORE)
    .returning(*_BALANCE)
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
    select(*_BALANCE, *(amount.label(name) for name, amount in _RESERVED.items()))
    .outerjoin(
        _OTHERS,
        and_(
            *(SPENDING.c[name].in_((ANY, _OTHERS.c[name])) for name in _PAYER),
            SPENDING.c.since_us <= _OTHERS.c.at_us,
            SPENDING.c.until_us > _OTHERS.c.at_us,
        ),
    )
    .where(*_COUNTING)
    .group_by(*(SPENDING.c[name] for name in _PRIMARY))
)
"""The balances of the accounts that an answer is counted on, with what other answers have reserved."""
_RESERVE_SPENDING = DirectStatement(
    text(
        "SELECT platform, team, channel, person, period, since_us, until_us, micros, tokens, lifted,"
        " reserved_micros, reserved_tokens, counted_micros, counted_tokens"
        " FROM reserve_spending(:turn_id, :of_platform, :of_team, :of_channel, :of_person, :at_us, :micros, :tokens,"
        " :more_micros, :more_tokens)"
    )
)
"""`_put_reservation` and `_WITH_RESERVED`, in one round trip (migration 0036)."""
_COUNTED = select(RESERVATIONS.c.counted_micros, RESERVATIONS.c.counted_tokens).where(
    RESERVATIONS.c.turn_id == bindparam("turn_id")
)


@cache
def _put_reservation(dialect: str, *, of_open: bool = True) -> Executable:
    """Put the reservation of a turn, count more of its spending, and return all that is counted. `of_open`: unless the
    turn has ended, or waits for an approval."""
    new = {name: bindparam(f"of_{name}", type_=KEY) for name in _PAYER} | {
        name: bindparam(name, type_=BigInteger()) for name in ("micros", "tokens", "at_us")
    }
    more = {f"counted_{unit}": bindparam(f"more_{unit}", type_=BigInteger()) for unit in ("micros", "tokens")}
    turn = select(TURNS.c.id, *new.values(), *more.values()).where(TURNS.c.id == bindparam("turn_id"))
    putting = insert(dialect, RESERVATIONS).from_select(
        ["turn_id", *new, *more], turn.where(OPEN) if of_open else turn
    )
    changed = {name: putting.excluded[name] for name in new}
    counted = {name: RESERVATIONS.c[name] + putting.excluded[name] for name in more}
    putting = putting.on_conflict_do_update(index_elements=["turn_id"], set_=changed | counted)
    return putting.returning(*(RESERVATIONS.c[name] for name in more))


_PUT_ON_SQLITE = DirectStatement(_put_reservation("sqlite"))


class KeptBalances:
    """The newest balance that is known of each account, without what is reserved.

    Each change of an account returns its new balance, and one `parley run` at a time changes a database
    (`storage.lock`), so that they are true. Spending and lifts only grow: of two balances the greater one is newer.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[AccountKey, Balance] = LRUCache(MOST_KEPT)

    def of(self, accounts: Sequence[BudgetAccount]) -> list[Balance] | None:
        """The balance of each account; None where one of them is not known."""
        found = [self._kept.get(_key(account)) for account in accounts]
        known = [balance for balance in found if balance is not None]
        return known if len(known) == len(found) else None

    def put(self, balances: Mapping[AccountKey, Balance]) -> None:
        for key, balance in balances.items():
            kept = self._kept.get(key, balance)
            spent = Spent(
                max(kept.spent.micros, balance.spent.micros), max(kept.spent.tokens, balance.spent.tokens)
            )
            self._kept[key] = Balance(spent, lifts=_newer(kept.lifts, balance.lifts))


def _newer(*lifts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """The greater number of each limit."""
    return _lifts({limit: max(dict(one).get(limit, 0) for one in lifts) for limit in dict(chain(*lifts))})


def any_accounts(connection: Connection) -> bool:
    """True if there is an account that answers are added to."""
    return connection.scalar(select(SPENDING.c.period).limit(1)) is not None


def balances(connection: Connection, accounts: Sequence[BudgetAccount]) -> Changed:
    """The balances of the accounts, without those of new ones."""
    return _balances(connection, _OF_ACCOUNTS, {"accounts": [_key(account) for account in accounts]})


def lifted(connection: Connection, accounts: Sequence[BudgetAccount]) -> list[Balance]:
    """The balance of each account, an empty one where it is new."""
    found = balances(connection, accounts)
    return [found.get(_key(account), Balance()) for account in accounts]


def open_accounts(connection: Connection, accounts: Sequence[BudgetAccount], person: str) -> None:
    """Sum the accounts that are new from the usage of answers.

    On PostgreSQL no other transaction adds to an account meanwhile: one that began before has ended, so that its
    usage is summed, and one that ends later finds the new rows. This one locks no row, so none waits for it in vain.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE spending IN SHARE ROW EXCLUSIVE MODE"))
    adding = insert(connection.dialect.name, SPENDING)
    adding = adding.on_conflict_do_update(
        index_elements=_PRIMARY, set_={"until_us": adding.excluded.until_us, **_greater(adding)}
    )
    for account in accounts:
        if not balances(connection, [account]):
            spent = _used(connection, account, person)
            row = {"micros": spent.micros, "tokens": spent.tokens, "lifted": None}
            connection.execute(adding, {**dict(zip(_KEY, _key(account), strict=True)), **row})


def _greater(adding: sqlite.Insert | postgresql.Insert) -> dict[str, ColumnElement[int]]:
    """The amounts that are counted already, or the sums of usage where those are more."""
    pairs = {name: (SPENDING.c[name], adding.excluded[name]) for name in ("micros", "tokens")}
    return {name: case((old > new, old), else_=new) for name, (old, new) in pairs.items()}


def reserve(
    connection: Connection, claim: BudgetClaim, budgets: Sequence[Budget]
) -> tuple[BudgetDecision | None, Changed]:
    """The decision, and the new balances of the accounts that count the claim. The decision is None where an account
    is new. `budgets`: limits whose accounts count the claim.

    The reservation is put first, which keeps others from deciding meanwhile, and made smaller where they do not leave
    room for it.
    """
    more, changed = Spent(), Changed()
    if claim.spent != Spent():
        if not _is_open(connection, claim.turn_id):
            return ADMITTED, {}
        more, changed = _count(connection, claim.turn_id, claim.payer, claim.spent, claim.at)
    if claim.moved:
        of_turn = update(TURNS).where(TURNS.c.id == claim.turn_id, OPEN)
        connection.execute(of_turn.values(started_at_us=to_us(claim.at)))
    put = _put_and_read(connection, claim, more)
    if put is None:
        return ADMITTED, {}
    counted, found = put
    keys = [_key(budget.account) for budget in budgets]
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
    more, changed = _count(connection, turn_id, payer, spent, at)
    putting = _put_reservation(connection.dialect.name, of_open=False)
    connection.execute(putting, _reservation(BudgetClaim(turn_id, payer, at, Spent()), Spent(), more))
    return changed


def end(connection: Connection, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> Changed:
    """Count what an ended answer has spent, and remove its reservation. Returns the new balances."""
    _, changed = _count(connection, turn_id, payer, spent, at)
    connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.turn_id == turn_id))
    return changed


def release_all(connection: Connection) -> None:
    """End all reservations. The accounts keep what is counted."""
    connection.execute(update(RESERVATIONS).values(micros=0, tokens=0))


def _count(
    connection: Connection, turn_id: int, payer: Payer, spent: Spent, at: datetime
) -> tuple[Spent, Changed]:
    """Add the part of `spent` that is not counted yet to the accounts that count the answer. Returns that part, and the
    new balances.

    Less than what is counted may be spent: a charge that was not stored is lost with its process.
    """
    row = connection.execute(_COUNTED, {"turn_id": turn_id}).first()
    counted = Spent(row.counted_micros, row.counted_tokens) if row is not None else Spent()
    more = spent.beyond(counted)
    if more == Spent():
        return more, {}
    adding = _ADD_LOCKED if connection.dialect.name == "postgresql" else _ADD
    values = {**_counting(payer, at), "more_micros": more.micros, "more_tokens": more.tokens}
    return more, _balances(connection, adding, values)


def _counting(payer: Payer, at: datetime) -> dict[str, Any]:
    """The values of `_COUNTING`."""
    return {f"of_{name}": value for name, value in _payer(payer).items()} | {"at_us": to_us(at)}


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


def lift(connection: Connection, budget: Budget, lifts: int, change: Change) -> Changed:
    """The new balance of the account. Empty where it is not there, or the limit was lifted another number of times."""
    key, limit = _key(budget.account), str(budget.limit)
    found = _balances(connection, _OF_ACCOUNTS.with_for_update(), {"accounts": [key]}).get(key)
    if found is None or budget.lifts(found) != lifts:
        return {}
    here = [SPENDING.c[name] == value for name, value in zip(_KEY, key, strict=True)]
    lifting = update(SPENDING).where(*here).values(lifted={**dict(found.lifts), limit: lifts + 1})
    settings.record(connection, change)
    return _balances(connection, lifting.returning(*_BALANCE), {})


def expire(connection: Connection, before_us: int) -> int:
    """Remove the accounts of periods that ended before."""
    return connection.execute(delete(SPENDING).where(SPENDING.c.until_us < before_us)).rowcount


def _balances(connection: Connection, query: Executable, values: Mapping[str, Any]) -> Changed:
    """The balances of the rows that `query` returns."""
    rows = connection.execute(query, values).all()
    return {
        tuple(row[: len(_KEY)]): Balance(Spent(row.micros, row.tokens), lifts=_lifts(row.lifted))
        for row in rows
    }


def _with_reserved(rows: Iterable[Sequence[Any]]) -> Changed:
    """The balances of rows of `_WITH_RESERVED` as the driver returns them. A row may have no account."""
    found = Changed()
    for *key, micros, tokens, lifted, reserved_micros, reserved_tokens in (
        row[: len(_KEY) + 5] for row in rows
    ):
        if key[0] is not None:
            lifts = _lifts(json.loads(lifted) if lifted else None)
            found[tuple(key)] = Balance(Spent(micros, tokens), Spent(reserved_micros, reserved_tokens), lifts)
    return found


def _lifts(lifted: Mapping[str, int] | None) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(lifted.items())) if lifted else ()


def _used(connection: Connection, account: BudgetAccount, person: str) -> Spent:
    """The sum of the answers of an account, and of what is counted of those that have not ended.

    No row says which answers a person gave before they were forgotten. Where that was within the account's period, it
    begins with the greatest of the person's accounts that is no longer than it and has time in common with it, if that
    is more.
    """
    since_us, until_us = to_us(account.since), to_us(account.until)
    used, held = USAGE.c, RESERVATIONS.c
    of_place = {name: value for name, value in _payer(account.payer).items() if name != "person"}
    of_person = [] if account.payer.person == ANY else [used.person.in_(names_of(person))]
    spent = _sum(
        connection,
        (used.cost_micros, used.prompt_tokens + used.completion_tokens),
        (used.at_us >= since_us, used.at_us < until_us, *_of_payer(USAGE, of_place), *of_person),
    ) + _sum(
        connection,
        (held.counted_micros, held.counted_tokens),
        (held.at_us >= since_us, held.at_us < until_us, *_of_payer(RESERVATIONS, _payer(account.payer))),
    )
    if of_person and _was_forgotten(connection, account.payer, since_us):
        kept = SPENDING.c
        query = select(kept.micros, kept.tokens).where(
            *_of_payer(SPENDING, _payer(account.payer)),
            kept.since_us < until_us,
            kept.until_us > since_us,
            kept.until_us - kept.since_us <= until_us - since_us,
        )
        for row in connection.execute(query):
            spent = Spent(max(spent.micros, row.micros), max(spent.tokens, row.tokens))
    return spent


def _sum(
    connection: Connection,
    amounts: tuple[ColumnElement[int], ColumnElement[int]],
    which: Iterable[ColumnElement[bool]],
) -> Spent:
    row = connection.execute(select(*(func.coalesce(func.sum(one), 0) for one in amounts)).where(*which)).one()
    return Spent(int(row[0]), int(row[1]))


def _of_payer(table: Table, keys: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in keys.items() if value != ANY]


def _was_forgotten(connection: Connection, payer: Payer, since_us: int) -> bool:
    """True if the person was forgotten since then, in the payer's teams or in all."""
    gone = FORGOTTEN.c
    keys = {"platform": payer.platform, "person": payer.person}
    team = [gone.team.in_(("", payer.team))] if payer.team != ANY else []
    query = select(gone.at_us).where(*_of_payer(FORGOTTEN, keys), *team, gone.at_us >= since_us)
    return connection.execute(query.limit(1)).first() is not None


def _is_open(connection: Connection, turn_id: int) -> bool:
    """True if the turn is open. Its row is locked then."""
    return connection.scalar(_OPEN_TURN, {"turn_id": turn_id}) is not None


def _payer(payer: Payer) -> dict[str, Any]:
    return {
        "platform": payer.platform,
        "team": payer.team,
        "channel": payer.channel,
        "person": payer.person,
    }


def _key(account: BudgetAccount) -> AccountKey:
    payer = account.payer
    keys = payer.platform, payer.team, payer.channel, payer.person
    return (*keys, account.per, to_us(account.since), to_us(account.until))
