"""`parley.toml`: where it is, and how it is read. Each of its parts checks its own keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import SettingsError
from core.settings.environment import CoreSettings
from core.settings.problems import Problems, file_problems
from core.settings.variables import Variables

FILE = "parley.toml"
_AT = re.compile(r"(.*) \(at (.*)\)", re.DOTALL)

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The content of the file `source`. `environment`: the variables that it may name, of .env too."""

    source: str
    values: Mapping[str, Any]
    environment: Mapping[str, str]


def read_config_file(settings: CoreSettings, variables: Variables | None = None) -> ConfigFile | None:
    """The file at PARLEY_CONFIG, or in the working directory; None where there is none. It may name `variables`, else
    those of the process. Raises SettingsError."""
    path = Path(settings.parley_config or FILE)
    if not settings.parley_config and not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"PARLEY_CONFIG: {path} can't be read: {reason}") from None
    if variables is None:
        variables = Variables.of_process(problems := Problems())
        problems.check()
    return parse_config_file(text, str(path), variables)


def parse_config_file(text: str, source: str, environment: Mapping[str, str]) -> ConfigFile:
    """Raises SettingsError."""
    try:
        return ConfigFile(source, tomllib.loads(text), environment)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: {_toml_problem(str(error))}") from None


def _toml_problem(message: str) -> str:
    """The message of `tomllib` with its place first."""
    if not (found := _AT.fullmatch(message)):
        return f"is not TOML: {message}"
    reason, place = found.groups()
    reason = f"{reason[:1].lower()}{reason[1:]}"
    return f'{place}: is not TOML, whose lines are like name = "a text" or number = 20 ({reason})'


def checked(model: type[_Model], values: Any, at: str) -> _Model:
    """`values` as `model`. Raises SettingsError with one line for each key at fault, that names `at` and the key, and
    no value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(*file_problems(error, model, at)) from None
