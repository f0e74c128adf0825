"""Completions of a command being typed. Pure, except for values that only the core knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bots.web.outgoing import TRAITS
from core.commands import COMMANDS, Kind, Option, Spec, choice_label, spec_on
from core.commands.parser import CommandError, named, options_of
from core.i18n import LANGUAGES, SPOKEN, phrase
from core.values.ui import Choice

LENGTH_LIMIT = 200
"""Longest typed text, in characters, that gets suggestions."""

_NAME = re.compile(r"/(\S*)")
_LINE = re.compile(r"(/(\S+) +)([^\n]*)")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` replaces the typed line; `label` is its name in the list, `about` its description."""

    text: str
    label: str
    about: str


@dataclass(frozen=True, slots=True)
class Typing:
    """A command whose name is complete: `head` stays, `begun` is the word that is being typed behind it."""

    spec: Spec
    head: str
    begun: str
    given: Mapping[str, str]

    @property
    def asked(self) -> tuple[Option, ...]:
        """The options whose values only the core knows (`Inbox.suggest`)."""
        ready = self.spec.name != "settings" or "name" in self.given
        return tuple(option for option in self._open() if option.suggests and ready)

    def suggestions(self, values: Mapping[str, list[Choice]], language: str) -> list[Suggestion]:
        """`values`: the suggestions for each of `asked`, by its name."""
        return [
            self._offer(*found) for option in self._open() for found in self._found(option, values, language)
        ]

    def _found(
        self, option: Option, values: Mapping[str, list[Choice]], language: str
    ) -> Iterator[tuple[str, str]]:
        """The values of one option, and their meanings."""
        begun = self.begun.lower()
        about = phrase(self.spec.option_about(option), language)
        if option.kind is Kind.CHOICE:
            # A single word could be the beginning of the value that takes the rest.
            lone = not option.named or self.spec.name == "settings"
            for value in option.choices:
                label = choice_label(value, language)
                written = value if lone else f"{option.name}:{value}"
                if any(word.lower().startswith(begun) for word in (written, label)):
                    own = (f"setting_{value}_about", f"choice_{value}_about")
                    meant = next((phrase(key, language) for key in own if key in SPOKEN[language]), "")
                    yield written, meant or (about if label == value else label)
        elif option.kind in (Kind.WHOLE, Kind.NUMBER) and option.name.startswith(begun):
            yield f"{option.name}:", about
        else:
            for choice in values.get(option.name, ()):
                yield choice.value, about if choice.label == choice.value else choice.label

    def _open(self) -> list[Option]:
        """The options that have no value yet. The one that takes the rest of the line comes first, as the
        purpose of the command."""
        left = [option for option in self.spec.shown if option.name not in self.given]
        if any(option.rest and option.name in self.given for option in self.spec.options):
            return []  # the rest of the line belongs to it
        return sorted(left, key=lambda option: not option.rest)

    def _offer(self, written: str, about: str) -> Suggestion:
        end = "" if written.endswith(":") else " "
        return Suggestion(f"{self.head}{written}{end}", written, about)


def names(text: str, language: str) -> list[Suggestion]:
    """The commands whose name begins like this, called as they are written; none where it is not a name that is being
    typed."""
    found = _NAME.fullmatch(text)
    return (
        []
        if found is None
        else [
            Suggestion(
                f"/{name} " if spec.shown else f"/{name}", f"/{name}", phrase(f"{spec.key}_about", language)
            )
            for spec in COMMANDS.values()
            if (name := _name(spec, found[1].lower()))
        ]
    )


def _name(spec: Spec, begun: str) -> str | None:
    """The names of the command, its own or a language's, that begin like this."""
    called = (spec.name, *(phrase(spec.key, language) for language in LANGUAGES))
    return next((name for name in called if name.lower().startswith(begun)), None)


def typing(text: str) -> Typing | None:
    """The command being typed; None if there is none, or its finished arguments are invalid."""
    found = _LINE.fullmatch(text)
    name = named(found[2]) if found else None
    if found is None or name is None:
        return None
    spec, cut = spec_on(name, TRAITS), found[3].rfind(" ") + 1
    done, begun = found[3][:cut], found[3][cut:]
    try:
        return Typing(spec, found[1] + done, begun, options_of(spec, done))
    except CommandError:
        return None
