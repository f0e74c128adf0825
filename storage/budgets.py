"""Spending under budgets, and reservations. Each function is one transaction's work, run by the store.

Transactions lock the rows of `spending` in the order of their keys, so that none waits for another crosswise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, or_, select, text, tuple_, update

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

_KEY = ("platform", "team", "channel", "person", "period", "since_us")
_PAYER = ("platform", "team", "channel", "person")
_OF_ACCOUNTS = select(SPENDING).where(
    tuple_(*(SPENDING.c[name] for name in _KEY)).in_(bindparam("accounts", expanding=True))
)
_ORDER = [SPENDING.c[name] for name in _KEY]
_LOCKED_ACCOUNTS = _OF_ACCOUNTS.order_by(*_ORDER).with_for_update()
_COUNTING = (
    *(or_(SPENDING.c[name] == ANY, SPENDING.c[name] == bindparam(f"of_{name}")) for name in _PAYER),
    SPENDING.c.since_us <= bindparam("at_us"),
    SPENDING.c.until_us > bindparam("at_us"),
)
"""The accounts that an answer is counted on."""
_LOCKED_COUNTING = select(SPENDING.c.period).where(*_COUNTING).order_by(*_ORDER).with_for_update()
_ADD = (
    update(SPENDING)
    .where(*_COUNTING)
    .values(
        micros=SPENDING.c.micros + bindparam("more_micros"), tokens=SPENDING.c.tokens + bindparam("more_tokens")
    )
)


def any_accounts(connection: Connection) -> bool:
    """True if there is an account that answers are added to."""
    return connection.scalar(select(SPENDING.c.period).limit(1)) is not None


def known_balances(connection: Connection, accounts: Sequence[BudgetAccount]) -> list[Balance] | None:
    """The balance of each account; None where one of them is new."""
    return _found(connection, accounts, _OF_ACCOUNTS)


def open_accounts(connection: Connection, accounts: Sequence[BudgetAccount], person: str) -> None:
    """Sum the accounts that are new from the usage of answers.

    On PostgreSQL no other transaction adds to an account meanwhile: one that began before has ended, so that its
    usage is summed, and one that ends later finds the new rows. This one locks no row, so none waits for it in vain.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE spending IN SHARE ROW EXCLUSIVE MODE"))
    adding = insert(connection.dialect.name, SPENDING).on_conflict_do_nothing()
    for account in accounts:
        if known_balances(connection, [account]) is None:
            spent = _used(connection, account, person)
            row = {"until_us": to_us(account.until), "micros": spent.micros, "tokens": spent.tokens, "lifts": 0}
            connection.execute(adding, {**_key(account), **row})


def reserve(
    connection: Connection, turn_id: int, payer: Payer, budgets: Sequence[Budget], most: Spent
) -> BudgetDecision | None:
    """The decision; None where an account is new."""
    if connection.scalar(select(RESERVATIONS.c.turn_id).where(RESERVATIONS.c.turn_id == turn_id)) is not None:
        return ADMITTED
    accounts = [budget.account for budget in budgets]
    found = _found(connection, accounts, _LOCKED_ACCOUNTS)
    if found is None:
        return None
    decision = decide(budgets, _with(_reserved(connection), accounts, found), most)
    if decision.verdict is BudgetVerdict.ALLOWED:
        row = {**_payer(payer), "turn_id": turn_id, "micros": most.micros, "tokens": most.tokens}
        connection.execute(insert(connection.dialect.name, RESERVATIONS).on_conflict_do_nothing(), row)
    return decision


def add(connection: Connection, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> None:
    """Add what an ended answer spent to the accounts that count it, and end its reservation."""
    of = {f"of_{name}": value for name, value in _payer(payer).items()} | {"at_us": to_us(at)}
    if connection.execute(_LOCKED_COUNTING, of).first() is not None:
        connection.execute(_ADD, of | {"more_micros": spent.micros, "more_tokens": spent.tokens})
    connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.turn_id == turn_id))


def lift(connection: Connection, account: BudgetAccount, lifts: int, change: Change) -> bool:
    """False where the account is not there, or was lifted another number of times."""
    here = [SPENDING.c[name] == value for name, value in _key(account).items()]
    lifting = update(SPENDING).where(*here, SPENDING.c.lifts == lifts).values(lifts=lifts + 1)
    if not connection.execute(lifting).rowcount:
        return False
    settings.record(connection, change)
    return True


def expire(connection: Connection, before_us: int) -> int:
    """Remove the accounts of periods that ended before."""
    return connection.execute(delete(SPENDING).where(SPENDING.c.until_us < before_us)).rowcount


def _found(
    connection: Connection, accounts: Sequence[BudgetAccount], query: Select[Any]
) -> list[Balance] | None:
    keys = [tuple(_key(account).values()) for account in accounts]
    rows = {row[: len(_KEY)]: row for row in connection.execute(query, {"accounts": keys}).all()}
    return None if any(key not in rows for key in keys) else [_balance(rows[key]) for key in keys]


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


def _reserved(connection: Connection) -> list[tuple[Payer, Spent]]:
    """The reservations of the open turns."""
    query = select(RESERVATIONS).join(TURNS, TURNS.c.id == RESERVATIONS.c.turn_id).where(OPEN)
    return [
        (Payer(row.platform, row.team, row.channel, row.person), Spent(row.micros, row.tokens))
        for row in connection.execute(query)
    ]


def _with(
    reserved: Sequence[tuple[Payer, Spent]], accounts: Sequence[BudgetAccount], found: Sequence[Balance]
) -> list[Balance]:
    return [
        Balance(
            balance.spent,
            sum((spent for payer, spent in reserved if account.payer.covers(payer)), Spent()),
            balance.lifts,
        )
        for account, balance in zip(accounts, found, strict=True)
    ]


def _balance(row: Any) -> Balance:
    return Balance(Spent(row.micros, row.tokens), lifts=row.lifts)


def _payer(payer: Payer) -> dict[str, Any]:
    return {name: getattr(payer, name) for name in _PAYER}


def _key(account: BudgetAccount) -> Mapping[str, Any]:
    return {**_payer(account.payer), "period": account.per, "since_us": to_us(account.since)}
