"""The steps of a turn, in the order in which they end. A closed union: `match` on a `Step` names every kind.

The first step is a round of the model. The results of its tool calls, or an approval asked and answered and then the
results, come between it and the next round. A round without calls is the last step. The end of the turn is its state in
the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.values.deltas import EndReason, Usage
from core.values.parts import Text, ToolCall, ToolResult


@dataclass(frozen=True, slots=True)
class ModelRound:
    """One answer of the model, whole. `model` is its name in the catalog; `usage` has its price."""

    parts: tuple[Text | ToolCall, ...]
    reason: EndReason = EndReason.STOP
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class ToolResults:
    """The results of all calls of the last round."""

    results: tuple[ToolResult, ...]


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A person decides whether these calls of the last round run. It ends the run."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class ApprovalAnswered:
    """`approved` are the ids of the calls that may run; the others that were asked about may not."""

    approved: tuple[str, ...]


Step = ModelRound | ToolResults | ApprovalAsked | ApprovalAnswered
