"""The names in `parley.toml` of its other parts and of variables, checked also where other values are wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import SettingsError
from core.headers import read_headers
from core.llm.catalog_file import tables_in
from core.settings.nearest import meant
from core.settings.parley_toml import ConfigFile
from core.settings.problems import place_in_file

_BASE_URL = re.compile(r"""base_url["']?\s*=\s*["']([^"'\n]+)""")


def reference_problems(values: Any, environment: Mapping[str, str], source: str) -> Iterator[str]:
    """A line for each name that leads nowhere. `values` have the keys of `CatalogFile` alone."""
    endpoints = tables_in(values.get("endpoints")) if isinstance(values, Mapping) else {}
    if endpoints:
        yield from _unserved(values.get("models"), endpoints, source)
    for name, endpoint in endpoints.items():
        at = place_in_file(source, ("endpoints", name))
        given = tables_in({"headers": endpoint.get("headers")}).get("headers", {})
        texts = {header: value for header, value in given.items() if isinstance(value, str)}
        yield from (f"{at}.headers: {reason}" for reason in read_headers(texts, environment)[1])
        for number, account in tables_in(endpoint.get("accounts")).items():
            yield from _unset(account, environment, f"{at}.accounts.{number}.key_env")
    yield from _several_embedders(endpoints, source)


def addresses(file: ConfigFile) -> set[str]:
    """The base URLs in a file, also of one that is no TOML. They may be wrong in part."""
    if file.problem:
        found = _BASE_URL.findall(file.text)
    else:
        found = [one.get("base_url") for one in tables_in(file.part("endpoints")).values()]
    return {one for one in found if isinstance(one, str) and one.startswith(("http://", "https://"))}


def _unserved(chain: object, endpoints: Mapping[str, Mapping[str, Any]], source: str) -> Iterator[str]:
    """Models of the chain that no endpoint serves. Where an endpoint's models can't be read it may serve those that are
    like no other."""
    served = {
        model for endpoint in endpoints.values() for model in tables_in({0: endpoint.get("models")}).get(0, ())
    }
    all_known = all(isinstance(endpoint.get("models"), Mapping) for endpoint in endpoints.values())
    for model in dict.fromkeys(one for one in chain if isinstance(one, str)) if isinstance(chain, list) else ():
        hint = meant(model, served)
        if model not in served and (all_known or hint):
            yield f"{source}: models: no endpoint serves {model!r}{hint}"


def _unset(account: Mapping[str, Any], environment: Mapping[str, str], at: str) -> Iterator[str]:
    """The variable of an account's key, where it has no value, or its file can't be read."""
    name = account.get("key_env")
    if "key" in account or not isinstance(name, str) or not name:
        return
    try:
        if not environment.get(name):
            yield f"{at}: {name} is not set"
    except SettingsError as error:
        yield from error.lines


def _several_embedders(endpoints: Mapping[str, Mapping[str, Any]], source: str) -> Iterator[str]:
    written = [endpoint.get("embed") for endpoint in endpoints.values()]
    named = [one.get("name") if isinstance(one, Mapping) else one for one in written]
    models = list(dict.fromkeys(one for one in named if isinstance(one, str) and one))
    if len(models) > 1:
        yield f"{source}: embed: {models[0]!r} and {models[1]!r} are two models; there can be one"
