"""The images of a list of messages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from core.llm.messages import image_to_words
from core.values.conversation import Message
from core.values.parts import Image, Text


def images_of(messages: Iterable[Message]) -> list[Image]:
    """The images, oldest first."""
    return [part for message in messages for part in message.parts if isinstance(part, Image)]


ToWords = Callable[[Image], str]
"""Returns the text that replaces an image for a model that is not shown it."""


def keep_images(
    messages: Sequence[Message], keep: Callable[[Image], bool], words: ToWords = image_to_words
) -> tuple[Message, ...]:
    """The messages with text in place of the images for which `keep` returns False. `keep` is called with the newest
    image first."""
    return tuple(reversed([_keep(message, keep, words) for message in reversed(messages)]))


def newest_images(
    messages: Sequence[Message], most: int, words: ToWords = image_to_words
) -> tuple[Message, ...]:
    """The messages with text in place of all but the newest `most` images."""
    kept = iter(range(most))
    return keep_images(messages, lambda _: next(kept, None) is not None, words)


def missing_images(asked: Iterable[Message], sent: Iterable[Message]) -> tuple[Image, ...]:
    """The images of `asked` that `sent` lacks, oldest first."""
    return tuple((Counter(images_of(asked)) - Counter(images_of(sent))).elements())


def _keep(message: Message, keep: Callable[[Image], bool], words: ToWords) -> Message:
    if not any(isinstance(part, Image) for part in message.parts):
        return message
    parts = [
        Text(words(part)) if isinstance(part, Image) and not keep(part) else part
        for part in reversed(message.parts)
    ]
    return replace(message, parts=tuple(reversed(parts)))
