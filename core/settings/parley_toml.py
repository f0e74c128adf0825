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
from core.settings.file_keys import KeyReader
from core.settings.forms import ValueForm
from core.settings.names import names_in, quoted_names
from core.settings.nearest import nearest
from core.settings.problems import Problems, file_problems
from core.settings.variables import Variables

FILE = "parley.toml"
PARTS = ("models", "endpoints", "tools")
"""The keys of the file."""
_THEN = "the rest of the file is checked once that is right"
_AT = re.compile(r"(.*) \(at (.*)\)", re.DOTALL)

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The content of the file `source`. `environment`: the variables that it may name, of .env too. `problem`: the line
    of a `text` that is no TOML, which has no `values`."""

    source: str
    values: Mapping[str, Any]
    environment: Mapping[str, str]
    text: str = ""
    problem: str = ""

    def part(self, name: str) -> Any:
        """The value of one of `PARTS`, also where its key is misspelt: the reader of all keys says so. None without
        one."""
        if name in self.values:
            return self.values[name]
        return next((self.values[key] for key in self.values if nearest(key, PARTS) == name), None)

    @property
    def named(self) -> set[str]:
        """The variables that the file names."""
        return names_in(self.values)

    @property
    def mentioned(self) -> set[str]:
        """Those that it may name: all quoted names of a text that can't be read."""
        return quoted_names(self.text) if self.problem else self.named


def read_config_file(settings: CoreSettings, variables: Variables | None = None) -> ConfigFile | None:
    """The file at PARLEY_CONFIG, or in the working directory; None where there is none. It may name `variables`, else
    those of the process. Raises SettingsError where it can't be read."""
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
    """The content of `text`, or the problem of one that is no TOML."""
    try:
        return ConfigFile(source, tomllib.loads(text), environment, text)
    except tomllib.TOMLDecodeError as error:
        return ConfigFile(source, {}, environment, text, f"{source}: {_toml_problem(str(error))}")


def _toml_problem(message: str) -> str:
    """The message of `tomllib` with its place first."""
    if not (found := _AT.fullmatch(message)):
        return f"is not TOML: {message}; {_THEN}"
    reason, place = found.groups()
    reason = f"{reason[:1].lower()}{reason[1:]}"
    return f'{place}: is not TOML, whose lines are like name = "a text" or number = 20 ({reason}); {_THEN}'


def read_part(model: type[_Model], values: Any, at: str, problems: Problems) -> tuple[Any, _Model | None]:
    """`values` with the keys of `model` alone, and as `model`: None where something is wrong. A line for each key at
    fault, which names `at` and the key and no value, is added to `problems`."""
    reader = KeyReader(values, ValueForm(model), at)
    lines = reader.lines
    try:
        read = model.model_validate(reader.known)
    except ValidationError as error:
        lines += file_problems(error, model, at, reader.misplaced)
    problems.lines += lines
    return reader.known, None if lines else read
