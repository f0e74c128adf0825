"""Has the beginnings of long threads summed up, in the background of their places."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import date
from typing import Protocol, cast

import structlog
from cachetools import FIFOCache

from core.clock import Clock
from core.conversation.thread_summary import (
    STRETCH_LINES,
    WHOLE_LINES,
    Stretch,
    build_thread_summary,
    expiring,
    is_due,
    is_long,
    stretch_of,
    summary_tokens,
)
from core.errors import BotError, BudgetError, Code, ModelError, StoreError
from core.i18n import language_of
from core.llm.catalog import ModelCatalog
from core.ports.model import Model, ModelObserver, Request
from core.ports.store.settings import SettingsStore
from core.ports.store.summaries import SummaryStore
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
from core.values.conversation import LinePosition, Turn, TurnState, announcement
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
from core.values.parts import Text
from core.values.places import Place
from core.values.summaries import StretchSummary, SummaryFailure, SummaryProgress, ThreadSummary
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


class ThreadSummaries:
    """Sums up the oldest lines of long threads. Each summary is a turn of its place that all others go before: a
    question that comes meanwhile interrupts it.

    `budgets` are those of the places. No limit of a person counts a summary. Without routes in `catalog` the offline
    model answers, and nothing is summed up. `submit` queues a turn. `observer` is told of a model that fails again.
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
        place = turn.ask.place
        try:
            progress, now = await self._store.summary_progress(place), self._clock.now()
            failures, after = progress.failures, self._after(progress, settings)
            lines = tuple(line for line in lines if after is None or line.position > after)
            if is_due(failures, lines, now) and stretch_of(lines, window, failures):
                await self._queue(place, turn.id)
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
            running.turn = await until_stored(self._clock, lambda: self._store.begin(running.id))
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
            made, stretch = end
        await self._finish(running, made)
        if made is not None and stretch is not None and stretch.goes_on:
            await self._go_on(running)

    async def _go_on(self, running: RunningTurn) -> None:
        try:
            await self._queue(running.turn.ask.place, running.id)
        except StoreError as error:
            log.warning("thread_summary_not_queued", **error.log_keys)

    async def _queue(self, place: Place, after: int) -> None:
        """Queue a summary of the thread, once after each turn. Raises StoreError."""
        ask = announcement(f"sum-up:{after}", place, SumUpThread(), self._clock.now())
        turn = await self._store.accept(ask)
        if turn is not None:
            self._submit(turn)

    async def _sum_up(self, running: RunningTurn) -> tuple[StretchSummary | None, Stretch | None]:
        """The next summary of the thread with its stretch: None where there is nothing to sum up, or with
        `draft.error`."""
        draft, place = running.draft, running.turn.ask.place
        try:
            if running.turn.deaths >= DEATHS:
                raise BotError(Code.SET_ASIDE, f"the program ended suddenly {running.turn.deaths} times")
            settings = draft.settings = await self._read_settings(place)
            if not self._may_sum_up(settings):
                return None, None
            progress = await self._store.summary_progress(place)
            after = self._after(progress, settings)
            stretch = await self._stretch(place, after, progress, settings)
            if stretch is None:
                return None, None
            draft.model_info = self._catalog.model_info(settings.model)
            await self._ask(running, self._request(place, settings, progress, stretch))
            return self._made(draft, progress, stretch, after), stretch
        except (BudgetError, ModelError, StoreError) as error:
            draft.error = error
            draft.reads = draft.reads and not isinstance(error, ModelError)  # a failed try is `Charged`
        except BotError as error:
            draft.error = error
        except Exception as error:  # a mistake of ours
            log.exception("thread_summary_crashed", place=place.key)
            draft.error = BotError(Code.INTERNAL, type(error).__name__)
        return None, None

    async def _stretch(
        self, place: Place, after: LinePosition | None, progress: SummaryProgress, settings: ChannelSettings
    ) -> Stretch | None:
        most = STRETCH_LINES + WHOLE_LINES
        lines = await self._store.oldest_lines(place, after, most + 1)
        more = len(lines) > most
        return stretch_of(lines[:most], self._window(settings), progress.failures, more=more)

    def _after(self, progress: SummaryProgress, settings: ChannelSettings) -> LinePosition | None:
        """The position behind which the next stretch begins."""
        if progress.newest is not None:
            return progress.newest.until
        return expiring(settings.keep_days, self._clock.now())

    def _request(
        self, place: Place, settings: ChannelSettings, progress: SummaryProgress, stretch: Stretch
    ) -> Request:
        language = settings.language and language_of(settings.language)
        most = summary_tokens(self._window(settings), progress.failures)
        return Request(
            build_thread_summary(progress.newest, stretch.lines, language),
            settings.model,
            settings.temperature,
            capped(self._settings, most),
            place.key,
        )

    async def _ask(self, running: RunningTurn, request: Request) -> None:
        """Have the model write the summary into the draft. Raises BudgetError, ModelError and StoreError."""
        draft = running.draft
        reserved_for = request.model, _spent(draft)
        in_money = await self._reserve(running, request, self._catalog.model_info(request.model))
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

        part = AnswerPart(running.turn, answer_bound(request), model_info, _spent(running.draft))
        language = language_of(self._settings.parley_language)
        reserved = await self._budgets.reserve(part, limits, language, lambda: None)
        if reserved.at is not None:
            running.turn = replace(running.turn, started_at=reserved.at)
        return reserved.in_money

    async def _finish(self, running: RunningTurn, made: StretchSummary | None) -> None:
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
            model=(draft.model_info or self._catalog.default).name,
            usage=total(one.usage for one in draft.charged) if draft.charged else None,
            charges=merged(draft.charged),
            latency_ms=round((self._clock.monotonic() - draft.began_s) * 1000),
        )
        end: StretchSummary | SummaryFailure | None = made
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

    def _made(
        self, draft: Draft, progress: SummaryProgress, stretch: Stretch, after: LinePosition | None
    ) -> StretchSummary:
        before = progress.newest
        summary = ThreadSummary(
            stretch.lines[-1].position,
            (before.lines if before else 0) + len(stretch.lines),
            draft.text.strip(),
            (draft.model_info or self._catalog.default).name,
            self._clock.now(),
            before.since if before else stretch.lines[0].at,
        )
        return StretchSummary(summary, before.until if before else None, stretch.lines, after)

    def _charge(self, draft: Draft, usage: Usage | None) -> Charge:
        return draft_to_charge(draft, usage, self._catalog.default, self._today, ChargeKind.SUMMARY)

    def _may_sum_up(self, settings: ChannelSettings) -> bool:
        return settings.summaries and bool(self._catalog.routes)

    def _window(self, settings: ChannelSettings) -> int:
        return self._catalog.model_info(settings.model).context_tokens

    async def _read_settings(self, place: Place) -> ChannelSettings:
        return merge(self._settings, await self._store.stored_settings(place), place.platform)

    @property
    def _today(self) -> date:
        return self._clock.now().date()


def _spent(draft: Draft) -> Spent:
    return spent_of(total(charge.usage for charge in draft.charged))


def _log_finished(finish: Finish, made: StretchSummary | None, *, stored: bool) -> None:
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
        log.info("thread_summed_up", lines=made.summary.lines, **keys)
    elif finish.error:
        log.warning("thread_summary_failed", code=finish.error, ref=finish.ref, **keys)
    else:
        log.info("thread_not_summed_up", outcome=str(finish.state), **keys)
