"""Hosts that are only in parts of a tool's result that no reader sees, such as a comment or a tag of HTML: an answer
names them with `[.]`, so that no link leads there. Pure, and linear in the length of the text.

Pictures need no rule of their own: no platform shows a picture of an answer, only its link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_HOST = re.compile(r"(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
_OF_URL = re.compile(r"(?<=//)[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
_NO_PATH = re.compile(r"(?:(?<=//)|(?<![\w./-]))[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
_OPEN = re.compile(r"[\w.-]{1,255}\Z")
"""The beginning of a host at the end of a text."""
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|</?[a-zA-Z](?![\w+.-]{0,20}://)[^<>]*>", re.DOTALL)
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
"""Characters without a shape that repeat ASCII: https://www.unicode.org/charts/PDF/UE0000.pdf"""
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def hidden_hosts(results: Iterable[str], words: Iterable[str]) -> frozenset[str]:
    """The hosts that are in a hidden part of `results`, and neither in a visible one nor in people's `words`."""
    hidden, seen = set[str](), set[str]()
    for result in results:
        for part in _HIDDEN.findall(result):
            hidden |= _hosts(part, _NO_PATH if part.startswith("<!--") else _OF_URL)
        for run in _TAGS.findall(result):
            hidden |= _hosts("".join(chr(ord(character) - 0xE0000) for character in run), _NO_PATH)
        seen |= _hosts(_HIDDEN.sub(" ", result))
    if not hidden:
        return frozenset()
    for text in words:
        seen |= _hosts(text)
    return frozenset(hidden - seen)


def _hosts(text: str, pattern: re.Pattern[str] = _HOST) -> set[str]:
    return {host.lower() for host in pattern.findall(_UNSEEN.sub("", text))}


class LinkStream:
    """A text in pieces in which `hosts` and their subdomains are no hosts any more. `feed` returns what can be shown
    of the text so far, `end` the rest."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts
        self._held = ""

    def feed(self, text: str) -> str:
        if not self._hosts:
            return text
        text = self._held + text
        found = _OPEN.search(text, max(0, len(text) - 255))
        at = found.start() if found else len(text)
        self._held = text[at:]
        return _HOST.sub(self._inert, text[:at])

    def end(self) -> str:
        held, self._held = self._held, ""
        return _HOST.sub(self._inert, held)

    def _inert(self, found: re.Match[str]) -> str:
        parts = found[0].lower().split(".")
        names = (".".join(parts[at:]) for at in range(len(parts) - 1))
        return found[0].replace(".", "[.]") if any(name in self._hosts for name in names) else found[0]
