"""Installations that teams have made themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from storage.tables.columns import KEY, Prose, Row, table_of


class InstallationRow(Row):
    """An installation. `team` is empty for that of an organisation, `enterprise` where there is none.

    `token` and `refresh_token` are encrypted (`storage.encryption`); empty once it has ended, and for a team that uses
    the tokens of its organisation. `claimed_until_us`: until then one process exchanges the tokens.
    """

    __tablename__ = "installations"

    platform: str = Field(sa_type=KEY, primary_key=True)
    enterprise: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=Prose)
    url: str = Field(sa_type=Prose)
    app: str = Field(sa_type=KEY)
    bot_user: str = Field(sa_type=KEY)
    bot: str = Field(sa_type=KEY)
    scopes: str = Field(sa_type=Text)
    installed_by: str = Field(sa_type=KEY)
    installed_at_us: int = Field(sa_type=BigInteger)
    ended_at_us: int | None = Field(sa_type=BigInteger, default=None)
    reason: str = Field(sa_type=Text)
    token: str = Field(sa_type=Text)
    refresh_token: str = Field(sa_type=Text)
    expires_at_us: int | None = Field(sa_type=BigInteger, default=None)
    version: int
    claimed_until_us: int = Field(sa_type=BigInteger)


INSTALLATIONS = table_of(InstallationRow)
