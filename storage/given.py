"""Lists as parameters of statements that are built once. A list of any length is one parameter."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY


def among(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The column is one of the values of the parameter `name`, a list."""
    if dialect == "sqlite":
        given = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
        return column.in_(select(given.c.value))
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def among_many(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same for texts of which there may be hundreds. PostgreSQL compares an array one by one, and plans for
    each. IS TRUE has it hash them: a join might read them for each row."""
    if dialect == "sqlite":
        return among(dialect, column, name)
    values = func.unnest(bindparam(name, type_=ARRAY(Text))).column_valued("value")
    return column.in_(select(values.collate("C"))).is_(True)


def given(dialect: str, values: Collection[Any]) -> Any:
    """The parameter of `among` with these values, where the driver runs the statement itself (`storage.direct`)."""
    return json.dumps(list(values)) if dialect == "sqlite" else list(values)
