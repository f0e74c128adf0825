"""One message that can't be read costs that message, never its thread, a summary or a catch-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

Payload = Mapping[str, Any]
Value = TypeVar("Value")


def each_read(read: Callable[[Payload], Value | None], messages: Iterable[Any]) -> Iterator[Value]:
    """What `read` makes of each message, without those that it makes None of or fails on. A failure is logged by the
    message's id alone: what people wrote is not for the log."""
    for message in messages:
        try:
            value = read(message)
        except Exception as error:
            ts = str(message.get("ts", "")) if isinstance(message, Mapping) else ""
            log.warning("slack: a message can't be read", message=ts, cause=type(error).__name__)
            continue
        if value is not None:
            yield value
