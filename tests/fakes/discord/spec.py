"""Requests, and the fake's own answers, held against Discord's OpenAPI document.

``openapi.json`` is the part of https://github.com/discord/discord-api-spec that the fake's routes need (``trim`` made
it); ``DISCORD_OPENAPI`` may name the whole one.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012, Draft202012Validator, Registry, ValidationError

_URI = "urn:discord"
COPY = Path(__file__).with_name("openapi.json")
_FORMS = ("application/json", "multipart/form-data")


class Spec:
    """The document, compiled piece by piece as requests need it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._registry = Registry([(_URI, document)], draft=Draft202012)
        self._validators: dict[int, Draft202012Validator] = {}

    def problems(self, method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
        """The problems for which Discord would refuse a request; empty when there are none."""
        template, known = operation(self._document, method, path)
        if known is None:
            return [f"{method} {path}: no such operation"]
        found = self._query_problems(template, known, query)
        schema = _schema(known.get("requestBody", {}))
        if schema is not None and body is not None:
            found += self._body_problems(schema, body)
        elif schema is not None and known["requestBody"].get("required"):
            found.append("a body is required")
        return [f"{method} {path}: {problem}" for problem in found]

    def answer_problems(self, method: str, path: str, body: Any) -> list[str]:
        """The problems of an answer that Discord would not give: faults of the fake."""
        _, known = operation(self._document, method, path)
        body = _without_forwards(body)
        said = [_schema(answer) for answer in (known or {}).get("responses", {}).values()]
        schemas = [schema for schema in said if schema is not None]
        if body is None or not schemas or any(self._validator(schema).is_valid(body) for schema in schemas):
            return []
        return [f"{method} {path}: answered {problem}" for problem in self._body_problems(schemas[0], body)]

    def object_problems(self, name: str, value: Any) -> list[str]:
        """The problems of an object of Discord's, by the name of its schema."""
        return self._body_problems(self._document["components"]["schemas"][name], value)

    def _query_problems(self, template: str, operation: dict[str, Any], query: dict[str, str]) -> list[str]:
        shared = self._document["paths"][template].get("parameters", [])
        known = {p["name"]: p for p in [*shared, *operation.get("parameters", [])] if p.get("in") == "query"}
        found = [
            f"missing query parameter {n}" for n, p in known.items() if p.get("required") and n not in query
        ]
        found += [
            f"query parameter {name}={query[name]!r} does not fit"
            for name in query.keys() & known.keys()
            if not any(map(self._validator(known[name]["schema"]).is_valid, _readings(query[name])))
        ]
        return found

    def _body_problems(self, schema: dict[str, Any], body: Any) -> list[str]:
        validator = self._validator(schema)
        if validator.is_valid(body):
            return []
        error = min(validator.iter_errors(body), key=lambda error: len(error.instance_path))
        return [f"{_json_path(error)}: {error.message[:300]}"]

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        key = id(schema)  # the document lives as long as this object
        if key not in self._validators:
            absolute = json.loads(json.dumps(schema).replace('"#/', f'"{_URI}#/'))
            self._validators[key] = Draft202012Validator(
                absolute, registry=self._registry, validate_formats=False, offline=True
            )
        return self._validators[key]


@lru_cache(maxsize=1)
def load() -> Spec:
    """The document's Spec, read once per process.

    The document calls ids strings. Discord reads integers too, and discord.py sends them in replies and uploads.
    """
    path = Path(os.environ.get("DISCORD_OPENAPI", COPY))
    document = json.loads(path.read_text("utf-8"))
    document["components"]["schemas"]["SnowflakeType"]["type"] = ["string", "integer"]
    return Spec(document)


def _without_forwards(part: Any) -> Any:
    """The part with the type 0 in place of a forward's: the document knows references of replies only."""
    if isinstance(part, list):
        return [_without_forwards(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    known = {key: _without_forwards(inner) for key, inner in part.items()}
    return known | {"type": 0} if known.get("type") == 1 and "message_id" in known else known


def operation(document: dict[str, Any], method: str, path: str) -> tuple[str, dict[str, Any] | None]:
    """(template, operation) of a path, the one with the fewest parameters first; of a template too."""
    fitting = [known for known in document["paths"] if _pattern(known).fullmatch(path)]
    template = min(fitting, key=lambda known: known.count("{"), default="")
    return template, document["paths"].get(template, {}).get(method.lower())


def _json_path(error: ValidationError) -> str:
    """The path in the instance, such as `$.embeds[0].title`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return "$" + "".join(steps)


def _schema(part: dict[str, Any]) -> Any:
    content = part.get("content", {})
    return next((content[form]["schema"] for form in _FORMS if form in content), None)


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def _readings(text: str) -> list[Any]:
    """The values that a word in a query string may mean."""
    values: list[Any] = [text]
    if re.fullmatch(r"-?\d+", text):
        values.append(int(text))
    if text.lower() in {"0", "1", "true", "false"}:
        values.append(text.lower() in {"1", "true"})
    return values
