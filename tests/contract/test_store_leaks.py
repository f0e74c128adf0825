"""The store, asked for one team, reads and returns nothing of another with the same ids of channels and people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from core.errors import StoreError
from storage import SqlStore
from storage.engine import Database
from storage.tables import Row
from tests.contract.stored import answered
from tests.contract.stored import ask as question
from tests.contract.test_retention import RARE, old_values
from tests.contract.test_store import CALLS

ZINC = "zinc-of-the-other"
OF_ALL = frozenset(
    {
        # Of the operator's page and commands, and of the start: for all teams by their contract.
        *("changed_settings", "channels", "failures", "installations", "newest_changes", "newest_opinions"),
        *("operation_figures", "source_teams"),
        # Here asked without a place, as for the operator.
        *("rated_answers", "report_figures", "usage_groups"),
        # Compares the ids of the sources that answers cite: ids are those of all teams.
        "uncite_thread",
    }
)
"""The methods that read rows of several teams."""


def fill(connection: Connection) -> None:
    """A row of team T2 in each table, with a word of its own in each column that can hold one."""
    for table in Row.metadata.sorted_tables:
        if "team" not in table.c and "turn_id" not in table.c:
            continue
        values: dict[str, Any] = {
            name: value.replace(RARE, ZINC) if isinstance(value, str) else value
            for name, value in old_values(table).items()
        }
        values |= {one.name: 9_000 for one in table.c if one.foreign_keys or one.name == "id"}
        values |= {"again_of": None} if "again_of" in table.c else {}
        values |= {name: given for name, given in (("platform", "slack"), ("team", "T2")) if name in table.c}
        connection.execute(table.insert().values(values))


async def test_no_method_that_is_asked_for_one_team_names_or_returns_another(
    sql_store: SqlStore, database: Database
) -> None:
    await answered(sql_store, question())
    await database.write(fill)
    traced: list[str] = []

    def trace(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        traced.append(repr(parameters))

    leaking = set()
    for name, call in CALLS.items():
        if name == "rewrite_tokens":  # the tokens of this test are none
            continue
        traced.clear()
        event.listen(Engine, "before_cursor_execute", trace)
        try:
            returned = repr(await call(sql_store))
        except StoreError:  # there is no such turn
            returned = ""
        except (KeyError, ValueError):  # it has read a row of the other, which has no value that can be read
            returned = ZINC
        finally:
            event.remove(Engine, "before_cursor_execute", trace)
        if ZINC in returned or "'T2'" in returned or any(ZINC in one or "'T2'" in one for one in traced):
            leaking.add(name)
    assert leaking == OF_ALL
