"""Has the beginnings of long threads summed up, in the background of their places."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, cast

import structlog
from cachetools import FIFOCache

from core.clock import Clock
from core.conversation.thread_summary import (
    STRETCH_LINES,
    WHOLE_LINES,
    Uncovered,
    build_folded_summary,
    build_thread_summary,
    is_due,
    is_long,
    next_fold,
    next_stretch,
    summary_tokens,
    uncovered_spans,
)
from core.errors import BotError, BudgetError, Code, ModelError, StoreError
from core.i18n import language_of
from core.llm.catalog import ModelCatalog
from core.ports.model import Model, ModelObserver, Request
from core.ports.store.settings import SettingsStore
from core.ports.store.summaries import SummaryEnd, SummaryStore
from core.ports.store.threads import ThreadStore
from core.ports.store.turns import TurnLedger
from core.settings.channel import ChannelSettings, capped
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import AnswerPart
from core.spend.budgets import spent_of
from core.spend.prices import merged, total
from core.text import is_blank
from core.turns.answer_budgets import AnswerBudgets, answer_bound
from core.turns.draft import Draft
from core.turns.ending import draft_to_charge
from core.turns.interrupts import Interrupt
from core.turns.running import RunningTurn, RunningTurns
from core.turns.store_retry import until_stored
from core.values.budgets import Spent
from core.values.conversation import LinePosition, Message, Turn, TurnState, announcement
from core.values.deltas import (
    Charged,
    ChargeKind,
    Delta,
    Ended,
    EndReason,
    ModelInfo,
    ModelSelected,
    Queued,
    Thinking,
    Usage,
)
from core.values.failures import error_to_failure
from core.values.parts import Text
from core.values.places import Place
from core.values.summaries import (
    FoldedSummary,
    LineSpan,
    StretchSummary,
    SummaryFailure,
    SummaryProgress,
    ThreadSummary,
    covering,
)
from core.values.tasks import SumUpThread
from core.values.turn_ends import Finish
from core.values.usage import Charge

log = structlog.get_logger()

DEATHS = 2
"""Sudden ends of the program, counted against an attempt, after which it is given up."""
ALERTING = 2
"""Attempts in a row at a thread that have failed when the operators are told."""
_FREE = frozenset({Code.BUDGET, Code.STORE})
"""Failures before anything was asked for: they make no wait longer."""
_MOST_TOLD = 10_000
"""The most threads that are known to say that their beginning is summed up."""


class SummarizedStore(SummaryStore, ThreadStore, TurnLedger, SettingsStore, Protocol):
    """The part of the store that summaries are made from."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A new summary, and the task that goes on after it."""

    end: StretchSummary | FoldedSummary
    then: SumUpThread | None


class ThreadSummaries:
    """Sums up the oldest lines of long threads. Each summary is a turn of its place that all others go before: a
    question that comes meanwhile interrupts it. Its cost is that of the channel. None is made after the question of a
    person who has reached a limit of their own.

    `budgets` are those of the places and of the people who ask. Without routes in `catalog` the offline model answers,
    and nothing is summed up. `submit` queues a turn. `observer` is told of a model that fails again.
    """

    def __init__(
        self,
        store: SummarizedStore,
        model: Model,
        settings: CoreSettings,
        clock: Clock,
        catalog: ModelCatalog,
        budgets: AnswerBudgets,
        running_turns: RunningTurns,
        submit: Callable[[Turn], None],
        observer: ModelObserver,
    ) -> None:
        self._store = store
        self._model = model
        self._settings = settings
        self._clock = clock
        self._catalog = catalog
        self._budgets = budgets
        self._running_turns = running_turns
        self._submit = submit
        self._observer = observer
        self._told: FIFOCache[str, None] = FIFOCache(_MOST_TOLD)

    async def answered(self, turn: Turn, draft: Draft) -> None:
        """An answer has ended: have the beginning of its thread summed up where that is due."""
        lines, settings = draft.files.lines, draft.settings
        if settings is None or not self._may_sum_up(settings) or not turn.ask.author.may_read:
            return
        window = self._window(settings)
        if not is_long(lines, window):
            return
        place, now = turn.ask.place, self._clock.now()
        try:
            progress = await self._store.summary_progress(place)
            spans, after = uncovered_spans(covering(progress.summaries), settings.keep_days, now)
            newest = tuple(line for line in lines if line.position > after)
            gaps = [
                (span, tuple(line for line in lines if span.after < line.position <= span.until))
                for span in spans
            ]
            uncovered = Uncovered(tuple(gaps), after, newest)
            due = is_due(progress.failures, lines, now) and next_stretch(uncovered, progress, window, now)
            if due and await self._budgets.allows(
                turn, settings, settings.answering_model(self._catalog.model_info)
            ):
                await self._queue(place, turn.id, SumUpThread())
        except StoreError as error:
            log.warning("thread_summary_not_queued", place=place.key, **error.log_keys)

    async def tells(self, place: Place) -> bool:
        """True once in each thread, for the answer that says that its beginning is summed up. Where that is not known,
        it is not said."""
        if place.key in self._told:
            return False
        try:
            first = await self._store.mark_once(f"summed-up/{place.key}")
        except StoreError:
            return False
        self._told[place.key] = None
        return first

    async def run(self, running: RunningTurn) -> None:
        """Sum up a stretch of the thread of a turn. Cancelled, it leaves the turn to the next process."""
        try:
            running.turn = await until_stored(self._clock, lambda: self._store.begin(running.id, running.epoch))
        except StoreError as error:
            log.warning("thread_summary_not_begun", **error.log_keys)
            return
        draft = running.draft
        draft.began_s = self._clock.monotonic()
        try:
            end = await self._running_turns.write(running, self._sum_up(running))
        finally:
            self._budgets.end(running.id)
        made = None
        if isinstance(end, Interrupt):
            draft.interrupt = end
        else:
            made = end
        await self._finish(running, None if made is None else made.end)
        if made is not None and made.then is not None:
            await self._go_on(running, made.then)

    async def _go_on(self, running: RunningTurn, task: SumUpThread) -> None:
        ask = running.turn.ask
        try:
            await self._queue(ask.place, running.id, task)
        except StoreError as error:
            log.warning("thread_summary_not_queued", **error.log_keys)

    async def _queue(self, place: Place, after: int, task: SumUpThread) -> None:
        """Queue a summary of the thread, once after each turn. Raises StoreError."""
        ask = announcement(f"sum-up:{after}", place, task, self._clock.now())
        turn = await self._store.accept(ask)
        if turn is not None:
            self._submit(turn)

    async def _sum_up(self, running: RunningTurn) -> _Made | None:
        """The next summary of the thread: None where there is nothing to sum up, or with `draft.error`."""
        draft, place = running.draft, running.turn.ask.place
        try:
            if running.turn.deaths >= DEATHS:
                raise BotError(Code.SET_ASIDE, f"the program ended suddenly {running.turn.deaths} times")
            settings = draft.settings = await self._read_settings(place)
            if not self._may_sum_up(settings):
                return None
            progress = await self._store.summary_progress(place)
            return await self._next(running, settings, progress)
        except (BudgetError, ModelError, StoreError) as error:
            draft.error = error
            draft.reads = draft.reads and not isinstance(error, ModelError)  # a failed try is `Charged`
        except BotError as error:
            draft.error = error
        except Exception as error:  # a mistake of ours
            log.exception("thread_summary_crashed", place=place.key)
            draft.error = BotError(Code.INTERNAL, type(error).__name__)
        return None

    async def _next(
        self, running: RunningTurn, settings: ChannelSettings, progress: SummaryProgress
    ) -> _Made | None:
        """The summary of the next stretch, else of summaries. Raises BudgetError, ModelError and StoreError."""
        draft, ask, window = running.draft, running.turn.ask, self._window(settings)
        language = settings.language and language_of(settings.language)
        draft.settings = settings
        draft.model_info = settings.answering_model(self._catalog.model_info)
        parts = covering(progress.summaries)
        again = not isinstance(ask.task, SumUpThread) or ask.task.again
        uncovered, now = await self._uncovered(ask.place, parts, settings), self._clock.now()
        stretch = next_stretch(uncovered, progress, window, now, again=again)
        if stretch is not None:
            messages = build_thread_summary(stretch.lines, language)
            await self._ask(running, self._request(ask.place, settings, progress, messages))
            summary = self._made(draft, stretch.span, len(stretch.lines))
            summary = replace(summary, times=stretch.times)
            then = SumUpThread(again and not stretch.again)  # a question has one stretch summed up again
            goes_on = stretch.goes_on or next_fold(covering([*progress.summaries, summary]), window)
            return _Made(StretchSummary(summary, stretch.lines), then if goes_on else None)
        if folded := next_fold(parts, window):
            messages = build_folded_summary(folded, language)
            await self._ask(running, self._request(ask.place, settings, progress, messages))
            summary = self._made(
                draft, LineSpan(folded[0].after, folded[-1].until), sum(one.lines for one in folded)
            )
            summary = replace(summary, level=max(one.level for one in folded) + 1)
            goes_on = next_fold(covering([*progress.summaries, summary]), window)
            return _Made(FoldedSummary(summary, folded), SumUpThread(again=False) if goes_on else None)
        return None

    async def _uncovered(
        self, place: Place, parts: Sequence[ThreadSummary], settings: ChannelSettings
    ) -> Uncovered:
        """The lines that no summary covers. Raises StoreError."""
        most = STRETCH_LINES + WHOLE_LINES
        gaps, after = uncovered_spans(parts, settings.keep_days, self._clock.now())
        newest = await self._store.oldest_lines(place, after, most + 1)
        read = [
            (span, tuple(await self._store.oldest_lines(place, span.after, most, span.until))) for span in gaps
        ]
        return Uncovered(tuple(read), after, tuple(newest[:most]), len(newest) > most)

    def _request(
        self, place: Place, settings: ChannelSettings, progress: SummaryProgress, messages: tuple[Message, ...]
    ) -> Request:
        most = summary_tokens(self._window(settings), progress.failures)
        tokens = capped(self._settings, most)
        account = settings.account
        return Request(messages, settings.model, settings.temperature, tokens, place.key, account=account)

    async def _ask(self, running: RunningTurn, request: Request) -> None:
        """Have the model write the summary into the draft. Raises BudgetError, ModelError and StoreError."""
        draft = running.draft
        reserved_for = request.model, _spent(draft)
        asked_first = draft.model_info or self._catalog.model_info(request.model)
        in_money = await self._reserve(running, request, asked_first)
        request = replace(request, priced=in_money)
        draft.begin_round()
        deltas = cast("AsyncGenerator[Delta]", self._model.stream(request))
        async with contextlib.aclosing(deltas):
            async for delta in deltas:
                match delta:
                    case Queued(over):
                        draft.reads = over
                    case Text(text):
                        draft.add(text)
                    case ModelSelected(model_info):
                        asked = model_info.name, _spent(draft)  # a try that failed may have been charged
                        if not delta.over and asked != reserved_for:
                            draft.reads = False
                            await self._reserve(running, request, model_info)
                            reserved_for = asked
                        draft.begin_try()
                        draft.model_info, draft.prompt_tokens, draft.reads = (
                            model_info,
                            delta.prompt_tokens,
                            True,
                        )
                    case Thinking(text):
                        draft.reasoning.append(text)
                    case Charged(usage):
                        draft.charged.append(self._charge(draft, usage))
                        draft.reads = False
                    case Ended(usage=usage):
                        draft.ended, draft.reads = delta, False
                        draft.charged.append(self._charge(draft, usage))
        if draft.ended is None:
            raise ModelError(Code.CUT, "the stream ended without an end")
        if draft.ended.reason is not EndReason.STOP or is_blank(draft.text):
            raise ModelError(Code.EMPTY, f"no whole summary, {draft.ended.reason}")

    async def _reserve(self, running: RunningTurn, request: Request, model_info: ModelInfo) -> bool:
        """Reserve the most that the summary may spend. True where a limit in money holds. Raises BudgetError and
        StoreError."""
        place = running.turn.ask.place

        async def limits() -> ChannelSettings:
            return (await self._read_settings(place)).model_copy(update={"person_budget": ()})

        part = AnswerPart(
            running.turn,
            answer_bound(request),
            model_info,
            _spent(running.draft),
            own=running.draft.own_account,
        )
        language = language_of(self._settings.parley_language)
        reserved = await self._budgets.reserve(part, limits, language, lambda: None)
        if reserved.at is not None:
            running.turn = replace(running.turn, started_at=reserved.at)
        return reserved.in_money

    async def _finish(self, running: RunningTurn, made: StretchSummary | FoldedSummary | None) -> None:
        """End the turn in the store. An attempt that failed is stored, so that it is not made again at once; not one
        that a question interrupted before anything was spent."""
        draft, turn, error = running.draft, running.turn, running.draft.error
        place = turn.ask.place
        if draft.reads:  # it was interrupted while the model wrote: its endpoint did not count it
            draft.charged.append(self._charge(draft, None))
        state = TurnState.STOPPED if draft.interrupt else TurnState.FAILED if error else TurnState.DONE
        finish = Finish(
            turn,
            state,
            error=str(error.code) if error else "",
            ref=error.ref if error else "",
            failure=error_to_failure(error) if error else None,
            model=(draft.model_info or self._catalog.default).name,
            usage=total(one.usage for one in draft.charged) if draft.charged else None,
            own_account=draft.own_account,
            charges=merged(draft.charged),
            latency_ms=round((self._clock.monotonic() - draft.began_s) * 1000),
        )
        end: SummaryEnd | None = made
        failed = state is not TurnState.DONE and (finish.usage or error)
        if failed and (newest := await self._newest(place)) is not None:
            failures = (await until_stored(self._clock, lambda: self._store.summary_progress(place))).failures
            before = failures[-1].attempts if failures else 0
            attempts = max(before, 1) if error is not None and error.code in _FREE else before + 1
            end = SummaryFailure(newest, finish.error, self._clock.now(), attempts)
            if isinstance(error, ModelError) and attempts >= ALERTING:
                self._tell_operators(finish)
        elif made is not None:
            self._observer.report_recovery(f"summaries {finish.model}")
        stored = await until_stored(self._clock, lambda: self._store.finish_summary(finish, end))
        _log_finished(finish, made, stored=stored)

    def _tell_operators(self, finish: Finish) -> None:
        error = BotError(Code.NO_SUMMARY, finish.error)
        error.ref = finish.ref
        self._observer.report_failure(f"summaries {finish.model}", error, {})

    async def _newest(self, place: Place) -> LinePosition | None:
        lines = await until_stored(self._clock, lambda: self._store.lines(place, limit=1))
        return lines[-1].position if lines else None

    def _made(self, draft: Draft, span: LineSpan, lines: int) -> ThreadSummary:
        model = (draft.model_info or self._catalog.default).name
        return ThreadSummary(span.until, lines, draft.text.strip(), model, self._clock.now(), span.after)

    def _charge(self, draft: Draft, usage: Usage | None) -> Charge:
        return draft_to_charge(draft, usage, self._catalog.default, self._today, ChargeKind.SUMMARY)

    def _may_sum_up(self, settings: ChannelSettings) -> bool:
        return settings.summaries and bool(self._catalog.routes or settings.account)

    def _window(self, settings: ChannelSettings) -> int:
        return settings.answering_model(self._catalog.model_info).context_tokens

    async def _read_settings(self, place: Place) -> ChannelSettings:
        return merge(self._settings, await self._store.stored_settings(place), place.platform)

    @property
    def _today(self) -> date:
        return self._clock.now().date()


def _spent(draft: Draft) -> Spent:
    return spent_of(total(charge.usage for charge in draft.charged))


def _log_finished(finish: Finish, made: StretchSummary | FoldedSummary | None, *, stored: bool) -> None:
    usage = finish.usage or Usage()
    keys = {
        "place": finish.turn.ask.place.key,
        "model": finish.model,
        "tokens_in": usage.prompt_tokens,
        "tokens_out": usage.completion_tokens,
        "cost": None if usage.cost_micros is None else usage.cost_micros / 1_000_000,
        "total_s": finish.latency_ms / 1000,
    }
    if stored and made is not None:
        log.info("thread_summed_up", lines=made.summary.lines, level=made.summary.level, **keys)
    elif finish.error:
        log.warning("thread_summary_failed", code=finish.error, ref=finish.ref, **keys)
    else:
        log.info("thread_not_summed_up", outcome=str(finish.state), **keys)
