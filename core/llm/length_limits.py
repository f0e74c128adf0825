"""The maximum request length that a refusal names. Pure."""

from __future__ import annotations

import re
from functools import cache

from core.errors import LengthLimit

_SMALLEST, _LARGEST = 256, 50_000_000
_TIMES = 20
"""A number more than this many times the limit is not the length of the request."""

_GAP = "[,_' \u00a0\u2009\u202f]"
"""Separators of thousands: https://en.wikipedia.org/wiki/Decimal_separator#Digit_grouping. The point is not
among them: it ends a whole number elsewhere."""
_SCALES = {"k": 1_000, "m": 1_000_000, "千": 1_000, "万": 10_000}
_SPELT = re.compile(
    r"(?<![a-z\d_.])(?<!\w-)(?<!per )"
    rf"(?:\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)|(\d{{1,5}}(?:\.\d{{1,3}})?)(?:[ -]?([k千万])i?|(m)))"
    r"(?![a-z\d_%])"
)
"""A number in groups of thousands, or with a suffix for thousands or millions. `32k` in a model's name does not
match."""
_NUMBER = r"(?<![a-z\d_.])(\d{3,8})(?![a-z\d_%])"
"""A plain number. Chinese has no spaces around it."""
_NOT_ASKED = (
    r"(?!\W{0,3}(?:tokens?\W{1,3})?(?:ha(?:[sd]|ve) exceed|exceeds?\b|is (?:longer|greater|larger|over|too)|>))"
)
_BY = re.compile(rf"\bby (?:about )?{_NUMBER}")
"""The excess over a limit, which is neither the limit nor the length."""
_WINDOW = r"(?:context|window|prompt|input|sequence|model)"
_TOKENS = r"(?:[ -]tok(?:ens?)?)?"
_BETWEEN = r"(?: (?:length|size|window|limit|tokens?|count|allowed|is|of|to|for this model)){0,5}"
_CONTEXTS = (
    r"\b(?:n_ctx|max_prompt_tokens|max_input_tokens|max_model_len|max_seq_len|max_context_length|context_length|context_window|context_size)\W{1,4}<n>",
    rf"\b(?!(?:prompt|input|sequence) tokens?\b){_WINDOW}s?{_BETWEEN}(?: only)?[ :=(]{{1,3}}<n>",
    rf"\bmax(?:imum)? (?:number of |total )?(?:{_WINDOW} )?tokens?{_BETWEEN}\W{{1,3}}<n>",
    rf"<n>{_TOKENS} (?:(?:max(?:imum)?|available in the|left in the) )?{_WINDOW}\b",
    rf"{_NUMBER}{_TOKENS} ?(?:/|(?:out )?of) ?{_NUMBER}",
    r"\[\d+, ?<n>\]",
    r"(?:>|<=?|≤) ?<n>",
)
_ANY = (
    r"\b(?:limit|max size|maximum|max|size|window|length)\b(?: is| of| to)?\W{1,3}<n>",
    r"\b(?:at most|up to|less than|fewer than|more than|only|exceed|under|within) <n>",
    r"<n> (?:tokens? )?(?:maximum|limit|max\b|allowed)",
    r"(?:最大|最多|上限|限制|不超过|超过|超出|长度).{0,12}?<n>",
)
_PLAIN = re.compile(_NUMBER)
_REQUEST_AND_LIMIT = re.compile(
    rf"\b(?:requested|requires?|needs?) {_NUMBER} tokens?\b.{{0,60}}\b(?:limit|allows?|quota|only)\b.{{0,12}} {_NUMBER}"
)
_LIMIT_AND_REQUEST = re.compile(rf"\blimit:? ?{_NUMBER}.{{0,80}}\brequested:? ?{_NUMBER}")


@cache
def limit_patterns() -> list[list[re.Pattern[str]]]:
    """Numbers near the words for a context come first, then others. The smallest is the limit, because the request has
    more tokens."""
    return [
        [re.compile(pattern.replace("<n>", _NUMBER + _NOT_ASKED)) for pattern in patterns]
        for patterns in (_CONTEXTS, _ANY)
    ]


def limit_in_words(said: str) -> LengthLimit:
    """The limit and the length of the request in an endpoint's words, which are in lower case."""
    said = _BY.sub("", _in_digits(said))
    tokens = next((least for patterns in limit_patterns() if (least := _least(said, patterns))), 0)
    if not tokens:
        return LengthLimit()
    more = (int(match[1]) for match in _PLAIN.finditer(said))
    return LengthLimit(
        tokens, max((number for number in more if tokens < number <= _TIMES * tokens), default=0)
    )


def _least(said: str, patterns: list[re.Pattern[str]]) -> int:
    found = (match for pattern in patterns for match in pattern.finditer(said))
    counts = (int(number) for match in found for number in match.groups())
    return min((count for count in counts if _SMALLEST <= count <= _LARGEST), default=0)


def larger_than_the_plan(said: str) -> bool:
    """True if a rate limit is smaller than this one request. Waiting then does not help."""
    said = _in_digits(said)
    if found := _REQUEST_AND_LIMIT.search(said):
        return int(found[1]) > int(found[2])
    found = _LIMIT_AND_REQUEST.search(said)
    return found is not None and int(found[2]) > int(found[1])


def _in_digits(said: str) -> str:
    """`said` with every number in plain digits, such as `8,192`, `8 192`, `32k`, `1.5m` and `12.8万`."""
    return _SPELT.sub(lambda match: str(_spelt_to_count(match)), said)


def _spelt_to_count(match: re.Match[str]) -> int:
    if match[1] is None:
        return int(re.sub(_GAP, "", match[0]))
    return round(float(match[1]) * _SCALES[match[2] or match[3]])
