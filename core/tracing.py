"""Traces: the spans of one question, from its event to the last edit of its answer.

A small port: nothing is done until `set_tracer` gives it a tracer. Like the log it is set once for the program. Spans
follow the context of a task as the keys of the log do, and hold no words of messages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from core.errors import BotError
from core.values.conversation import Turn

Value = str | int | float | bool | Sequence[str]


class SpanKind(StrEnum):
    """The side of a call that a span is about: a question that comes in, a call that goes out, or neither."""

    CONSUMER = "consumer"
    CLIENT = "client"
    INTERNAL = "internal"


class TraceSpan(Protocol):
    """One piece of work."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""
        ...

    def end(self, error: str = "") -> None:
        """The work has ended, with this kind of error if any."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """Spans that begin within, and in the tasks that begin within, are its children."""
        ...


class Tracer(Protocol):
    """Makes spans."""

    def begin(
        self,
        name: str,
        attributes: Mapping[str, Value],
        kind: SpanKind,
        *,
        root: bool = False,
        began_ns: int | None = None,
    ) -> TraceSpan:
        """A child of the current span, or a new trace where it is a `root`; nothing where there is neither.
        `began_ns`: nanoseconds since 1970, where it has begun already."""
        ...


class _NoSpan:
    def set(self, name: str, value: Value) -> None: ...

    def end(self, error: str = "") -> None: ...

    def current(self) -> AbstractContextManager[object]:
        return nullcontext()


NO_SPAN: TraceSpan = _NoSpan()

_tracer: Tracer | None = None
_arrived_ns: ContextVar[int | None] = ContextVar("arrived_ns", default=None)


def set_tracer(tracer: Tracer | None) -> None:
    """Have spans made by `tracer`; None ends that."""
    global _tracer
    _tracer = tracer


def is_on() -> bool:
    """True if spans are made."""
    return _tracer is not None


def begin(name: str, attributes: Mapping[str, Value] = {}, kind: SpanKind = SpanKind.INTERNAL) -> TraceSpan:
    """A child of the current span, which the caller ends."""
    return NO_SPAN if _tracer is None else _tracer.begin(name, attributes, kind)


@contextmanager
def span(
    name: str, attributes: Mapping[str, Value] = {}, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[TraceSpan]:
    """A child of the current span, and the current one within. It ends with the error that is raised, if any."""
    made = begin(name, attributes, kind)
    try:
        with made.current():
            yield made
    except BaseException as error:
        made.end(kind_of(error))
        raise
    made.end()


def kind_of(error: BaseException) -> str:
    """The kind of an error, without its text, which may hold words of messages."""
    if isinstance(error, BotError):
        return str(error.code)
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__


@contextmanager
def arrival() -> Iterator[None]:
    """An event has arrived: the question that it becomes has begun now."""
    if _tracer is None or _arrived_ns.get() is not None:
        yield
        return
    token = _arrived_ns.set(time.time_ns())
    try:
        yield
    finally:
        _arrived_ns.reset(token)


class QuestionTrace:
    """The trace of a turn that is queued: a root, with spans for the way in and for the queue."""

    def __init__(self, turn: Turn) -> None:
        self._root = self._queued = NO_SPAN
        self._error = ""
        if _tracer is None:
            return
        arrived_ns, place = _arrived_ns.get(), turn.ask.place
        about: dict[str, Value] = {
            "gen_ai.conversation.id": place.key,
            "parley.platform": place.platform,
            "parley.turn": turn.id,
            "parley.task": type(turn.ask.task).__name__,
        }
        self._root = _tracer.begin("question", about, SpanKind.CONSUMER, root=True, began_ns=arrived_ns)
        with self._root.current():
            _tracer.begin("inbound", {}, SpanKind.INTERNAL, began_ns=arrived_ns).end()
            self._queued = begin("queue")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """The turn runs within; its trace ends behind it."""
        self._queued.end()
        try:
            with self._root.current():
                yield
        except BaseException as error:
            self._root.end(kind_of(error))
            raise
        self._root.end(self._error)

    def finished(self, outcome: str, error: str) -> None:
        """The answer has ended; `error` is the code of the reason why it is none."""
        self._root.set("parley.outcome", outcome)
        self._error = error

    def drop(self) -> None:
        """The turn does not run here."""
        self._queued.end("dropped")
        self._root.end("dropped")
