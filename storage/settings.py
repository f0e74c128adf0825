"""Settings, and the audit of them and of tool calls. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select

from core.ports.store.settings import Change, StoredSettings
from core.values.places import Person, Place
from storage.engine import insert
from storage.tables import AUDIT, NOTICES, SETTINGS, from_us, to_us
from storage.threads import of_team

_LAST = 2**62
"""Above every id and every time."""


def stored_settings(connection: Connection, place: Place) -> StoredSettings:
    rows = connection.execute(select(SETTINGS).where(*_around(SETTINGS, place))).all()
    return StoredSettings(
        {row.name: row.value for row in rows if row.channel == ""},
        {row.name: row.value for row in rows if row.channel != ""},
    )


def workspaces(connection: Connection, platform: str) -> dict[str, dict[str, str]]:
    setting = SETTINGS.c
    where = (setting.platform == platform, setting.channel == "")
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(select(setting.team, setting.name, setting.value).where(*where)):
        found.setdefault(row.team, {})[row.name] = row.value
    return found


def overrides(
    connection: Connection, platform: str, team: str, name: str, limit: int
) -> list[tuple[Place, str]]:
    setting = SETTINGS.c
    where = (*of_team(SETTINGS, platform, team), setting.name == name, setting.channel != "")
    query = select(setting.team, setting.channel, setting.value).where(*where).limit(limit)
    return [(Place(platform, row.team, row.channel), row.value) for row in connection.execute(query)]


def is_set(connection: Connection, name: str) -> bool:
    return (
        connection.execute(select(SETTINGS.c.name).where(SETTINGS.c.name == name).limit(1)).first() is not None
    )


def change(
    connection: Connection, place: Place, changes: Mapping[str, str | None], by: Person, at_us: int
) -> list[Change]:
    there = {"platform": place.platform, "team": place.team, "channel": place.channel}
    mine = [SETTINGS.c[name] == value for name, value in there.items()]
    before = {row.name: row.value for row in connection.execute(select(SETTINGS).where(*mine))}
    changed = []
    for name, new in changes.items():
        old = before.get(name)
        if old == new:
            continue
        if new is None:
            connection.execute(delete(SETTINGS).where(*mine, SETTINGS.c.name == name))
        else:
            setting = insert(connection.dialect.name, SETTINGS)
            setting = setting.on_conflict_do_update(
                index_elements=[*there, "name"], set_={"value": setting.excluded.value}
            )
            connection.execute(setting, {**there, "name": name, "value": new})
        changed.append(Change(place, name, old, new, by, from_us(at_us)))
        record(connection, changed[-1])
    return changed


def record(connection: Connection, change: Change) -> None:
    row = {
        "platform": change.place.platform,
        "team": change.place.team,
        "channel": change.place.channel,
        "name": change.name,
        "old": change.old,
        "new": change.new,
        "person": change.by.id,
        "person_name": change.by.name,
        "at_us": to_us(change.at),
    }
    connection.execute(AUDIT.insert(), row)


def audit(connection: Connection, place: Place, limit: int) -> list[Change]:
    query = select(AUDIT).where(*_around(AUDIT, place)).order_by(AUDIT.c.id.desc()).limit(limit)
    return [_change_of(row) for row in connection.execute(query)]


def newest_changes(connection: Connection, limit: int, before: int | None) -> list[tuple[int, Change]]:
    newest = select(AUDIT).where(AUDIT.c.id < (_LAST if before is None else before))
    rows = connection.execute(newest.order_by(AUDIT.c.id.desc()).limit(limit))
    return [(row.id, _change_of(row)) for row in rows]


def changed_settings(connection: Connection, limit: int) -> list[tuple[Place, str, str]]:
    setting = SETTINGS.c
    order = (setting.platform, setting.team, setting.channel, setting.name)
    query = select(SETTINGS).where(setting.platform > "").order_by(*order).limit(limit)
    return [
        (Place(row.platform, row.team, row.channel), row.name, row.value) for row in connection.execute(query)
    ]


def _change_of(row: Any) -> Change:
    return Change(
        Place(row.platform, row.team, row.channel),
        row.name,
        row.old,
        row.new,
        Person(row.person, row.person_name),
        from_us(row.at_us),
    )


def mark_once(connection: Connection, key: str) -> bool:
    adding = insert(connection.dialect.name, NOTICES).on_conflict_do_nothing()
    return connection.execute(adding, {"key": key}).rowcount == 1


def _around(table: Any, place: Place) -> list[ColumnElement[bool]]:
    """The rows of a channel and of its workspace."""
    column = table.c
    return [
        column.platform == place.platform,
        column.team == place.team,
        column.channel.in_(("", place.channel)),
    ]
