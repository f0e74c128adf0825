"""Failures by their code: those of turns that were set aside."""

from __future__ import annotations

from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.create_index("ix_failures_code_id", "failures", ["code", "id"])
