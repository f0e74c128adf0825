"""Every sentence of Parley's own, by key and by error, in every language.

`phrase` returns a sentence, `error_text` what a person reads of an error, `advise` what an operator can do about it.
Text of an endpoint never passes through here.
"""

from __future__ import annotations

from collections.abc import Mapping

from babel import Locale
from babel.numbers import format_decimal

from core.errors import BotError, Code, ModelError, UnreadError
from core.i18n import en, zh

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
    Code.SET_ASIDE: "set_aside",
    Code.REJECTED: "rejected",
    Code.NOT_ALLOWED: "not_allowed",
    Code.UNSUPPORTED: "rejected",
}
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


_DAY_S = 86_400
_LONGEST_WAIT_S = 400 * _DAY_S
"""A longer one is no wait that anybody means."""
_WAITS = (
    (120, "busy_for", 1),
    (5_400, "busy_for_minutes", 60),
    (1.5 * _DAY_S, "busy_for_hours", 3_600),
    (_LONGEST_WAIT_S, "busy_for_days", _DAY_S),
)
"""Below how many seconds which phrase is said, with the seconds of its unit."""


def language_of(locale: str, default: str = "en") -> str:
    """The language we speak that a BCP 47 tag asks for, or `default`."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else default


def variant(language: str, platform: str) -> str:
    """`language` as a platform's people speak it, for `phrase`: a BCP 47 tag such as `en-x-discord`."""
    return f"{language}-x-{platform}" if platform in _DIALECTS else language


def phrase(key: str, language: str, /, **values: str | int | float) -> str:
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


def error_text(error: BotError, language: str, key: str = "") -> str:
    """What a person is told: what happened, what to do next, and the reference that the log has too. `key`: the phrase
    to use instead of the one for the error's code."""
    key = key or _words_for(error)
    if key == "busy" and error.retry_after_s is not None and error.retry_after_s < _LONGEST_WAIT_S:
        words = _busy_for(error.retry_after_s, language)
    elif key == "unreachable" and isinstance(error, ModelError) and error.told:
        words = phrase("unreachable_told", language)
    else:
        words = phrase(key, language)
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=error.ref))


def _busy_for(wait_s: float, language: str) -> str:
    """About how long a service is busy, in the unit that fits."""
    key, unit_s = next((key, unit_s) for below_s, key, unit_s in _WAITS if wait_s < below_s)
    return phrase(key, language, n=max(1, round(wait_s / unit_s)))


def advise(code: Code, language: str, places: Mapping[str, str]) -> str:
    """What the operators can do about a fault of a model. `places`: where their own settings are (`Route.places`)."""
    return phrase(f"advice_{code}", language, **places)


def _words_for(error: BotError) -> str:
    if isinstance(error, UnreadError):
        return _UNREAD_BY_CODE.get(error.code, "unread")
    return _WORDS_BY_CODE.get(error.code, "internal")


def cut_error_text(error: BotError, language: str) -> str:
    """The notice under an answer that broke off: what was written stays."""
    words = phrase(_WORDS_OF_A_CUT.get(error.code, "cut"), language)
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=error.ref))


def _reworded(phrase: Phrase, words: dict[str, str]) -> Phrase:
    if isinstance(phrase, dict):
        return {form: str(_reworded(text, words)) for form, text in phrase.items()}
    for known, theirs in words.items():
        phrase = phrase.replace(known, theirs)
    return phrase


SPOKEN: dict[str, dict[str, Phrase]] = LANGUAGES | {
    variant(language, platform): {key: _reworded(phrase, words) for key, phrase in LANGUAGES[language].items()}
    for platform, by_language in _DIALECTS.items()
    for language, words in by_language.items()
}
