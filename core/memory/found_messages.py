"""Messages that a platform's own search finds for a question, in place of a memory: for an app that is installed beyond
the organisation that runs it. Platforms forbid such an app to store what people said.

What is found is held in memory while its answer is written, and is neither stored nor logged. As with earlier answers,
a message is used only if everybody who reads the answer may read it, and that is checked once more before it is linked
(`core.memory.audience`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta, tzinfo

import structlog
from cachetools import TTLCache

from core.clock import Clock, ends_within
from core.errors import BotError, PlatformError
from core.i18n import phrase
from core.memory.audience import Audience, channels_to_search
from core.memory.channel_memories import ChannelMemories
from core.memory.citations import citation_tag
from core.memory.found_text import block, candidates, message_link
from core.memory.source_text import MOST_CANDIDATES, is_old, title
from core.memory.tokens import tokens
from core.platform_calls import PlatformCalls
from core.settings.channel import Memory
from core.values.conversation import Turn
from core.values.memory import FoundMessage
from core.values.outgoing import NO_SOURCES, Sources
from core.values.parts import EarlierAnswers
from core.values.places import Place
from core.values.tasks import AnswerQuestion

log = structlog.get_logger()

SEARCH_S = 2.0
"""Seconds that an answer waits for what a platform's search finds. It goes on without what takes longer."""
HELD_S = 900.0
"""Seconds for which the messages of an answer are held that waits for a person's approval."""
_HELD = 1_000

Found = tuple[FoundMessage, ...]


class FoundMessages:
    """Has platforms searched, for all turns. `calls`: the calls to a place; None where there are none. `old_after`: the
    age from which a message may be out of date."""

    def __init__(
        self,
        memories: ChannelMemories,
        clock: Clock,
        calls: Callable[[Place], PlatformCalls | None],
        old_after: timedelta,
    ) -> None:
        self._memories = memories
        self._clock = clock
        self._calls = calls
        self._old_after = old_after
        self._held: TTLCache[int, Found] = TTLCache(_HELD, HELD_S, clock.monotonic)

    async def offer(self, turn: Turn, audience: Audience, question: str) -> tuple[Found, EarlierAnswers | None]:
        """The messages for the question of a turn, in the order of their numbers, and the material for its prompt. A
        run that goes on has those of the one before. Raises nothing, and takes at most `SEARCH_S`."""
        if not isinstance(turn.ask.task, AnswerQuestion):
            return (), None
        found = self._held.get(turn.id)
        if found is None:
            found = self._held[turn.id] = await self._find_in_time(turn, audience, question)
        tag = citation_tag(turn.ask)
        lines = candidates(found, tag, self._clock.now(), self._old_after)
        found = self._held[turn.id] = found[: len(lines)]
        return found, EarlierAnswers(block(lines, tag)) if lines else None

    def let_go(self, turn_id: int) -> None:
        """The answer of a turn has ended, or begins anew."""
        self._held.pop(turn_id, None)

    async def find(
        self, audience: Audience, message_id: str, words: str, limit: int = MOST_CANDIDATES
    ) -> Found | None:
        """The messages that a platform's search finds for the author of a message, and that everybody may read who
        reads an answer to `audience`, best first. None where nothing can be searched. Raises PlatformError and
        StoreError."""
        place = audience.place
        calls, own = self._calls(place), await self._memories.of(place)
        if calls is None or own is Memory.OFF:
            return None
        if not tokens(words):
            return ()
        found = await calls.search(place, message_id, words, here=own is Memory.CHANNEL)
        if found is None:
            return None
        elsewhere = {one.place.channel for one in found} - {place.channel}
        others = await self._memories.of_others(place, elsewhere) if elsewhere else {}
        permitted = channels_to_search(own, place.channel, others)
        others_said = (one for one in found if one.id != message_id and one.place.key != place.key)
        some = [one for one in others_said if one.place.channel in permitted]
        return tuple(await self._readable(some[:limit], audience, calls))

    async def links(
        self,
        audience: Audience,
        numbered: Iterable[tuple[int, FoundMessage]],
        language: str,
        zone: tzinfo,
        *,
        titled: bool = False,
    ) -> Sources:
        """Messages as links, without those that one of the readers may not read now. `titled`: they are named by
        their own words, for one person; else nothing of them is shown but who said it, and where. Raises nothing."""
        some, calls = list(numbered), self._calls(audience.place)
        if calls is None or not some:
            return NO_SOURCES
        readable = set(map(id, await self._readable([one for _, one in some], audience, calls)))
        now, label = self._clock.now(), calls.installation.traits.label
        head = "" if titled else phrase("found_head", language, platform=label)
        links = (
            message_link(
                number,
                title(one.text) if titled else phrase("found_message", language),
                one,
                language,
                zone,
                channel=calls.channel_mention(one.place),
                old=is_old(one, now, self._old_after),
            )
            for number, one in some
            if id(one) in readable
        )
        return Sources(head, tuple(links))

    async def _find_in_time(self, turn: Turn, audience: Audience, question: str) -> Found:
        looking = asyncio.create_task(self.find(audience, turn.ask.id, question))
        if not await ends_within(looking, SEARCH_S, self._clock):
            log.warning("messages_late", turn=turn.id, after_s=SEARCH_S)
            return ()
        try:
            return looking.result() or ()
        except PlatformError:  # the gate has logged it
            return ()
        except BotError as error:
            log.warning("messages_not_found", turn=turn.id, **error.log_keys)
        except Exception as error:  # without its text and its stack, which may hold words of the messages
            log.error("messages_crashed", turn=turn.id, error=type(error).__name__)
        return ()

    async def _readable(
        self, found: Sequence[FoundMessage], audience: Audience, calls: PlatformCalls
    ) -> list[FoundMessage]:
        """Those of `found` that everybody of the audience may read now."""
        threads = {one.place.key: one.place for one in found}
        may = await asyncio.gather(*(_may_show(place, audience, calls) for place in threads.values()))
        readable = {key for key, shown in zip(threads, may, strict=True) if shown}
        return [one for one in found if one.place.key in readable]


async def _may_show(source: Place, audience: Audience, calls: PlatformCalls) -> bool:
    for person in audience.people:
        if not await calls.may_show(audience.place, person, source, alone=audience.alone):
            return False
    return bool(audience.people)
