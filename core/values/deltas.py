"""The stream of a model: the deltas of one answer, and its usage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.values.parts import Image, Opaque, Text, ToolCall
from core.values.prices import Prices


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counted them, or `estimated` where it did not.

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`. `cost_micros`: millionths of
    a currency unit, None where unknown; in a `Delta` it is the cost that the endpoint reports, in millionths of a US
    dollar. `partly_priced`: it is the cost of a part, and that of the rest is unknown. `sound_s`: seconds of sound that
    were transcribed, where the endpoint counts them in place of tokens.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_micros: int | None = None
    cached_tokens: int = 0
    partly_priced: bool = False
    sound_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of the catalog. `name` is the operator's; endpoints may have other names for it.

    `images`: whether the model sees pictures, None where unknown. `tools`: whether the model takes them, None where
    unknown. `reported_cost`: the cost that its endpoint reports counts in place of the prices. `own_account`: it is
    that of a workspace's own model account, whose prices nobody can set: limits in money count what its endpoint
    reports, and refuse nothing for want of a price.
    """

    name: str
    context_tokens: int = 128_000
    prices: tuple[Prices, ...] = ()
    images: bool | None = None
    tools: bool | None = None
    reported_cost: bool = True
    own_account: bool = False

    def prices_on(self, day: date) -> Prices:
        """The prices on `day` (UTC): the newest that hold by then."""
        held = (prices for prices in self.prices if prices.since <= day)
        return max(held, key=lambda prices: prices.since, default=Prices())

    def is_priced(self, day: date) -> bool:
        """True if the prices of input and output are known on `day` (UTC), or need not be."""
        prices = self.prices_on(day)
        return self.own_account or (prices.input is not None and prices.output is not None)

    def is_input_priced(self, day: date) -> bool:
        """True if the price of what the model reads is known on `day` (UTC): an embedding model writes nothing."""
        return self.prices_on(day).input is not None

    def is_sound_priced(self, day: date) -> bool:
        """True if the price of transcripts by this model is known on `day` (UTC), by the minute or in tokens."""
        return self.prices_on(day).minute is not None or self.is_priced(day)


@dataclass(frozen=True, slots=True)
class ModelSelected:
    """The model that is asked now. Another may follow until the first text.

    `prompt_tokens` is our own estimate of the messages that it is given. `unseen`: the pictures of the request that it
    is not given, oldest first. `model_info.images` is False where that is because it does not see pictures. `pictures`:
    the number that it is given. It is asked once the next delta is awaited, unless its work is `over`: its `Charged`
    follows.
    """

    model_info: ModelInfo
    prompt_tokens: int
    unseen: tuple[Image, ...] = ()
    pictures: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class DescriptionsBegin:
    """So many `pictures` are described for a model that does not see them, each by one of `model_infos` with at most
    `max_tokens`. These are asked once the next delta is awaited."""

    model_infos: tuple[ModelInfo, ...]
    pictures: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class ImagesRefused:
    """Pictures of the request that the endpoint of the selected model refuses, though the model sees others. They are
    `unseen`, and should not be part of later requests."""

    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits for other questions. `over`: the wait has ended."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning. It is never shown as the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of the arguments of a tool call, as it is written. The whole call follows at the end."""

    text: str


class ChargeKind(StrEnum):
    """The work that a model was asked for."""

    ANSWER = "answer"
    TRANSCRIPTION = "transcription"
    """Writing down a voice clip."""
    DESCRIPTION = "description"
    """Describing a picture for a model that does not see it."""
    SUMMARY = "summary"
    """Summing up the beginning of a long thread."""
    EMBEDDING = "embedding"
    """Making the vector of a question."""


@dataclass(frozen=True, slots=True)
class Charged:
    """The usage of a try that gave no answer, or of other work for it; another try may follow.

    None where the endpoint wrote text and did not count it. A try that was refused before the model read anything has
    no `Charged`.
    """

    usage: Usage | None
    kind: ChargeKind = ChargeKind.ANSWER


class EndReason(StrEnum):
    """The reason for which a model ended its answer."""

    STOP = "stop"
    LENGTH = "length"
    TOOLS = "tools"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Ended:
    """The model's own end of its answer. Without it an answer is not whole."""

    reason: EndReason
    usage: Usage | None = None
    model: str = ""


Delta = (
    ModelSelected
    | DescriptionsBegin
    | ImagesRefused
    | Queued
    | Text
    | Thinking
    | CallPiece
    | ToolCall
    | Opaque
    | Charged
    | Ended
)
