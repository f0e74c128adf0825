"""Threads, their messages, and the watermarks of installations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.values.conversation import Ask, History, ThreadMessage
from core.values.events import Deleted, Edited
from core.values.parts import Attached, File
from core.values.places import Place
from core.values.summaries import ThreadSummary
from core.values.usage import LastUsage

PROCESS = "process"
"""The name under which the program itself stores its sign of life (`ThreadStore.advance_watermark`)."""
OVERLAP = timedelta(minutes=2)
"""The time before a watermark that is read again: a connection can receive nothing for a while before that is noticed,
and clocks differ."""


@dataclass(frozen=True, slots=True)
class Context:
    """The material of a prompt. `lines` are the thread's newest messages up to the question's own, oldest first.

    `filled`: the thread was read to its beginning, so nothing older is missing. `summaries`: the widest ones that cover
    none of the messages from the question on; no line of `lines` is covered by them. There are none where the asker
    may not read older messages.
    """

    lines: tuple[ThreadMessage, ...]
    filled: bool
    spent: LastUsage | None
    summaries: tuple[ThreadSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """A place as a list of threads shows it.

    `title` is the beginning of its first message, or the names of the files of a message without text.
    """

    place: Place
    title: str
    at: datetime


class ThreadStore(Protocol):
    """Threads, their messages, and until when platforms were listened to."""

    async def note(self, ask: Ask) -> bool:
        """Store `ask` as a message of its thread only.

        Returns False if it is stored already, or is older than the thread's last reset, or was sent before its author
        was forgotten.
        """
        ...

    async def joined(self, place: Place) -> bool:
        """True if a turn was ever accepted there."""
        ...

    async def joined_at(self, place: Place) -> datetime | None:
        """The time of the earliest question of the turns that were accepted there; long ago where that is not known any
        more. None where none was."""
        ...

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        """The conversation of the bot's own message `message_id` in `place`'s channel."""
        ...

    async def edit(self, edited: Edited) -> bool:
        """Change a message, or the question of a HELD turn. Returns whether anything is different then.

        The stored content of a file stays where the message still has the file.
        """
        ...

    async def delete(self, deleted: Deleted) -> bool:
        """Remove a message with its uploads, or a HELD turn. Returns False where neither is stored.

        A late delivery of the message, or a history that was read before, does not store it again in this process.
        """
        ...

    async def add_attached(self, place: Place, message_id: str, attached: Sequence[Attached]) -> bool:
        """Add parts of a message, or of a HELD turn, that are not stored yet, such as files that came with its second
        delivery only. A file is the same where its source is.

        Returns False where the message is not stored or has all of it.
        """
        ...

    async def put_file(self, place: Place, message_id: str, file: File) -> None:
        """Store a file's text or problem with its message, in place of the file with the same `source`. One that has a
        problem, since it was removed meanwhile, stays as it is."""
        ...

    async def import_history(self, place: Place, history: History) -> None:
        """Merge the history that a platform could read into the thread. A stored message stays as it is.
        Messages that were sent before their authors were forgotten are left out.

        After a complete history `filled` is True.
        """
        ...

    async def filled(self, place: Place) -> bool: ...

    async def lines(
        self, place: Place, until: Ask | None = None, limit: int = 400, before: datetime | None = None
    ) -> list[ThreadMessage]:
        """The newest `limit` messages of a thread, oldest first. An answer follows its question directly.

        With `until`, none later than `until`'s own and none older than the thread's last reset. With `before`, none of
        that time or later.
        """
        ...

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        """`lines`, `filled`, `last_usage` and the summaries of the ask's place in one trip. Before the newest lines, at
        most as many of the gaps between the summaries."""
        ...

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        """The joined places of a team with messages since then, newest first. Empty `team`: of every team."""
        ...

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        """The newest threads of a team that have messages, newest first."""
        ...

    async def watermark(self, platform: str, team: str) -> datetime | None:
        """The time up to which every message of an installation is known to be stored. None before its first
        connection.

        `team` is the installation's id.
        """
        ...

    async def advance_watermark(self, platform: str, team: str, until: datetime) -> None:
        """Move the watermark forward. It never moves back."""
        ...

    async def adopt(self, platform: str, team: str, former: Sequence[str]) -> None:
        """Move everything stored under the ids `former` to the id `team`. Rows that `team` has already stay as
        they are.

        For rows of earlier versions, which did not know the id of their installation.
        """
        ...

    async def reset(self, place: Place, at: datetime) -> None:
        """Let the thread's context begin at `at`. Older messages stay and are not read any more."""
        ...
