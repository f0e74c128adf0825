"""The protocol of a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.errors import BotError, Code
from core.values.conversation import Message
from core.values.deltas import Delta
from core.values.model_accounts import ModelAccount
from core.values.tools import Tool
from core.values.usage import LastUsage


@dataclass(frozen=True, slots=True)
class CountedPrompt:
    """The tokens that the endpoint of `model` counted for the beginning of the same messages.

    `answer_tokens` is our own estimate of the answer that `usage` ended in; None where it is not among the messages.
    """

    model: str
    usage: LastUsage
    answer_tokens: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """One completion. Fields that are None are not sent.

    `messages` are the whole conversation, oldest first, behind at most one system message. They are fitted into the
    window of each model that is asked: the oldest are left out, the last one never, and the first `notes` behind the
    system message only after all others. `joined`: all but the system message are sent as one message, joined by line
    feeds. `steps` are the rounds of the answer so far with the results of their tool calls: they are sent behind
    `messages`, and are left out only in whole rounds, the oldest first. `tools` are offered to the model; it must not
    call any where `may_call` is False.

    `model` is a name of the catalog, or one that the first endpoint may know. The catalog's other models are
    tried where it is not available. In the queue of an account people (`asker`; where it is empty, the place)
    alternate, and then their places (`fair_key`). `priced`: only models whose prices are known today are asked.
    `account`: the model account of the workspace, which alone is asked.
    """

    messages: tuple[Message, ...]
    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    fair_key: str = ""
    asker: str = ""
    joined: bool = False
    counted: CountedPrompt | None = None
    steps: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    may_call: bool = True
    priced: bool = False
    notes: int = 0
    account: ModelAccount | None = None


@dataclass(frozen=True, slots=True)
class ModelLookup:
    """The answer to the question whether the endpoint has a model: None where its list can't be had. `near`: the names
    that are most like an unknown one, the nearest first."""

    known: bool | None
    near: tuple[str, ...] = ()


FindModel = Callable[[str], Awaitable[ModelLookup]]
"""Looks up the name of a model at the endpoint that would be asked for it. It raises nothing, and takes 2 s at most."""


class ModelObserver(Protocol):
    """Learns how models do, for the people who run the bot. Every call returns at once."""

    def count(self, name: str, **labels: str) -> None:
        """Count one event of the metric `name`."""
        ...

    def report_failure(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        """`what` fails and needs an operator. `places`: where its settings are (`Route.places`)."""
        ...

    def report_recovery(self, *whats: str) -> None:
        """The subjects `whats` work again."""
        ...

    def is_reported(self, what: str, code: Code) -> bool:
        """True if an alert that `what` fails with `code` has reached the operators."""
        ...


class SilentObserver:
    """A `ModelObserver` for what is no model of the operator's, or is reported in another way."""

    def count(self, name: str, **labels: str) -> None:
        return

    def report_failure(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        return

    def report_recovery(self, *whats: str) -> None:
        return

    def is_reported(self, what: str, code: Code) -> bool:
        return False


class Model(Protocol):
    """Answers requests, word by word."""

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Deltas of one answer: `ModelSelected` before the first text, `Ended` as the last one. Closing the iterator
        closes the connection at once.

        Raises ModelError. Text that was yielded before the error remains valid.
        """
        ...
