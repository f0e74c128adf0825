"""Decides which channels and threads may be sources of an answer, by who reads the answer. Pure, over plain facts.

A source may be used only if everybody who reads the answer may read it. A fact is None where it is unknown; what
depends on it is then refused. The platform's installation finds the facts (`SourceAccess` of `core.ports.connector`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.settings.channel import Memory
from core.values.places import Person, Place


class Visibility(StrEnum):
    """The people who may read a channel.

    PUBLIC: everybody in its team who is not limited to some channels, as guests are. PRIVATE: some people. DIRECT: the
    partners of a direct conversation of two or more.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers of an answer in `channel`.

    `alone`: only the asker reads it. `asker_may_read`: the asker may read the older messages of the channel.
    `all_may_read`: everybody who reads the answer may. `shared`: people of other teams read the channel, or may from an
    invitation on. `limited`: someone who reads the channel is limited to some channels of the team.
    """

    channel: str
    alone: bool
    asker_may_read: bool
    all_may_read: bool | None = True
    shared: bool | None = None
    limited: bool | None = None


@dataclass(frozen=True, slots=True)
class SourceChannel:
    """A channel that may be a source.

    `asker_reads`: the asker may read its older messages now, and so may the bot. `all_read`: so may everybody who reads
    the channel of the answer and is not limited to some channels; where it is None, that is so of a public channel.
    """

    id: str
    visibility: Visibility | None = None
    asker_reads: bool | None = None
    all_read: bool | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """The place of an answer, the people for whom it is written, and whether they alone read it."""

    place: Place
    people: tuple[Person, ...]
    alone: bool


def may_use_channel(readers: Readers, source: SourceChannel) -> bool:
    """True if everybody of `readers` may read what was said in `source` before."""
    if not readers.asker_may_read:
        return False
    if source.id == readers.channel:
        return readers.alone or readers.all_may_read is True
    if source.visibility is None or source.visibility is Visibility.DIRECT:
        return False
    if readers.alone:
        return source.asker_reads is True
    all_read = source.visibility is Visibility.PUBLIC if source.all_read is None else source.all_read
    return all_read and readers.shared is False and readers.limited is False


def may_use_thread(*, alone: bool, is_open: bool | None, asker_reads: bool | None) -> bool:
    """True if a thread of a channel that may be used may be a source elsewhere. `is_open`: everybody who reads its
    channel may read it. `asker_reads`: the asker may read it now, and so may the bot."""
    return is_open is True or (alone and asker_reads is True)


def reads_channel(
    visibility: Visibility | None, *, member: bool | None, guest: bool | None, external: bool | None
) -> bool | None:
    """True if a person may read a channel of a team; None where that is unknown. `member`: they have joined it."""
    if member or visibility is not Visibility.PUBLIC:
        return member
    if guest is None or external is None:
        return None
    return not (guest or external)


def memory_of(setting: Memory, *, distributed: bool) -> Memory:
    """The setting as it counts: an app that is installed beyond the organisation that runs it has no memory."""
    return Memory.OFF if distributed else setting


def channels_to_search(own: Memory, channel: str, others: Mapping[str, Memory]) -> frozenset[str]:
    """The channels in which an answer in `channel` looks for sources, as far as the settings permit: its own, and
    those of the `others` whose setting permits it too."""
    if own is Memory.OFF:
        return frozenset()
    if own is Memory.CHANNEL:
        return frozenset({channel})
    return frozenset({channel, *(id_ for id_, memory in others.items() if memory is Memory.WORKSPACE)})
