"""Reserves what an answer may spend before it is written."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.errors import BudgetError
from core.llm.messages import message_to_text
from core.ports.model import Request
from core.settings.channel import ChannelSettings
from core.spend.budget_checks import AnswerPart, BudgetChecks
from core.spend.budget_text import refusal_to_text
from core.spend.budgets import AnswerBound
from core.turns.draft import MOST_ROUNDS
from core.values.conversation import Ask
from core.values.parts import Image
from core.values.tools import ToolOffer

UNREAD_PROMPT = AnswerBound(sys.maxsize, rounds=MOST_ROUNDS)
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
    ) -> None:
        """`BudgetChecks.reserve`. Raises BudgetError where a limit is reached, and StoreError.

        `settings`: those of the question's place.
        """
        ask, limited = replace(part.turn.ask, author=part.turn.payer), self._limited

        async def current() -> ChannelSettings:
            return await settings() if limited is None else await limited(ask, await settings())

        refusal = await self._checks.reserve(part, current, on_wait)
        if refusal is not None:
            zone = (await current()).zone
            raise BudgetError(refusal_to_text(refusal, language, self._currency, zone))


def answer_bound(request: Request, offer: ToolOffer, rounds: int = 0) -> AnswerBound:
    """The size of the rest of an answer, whose next request is `request`, behind so many rounds. With tools it may have
    MOST_ROUNDS rounds."""
    messages = (*request.messages, *request.steps)
    texts = [message_to_text(message) for message in messages]
    texts += [f"{tool.name} {tool.description} {tool.parameters}" for tool in offer.tools]
    return AnswerBound(
        sum(_FRAME_BYTES + len(text.encode("utf-8", "replace")) for text in texts),
        sum(isinstance(part, Image) for message in messages for part in message.parts),
        request.max_tokens,
        MOST_ROUNDS - rounds if offer.tools else 1,
    )
