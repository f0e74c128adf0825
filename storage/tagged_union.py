"""The values of a closed union as two columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


class TaggedUnion(Generic[Value]):
    """`types` are the dataclasses of the union, by the kind that is stored with the fields of each.

    The adapter of a type is made with its first value, or by `prepare`: a start need not wait for those of all types.
    """

    def __init__(self, types: Mapping[str, type[Value]]) -> None:
        self._types = dict(types)
        self._kinds = {type_: kind for kind, type_ in types.items()}
        self._adapters: dict[str, TypeAdapter[Value]] = {}

    def prepare(self) -> None:
        """Make all adapters."""
        for kind in self._types:
            self._adapter(kind)

    def dump(self, value: Value) -> tuple[str, dict[str, Any]]:
        """The kind of `value`, and its fields as JSON."""
        kind = self._kinds[type(value)]
        return kind, self._adapter(kind).dump_python(value, mode="json")

    def knows(self, kind: str) -> bool:
        return kind in self._types

    def load(self, kind: str, fields: dict[str, Any]) -> Value:
        return self._adapter(kind).validate_python(fields)

    def _adapter(self, kind: str) -> TypeAdapter[Value]:
        found = self._adapters.get(kind)
        if found is None:
            found = self._adapters[kind] = TypeAdapter(self._types[kind])
        return found
