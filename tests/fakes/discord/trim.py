"""Renews ``openapi.json``: what of Discord's own document the fake's routes need.

    python -m tests.fakes.discord.trim specs/openapi.json

The document: https://github.com/discord/discord-api-spec (MIT). Words for readers are left out; one operation and one
schema a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.discord import applications, channels, webhooks
from tests.fakes.discord.spec import COPY, operation

_WORDS = {"description", "title", "operationId", "security", "tags"}


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """The operations of the fake's routes, and the schemas that they lead to."""
    paths: dict[str, dict[str, Any]] = {}
    for route in applications.ROUTES + channels.ROUTES + webhooks.ROUTES:
        template, found = operation(document, route.method, route.template)
        if found is None:
            continue  # a route that the document does not know
        asked = [p for p in document["paths"][template].get("parameters", []) if p.get("in") == "query"]
        asked += [p for p in found.get("parameters", []) if p.get("in") == "query"]
        kept: dict[str, Any] = {"parameters": asked} if asked else {}
        if "requestBody" in found:
            kept["requestBody"] = found["requestBody"]
        kept["responses"] = {status: said for status, said in found["responses"].items() if status[0] == "2"}
        paths.setdefault(template, {})[route.method.lower()] = _silent(kept)
    schemas: dict[str, Any] = {}
    waiting = list(_names(paths))
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = _silent(document["components"]["schemas"][name])
            waiting += _names(schemas[name])
    return {
        "openapi": document["openapi"],
        "info": {key: document["info"][key] for key in ("title", "license", "version")},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _names(part: Any) -> Iterator[str]:
    """The schemas that a part refers to."""
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for inner in part.values():
            yield from _names(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _names(inner)


def _silent(part: Any) -> Any:
    if isinstance(part, list):
        return [_silent(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _silent(inner)
        for key, inner in part.items()
        if not (key in _WORDS and isinstance(inner, str | list))
        and not key.startswith("x-")
        and key != "headers"
    }


def _written(document: dict[str, Any]) -> str:
    def lines(part: dict[str, Any]) -> str:
        return ",\n".join(
            f"{json.dumps(key)}:{json.dumps(inner, separators=(',', ':'))}" for key, inner in part.items()
        )

    return (
        f'{{"openapi":{json.dumps(document["openapi"])},"info":{json.dumps(document["info"])},\n'
        f'"paths":{{\n{lines(document["paths"])}\n}},\n'
        f'"components":{{"schemas":{{\n{lines(document["components"]["schemas"])}\n}}}}}}\n'
    )


if __name__ == "__main__":
    COPY.write_text(_written(trimmed(json.loads(Path(sys.argv[1]).read_text("utf-8")))), "utf-8")
