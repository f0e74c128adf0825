"""What a model streams back: the deltas of one answer, and what it used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counted them, or estimated where it did not say. Cost in millionths of a unit."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model is, as an operator wrote it down. `name` is the house's own, whatever endpoints call it.

    Prices are for a million tokens, None where they are not known. `images` and `tools`: it takes them.
    """

    name: str
    context_tokens: int = 128_000
    price_input: float | None = None
    price_output: float | None = None
    images: bool = False
    tools: bool = False


@dataclass(frozen=True, slots=True)
class ModelSelected:
    """Which model is asked now. Another may follow while no word has come."""

    model_info: ModelInfo


@dataclass(frozen=True, slots=True)
class Queued:
    """No place is free: other questions come first. `over`: now it is asked."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning: a sign of life, never shown as the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool called. `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Charged:
    """What a try that gave no answer has used, though another may follow: as the endpoint counted, or None where it
    wrote words and did not count them. A try that was refused before the model read anything has none."""

    usage: Usage | None


class EndReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOLS = "tools"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Ended:
    """The model's own end of its answer: nothing else makes an answer whole."""

    reason: EndReason
    usage: Usage | None = None
    model: str = ""


Delta = ModelSelected | Queued | Text | Thinking | ToolCall | Charged | Ended
