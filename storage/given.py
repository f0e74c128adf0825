"""Lists as parameters of statements that are built once. A list of any length is one parameter."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY


def among(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The column is one of the values of the parameter `name`, a list."""
    if dialect == "sqlite":
        given = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
        return column.in_(select(given.c.value))
    return column == any_(bindparam(name, type_=ARRAY(column.type)))
