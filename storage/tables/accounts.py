"""The model accounts of workspaces."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from storage.tables.columns import KEY, Prose, Row, table_of


class ModelAccountRow(Row):
    """The model account of a workspace. `key` is encrypted (`storage.encryption`), `models` one in a line."""

    __tablename__ = "model_accounts"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    base_url: str = Field(sa_type=Prose)
    models: str = Field(sa_type=Prose)
    key: str = Field(sa_type=Text)
    key_end: str = Field(sa_type=Prose)
    version: int = Field(sa_type=BigInteger)
    set_at_us: int = Field(sa_type=BigInteger)


MODEL_ACCOUNTS = table_of(ModelAccountRow)
