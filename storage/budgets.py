"""Spending under budgets, and reservations. Each function is one transaction's work, run by the store.

Transactions lock the rows of `spending` in the order of their keys, so that none waits for another crosswise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Connection, Executable, bindparam, delete, func, or_, select, text, tuple_, update

from core.ports.store.settings import Change
from core.spend.budgets import decide
from core.values.budgets import (
    ADMITTED,
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetDecision,
    BudgetVerdict,
    Payer,
    Spent,
)
from storage import settings
from storage.engine import insert
from storage.tables import OPEN, RESERVATIONS, SPENDING, TURNS, USAGE, to_us

MOST_KEPT = 10_000
"""The most accounts whose balance is kept in memory."""

AccountKey = tuple[str | int, ...]
"""The values of `_KEY`."""

_KEY = ("platform", "team", "channel", "person", "period", "since_us")
_PAYER = ("platform", "team", "channel", "person")
_ORDER = [SPENDING.c[name] for name in _KEY]
_BALANCE = (*_ORDER, SPENDING.c.micros, SPENDING.c.tokens, SPENDING.c.lifts)
_OF_ACCOUNTS = select(*_BALANCE).where(
    tuple_(*(SPENDING.c[name] for name in _KEY)).in_(bindparam("accounts", expanding=True))
)
_LOCKED_ACCOUNTS = _OF_ACCOUNTS.order_by(*_ORDER).with_for_update()
_COUNTING = (
    *(or_(SPENDING.c[name] == ANY, SPENDING.c[name] == bindparam(f"of_{name}")) for name in _PAYER),
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
            self._kept[key] = Balance(spent, lifts=max(kept.lifts, balance.lifts))


def any_accounts(connection: Connection) -> bool:
    """True if there is an account that answers are added to."""
    return connection.scalar(select(SPENDING.c.period).limit(1)) is not None


def balances(connection: Connection, accounts: Sequence[BudgetAccount]) -> dict[AccountKey, Balance]:
    """The balances of the accounts, without those of new ones."""
    return _balances(connection, _OF_ACCOUNTS, {"accounts": [_key(account) for account in accounts]})


def lifts(connection: Connection, accounts: Sequence[BudgetAccount]) -> list[int]:
    """The number of lifts of each account: 0 where it is new."""
    found = balances(connection, accounts)
    return [found.get(_key(account), Balance()).lifts for account in accounts]


def open_accounts(connection: Connection, accounts: Sequence[BudgetAccount], person: str) -> None:
    """Sum the accounts that are new from the usage of answers.

    On PostgreSQL no other transaction adds to an account meanwhile: one that began before has ended, so that its
    usage is summed, and one that ends later finds the new rows. This one locks no row, so none waits for it in vain.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE spending IN SHARE ROW EXCLUSIVE MODE"))
    adding = insert(connection.dialect.name, SPENDING).on_conflict_do_nothing()
    for account in accounts:
        if not balances(connection, [account]):
            spent = _used(connection, account, person)
            row = {"until_us": to_us(account.until), "micros": spent.micros, "tokens": spent.tokens, "lifts": 0}
            connection.execute(adding, {**dict(zip(_KEY, _key(account), strict=True)), **row})


def reserve(
    connection: Connection, turn_id: int, payer: Payer, budgets: Sequence[Budget], most: Spent
) -> BudgetDecision | None:
    """The decision; None where an account is new."""
    accounts = [budget.account for budget in budgets]
    keys = [_key(account) for account in accounts]
    found = _balances(connection, _LOCKED_ACCOUNTS, {"accounts": keys})
    if any(key not in found for key in keys):
        return None
    reserved = _reserved(connection)
    if turn_id in reserved:
        return ADMITTED
    known = [
        replace(found[key], reserved=_covered(account, reserved.values()))
        for key, account in zip(keys, accounts, strict=True)
    ]
    decision = decide(budgets, known, most)
    if decision.verdict is BudgetVerdict.ALLOWED:
        row = {**_payer(payer), "turn_id": turn_id, "micros": most.micros, "tokens": most.tokens}
        connection.execute(insert(connection.dialect.name, RESERVATIONS).on_conflict_do_nothing(), row)
    return decision


def add(
    connection: Connection, turn_id: int, payer: Payer, spent: Spent, at: datetime
) -> dict[AccountKey, Balance]:
    """Add what an ended answer spent to the accounts that count it, and end its reservation. Returns their balances."""
    of = {f"of_{name}": value for name, value in _payer(payer).items()} | {"at_us": to_us(at)}
    more = {"more_micros": spent.micros, "more_tokens": spent.tokens}
    adding = _ADD_LOCKED if connection.dialect.name == "postgresql" else _ADD
    added = _balances(connection, adding, of | more)
    connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.turn_id == turn_id))
    return added


def lift(
    connection: Connection, account: BudgetAccount, lifts: int, change: Change
) -> dict[AccountKey, Balance]:
    """The new balance of the account. Empty where it is not there, or was lifted another number of times."""
    here = [SPENDING.c[name] == value for name, value in zip(_KEY, _key(account), strict=True)]
    lifting = update(SPENDING).where(*here, SPENDING.c.lifts == lifts).values(lifts=lifts + 1)
    lifted = _balances(connection, lifting.returning(*_BALANCE), {})
    if lifted:
        settings.record(connection, change)
    return lifted


def expire(connection: Connection, before_us: int) -> int:
    """Remove the accounts of periods that ended before."""
    return connection.execute(delete(SPENDING).where(SPENDING.c.until_us < before_us)).rowcount


def _balances(
    connection: Connection, query: Executable, values: Mapping[str, Any]
) -> dict[AccountKey, Balance]:
    """The balances of the rows that `query` returns."""
    rows = connection.execute(query, values).all()
    return {tuple(row[: len(_KEY)]): Balance(Spent(row.micros, row.tokens), lifts=row.lifts) for row in rows}


def _used(connection: Connection, account: BudgetAccount, person: str) -> Spent:
    used, payer = USAGE.c, account.payer
    wanted = {**_payer(payer), "person": ANY if payer.person == ANY else person}
    query = select(
        func.coalesce(func.sum(used.cost_micros), 0),
        func.coalesce(func.sum(used.prompt_tokens + used.completion_tokens), 0),
    ).where(
        used.at_us >= to_us(account.since),
        used.at_us < to_us(account.until),
        *(used[name] == value for name, value in wanted.items() if value != ANY),
    )
    micros, tokens = connection.execute(query).one()
    return Spent(int(micros), int(tokens))


def _reserved(connection: Connection) -> dict[int, tuple[Payer, Spent]]:
    """The reservations of the open turns, by turn."""
    query = select(RESERVATIONS).join(TURNS, TURNS.c.id == RESERVATIONS.c.turn_id).where(OPEN)
    return {
        row.turn_id: (Payer(row.platform, row.team, row.channel, row.person), Spent(row.micros, row.tokens))
        for row in connection.execute(query)
    }


def _covered(account: BudgetAccount, reserved: Iterable[tuple[Payer, Spent]]) -> Spent:
    return sum((spent for payer, spent in reserved if account.payer.covers(payer)), Spent())


def _payer(payer: Payer) -> dict[str, Any]:
    return {name: getattr(payer, name) for name in _PAYER}


def _key(account: BudgetAccount) -> AccountKey:
    return (*_payer(account.payer).values(), account.per, to_us(account.since))
