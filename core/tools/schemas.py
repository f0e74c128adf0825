"""JSON Schemas of tool servers -> schemas that endpoints take. Pure, and bounded in depth and size.

Endpoints refuse a whole request for one schema with `$ref`, an array without `items`, alternatives at the top,
or odd names of properties. The parts left out only guide the model: the server checks the arguments of each
call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from core.text import shortened
from core.tools.names import property_name

LONGEST_SCHEMA = 16_000
"""Characters of a cleaned schema."""
LONGEST_DESCRIPTION = 1_024
"""Characters: longer ones of functions are refused, https://platform.openai.com/docs/api-reference/chat/create"""

_DEPTHS = (12, 6, 3)
"""Levels of nested schemas, tried in turn until the result is short enough."""
LONGEST_GIVEN = 200_000
"""Characters of a server's schema. One that is longer counts as one that can't be cleaned."""
_MOST_NODES = 2_000
_MOST_WORK = 100_000
"""Entries of objects and arrays that are read for one schema: references and `allOf` make few of them many."""
_NUMBERS = ("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength")
_ALTERNATIVES = ("anyOf", "oneOf")
_FORMATS = ("date-time",)
"""Formats that all endpoints take: https://ai.google.dev/api/caching#Schema"""

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CleanSchema:
    """`parameters` is a JSON Schema as JSON text. `renamed`: names of properties there, each with the server's."""

    parameters: str
    renamed: tuple[tuple[str, str], ...] = ()


ANY_ARGUMENTS = CleanSchema('{"type": "object", "properties": {}}')
"""The schema in place of one that can't be cleaned."""


@lru_cache(maxsize=2_048)
def clean(parameters: str) -> CleanSchema:
    """The schema of a tool's arguments, with local references inlined. Raises nothing."""
    try:
        root = json.loads(parameters) if len(parameters) <= LONGEST_GIVEN else None
        for depth in _DEPTHS:
            cleaned = _clean(root, depth)
            if len(cleaned.parameters) <= LONGEST_SCHEMA:
                return cleaned
    except (ValueError, RecursionError):
        pass
    return ANY_ARGUMENTS


def restored(arguments: Any, renamed: Mapping[str, str]) -> Any:
    """`arguments` with the server's names of properties. Raises RecursionError for very deep ones."""
    if isinstance(arguments, dict):
        return {renamed.get(name, name): restored(value, renamed) for name, value in arguments.items()}
    if isinstance(arguments, list):
        return [restored(value, renamed) for value in arguments]
    return arguments


def _clean(root: Any, depth: int) -> CleanSchema:
    """Raises ValueError where the arguments are no object, or reading their schema is too much work."""
    cleaner = _Cleaner(root)
    schema = cleaner.top(depth)
    text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    return CleanSchema(text.encode("utf-8", "replace").decode(), tuple(cleaner.renamed.items()))


class _Cleaner:
    """Cleans one schema. `renamed` gathers the properties that get another name."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST_NODES
        self._work = _MOST_WORK
        self.renamed: dict[str, str] = {}

    def top(self, depth: int) -> dict[str, Any]:
        """The schema of an object: alternatives at the top, which endpoints refuse, become optional properties."""
        node, refs = self._flat(self._root, frozenset())
        for one in self._alternatives(node, refs):
            node = {**self._merged(node, one), "required": node.get("required")}
        if node.get("type", "object") != "object" or not isinstance(self._root, dict):
            raise ValueError("no object")
        cleaned = self._cleaned({**_without_alternatives(node), "type": "object"}, depth, refs)
        return {"type": "object", "properties": {}, **cleaned}

    def _node(self, node: Any, depth: int, refs: frozenset[str]) -> dict[str, Any]:
        """One schema below the top. An empty one takes every value."""
        self._left -= 1
        if depth <= 0 or self._left <= 0:
            return {}
        node, refs = self._flat(node, refs)
        variants = self._alternatives(node, refs)
        if len(variants) == 1:
            node, variants = self._merged(_without_alternatives(node), variants[0]), []
        cleaned = self._cleaned(node, depth, refs)
        if variants:
            cleaned["anyOf"] = [self._node(one, depth - 1, refs) for one in variants]
        return cleaned

    def _cleaned(self, node: Schema, depth: int, refs: frozenset[str]) -> dict[str, Any]:
        cleaned = _own_words(node)
        kind = cleaned.get("type", "array" if "items" in node else "object")
        if kind == "array":
            cleaned |= {"type": "array", "items": self._node(node.get("items"), depth - 1, refs)}
        if kind == "object" and isinstance(properties := node.get("properties"), dict) and depth > 1:
            cleaned |= {"type": "object", "properties": self._properties(properties, depth, refs)}
            named = {self._name(one) for one in _texts(node.get("required"))}
            if required := [name for name in cleaned["properties"] if name in named]:
                cleaned["required"] = required
        if kind == "object" and (more := self._node(node.get("additionalProperties"), depth - 1, refs)):
            cleaned["additionalProperties"] = more
        return cleaned

    def _properties(self, properties: Schema, depth: int, refs: frozenset[str]) -> dict[str, Any]:
        return {
            self._name(name): self._node(one, depth - 1, refs)
            for name, one in properties.items()
            if not _is_never(one)
        }

    def _name(self, name: str) -> str:
        offered = property_name(name)
        if offered != name:
            self.renamed[offered] = name
        return offered

    def _alternatives(self, node: Schema, refs: frozenset[str]) -> list[Schema]:
        """The alternatives of a schema that a value can match, without `null`."""
        every = [
            self._flat(one, refs)[0]
            for key in _ALTERNATIVES
            for one in _list(node.get(key))
            if not _is_never(one)
        ]
        return [one for one in every if one.get("type") != "null"]

    def _flat(self, node: Any, refs: frozenset[str]) -> tuple[Schema, frozenset[str]]:
        """A schema with its references resolved and with all parts of its `allOf`, and the references on the
        way to it."""
        if not isinstance(node, dict):
            return {}, refs
        self._spend(_entries(node))
        while isinstance(ref := node.get("$ref"), str):
            self._spend(len(refs) + len(ref))
            target = {} if ref in refs else self._target(ref)
            node = self._merged({key: value for key, value in node.items() if key != "$ref"}, target)
            refs |= {ref}
        for part in _list(node.get("allOf")):
            more, refs = self._flat(part, refs)
            node = self._merged(node, more)
        return node, refs

    def _merged(self, node: Schema, more: Schema) -> dict[str, Any]:
        """`node` with the keys that only `more` has, and the properties of both."""
        self._spend(_entries(node) + _entries(more))
        joined = {**more, **node}
        both = [one["properties"] for one in (more, node) if isinstance(one.get("properties"), dict)]
        if both:
            joined["properties"] = {name: value for one in both for name, value in one.items()}
        if required := [*_texts(node.get("required")), *_texts(more.get("required"))]:
            joined["required"] = required
        return joined

    def _spend(self, work: int) -> None:
        """Raises ValueError once it was too much."""
        self._work -= work
        if self._work < 0:
            raise ValueError("too much work")

    def _target(self, ref: str) -> Schema:
        """The target of a local reference; nothing for others, which are never fetched."""
        start, *steps = ref.split("/")
        found = self._root if start == "#" else None
        for step in map(_unescaped, steps):
            if isinstance(found, list) and step.isdecimal() and len(step) < 6:
                found = found[int(step)] if int(step) < len(found) else None
            else:
                found = found.get(step) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


def _own_words(node: Schema) -> dict[str, Any]:
    """The keywords of a schema that hold no other schema, as far as all endpoints take them."""
    kept: dict[str, Any] = {}
    types = [one for one in _texts(node.get("type")) if one != "null"]
    if len(types) == 1:
        kept["type"] = types[0]
    elif types:
        kept["anyOf"] = [{"type": one} | ({"items": {}} if one == "array" else {}) for one in types]
    if isinstance(said := node.get("description"), str) and said:
        kept["description"] = shortened(said, LONGEST_DESCRIPTION)
    if node.get("format") in _FORMATS:
        kept["format"] = node["format"]
    values = [node["const"]] if "const" in node else _list(node.get("enum"))
    if values := [one for one in values if isinstance(one, str | int | float)]:
        kept["enum"] = values
    if isinstance(default := node.get("default"), str | int | float):
        kept["default"] = default
    return kept | {key: node[key] for key in _NUMBERS if type(node.get(key)) in (int, float)}


def _entries(node: Schema) -> int:
    """The entries of a schema, and of the objects and arrays in it, without those further in."""
    return len(node) + sum(len(value) for value in node.values() if isinstance(value, dict | list))


def _without_alternatives(node: Schema) -> Schema:
    return {key: value for key, value in node.items() if key not in _ALTERNATIVES}


def _is_never(node: object) -> bool:
    """True if no value matches a schema, as `false` and `{"not": {}}` say."""
    return node is False or (isinstance(node, dict) and node.get("not") in ({}, True))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    some: Iterable[object] = value if isinstance(value, list) else [value]
    return [one for one in some if isinstance(one, str)]


def _unescaped(step: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc6901#section-4"""
    return unquote(step).replace("~1", "/").replace("~0", "~")
