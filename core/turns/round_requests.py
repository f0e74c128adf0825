"""The requests of the rounds of an answer. Pure."""

from __future__ import annotations

from dataclasses import replace

from core.conversation.prompt import tool_notes, with_notes
from core.conversation.steps import steps_to_messages
from core.llm.messages import message_to_text
from core.memory.citations import without_citations
from core.ports.model import Request
from core.turns.draft import MOST_ROUNDS, Draft
from core.turns.hidden_links import hidden_hosts
from core.values.conversation import Message, text_message
from core.values.parts import EarlierAnswers, Text, ToolResult
from core.values.tools import ToolOffer

_LAST_ROUND = (
    "(You can't call more tools for this answer. Answer now with what you have, and say what is missing.)"
)
"""The instruction to the model in its last round."""


def next_request(request: Request, draft: Draft, offer: ToolOffer) -> Request:
    """The request of the next round. `request` is that of the first one."""
    request = replace(request, messages=with_notes(request.messages, tool_notes(offer)))
    steps = (*request.steps, *map(_without_citations, steps_to_messages(draft.steps)))
    if len(draft.rounds) < MOST_ROUNDS - 1:
        return replace(request, steps=steps, tools=offer.tools)
    return last_request(replace(request, steps=steps, tools=offer.tools))


def _without_citations(message: Message) -> Message:
    parts = (Text(without_citations(one.text)) if isinstance(one, Text) else one for one in message.parts)
    return replace(message, parts=tuple(parts)) if message.role == "assistant" else message


def last_request(request: Request) -> Request:
    """`request` as that of the last round."""
    if not request.may_call:
        return request
    return replace(request, steps=(*request.steps, text_message("user", _LAST_ROUND)), may_call=False)


def request_hidden_hosts(request: Request) -> frozenset[str]:
    """The hosts that the results of tools and earlier answers hide from readers, unless people have named them."""
    parts = [part for message in (*request.messages, *request.steps) for part in message.parts]
    results = [part.text for part in parts if isinstance(part, ToolResult | EarlierAnswers)]
    people = (message_to_text(_said(message)) for message in request.messages if message.role == "user")
    return hidden_hosts(results, people)


def _said(message: Message) -> Message:
    """The message without material that nobody in the thread has said."""
    return replace(message, parts=tuple(part for part in message.parts if not isinstance(part, EarlierAnswers)))


def with_material(request: Request, material: EarlierAnswers) -> Request:
    """`request` with material in a message of its own before its last one, so that endpoints still cache what is before
    it."""
    *before, last = request.messages
    return replace(request, messages=(*before, Message("user", (material,)), last))
