"""Logging: one line an event, for the operator, with secrets taken out before anything is written."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import structlog

from core.text import DIRECTION_MARKS
from core.values.conversation import Turn
from core.values.places import Place

_SECRETS = re.compile(r"(?<![A-Za-z0-9])(xox[a-z]-|xapp-|sk-|Bearer |Bot )[A-Za-z0-9._\-]{4,}")
_IN_URL = re.compile(
    r"(//[^/\s:@?#]{0,256}:)[^/\s\"'?#]{1,4096}(?=@)"
    r"|([?&;#][\w.-]{0,32}?(?:pass|pwd|token|key|secret|sig|auth|credential|jwt)[\w.-]{0,32}=)[^&;\s\"']{1,4096}",
    re.IGNORECASE,
)
_KEPT = "[redacted]"
LONGEST_FIELD = 2_000
"""Characters of one field in the log; a longer field is cut."""
_HIDDEN = (0x2028, 0x2029, 0xFEFF, *map(ord, DIRECTION_MARKS))
_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_HIDDEN)}
_ESCAPED_TEXT = _ESCAPED | {code: f"\\x{code:02x}" for code in range(0x20)} | {9: "\\t", 10: "\\n", 13: "\\r"}
"""Control characters, line ends and marks of direction: a terminal obeys them, and a line end begins a forged line."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without anything that looks like a token, and without the given secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _KEPT)
    return _IN_URL.sub(rf"\1\2{_KEPT}", _SECRETS.sub(rf"\1{_KEPT}", text))


def printable(text: str) -> str:
    """`text` on one line, in printable characters: a terminal obeys others."""
    return text.translate(_ESCAPED_TEXT)


class _Redactor:
    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = redact(value, self._secrets)
        return event


class _Escaper:
    """Writes every field on one line, in printable characters."""

    def __init__(self, table: Mapping[int, str]) -> None:
        self._table = table

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if key == "exception":
                event[key] = "\n".join("    " + line.translate(self._table) for line in str(value).split("\n"))
            elif isinstance(value, str):
                event[key] = self._shown(value)
            elif not (key.startswith("_") or isinstance(value, int | float | bool | None)):
                event[key] = self._shown(repr(value))
        return event

    def _shown(self, text: str) -> str:
        cut = text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]} ... ({len(text)} characters)"
        return cut.translate(self._table)


def place_context(place: Place) -> AbstractContextManager[None]:
    """Have every line that is logged within, and by the tasks that it starts, name the thread."""
    return structlog.contextvars.bound_contextvars(place=place.key, platform=place.platform)


def turn_context(turn: Turn) -> AbstractContextManager[None]:
    """The same, with the turn of a question."""
    place = turn.ask.place
    return structlog.contextvars.bound_contextvars(turn=turn.id, place=place.key, platform=place.platform)


def configure(style: str, secrets: Iterable[str] = (), *, level: int = logging.INFO) -> None:
    """Send structlog and the libraries' own logging to standard error, as text or JSON lines.

    Libraries log from WARNING on: their INFO lines can hold URLs with secrets.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Redactor(secrets),
        _Escaper(_ESCAPED if style == "json" else _ESCAPED_TEXT),
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
