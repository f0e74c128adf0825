"""Schemas of tool servers, as endpoints take them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tools.schemas import ANY_ARGUMENTS, LONGEST_SCHEMA, clean, restored


def cleaned(schema: Any) -> Any:
    return json.loads(clean(json.dumps(schema)).parameters)


def the_property(schema: Any, **root: Any) -> Any:
    """The cleaned schema of one property."""
    return cleaned({"type": "object", "properties": {"p": schema}, **root})["properties"]["p"]


@pytest.mark.parametrize(
    ("given_schema", "taken"),
    [
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "array", "prefixItems": [{}]}, {"type": "array", "items": {}}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, {"type": "string"}),
        ({"anyOf": [{"not": {}}, {"type": "integer"}]}, {"type": "integer"}),
        ({"type": ["string", "null"]}, {"type": "string"}),
        ({"type": ["string", "number"]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        (
            {"oneOf": [{"type": "string"}, {"type": "number"}]},
            {"anyOf": [{"type": "string"}, {"type": "number"}]},
        ),
        ({"type": "object", "additionalProperties": {}}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"type": "string", "format": "uri", "title": "P"}, {"type": "string"}),
        ({"allOf": [{"type": "string"}, {"description": "x"}]}, {"type": "string", "description": "x"}),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        (True, {}),
    ],
)
def test_what_strict_endpoints_refuse_is_put_in_other_words(given_schema: Any, taken: Any) -> None:
    assert the_property(given_schema) == taken


def test_references_are_inlined() -> None:
    defs = {"Name": {"type": "string", "description": "Whose"}}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": defs}
    assert the_property({"$ref": "#/$defs/Name"}, **schema) == defs["Name"]
    assert cleaned({**schema, "properties": {}}) == {"type": "object", "properties": {}}


def test_a_reference_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    inner = the_property({"$ref": "#/$defs/Node"}, **{"$defs": {"Node": node}})
    assert inner == {"type": "object", "properties": {"next": {}}}


def test_references_elsewhere_and_to_nowhere_take_every_value() -> None:
    for ref in ("https://example.com/schema.json", "#/$defs/None", "#/required/7", "other.json#/a"):
        assert the_property({"$ref": ref}) == {}


def test_references_that_multiply_are_bounded() -> None:
    defs: dict[str, Any] = {"D0": {"type": "string"}}
    for level in range(1, 40):
        twice = {name: {"$ref": f"#/$defs/D{level - 1}"} for name in "abcdefgh"}
        defs[f"D{level}"] = {"type": "object", "properties": twice}
    text = json.dumps({"type": "object", "properties": {"p": {"$ref": "#/$defs/D39"}}, "$defs": defs})
    began = time.process_time()
    assert len(clean(text).parameters) <= LONGEST_SCHEMA
    assert time.process_time() - began < 1


@pytest.mark.parametrize("key", ["allOf", "anyOf"])
def test_many_parts_that_are_merged_are_bounded(key: str) -> None:
    parts: list[dict[str, Any]] = [{"properties": {f"p{number}": {}}} for number in range(4_000)]
    began = time.process_time()
    assert clean(json.dumps({"type": "object", key: parts})) == ANY_ARGUMENTS
    assert time.process_time() - began < 1


def test_alternatives_at_the_top_become_optional_properties() -> None:
    either = [
        {"properties": {"id": {"type": "string"}}, "required": ["id"]},
        {"properties": {"url": {"type": "string"}}},
    ]
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "oneOf": either}
    assert cleaned(schema) == {
        "type": "object",
        "properties": {"url": {"type": "string"}, "id": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["n"],
    }


def test_odd_names_of_properties_are_replaced_and_put_back() -> None:
    filters = {"type": "object", "properties": {"due[gte]": {"type": "string"}}, "required": ["due[gte]"]}
    schema = clean(json.dumps({"type": "object", "properties": {"$filter": filters}, "required": ["$filter"]}))
    taken = json.loads(schema.parameters)
    (outer,), (inner,) = taken["properties"], taken["properties"][taken["required"][0]]["properties"]
    assert not set("$[]") & set(outer + inner)
    said = [{outer: {inner: "2026-01-01", "other": 1}}]
    assert restored(said, dict(schema.renamed)) == [{"$filter": {"due[gte]": "2026-01-01", "other": 1}}]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '{"type": "string"}', "[" * 100_000])
def test_a_schema_that_cannot_be_cleaned_is_a_plain_object(text: str) -> None:
    assert clean(text) == ANY_ARGUMENTS


def test_a_property_named_like_a_keyword_stays() -> None:
    properties = {name: {"type": "string"} for name in ("title", "$schema", "type", "required", "properties")}
    taken = cleaned({"type": "object", "properties": properties})["properties"]
    assert {"title", "type", "required", "properties"} < set(taken)
    assert len(taken) == 5


KEYS = """
type properties a b[0] items $ref anyOf oneOf allOf required enum not const default additionalProperties description
$defs minimum
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("#/properties/a"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS.split()),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_no_schema_is_too_odd(schema: Any) -> None:
    taken = json.loads(clean(json.dumps(schema)).parameters)
    assert taken["type"] == "object"
    assert isinstance(taken["properties"], dict)
    assert "$ref" not in json.dumps({key: taken[key] for key in taken if key != "properties"})
