"""Installations that teams have made themselves. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from core.values.installations import REMOVED, Credentials, InstallationKey, StoredInstallation
from storage import known_keys, secret_rows, team_data
from storage.encryption import SecretKeys
from storage.engine import insert
from storage.tables import INSTALLATIONS, from_us, to_us

_COLUMNS = INSTALLATIONS.c
_KEY = ("platform", "enterprise", "team")
SECRET = _COLUMNS.token
_NO_TOKENS = {"token": "", "refresh_token": "", "expires_at_us": None, "claimed_until_us": 0}


def all_of(connection: Connection, platform: str) -> list[StoredInstallation]:
    """All of a platform, with those that have ended."""
    query = select(INSTALLATIONS).where(_COLUMNS.platform == platform)
    rows = connection.execute(query.order_by(_COLUMNS.enterprise, _COLUMNS.team))
    return [_stored(row) for row in rows]


def one(connection: Connection, key: InstallationKey) -> StoredInstallation | None:
    """The installation with this key."""
    row = connection.execute(select(INSTALLATIONS).where(*_is(key))).first()
    return None if row is None else _stored(row)


def put(
    connection: Connection,
    keys: SecretKeys,
    new: StoredInstallation,
    credentials: Credentials | None,
    at_us: int,
) -> StoredInstallation:
    """Store an installation in place of the former one with its key."""
    known_keys.check_known(connection, keys)
    former = one(connection, new.key)
    values = {
        "name": new.name,
        "url": new.url,
        "app": new.app,
        "bot_user": new.bot_user,
        "bot": new.bot,
        "scopes": ",".join(new.scopes),
        "installed_by": new.installed_by,
        "installed_at_us": at_us,
        "ended_at_us": None,
        "reason": "",
        "version": 1 if former is None else former.version + 1,
        "claimed_until_us": 0,
        **(_NO_TOKENS if credentials is None else _encrypted(keys, new.key, credentials)),
    }
    adding = insert(connection.dialect.name, INSTALLATIONS).values(**_named(new.key), **values)
    connection.execute(adding.on_conflict_do_update(index_elements=_KEY, set_=values))
    stored = one(connection, new.key)
    assert stored is not None
    return stored


def credentials(connection: Connection, keys: SecretKeys, key: InstallationKey) -> Credentials | None:
    """The tokens of an installation that has not ended."""
    query = select(INSTALLATIONS).where(*_is(key), *_RUNS, _COLUMNS.token != "")
    row = connection.execute(query).first()
    if row is None:
        return None
    expires_at = None if row.expires_at_us is None else from_us(row.expires_at_us)
    return Credentials(*_decrypted(keys, row), expires_at, row.version)


def claim(connection: Connection, key: InstallationKey, version: int, now_us: int, until_us: int) -> bool:
    """True for the one that may exchange the tokens until then."""
    free = (_COLUMNS.version == version, _COLUMNS.claimed_until_us <= now_us, *_RUNS)
    claiming = update(INSTALLATIONS).where(*_is(key), *free).values(claimed_until_us=until_us)
    return connection.execute(claiming).rowcount == 1


def replace(
    connection: Connection, keys: SecretKeys, key: InstallationKey, version: int, new: Credentials
) -> bool:
    """Store new tokens in place of those of `version`."""
    values = _encrypted(keys, key, new) | {"version": version + 1, "claimed_until_us": 0}
    replacing = update(INSTALLATIONS).where(*_is(key), _COLUMNS.version == version, *_RUNS)
    return connection.execute(replacing.values(**values)).rowcount == 1


def end(
    connection: Connection, key: InstallationKey, reason: str, at_us: int, version: int | None = None
) -> bool:
    """End an installation, of this `version` alone, and the teams that use its tokens."""
    if version is not None:
        current = select(_COLUMNS.version).where(*_is(key)).with_for_update()  # it is not replaced meanwhile
        if connection.scalar(current) != version:
            return False
    ended = {"ended_at_us": at_us, "reason": reason, **_NO_TOKENS}
    which = _is(key)
    if key.enterprise and not key.team:
        of_teams = (_COLUMNS.platform == key.platform, _COLUMNS.enterprise == key.enterprise)
        which = (*of_teams, or_(_COLUMNS.team == "", _COLUMNS.token == ""))
    teams = connection.scalars(select(_COLUMNS.team).where(*which, *_RUNS)).all()
    connection.execute(update(INSTALLATIONS).where(*which, *_RUNS).values(**ended))
    for team in filter(None, teams):
        team_data.end_turns(connection, key.platform, team, reason, at_us)
    return bool(teams)


def ended_before(connection: Connection, before_us: int, removed_us: int) -> list[StoredInstallation]:
    """Those that ended before then, or for the reason REMOVED before `removed_us`, and whose teams have no other
    one."""
    other = INSTALLATIONS.alias("other").c
    same = (other.platform == _COLUMNS.platform, other.team == _COLUMNS.team, other.ended_at_us.is_(None))
    runs = select(other.team).where(*same, other.team != "").exists()
    removed = (_COLUMNS.reason == REMOVED) & (_COLUMNS.ended_at_us < removed_us)
    old = select(INSTALLATIONS).where(or_(_COLUMNS.ended_at_us < before_us, removed), ~runs)
    return [_stored(row) for row in connection.execute(old.order_by(_COLUMNS.ended_at_us).limit(20))]


def forget(connection: Connection, key: InstallationKey) -> bool:
    """Remove an installation that has ended, once nothing else of its team is left."""
    removing = delete(INSTALLATIONS).where(*_is(key), _COLUMNS.ended_at_us.is_not(None))
    return connection.execute(removing).rowcount > 0


def rewrite(connection: Connection, keys: SecretKeys, limit: int) -> int:
    """Encrypt tokens anew that an earlier key has encrypted."""
    return secret_rows.rewrite(connection, keys, SECRET, _anew, limit)


def _anew(keys: SecretKeys, row: Any) -> dict[str, Any]:
    expires_at = None if row.expires_at_us is None else from_us(row.expires_at_us)
    return _encrypted(keys, _key_of(row), Credentials(*_decrypted(keys, row), expires_at))


_RUNS = (_COLUMNS.ended_at_us.is_(None),)


def _named(key: InstallationKey) -> dict[str, str]:
    return {name: getattr(key, name) for name in _KEY}


def _is(key: InstallationKey) -> tuple[ColumnElement[bool], ...]:
    return tuple(_COLUMNS[name] == value for name, value in _named(key).items())


def _key_of(row: Any) -> InstallationKey:
    return InstallationKey(row.platform, row.enterprise, row.team)


def _encrypted(keys: SecretKeys, key: InstallationKey, new: Credentials) -> dict[str, Any]:
    place = (key.platform, key.enterprise, key.team)
    refresh = keys.encrypt(new.refresh_token, "refresh_token", *place) if new.refresh_token else ""
    return {
        "token": keys.encrypt(new.token, "token", *place),
        "refresh_token": refresh,
        "expires_at_us": None if new.expires_at is None else to_us(new.expires_at),
    }


def _decrypted(keys: SecretKeys, row: Any) -> tuple[str, str]:
    place = (row.platform, row.enterprise, row.team)
    refresh = keys.decrypt(row.refresh_token, "refresh_token", *place) if row.refresh_token else ""
    return keys.decrypt(row.token, "token", *place), refresh


def _stored(row: Any) -> StoredInstallation:
    return StoredInstallation(
        _key_of(row),
        row.name,
        row.url,
        row.app,
        row.bot_user,
        row.bot,
        tuple(filter(None, row.scopes.split(","))),
        row.installed_by,
        from_us(row.installed_at_us),
        None if row.ended_at_us is None else from_us(row.ended_at_us),
        row.reason,
        bool(row.token),
        row.version,
    )
