"""`parley.toml`: where it is, and how it is read. Each of its parts checks its own keys."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from core.errors import SettingsError
from core.settings.environment import CoreSettings

FILE = "parley.toml"

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The content of the file `source`. `environment`: the variables that it may name, of .env too."""

    source: str
    values: Mapping[str, Any]
    environment: Mapping[str, str]


def read_config_file(settings: CoreSettings) -> ConfigFile | None:
    """The file at PARLEY_CONFIG, or in the working directory; None where there is none. Raises SettingsError."""
    path = Path(settings.parley_config or FILE)
    if not settings.parley_config and not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"PARLEY_CONFIG: {path} can't be read: {reason}") from None
    known = {name: value for name, value in dotenv_values(".env").items() if value} | dict(os.environ)
    return parse_config_file(text, str(path), known)


def parse_config_file(text: str, source: str, environment: Mapping[str, str]) -> ConfigFile:
    """Raises SettingsError."""
    try:
        return ConfigFile(source, tomllib.loads(text), environment)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: {error}") from None


def checked(model: type[_Model], values: Any, at: str) -> _Model:
    """`values` as `model`. Raises SettingsError with one line that names `at` and the key at fault, and no value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        keys = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{at}: {keys}: {reason}" if keys else f"{at}: {reason}") from None
