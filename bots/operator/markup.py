"""HTML from values: every text is escaped unless it is `Html` already. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "col"})
"""Elements without content: https://html.spec.whatwg.org/multipage/syntax.html#void-elements"""


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""Content of an element: `Html` as it is, other text escaped, None for nothing."""


def html(*children: Child) -> Html:
    """The children behind each other."""
    return Html("".join(_parts(children)))


def element(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """The element `name`. Attributes: `class_` is `class`, `aria_label` is `aria-label`; True has no value; None and
    False are left out."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{html(*children)}</{name}>")


def foreign(text: str) -> Html:
    """Text of other people: its direction does not change that of what is around it.
    https://html.spec.whatwg.org/multipage/text-level-semantics.html#the-bdi-element"""
    return element("bdi", text)


def _parts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        elif child is not None:
            yield from _parts(child)
