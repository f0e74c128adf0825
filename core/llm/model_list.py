"""The models that an endpoint serves, by its `/models`.

Format: https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx

from core.clock import Clock
from core.errors import Code
from core.llm.catalog import Route
from core.llm.connection import bearer
from core.llm.error_bodies import is_page
from core.llm.errors import fault
from core.llm.single_response import create_client, key_text, read_response
from core.settings.urls import models_url

LIMIT_S = 10.0
"""Seconds for the list of one endpoint."""
_LIST_BYTES = 8 * 1024 * 1024


async def served_models(
    route: Route, clock: Clock, environment: Mapping[str, str] | None = None
) -> frozenset[str]:
    """The names of the models that the account of `route` may ask. Raises ModelError, with WRONG_URL where the endpoint
    has no such list, and SettingsError for a variable of `environment` that can't be used."""
    async with create_client(route, clock, LIMIT_S, environment) as client:
        build = partial(_request, route, client)
        return body_to_models(await read_response(route, client, build, clock, LIMIT_S, _LIST_BYTES))


def body_to_models(body: bytes) -> frozenset[str]:
    """The names in a body under 200: the ids of `data`, or of a bare list. Raises ModelError."""
    said = body.decode("utf-8", "replace").strip()
    if is_page(said):
        raise fault(Code.WRONG_URL, "an HTML page came instead of a list of models", status=200)
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        raise fault(Code.GARBLED, "no JSON", status=200) from None
    items = value.get("data") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise fault(Code.GARBLED, "no list of models in the answer", status=200)
    return frozenset(name for item in items if (name := _name(item)))


def _name(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("id") or item.get("name") or "")
    return item if isinstance(item, str) else ""


def _request(route: Route, client: httpx.AsyncClient) -> httpx.Request:
    url = httpx.URL(models_url(route.account.base_url))
    return client.build_request("GET", url, headers=bearer(key_text(route)))
