"""The words by which tools are searched for, in any language. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
import unicodedata

MOST_WORDS = 12
"""Words of a query that count."""

_EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that set no spaces between words: kana and Chinese characters."""
_RUN = re.compile(rf"[{_EAST_ASIAN}]+|[^\W_{_EAST_ASIAN}]+")
_COMMON_WORDS = """
a about all an and any are as at be been but by can did do does for from had has have how i in is it me my no not of on
or our so that the their them then there they this to was we were what when where which who why will with you your
我们 什么 怎么 一下 这个 那个 可以 是否 有没 没有 关于 如何
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that are in too many texts to distinguish them."""


def query_words(query: str) -> list[str]:
    """The words of a query in lower case, each once; of scripts without spaces, each pair of characters.

    Common words count only where there are no others.
    """
    runs = _RUN.findall(unicodedata.normalize("NFKC", query[:1_000]).lower())
    words = list(dict.fromkeys(word for run in runs for word in _split(run)))
    telling = [word for word in words if word not in _COMMON]
    return (telling or words)[:MOST_WORDS]


def _split(run: str) -> list[str]:
    """A run of letters as it is; of a run without spaces its pairs, which are found wherever its words are."""
    if not re.match(f"[{_EAST_ASIAN}]", run) or len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]


def count_words(words: list[str], text: str) -> int:
    """The number of the words that are in `text`."""
    there = text.lower()
    return sum(word in there for word in words)
