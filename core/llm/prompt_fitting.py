"""Fits the messages of a request into the window of a model. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from core.llm.images import images_of, newest_images
from core.llm.messages import message_to_text
from core.llm.tokens import correction, estimate, estimate_with_usage
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.deltas import ModelInfo
from core.values.parts import Opaque
from core.values.tools import Tool

HEADROOM = 0.9
"""Share of the window that is filled. The estimate is off by less than a tenth in 99 of 100 cases."""
LEFT_OUT = "The oldest messages of this conversation were left out, because it has grown long."
ROUNDS_LEFT_OUT = "The first tool calls of this answer and their results were left out, because they are long."

_DEFAULT_ANSWER_TOKENS = 4_096
_WORDS_TOKENS = 20
"""Approximate tokens of the text that replaces an image."""


def fit(request: Request, model_info: ModelInfo, *, share: float = 1.0) -> tuple[Message, ...]:
    """The messages of `request` that fit the window of `model_info`.

    The images of earlier messages are left out first, then the oldest messages, then the notes before them, then the
    images of the last message, then the rounds of the steps; each oldest first, as far as needed. The system message,
    the text of the last message and the newest round after it always stay, however long. A round is left out with all
    its results. A note to the model names the part left out. Tokens are reserved for the answer. `share`: the part of
    the fitting length to keep, for an endpoint that refused it as too long.
    """
    system, said = _split(request.messages)
    counted = request.counted if request.counted and request.counted.model == model_info.name else None
    usage = counted.usage if counted else None
    said_tokens = estimate_messages(said)
    tokens = estimate_with_usage(
        estimate(system) + said_tokens + estimate_messages(request.steps) + estimate_tools(request.tools),
        usage,
        counted.answer_tokens if counted else None,
    )
    window = model_info.context_tokens
    room = (window - min(request.max_tokens or _DEFAULT_ANSWER_TOKENS, window // 2)) * HEADROOM
    room = min(room, tokens) * share if share < 1 else room
    excess = (tokens - room) / correction(usage)
    kept = _shortened(said, request.notes, excess)
    kept_tokens = said_tokens if kept is said else estimate_messages(kept)
    steps = _newest_rounds(request.steps, excess - said_tokens + kept_tokens)
    notes = [LEFT_OUT] if len(kept) < len(said) else []
    notes += [ROUNDS_LEFT_OUT] if len(steps) < len(request.steps) else []
    system = "\n\n".join(filter(None, (system, *notes)))
    if request.joined:
        kept = (text_message("user", "\n".join(map(message_to_text, newest_images(kept, 0)))),)
    kept += steps
    return (text_message("system", system), *kept) if system else kept


def estimate_messages(messages: tuple[Message, ...]) -> int:
    """Estimated tokens of a list of messages, without corrections."""
    return sum(map(_estimate, messages))


def estimate_tools(tools: Iterable[Tool]) -> int:
    """Estimated tokens of the tools of a request."""
    return sum(estimate(f"{tool.name}{tool.description}{tool.parameters}") for tool in tools)


def _estimate(message: Message) -> int:
    opaque = sum(estimate(part.fields) for part in message.parts if isinstance(part, Opaque))
    return estimate(message_to_text(message)) + sum(image.tokens for image in images_of((message,))) + opaque


def _split(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """The text of the system message, which comes first, and the other messages."""
    if messages and messages[0].role == "system":
        return messages[0].text, messages[1:]
    return "", messages


def _shortened(messages: tuple[Message, ...], notes: int, excess: float) -> tuple[Message, ...]:
    """`messages`, the first of which are `notes`, without `excess` estimated tokens, as far as possible."""

    def newest_behind_notes(messages: tuple[Message, ...], excess: float) -> tuple[Message, ...]:
        return messages[:notes] + _newest(messages[notes:], excess)

    for shorten in (_fewer_earlier_images, newest_behind_notes, _newest, _fewer_images):
        if excess <= 0:
            break
        shorter = shorten(messages, excess)
        excess -= estimate_messages(messages) - estimate_messages(shorter)
        messages = shorter
    return messages


def _fewer_earlier_images(messages: tuple[Message, ...], excess: float) -> tuple[Message, ...]:
    return _fewer_images(messages[:-1], excess) + messages[-1:]


def _fewer_images(messages: tuple[Message, ...], excess: float) -> tuple[Message, ...]:
    """`messages` without the oldest images, until `excess` tokens are removed."""
    images = images_of(messages)
    kept = len(images)
    while excess > 0 and kept:
        excess -= images[-kept].tokens - _WORDS_TOKENS
        kept -= 1
    return newest_images(messages, kept)


def _newest(messages: tuple[Message, ...], excess: float) -> tuple[Message, ...]:
    """`messages` without the oldest ones, until `excess` tokens are removed. The last one stays, and the rest does
    not begin with an answer or a tool result."""
    first = 0
    while excess > 0 and first < len(messages) - 1:
        excess -= _estimate(messages[first])
        first += 1
    while 0 < first < len(messages) - 1 and messages[first].role in ("assistant", "tool"):
        first += 1
    return messages[first:]


def _newest_rounds(steps: tuple[Message, ...], excess: float) -> tuple[Message, ...]:
    """`steps` without the oldest rounds, until `excess` tokens are removed. A round is an answer with calls and the
    messages of its results: endpoints refuse the one without the other. The newest one stays."""
    starts = [number for number, message in enumerate(steps) if message.role == "assistant"]
    first = 0
    for start in starts[1:]:
        if excess <= 0:
            break
        excess -= estimate_messages(steps[first:start])
        first = start
    return steps[first:]
