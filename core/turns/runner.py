"""One turn from end to end: the thread read, the model asked, the answer shown and stored."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Protocol, TypeVar, cast

import structlog

from core.clock import Clock
from core.conversation.context import ContextReader
from core.conversation.prompt import Prompt
from core.conversation.tokens import estimate
from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.errors import BotError, Code, ModelError, PlatformError, StoreError, UnreadError
from core.i18n import cut_error_text, error_text, language_of, phrase
from core.llm.catalog import ModelCatalog, environment_to_catalog
from core.platform_calls import PlatformCalls
from core.ports.model import Model, Request
from core.ports.store import Finish, Store
from core.settings.channel import ChannelSettings, language_for, merge
from core.settings.environment import CoreSettings
from core.spend.prices import priced, total
from core.text import is_blank
from core.turns.checkpoints import Checkpoints
from core.turns.running import Interrupt, RunningTurns
from core.values.conversation import Message, Task, Turn, TurnState
from core.values.deltas import Charged, Delta, Ended, EndReason, ModelInfo, ModelSelected, Queued, Text, Usage
from core.values.outgoing import Phase, Reply
from core.values.places import Place
from core.values.ui import Button

log = structlog.get_logger()
Answer = TypeVar("Answer")

DEATHS = 2
"""Sudden ends of the program that a turn is suspected of, after which it is set aside."""

PRESS_WITHIN_S = 3.0
"""How long after a platform's own stop button halted a message its press may come, which says whose it was. An answer
that was halted without one is stopped then: who pressed may not be asked for."""

_STORE_PAUSES_S = (0.2, 1.0, 5.0)
_DIGEST_TRIES, _DIGEST_PAUSE_S = 12, 5.0


class Digester(Protocol):
    async def text(self, turn: Turn) -> str:
        """The usage summary that a digest turn is to post."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """The way out to one platform."""

    platform_calls: PlatformCalls
    scheduler: DeliveryScheduler


@dataclass(slots=True)
class _Writing:
    """An answer being written: what the model has said so far, and how it ended."""

    text: str = ""
    ended: Ended | None = None
    error: BotError | None = None
    interrupt: Interrupt | None = None
    prompt: Prompt = field(default_factory=lambda: Prompt((), 0))
    model_info: ModelInfo | None = None
    settings: ChannelSettings | None = None
    began_s: float = 0.0
    """Monotonic time at which the turn began to run."""
    first_word_s: float | None = None
    """Seconds from then to the model's first word."""
    charged: list[Usage] = field(default_factory=list)
    """What tries that gave no answer have used, each at the price of its model."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What one turn is written on."""

    writing: _Writing
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
    ) -> None:
        self._store = store
        self._model = model
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._digester = digester
        self._checkpoints = checkpoints
        self._live = live
        self._roster = catalog or environment_to_catalog(settings)
        self._begun: dict[int, _Sheet] = {}
        self._stands: dict[int, asyncio.Event] = {}
        self._reader = ContextReader(store)
        self._on_set_aside = on_set_aside
        self._halts: set[asyncio.Task[None]] = set()
        self._suspects = asyncio.Lock()

    async def tell_waiting(self, turn: Turn, before: Turn) -> None:
        """Say that earlier questions come first, in the message that the answer will be in, as soon as the answer
        `before` it has a message to stand behind. Raises StoreError."""
        channel = self._channels.get(turn.ask.place.platform)
        if channel is None or turn.ask.task is Task.DIGEST:
            return
        await self._standing(before).wait()
        if self._live.early(turn) is not None:
            return  # nobody waits for it any more
        turn = await self._store.begin(turn.id)  # so that the next process looks for that message
        settings = await self._read_settings(turn)
        sheet = self._begun[turn.id] = self._sheet(turn, channel)
        sheet.writing.settings = settings
        notice = phrase("waiting", self._language(turn, sheet.writing))
        sheet.delivery.show(Reply(notice=notice), self._clock.monotonic())

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
            turn = await self._stored(lambda: self._store.begin(turn.id))
        except StoreError:
            return await self._dismiss(turn, channel)
        try:
            finish = await self._run_of(turn)(turn, channel)
        except Exception as error:  # a mistake of ours: unended, it would fail again at each start
            log.exception("turn_crashed")
            finish = await self._apologize(turn, channel, BotError(Code.INTERNAL, type(error).__name__))
        await self._stored(lambda: self._store.finish(finish))
        self._checkpoints.forget(turn.id)
        if turn.ask.task is not Task.DIGEST:
            _log_finished(finish)

    def _run_of(self, turn: Turn) -> Callable[[Turn, Channel], Awaitable[Finish]]:
        if turn.deaths >= DEATHS:
            return self._set_aside
        return self._digest if turn.ask.task is Task.DIGEST else self._converse

    async def _set_aside(self, turn: Turn, channel: Channel) -> Finish:
        """End a turn that may be what ends the program. None of its words are looked at again; where even that ends
        the program, nothing is shown."""
        error = BotError(Code.SET_ASIDE, f"the program ended suddenly {turn.deaths} times while this turn ran")
        log.error("turn_set_aside", place=turn.ask.place.key, **error.log_keys)
        self._on_set_aside(turn, error)
        notice = error_text(error, language_of(turn.ask.author.locale, self._settings.parley_language))
        finish = Finish(turn, TurnState.FAILED, notice=notice, error=str(error.code), ref=error.ref)
        if turn.deaths > DEATHS or turn.ask.task is Task.DIGEST:
            return replace(finish, posted=turn.posted)
        sheet = self._begun.pop(turn.id, None) or self._sheet(turn, channel)
        try:
            return await self._show_last(finish, sheet)
        finally:
            self._release(sheet, channel)

    async def _apologize(self, turn: Turn, channel: Channel, error: BotError) -> Finish:
        """Say under what an earlier process, or this one, has shown that no more will come."""
        left = await self._stored(lambda: self._store.turn(turn.id)) or turn
        sheet = self._sheet(left, channel)
        writing = sheet.writing
        writing.text, writing.error, writing.began_s = left.text, error, self._clock.monotonic()
        try:
            return await self._show_last(self._finish(left, writing), sheet)
        except Exception:
            log.exception("failure_not_shown", **error.log_keys)
            return Finish(left, TurnState.FAILED, left.text, error=str(error.code), ref=error.ref)
        finally:
            self._release(sheet, channel)

    async def _dismiss(self, turn: Turn, channel: Channel) -> None:
        """The turn is not open any more. Was it forgotten while it waited, a message that said so says that instead."""
        left = await self._stored(lambda: self._store.turn(turn.id))
        if left is not None and not left.forgotten:
            log.warning("turn_already_ended", state=str(left.state))
            return
        log.info("question_forgotten")
        sheet = self._begun.pop(turn.id, None) or (self._sheet(turn, channel) if turn.posted else None)
        if sheet is None:
            return
        try:
            notice = phrase("forgotten", self._language(turn, sheet.writing))
            sheet.delivery.show(Reply(phase=Phase.ENDED, notice=notice), self._clock.monotonic())
            with contextlib.suppress(PlatformError):
                await sheet.delivery.finished()
        finally:
            self._release(sheet, channel)
            self._checkpoints.forget(turn.id)

    def _standing(self, turn: Turn) -> asyncio.Event:
        """Set once the turn has a message on the platform, or has ended without one."""
        return self._stands.setdefault(turn.id, asyncio.Event())

    async def _digest(self, turn: Turn, channel: Channel) -> Finish:
        """Post a usage summary, or the text that stands in the ask. The channel is all that was written down; the
        platform knows its team."""
        text = turn.ask.text or await self._stored(lambda: self._digester.text(turn))
        finish = Finish(turn, TurnState.DONE, text)
        try:
            place = await self._place_of(turn, channel)
        except PlatformError as error:
            return replace(finish, state=TurnState.FAILED, error=str(error.code), ref=error.ref)
        sheet = self._sheet(replace(turn, ask=replace(turn.ask, place=place)), channel)
        try:
            return await self._show_last(finish, sheet)
        finally:
            self._release(sheet, channel)

    async def _place_of(self, turn: Turn, channel: Channel) -> Place:
        """The channel of a digest. Raises PlatformError where the platform has refused for a minute."""
        for pause_s in repeat(_DIGEST_PAUSE_S, _DIGEST_TRIES - 1):
            try:
                return await channel.platform_calls.channel(turn.ask.place.channel)
            except PlatformError as error:
                if not error.retryable:
                    raise
                await self._clock.sleep(min(error.retry_after_s or pause_s, pause_s))
        return await channel.platform_calls.channel(turn.ask.place.channel)

    async def _converse(self, turn: Turn, channel: Channel) -> Finish:
        sheet = self._begun.pop(turn.id, None) or self._sheet(turn, channel)
        writing, delivery = sheet.writing, sheet.delivery
        writing.began_s = self._clock.monotonic()
        try:
            while True:
                end = await self._live.write(turn, self._write(turn, writing, delivery, channel))
                if end is not Interrupt.RESTARTED:
                    break
                writing.text, writing.ended, writing.error, writing.first_word_s = "", None, None, None
                turn = replace(turn, text="")  # that answered another question
            writing.interrupt = end
            if end is Interrupt.LOST:
                writing.interrupt, writing.error = None, delivery.error
            if end is Interrupt.REMOVED and delivery.error is None:
                delivery.remove()  # its place was closed before it began
            if end is not Interrupt.FORGOTTEN and writing.ended is None and turn.text.startswith(writing.text):
                writing.text = turn.text  # words that an earlier process has shown stay
            if end is Interrupt.WITHDRAWN and not (delivery.posted or delivery.busy):
                writing.text = ""  # nobody waits for a word, and nobody has read one
                finish = replace(self._finish(turn, writing), notice="", buttons=())
                return await self._show_last(finish, sheet)
            return await self._show_last(self._finish(turn, writing), sheet)
        finally:
            self._release(sheet, channel)

    def _sheet(self, turn: Turn, channel: Channel) -> _Sheet:
        writing = _Writing()

        async def on_post(posted: tuple[str, ...]) -> None:
            """A new message stands on the platform: write its id down before anything else happens."""
            self._standing(turn).set()
            self._checkpoints.note(turn.id, writing.text, posted)
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
        return _Sheet(writing, delivery)

    def _halted(self, turn: Turn) -> None:
        """The platform says that a person has halted the message that grows, and not who."""

        async def halt() -> None:
            await self._clock.sleep(PRESS_WITHIN_S)
            self._live.halt(turn.id)

        task = asyncio.create_task(halt())
        self._halts.add(task)
        task.add_done_callback(self._halts.discard)

    def _lost(self, turn: Turn, delivery: AnswerDelivery) -> None:
        """The platform takes no more words of the answer: none are to be written."""
        gone = delivery.error is not None and delivery.error.code is Code.GONE
        self._live.lose(turn.id, Interrupt.REMOVED if gone else Interrupt.LOST)

    def _release(self, sheet: _Sheet, channel: Channel) -> None:
        self._live.unwatch(sheet.delivery)
        channel.scheduler.release(sheet.delivery)

    async def _write(self, turn: Turn, writing: _Writing, delivery: AnswerDelivery, channel: Channel) -> None:
        """Have the model write the answer; what goes wrong is noted in `writing`."""
        hint: asyncio.Task[None] | None = None
        try:
            settings = writing.settings = await self._read_settings(turn)
            await self._wait_for_edits(turn, writing, delivery)
            hint = asyncio.create_task(self._hint(turn, writing, channel))
            model_info = writing.model_info = self._roster.model_info(settings.model)
            language = self._language(turn, writing)
            material = await self._reader.read(turn, settings, language, channel.platform_calls)
            if material is None:
                writing.text = phrase(_nothing_said(turn), language)
                writing.ended = Ended(EndReason.STOP, Usage())
                return

            def fit(model_info: ModelInfo, *, share: float = 1.0) -> tuple[Message, ...]:
                writing.prompt = material.prompt(model_info, share=share)
                return writing.prompt.messages

            request = Request(
                fit(model_info),
                model_info.name,
                settings.temperature,
                settings.max_tokens,
                turn.ask.place.key,
                f"{turn.ask.place.platform}/{turn.ask.author.id}",
                fit,
            )
            await self._stream(turn, request, writing, delivery)
            _check_words(writing)
        except (ModelError, StoreError, UnreadError) as error:
            writing.error = error
        except Exception as error:  # a mistake of ours: the person is told, and the place goes on
            log.exception("answer_crashed")
            writing.error = BotError(Code.INTERNAL, type(error).__name__)
        finally:
            if hint is not None:
                hint.cancel()
                await asyncio.gather(hint, return_exceptions=True)

    async def _wait_for_edits(self, turn: Turn, writing: _Writing, delivery: AnswerDelivery) -> None:
        """Wait until a turn whose question was edited may begin again (`RunningTurns.wait_s`); say so where it takes
        long."""
        now_s = self._clock.monotonic()
        wait_s = self._live.wait_s(turn.id, now_s)
        if wait_s > self._settings.parley_patience_s:
            notice = phrase("edited_wait", self._language(turn, writing), n=math.ceil(wait_s))
            delivery.show(Reply(notice=notice), now_s)
        if wait_s:
            await self._clock.sleep(wait_s)

    async def _hint(self, turn: Turn, writing: _Writing, channel: Channel) -> None:
        """Show that an answer is being thought of, until its first word."""
        every_s = channel.platform_calls.platform.limits.typing_s
        while is_blank(writing.text):
            with contextlib.suppress(PlatformError):
                await channel.platform_calls.typing(turn.ask.place, self._language(turn, writing))
            if not every_s:
                return
            await self._clock.sleep(every_s)

    async def _read_settings(self, turn: Turn) -> ChannelSettings:
        """What counts in the turn's channel now. Raises StoreError."""
        place = turn.ask.place
        return merge(self._settings, await self._store.stored_settings(place), place.platform)

    async def _stream(self, turn: Turn, request: Request, writing: _Writing, delivery: AnswerDelivery) -> None:
        stop = self._button("stop", turn, writing)
        deltas = cast("AsyncGenerator[Delta]", self._model.stream(request))
        async with contextlib.aclosing(deltas), contextlib.AsyncExitStack() as queued:
            async for delta in deltas:
                if isinstance(delta, Queued):
                    await queued.aclose()
                    if not delta.over:
                        telling = asyncio.create_task(self._tell_queued(turn, writing, delivery))
                        queued.callback(telling.cancel)
                elif isinstance(delta, Text):
                    writing.text += delta.text if writing.text else delta.text.lstrip()
                    if writing.text and writing.first_word_s is None:
                        writing.first_word_s = self._clock.monotonic() - writing.began_s
                    # What a reader has seen of an earlier process's answer is not taken back to be written again.
                    seen = turn.text if turn.text.startswith(writing.text) else writing.text
                    notice = self._resumed(turn, seen, writing)
                    delivery.show(Reply(seen, Phase.WRITING, notice, (stop,)), self._clock.monotonic())
                    self._checkpoints.note(turn.id, writing.text, tuple(delivery.posted))
                elif isinstance(delta, ModelSelected):
                    writing.model_info = delta.model_info
                elif isinstance(delta, Charged):
                    self._charge(writing, delta.usage)
                elif isinstance(delta, Ended):
                    writing.ended = delta

    async def _tell_queued(self, turn: Turn, writing: _Writing, delivery: AnswerDelivery) -> None:
        """Say that the question waits for others, once that has taken a while."""
        await self._clock.sleep(self._settings.parley_patience_s)
        if not (writing.text or turn.text):
            notice = phrase("queued", self._language(turn, writing))
            delivery.show(Reply(notice=notice), self._clock.monotonic())

    def _charge(self, writing: _Writing, usage: Usage | None) -> None:
        """Count `usage`, or what is likely where the endpoint did not say."""
        likely = Usage(writing.prompt.estimate_tokens, estimate(writing.text), estimated=True)
        writing.charged.append(priced(usage or likely, writing.model_info or self._roster.default))

    def _finish(self, turn: Turn, writing: _Writing) -> Finish:
        error, model_info = writing.error, writing.model_info or self._roster.default
        tries = len(writing.charged)
        if writing.ended is not None:
            self._charge(writing, writing.ended.usage)
        elif error is None:  # a person stopped it while the model was writing
            self._charge(writing, None)
        if error is not None:
            log.error("answer_failed", **error.log_keys)
        state = TurnState.STOPPED if writing.interrupt else TurnState.FAILED if error else TurnState.DONE
        return Finish(
            turn,
            state,
            writing.text,
            notice=_notice(writing, self._language(turn, writing))
            or self._resumed(turn, writing.text, writing),
            buttons=self._buttons(turn, writing),
            error=str(error.code) if error is not None else "",
            ref=error.ref if error is not None else "",
            model=model_info.name,
            usage=total(writing.charged),
            estimate_tokens=None if tries else writing.prompt.estimate_tokens,
            latency_ms=round((self._clock.monotonic() - writing.began_s) * 1000),
            first_word_s=writing.first_word_s,
        )

    def _resumed(self, turn: Turn, text: str, writing: _Writing) -> str:
        """A notice where a reader sees other words than an earlier process had shown."""
        if not turn.posted or text.startswith(turn.text):
            return ""
        return phrase("resumed", self._language(turn, writing))

    def _buttons(self, turn: Turn, writing: _Writing) -> tuple[Button, ...]:
        """What can be done about an answer, whole or not."""
        if writing.interrupt in (Interrupt.WITHDRAWN, Interrupt.FORGOTTEN):
            return ()
        if writing.error is not None or writing.interrupt is not None:
            return (self._button("again", turn, writing),)
        if not writing.prompt.messages:
            return ()
        cut = writing.ended is not None and writing.ended.reason is EndReason.LENGTH
        actions = (("continue",) if cut else ()) + ("regenerate", "up", "down")
        return tuple(self._button(action, turn, writing) for action in actions)

    def _button(self, action: str, turn: Turn, writing: _Writing) -> Button:
        return Button(action, phrase(action, self._language(turn, writing)), turn.id)

    def _language(self, turn: Turn, writing: _Writing) -> str:
        author = turn.ask.author
        if writing.settings is None:
            return language_of(author.locale, self._settings.parley_language)
        return language_for(author, writing.settings, self._settings)

    async def _show_last(self, finish: Finish, sheet: _Sheet) -> Finish:
        """Show the whole answer, wait until it can be read, and complete the finish with what that gave."""
        delivery = sheet.delivery
        if delivery.error is None:
            delivery.show(_last_view(finish), self._clock.monotonic())
        try:
            await delivery.finished()
        except PlatformError as error:
            conclude = self._failed if error.retryable else self._conclude
            finish = await conclude(finish, error, sheet)
        return replace(finish, posted=tuple(delivery.posted))

    async def _failed(self, finish: Finish, error: PlatformError, _: _Sheet) -> Finish:
        """The platform could not be reached for long. The log says so; the answer is kept."""
        error_of = finish.error or str(error.code)
        return replace(finish, state=TurnState.FAILED, error=error_of, ref=finish.ref or error.ref)

    async def _conclude(self, finish: Finish, error: PlatformError, sheet: _Sheet) -> Finish:
        """The platform takes no more of the answer, or somebody deleted it there: say so under the words that can be
        read; if these are refused too, under fewer of them, or alone."""
        delivery = sheet.delivery
        for text in _ever_fewer(delivery.standing):
            finish = self._concluded(finish, error, text, sheet)
            delivery.conclude(_last_view(finish), self._clock.monotonic())
            with contextlib.suppress(PlatformError):
                await delivery.finished()
                return finish
        log.error("failure_not_shown", **error.log_keys)
        return finish

    def _concluded(self, finish: Finish, error: PlatformError, text: str, sheet: _Sheet) -> Finish:
        language = self._language(finish.turn, sheet.writing)
        again = (
            () if finish.turn.ask.task is Task.DIGEST else (self._button("again", finish.turn, sheet.writing),)
        )
        if error.code is Code.GONE and finish.turn.ask.task is not Task.DIGEST:
            left = bool(sheet.delivery.posted)
            notice, buttons = (phrase(str(Interrupt.REMOVED), language), again) if left else ("", ())
            return replace(finish, state=TurnState.STOPPED, text=text, notice=notice, buttons=buttons)
        notice = cut_error_text(error, language) if text else error_text(error, language)
        known = replace(finish, error=finish.error or str(error.code), ref=finish.ref or error.ref)
        return replace(known, state=TurnState.FAILED, text=text, notice=notice, buttons=again)

    async def _stored(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do what the turn can't go on without, for as long as the database takes to come back."""
        for pause_s in chain(_STORE_PAUSES_S, repeat(_STORE_PAUSES_S[-1])):
            try:
                return await call()
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("store_failed", pause_s=pause_s, **error.log_keys)
                await self._clock.sleep(pause_s)
        raise AssertionError("unreachable")


def _log_finished(finish: Finish) -> None:
    """Log who asked, where, which model answered, how long it took, what it cost and how it ended."""
    ask, usage = finish.turn.ask, finish.usage or Usage()
    log.info(
        "answer_finished",
        asker=ask.author.id,
        place=ask.place.key,
        turn=finish.turn.id,
        model=finish.model,
        first_word_s=None if finish.first_word_s is None else round(finish.first_word_s, 3),
        total_s=finish.latency_ms / 1000,
        tokens_in=usage.prompt_tokens,
        tokens_out=usage.completion_tokens,
        cost=usage.cost_micros / 1_000_000,
        outcome=str(finish.state),
        code=finish.error,
        ref=finish.ref,
    )


def _last_view(finish: Finish) -> Reply:
    return Reply(finish.text, Phase.ENDED, finish.notice, finish.buttons)


def _ever_fewer(messages: Sequence[str]) -> list[str]:
    """The words of all messages, of all but the last one, and none."""
    return list(dict.fromkeys(("".join(messages), "".join(messages[:-1]), "")))


def _nothing_said(turn: Turn) -> str:
    """The phrase for a turn that there is nothing to answer from."""
    if turn.ask.task is Task.SUMMARY:
        return "summary_nothing"
    return "wordless_direct" if turn.ask.place.direct else "wordless"


def _check_words(writing: _Writing) -> None:
    """Raises ModelError where the model did not end its answer, or ended it and a reader would see nothing of it."""
    if writing.ended is None:
        raise ModelError(Code.CUT, "the stream ended without an end")
    if is_blank(writing.text):
        writing.text = ""
        reason = writing.ended.reason
        raise ModelError(Code.POLICY if reason is EndReason.POLICY else Code.EMPTY, f"no words, {reason}")


def _notice(writing: _Writing, language: str) -> str:
    """What stands under the model's words: why it is not (all of) an answer, or nothing."""
    if writing.interrupt is not None:
        return phrase(str(writing.interrupt), language)
    if writing.error is not None:
        if writing.error.code is Code.EMPTY and writing.ended and writing.ended.reason is EndReason.LENGTH:
            return error_text(writing.error, language, "length_empty")
        return cut_error_text(writing.error, language) if writing.text else error_text(writing.error, language)
    reason = writing.ended.reason if writing.ended else EndReason.STOP
    if reason is EndReason.LENGTH:
        return phrase("length", language)
    if reason is EndReason.POLICY:
        return phrase("policy_end", language)
    return ""
