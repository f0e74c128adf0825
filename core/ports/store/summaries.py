"""Summaries of the beginnings of long threads."""

from __future__ import annotations

from typing import Protocol

from core.values.conversation import LinePosition, ThreadMessage
from core.values.places import Place
from core.values.summaries import StretchSummary, SummaryFailure, SummaryProgress
from core.values.turn_ends import Finish


class SummaryStore(Protocol):
    """The summaries of threads, and the attempts that failed.

    A change of a line that a summary covers voids it, and all later ones of the thread: an edit, a deletion, the end of
    the time for which it is kept. So does a line that comes late, from before its end. A reset of the thread voids all
    of them.
    """

    async def summary_progress(self, place: Place) -> SummaryProgress: ...

    async def oldest_lines(
        self, place: Place, after: LinePosition | None = None, limit: int = 400
    ) -> list[ThreadMessage]:
        """The oldest `limit` lines of a thread behind `after`, oldest first. None is older than its last reset."""
        ...

    async def finish_summary(self, finish: Finish, end: StretchSummary | SummaryFailure | None) -> bool:
        """End a turn that sums up a thread: its usage is stored, once, as nobody's, and counted by the budgets of the
        place. A summary is stored in place of the failures before it.

        True where a summary is stored: not where the turn is not open any more, a line of its stretch has changed
        meanwhile, or the summary before it is not the newest one any more.
        """
        ...
