"""Every word of Parley's own that a person reads, by key and by error, in every language we speak.

`say` for what we tell, `explain` for what went wrong, `advise` for whoever runs the bot. Upstream text never passes
through here.
"""

from __future__ import annotations

from collections.abc import Mapping

from babel import Locale
from babel.numbers import format_decimal

from core.errors import BotError, Code, ModelError
from core.phrases import en, zh

Phrase = str | dict[str, str]
"""A sentence, or its plural forms by CLDR category (of the value named `n`)."""

LANGUAGES: dict[str, dict[str, Phrase]] = {"en": en.PHRASES, "zh": zh.PHRASES}
_LOCALES = {language: Locale.parse(language) for language in LANGUAGES}
_DIALECTS = {"discord": {"en": en.DISCORD, "zh": zh.DISCORD}, "web": {"en": en.WEB, "zh": zh.WEB}}
"""Words for the same thing that a platform's people know it by, by platform and language."""

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
    Code.REJECTED: "rejected",
    Code.NOT_ALLOWED: "rejected",
    Code.UNSUPPORTED: "rejected",
}
_WORDS_OF_A_CUT = {
    Code.REJECTED: "rejected_rest",
    Code.NOT_ALLOWED: "rejected_rest",
    Code.UNSUPPORTED: "rejected_rest",
}


def language_of(locale: str, default: str = "en") -> str:
    """The language we speak that a BCP 47 tag asks for, or `default`."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else default


def dialect(language: str, platform: str) -> str:
    """`language` as a platform's people speak it, for `say`: a BCP 47 tag such as `en-x-discord`."""
    return f"{language}-x-{platform}" if platform in _DIALECTS else language


def say(key: str, language: str, /, **values: str | int | float) -> str:
    """The phrase `key`, in a language or a dialect; numbers are written as the language writes them. Raises KeyError
    on an unknown key."""
    phrase, locale = SPOKEN[language][key], _LOCALES[language_of(language)]
    if isinstance(phrase, dict):
        phrase = phrase.get(locale.plural_form(float(values["n"])), phrase["other"])
    shown = {
        name: value if isinstance(value, str) else format_decimal(value, locale=locale)
        for name, value in values.items()
    }
    return phrase.format(**shown)


def explain(error: BotError, language: str, key: str = "") -> str:
    """What a person is told: what happened, what to do next, and the reference that the log has too. `key`: the words,
    where more is known than the error's code says."""
    key = key or _WORDS_BY_CODE.get(error.code, "internal")
    if key == "busy" and error.retry_after_s is not None and error.retry_after_s <= 3600:
        seconds = max(1, round(error.retry_after_s))
        key, n = ("busy_for", seconds) if seconds < 120 else ("busy_for_minutes", round(seconds / 60))
        words = say(key, language, n=n)
    elif key == "unreachable" and isinstance(error, ModelError) and error.told:
        words = say("unreachable_told", language)
    else:
        words = say(key, language)
    return say("joined", language, one=words, two=say("ref", language, ref=error.ref))


def advise(code: Code, language: str, places: Mapping[str, str]) -> str:
    """What the operators can do about a fault of a model. `places`: where their own settings are (`Route.places`)."""
    return say(f"advice_{code}", language, **places)


def explain_cut(error: BotError, language: str) -> str:
    """The notice under an answer that broke off: what was written stays."""
    words = say(_WORDS_OF_A_CUT.get(error.code, "cut"), language)
    return say("joined", language, one=words, two=say("ref", language, ref=error.ref))


def _reworded(phrase: Phrase, words: dict[str, str]) -> Phrase:
    if isinstance(phrase, dict):
        return {form: str(_reworded(text, words)) for form, text in phrase.items()}
    for known, theirs in words.items():
        phrase = phrase.replace(known, theirs)
    return phrase


SPOKEN: dict[str, dict[str, Phrase]] = LANGUAGES | {
    dialect(language, platform): {key: _reworded(phrase, words) for key, phrase in LANGUAGES[language].items()}
    for platform, by_language in _DIALECTS.items()
    for language, words in by_language.items()
}
