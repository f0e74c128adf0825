"""Settings of channels and workspaces, and their changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer
from sqlmodel import Field

from storage.tables.columns import KEY, Prose, Row, table_of


class SettingRow(Row):
    """A changed setting, as it was written; `channel` is empty for the whole workspace."""

    __tablename__ = "settings"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=KEY, primary_key=True)
    value: str = Field(sa_type=Prose)


class AuditRow(Row):
    """A change of a setting: never changed itself. None: the setting had, or has, no value of its own."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "platform", "team", "id"), {"sqlite_autoincrement": True})

    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    name: str = Field(sa_type=KEY)
    old: str | None = Field(sa_type=Prose, default=None)
    new: str | None = Field(sa_type=Prose, default=None)
    person: str = Field(sa_type=KEY)
    person_name: str = Field(sa_type=Prose)
    at_us: int = Field(sa_type=BigInteger)


SETTINGS = table_of(SettingRow)
AUDIT = table_of(AuditRow)
