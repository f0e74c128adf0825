"""Reserves what an answer may spend before it is written."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.errors import BudgetError
from core.llm.messages import message_to_text
from core.ports.model import Request
from core.settings.channel import ChannelSettings
from core.spend.budget_checks import AnswerPart, BudgetChecks, Reserved
from core.spend.budget_text import reference, refusal_to_text
from core.spend.budgets import AnswerBound
from core.values.budgets import Spent
from core.values.conversation import Ask, Turn
from core.values.deltas import ModelInfo
from core.values.parts import Image

UNREAD_PROMPT = AnswerBound(sys.maxsize, rounds=2)
"""The size of an answer whose prompt is not known yet."""

_FRAME_BYTES = 64
"""Bytes of a message or a tool beside its text: more than its tokens."""


class AnswerBudgets:
    """`limited`: the settings of a question with the limits of the asker's teams, where these apply."""

    def __init__(
        self,
        checks: BudgetChecks,
        currency: str = "USD",
        limited: Callable[[Ask, ChannelSettings], Awaitable[ChannelSettings]] | None = None,
    ) -> None:
        self._checks = checks
        self._currency = currency
        self._limited = limited

    async def reserve(
        self,
        part: AnswerPart,
        settings: Callable[[], Awaitable[ChannelSettings]],
        language: str,
        on_wait: Callable[[], None],
    ) -> Reserved:
        """`BudgetChecks.reserve`. Raises BudgetError where a limit is reached, and StoreError.

        `settings`: those of the question's place.
        """
        ask, limited = replace(part.turn.ask, author=part.turn.payer), self._limited

        async def current() -> ChannelSettings:
            return await settings() if limited is None else await limited(ask, await settings())

        reserved = await self._checks.reserve(part, current, on_wait)
        if reserved.refusal is not None:
            zone = (await current()).zone
            words, budget = (
                refusal_to_text(reserved.refusal, language, self._currency, zone),
                reserved.refusal.budget,
            )
            detail = f"{budget.scope}: {budget.limit}"
            raise BudgetError(words, detail, reference(budget))
        return reserved

    async def allows(self, turn: Turn, settings: ChannelSettings, model_info: ModelInfo) -> bool:
        """True if no limit is reached of the payer of `turn` or of its place, for work by `model_info` that follows its
        answer. Raises StoreError."""
        ask = replace(turn.ask, author=turn.payer)
        limited = settings if self._limited is None else await self._limited(ask, settings)
        return await self._checks.allows(ask.place, ask.author.id, limited, model_info, Spent())

    async def release(self, turn: Turn, spent: Spent, *, own: bool = False) -> None:
        """`BudgetChecks.release`. Raises StoreError."""
        await self._checks.release(turn, spent, own=own)

    def end(self, turn_id: int) -> None:
        """`BudgetChecks.end`."""
        self._checks.end(turn_id)


def answer_bound(request: Request, *, unread: bool = False) -> AnswerBound:
    """The size of the rest of an answer, whose next request is `request`: its next round and, where that may call
    tools, the last one. `unread`: results of tools are still missing in the request."""
    messages = (*request.messages, *request.steps)
    texts = [message_to_text(message) for message in messages]
    texts += [f"{tool.name} {tool.description} {tool.parameters}" for tool in request.tools]
    return AnswerBound(
        sys.maxsize if unread else sum(_FRAME_BYTES + len(text.encode("utf-8", "replace")) for text in texts),
        sum(isinstance(part, Image) for message in messages for part in message.parts),
        request.max_tokens,
        2 if request.tools and request.may_call else 1,
    )
