"""Words about a failure for the operators. Pure."""

from __future__ import annotations

from core.errors import Code
from core.i18n import advise
from core.values.failures import Failure, StoredFailure
from core.values.places import Place

_SETTINGS = {
    "host": "OPENAI_BASE_URL",
    "key": "OPENAI_API_KEY",
    "url": "OPENAI_BASE_URL",
    "model": "OPENAI_MODEL",
    "window": "PARLEY_CONTEXT_TOKENS",
}
"""The places of advice about a failure from before they were stored."""


def advice_for(stored: StoredFailure, language: str = "en") -> str:
    """The advice about a failure: the settings to look at, or what to wait for."""
    place = place_of(stored)
    known = _SETTINGS | ({"url": "DATABASE_URL"} if stored.failure.code is Code.STORE else {})
    known |= {"name": place.platform.capitalize() if place else ""}
    return advise(stored.failure.code, language, known | dict(stored.failure.places))


def place_of(stored: StoredFailure) -> Place | None:
    """The conversation of the failed question, or that of the command; None for an alert."""
    return stored.turn.ask.place if stored.turn is not None else stored.place


def cause_to_text(failure: Failure) -> str:
    """The code, the class of the fault and the text of the other side."""
    why = ", ".join(filter(None, (str(failure.code), failure.kind)))
    return f"{why}: {failure.detail}" if failure.detail else why


def request_to_text(failure: Failure) -> str:
    """The model, its account and the number of the request that failed; empty where no endpoint was asked."""
    if not failure.model:
        return ""
    parts = [f"{failure.model}, account {failure.account}, request {failure.tries} of the question"]
    parts += [f"HTTP status {failure.status}"] if failure.status else []
    parts += [f"the endpoint's id {failure.request_id}"] if failure.request_id else []
    return ", ".join(parts)
