"""Migrations from 0041 on suit the version before, since replicas of both share a database while a deploy rolls: they
only add tables, columns that nobody has to fill, and indexes."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

import storage.migrations
from storage.migrations import NEWEST

op: Any = None
"""As the module of a revision has it."""
FIRST = 41
REVISIONS = [f"{number:04}" for number in range(FIRST, int(NEWEST) + 1)]


class Operations:
    """Takes the place of Alembic's `op`. `problems`: the operations that the version before may trip over."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._made: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            self.problems.append(f"{name} is no addition")

        return refuse

    def get_bind(self) -> Any:
        return SimpleNamespace(dialect=SimpleNamespace(name="postgresql"))

    def execute(self, statement: str) -> None:
        if not statement.strip().startswith(
            "CREATE FUNCTION "
        ):  # beside that of the same name with other parameters
            self.problems.append("execute is no addition")

    def create_table(self, name: str, *_: Any, **__: Any) -> None:
        self._made.add(name)

    def add_column(self, table: str, column: sa.Column[Any], **_: Any) -> None:
        if table not in self._made and not column.nullable and column.server_default is None:
            self.problems.append(f"{table}.{column.name} has to be filled")

    def create_index(self, name: str, table: str, *_: Any, unique: bool = False, **__: Any) -> None:
        if unique and table not in self._made:
            self.problems.append(f"{name} refuses rows that the version before may write")


def revision(number: str) -> ModuleType:
    [file] = (Path(storage.migrations.__file__).parent / "versions").glob(f"{number}_*.py")
    return importlib.import_module(f"storage.migrations.versions.{file.stem}")


def problems(upgrade: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made = Operations()
    monkeypatch.setitem(upgrade.__globals__, "op", made)
    upgrade()
    return made.problems


@pytest.mark.parametrize("number", REVISIONS)
def test_a_revision_only_adds_what_the_version_before_need_not_know(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(revision(number).upgrade, monkeypatch) == []


def test_what_the_version_before_would_trip_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade() -> None:
        op.add_column("turns", sa.Column("needed", sa.Text(), nullable=False))
        op.add_column("turns", sa.Column("given", sa.Text(), nullable=False, server_default=""))
        op.create_table("fresh", sa.Column("id", sa.Integer()))
        op.create_index("ix_fresh", "fresh", ["id"], unique=True)
        op.create_index("ix_turns_ask", "turns", ["ask_id"], unique=True)
        op.drop_column("turns", "text")
        op.rename_table("turns", "runs")
        op.execute("CREATE FUNCTION one() RETURNS INT AS $$ SELECT 1 $$")
        op.execute("UPDATE turns SET text = ''")

    assert problems(upgrade, monkeypatch) == [
        "turns.needed has to be filled",
        "ix_turns_ask refuses rows that the version before may write",
        "drop_column is no addition",
        "rename_table is no addition",
        "execute is no addition",
    ]
