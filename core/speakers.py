"""The labels of the people of a conversation, by which a model or a reader distinguishes them. Pure.

Names are chosen by the people themselves: nothing in a name may read as the end of a line, or as the beginning of
another's.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from core.text import DIRECTION_MARKS, shortened
from core.values.conversation import ThreadMessage
from core.values.parts import Quote
from core.values.places import Person

OURS = "Parley"
_ROLES = ("system", "developer", "assistant", "user", "tool", "系统", "助手", "用户", "工具")
"""Roles in a list of messages, as models know them."""
_NAME_LENGTH = 80
_KEPT = 4_096
"""Names that are kept with what is made of them: a thread has the same ones in every line."""
_COLONS = ":：﹕︓∶꞉"
"""The colon, and characters that look like one."""
_FOLDED = {ord(character): " " for character in _COLONS + DIRECTION_MARKS}
_TO_COLON = dict.fromkeys(map(ord, _COLONS), ":")
_MARKS = " \t*_~`>[(#-"
"""Characters that may precede a name at the beginning of a line."""


def labels(people: Iterable[Person]) -> dict[str, str]:
    """The label of each of `people`, by their id: the name, in one line and without a colon. The id follows the
    name where others, Parley or a role of a conversation have the same name, or where the name could be taken
    for one with an id. The last name of a person counts."""
    names: dict[str, str] = {}
    for person in people:
        name = _plain(person.name) or person.id
        if name != person.id or person.id not in names:  # the platform may not have said the name this time
            names[person.id] = name
    shared = Counter(_key(name) for name in names.values())
    shared.update(map(_key, (OURS, *_ROLES)))
    return {
        id_: name if shared[_key(name)] < 2 and "(" not in _key(name) else f"{name} ({id_})"
        for id_, name in names.items()
    }


def labels_of(lines: Iterable[ThreadMessage]) -> dict[str, str]:
    """`labels` of the people who said `lines`, and of those whom they quote."""
    said = [line for line in lines if not line.mine]
    quotes = (one for line in said for one in line.attached if isinstance(one, Quote) and one.author_id)
    quoted = (Person(quote.author_id, quote.author) for quote in quotes)
    return labels((*quoted, *(line.author for line in said)))


def label(name: str) -> str:
    """The name of a person who said nothing in the conversation, in one line and without a colon."""
    return _plain(name)


def quoted_label(name: str, known: Mapping[str, str]) -> str:
    """The label of the author of quoted words whose id is not known: never that of Parley, of a role or of one of the
    people with the labels `known`, with or without their ids."""
    plain = _plain(name)
    people = (one for id_, label in known.items() for one in (label, label.removesuffix(f" ({id_})")))
    taken = set(map(_key, (OURS, *_ROLES, *people)))
    return f"{plain} (identity unknown)" if _key(plain) in taken else plain


def label_of(line: ThreadMessage, known: Mapping[str, str]) -> str:
    """The name under which the model reads the author of `line`."""
    return OURS if line.mine else known.get(line.author.id) or line.author.id


def set_off(text: str, known: Iterable[str]) -> str:
    """`text` with a `> ` before each further line of it that begins with one of the labels or Parley's name, and a
    colon, as a message of theirs would: it was quoted, or made up."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:  # as most messages of a long thread
        return text
    starts = frozenset(_key(label).strip(_MARKS) for label in (OURS, *known))
    return "".join([*lines[:1], *(f"> {line}" if _begins(line, starts) else line for line in lines[1:])])


def _begins(line: str, starts: frozenset[str]) -> bool:
    name, colon, _ = line[: _NAME_LENGTH * 4].translate(_TO_COLON).partition(":")
    return bool(colon) and _key(name).strip(_MARKS) in starts


@lru_cache(_KEPT)
def _plain(name: str) -> str:
    words = "".join(
        " " if unicodedata.category(letter) == "Cc" else letter for letter in name.translate(_FOLDED)
    )
    return shortened(" ".join(words.split()), _NAME_LENGTH)


@lru_cache(_KEPT)
def _key(name: str) -> str:
    """The same for names that look alike."""
    seen = (letter for letter in name if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", "".join(seen)).casefold().strip()
