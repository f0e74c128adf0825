"""The removal of what is older than it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.values.places import Place


class RetentionStore(Protocol):
    """The removal of what is older than it is kept."""

    async def channels(self, after: Place | None = None, limit: int = 500) -> list[Place]:
        """The channels of which something is stored, in order, those behind `after`."""
        ...

    async def expire_channel(self, channel: Place, before: datetime) -> int:
        """Remove a part of what a channel has from before then: 0 once nothing of it is left. Returns the number of
        rows.

        Messages with their files and pictures, answers, the texts, names and steps of turns that have ended, the words
        of opinions, and the grants of tools. The time of a message is its own; an answer has that of its question. The
        question of a turn that has not ended stays until its end, and an alert about a budget until that of its period:
        its button allows more, and no other alert is posted. A thread that has no messages left is joined and
        filled as before.

        No sum of usage changes. The people of old usage get another name, by which those are found who know their id:
        `usage_totals` and the accounts of budgets count it as before. The audit, the settings and the times at which
        people were forgotten stay.
        """
        ...

    async def purge(self) -> None:
        """Rid the database's files of what was removed."""
        ...
