"""Requests held against Discord's own OpenAPI document, where it is at hand.

https://github.com/discord/discord-api-spec (``specs/openapi.json``). It is looked for at the path in
``DISCORD_OPENAPI``, else beside the repository. Without it nothing is checked, and ``checked`` says so.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_URI = "urn:discord"
_BESIDE = Path(__file__).parents[3] / ".." / "shared" / "data" / "discord-openapi.json"
_FORMS = ("application/json", "multipart/form-data")


class Spec:
    """The document, compiled piece by piece as requests need it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self._paths = [(_pattern(path), path) for path in paths]
        self._validators: dict[int, Draft202012Validator] = {}

    def problems(self, method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
        """What Discord would not accept of a request; empty when all is well."""
        template = next((known for pattern, known in self._paths if pattern.fullmatch(path)), None)
        operation = self._document["paths"].get(template, {}).get(method.lower())
        if operation is None:
            return [f"{method} {path}: no such operation"]
        found = self._query_problems(template or "", operation, query)
        content = operation.get("requestBody", {}).get("content", {})
        schema = next((content[form]["schema"] for form in _FORMS if form in content), None)
        if schema is not None and body is not None:
            found += self._body_problems(schema, body)
        elif schema is not None and operation["requestBody"].get("required"):
            found.append("a body is required")
        return [f"{method} {path}: {problem}" for problem in found]

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
        error = best_match(validator.iter_errors(body))
        return [f"{error.json_path}: {error.message[:300]}" if error else "invalid body"]

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        key = id(schema)  # the document lives as long as this object
        if key not in self._validators:
            absolute = json.loads(json.dumps(schema).replace('"#/', f'"{_URI}#/'))
            self._validators[key] = Draft202012Validator(absolute, registry=self._registry)
        return self._validators[key]


@lru_cache(maxsize=1)
def load() -> Spec | None:
    """The document's Spec, read once per process; None when it is not at hand.

    The document calls ids strings. Discord reads integers too, and discord.py sends them in replies and uploads.
    """
    path = Path(os.environ.get("DISCORD_OPENAPI", _BESIDE))
    if not path.is_file():
        return None
    document = json.loads(path.read_text("utf-8"))
    document["components"]["schemas"]["SnowflakeType"]["type"] = ["string", "integer"]
    return Spec(document)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def _readings(text: str) -> list[Any]:
    """The values that a word in a query string may stand for."""
    values: list[Any] = [text]
    if re.fullmatch(r"-?\d+", text):
        values.append(int(text))
    if text.lower() in {"0", "1", "true", "false"}:
        values.append(text.lower() in {"1", "true"})
    return values
