"""One message that can't be read costs that message, never its thread, a summary or a catch-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Reads a platform's messages one by one. `id_of`: the id of a message, for the log; it must not raise."""

    platform: str
    id_of: Callable[[Any], str]

    def each(self, read: Callable[[Any], Value | None], messages: Iterable[Any]) -> Iterator[Value]:
        """The results of `read` for each message, without None and without failures. A failure is logged with
        the message's id alone: texts of people are not for the log."""
        for message in messages:
            try:
                value = read(message)
            except Exception as error:
                log.warning(
                    "message_unreadable",
                    platform=self.platform,
                    message=self.id_of(message),
                    error=type(error).__name__,
                )
                continue
            if value is not None:
                yield value
