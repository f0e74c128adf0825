"""Summaries of the beginnings of long threads."""

from __future__ import annotations

from typing import Protocol

from core.values.conversation import LinePosition, ThreadMessage
from core.values.places import Place
from core.values.summaries import BEGINNING, FoldedSummary, StretchSummary, SummaryFailure, SummaryProgress
from core.values.turn_ends import Finish

SummaryEnd = StretchSummary | FoldedSummary | SummaryFailure


class SummaryStore(Protocol):
    """The summaries of threads, and the attempts that failed.

    A change of a line that a summary covers voids it: an edit, a deletion, a line that comes late. Of a void one
    nothing is kept but its range, where it was made of lines. A reset of the thread removes all of them.
    """

    async def summary_progress(self, place: Place) -> SummaryProgress: ...

    async def oldest_lines(
        self,
        place: Place,
        after: LinePosition = BEGINNING,
        limit: int = 400,
        until: LinePosition | None = None,
    ) -> list[ThreadMessage]:
        """The oldest `limit` lines of a thread behind `after`, up to `until` (None: all), oldest first. None is older
        than its last reset."""
        ...

    async def finish_summary(self, finish: Finish, end: SummaryEnd | None) -> bool:
        """End a turn that sums up a thread: its usage is stored, once, as that of the turn's payer. A summary is stored
        in place of the failures before it.

        True where a summary is stored: not where the turn is not open any more, a line of its stretch has changed
        meanwhile or is covered already, or one of its parts is not stored any more.
        """
        ...
