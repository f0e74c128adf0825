"""Every sentence of Parley's own, by key, in every language: for the server, the page and the names of commands.

A language is one module here, named by its code: `TAG`, `LOCALE`, `MODEL_NAME`, `TERMS` and `PHRASES`. The key
`<key>.<platform>` is the variant of `<key>` on that platform.

`phrase` returns a sentence, `error_text` the sentence of an error for a person, `advise` the advice to an operator.
Text of an endpoint never passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_decimal

from core.errors import BotError, BudgetError, Code, ModelError, UnreadError

Phrase = str | dict[str, str]
"""A sentence, or its plural forms by CLDR category (of the value named `n`)."""

_MODULES = {module.name: import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)}
LOCALES = {language: Locale.parse(module.LOCALE) for language, module in _MODULES.items()}
TAGS: dict[str, str] = {language: module.TAG for language, module in _MODULES.items()}
MODEL_NAMES: dict[str, str] = {language: module.MODEL_NAME for language, module in _MODULES.items()}


_WORDS_BY_CODE = {
    Code.BAD_REQUEST: "bad_request",
    Code.CONTEXT_OVERFLOW: "too_long",
    Code.POLICY: "policy",
    Code.BAD_KEY: "unreachable",
    Code.NO_MONEY: "unreachable",
    Code.FORBIDDEN: "unreachable",
    Code.NO_MODEL: "no_model",
    Code.WRONG_URL: "unreachable",
    Code.TOO_LARGE: "too_long",
    Code.RATE_LIMITED: "busy",
    Code.SERVER_ERROR: "busy",
    Code.GATEWAY_TIMEOUT: "slow",
    Code.UNREACHABLE: "unreachable",
    Code.STALLED: "slow",
    Code.CUT: "unfinished",
    Code.ERROR_IN_STREAM: "busy",
    Code.EMPTY: "empty",
    Code.GARBLED: "unreachable",
    Code.STORE: "store_down",
    Code.CHANGED: "own_changed",
    Code.SET_ASIDE: "set_aside",
    Code.REJECTED: "rejected",
    Code.NOT_ALLOWED: "not_allowed",
    Code.UNSUPPORTED: "rejected",
}
_OF_OWN_ACCOUNT = {
    Code.BAD_KEY: "own_key",
    Code.FORBIDDEN: "own_key",
    Code.NO_MONEY: "own_money",
    Code.NO_MODEL: "own_model",
    Code.WRONG_URL: "own_unreachable",
    Code.UNREACHABLE: "own_unreachable",
    Code.GARBLED: "own_unreachable",
    Code.RATE_LIMITED: "own_busy",
    Code.SERVER_ERROR: "own_busy",
    Code.ERROR_IN_STREAM: "own_busy",
    Code.SETTINGS: "own_refused",
}
"""The sentences for errors of the model account of a workspace, which are not the operator's."""
_WORDS_OF_A_CUT = {
    Code.REJECTED: "rejected_rest",
    Code.NOT_ALLOWED: "not_allowed_rest",
    Code.UNSUPPORTED: "rejected_rest",
}
_UNREAD_BY_CODE = {
    Code.NOT_ALLOWED: "unread_forbidden",
    Code.GONE: "unread_forbidden",
    Code.SLOW_DOWN: "unread_limited",
}


_LONGEST_WAIT_S = 400 * 86_400
"""Longer waits are taken for mistakes of an endpoint."""


def language_of(locale: str, default: str = "en") -> str:
    """The language we speak that a BCP 47 tag asks for, or `default`."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else default


def variant(language: str, platform: str) -> str:
    """`language` as a platform's people speak it, for `phrase`: the BCP 47 tag `<language>-x-<platform>`."""
    return f"{language}-x-{platform}" if platform in _PLATFORMS else language


def phrase(key: str, language: str, /, **values: str | int | float) -> str:
    """The phrase `key` in a language or a variant, with numbers as the language writes them. Raises KeyError on an
    unknown key."""
    entry, locale = SPOKEN[language][key], LOCALES[language_of(language)]
    if isinstance(entry, dict):
        entry = entry.get(locale.plural_form(float(values["n"])), entry["other"])
    shown = {
        name: value if isinstance(value, str) else format_decimal(value, locale=locale)
        for name, value in values.items()
    }
    return entry.format(**shown)


def name_list(names: Iterable[str], language: str) -> str:
    """Names side by side, as the language separates them."""
    return phrase("list_separator", language).join(names)


def tool_label(name: str, language: str) -> str:
    """The name of a tool for people: the phrase of a built-in tool, `jira: create_issue` of `jira__create_issue`."""
    if (key := f"tool_{name}") in SPOKEN[language]:
        return phrase(key, language)
    server, between, title = name.partition("__")
    return f"{server}: {title}" if server and between and title else name


def tools_used(names: Iterable[str], language: str) -> str:
    """The sentence that names the tools of an answer."""
    tools = name_list((tool_label(name, language) for name in names), language)
    return phrase("tools_used", language, tools=tools)


def error_text(error: BotError, language: str, key: str = "") -> str:
    """The sentence for a person: what happened, what to do next, and the reference that the log has too.

    `key` is a phrase to use instead of the one for the error's code. A BudgetError brings its own text.
    """
    if isinstance(error, BudgetError):
        return error.text
    key = key or _words_for(error)
    if isinstance(error, ModelError) and error.own_account:
        key = _OF_OWN_ACCOUNT.get(error.code, key)
    if key == "busy" and error.retry_after_s is not None and error.retry_after_s < _LONGEST_WAIT_S:
        words = phrase("busy_for", language, wait=duration(error.retry_after_s, language))
    elif key == "unreachable" and isinstance(error, ModelError) and error.reported:
        words = phrase("unreachable_told", language)
    else:
        words = phrase(key, language)
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=error.ref))


def duration(seconds: float, language: str) -> str:
    """About how long that is, at least a second: `30 seconds`, `2 days`."""
    about = timedelta(seconds=max(1, seconds))
    return str(format_timedelta(about, threshold=1.5, locale=LOCALES[language_of(language)]))


def advise(code: Code, language: str, places: Mapping[str, str]) -> str:
    """The advice to operators about a fault of a model, a platform or the database; that of INTERNAL where a code has
    none. `places`: the locations of their own settings (`Route.places`), or the platform's `name` and the database's
    `url`."""
    key = f"advice_{code}"
    return phrase(key if key in LANGUAGES["en"] else f"advice_{Code.INTERNAL}", language, **places)


def _words_for(error: BotError) -> str:
    if isinstance(error, UnreadError):
        return _UNREAD_BY_CODE.get(error.code, "unread")
    return _WORDS_BY_CODE.get(error.code, "internal")


def cut_error_text(error: BotError, language: str) -> str:
    """The notice under an answer that broke off: what was written stays. That of a BudgetError ends with its own
    text."""
    words = phrase(_WORDS_OF_A_CUT.get(error.code, "cut"), language)
    ends = error.text if isinstance(error, BudgetError) else phrase("ref", language, ref=error.ref)
    return phrase("joined", language, one=words, two=ends)


_FIELD = re.compile(r"\{(\w+)\}")


def _with_terms(entry: Phrase, terms: Mapping[str, str]) -> Phrase:
    """`entry` with each term in braces replaced once; other fields stay."""
    if isinstance(entry, dict):
        return {form: str(_with_terms(text, terms)) for form, text in entry.items()}
    if "{" not in entry:  # most: each start reads all phrases of all languages
        return entry
    return _FIELD.sub(lambda found: terms.get(found[1], found[0]), entry)


def _on(platform: str, entries: Mapping[str, Phrase]) -> dict[str, Phrase]:
    """The entries as `platform` has them: its variants in place of the general ones."""
    general = {key: entry for key, entry in entries.items() if "." not in key}
    ending = f".{platform}"
    return general | {key.removesuffix(ending): entries[key] for key in entries if key.endswith(ending)}


def _spoken(language: str, platform: str = "") -> dict[str, Phrase]:
    module = _MODULES[language]
    terms = {key: str(term) for key, term in _on(platform, module.TERMS).items()}
    names = {f"choice_{other}": _language_name(other, language) for other in _MODULES}
    return {key: _with_terms(entry, terms) for key, entry in _on(platform, module.PHRASES).items()} | names


def _language_name(language: str, reader: str) -> str:
    return str(Locale.parse(language).get_display_name(LOCALES[reader]))


_PLATFORMS = {
    key.partition(".")[2]
    for module in _MODULES.values()
    for key in (*module.TERMS, *module.PHRASES)
    if "." in key
}
LANGUAGES: dict[str, dict[str, Phrase]] = {language: _spoken(language) for language in _MODULES}
SPOKEN: dict[str, dict[str, Phrase]] = LANGUAGES | {
    variant(language, platform): _spoken(language, platform)
    for language in _MODULES
    for platform in sorted(_PLATFORMS)
}
