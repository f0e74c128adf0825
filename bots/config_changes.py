"""The difference between the settings in force and those read anew, by name, and those that no reload reads. Pure; no
value is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bots.config import Config, known_names
from core.llm.catalog import EMBED_AT, TRANSCRIBE_AT
from core.settings.environment import CoreSettings, Settings
from core.settings.live import RELOADED
from core.settings.names import names_in
from core.settings.parley_toml import FILE as TOML
from core.settings.variables import FILE, FROM_FILE


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """The names of the settings that take effect at a reload, and of those that need a restart."""

    reloaded: tuple[str, ...]
    restart: tuple[str, ...]


def changes_of(old: Config, new: Config) -> ConfigChanges:
    """The changes from `old` to `new`."""
    in_core = set(_fields(old.core, new.core))
    if new.catalog.source and new.catalog.source == old.catalog.source and _of_models(new):
        in_core -= {"openai_model"}  # the first model of the file
    reloaded = [name.upper() for name in in_core & RELOADED] + [*_keys(old, new), *_rotated(old, new)]
    restart = [name.upper() for name in in_core - RELOADED]
    restart += [name.upper() for one, other in _others(old, new) for name in _fields(one, other)]
    if old.catalog.transcriptions != new.catalog.transcriptions:
        restart.append(f"{TRANSCRIBE_AT} with its account")
    if old.catalog.embeddings != new.catalog.embeddings:
        restart.append(f"{EMBED_AT} with its account")
    return ConfigChanges(tuple(sorted(set(reloaded))), tuple(sorted(set(restart))))


def not_reread(config: Config, folder: Path) -> str:
    """The settings that a reload of `config` in the working directory `folder` can't change, in words: the environment
    of a process stays as it was at its start."""
    variables, known = config.variables.in_capitals(), known_names(config.file)
    inherited = {name for name, value in variables.environment.items() if value and name in known}
    if not inherited:
        return "nothing"
    count = f"{len(inherited)} setting{'s' if len(inherited) > 1 else ''} from the environment of the process"
    shadowed = sorted(inherited & {name for name, value in variables.dotenv.items() if value})
    named = sorted(inherited & names_in(config.file.values)) if config.file is not None else []
    if shadowed or named:
        places = [f"{name} (also in {FILE})" for name in shadowed]
        places += [f"{name} (named in {config.file.source})" for name in named if config.file is not None]
        return f"{count}, among them {', '.join(places)}"
    if config.file is not None or variables.dotenv:
        return count
    files = sorted(name for name in inherited if name.endswith(FROM_FILE))
    left = f"the files of {', '.join(files)} alone were read" if files else "there is nothing to reread"
    return f"{count}; {folder} has no settings in {FILE} and no {TOML}: {left}"


def _others(old: Config, new: Config) -> Iterator[tuple[Settings, Settings]]:
    """The settings of both beside the core's."""
    for one in fields(new):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if isinstance(after, Settings) and not isinstance(after, CoreSettings):
            yield before, after


def _fields(old: Settings, new: Settings) -> Iterator[str]:
    names = type(new).model_fields
    return (name for name in names if getattr(old, name) != getattr(new, name))


def _of_models(config: Config) -> bool:
    """True if the models are those of a file."""
    return config.file is not None and "endpoints" in config.file.values


def _keys(old: Config, new: Config) -> list[str]:
    """The keys of the file that were added, changed or removed."""
    before, after = (dict(_flat(one.file.values)) if one.file is not None else {} for one in (old, new))
    file = new.file or old.file
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    return [f"{file.source}: {key}" for key in changed] if file is not None else []


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{at}.{number}")
    else:
        yield at, value


def _rotated(old: Config, new: Config) -> Iterator[str]:
    """The settings of keys that have another value under the same name, also where a file holds them."""
    before = {route.account.name: route.account for route in old.catalog.routes}
    for account in {route.account.name: route.account for route in new.catalog.routes}.values():
        known = before.get(account.name)
        if known is not None and known.key != account.key:
            yield account.key_at.partition(", account ")[0]
        if known is not None and known.headers != account.headers:
            yield f"headers of account {account.name}"
    servers = {server.name: server for server in old.tool_servers}
    for server in new.tool_servers:
        known_server = servers.get(server.name)
        if known_server is not None and (known_server.headers, known_server.env) != (
            server.headers,
            server.env,
        ):
            yield f"headers or variables of the tools {server.name}"
