"""The writing of one answer, step by step: the material is read, the model asked, its tool calls run, and the model
asked again with their results. The text is shown as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TypeVar, cast

import structlog

from core.clock import Clock
from core.conversation.context import ContextReader, Material
from core.conversation.files import FileReader, unseen
from core.delivery.answer import AnswerDelivery
from core.errors import BotError, BudgetError, Code, ModelError, PlatformError, StoreError, UnreadError
from core.i18n import duration, phrase
from core.llm.catalog import ModelCatalog
from core.memory.citations import CitationStream, citation_tag
from core.memory.recall import Recall
from core.platform_calls import PlatformCalls
from core.ports.files import TranscriptHooks
from core.ports.model import Model, Request
from core.ports.store import Store
from core.ports.tools import Tools
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import AnswerPart, BudgetChecks, Reserved
from core.spend.budgets import AnswerBound, most_described, most_transcribed, spent_of
from core.spend.prices import total, transcript_to_charge
from core.text import is_blank
from core.tracing import span
from core.turns.activity import activity
from core.turns.answer_budgets import UNREAD_PROMPT, AnswerBudgets, answer_bound
from core.turns.draft import Draft
from core.turns.ending import (
    draft_to_charge,
    nothing_to_answer,
    resumed_notice,
    turn_button,
    turn_language,
)
from core.turns.hidden_links import LinkStream
from core.turns.round_requests import last_request, next_request, request_hidden_hosts, with_material
from core.turns.running import RunningTurn
from core.turns.store_retry import until_stored
from core.turns.transcripts import transcripts_to_quote
from core.values.budgets import Spent
from core.values.conversation import Turn
from core.values.deltas import (
    CallPiece,
    Charged,
    ChargeKind,
    Delta,
    DescriptionsBegin,
    Ended,
    EndReason,
    ImagesRefused,
    ModelInfo,
    ModelSelected,
    Queued,
    Thinking,
    Usage,
)
from core.values.outgoing import Activity, Phase, Reply
from core.values.parts import File, FileProblem, Opaque, Text, ToolCall
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound, Step, ToolResults, pending_calls
from core.values.tools import ToolOffer
from core.values.usage import Charge

log = structlog.get_logger()
Found = TypeVar("Found")

_AWAY_S = 20.0
"""Seconds for which an answer waits for a database that is away. Then its person is told, and may ask again."""

OnToolCall = Callable[[str, bool, float], None]
"""Receives of each tool call that has ended the server of the tool, whether it failed, and the seconds that it took."""


class AnswerWriter:
    """Has the model write answers. One instance serves all; the state of one answer is in its `RunningTurn`."""

    def __init__(
        self,
        store: Store,
        model: Model,
        settings: CoreSettings,
        clock: Clock,
        catalog: ModelCatalog,
        files: FileReader,
        tools: Tools | None = None,
        on_tool_call: OnToolCall = lambda _server, _failed, _seconds: None,
        budgets: AnswerBudgets | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._budgets = budgets or AnswerBudgets(BudgetChecks(store, settings, clock, catalog.model_info))
        self._store = store
        self._model = model
        self._settings = settings
        self._clock = clock
        self._catalog = catalog
        self._tools = tools
        self._on_tool_call = on_tool_call
        self._files = files
        self._recall = recall
        self._reader = ContextReader(store, files)

    async def write(
        self, running: RunningTurn, delivery: AnswerDelivery, platform_calls: PlatformCalls
    ) -> None:
        """Have the model write the answer into `running.draft`, and show it. An error ends up in `draft.error`."""
        turn, draft = running.turn, running.draft
        hint: asyncio.Task[None] | None = None
        try:
            settings = draft.settings = await self._read(lambda: self.read_settings(turn))
            await self._wait_for_edits(running, delivery)
            if draft.declined:
                return
            hint = asyncio.create_task(self._hint(running, platform_calls))
            draft.model_info = settings.answering_model(self._catalog.model_info)
            language = self._language(running)
            hooks = TranscriptHooks(
                lambda transcript: draft.charged.append(transcript_to_charge(transcript, self._today)),
                partial(self._before_transcripts, running, delivery),
            )
            with span("prompt"):
                material = await self._read(
                    lambda: self._reader.read(turn, settings, language, platform_calls, hooks)
                )
            draft.files, draft.file_news = material.files, material.files.news
            draft.summed_up = material.summed_up
            if material.request is None:
                draft.text = phrase(nothing_to_answer(turn), language)
                draft.ended = Ended(EndReason.STOP, Usage())
                return
            self._quote(running, delivery)
            with span("earlier_answers"):
                request = await self._offer_sources(running, material)
            await self._take_steps(running, request, delivery)
        except (BudgetError, ModelError, StoreError, UnreadError) as error:
            draft.error = error
            draft.reads = draft.reads and not isinstance(error, ModelError)  # a failed try is `Charged`
        except Exception as error:  # a mistake of ours: the person sees it, and the place goes on
            log.exception("answer_crashed")
            draft.error = BotError(Code.INTERNAL, type(error).__name__)
        finally:
            if hint is not None:
                hint.cancel()
                await asyncio.gather(hint, return_exceptions=True)

    async def begin_anew(self, running: RunningTurn) -> None:
        """The answer begins anew: nothing is reserved for it until it does, and no sources were offered. Raises
        StoreError."""
        if self._recall is not None:
            self._recall.messages.let_go(running.id)
            if running.draft.offered or running.turn.attempt > 1:
                await self._recall.withdraw(running.turn)
        await self._budgets.release(running.turn, _spent(running), own=running.draft.own_account)

    async def _offer_sources(self, running: RunningTurn, material: Material) -> Request:
        """The request with earlier answers before the question, where there are any."""
        request, ask = material.request, running.turn.ask
        assert request is not None
        if self._recall is None:
            return request
        lines = (line.text for line in material.files.lines if line.id == ask.id)
        recall, words = self._recall, next(lines, ask.text)
        offered = await self._read(lambda: recall.offer(running.turn, words))
        draft, meaning = running.draft, offered.meaning
        draft.offered, draft.found, draft.meaning = offered.sources, offered.found, meaning.vector
        draft.charged += [meaning.charge] if meaning.charge is not None else []
        return request if offered.material is None else with_material(request, offered.material)

    async def _read(self, call: Callable[[], Awaitable[Found]]) -> Found:
        """The result of `call`. A database that is away for a moment is waited for. Raises StoreError."""
        return await until_stored(self._clock, call, _AWAY_S)

    def ended(self, turn_id: int) -> None:
        """The run of a turn has ended."""
        self._budgets.end(turn_id)

    async def read_settings(self, turn: Turn) -> ChannelSettings:
        """The settings that apply in the turn's channel now. Raises StoreError."""
        place = turn.ask.place
        return merge(self._settings, await self._store.stored_settings(place), place.platform)

    async def _wait_for_edits(self, running: RunningTurn, delivery: AnswerDelivery) -> None:
        """Wait until a turn whose question was edited may begin again (`RunningTurn.wait_s`). A wait longer than
        `parley_patience_s` is shown."""
        now_s = self._clock.monotonic()
        wait_s = running.wait_s(now_s)
        if wait_s > self._settings.parley_patience_s:
            language = self._language(running)
            notice = phrase("edited_wait", language, wait=duration(wait_s, language))
            delivery.show(Reply(notice=notice), now_s)
        if wait_s:
            await self._clock.sleep(wait_s)

    async def _hint(self, running: RunningTurn, platform_calls: PlatformCalls) -> None:
        """Show the platform's typing indicator until the answer's first word."""
        every_s = platform_calls.installation.limits.typing_s
        while is_blank(running.draft.text):
            with contextlib.suppress(PlatformError):
                await platform_calls.typing(running.turn.ask.place, self._language(running))
            if not every_s:
                return
            await self._clock.sleep(every_s)

    def _quote(self, running: RunningTurn, delivery: AnswerDelivery) -> None:
        """Show the transcripts of voice clips before the first word, where the platform does not show them
        itself."""
        heard = (one.file for one in running.heard)
        quote = transcripts_to_quote(heard, self._language(running))
        delivery.quote = quote if delivery.limits.quotes else ""
        if delivery.quote:
            self._text_shower(running, delivery)()

    async def _take_steps(self, running: RunningTurn, request: Request, delivery: AnswerDelivery) -> None:
        """Go on behind the steps that the turn has, until the model ends its answer or a person has to approve calls.

        Each step is stored as it ends. The only round of an answer, and what is to be approved, are stored with the
        end of the run. Raises BotError.
        """
        draft, tools = running.draft, self._tools
        if draft.steps:
            self._text_shower(running, delivery)()
        goes_on = False
        while _goes_on(draft.steps):
            offer = await self._read(lambda: self._offer(running))
            following = next_request(request, draft, offer)
            calls = tools is not None and pending_calls(draft.steps)
            if not (goes_on and calls):
                bound = answer_bound(following, unread=bool(calls))
                reserved = await self._reserve(running, bound, delivery, goes_on=goes_on)
                goes_on, draft.near_limit = True, reserved.last_round and bound.rounds > 1
                if reserved.last_round:
                    following = last_request(following)
                following = replace(following, priced=reserved.in_money)
            if tools is None or not calls:
                await self._keep(running, await self._round(running, following, delivery))
                continue
            await self._run_calls(running, tools, offer, delivery)
            if (recall := self._recall) is not None:  # a search may have found more
                draft.offered = await self._read(lambda: recall.offered(running.turn))

    async def _reserve(
        self,
        running: RunningTurn,
        bound: AnswerBound,
        delivery: AnswerDelivery,
        model_info: ModelInfo | None = None,
        *,
        goes_on: bool = False,
        hears: bool = False,
    ) -> Reserved:
        """Count what the answer has spent, and reserve the most that it may spend from now on. A long wait is shown.

        Raises BudgetError where a limit refuses it, and StoreError.
        """
        turn, draft, notices = running.turn, running.draft, list[asyncio.Task[None]]()
        assert draft.settings is not None
        asked = model_info or draft.settings.answering_model(self._catalog.model_info)
        begun = _has_begun(running) and not draft.paid_by_two  # what is counted of it is not all its payer's
        part = AnswerPart(turn, bound, asked, _spent(running), begun, goes_on, hears, draft.own_account)

        def on_wait() -> None:
            notice = self._show_waiting(running, delivery, "budget_waits", "budget_waits_begun")
            notices.append(asyncio.create_task(notice))

        try:
            language = self._language(running)
            reserved = await self._read(
                lambda: self._budgets.reserve(part, partial(self.read_settings, turn), language, on_wait)
            )
        finally:
            shown = [notice for notice in notices if not notice.cancel()]
        if shown and (draft.steps or _seen(running)):
            self._text_shower(running, delivery)()
        if reserved.at is not None:
            running.turn = replace(running.turn, started_at=reserved.at)
        return reserved

    async def _before_transcripts(
        self, running: RunningTurn, delivery: AnswerDelivery, sounds: Sequence[File]
    ) -> FileProblem | None:
        """Reserve the most that transcripts of `sounds` and the answer may spend. Returns why there can't be any
        transcripts. Raises BudgetError and StoreError."""
        assert running.draft.settings is not None
        if running.draft.settings.account is not None:  # the operator's model is not that of the workspace
            return FileProblem.UNHEARD
        model_infos = [route.model_info for route in self._catalog.transcriptions]
        most = most_transcribed((sound.size for sound in sounds), model_infos, self._today)
        bound = replace(UNREAD_PROMPT, others=most)
        reserved = await self._reserve(running, bound, delivery, hears=True)
        priced = all(model_info.is_sound_priced(self._today) for model_info in model_infos)
        return FileProblem.UNPRICED if reserved.in_money and not priced else None

    async def _run_calls(
        self, running: RunningTurn, tools: Tools, offer: ToolOffer, delivery: AnswerDelivery
    ) -> None:
        """Run the calls of the last round that have no result, show that they run, and keep their results.
        Raises BotError."""
        draft, show = running.draft, self._text_shower(running, delivery)
        called = {call.id: offer.find(call.name) for call in pending_calls(draft.steps)}
        began_s = self._clock.monotonic()
        draft.activity = activity(draft.steps, self._language(running))
        show()
        async with contextlib.aclosing(tools.run(running.turn, offer, tuple(draft.steps))) as steps:
            async for step in steps:
                if isinstance(step, ToolResults):
                    took_s = self._clock.monotonic() - began_s
                    for result in step.results:
                        tool = called.get(result.call_id)
                        self._on_tool_call(tool.server if tool else "", result.failed, took_s)
                await self._keep(running, step)
                draft.activity = activity(draft.steps, self._language(running))
                show()

    async def _offer(self, running: RunningTurn) -> ToolOffer:
        if self._tools is None or running.draft.settings is None:
            return ToolOffer()
        settings = running.draft.settings.tool_settings
        return await self._tools.offer(running.turn, settings, running.draft.steps)

    async def _keep(self, running: RunningTurn, step: Step) -> None:
        """Add a step that has ended to the answer, and store it. Raises ModelError where it ends the answer."""
        steps = running.draft.steps
        steps.append(step)
        _check_round(running.draft)
        only = len(steps) == 1 and isinstance(step, ModelRound) and not step.calls
        if not only and not isinstance(step, ApprovalAsked):
            put = partial(self._store.put_steps, running.id, len(steps) - 1, (step,))
            await until_stored(self._clock, put)

    async def _round(self, running: RunningTurn, request: Request, delivery: AnswerDelivery) -> ModelRound:
        """One answer of the model. Raises ModelError."""
        draft, calls = running.draft, list[ToolCall | Opaque]()
        reserved_for = request.model, _spent(running)
        show = self._text_shower(running, delivery)
        links = LinkStream(request_hidden_hosts(request))
        citations = CitationStream(citation_tag(running.turn.ask), draft.numbers)
        draft.begin_round()
        deltas = cast("AsyncGenerator[Delta]", self._model.stream(request))
        running.on_asked()
        async with contextlib.aclosing(deltas), contextlib.AsyncExitStack() as queued:
            async for delta in deltas:
                match delta:
                    case Queued(over):
                        await queued.aclose()
                        draft.reads = over
                        if not over:
                            notice = asyncio.create_task(self._show_waiting(running, delivery, "queued"))
                            queued.callback(notice.cancel)
                    case Text(text):
                        draft.add(citations.feed(links.feed(text)))
                        if draft.text and draft.first_word_s is None:
                            draft.first_word_s = self._clock.monotonic() - draft.began_s
                        show()
                        running.unsaved = (draft.text, tuple(delivery.posted))
                    case ModelSelected(model_info):
                        asked = model_info.name, _spent(running)  # a try that failed may have been charged
                        if not delta.over and asked != reserved_for:
                            draft.reads = False
                            await self._reserve(running, answer_bound(request), delivery, model_info)
                            reserved_for = asked
                        _begin_try(running, delta)
                        calls.clear()
                    case DescriptionsBegin(model_infos, pictures, max_tokens):
                        draft.reads, reserved_for = False, ("", Spent())  # what they leave is reserved anew
                        most = most_described(model_infos, pictures, max_tokens, self._today)
                        bound = replace(answer_bound(request), others=most)
                        await self._reserve(running, bound, delivery)
                    case ImagesRefused(images):
                        draft.file_news += await self._files.refused(running.turn.ask, draft.files, images)
                    case Thinking(text):
                        draft.reasoning.append(text)
                    case CallPiece(text):
                        draft.arguments.append(text)
                    case ToolCall() | Opaque() if request.tools and request.may_call:
                        calls.append(delta)
                    case Charged(usage, kind):
                        draft.charged.append(self._charge(draft, usage, kind))
                        draft.reads = draft.reads and kind is not ChargeKind.ANSWER
                    case Ended():
                        draft.add(citations.feed(links.end()) + citations.end())
                        draft.ended, draft.reads = delta, False
        if draft.ended is None:
            raise ModelError(Code.CUT, "the stream ended without an end")
        return draft.end_round(draft.ended, calls, self._charge(draft, draft.ended.usage).usage)

    def _charge(self, draft: Draft, usage: Usage | None, kind: ChargeKind = ChargeKind.ANSWER) -> Charge:
        return draft_to_charge(draft, usage, self._catalog.default, self._today, kind)

    @property
    def _today(self) -> date:
        return self._clock.now().date()

    def _text_shower(self, running: RunningTurn, delivery: AnswerDelivery) -> Callable[[], None]:
        """Shows the text so far. Text that readers have seen of an earlier process stays, and is not written
        again."""
        turn, draft, language = running.turn, running.draft, self._language(running)
        buttons = (turn_button("stop", turn, language),)

        def reply(text: str, activity: Activity) -> Reply:
            seen = _seen(running, text)
            return Reply(seen, Phase.WRITING, resumed_notice(turn, seen, language), buttons, activity)

        def show() -> None:
            delivery.show_newest(partial(reply, draft.text, draft.activity), self._clock.monotonic())

        return show

    async def _show_waiting(
        self, running: RunningTurn, delivery: AnswerDelivery, key: str, under_words: str = ""
    ) -> None:
        """Show that the question waits for others, after `parley_patience_s`. `key`: the phrase that says so;
        `under_words`: that under words of the answer, where it says so there too."""
        await self._clock.sleep(self._settings.parley_patience_s)
        text, language = _seen(running), self._language(running)
        if key := under_words if text else key:
            buttons = (turn_button("stop", running.turn, language),)
            notice, activity = phrase(key, language), running.draft.activity
            delivery.show(Reply(text, Phase.WAITING, notice, buttons, activity), self._clock.monotonic())

    def _language(self, running: RunningTurn) -> str:
        return turn_language(running.turn, running.draft, self._settings)


def _begin_try(running: RunningTurn, selected: ModelSelected) -> None:
    """Take the model that is asked for the current round into the draft."""
    draft, model_info = running.draft, selected.model_info
    draft.begin_try()
    draft.model_info, draft.prompt_tokens = model_info, selected.prompt_tokens
    draft.pictures, draft.reads = selected.pictures, True
    why = FileProblem.UNSEEN if model_info.images is False else FileProblem.TOO_MANY
    draft.unseen = unseen(running.turn.ask, draft.files, selected.unseen, why)


def _check_round(draft: Draft) -> None:
    """Raises ModelError where the last step is a round without a visible character and without calls."""
    last = draft.steps[-1]
    if isinstance(last, ModelRound) and not last.calls and is_blank(last.text) and not draft.may_go_on:
        draft.text = draft.text[: draft.round_start]
        raise ModelError(
            Code.POLICY if last.reason is EndReason.POLICY else Code.EMPTY, f"no words, {last.reason}"
        )


def _goes_on(steps: Sequence[Step]) -> bool:
    """True if another step follows: not behind the last round, or a question to a person."""
    match steps[-1:]:
        case [ModelRound(calls=())] | [ApprovalAsked()]:
            return False
    return True


def _seen(running: RunningTurn, text: str | None = None) -> str:
    """The answer `text` (None: that of the draft), or the text of an earlier process that continues it."""
    text, before = running.draft.text if text is None else text, running.turn.text
    return before if before.startswith(text) else text


def _spent(running: RunningTurn) -> Spent:
    return spent_of(total(charge.usage for charge in running.draft.charges))


def _has_begun(running: RunningTurn) -> bool:
    """True if people see words of the answer, and nobody was asked for an approval behind them."""
    steps = running.draft.steps
    if steps and isinstance(steps[-1], ApprovalAnswered):
        return False
    return bool(steps or running.draft.text or running.turn.text)
