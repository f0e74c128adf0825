"""Logging: one line an event, for the operator, with secrets taken out before anything is written."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(r"(?<![A-Za-z0-9])(xox[a-z]-|xapp-|sk-|Bearer |Bot )[A-Za-z0-9._\-]{4,}")
_KEPT = "[redacted]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without anything that looks like a token, and without the given secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _KEPT)
    return _SECRETS.sub(rf"\1{_KEPT}", text)


class _Redactor:
    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = redact(value, self._secrets)
        return event


def configure(style: str, secrets: Iterable[str] = (), *, level: int = logging.INFO) -> None:
    """Send structlog and the libraries' own logging to standard error, as text or JSON lines.

    Libraries are heard from WARNING on: their INFO lines can hold URLs with tickets.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Redactor(secrets),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=[*shared]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
