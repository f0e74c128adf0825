"""Checks answers of `parley init` before anything is written: kinds of tokens, and each setting as a start does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bots.config import SETTINGS
from bots.setup.answers import Answers, missing_tokens, to_variables
from bots.setup.platforms import TOKEN_PROBLEMS
from bots.setup.toml_file import to_toml
from core.errors import SettingsError
from core.llm.catalog import toml_to_catalog
from core.settings.environment import CoreSettings
from core.settings.parley_toml import FILE
from core.settings.problems import Problems
from core.settings.variables import Variables

_NO_KEYS = (
    (re.compile(r"(?:xox.|xapp)-.*"), "is a token of Slack's"),
    (re.compile(r"https?://.*"), "is an address, which belongs in OPENAI_BASE_URL"),
)


def problem_of(name: str, value: str) -> str:
    """The reason why the setting `name` can't have this value, in words; empty where it can."""
    if not value:
        return ""
    if "${" in value:  # https://saurabh-kumar.com/python-dotenv/#variable-expansion
        return "has ${ in it, which a .env file takes for a variable: set it in the environment instead"
    if name in TOKEN_PROBLEMS and (problem := TOKEN_PROBLEMS[name](value)):
        return problem
    if name.endswith("_API_KEY"):
        return next((problem for form, problem in _NO_KEYS if form.fullmatch(value)), "")
    lines = [line for line in _setting_problems({name: value}) if line.startswith(f"{name}: ")]
    return lines[0].removeprefix(f"{name}: ") if lines else ""


def problems_of(answers: Answers) -> list[str]:
    """A line for each setting that can't be as answered. Tokens that are still missing are none."""
    values = to_variables(answers)
    lines = [f"{name}: {problem}" for name, value in values.items() if (problem := problem_of(name, value))]
    if lines:
        return lines
    incomplete = set(TOKEN_PROBLEMS) if missing_tokens(answers) else set()
    lines = _setting_problems({name: value for name, value in values.items() if name not in incomplete})
    if not lines and answers.endpoints and answers.needs_file:
        try:
            toml_to_catalog(to_toml(answers.endpoints), CoreSettings(_env_file=None), values, FILE)
        except SettingsError as error:
            return list(error.lines)
    return lines


def _setting_problems(values: Mapping[str, str]) -> list[str]:
    problems = Problems()
    for settings in SETTINGS:
        settings.read(Variables({}, values), problems)
    return problems.lines
