"""Answers that another replica writes, on the pages that this one serves: as the store has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from bots.web import incoming, outgoing
from bots.web.answer_streams import AnswerStreams
from bots.web.installation import WebInstallation
from core.clock import Clock
from core.errors import StoreError
from core.values.places import Place

log = structlog.get_logger(platform="web")

EVERY_S = 0.5
"""Seconds between two looks, while a page is open. The owner stores its answers once a second."""


class OtherAnswers:
    """Shows what the store has while the page is not answered `here`, and once more when it is again."""

    def __init__(self, installation: WebInstallation, live: AnswerStreams, clock: Clock) -> None:
        self.here: Callable[[Place], bool] = lambda _place: True
        self._installation = installation
        self._live = live
        self._clock = clock
        self._seen: frozenset[tuple[int, str]] | None = None
        self._was_here = True

    async def run(self) -> None:
        """Look until cancelled."""
        top = incoming.thread_to_place(incoming.TOP)
        while True:
            here = self.here(top)
            if not (here and self._was_here) and self._live.watchers:
                await self._look()
            if here:
                self._seen = None
            self._was_here = here
            await self._clock.sleep(EVERY_S)

    async def _look(self) -> None:
        try:
            unended = await self._installation.unended()
            states = await self._installation.states()
        except StoreError as error:
            log.warning("other_answers_not_read", **error.log_keys)
            return
        self._live.keep({view.id for _, view in unended})
        for turn, view in unended:
            known = self._live.view(view.id)
            if known is None or replace(view, at=known.at) != known:
                self._live.show(outgoing.place_to_thread(turn.ask.place), view, turn_id=turn.id)
        if states != self._seen:  # a question came, or an answer has ended
            self._seen = states
            self._live.tell_all()
