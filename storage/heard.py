"""The watermarks of installations. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from storage.engine import insert
from storage.tables import HEARD, from_us


def until(connection: Connection, platform: str, team: str) -> datetime | None:
    watermark = select(HEARD.c.until_us).where(HEARD.c.platform == platform, HEARD.c.team == team)
    until_us = connection.scalar(watermark)
    return None if until_us is None else from_us(until_us)


def move(connection: Connection, platform: str, team: str, until_us: int) -> None:
    adding = insert(connection.dialect.name, HEARD)
    new = adding.excluded.until_us
    moving = adding.on_conflict_do_update(
        index_elements=["platform", "team"], set_={"until_us": new}, where=HEARD.c.until_us < new
    )
    connection.execute(moving, {"platform": platform, "team": team, "until_us": until_us})


def teams(connection: Connection, platform: str) -> list[str]:
    """The teams of a platform that have a watermark."""
    query = select(HEARD.c.team).where(HEARD.c.platform == platform, HEARD.c.team > "").order_by(HEARD.c.team)
    return list(connection.scalars(query))
