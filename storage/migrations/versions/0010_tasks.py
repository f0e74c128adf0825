"""The arguments of a turn's task, which were read out of the text of a summary and out of the id of an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_LINES, _CHANNEL_LINES = 500, 100
_TURNS = sa.table(
    "turns",
    sa.column("id", sa.BigInteger()),
    sa.column("message", sa.Text()),
    sa.column("task", sa.Text()),
    sa.column("text", sa.Text()),
    sa.column("at_us", sa.BigInteger()),
    sa.column("arguments", sa.JSON()),
)


def upgrade() -> None:
    op.add_column("turns", sa.Column("arguments", sa.JSON(), nullable=False, server_default="{}"))
    connection, turn = op.get_bind(), _TURNS.c
    rows = connection.execute(sa.select(_TURNS).where(turn.task.in_(("summary", "digest")))).all()
    for row in rows:
        at = _EPOCH + timedelta(microseconds=row.at_us)
        task, arguments = (
            ("summary", _summary(row.text, at)) if row.task == "summary" else _digest(row.message, at)
        )
        connection.execute(_TURNS.update().where(turn.id == row.id).values(task=task, arguments=arguments))


def _summary(text: str, at: datetime) -> dict[str, Any]:
    """Of a text such as `/summarize last:20 of:channel`."""
    options = dict(word.split(":", 1) for word in text.split()[1:] if ":" in word)
    channel, since = options.get("of") == "channel", options.get("since")
    if "hours" in options:
        since = (at - timedelta(hours=float(options["hours"]))).isoformat()
    bounded = "last" in options or since is not None or not channel
    last = int(options.get("last", _MOST_LINES if bounded else _CHANNEL_LINES))
    return {"channel": channel, "last": last, "since": since}


def _digest(message: str, at: datetime) -> tuple[str, dict[str, Any]]:
    """Of an id such as `alert:model one/a:no_money:490000`, or else of a usage report over a day."""
    kind, _, rest = message.partition(":")
    if kind in ("alert", "over") and rest.count(":") >= 2:
        what, code, _ = rest.rsplit(":", 2)
        return "alert", {"what": what, "code": code, "over": kind == "over"}
    return "usage", {"since": (at - timedelta(days=1)).isoformat(), "until": at.isoformat()}
