"""Commands: their table, and the buttons that open a form.

    here               the table: registration, help and suggestions of all platforms are derived from it
    parser             a typed line -> options -> values, or what is wrong with it      pure
    context            a command with all that its handler needs
    handlers           performs a command: an ask for the ledger, or an immediate reply
    settings_commands  /model, /prompt, /settings
    data_commands      /reset, /forget, /export
    usage_commands     /usage, /export usage
    summaries          the options of /summarize -> its task                            pure
    budget_command     /budget
    search_command     /search
    account_command    /settings account
    settings_view      settings as people see and change them                           pure
    settings_changes   changed settings as people read them                             pure
    given_back         a refusal with the words that it refuses                         pure
    reports            usage, history and exports as texts and files                    pure

`core.access` decides who may give which command. Phrases: a command's name is `command_<name>`, its description
`command_<name>_about`; an option's `command_<name>_<option>`, or `option_<option>` where commands share it, with
`_about`, and with `_example` where it has units or is spaced; a choice's label is `choice_<value>`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from core.i18n import LANGUAGES, language_of, phrase
from core.settings.channel import SETTINGS, Reported, settings_on
from core.values.platform import Feature, PlatformTraits
from core.values.ui import Choice, Field, Form


class Kind(StrEnum):
    """The type that the value of an option is read as."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Option:
    """A named value of a command.

    `least` and `most` bound a number. `suggests`: `Inbox.suggest` completes it. `rest`: typed, it takes all the words
    that are left. `units`: typed, a number with one of these behind it is this option's. `named`: typed, it must be
    written `name:value`. `spaced`: typed, it must be written `name value` or `name:value`, and a lone name is an empty
    value. `behind`: a lone word after the option of this name is its value. `also`: other choices that are read as one
    of `choices`. Not `shown`: set by a menu or a form, never asked for. Not `typed`: nor readable in a typed line.
    `needs`: shown only on platforms with this feature.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0
    suggests: bool = False
    rest: bool = False
    units: tuple[str, ...] = ()
    named: bool = False
    spaced: bool = False
    behind: str = ""
    also: tuple[tuple[str, str], ...] = ()
    shown: bool = True
    typed: bool = True
    needs: Feature | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A command. `thread`: it is mostly given in threads. `turn`: it becomes a question that is answered in the place,
    and needs `Command.id` and `opens`; an immediate reply says why it did not. `whisper`: its reply is for the asker
    alone. `slow`: it asks other services, which may take seconds, and changes nothing: the events of its channel do not
    wait for it."""

    name: str
    options: tuple[Option, ...] = ()
    thread: bool = False
    turn: bool = False
    whisper: bool = True
    slow: bool = False

    @property
    def key(self) -> str:
        """The phrase of its name; with `_about`, of its description."""
        return f"command_{self.name}"

    def option_key(self, option: Option) -> str:
        """The phrase of an option's name: the command's own, or one that commands share."""
        own = f"{self.key}_{option.name}"
        return own if own in LANGUAGES["en"] else f"option_{option.name}"

    def option_about(self, option: Option) -> str:
        """The phrase of an option's description."""
        own = f"{self.key}_{option.name}_about"
        return own if own in LANGUAGES["en"] else f"option_{option.name}_about"

    @property
    def shown(self) -> tuple[Option, ...]:
        """The options that a person is offered."""
        return tuple(option for option in self.options if option.shown)


SCOPES = ("channel", "workspace")
HISTORY = "history"
"""The argument of `/settings`, beside the names of settings, that shows their changes."""
ACCOUNT = "account"
"""The argument of `/settings` that shows the model account of the workspace and its form."""
_OF_ACCOUNT = ("account_url", "account_models", "account_key")
SECRET = "set_account_key"
"""The option that holds a key: it is not given back to its author."""
_SCOPE = Option("scope", Kind.CHOICE, choices=SCOPES, named=True, needs=Feature.CHANNELS)
_OF = Option("of", Kind.CHOICE, choices=("me", "channel", "workspace"), needs=Feature.CHANNELS)
_PERIOD = Option(
    "period",
    Kind.CHOICE,
    choices=("day", "week", "month"),
    also=((Reported.DAILY, "day"), (Reported.WEEKLY, "week"), (Reported.MONTHLY, "month")),
)
_SCHEDULED = (Reported.DAILY, Reported.WEEKLY, Reported.MONTHLY, Reported.OFF)
_FEW = 3


def _units(key: str) -> tuple[str, ...]:
    return tuple(unit for language in LANGUAGES for unit in phrase(key, language).split())


COMMANDS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "ask",
            (Option("question", required=True, rest=True), Option("about", shown=False, typed=False)),
            turn=True,
        ),
        Spec(
            "summarize",
            (
                Option("last", Kind.WHOLE, least=1, most=500, units=_units("command_summarize_last_units")),
                Option(
                    "hours", Kind.NUMBER, least=0.1, most=720, units=_units("command_summarize_hours_units")
                ),
                Option("of", Kind.CHOICE, choices=("thread", "channel")),
                Option("since", shown=False),
            ),
            turn=True,
        ),
        Spec("search", (Option("words", required=True, rest=True),), slow=True),
        Spec("model", (Option("name", suggests=True, rest=True), _SCOPE)),
        Spec("prompt", (Option("text", rest=True), _SCOPE)),
        Spec(
            "settings",
            (
                Option("name", Kind.CHOICE, choices=(*SETTINGS, HISTORY, ACCOUNT)),
                Option("value", suggests=True, rest=True),
                _SCOPE,
                *(Option(f"set_{name}", shown=False, typed=False) for name in (*SETTINGS, *_OF_ACCOUNT)),
            ),
        ),
        Spec(
            "usage",
            (
                _OF,
                _PERIOD,
                Option("schedule", Kind.CHOICE, choices=_SCHEDULED, spaced=True, needs=Feature.CHANNELS),
                Option("at", spaced=True, behind="schedule", needs=Feature.CHANNELS),
            ),
        ),
        Spec(
            "budget",
            (
                Option("of", Kind.CHOICE, choices=("person", "channel", "workspace"), needs=Feature.CHANNELS),
                Option("limit", rest=True),
            ),
        ),
        Spec("reset", thread=True, whisper=False),
        Spec(
            "forget",
            (
                Option("what", Kind.CHOICE, required=True, choices=("thread", "me")),
                Option("confirm", Kind.CHOICE, choices=("confirm",), named=True),
            ),
            thread=True,
        ),
        Spec(
            "export",
            (
                Option("what", Kind.CHOICE, choices=("thread", "me", "usage")),
                Option("of", Kind.CHOICE, choices=("channel", "workspace"), needs=Feature.CHANNELS),
                _PERIOD,
                Option("format", Kind.CHOICE, choices=("csv", "json")),
            ),
            thread=True,
        ),
        Spec("help"),
    )
}

FORGET_ME = "forget_me"
"""The action of the button that confirms `/forget me`. It is under no answer: its turn is 0."""

MENUS = {"menu_ask": ("ask", "about"), "menu_summarize": ("summarize", "since")}
"""The entries of a message's menu, by the phrase of their name: the command, and the option that the message
fills: `about` with its text (the platform asks for the question, which may stay empty), `since` with its time
in ISO 8601."""


def spec_on(name: str, traits: PlatformTraits) -> Spec:
    """A command as a platform has it: without the options and settings whose feature the platform lacks."""
    absent = SETTINGS.keys() - settings_on(traits).keys()
    if Feature.CHANNELS not in traits.features:  # no workspace is behind it
        absent |= {ACCOUNT, *_OF_ACCOUNT}
    options = (option for option in COMMANDS[name].options if option.name.removeprefix("set_") not in absent)
    return replace(
        COMMANDS[name],
        options=tuple(
            replace(
                option,
                choices=tuple(choice for choice in option.choices if choice not in absent),
                shown=option.shown and option.needs in (None, *traits.features),
            )
            for option in options
        ),
    )


def command_name(spec: Spec, language: str) -> str:
    """The name of a command in `language`."""
    return phrase(spec.key, language)


def example(spec: Spec, language: str) -> str:
    """The arguments that a command takes: `[50 messages] [3 hours] [thread|channel] [at 9:00]`."""
    words = []
    for option in spec.shown:
        if option.named:
            continue
        word = name = phrase(spec.option_key(option), language)
        if option.kind is Kind.CHOICE and (option.spaced or len(option.choices) <= _FEW):
            word = "|".join(choice.label for choice in choices(option, language))
        elif option.units or option.spaced:
            word = phrase(f"{spec.option_key(option)}_example", language)
        if option.spaced:
            word = f"{name} {word}"
        words.append(word if option.required else f"[{word}]")
    return " ".join(words)


def choices(option: Option, language: str) -> list[Choice]:
    """The values of an option that has a list of them, with their labels."""
    return [Choice(value, choice_label(value, language)) for value in option.choices]


def choice_label(value: str, language: str) -> str:
    """A choice in the person's language; names of settings are called as they are in a form."""
    for key in (f"choice_{value}", f"setting_{value}"):
        if key in LANGUAGES[language_of(language)]:
            return phrase(key, language)
    return value


def press_form(action: str, language: str) -> Form | None:
    """The form that a button opens at once, without a call to the inbox; its one field becomes
    `ButtonPress.text`. None for a button without a form."""
    if action != "reason":
        return None
    field = Field("text", phrase("reason_title", language), "text", hint=phrase("reason_hint", language))
    return Form("reason", phrase("reason_title", language), phrase("send", language), (field,))
