"""The words of a text, as they are indexed and looked for. Pure, and linear in the length of the text.

Memory looks for their stems. Tools are searched for by the `words` themselves, which are parts of names too.

A database splits, folds and stems nothing by itself: the same words are found on each of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import regex

VERSION = 2
"""Raise it with each change of the tokens of any text: stored texts are then indexed anew."""
MOST_CHARACTERS = 8_000
"""Characters of a text that count."""
MOST_TOKENS = 250
"""Different tokens of a text that count."""
LONGEST_TOKEN = 40
"""Characters of a word that count."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々〆"
"""Scripts whose words no spaces divide, or whose words carry their particles."""
_RUN = regex.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)|[\w--[_\p{{M}}{_UNSPACED}]][\w--[_{_UNSPACED}]]*", regex.VERSION1
)
SCRIPTS = (
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u052f", "russian"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)
"""The first and last character of a script, and the language by whose rules its words are stemmed."""
_LATIN = "english"
_FUNCTION_WORDS = """
a an am and are as at be been but by for from he her his i in is it its me my of on or our please she so than that the
their them then there these they this those to us was we were with you your
"""
"""Words that say nothing of a question's subject. Those that ask (how, when, not, can) tell questions apart: measured
on 5,681 questions, without them the right one is found less often."""
_IGNORED = frozenset(_FUNCTION_WORDS.split())
_JOINERS = ("\u200c", "\u200d")
"""They only shape the letters around them: a word is the same without."""
_ACCENTS = regex.compile(r"[\u0300-\u036f]+")


def tokens(text: str) -> list[str]:
    """The tokens of a text, each once, in their order: letters and digits in lower case, no other character.

    A word is stemmed by the rules of a language of its script, and its accents are dropped. Chinese, Japanese and
    Korean are cut into pairs of characters, which are found wherever a word of them is.
    """
    return list(first_tokens(text))


def first_tokens(text: str) -> Iterator[str]:
    """The same `tokens`, one at a time: to stem the words takes most of the time."""
    found: set[str] = set()
    for token in _each_token(text[:MOST_CHARACTERS]):
        if token not in found:
            found.add(token)
            yield token
            if len(found) == MOST_TOKENS:
                return


def words(text: str) -> Iterator[str]:
    """The words of a text as they are in it `normalized`, with function words and without stems; of a script without
    spaces, each pair of characters."""
    for run in _RUN.finditer(normalized(text)):
        yield from _pairs(run[0]) if run["unspaced"] else (run[0],)


def normalized(text: str) -> str:
    """A text in the form in which words are compared."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold()
    for joiner in _JOINERS:
        plain = plain.replace(joiner, "")
    return plain


def _each_token(text: str) -> Iterator[str]:
    for run in _RUN.finditer(normalized(text)):
        if run["unspaced"]:
            yield from _pairs(run[0])
        elif run[0] not in _IGNORED and (stem := _stem(run[0][:LONGEST_TOKEN])):
            yield stem


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [a + b for a, b in pairwise(run)]


@lru_cache(maxsize=4_000)  # 2 MB. Of the words of 12,000 English questions it has 95 %; 20,000 have no more.
def _stem(word: str) -> str:
    """The stem of a word without accents: empty for one of marks alone, such as the Arabic tatweel. Words repeat: to
    stem one takes 0.05 ms."""
    from snowballstemmer import stemmer  # loads the rules of every language

    language = next((language for first, last, language in SCRIPTS if first <= word[0] <= last), _LATIN)
    # Each call has a stemmer of its own: one must not be used by two threads at a time.
    stem: str = stemmer(language).stemWord(_without_accents(word) if language == _LATIN else word)
    return _without_accents(stem)


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
