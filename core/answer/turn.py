"""One turn from end to end: the thread read, the model asked, the answer shown and stored."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Protocol, TypeVar, cast

import structlog

from core.answer.checkpoints import Checkpoints
from core.answer.live import Interrupt, Live
from core.answer.prompt import GO_ON, Prompt, build
from core.answer.tokens import estimate
from core.clock import Clock
from core.config import CoreSettings
from core.errors import BotError, Code, ModelError, PlatformError, StoreError
from core.paint.brush import Brush
from core.paint.canvas import Canvas
from core.paint.gate import Gate
from core.phrases import explain, explain_cut, language_of, say
from core.ports import Finish, Model, Request, Store
from core.spend.prices import priced
from core.types import (
    Button,
    Delta,
    Ended,
    EndReason,
    Entry,
    Person,
    Phase,
    Reply,
    Task,
    Text,
    Turn,
    TurnState,
    Usage,
)

log = structlog.get_logger()
Answer = TypeVar("Answer")

PARLEY = Person("", "Parley", bot=True)
_DEFAULT_ANSWER_TOKENS = 4_096
_STORE_PAUSES_S = (0.2, 1.0, 5.0)


class Digester(Protocol):
    async def text(self, turn: Turn) -> str:
        """The usage summary that a digest turn is to post."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """The way out to one platform."""

    gate: Gate
    brush: Brush


@dataclass(slots=True)
class _Writing:
    """An answer being written: what the model has said so far, and how it ended."""

    text: str = ""
    ended: Ended | None = None
    error: BotError | None = None
    interrupt: Interrupt | None = None
    prompt: Prompt = field(default_factory=lambda: Prompt((), 0))


class Answerer:
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
        live: Live,
    ) -> None:
        self._store = store
        self._model = model
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._digester = digester
        self._checkpoints = checkpoints
        self._live = live

    async def answer(self, turn: Turn) -> None:
        """Run one turn to its end. Cancelled, it leaves the turn in the ledger for the next process."""
        channel = self._channels.get(turn.ask.place.platform)
        if channel is None:
            log.warning("turn left waiting: its platform is off", turn=turn.id, place=turn.ask.place.key)
            return
        with structlog.contextvars.bound_contextvars(turn=turn.id):
            turn = await self._stored(lambda: self._store.begin(turn.id))
            if turn.state is not TurnState.RUNNING:
                return
            run = self._digest if turn.ask.task is Task.DIGEST else self._converse
            finish = await run(turn, channel)
            await self._stored(lambda: self._store.finish(finish))
            self._checkpoints.forget(turn.id)

    async def _digest(self, turn: Turn, channel: Channel) -> Finish:
        """Post a usage summary. Its channel is all that was written down; the platform knows its team."""
        text = await self._stored(lambda: self._digester.text(turn))
        finish = Finish(turn, TurnState.DONE, text)
        try:
            place = await channel.gate.channel(turn.ask.place.channel)
        except PlatformError as error:
            return replace(finish, state=TurnState.FAILED, error=str(error.code), ref=error.ref)
        with self._canvas(replace(turn, ask=replace(turn.ask, place=place)), _Writing(text), channel) as canvas:
            return await self._show_last(finish, canvas, channel)

    async def _converse(self, turn: Turn, channel: Channel) -> Finish:
        began = self._clock.monotonic()
        writing = _Writing()
        with self._canvas(turn, writing, channel) as canvas:
            while True:
                end = await self._live.write(turn, self._write(turn, writing, canvas, channel))
                if end is not Interrupt.RESTARTED:
                    break
                writing.text = ""
            writing.interrupt = end
            return await self._show_last(self._finish(turn, writing, began), canvas, channel)

    @contextlib.contextmanager
    def _canvas(self, turn: Turn, writing: _Writing, channel: Channel) -> Iterator[Canvas]:
        async def on_post(posted: tuple[str, ...]) -> None:
            """A new message stands on the platform: write its id down before anything else happens."""
            self._checkpoints.note(turn.id, writing.text, posted)
            await self._checkpoints.flush()

        canvas = channel.brush.canvas(
            turn.ask, f"turn-{turn.id}", on_post, turn.posted, look_first=turn.attempt > 1
        )
        try:
            yield canvas
        finally:
            channel.brush.release(canvas)

    async def _write(self, turn: Turn, writing: _Writing, canvas: Canvas, channel: Channel) -> None:
        """Have the model write the answer; what goes wrong is noted in `writing`."""
        hint = asyncio.create_task(self._hint(turn, channel))
        try:
            writing.prompt = await self._prompt(turn, channel)
            request = Request(
                writing.prompt.messages,
                self._settings.openai_model,
                self._settings.parley_temperature,
                self._settings.parley_max_tokens,
            )
            await self._stream(turn, request, writing, canvas, channel)
        except (ModelError, StoreError) as error:
            writing.error = error
        finally:
            hint.cancel()
            await asyncio.gather(hint, return_exceptions=True)

    async def _hint(self, turn: Turn, channel: Channel) -> None:
        with contextlib.suppress(PlatformError):
            await channel.gate.typing(turn.ask.place)

    async def _prompt(self, turn: Turn, channel: Channel) -> Prompt:
        ask = turn.ask
        complete = await self._store.filled(ask.place)
        if not complete:
            try:
                history = await channel.gate.history(ask.place, ask)
                await self._store.fill(ask.place, history)
                complete = history.complete
            except PlatformError as error:
                log.warning("thread not read, going on without it", place=ask.place.key, code=str(error.code))
        lines = await self._store.lines(ask.place, until=ask)
        if turn.ask.task is Task.CONTINUE and turn.again_of is not None:
            lines += await self._unfinished(turn.again_of)
        return build(
            lines,
            ask,
            system=self._settings.parley_system_prompt,
            complete=complete,
            window_tokens=self._settings.parley_context_tokens,
            answer_tokens=self._settings.parley_max_tokens or _DEFAULT_ANSWER_TOKENS,
            spent=await self._store.last_spent(ask.place, self._settings.openai_model),
        )

    async def _unfinished(self, turn_id: int) -> list[Entry]:
        """The answer that is to be continued, and the request to do so."""
        before = await self._store.turn(turn_id)
        if before is None:
            return []
        ask = before.ask
        return [
            Entry(f"turn-{turn_id}", PARLEY, before.text, ask.at, mine=True, anchor=ask.id),
            Entry(f"continue-{turn_id}", ask.author, GO_ON, ask.at),
        ]

    async def _stream(
        self, turn: Turn, request: Request, writing: _Writing, canvas: Canvas, channel: Channel
    ) -> None:
        stop = self._button("stop", turn)
        deltas = cast("AsyncGenerator[Delta]", self._model.stream(request))
        async with contextlib.aclosing(deltas):
            async for delta in deltas:
                if isinstance(delta, Text):
                    writing.text += delta.text
                    canvas.show(Reply(writing.text, Phase.WRITING, buttons=(stop,)), self._clock.monotonic())
                    channel.brush.wake()
                    self._checkpoints.note(turn.id, writing.text, tuple(canvas.posted))
                elif isinstance(delta, Ended):
                    writing.ended = delta

    def _finish(self, turn: Turn, writing: _Writing, began: float) -> Finish:
        error = writing.error
        usage = (writing.ended.usage if writing.ended else None) or Usage(
            writing.prompt.estimate_tokens, estimate(writing.text), estimated=True
        )
        if error is not None:
            log.error("answer failed", code=str(error.code), ref=error.ref, detail=error.detail)
        state = TurnState.STOPPED if writing.interrupt else TurnState.FAILED if error else TurnState.DONE
        return Finish(
            turn,
            state,
            writing.text,
            notice=_notice(writing, self._language(turn)),
            buttons=self._buttons(turn, writing),
            error=str(error.code) if error is not None else "",
            ref=error.ref if error is not None else "",
            model=(writing.ended.model if writing.ended else "") or self._settings.openai_model,
            usage=priced(usage, self._settings),
            estimate_tokens=writing.prompt.estimate_tokens,
            latency_ms=round((self._clock.monotonic() - began) * 1000),
        )

    def _buttons(self, turn: Turn, writing: _Writing) -> tuple[Button, ...]:
        """What can be done about an answer that is not whole."""
        if writing.interrupt is Interrupt.WITHDRAWN:
            return ()
        if writing.error is not None or writing.interrupt is not None:
            return (self._button("again", turn),)
        if writing.ended is not None and writing.ended.reason is EndReason.LENGTH:
            return (self._button("continue", turn),)
        return ()

    def _button(self, action: str, turn: Turn) -> Button:
        return Button(action, say(action, self._language(turn)), turn.id)

    def _language(self, turn: Turn) -> str:
        return language_of(turn.ask.author.locale, self._settings.parley_language)

    async def _show_last(self, finish: Finish, canvas: Canvas, channel: Channel) -> Finish:
        """Show the whole answer, wait until it can be read, and complete the finish with what that gave."""
        view = Reply(finish.text, Phase.ENDED, finish.notice, finish.buttons)
        canvas.show(view, self._clock.monotonic())
        channel.brush.wake()
        try:
            await canvas.finished()
        except PlatformError as error:
            finish = replace(
                finish,
                state=TurnState.FAILED,
                error=finish.error or str(error.code),
                ref=finish.ref or error.ref,
            )
        return replace(finish, posted=tuple(canvas.posted))

    async def _stored(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do what the turn can't go on without, for as long as the database takes to come back."""
        for pause_s in chain(_STORE_PAUSES_S, repeat(_STORE_PAUSES_S[-1])):
            try:
                return await call()
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("store failed, trying again", detail=error.detail, pause_s=pause_s)
                await self._clock.sleep(pause_s)
        raise AssertionError("unreachable")


def _notice(writing: _Writing, language: str) -> str:
    """What stands under the model's words: why it is not (all of) an answer, or nothing."""
    if writing.interrupt is not None:
        return say(str(writing.interrupt), language)
    if writing.error is not None:
        return explain_cut(writing.error, language) if writing.text else explain(writing.error, language)
    reason = writing.ended.reason if writing.ended else EndReason.STOP
    if reason is EndReason.LENGTH:
        return say("length", language)
    if reason is EndReason.POLICY:
        return say("policy_end", language) if writing.text else explain(ModelError(Code.POLICY), language)
    return ""
