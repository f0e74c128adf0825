"""One turn from end to end: begun in the store, answered, shown and finished in the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from core.clock import Clock
from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.errors import BotError, Code, PlatformError, StoreError
from core.i18n import error_text, language_of, phrase
from core.llm.catalog import ModelCatalog, environment_to_catalog
from core.platform_calls import PlatformCalls
from core.ports.model import Model
from core.ports.store import Finish, Store
from core.settings.environment import CoreSettings
from core.turns.checkpoints import Checkpoints
from core.turns.conclusion import log_finished, show_last
from core.turns.digest import Digester, digest_place
from core.turns.ending import draft_to_finish, turn_language
from core.turns.running import Draft, Interrupt, RunningTurns
from core.turns.store_retry import until_stored
from core.turns.writer import AnswerWriter
from core.values.conversation import Task, Turn, TurnState
from core.values.outgoing import Phase, Reply

log = structlog.get_logger()

DEATHS = 2
"""Sudden ends of the program, counted against a turn, after which it is set aside."""

PRESS_WITHIN_S = 3.0
"""Seconds between a message halted by the platform's own stop button and the event that names who pressed it. Without
that event the answer is stopped after this time."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The way out to one platform."""

    platform_calls: PlatformCalls
    scheduler: DeliveryScheduler


@dataclass(frozen=True, slots=True)
class _Answer:
    """The draft of one turn, and the delivery that shows it."""

    draft: Draft
    delivery: AnswerDelivery


class TurnRunner:
    """Answers turns. One instance for all; what belongs to one turn lives in its call of `answer`."""

    def __init__(
        self,
        store: Store,
        model: Model,
        channels: Mapping[str, Channel],
        settings: CoreSettings,
        clock: Clock,
        digester: Digester,
        checkpoints: Checkpoints,
        live: RunningTurns,
        catalog: ModelCatalog | None = None,
        on_set_aside: Callable[[Turn, BotError], None] = lambda _turn, _error: None,
        on_finished: Callable[[Finish], None] = lambda _finish: None,
    ) -> None:
        self._store = store
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._digester = digester
        self._checkpoints = checkpoints
        self._live = live
        self._catalog = catalog or environment_to_catalog(settings)
        self._writer = AnswerWriter(store, model, settings, clock, checkpoints, live, self._catalog)
        self._answers: dict[int, _Answer] = {}
        self._stands: dict[int, asyncio.Event] = {}
        self._on_set_aside = on_set_aside
        self._on_finished = on_finished
        self._halts: set[asyncio.Task[None]] = set()
        self._suspects = asyncio.Lock()

    async def tell_waiting(self, turn: Turn, before: Turn) -> None:
        """Show that earlier questions come first, in the message that becomes the answer. Waits until the turn `before`
        it has a message on the platform. Raises StoreError."""
        channel = self._channels.get(turn.ask.place.platform)
        if channel is None or turn.ask.task is Task.DIGEST:
            return
        await self._standing(before).wait()
        if self._live.early(turn) is not None:
            return  # it was interrupted before it began
        turn = await self._store.begin(turn.id)  # so that the next process looks for that message
        settings = await self._writer.read_settings(turn)
        answer = self._answers[turn.id] = self._create(turn, channel)
        answer.draft.settings = settings
        notice = phrase("waiting", turn_language(turn, answer.draft, self._settings))
        answer.delivery.show(Reply(notice=notice), self._clock.monotonic())

    async def answer(self, turn: Turn) -> None:
        """Run one turn to its end. Cancelled, it leaves the turn in the ledger for the next process."""
        channel = self._channels.get(turn.ask.place.platform)
        if channel is None:
            log.warning("turn_left_waiting", turn=turn.id, place=turn.ask.place.key)
            return
        # Suspects run one at a time, so that the next sudden end tells which of them it was.
        one_at_a_time = self._suspects if turn.deaths else contextlib.nullcontext()
        with structlog.contextvars.bound_contextvars(turn=turn.id):
            try:
                async with one_at_a_time:
                    await self._run(turn, channel)
            finally:
                self._standing(turn).set()
                del self._stands[turn.id]

    async def _run(self, turn: Turn, channel: Channel) -> None:
        try:
            turn = await until_stored(self._clock, lambda: self._store.begin(turn.id))
        except StoreError:
            return await self._dismiss(turn, channel)
        try:
            finish = await self._run_of(turn)(turn, channel)
        except Exception as error:  # a mistake of ours: unended, it would fail again at each start
            log.exception("turn_crashed")
            finish = await self._apologize(turn, channel, BotError(Code.INTERNAL, type(error).__name__))
        await until_stored(self._clock, lambda: self._store.finish(finish))
        self._checkpoints.forget(turn.id)
        if turn.ask.task is not Task.DIGEST:
            log_finished(finish)
            self._on_finished(finish)

    def _run_of(self, turn: Turn) -> Callable[[Turn, Channel], Awaitable[Finish]]:
        if turn.deaths >= DEATHS:
            return self._set_aside
        return self._digest if turn.ask.task is Task.DIGEST else self._converse

    async def _set_aside(self, turn: Turn, channel: Channel) -> Finish:
        """End a turn that may be what ends the program, without reading its text. After one more sudden end nothing is
        shown either."""
        error = BotError(Code.SET_ASIDE, f"the program ended suddenly {turn.deaths} times while this turn ran")
        log.error("turn_set_aside", place=turn.ask.place.key, **error.log_keys)
        self._on_set_aside(turn, error)
        notice = error_text(error, language_of(turn.ask.author.locale, self._settings.parley_language))
        finish = Finish(turn, TurnState.FAILED, notice=notice, error=str(error.code), ref=error.ref)
        if turn.deaths > DEATHS or turn.ask.task is Task.DIGEST:
            return replace(finish, posted=turn.posted)
        answer = self._answers.pop(turn.id, None) or self._create(turn, channel)
        try:
            return await self._show_last(finish, answer)
        finally:
            self._release(answer, channel)

    async def _apologize(self, turn: Turn, channel: Channel, error: BotError) -> Finish:
        """Show `error` under the text that this or an earlier process has shown."""
        left = await until_stored(self._clock, lambda: self._store.turn(turn.id)) or turn
        answer = self._create(left, channel)
        draft = answer.draft
        draft.text, draft.error, draft.began_s = left.text, error, self._clock.monotonic()
        try:
            return await self._show_last(self._finish(left, draft), answer)
        except Exception:
            log.exception("failure_not_shown", **error.log_keys)
            return Finish(left, TurnState.FAILED, left.text, error=str(error.code), ref=error.ref)
        finally:
            self._release(answer, channel)

    async def _dismiss(self, turn: Turn, channel: Channel) -> None:
        """The turn is not open any more. Where it was forgotten while it waited, its message says so."""
        left = await until_stored(self._clock, lambda: self._store.turn(turn.id))
        if left is not None and not left.forgotten:
            log.warning("turn_already_ended", state=str(left.state))
            return
        log.info("question_forgotten")
        answer = self._answers.pop(turn.id, None) or (self._create(turn, channel) if turn.posted else None)
        if answer is None:
            return
        try:
            notice = phrase("forgotten", turn_language(turn, answer.draft, self._settings))
            answer.delivery.show(Reply(phase=Phase.ENDED, notice=notice), self._clock.monotonic())
            with contextlib.suppress(PlatformError):
                await answer.delivery.finished()
        finally:
            self._release(answer, channel)
            self._checkpoints.forget(turn.id)

    def _standing(self, turn: Turn) -> asyncio.Event:
        """Set once the turn has a message on the platform, or has ended without one."""
        return self._stands.setdefault(turn.id, asyncio.Event())

    async def _digest(self, turn: Turn, channel: Channel) -> Finish:
        """Post a usage summary, or the text of the ask. The store has only the channel; the platform knows its team."""
        text = turn.ask.text or await until_stored(self._clock, lambda: self._digester.text(turn))
        finish = Finish(turn, TurnState.DONE, text)
        try:
            place = await digest_place(turn.ask.place.channel, channel.platform_calls, self._clock)
        except PlatformError as error:
            return replace(finish, state=TurnState.FAILED, error=str(error.code), ref=error.ref)
        answer = self._create(replace(turn, ask=replace(turn.ask, place=place)), channel)
        try:
            return await self._show_last(finish, answer)
        finally:
            self._release(answer, channel)

    async def _converse(self, turn: Turn, channel: Channel) -> Finish:
        answer = self._answers.pop(turn.id, None) or self._create(turn, channel)
        draft, delivery = answer.draft, answer.delivery
        draft.began_s = self._clock.monotonic()
        try:
            while True:
                end = await self._live.write(
                    turn, self._writer.write(turn, draft, delivery, channel.platform_calls)
                )
                if end is not Interrupt.RESTARTED:
                    break
                draft.text, draft.ended, draft.error, draft.first_word_s = "", None, None, None
                turn = replace(turn, text="")  # that answered another question
            draft.interrupt = end
            if end is Interrupt.LOST:
                draft.interrupt, draft.error = None, delivery.error
            if end is Interrupt.REMOVED and delivery.error is None:
                delivery.remove()  # its place was closed before it began
            if end is not Interrupt.FORGOTTEN and draft.ended is None and turn.text.startswith(draft.text):
                draft.text = turn.text  # words that an earlier process has shown stay
            if end is Interrupt.WITHDRAWN and not (delivery.posted or delivery.busy):
                draft.text = ""  # no reader has seen a word, and the question is gone
                finish = replace(self._finish(turn, draft), notice="", buttons=())
                return await self._show_last(finish, answer)
            return await self._show_last(self._finish(turn, draft), answer)
        finally:
            self._release(answer, channel)

    def _create(self, turn: Turn, channel: Channel) -> _Answer:
        draft = Draft()

        async def on_post(posted: tuple[str, ...]) -> None:
            """Store the ids of the answer's messages."""
            self._standing(turn).set()
            self._checkpoints.note(turn.id, draft.text, posted)
            await self._checkpoints.flush()

        delivery = channel.scheduler.delivery(
            turn.ask,
            f"turn-{turn.id}",
            on_post,
            turn.posted,
            look_first=turn.attempt > 1,
            turn_id=turn.id,
        )
        delivery.on_stopped = lambda: self._halted(turn)
        delivery.on_lost = lambda: self._lost(turn, delivery)
        self._live.watch(delivery)
        if turn.posted:
            self._standing(turn).set()
        return _Answer(draft, delivery)

    def _halted(self, turn: Turn) -> None:
        """A person has halted the growing message; the platform does not say who."""

        async def halt() -> None:
            await self._clock.sleep(PRESS_WITHIN_S)
            self._live.halt(turn.id)

        task = asyncio.create_task(halt())
        self._halts.add(task)
        task.add_done_callback(self._halts.discard)

    def _lost(self, turn: Turn, delivery: AnswerDelivery) -> None:
        """Interrupt the writing: the platform takes no more of the answer."""
        gone = delivery.error is not None and delivery.error.code is Code.GONE
        self._live.lose(turn.id, Interrupt.REMOVED if gone else Interrupt.LOST)

    def _release(self, answer: _Answer, channel: Channel) -> None:
        self._live.unwatch(answer.delivery)
        channel.scheduler.release(answer.delivery)

    def _finish(self, turn: Turn, draft: Draft) -> Finish:
        if (error := draft.error) is not None:
            log.error("answer_failed", **error.log_keys)
        language = turn_language(turn, draft, self._settings)
        return draft_to_finish(turn, draft, language, self._catalog.default, self._clock.monotonic())

    async def _show_last(self, finish: Finish, answer: _Answer) -> Finish:
        language = turn_language(finish.turn, answer.draft, self._settings)
        return await show_last(finish, answer.delivery, language, self._clock)
