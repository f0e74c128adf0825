"""The text of an HTML page. Pure, and linear in the length of the page, whose author is not trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape

_TAG = re.compile(r"<(?:[!?]|(/?)([a-z][a-z0-9]{0,20}))", re.IGNORECASE | re.ASCII)
"""The beginning of a tag, a comment or a declaration. A `<` before anything else is one of the words."""
_SKIPPED = {
    name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII)
    for name in ("script", "style", "template", "svg", "iframe", "object", "noframes")
}
"""Elements whose content is not for readers, with the tags that end them."""
_INLINE_NAMES = (
    "a abbr b bdi bdo big cite code del em font i ins kbd mark q s small span strong sub sup u var wbr"
)
_INLINE = frozenset(_INLINE_NAMES.split())
"""Elements that do not end a line."""
_CELLS = frozenset(("td", "th"))
_ITEM = "li"


def html_to_text(html: str) -> str:
    """The words of a page, each block in lines of its own. Damaged HTML is read as far as possible."""
    text = "".join(_pieces(html))
    with suppress(ValueError):  # the number of a character has too many digits
        text = unescape(text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _pieces(html: str) -> Iterator[str]:
    at = 0
    while found := _TAG.search(html, at):
        start = found.start()
        yield html[at:start].replace("\n", " ")
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4)
            at = end + 3
        else:
            end = html.find(">", start)
            slash, name = found[1], (found[2] or "").lower()
            if end >= 0 and name in _SKIPPED and not slash:
                closing = _SKIPPED[name].search(html, end)
                end = html.find(">", closing.end()) if closing else -1
            yield _break(name, closes=bool(slash))
            at = end + 1
        if end < 0:
            return
    yield html[at:].replace("\n", " ")


def _break(name: str, *, closes: bool) -> str:
    """The separator of the text before and after a tag."""
    if name in _INLINE or not name:
        return ""
    if name in _CELLS:
        return "" if closes else " | "
    return "\n- " if name == _ITEM and not closes else "\n"
