"""The endpoints that `parley init` was told, as `parley.toml`. Pure."""

from __future__ import annotations

import json

from bots.setup.answers import Endpoint
from core.errors import SettingsError
from core.settings.parley_toml import FILE, parse_config_file


def names_models(text: str) -> bool:
    """True if a `parley.toml` has more than tools. Raises SettingsError for one that is no TOML."""
    file = parse_config_file(text, FILE, {})
    if file.problem:
        raise SettingsError(file.problem)
    return bool(set(file.values) - {"tools"})


def with_tools(text: str, tools: str) -> str:
    """The endpoints, and behind them the tools of a file that had nothing else."""
    return f"{text}\n{tools}" if tools.strip() else text


def to_toml(endpoints: tuple[Endpoint, ...]) -> str:
    """The endpoints as `parley.toml`: they are asked in this order."""
    models = dict.fromkeys(model for endpoint in endpoints for model in endpoint.models)
    lines = [
        "# Endpoints and models, written by `parley init`. deploy/parley.example.toml shows all that can be set.",
        "# The chain: the first model answers, the next ones step in while it can't be had.",
        f"models = [{', '.join(map(_string, models))}]",
    ]
    for endpoint in endpoints:
        account = f'{{ name = "first", key_env = {_string(endpoint.key_name)} }}'
        served = ", ".join(f"{_string(model)} = {{}}" for model in endpoint.models)
        lines += [
            "",
            f"[endpoints.{endpoint.name}]",
            f"base_url = {_string(endpoint.base_url)}",
            f"accounts = [{account}]",
            f"models = {{ {served} }}",
        ]
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    """A TOML string. https://toml.io/en/v1.0.0#string"""
    return json.dumps(text, ensure_ascii=False)
