"""Types of columns, their conversions, and the base of all rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ConfigDict
from sqlalchemy import JSON, Dialect, MetaData, Table, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from sqlmodel.main import get_column_from_field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(at: datetime) -> int:
    """Microseconds since 1970, exact. `at` must be aware."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_us(at_us: int) -> datetime:
    """The time of a column in microseconds since 1970, UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


# The type of an id. PostgreSQL compares it byte by byte, as SQLite does: both order a thread alike.
KEY: Any = Text().with_variant(Text(collation="C"), "postgresql")


def storable(value: Any) -> Any:
    """`value` without the characters that no database takes as text: NUL and halves of surrogate pairs."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        case list() | tuple():
            return [storable(item) for item in value]
        case dict():
            return {name: storable(item) for name, item in value.items()}
        case _:
            return value


class Prose(TypeDecorator[str]):
    """Text that people and models write."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(storable(value))


class Fields(TypeDecorator[Any]):
    """The fields of a value, or a list of such values, as JSON."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return storable(value)


class Words(TypeDecorator[list[str]]):
    """Words of letters and digits, of which the first characters may be marks. PostgreSQL keeps each once, in an order
    of its own. https://www.postgresql.org/docs/current/datatype-textsearch.html"""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        quote = "'" if dialect.name == "postgresql" else ""
        return None if value is None else " ".join(f"{quote}{word}{quote}" for word in value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else words_of(value)


def words_of(text: str) -> list[str]:
    """The words of a stored text of `Words`."""
    return text.replace("'", "").split()


class Row(SQLModel):
    """A table's row. Names of keys and indexes are the same on every database.

    No object of it is made: statements are those of SQLAlchemy Core, on the table that `table_of` makes. What SQLModel
    would make beside that (`table=True`), validators and mappers, takes the processor a twentieth of a start.
    """

    model_config = ConfigDict(defer_build=True)  # type: ignore[assignment]  # SQLModel's own has a field more
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


def table_of(row: type[Row]) -> Table:
    """The table with a column for each field of `row`, and its `__table_args__`."""
    columns = []
    for name, field in row.model_fields.items():
        column = get_column_from_field(field)
        column.name = column.key = name
        columns.append(column)
    arguments = getattr(row, "__table_args__", ())
    options = arguments[-1] if arguments and isinstance(arguments[-1], dict) else {}
    others = arguments[:-1] if options else arguments
    return Table(str(row.__tablename__), Row.metadata, *columns, *others, **options)
