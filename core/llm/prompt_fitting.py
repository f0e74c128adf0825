"""Fits the messages of a request into the window of a model. Pure."""

from __future__ import annotations

from core.llm.messages import message_to_text
from core.llm.tokens import correction, estimate, reckon
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.deltas import ModelInfo

HEADROOM = 0.9
"""Share of the window that is filled: the estimate is off by less than a tenth in 99 of 100 cases."""
LEFT_OUT = "The oldest messages of this conversation were left out, because it has grown long."

_DEFAULT_ANSWER_TOKENS = 4_096


def fit(request: Request, model_info: ModelInfo, *, share: float = 1.0) -> tuple[Message, ...]:
    """The messages of `request` for the model of `model_info`, without the oldest ones where they are too long.

    The system message, the last message and the steps behind it always stay, however long. The model is told what was
    left out. Tokens of the window are kept free for the answer. `share`: how much of what would fit is kept, for an
    endpoint that found it too long.
    """
    system, said = _split(request.messages)
    counted = request.counted if request.counted and request.counted.model == model_info.name else None
    usage = counted.usage if counted else None
    tokens = reckon(
        estimate(system) + estimate_messages(said + request.steps),
        usage,
        counted.answer_tokens if counted else None,
    )
    window = model_info.context_tokens
    room = (window - min(request.max_tokens or _DEFAULT_ANSWER_TOKENS, window // 2)) * HEADROOM
    room = min(room, tokens) * share if share < 1 else room
    kept = _newest(said, tokens - room, correction(usage))
    if len(kept) < len(said):
        system = f"{system}\n\n{LEFT_OUT}" if system else LEFT_OUT
    if request.joined:
        kept = (text_message("user", "\n".join(message.text for message in kept)),)
    kept += request.steps
    return (text_message("system", system), *kept) if system else kept


def estimate_messages(messages: tuple[Message, ...]) -> int:
    """Our own estimate of the tokens of a list of messages."""
    return sum(map(_estimate, messages))


def _estimate(message: Message) -> int:
    return estimate(message_to_text(message))


def _split(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """The text of the system message, which is the first one, and the other messages."""
    if messages and messages[0].role == "system":
        return messages[0].text, messages[1:]
    return "", messages


def _newest(messages: tuple[Message, ...], excess: float, correction: float) -> tuple[Message, ...]:
    """`messages` without the oldest ones, until `excess` tokens are gone. The last one stays, and what is left does
    not begin with an answer or the result of a tool call."""
    first = 0
    while excess > 0 and first < len(messages) - 1:
        excess -= _estimate(messages[first]) * correction
        first += 1
    while 0 < first < len(messages) - 1 and messages[first].role in ("assistant", "tool"):
        first += 1
    return messages[first:]
