"""Pictures of messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from core.ports.files import FileContent
from core.values.places import Place


class UploadStore(Protocol):
    """Small copies of the pictures of messages, for platforms that keep no files themselves."""

    async def put_uploads(
        self,
        place: Place,
        message_id: str,
        at: datetime,
        content: Mapping[str, FileContent],
        turn_id: int | None = None,
    ) -> None:
        """Store the pictures of a message by `File.source`, before the message itself. Those stored stay as they
        are. Those of the answer of `turn_id` are not stored once that turn has ended."""
        ...

    async def upload(self, place: Place, message_id: str, source: str) -> FileContent | None:
        """A picture of a message of `place`'s channel, or None where there is none, or none any more."""
        ...

    async def discard_uploads(self, place: Place, message_id: str) -> None:
        """Remove the pictures of a message that is not stored, since it was refused."""
        ...

    async def expire_uploads(self, before: datetime, announced_before: datetime | None = None) -> int:
        """Remove all pictures that came before then, also some of those of tool results: 0 once none is left.
        Returns how many.

        The pictures of announcements are removed only where they came before `announced_before` too, if given.
        """
        ...
