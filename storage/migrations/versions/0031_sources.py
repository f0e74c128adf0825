"""The index of answered questions. Those so far are indexed in the background."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0031"
down_revision = "0030"

_KEY: Any = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# Words with a mark in front, without their positions: https://sqlite.org/fts5.html
WORDS = """
CREATE VIRTUAL TABLE source_words USING fts5(
    words, content='sources', content_rowid='turn_id', tokenize="ascii tokenchars '?'", detail=none, columnsize=0
)
"""
TERMS = "CREATE VIRTUAL TABLE source_terms USING fts5vocab('source_words', 'row')"
ADD = "INSERT INTO source_words(rowid, words) VALUES (new.turn_id, new.words);"
REMOVE = "INSERT INTO source_words(source_words, rowid, words) VALUES ('delete', old.turn_id, old.words);"
TRIGGERS = (
    f"CREATE TRIGGER sources_added AFTER INSERT ON sources BEGIN {ADD} END",
    f"CREATE TRIGGER sources_removed AFTER DELETE ON sources BEGIN {REMOVE} END",
    f"CREATE TRIGGER sources_changed AFTER UPDATE OF words ON sources BEGIN {REMOVE} {ADD} END",
)
SO_FAR = """
INSERT INTO sources (turn_id, platform, team, channel, version, words)
SELECT id, platform, team, channel, 0, '' FROM turns
WHERE state = 'done' AND task = 'answer' AND NOT author_bot AND author <> '' AND answer <> ''
"""


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sources",
        sa.Column("turn_id", number, autoincrement=False, nullable=False),
        sa.Column("platform", _KEY, nullable=False),
        sa.Column("team", _KEY, nullable=False),
        sa.Column("channel", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text() if is_sqlite else TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_sources_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_sources"),
    )
    op.create_index("ix_sources_platform_team_channel", "sources", ["platform", "team", "channel"])
    if is_sqlite:
        for statement in (WORDS, TERMS, *TRIGGERS):
            op.execute(statement)
    else:
        op.create_index(
            "ix_sources_words",
            "sources",
            ["words"],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
    op.execute(SO_FAR)
