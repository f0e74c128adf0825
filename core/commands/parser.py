"""Parses a typed line into the options of a command, and options into their values. Pure.

    /summarize 3 hours            {"hours": "3"}
    /summarize of:channel 50      {"of": "channel", "last": "50"}
    /settings workspace model m   {"scope": "workspace", "name": "model", "value": "m"}

`name:value` names an option, in English or in the person's language; a lone word is a choice of the option that
has it, a lone number the first number that is missing; the rest of the line goes to the option that takes it, without
`scope:workspace` at its end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from core.commands import COMMANDS, Kind, Option, Spec
from core.i18n import LANGUAGES, SPOKEN, phrase
from core.settings.channel import SETTINGS
from core.text import DIRECTION_MARKS, shortened

Values = dict[str, str | int | float]

_COMMAND = re.compile(r"/(?:parley\s+/?)?([^\s/:]+)(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)
_ECHO_LENGTH = 80
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_QUOTES = "\"'“”‘’„«»「」『』"
_UNSEEN = " \t\n\ufeff" + DIRECTION_MARKS
"""Keyboards and mail programs put these before a slash."""


class CommandError(Exception):
    """A command that can't be done as it was given: the phrase that says why, and its values.

    `about`: the field of a form that it is about. `option`: the option whose value is wrong.
    """

    def __init__(
        self, key: str, about: str = "", option: Option | None = None, /, **values: str | int | float
    ) -> None:
        super().__init__(key)
        self.key = key
        self.about = about
        self.option = option
        self.values = values


def echo(words: str) -> str:
    """A person's text as it is repeated to them: in one line, shortened."""
    return shortened(" ".join(words[: _ECHO_LENGTH * 4].split()), _ECHO_LENGTH)


def command_of(text: str) -> tuple[str, str] | None:
    """(name, the rest) of a text that begins with a slash and the name of a command, in any language."""
    found = _COMMAND.fullmatch(text.strip().strip(_UNSEEN))
    name = None if found is None else named(found[1])
    return None if found is None or name is None else (name, (found[2] or "").strip())


def named(word: str) -> str | None:
    """The command that a word is the name of, in any language."""
    word = word.strip().lstrip("/").lower()
    return next((spec.name for spec in COMMANDS.values() if word in _names(spec.key, spec.name)), None)


def options_of(spec: Spec, argument: str) -> dict[str, str]:
    """The options that a typed line gives. Raises CommandError."""
    given, left = _last_named(spec, argument.strip())
    while left:
        if _is_value(spec, left, given):
            given["value"] = left
            break
        word = left.split(" ", 1)[0]
        word = left if "\n" in word else word
        taken = _named(spec, word, left) or _unit(spec, left, given) or _lone(spec, word, left, given)
        if taken is not None:
            option, value, left = taken
            given[option.name] = value
        elif rest := next(
            (option for option in spec.options if option.rest and option.name not in given), None
        ):
            given[rest.name], left = left, ""
        else:
            raise CommandError("misread_word", word=echo(word))
    return given


def values_of(spec: Spec, options: Mapping[str, str]) -> Values:
    """The options as values, checked. Empty ones count as not given. Raises CommandError."""
    values: Values = {}
    for option in spec.options:
        text = str(options.get(option.name, "")).strip()
        if text:
            values[option.name] = _value(option, text)
        elif option.required and not any(options.get(other.name) for other in spec.options if not other.shown):
            raise CommandError("misread_missing")
    return values


def line_of(spec: Spec, values: Values) -> str:
    """The command as a typed line. `options_of` parses it back."""
    words = [f"{name}:{value}" for name, value in values.items() if value != ""]
    return " ".join([f"/{spec.name}", *words])


def _last_named(spec: Spec, line: str) -> tuple[dict[str, str], str]:
    """The options that must be named, at the end of a line behind others, and the line without them."""
    given: dict[str, str] = {}
    for option in (one for one in spec.options if one.named):
        names = "|".join(map(re.escape, _names(spec.option_key(option), option.name)))
        values = "|".join(map(re.escape, dict(_named_choices(option))))
        if found := re.search(rf"\s(?:{names})\s*[:：]\s*({values})\s*$", line, re.IGNORECASE):
            given[option.name], line = found[1], line[: found.start()].rstrip()
    return given, line


def _named(spec: Spec, word: str, left: str) -> tuple[Option, str, str] | None:
    name, colon, value = word.partition(":")
    if not colon:
        name, colon, value = word.partition("：")
    typed = (one for one in spec.options if one.typed)
    option = next((one for one in typed if name.lower() in _names(spec.option_key(one), one.name)), None)
    if option is None or not (colon or option.spaced):
        return None
    if option.rest:
        return option, left.partition(colon)[2].strip(), ""
    if not value:  # `hours: 3`, `at 9:00`
        value = left[len(word) :].strip().partition(" ")[0]
        return option, value, left[len(word) :].strip()[len(value) :].strip()
    return option, value, left[len(word) :].strip()


def _unit(spec: Spec, left: str, given: dict[str, str]) -> tuple[Option, str, str] | None:
    """`3h`, `3 hours`."""
    number = _NUMBER.match(left)
    if number is None:
        return None
    after = left[number.end() :].lstrip()
    for option in spec.options:
        for unit in option.units:
            rest = after[len(unit) :]
            if option.name not in given and after.lower().startswith(unit) and not rest[:1].isalpha():
                return option, number[0], rest.strip()
    return None


def _is_value(spec: Spec, left: str, given: dict[str, str]) -> bool:
    """True if all that is left is a value of the setting that was named. It may also be the name of a scope, such as
    `settings memory workspace`; the scope then stands before the value, or before the name."""
    setting = SETTINGS.get(given.get("name", ""))
    read = spec.name != "settings" or setting is None or not given.keys().isdisjoint(("value", "scope"))
    return not read and setting is not None and choice_named(setting.choices, left) is not None


def _lone(spec: Spec, word: str, left: str, given: dict[str, str]) -> tuple[Option, str, str] | None:
    takes_rest = any(option.rest for option in spec.options)
    for option in spec.options:
        if option.behind and option.behind in given and option.name not in given:
            return option, word, left[len(word) :].strip()
        if (
            option.name in given
            or not option.typed
            or option.spaced
            or (option.named and takes_rest and spec.name != "settings")
        ):
            continue
        if option.kind is Kind.CHOICE and (found := _choice_at_start(option, left)):
            return option, *found
        if option.kind in (Kind.WHOLE, Kind.NUMBER) and _NUMBER.fullmatch(word):
            return option, word, left[len(word) :].strip()
    return None


def _value(option: Option, text: str) -> str | int | float:
    if option.kind is Kind.TEXT:
        return _unquoted(text) if option.suggests else text
    text = _unquoted(text)
    if option.kind is Kind.CHOICE:
        choice = dict(_named_choices(option)).get(text.lower())
        if choice is None:
            raise no_choice(option)
        return choice
    try:
        number = int(text) if option.kind is Kind.WHOLE else float(text)
    except ValueError:
        number = math.nan
    if not option.least <= number <= option.most:
        raise CommandError("misread_number", "", option, least=option.least, most=option.most)
    return number


def _unquoted(text: str) -> str:
    """`text` without the quotes around it, straight or typographic."""
    quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES
    return text[1:-1].strip() if quoted else text


def no_choice(option: Option) -> CommandError:
    """The error for a value that is none of the choices of `option`."""
    return CommandError("misread_choice", "", option)


def time_of(text: str) -> datetime | None:
    """A time in ISO 8601 with its offset, or None."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def choice_named(choices: Sequence[str], word: str) -> str | None:
    """The choice that a word is the name of, in any language."""
    word = word.strip().lower()
    return next((choice for choice in choices if word in _choice_names(choice)), None)


def _choice_at_start(option: Option, text: str) -> tuple[str, str] | None:
    """The choice whose name `text` begins with, and the text after it. The longest name counts."""
    for name, choice in sorted(_named_choices(option), key=lambda one: -len(one[0])):
        start, end = text[: len(name)], text[len(name) :]
        if start.lower() == name and not end[:1].strip():
            return choice, end.strip()
    return None


def _named_choices(option: Option) -> list[tuple[str, str]]:
    """Each name of each choice in any language, and the choice."""
    read_as = [*option.also, *((choice, choice) for choice in option.choices)]
    return [(name, choice) for written, choice in read_as for name in _choice_names(written)]


def _choice_names(choice: str) -> set[str]:
    return _names(f"choice_{choice}", choice) | _names(f"setting_{choice}", choice)


def _names(key: str, name: str) -> set[str]:
    """The names of an object: its own, and its phrase in each language and variant."""
    return {name} | {phrase(key, language).lower() for language in SPOKEN if key in LANGUAGES["en"]}
