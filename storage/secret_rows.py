"""Rows that have encrypted secrets: encrypted anew, and searched for unknown keys. Each function is one transaction's
work, run by the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, select, update

from storage.encryption import SecretKeys

Anew = Callable[[SecretKeys, Any], Mapping[str, Any]]
"""The new values of a row, whose secrets another key has encrypted."""


def rewrite(connection: Connection, keys: SecretKeys, secret: Column[str], anew: Anew, limit: int) -> int:
    """Encrypt secrets anew that an earlier key has encrypted. `secret`: the column by which such rows are known."""
    if not keys.ids:
        return 0
    table = secret.table
    former = select(table).where(secret != "", ~_begins_with(secret, keys.ids[0])).limit(limit)
    # Locked: what another process has just stored would be replaced by what was there before.
    rows = connection.execute(former.with_for_update()).all()
    for row in rows:
        is_row = (column == getattr(row, column.name) for column in table.primary_key)
        connection.execute(update(table).where(*is_row).values(**anew(keys, row)))
    return len(rows)


def has_foreign(connection: Connection, keys: SecretKeys, secret: Column[str]) -> bool:
    """True if a secret was encrypted with none of the keys."""
    known = (~_begins_with(secret, key_id) for key_id in keys.ids)
    return connection.execute(select(secret).where(secret != "", *known).limit(1)).first() is not None


def _begins_with(secret: Column[str], key_id: str) -> ColumnElement[bool]:
    return func.substr(secret, 1, len(key_id) + 1) == f"{key_id}:"
