"""The parts of a message beside its text, as a JSON list; None where there are none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from core.values.parts import Attached, File, Quote, Text, ToolsUsed, Unread
from storage.tagged_union import TaggedUnion

_ATTACHED: TaggedUnion[Attached] = TaggedUnion(
    {"text": Text, "quote": Quote, "file": File, "unread": Unread, "tools_used": ToolsUsed}
)


def to_json(attached: Iterable[Attached]) -> list[Any] | None:
    """`[[kind, fields], ...]`, or None for nothing."""
    return [list(_ATTACHED.dump(one)) for one in attached] or None


def from_json(stored: list[Any] | None) -> tuple[Attached, ...]:
    """The inverse of `to_json`."""
    return tuple(_ATTACHED.load(kind, fields) for kind, fields in stored or ())


def changed(stored: Iterable[Attached], now: Iterable[Attached]) -> tuple[Attached, ...]:
    """`now`, with the content of files as far as it is stored. Of a file that can't be had any more its name stays."""
    known = {one.source: one for one in stored if isinstance(one, File) and one.source}
    return tuple(_as_known(one, known.get(one.source)) if isinstance(one, File) else one for one in now)


def merged(stored: tuple[Attached, ...], more: Iterable[Attached]) -> tuple[Attached, ...]:
    """`stored`, and behind it the parts of `more` that it lacks. A file is the same where its source is."""
    have = {_identity(one) for one in stored}
    return stored + tuple(one for one in more if _identity(one) not in have)


def with_file(stored: Iterable[Attached], file: File) -> tuple[Attached, ...]:
    """`stored` with `file` in place of the one with its source, unless that can't be had any more."""

    def is_same(one: Attached) -> bool:
        return isinstance(one, File) and one.source == file.source and one.problem is None

    return tuple(file if is_same(one) else one for one in stored)


def without_quotes_of(stored: Iterable[Attached], people: Collection[str]) -> tuple[Attached, ...]:
    """`stored` without its quotes of people who are forgotten."""
    return tuple(one for one in stored if not (isinstance(one, Quote) and one.author_id in people))


def _as_known(file: File, before: File | None) -> File:
    if before is None:
        return file
    return before if file.problem is None else replace(file, name=file.name or before.name)


def _identity(one: Attached) -> object:
    return one.source if isinstance(one, File) and one.source else one
