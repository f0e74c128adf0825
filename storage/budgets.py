"""Spending under budgets: the accounts that answers are counted on. Each function is one transaction's work, run by the
store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    case,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.ports.store.settings import Change
from core.values.budgets import (
    ANY,
    Budget,
    BudgetAccount,
    Payer,
    Spent,
)
from storage import settings
from storage.balances import (
    ACCOUNT_KEY,
    BALANCE,
    OF_ACCOUNTS,
    PRIMARY,
    Changed,
    account_key,
    balances,
    payer_values,
    read_balances,
)
from storage.engine import insert
from storage.forgotten import names_of
from storage.tables import FORGOTTEN, RESERVATIONS, SPENDING, USAGE, to_us


def any_accounts(connection: Connection) -> bool:
    """True if there is an account that answers are added to."""
    return connection.scalar(select(SPENDING.c.period).limit(1)) is not None


def open_accounts(connection: Connection, accounts: Sequence[BudgetAccount], person: str) -> None:
    """Sum the accounts that are new from the usage of answers.

    On PostgreSQL no other transaction adds to an account meanwhile: one that began before has ended, so that its
    usage is summed, and one that ends later finds the new rows. This one locks no row, so none waits for it in vain.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE spending IN SHARE ROW EXCLUSIVE MODE"))
    adding = insert(connection.dialect.name, SPENDING)
    adding = adding.on_conflict_do_update(
        index_elements=PRIMARY, set_={"until_us": adding.excluded.until_us, **_greater(adding)}
    )
    for account in accounts:
        if not balances(connection, [account]):
            spent = _used(connection, account, person)
            row = {"micros": spent.micros, "tokens": spent.tokens, "lifted": None}
            connection.execute(adding, {**dict(zip(ACCOUNT_KEY, account_key(account), strict=True)), **row})


def _greater(adding: sqlite.Insert | postgresql.Insert) -> dict[str, ColumnElement[int]]:
    """The amounts that are counted already, or the sums of usage where those are more."""
    pairs = {name: (SPENDING.c[name], adding.excluded[name]) for name in ("micros", "tokens")}
    return {name: case((old > new, old), else_=new) for name, (old, new) in pairs.items()}


def lift(connection: Connection, budget: Budget, lifts: int, change: Change) -> Changed:
    """The new balance of the account. Empty where it is not there, or the limit was lifted another number of times."""
    key, limit = account_key(budget.account), str(budget.limit)
    found = read_balances(connection, OF_ACCOUNTS.with_for_update(), {"accounts": [key]}).get(key)
    if found is None or budget.lifts(found) != lifts:
        return {}
    here = [SPENDING.c[name] == value for name, value in zip(ACCOUNT_KEY, key, strict=True)]
    lifting = update(SPENDING).where(*here).values(lifted={**dict(found.lifts), limit: lifts + 1})
    settings.record(connection, change)
    return read_balances(connection, lifting.returning(*BALANCE), {})


def expire(connection: Connection, before_us: int) -> int:
    """Remove the accounts of periods that ended before."""
    return connection.execute(delete(SPENDING).where(SPENDING.c.until_us < before_us)).rowcount


def _used(connection: Connection, account: BudgetAccount, person: str) -> Spent:
    """The sum of the answers of an account, and of what is counted of those that have not ended.

    No row says which answers a person gave before they were forgotten. Where that was within the account's period, it
    begins with the greatest of the person's accounts that is no longer than it and has time in common with it, if that
    is more.
    """
    since_us, until_us = to_us(account.since), to_us(account.until)
    used, held = USAGE.c, RESERVATIONS.c
    of_place = {name: value for name, value in payer_values(account.payer).items() if name != "person"}
    shared = account.payer.team == ANY  # by several workspaces
    of_person = [] if account.payer.person == ANY else [used.person.in_(names_of(person))]
    spent = _sum(
        connection,
        (used.cost_micros, used.prompt_tokens + used.completion_tokens),
        (used.at_us >= since_us, used.at_us < until_us, *_of_payer(USAGE, of_place), *of_person)
        + ((used.own_account.is_(False),) if shared else ()),
    ) + _sum(
        connection,
        (held.counted_micros, held.counted_tokens),
        (held.at_us >= since_us, held.at_us < until_us, *_of_payer(RESERVATIONS, payer_values(account.payer)))
        + ((held.own_account.is_(False),) if shared else ()),
    )
    if of_person and _was_forgotten(connection, account.payer, since_us):
        kept = SPENDING.c
        query = select(kept.micros, kept.tokens).where(
            *_of_payer(SPENDING, payer_values(account.payer)),
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
