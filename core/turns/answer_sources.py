"""The sources that an answer cites, as its readers see them under it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from core.clock import Clock
from core.memory.citations import OPINIONS, cited_numbers, without_citations
from core.memory.recall import Recall, audience_of
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.turns.draft import Draft
from core.turns.ending import turn_button, turn_language
from core.turns.interrupts import Interrupt
from core.turns.running import RunningTurn
from core.turns.store_retry import until_stored
from core.values.conversation import Turn, TurnState
from core.values.outgoing import NO_SOURCES, Sources
from core.values.turn_ends import Finish

_UNREAD = (Interrupt.WITHDRAWN, Interrupt.FORGOTTEN, Interrupt.REMOVED)


class AnswerSources:
    """Finds the sources of answers as they are now. Without `recall` there are none. `read_settings`: the settings in a
    turn's channel; raises StoreError."""

    def __init__(
        self,
        recall: Recall | None,
        read_settings: Callable[[Turn], Awaitable[ChannelSettings]],
        settings: CoreSettings,
        clock: Clock,
    ) -> None:
        self._recall = recall
        self._read_settings = read_settings
        self._settings = settings
        self._clock = clock

    async def add(self, finish: Finish, running: RunningTurn) -> Finish:
        """`finish` with the sources that its text cites, without the citations of those that are gone, and with buttons
        for an opinion of them once it is whole."""
        draft = running.draft
        if draft.interrupt in _UNREAD or finish.state is TurnState.ASKING:
            return finish
        if not draft.numbers:
            return _with_citations_of(finish)
        numbers = [number for number in cited_numbers(finish.text) if number in draft.numbers]
        if draft.found:
            sources = await self._found(running.turn, draft, numbers)
            return _with_citations_of(replace(finish, sources=sources))
        cited = tuple((number, draft.offered[number - 1]) for number in numbers)
        sources = await self.of(running.turn, cited, draft)
        shown = {link.number for link in sources.links}
        cited = tuple(one for one in cited if one[0] in shown)
        buttons = finish.buttons
        if cited and finish.state is TurnState.DONE:
            language = turn_language(running.turn, draft, self._settings)
            buttons += tuple(turn_button(action, finish.turn, language) for action in OPINIONS)
        return _with_citations_of(replace(finish, cited=cited, sources=sources, buttons=buttons))

    async def of(self, turn: Turn, cited: Sequence[tuple[int, int]], draft: Draft | None = None) -> Sources:
        """The sources with these numbers and turns, for the readers of the answer of `turn`. Waits for the store."""
        if self._recall is None or not cited:
            return NO_SOURCES
        if draft is None:
            draft = Draft(settings=await until_stored(self._clock, lambda: self._read_settings(turn)))
        zone = draft.settings.zone if draft.settings else self._settings.zone
        language = turn_language(turn, draft, self._settings)
        return await self._recall.cited(audience_of(turn), cited, language, zone)

    async def _found(self, turn: Turn, draft: Draft, numbers: Sequence[int]) -> Sources:
        """The messages of the platform's search under these numbers. Nobody rates them: nothing of them is stored."""
        assert self._recall is not None
        zone = draft.settings.zone if draft.settings else self._settings.zone
        numbered = [(number, draft.found[number - 1]) for number in numbers]
        language = turn_language(turn, draft, self._settings)
        return await self._recall.messages.links(audience_of(turn), numbered, language, zone)


def _with_citations_of(finish: Finish) -> Finish:
    """`finish` with those citations alone that have a link under its text."""
    shown = [link.number for link in finish.sources.links]
    return replace(finish, text=without_citations(finish.text, keep=shown))
