"""The model accounts of workspaces. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select

from core.ports.store.settings import MODEL_ACCOUNT, Change
from core.values.model_accounts import ModelAccount
from core.values.places import Person, Place
from storage import known_keys, secret_rows
from storage.encryption import SecretKeys
from storage.engine import insert
from storage.settings import record
from storage.tables import MODEL_ACCOUNTS, from_us

_COLUMNS = MODEL_ACCOUNTS.c
_KEY = ("platform", "team")
SECRET = _COLUMNS.key


def one(connection: Connection, platform: str, team: str) -> ModelAccount | None:
    """The account of a workspace."""
    row = connection.execute(select(MODEL_ACCOUNTS).where(*_is(platform, team))).first()
    return None if row is None else _account(row)


def with_key(
    connection: Connection, keys: SecretKeys, platform: str, team: str
) -> tuple[ModelAccount, str] | None:
    """The account of a workspace, and its key."""
    row = connection.execute(select(MODEL_ACCOUNTS).where(*_is(platform, team))).first()
    return None if row is None else (_account(row), keys.decrypt(row.key, *_bound(_account(row))))


def put(
    connection: Connection, keys: SecretKeys, new: ModelAccount, key: str, by: Person, at_us: int
) -> ModelAccount:
    """Store an account in place of the former one. A removed one leaves no version, so that versions are times."""
    known_keys.check_known(connection, keys)
    former = one(connection, new.platform, new.team)
    new = replace(new, version=max(at_us, former.version + 1 if former else 0))
    values = {
        "base_url": new.base_url,
        "models": "\n".join(new.models),
        "key": keys.encrypt(key, *_bound(new)),
        "key_end": new.key_end,
        "version": new.version,
        "set_at_us": at_us,
    }
    adding = insert(connection.dialect.name, MODEL_ACCOUNTS).values(
        platform=new.platform, team=new.team, **values
    )
    connection.execute(adding.on_conflict_do_update(index_elements=_KEY, set_=values))
    _record(connection, new, former, new, by, at_us)
    return new


def remove(connection: Connection, platform: str, team: str, by: Person, at_us: int) -> bool:
    """Remove an account with its key."""
    former = one(connection, platform, team)
    if former is None:
        return False
    connection.execute(delete(MODEL_ACCOUNTS).where(*_is(platform, team)))
    _record(connection, former, former, None, by, at_us)
    return True


def rewrite(connection: Connection, keys: SecretKeys, limit: int) -> int:
    """Encrypt keys anew that an earlier key has encrypted."""
    return secret_rows.rewrite(connection, keys, SECRET, _anew, limit)


def _anew(keys: SecretKeys, row: Any) -> dict[str, str]:
    place = _bound(_account(row))
    return {"key": keys.encrypt(keys.decrypt(row.key, *place), *place)}


def _record(
    connection: Connection,
    of: ModelAccount,
    old: ModelAccount | None,
    new: ModelAccount | None,
    by: Person,
    at_us: int,
) -> None:
    before, now = (None if account is None else _line(account) for account in (old, new))
    record(connection, Change(Place(of.platform, of.team, ""), MODEL_ACCOUNT, before, now, by, from_us(at_us)))


def _line(account: ModelAccount) -> str:
    """An account in the audit."""
    return f"{account.base_url} {', '.join(account.models)} …{account.key_end}"


def _is(platform: str, team: str) -> tuple[ColumnElement[bool], ...]:
    return _COLUMNS.platform == platform, _COLUMNS.team == team


def _bound(account: ModelAccount) -> tuple[str, ...]:
    """The place of a key: with another base URL it can't be decrypted."""
    return "model_account", account.platform, account.team, account.base_url


def _account(row: Any) -> ModelAccount:
    return ModelAccount(
        row.platform, row.team, row.base_url, tuple(row.models.split("\n")), row.key_end, row.version
    )
