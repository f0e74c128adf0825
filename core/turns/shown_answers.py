"""Shows answers again that have ended, and alerts, in the messages that they have: something around their text has
changed."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from core.clock import Clock
from core.delivery.scheduler import DeliveryScheduler
from core.errors import PlatformError
from core.i18n import phrase
from core.platform_calls import PlatformCalls
from core.ports.store import Store
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.turns.announcements import channel_place
from core.turns.answer_sources import AnswerSources
from core.turns.conclusion import show_anew, show_instead
from core.turns.draft import Draft
from core.turns.ending import failed, turn_language
from core.turns.store_retry import until_stored
from core.turns.transcripts import transcripts_to_quote
from core.values.conversation import Turn, TurnState
from core.values.outgoing import DeleteMessage, Phase, Reply, Sources
from core.values.parts import File
from core.values.places import Place
from core.values.tasks import RelateThreads, RemoveQuote, RemoveSources, ShowAnew, UpdateAlert
from core.values.turn_ends import AnswerFooter, Finish


@dataclass(frozen=True, slots=True)
class Channel:
    """The parts that make calls to one installation."""

    platform_calls: PlatformCalls
    scheduler: DeliveryScheduler


class ShownAnswers:
    """Runs the turns whose task is one of `TASKS`. `read_settings`: as in `AnswerSources`."""

    TASKS = RemoveQuote | RemoveSources | ShowAnew | UpdateAlert

    def __init__(
        self,
        store: Store,
        sources: AnswerSources,
        read_settings: Callable[[Turn], Awaitable[ChannelSettings]],
        settings: CoreSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sources = sources
        self._read_settings = read_settings
        self._settings = settings
        self._clock = clock

    async def run(self, turn: Turn, channel: Channel) -> Finish:
        """Show what the turn names, as its task says, and return the turn's end. Waits for the store."""
        task = turn.ask.task
        if isinstance(task, UpdateAlert):
            return await self._update_alert(turn, task, channel)
        assert isinstance(task, RemoveQuote | RemoveSources | ShowAnew)
        if isinstance(task, ShowAnew):
            await self._delete_stray(task, turn.ask.place, channel)
        answer = await until_stored(self._clock, lambda: self._store.turn(task.turn_id))
        # One whose turn goes on is shown anew by its own run.
        if answer is not None and answer.posted and not (answer.forgotten or answer.is_open):
            await self._show(answer, channel, quotes=not isinstance(task, RemoveQuote))
        return Finish(turn, TurnState.DONE)

    async def _show(self, answer: Turn, channel: Channel, *, quotes: bool) -> None:
        """Show an answer with the sources that it has now, and with `quotes` the transcripts above it."""
        footer = await until_stored(self._clock, lambda: self._store.answer_footer(answer.id))
        sources = await self._sources.of(answer, footer.cited if footer else ())
        if isinstance(answer.ask.task, RelateThreads):
            return await self._show_related(answer, sources, channel)
        quote = await self._quote_above(answer, footer, channel) if quotes else ""
        await show_anew(answer, footer, sources, channel.scheduler, self._clock, quote)

    async def _show_related(self, post: Turn, sources: Sources, channel: Channel) -> None:
        """Show the related threads that are left in a post; where none are, that they are gone."""
        language = await self._language(post)
        notice = "" if sources else phrase("related_gone", language)
        left = replace(sources, head=phrase("related_head", language)) if sources else sources
        await show_instead(Reply("", Phase.ENDED, notice, sources=left), post, channel.scheduler, self._clock)

    async def _quote_above(self, answer: Turn, footer: AnswerFooter | None, channel: Channel) -> str:
        """The transcripts above an answer, as far as the thread still has them."""
        ask, quoted = answer.ask, footer.quoted if footer else ()
        if not quoted or not channel.platform_calls.installation.limits.quotes:
            return ""
        lines = await until_stored(self._clock, lambda: self._store.lines(ask.place, ask))
        clips = (
            one
            for line in lines
            for one in line.attached
            if isinstance(one, File) and one.text and (line.id, one.source) in quoted
        )
        return transcripts_to_quote(clips, await self._language(answer))

    async def _delete_stray(self, task: ShowAnew, place: Place, channel: Channel) -> None:
        """Delete a message that another replica has posted too late, unless the answer has it."""
        answer = await until_stored(self._clock, lambda: self._store.turn(task.turn_id))
        if task.stray and answer is not None and task.stray not in answer.posted:
            with contextlib.suppress(PlatformError):
                await channel.platform_calls.perform(DeleteMessage(place, task.stray))

    async def _update_alert(self, turn: Turn, task: UpdateAlert, channel: Channel) -> Finish:
        """Show the text of the turn in the messages of an alert. Its words are not kept: they may name a person."""
        finish = Finish(turn, TurnState.DONE)
        alert = await until_stored(self._clock, lambda: self._store.turn(task.turn_id))
        if alert is None or not alert.posted:
            return finish
        try:
            place = await channel_place(alert.ask.place.channel, channel.platform_calls, self._clock)
        except PlatformError as error:
            return failed(finish, error)
        alert = replace(alert, ask=replace(alert.ask, place=place))
        await show_instead(Reply(turn.ask.text, Phase.ENDED, own=True), alert, channel.scheduler, self._clock)
        return finish

    async def _language(self, turn: Turn) -> str:
        settings = await until_stored(self._clock, lambda: self._read_settings(turn))
        return turn_language(turn, Draft(settings=settings), self._settings)
