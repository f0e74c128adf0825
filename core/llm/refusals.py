"""Classifies refusals by the rules of `refusals.toml`, in order of reliability. Pure.

The endpoint's own codes and types come before its words, and words before the HTTP status: billing problems come under
seven statuses and unknown models under eight. Words count only if the request does not contain them too
(`core.llm.echo`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from core.errors import Code
from core.llm.echo import MARK, NOTHING, SentRequest

_FILE = "refusals.toml"
_JOINT = " && "
_ENDS = re.compile(rf"[.!?;]\s+|[。！？；\n]|{re.escape(MARK.lower())}")
_PLACE = re.compile(r"<(\w+)>")
_LONG_NAME = 9
"""Shorter names may be ordinary words."""

OPERATOR_CODES = frozenset({Code.NO_MONEY, Code.BAD_KEY, Code.FORBIDDEN, Code.NO_MODEL, Code.WRONG_URL})
"""Codes that open the breaker of an account, model or endpoint and alert the operators."""
_SAY_SO_THEMSELVES = frozenset({401, 402, 403, 429})


@dataclass(frozen=True)
class EndpointRefusal:
    """An endpoint's refusal. `status`: 0 for an error under 200. `names`: its codes and types, in lower case. `own`:
    its words in lower case, without quotations of `sent`. `quotes`: whether it quotes the request. `page`: whether
    it is HTML."""

    status: int
    names: frozenset[str] = frozenset()
    own: str = ""
    sent: SentRequest = NOTHING
    quotes: bool = False
    page: bool = False

    @cached_property
    def sentences(self) -> list[str]:
        return [part for part in _ENDS.split(self.own) if part.strip()]

    @property
    def _quotes_only(self) -> bool:
        """True if the status blames the request and the text quotes it. Such a text is no evidence of another cause."""
        return self.quotes and (self.status < 500 and self.status not in _SAY_SO_THEMSELVES)

    def may_say(self, code: Code) -> bool:
        return not (self._quotes_only and code in OPERATOR_CODES)

    def evidence(self, start: int, end: int, sentence: str) -> bool:
        """True if the span is the endpoint's own words."""
        return not self.sent.holds(sentence[start:end])


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """A rule of refusals.toml: the code of an error whose status, names, hints or sentences match."""

    code: Code
    statuses: frozenset[int]
    but: frozenset[int]
    names: tuple[frozenset[str], ...]
    hints: tuple[frozenset[str], ...]
    sentences: tuple[tuple[re.Pattern[str], ...], ...]
    unless: re.Pattern[str] | None

    def believed(self, status: int) -> bool:
        return status not in self.but and (not self.statuses or status in self.statuses)

    def has_sentence(self, refusal: EndpointRefusal) -> bool:
        """True if one of the rule's sentences matches."""
        return any(self._says(refusal, sentence) for sentence in refusal.sentences)

    def _says(self, refusal: EndpointRefusal, sentence: str) -> bool:
        if self.unless is not None and self.unless.search(sentence):
            return False
        return any(_found(refusal, sentence, parts) for parts in self.sentences)


def _found(refusal: EndpointRefusal, sentence: str, parts: tuple[re.Pattern[str], ...]) -> bool:
    matches = [part.search(sentence) for part in parts]
    spans = [match.span() for match in matches if match is not None]
    return len(spans) == len(parts) and refusal.evidence(
        min(start for start, _ in spans), max(end for _, end in spans), sentence
    )


def _matches(patterns: tuple[frozenset[str], ...], names: frozenset[str]) -> bool:
    return any(all(any(re.fullmatch(part, name) for name in names) for part in parts) for parts in patterns)


def code_by_name(refusal: EndpointRefusal) -> Code | None:
    """The code by the endpoint's unambiguous codes and types."""
    return next((rule.code for rule in _believed(refusal) if _matches(rule.names, refusal.names)), None)


def code_by_words(refusal: EndpointRefusal) -> Code | None:
    """The code by the endpoint's own words."""
    rules = (rule for rule in _believed(refusal) if refusal.may_say(rule.code))
    return next((rule.code for rule in rules if rule.has_sentence(refusal)), None)


def code_by_hint(refusal: EndpointRefusal) -> Code | None:
    """The code by an ambiguous code or type."""
    return next((rule.code for rule in _believed(refusal) if _matches(rule.hints, refusal.names)), None)


def _believed(refusal: EndpointRefusal) -> Iterator[RefusalRule]:
    return (rule for rule in rules() if rule.believed(refusal.status))


def toml_to_rules(text: str) -> tuple[RefusalRule, ...]:
    """Parse the rules. Raises ValueError for an invalid rule."""
    file = tomllib.loads(text)
    words: dict[str, str] = {}
    for name, pattern in file["words"].items():
        words[name] = _filled(pattern, words)
    return tuple(_rule(entry, words) for entry in file["rule"])


def _rule(entry: dict[str, Any], words: dict[str, str]) -> RefusalRule:
    if unknown := entry.keys() - {"code", "statuses", "but", "names", "hints", "sentences", "unless"}:
        raise ValueError(f"unknown keys: {unknown}")
    names = entry.get("names", [])
    sentences = [
        tuple(re.compile(_filled(part, words)) for part in sentence.split(_JOINT))
        for sentence in [*entry.get("sentences", []), *_written_out(names)]
    ]
    unless = entry.get("unless")
    return RefusalRule(
        Code(entry["code"]),
        frozenset(entry.get("statuses", [])),
        frozenset(entry.get("but", [])),
        tuple(_name_to_patterns(name) for name in names),
        tuple(_name_to_patterns(name) for name in entry.get("hints", [])),
        tuple(sentences),
        re.compile(_filled(unless, words)) if unless else None,
    )


def _filled(pattern: str, words: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: words[place[1]], pattern)


def _name_to_patterns(name: str) -> frozenset[str]:
    return frozenset(re.escape(part).replace(r"\*", ".*") for part in name.split("+"))


def _written_out(names: list[str]) -> list[str]:
    """The names as gateways write the code of their upstream endpoint into text."""
    long = [
        name for name in names if len(name) >= _LONG_NAME and name.isascii() and not set(name) & set("*+. ")
    ]
    return [rf"\b(?:{'|'.join(map(re.escape, long))})\b"] if long else []


@cache
def rules() -> tuple[RefusalRule, ...]:
    """The rules of the file. Its regular expressions take the processor longer than a start may."""
    return toml_to_rules(resources.files("core.llm").joinpath(_FILE).read_text(encoding="utf-8"))
