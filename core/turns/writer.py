"""The writing of one answer: the material read, the model asked, its deltas folded into the draft and shown."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator
from typing import cast

import structlog

from core.clock import Clock
from core.conversation.context import ContextReader
from core.delivery.answer import AnswerDelivery
from core.errors import BotError, Code, ModelError, PlatformError, StoreError, UnreadError
from core.i18n import phrase
from core.llm.catalog import ModelCatalog
from core.platform_calls import PlatformCalls
from core.ports.model import Model, Request
from core.ports.store import Store
from core.settings.channel import ChannelSettings, merge
from core.settings.environment import CoreSettings
from core.text import is_blank
from core.turns.ending import (
    charge,
    nothing_to_answer,
    resumed_notice,
    turn_button,
    turn_language,
)
from core.turns.running import Draft, RunningTurn
from core.values.conversation import Turn
from core.values.deltas import Charged, Delta, Ended, EndReason, ModelSelected, Queued, Usage
from core.values.outgoing import Phase, Reply
from core.values.parts import Text

log = structlog.get_logger()


class AnswerWriter:
    """Has the model write answers. One instance for all; what belongs to one answer is in its `RunningTurn`."""

    def __init__(
        self,
        store: Store,
        model: Model,
        settings: CoreSettings,
        clock: Clock,
        catalog: ModelCatalog,
    ) -> None:
        self._store = store
        self._model = model
        self._settings = settings
        self._clock = clock
        self._catalog = catalog
        self._reader = ContextReader(store)

    async def write(
        self, running: RunningTurn, delivery: AnswerDelivery, platform_calls: PlatformCalls
    ) -> None:
        """Have the model write the answer into `running.draft`, and show it. An error ends up in `draft.error`."""
        turn, draft = running.turn, running.draft
        hint: asyncio.Task[None] | None = None
        try:
            settings = draft.settings = await self.read_settings(turn)
            await self._wait_for_edits(running, delivery)
            hint = asyncio.create_task(self._hint(running, platform_calls))
            draft.model_info = self._catalog.model_info(settings.model)
            language = self._language(running)
            request = await self._reader.read(turn, settings, language, platform_calls)
            if request is None:
                draft.text = phrase(nothing_to_answer(turn), language)
                draft.ended = Ended(EndReason.STOP, Usage())
                return
            await self._stream(running, request, delivery)
            _check_text(draft)
        except (ModelError, StoreError, UnreadError) as error:
            draft.error = error
        except Exception as error:  # a mistake of ours: the person sees it, and the place goes on
            log.exception("answer_crashed")
            draft.error = BotError(Code.INTERNAL, type(error).__name__)
        finally:
            if hint is not None:
                hint.cancel()
                await asyncio.gather(hint, return_exceptions=True)

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
            notice = phrase("edited_wait", self._language(running), n=math.ceil(wait_s))
            delivery.show(Reply(notice=notice), now_s)
        if wait_s:
            await self._clock.sleep(wait_s)

    async def _hint(self, running: RunningTurn, platform_calls: PlatformCalls) -> None:
        """Show the platform's typing indicator until the answer's first word."""
        every_s = platform_calls.platform.limits.typing_s
        while is_blank(running.draft.text):
            with contextlib.suppress(PlatformError):
                await platform_calls.typing(running.turn.ask.place, self._language(running))
            if not every_s:
                return
            await self._clock.sleep(every_s)

    async def _stream(self, running: RunningTurn, request: Request, delivery: AnswerDelivery) -> None:
        turn, draft, language = running.turn, running.draft, self._language(running)
        stop = turn_button("stop", turn, language)
        deltas = cast("AsyncGenerator[Delta]", self._model.stream(request))
        async with contextlib.aclosing(deltas), contextlib.AsyncExitStack() as queued:
            async for delta in deltas:
                if isinstance(delta, Queued):
                    await queued.aclose()
                    if not delta.over:
                        telling = asyncio.create_task(self._show_queued(running, delivery))
                        queued.callback(telling.cancel)
                elif isinstance(delta, Text):
                    draft.text += delta.text if draft.text else delta.text.lstrip()
                    if draft.text and draft.first_word_s is None:
                        draft.first_word_s = self._clock.monotonic() - draft.began_s
                    # Text of an earlier process that readers have seen stays, and is not written a second time.
                    seen = turn.text if turn.text.startswith(draft.text) else draft.text
                    notice = resumed_notice(turn, seen, language)
                    delivery.show(Reply(seen, Phase.WRITING, notice, (stop,)), self._clock.monotonic())
                    running.unsaved = (draft.text, tuple(delivery.posted))
                elif isinstance(delta, ModelSelected):
                    draft.model_info, draft.prompt_tokens = delta.model_info, delta.prompt_tokens
                elif isinstance(delta, Charged):
                    draft.charged.append(charge(draft, delta.usage, self._catalog.default))
                elif isinstance(delta, Ended):
                    draft.ended = delta

    async def _show_queued(self, running: RunningTurn, delivery: AnswerDelivery) -> None:
        """Show that the question waits for others, after `parley_patience_s`."""
        await self._clock.sleep(self._settings.parley_patience_s)
        if not (running.draft.text or running.turn.text):
            notice = phrase("queued", self._language(running))
            delivery.show(Reply(notice=notice), self._clock.monotonic())

    def _language(self, running: RunningTurn) -> str:
        return turn_language(running.turn, running.draft, self._settings)


def _check_text(draft: Draft) -> None:
    """Raises ModelError where the stream broke off, or ended without a visible character."""
    if draft.ended is None:
        raise ModelError(Code.CUT, "the stream ended without an end")
    if is_blank(draft.text):
        draft.text = ""
        reason = draft.ended.reason
        raise ModelError(Code.POLICY if reason is EndReason.POLICY else Code.EMPTY, f"no words, {reason}")
