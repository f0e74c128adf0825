"""Refused values of settings, each as one line in plain words that names the setting. Pure.

No line has the words of pydantic: they name types of Python, patterns and unions that no operator has written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import SettingsError
from core.log import redact
from core.settings.forms import ValueForm

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_LONGEST_SHOWN = 40


class Problems:
    """The lines of all that is wrong, so that they are reported at once. `warnings` go with them: they may be the
    cause. `wrong`: the variables at fault, in capitals. `unread`: a file of variables could not be read at all."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.wrong: set[str] = set()
        self.unread = False

    def concern(self, names: Iterable[str]) -> bool:
        """True if one of the variables `names` is at fault or may be: a second line would say the same of it."""
        return self.unread or not self.wrong.isdisjoint(names)

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


def file_problems(
    error: ValidationError, model: type[BaseModel], at: str, misplaced: Collection[str] = ()
) -> list[str]:
    """The lines of a part of a file that was refused. Each begins with `at` and the key, and shows no value. A key of
    `misplaced` is not said to be missing: another line says where it is."""
    lines = []
    for one in error.errors(include_url=False):
        keys, form = _written(one, ValueForm(model))
        if one["type"] != "missing" or keys[-1] not in misplaced:
            lines.append(f"{place_in_file(at, keys)}: {_reason(one, form, shown=False)}")
    return list(dict.fromkeys(lines))


def place_in_file(at: str, keys: Sequence[str | int]) -> str:
    """The place of a value in a file, as a dotted key of TOML: https://toml.io/en/v1.0.0#keys. `at`: the file, or a
    part of it."""
    dotted = ".".join(quoted(f"{key}") for key in keys)
    return f"{at}.{dotted}" if dotted and ": " in at else f"{at}: {dotted}" if dotted else at


def quoted(name: str) -> str:
    """`name` as a part of a dotted key."""
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else f'"{name}"'


def _written(error: ErrorDetails, form: ValueForm) -> tuple[list[str | int], ValueForm]:
    """The keys of the value at fault as the file has them, and its form. pydantic's place goes on with the names of
    types, where a value may be of several. A table in a list of other values is the fault of the list."""
    keys: list[str | int] = []
    forms = [form]
    for key in error["loc"]:
        below = forms[-1].below(key)
        if below is None:
            break
        keys.append(key)
        forms.append(below)
    if isinstance(error["input"], dict) and keys and isinstance(keys[-1], int) and not forms[-1].is_table:
        return keys[:-1], forms[-2]
    return keys, forms[-1]


def _reason(error: ErrorDetails, form: ValueForm | None, *, shown: bool) -> str:
    if error["type"] == "value_error":
        return redact(str(error["msg"]).removeprefix("Value error, "))
    words = form.words if form is not None else "of another form"
    if error["type"] == "missing":
        return f"is missing; it must be {words}"
    value = error["input"]
    if form is not None and (kind := _other_kind(error, form)):
        return f"must be {words}, not {kind}"
    brief = shown and isinstance(value, str | int | float) and len(f"{value}") <= _LONGEST_SHOWN
    return f"must be {words}" + (f", not {redact(f'{value!r}')}" if brief else "")


def _other_kind(error: ErrorDetails, form: ValueForm) -> str:
    """The kind of a value that is none of the form's; empty for those that need no word."""
    value = error["input"]
    if isinstance(value, dict) and not form.is_table:
        return "a list of tables" if form.is_list and isinstance(error["loc"][-1], int) else "a table"
    return "a list" if isinstance(value, list) and not form.is_list else ""
