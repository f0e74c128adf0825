"""Removes secrets from a text that arrives in pieces. Pure, and linear in the text's length.

A model's prompt may hold a key, or a person may paste one. Half of a key already narrows it down too much, so any run
with more than half of a secret is removed, at any offset and however it is split into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "[redacted]"
SHORTEST = 8
"""A shorter value is a placeholder such as `none`, unless it begins as keys do."""
_KEY = re.compile(r"sk-\S{4,}")
_PLACEHOLDERS = frozenset(
    [
        "anything",
        "changeme",
        "dummy-key",
        "lm-studio",
        "no-key-required",
        "not-needed",
        "not-required",
        "placeholder",
        "sk-no-key-required",
        "sk-not-needed",
        "your-api-key",
    ]
)
"""Values that the documentation of servers without keys gives in place of one: a model may say these words.
https://github.com/ggml-org/llama.cpp/tree/master/tools/server,
https://lmstudio.ai/docs/developer/openai-compat"""
_GRAM = 4
"""The number of consecutive characters of a secret from which a text is held back until the next characters
decide."""
_LEAST_RUN = 6


class Secrets:
    """The values that no text may hold more than half of."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = sorted({value.strip() for value in values if is_secret(value.strip())})
        self.joined = "\0".join(self.values)
        self.grams = frozenset(
            value[at : at + _GRAM] for value in self.values for at in range(len(value) - _GRAM + 1)
        )
        self._limits = [(value, max(_LEAST_RUN, len(value) // 2 + 1)) for value in self.values]
        self._least = min((limit for _, limit in self._limits), default=0)

    def give_away(self, run: str) -> bool:
        """True if `run`, a part of some secret, is more than half of one."""
        return len(run) >= self._least and any(
            len(run) >= limit and run in value for value, limit in self._limits
        )

    def cut_from(self, text: str) -> str:
        """`text`, which is whole, without them."""
        stream = RedactedStream(self)
        return stream.feed(text) + stream.end()


def is_secret(value: str) -> bool:
    """True if an operator's value for a key is a secret rather than a placeholder."""
    is_key = len(value) >= SHORTEST or _KEY.fullmatch(value) is not None
    return is_key and value.lower() not in _PLACEHOLDERS


class RedactedStream:
    """One text in pieces. `feed` returns the part that may be shown, `end` the rest."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._run = ""  # the longest end of the text so far that is a part of a secret
        self._held = ""  # the end of the text that has not been returned yet
        self._hidden = (0, 0)  # the part of `_held` that gives a secret away

    def feed(self, text: str) -> str:
        if not self._held and not self._is_like_a_secret(text):
            self._run = self._longest_run((self._run + text)[1 - _GRAM :])
            return text
        shown = "".join(map(self._step, text))
        return shown if len(self._run) >= _GRAM else shown + self.end()

    def end(self) -> str:
        return self._release(len(self._held))

    def _is_like_a_secret(self, text: str) -> bool:
        grams, both = self._secrets.grams, self._run + text
        return any(both[at : at + _GRAM] in grams for at in range(len(both) - _GRAM + 1))

    def _longest_run(self, text: str) -> str:
        while text and text not in self._secrets.joined:
            text = text[1:]
        return text

    def _step(self, character: str) -> str:
        """Process one more character. A run grows by one and shrinks by the characters dropped: the work is
        linear."""
        self._run = self._longest_run(self._run + character)
        self._held += character
        end = len(self._held)
        if self._secrets.give_away(self._run):
            start = max(0, end - len(self._run))
            first, last = self._hidden
            self._hidden = (min(first, start) if first < last else start, end)
        return self._release(end - len(self._run))

    def _release(self, count: int) -> str:
        """The first `count` characters that are held, without the hidden ones."""
        if count <= 0:
            return ""
        first, last = self._hidden
        if first < count and first < last:
            if count < last:  # more of the same secret follows: one mark replaces all of it
                count = first
                shown = self._held[:count]
            else:
                shown = self._held[:first] + MARK + self._held[last:count]
        else:
            shown = self._held[:count]
        self._held = self._held[count:]
        self._hidden = (max(0, first - count), max(0, last - count))
        return shown
