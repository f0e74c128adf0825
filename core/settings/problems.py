"""Refused values of settings, each as one line in plain words that names the setting. Pure.

No line has the words of pydantic: they name types of Python, patterns and unions that no operator has written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import SettingsError
from core.log import redact
from core.settings.forms import ValueForm
from core.settings.nearest import meant

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_LONGEST_SHOWN = 40


class Problems:
    """The lines of all that is wrong, so that they are reported at once. `warnings` go with them: they may be the
    cause."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def attempt(
        self, check: Callable[_Given, _Result], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Result | None:
        """The result of `check`, or None where it raises SettingsError: its lines are kept."""
        try:
            return check(*args, **kwargs)
        except SettingsError as error:
            self.lines += error.lines
            self.warnings += error.warnings
            return None

    def check(self) -> None:
        """Raises SettingsError with all lines, each once, if there are any."""
        if self.lines:
            raise SettingsError(*dict.fromkeys(self.lines), warnings=self.warnings)


def variable_problems(error: ValidationError, model: type[BaseModel]) -> dict[str, str]:
    """The line of each field of a settings class that was refused. The key is empty for what fields have in common:
    that line names a variable itself."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        form = ValueForm(model).below(name)
        reason = _reason(one, form, shown=form is not None and not form.is_secret)
        found.setdefault(name, f"{name.upper()}: {reason}" if name else reason)
    return found


def file_problems(error: ValidationError, model: type[BaseModel], at: str) -> list[str]:
    """The lines of a part of a file that was refused. Each begins with `at` and the key, and shows no value."""
    lines = []
    for one in error.errors(include_url=False):
        keys, form = _written(one, ValueForm(model))
        place = ".".join([at, *keys]) if ": " in at else f"{at}: {'.'.join(keys)}" if keys else at
        lines.append(f"{place}: {_reason(one, form, shown=False)}")
    return list(dict.fromkeys(lines))


def _written(error: ErrorDetails, form: ValueForm) -> tuple[list[str], ValueForm | None]:
    """The keys of the value at fault as the file has them, and its form. pydantic's place goes on with the names of
    types, where a value may be of several."""
    keys: list[str] = []
    last: ValueForm | None = form
    for key in error["loc"]:
        below = last.below(key) if last is not None else None
        unknown = error["type"] == "extra_forbidden" and len(keys) + 1 == len(error["loc"])
        if below is None and not unknown:
            break
        keys.append(f"{key}")
        last = last if unknown else below
    return keys, last


def _reason(error: ErrorDetails, form: ValueForm | None, *, shown: bool) -> str:
    if error["type"] == "value_error":
        return redact(str(error["msg"]).removeprefix("Value error, "))
    if error["type"] == "extra_forbidden":
        known = form.keys if form is not None else []
        hint = meant(str(error["loc"][-1]), known)
        return f"is no key of Parley{hint or ': here are ' + ', '.join(known)}"
    words = form.words if form is not None else "of another form"
    if error["type"] == "missing":
        return f"is missing; it must be {words}"
    value = error["input"]
    brief = shown and isinstance(value, str | int | float) and len(f"{value}") <= _LONGEST_SHOWN
    if isinstance(value, dict) and not words.startswith("a table"):
        return f"must be {words}, not a table"
    return f"must be {words}" + (f", not {redact(f'{value!r}')}" if brief else "")
