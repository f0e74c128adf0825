"""Alembic's entry: runs the revisions on the connection it was given. See `storage.migrations`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from storage.migrations import is_of_tables
from storage.tables import Prose, Row


def _frozen_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A revision has the column types that SQLAlchemy knows, and nothing of today's tables."""
    return "sa.Text()" if kind == "type" and isinstance(item, Prose) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    render_item=_frozen_type,
    include_name=is_of_tables,
)
with context.begin_transaction():
    context.run_migrations()
