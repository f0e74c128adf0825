"""Runs one turn from end to end: begun in the store, answered, shown, finished in the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog

from core.clock import Clock
from core.conversation.file_content import is_sound
from core.conversation.files import FileReader
from core.delivery.answer import AnswerDelivery
from core.errors import BotError, Code, PlatformError, StoreError
from core.i18n import error_text, phrase
from core.llm.catalog import ModelCatalog, environment_to_catalog
from core.llm.messages import message_to_text
from core.log import turn_context
from core.memory.ranking import LEAST_SHARED
from core.memory.recall import MOST_RELATED, Recall, audience_of
from core.ports.model import Model
from core.ports.store import Store
from core.ports.tools import Tools
from core.settings.environment import CoreSettings
from core.spend.budget_text import lift_label
from core.spend.chart_renderer import Charts
from core.tracing import span
from core.turns.announcements import UsageReporter, channel_place, report_to_finish
from core.turns.answer_budgets import AnswerBudgets
from core.turns.answer_sources import AnswerSources
from core.turns.checkpoints import Checkpoints
from core.turns.conclusion import log_finished, show_last
from core.turns.draft import Draft
from core.turns.ending import draft_to_charge, draft_to_finish, failed, turn_language
from core.turns.interrupts import Interrupt
from core.turns.resumptions import Resumptions
from core.turns.running import RunningTurn, RunningTurns
from core.turns.shown_answers import Channel, ShownAnswers
from core.turns.store_retry import until_stored
from core.turns.thread_summaries import ThreadSummaries
from core.turns.writer import AnswerWriter, OnToolCall
from core.values.conversation import Ask, Message, Turn, TurnState
from core.values.deltas import Usage
from core.values.model_accounts import OF_WORKSPACES
from core.values.outgoing import Phase, Reply
from core.values.parts import File, Text
from core.values.places import Place
from core.values.steps import Decision
from core.values.tasks import (
    REPORT_ID,
    BudgetReached,
    RelateThreads,
    ReportUsage,
)
from core.values.turn_ends import Finish
from core.values.ui import Button

log = structlog.get_logger()

DEATHS = 2
"""Sudden ends of the program, counted against a turn, after which it is set aside."""

PRESS_WITHIN_S = 3.0
"""Seconds between a message halted by the platform's own stop button and the event that names who pressed it. Without
that event the answer is stopped after this time."""


class TurnRunner:
    """Answers turns. One instance serves all; the state of one turn is in its `RunningTurn`."""

    def __init__(
        self,
        store: Store,
        model: Model,
        channels: Callable[[Place], Channel | None],
        settings: CoreSettings,
        clock: Clock,
        usage_reporter: UsageReporter,
        checkpoints: Checkpoints,
        running_turns: RunningTurns,
        files: FileReader,
        catalog: ModelCatalog | None = None,
        on_set_aside: Callable[[Turn, BotError], None] = lambda _turn, _error: None,
        on_report_failed: Callable[[str, str, BotError], None] = lambda _report, _platform, _error: None,
        on_finished: Callable[[Finish], None] = lambda _finish: None,
        tools: Tools | None = None,
        on_tool_call: OnToolCall = lambda _server, _failed, _seconds: None,
        charts: Charts | None = None,
        budgets: AnswerBudgets | None = None,
        summaries: ThreadSummaries | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._store = store
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._usage_reporter = usage_reporter
        self._charts = charts
        self._checkpoints = checkpoints
        self._running_turns = running_turns
        self._catalog = catalog or environment_to_catalog(settings)
        self._writer = AnswerWriter(
            store, model, settings, clock, self._catalog, files, tools, on_tool_call, budgets, recall
        )
        read_settings = self._writer.read_settings
        self._sources = AnswerSources(recall, read_settings, settings, clock)
        self._shown_answers = ShownAnswers(store, self._sources, read_settings, settings, clock)
        self._summaries = summaries
        self._recall = recall
        self._on_set_aside = on_set_aside
        self._on_report_failed = on_report_failed
        self._on_finished = on_finished
        self._suspects = asyncio.Lock()
        self._resumptions = Resumptions(clock)

    async def tell_waiting(self, running: RunningTurn, before: RunningTurn) -> None:
        """Show that earlier questions come first, in the message that becomes the answer. Waits until the turn `before`
        it has a message on the platform. Raises StoreError."""
        turn = running.turn
        channel = self._channels(turn.ask.place)
        if channel is None or turn.ask.announces:
            return
        with turn_context(turn):
            await self._tell_waiting(running, before, channel)

    async def _tell_waiting(self, running: RunningTurn, before: RunningTurn, channel: Channel) -> None:
        """Raises StoreError."""
        await before.on_platform.wait()
        if self._running_turns.interrupt_of(running) is not None:
            return
        # So that the next process looks for that message.
        turn = running.turn = await self._store.begin(running.id, running.epoch)
        settings = await self._writer.read_settings(turn)
        delivery = self._create(running, channel)
        running.draft.settings = settings
        notice = phrase("waiting", self._language(running))
        delivery.show(Reply(running.turn.text, notice=notice), self._clock.monotonic())

    async def answer(self, running: RunningTurn) -> None:
        """Run one turn to its end. Cancelled, it leaves the turn in the ledger for the next process."""
        turn = running.turn
        channel = self._channels(turn.ask.place)
        if channel is None:
            log.warning("turn_left_waiting", turn=turn.id, place=turn.ask.place.key)
            return
        # Suspects run one at a time, so that the next sudden end shows which of them caused it.
        one_at_a_time = self._suspects if turn.deaths else contextlib.nullcontext()
        with turn_context(turn):
            try:
                async with one_at_a_time:
                    await self._run(running, channel)
            finally:
                self._resumptions.passed(turn.id)
                self._writer.ended(turn.id)
                self._release(running, channel)

    async def _run(self, running: RunningTurn, channel: Channel) -> None:
        if running.turn.ask.in_background:
            if self._summaries is not None:
                await self._summaries.run(running)
            return
        running.on_asked = partial(self._resumptions.passed, running.id)
        await self._resumptions.wait(running)
        try:
            begun = await until_stored(
                self._clock, lambda: self._store.begin(running.id, running.epoch, in_order=running.in_order)
            )
        except StoreError:
            return await self._dismiss(running, channel)
        if begun.id != running.id:
            running.before = begun
            return
        running.turn = begun
        try:
            finish = await self._run_of(running.turn)(running, channel)
        except Exception as error:  # a mistake of ours: unended, it would fail again at each start
            log.exception("turn_crashed")
            finish = await self._apologize(running, channel, BotError(Code.INTERNAL, type(error).__name__))
        self._release(running, channel)
        if self._recall is not None and finish.state is not TurnState.ASKING:
            self._recall.messages.let_go(running.id)
        with span("store"):
            stored = await until_stored(self._clock, lambda: self._store.finish(finish))
        running.trace.finished(str(finish.state), finish.error)
        told = running.draft.interrupt is Interrupt.FORGOTTEN
        if not (stored or told or finish.turn.ask.announces):
            running.turn = replace(running.turn, posted=finish.posted)
            await self._dismiss(running, channel)
        if finish.state is TurnState.ASKING:
            log.info("approval_asked")
        elif not running.turn.ask.announces:
            log_finished(finish)
            own = running.draft.settings is not None and running.draft.settings.account is not None
            self._on_finished(replace(finish, model=OF_WORKSPACES) if own else finish)
        if stored and self._summaries is not None and finish.state is TurnState.DONE:
            await self._summaries.answered(running.turn, running.draft)

    def _run_of(self, turn: Turn) -> Callable[[RunningTurn, Channel], Awaitable[Finish]]:
        if turn.deaths >= DEATHS:
            return self._set_aside
        if isinstance(turn.ask.task, ShownAnswers.TASKS):
            return self._show_again
        if isinstance(turn.ask.task, ReportUsage):
            return self._report
        if isinstance(turn.ask.task, RelateThreads):
            return self._relate
        return self._announce if turn.ask.announces else self._converse

    async def _set_aside(self, running: RunningTurn, channel: Channel) -> Finish:
        """End a turn that may have ended the program, without reading its text. After one more sudden end
        nothing is shown either."""
        turn = running.turn
        error = BotError(Code.SET_ASIDE, f"the program ended suddenly {turn.deaths} times while this turn ran")
        log.error("turn_set_aside", place=turn.ask.place.key, **error.log_keys)
        self._on_set_aside(turn, error)
        notice = error_text(error, self._language(running))
        unknown = Usage(estimated=True)  # of what a model was asked before
        finish = failed(Finish(turn, TurnState.FAILED, notice=notice, usage=unknown), error)
        if turn.deaths > DEATHS or turn.ask.announces:
            return replace(finish, posted=turn.posted)
        return await self._show_last(finish, running, self._delivery(running, channel))

    async def _apologize(self, running: RunningTurn, channel: Channel, error: BotError) -> Finish:
        """Show `error` under the text that this or an earlier process has shown."""
        left = await until_stored(self._clock, lambda: self._store.turn(running.id)) or running.turn
        running.turn = left
        delivery = self._create(running, channel)
        former = running.draft
        running.draft = Draft(left.text, error=error, began_s=self._clock.monotonic(), charged=former.charges)
        running.draft.settings = former.settings
        try:
            return await self._show_last(self._finish(running), running, delivery)
        except Exception:
            log.exception("failure_not_shown", **error.log_keys)
            return failed(Finish(left, TurnState.FAILED, left.text), error)

    async def _dismiss(self, running: RunningTurn, channel: Channel) -> None:
        """The turn is not open any more. Where it was forgotten, its message says so in place of the answer."""
        left = await until_stored(self._clock, lambda: self._store.turn(running.id))
        if left is not None and left.is_open:
            log.info("turn_left_to_its_owner", epoch=running.epoch)
            return
        if left is not None and not left.forgotten:
            log.warning("turn_already_ended", state=str(left.state))
            return
        log.info("question_forgotten")
        delivery = running.delivery or (self._create(running, channel) if running.turn.posted else None)
        if delivery is None:
            return
        notice = phrase("forgotten", self._language(running))
        delivery.correct(Reply("", Phase.ENDED, notice), self._clock.monotonic())
        with contextlib.suppress(PlatformError):
            await delivery.finished()

    async def _report(self, running: RunningTurn, channel: Channel) -> Finish:
        """Post a usage report. The operators are told of one that can't be posted."""
        ask = running.turn.ask
        finish = await self._announce(running, channel)
        if finish.state is TurnState.FAILED:
            name = f"report {ask.id.removeprefix(REPORT_ID)} in {ask.place.platform}:{ask.place.channel}"
            error = BotError(Code(finish.error))
            error.ref = finish.ref
            self._on_report_failed(name, ask.place.platform, error)
        return finish

    async def _announce(self, running: RunningTurn, channel: Channel) -> Finish:
        """Post a usage report, or the text of an alert. The store has only the channel; the platform knows its team."""
        turn = running.turn
        task, finish = turn.ask.task, Finish(turn, TurnState.DONE, turn.ask.text)
        try:
            place = await channel_place(turn.ask.place.channel, channel.platform_calls, self._clock)
        except PlatformError as error:
            return failed(finish, error)
        if isinstance(task, ReportUsage):
            written = await until_stored(self._clock, lambda: self._usage_reporter.report(task, place))
            finish = await report_to_finish(written, turn, self._settings.parley_currency, self._charts)
        if isinstance(task, BudgetReached):
            label = lift_label(task, self._language(running), self._settings.parley_currency)
            finish = replace(finish, buttons=(Button("budget_lift", label, turn.id),))
        running.turn = replace(turn, ask=replace(turn.ask, place=place))
        return await self._show_last(finish, running, self._create(running, channel))

    async def _show_again(self, running: RunningTurn, channel: Channel) -> Finish:
        return await self._shown_answers.run(running.turn, channel)

    async def _relate(self, running: RunningTurn, channel: Channel) -> Finish:
        """Link earlier answers that all readers of a post may read. Nothing is posted where there are none."""
        turn, draft = running.turn, running.draft
        ask, finish = turn.ask, Finish(turn, TurnState.DONE)
        settings = draft.settings = await until_stored(self._clock, lambda: self._writer.read_settings(turn))
        recall = self._recall
        if recall is None or not settings.related:
            return finish
        words = message_to_text(Message("user", (Text(ask.text), *ask.attached)))
        find = partial(recall.find, audience_of(turn), words, MOST_RELATED, least=LEAST_SHARED)
        found = await until_stored(self._clock, find)
        language = self._language(running)
        head, numbered = phrase("related_head", language), list(enumerate(found, 1))
        sources = recall.shown(ask.place, numbered, head, language, settings.zone)
        if not sources:
            return finish
        cited = tuple((number, one.turn_id) for number, one in numbered)
        finish = replace(finish, sources=sources, cited=cited)
        return await self._show_last(finish, running, self._create(running, channel))

    async def _converse(self, running: RunningTurn, channel: Channel) -> Finish:
        delivery, draft = self._delivery(running, channel), running.draft
        draft.began_s = self._clock.monotonic()
        if running.turn.attempt > 1:
            steps, charges = await asyncio.gather(
                until_stored(self._clock, lambda: self._store.steps(running.id)),
                until_stored(self._clock, lambda: self._store.charges(running.id)),
            )
            draft.resume(steps)
            draft.charged += charges
        elif _was_heard(running.turn.ask):
            draft.charged += await until_stored(self._clock, lambda: self._store.charges(running.id))
        if draft.declined is Decision.EDITED:
            await self._begin_anew(running, delivery)
        end = draft.interrupt = await self._write(running, delivery, channel)
        turn = running.turn
        if end is Interrupt.LOST:
            draft.interrupt, draft.error = None, delivery.error
        if end is Interrupt.REMOVED and delivery.error is None:
            delivery.remove()  # its place was closed before it began
        if end is not Interrupt.FORGOTTEN and draft.ended is None and turn.text.startswith(draft.text):
            draft.text = turn.text  # text that an earlier process showed stays
        if end in (Interrupt.WITHDRAWN, Interrupt.FORGOTTEN):
            delivery.quote = ""  # the quoted words are the person's
        unseen = end is Interrupt.WITHDRAWN and not (delivery.posted or delivery.busy)
        if unseen:
            draft.text = ""
        whole = not (draft.error or draft.interrupt or draft.asked)
        if draft.summed_up and whole and self._summaries is not None:
            draft.tells_summary = await self._summaries.tells(turn.ask.place)
        finish = await self._sources.add(self._finish(running), running)
        finish = replace(finish, indexed=not channel.platform_calls.distributed)
        if end is Interrupt.FORGOTTEN:
            finish = replace(finish, text="")
        if delivery.quote:
            finish = replace(finish, quoted=tuple(one.key for one in running.heard))
        return await self._show_last(replace(finish, notice="") if unseen else finish, running, delivery)

    async def _write(
        self, running: RunningTurn, delivery: AnswerDelivery, channel: Channel
    ) -> Interrupt | None:
        """Have the answer written, anew after each edit of its question, and return the interrupt that ended it
        early."""
        while True:
            writing = self._writer.write(running, delivery, channel.platform_calls)
            end = await self._running_turns.write(running, writing)
            if end is not Interrupt.RESTARTED:
                return end
            await self._begin_anew(running, delivery)

    async def _begin_anew(self, running: RunningTurn, delivery: AnswerDelivery) -> None:
        """The question was edited: the draft answers the question before the edit, and may quote clips that it had. Its
        author pays for what follows, also where another person had the answer begin."""
        if running.draft.steps:
            await until_stored(self._clock, lambda: self._store.put_steps(running.id, 0, ()))
        self._charge_interrupted(running.draft)
        await until_stored(self._clock, lambda: self._writer.begin_anew(running))
        if running.turn.started_by is not None:
            await until_stored(self._clock, lambda: self._store.charge_asker(running.id))
            running.turn, running.draft.paid_by_two = replace(running.turn, started_by=None), True
        running.draft.restart()
        delivery.quote = ""
        running.turn = replace(running.turn, text="")

    def _delivery(self, running: RunningTurn, channel: Channel) -> AnswerDelivery:
        """The delivery of the answer: that of its waiting notice, or a new one."""
        return running.delivery or self._create(running, channel)

    def _create(self, running: RunningTurn, channel: Channel) -> AnswerDelivery:
        """A new delivery of the answer, in place of the one it has."""
        self._release(running, channel)
        turn = running.turn

        async def on_post(posted: tuple[str, ...]) -> None:
            """Store the ids of the answer's messages."""
            running.on_platform.set()
            running.unsaved = (running.draft.text, posted)
            await self._checkpoints.flush()

        delivery = running.delivery = channel.scheduler.delivery(
            turn.ask,
            f"turn-{turn.id}",
            on_post,
            turn.posted,
            look_first=turn.attempt > 1,
            turn_id=turn.id,
        )
        delivery.on_stopped = lambda: self._halted(running)
        delivery.on_lost = lambda: _lost(running, delivery)
        if turn.posted:
            running.on_platform.set()
        return delivery

    def _halted(self, running: RunningTurn) -> None:
        """A person has halted the growing message; the platform does not say who."""

        async def halt() -> None:
            await self._clock.sleep(PRESS_WITHIN_S)
            running.halt()

        running.halting = asyncio.create_task(halt())

    def _release(self, running: RunningTurn, channel: Channel) -> None:
        if running.delivery is not None:
            channel.scheduler.release(running.delivery)
            running.delivery = None

    def _language(self, running: RunningTurn) -> str:
        return turn_language(running.turn, running.draft, self._settings)

    def _finish(self, running: RunningTurn) -> Finish:
        draft = running.draft
        if (error := draft.error) is not None:
            log.error("answer_failed", **error.log_keys)
        default, now_s = self._catalog.default, self._clock.monotonic()
        self._charge_interrupted(draft)
        return draft_to_finish(running.turn, draft, self._language(running), default, now_s)

    def _charge_interrupted(self, draft: Draft) -> None:
        """Charge an estimate for a round that was interrupted while the model wrote: its endpoint did not count it."""
        if draft.reads:
            draft.reads = False
            draft.charged.append(draft_to_charge(draft, None, self._catalog.default, self._clock.now().date()))

    async def _show_last(self, finish: Finish, running: RunningTurn, delivery: AnswerDelivery) -> Finish:
        with span("finish"):
            return await show_last(finish, delivery, self._language(running), self._clock)


def _was_heard(ask: Ask) -> bool:
    """True if a sound of the question was written down before the question was accepted."""
    return any(isinstance(one, File) and is_sound(one) and one.text for one in ask.attached)


def _lost(running: RunningTurn, delivery: AnswerDelivery) -> None:
    """Interrupt the writing: the platform takes no more of the answer."""
    gone = delivery.error is not None and delivery.error.code is Code.GONE
    running.interrupt(Interrupt.REMOVED if gone else Interrupt.LOST)
