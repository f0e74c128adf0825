"""The values of a closed union as two columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


class TaggedUnion(Generic[Value]):
    """`types` are the dataclasses of the union, by the kind that is stored with the fields of each."""

    def __init__(self, types: Mapping[str, type[Value]]) -> None:
        self._kinds = {type_: kind for kind, type_ in types.items()}
        self._adapters: dict[str, TypeAdapter[Value]] = {
            kind: TypeAdapter(type_) for kind, type_ in types.items()
        }

    def dump(self, value: Value) -> tuple[str, dict[str, Any]]:
        """The kind of `value`, and its fields as JSON."""
        kind = self._kinds[type(value)]
        return kind, self._adapters[kind].dump_python(value, mode="json")

    def knows(self, kind: str) -> bool:
        return kind in self._adapters

    def load(self, kind: str, fields: dict[str, Any]) -> Value:
        return self._adapters[kind].validate_python(fields)
