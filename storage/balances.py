"""Balances of the accounts of budgets: read, and the newest that is known of each kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from cachetools import LRUCache
from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    select,
    tuple_,
)

from core.values.budgets import (
    Balance,
    BudgetAccount,
    LimitPeriod,
    Payer,
    Spent,
)
from storage.tables import SPENDING, from_us, to_us

MOST_KEPT = 10_000
"""The most accounts whose balance is kept in memory."""

AccountKey = tuple[str | int, ...]
"""The values of the columns `ACCOUNT_KEY`."""

Changed = dict[AccountKey, Balance]
"""The new balances of accounts."""

PRIMARY = ("platform", "team", "channel", "person", "period", "since_us")
ACCOUNT_KEY = (*PRIMARY, "until_us")
"""A change of the time zone may move the end of a period and not its beginning."""
PAYER = ("platform", "team", "channel", "person")
ORDER = [SPENDING.c[name] for name in ACCOUNT_KEY]
BALANCE = (*ORDER, SPENDING.c.micros, SPENDING.c.tokens, SPENDING.c.lifted)
OF_ACCOUNTS = select(*BALANCE).where(
    tuple_(*(SPENDING.c[name] for name in ACCOUNT_KEY)).in_(bindparam("accounts", expanding=True))
)


class KeptBalances:
    """The newest balance that is known of each account, without what is reserved.

    Each change of an account returns its new balance, so that they are true where one `parley run` changes a database
    (`storage.lock`). Shared with other replicas nothing is kept. Spending and lifts only grow: of two balances the
    greater one is newer.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[AccountKey, Balance] = LRUCache(MOST_KEPT)

    def share(self) -> None:
        """Keep nothing from now on."""
        self._kept = LRUCache(0)

    def of(self, accounts: Sequence[BudgetAccount]) -> list[Balance] | None:
        """The balance of each account; None where one of them is not known."""
        found = [self._kept.get(account_key(account)) for account in accounts]
        known = [balance for balance in found if balance is not None]
        return known if len(known) == len(found) else None

    def put(self, balances: Mapping[AccountKey, Balance]) -> None:
        if not self._kept.maxsize:
            return
        for key, balance in balances.items():
            kept = self._kept.get(key, balance)
            spent = Spent(
                max(kept.spent.micros, balance.spent.micros), max(kept.spent.tokens, balance.spent.tokens)
            )
            self._kept[key] = Balance(spent, lifts=_newer(kept.lifts, balance.lifts))


def _newer(*lifts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """The greater number of each limit."""
    return lifts_of({limit: max(dict(one).get(limit, 0) for one in lifts) for limit in dict(chain(*lifts))})


def balances(connection: Connection, accounts: Sequence[BudgetAccount]) -> Changed:
    """The balances of the accounts, without those of new ones."""
    return read_balances(connection, OF_ACCOUNTS, {"accounts": [account_key(account) for account in accounts]})


def lifted(connection: Connection, accounts: Sequence[BudgetAccount]) -> list[Balance]:
    """The balance of each account, an empty one where it is new."""
    found = balances(connection, accounts)
    return [found.get(account_key(account), Balance()) for account in accounts]


def open_at(connection: Connection, at_us: int) -> list[tuple[BudgetAccount, Balance]]:
    """The accounts of the periods that last at that time."""
    lasting = (SPENDING.c.since_us <= at_us, SPENDING.c.until_us > at_us)
    found = read_balances(connection, select(*BALANCE).where(*lasting).order_by(*ORDER), {})
    return [(_account_of(key), balance) for key, balance in found.items()]


def _account_of(key: AccountKey) -> BudgetAccount:
    platform, team, channel, person, period, since_us, until_us = key
    payer = Payer(str(platform), str(team), str(channel), str(person))
    return BudgetAccount(payer, LimitPeriod(str(period)), from_us(int(since_us)), from_us(int(until_us)))


def read_balances(connection: Connection, query: Executable, values: Mapping[str, Any]) -> Changed:
    """The balances of the rows that `query` returns."""
    rows = connection.execute(query, values).all()
    return {
        tuple(row[: len(ACCOUNT_KEY)]): Balance(Spent(row.micros, row.tokens), lifts=lifts_of(row.lifted))
        for row in rows
    }


def lifts_of(lifted: Mapping[str, int] | None) -> tuple[tuple[str, int], ...]:
    """The lifts of a balance from the column `lifted`."""
    return tuple(sorted(lifted.items())) if lifted else ()


def payer_values(payer: Payer) -> dict[str, Any]:
    """The values of the columns `PAYER`."""
    return {
        "platform": payer.platform,
        "team": payer.team,
        "channel": payer.channel,
        "person": payer.person,
    }


@lru_cache(maxsize=MOST_KEPT)  # a question needs those of its limits several times
def account_key(account: BudgetAccount) -> AccountKey:
    """The values of the columns `ACCOUNT_KEY`."""
    payer = account.payer
    keys = payer.platform, payer.team, payer.channel, payer.person
    return (*keys, account.per, to_us(account.since), to_us(account.until))
