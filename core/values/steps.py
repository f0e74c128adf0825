"""The steps of a turn, in the order in which they end. A closed union: `match` on a `Step` names every kind.

The first step is a round of the model. Behind a round with tool calls an approval may be asked and answered; then the
calls begin, and their results follow as they end. Once each call has one, the next round follows. A round without calls
is the last step. The end of the turn is its state in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from core.values.deltas import EndReason, Usage
from core.values.parts import Opaque, Text, ToolCall, ToolResult


@dataclass(frozen=True, slots=True)
class ModelRound:
    """One answer of the model, whole. `model` is its name in the catalog; `usage` has its price."""

    parts: tuple[Text | ToolCall | Opaque, ...]
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
class ToolsBegun:
    """The calls of the last round begin to run. `writing` are the ids of those that may change something: where the
    program ends before their results are stored, their outcome is unknown."""

    writing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolResults:
    """Results of calls of the last round, as they ended."""

    results: tuple[ToolResult, ...]

    @property
    def pictures(self) -> int:
        return sum(result.image is not None for result in self.results)

    def without_pictures(self) -> ToolResults:
        return ToolResults(tuple(replace(result, image=None) for result in self.results))


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A person decides whether these calls of the last round run. It ends the run.

    `digests` are the SHA-256 digests of the calls' canonical arguments, in hexadecimal. `approvers`: people
    beside the asker who may decide, as `platform:id`. `reading`: all of the calls only read, so that they may
    be allowed for the whole thread (`Tool.grantable`). It can't be approved after `expires_at`.
    """

    calls: tuple[ToolCall, ...]
    digests: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    reading: bool = False
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        """A key that no other request of its turn has, also after a restart: 16 hexadecimal digits."""
        until = self.expires_at.timestamp() if self.expires_at else 0
        asked = "\n".join((*(call.id for call in self.calls), *self.digests, str(until)))
        return sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools, each once."""
        return tuple(dict.fromkeys(call.name for call in self.calls))

    def expired(self, now: datetime) -> bool:
        """True if it is too late to approve it."""
        return self.expires_at is not None and now >= self.expires_at


class Decision(StrEnum):
    """The outcome of an approval."""

    ANSWERED = "answered"
    EXPIRED = "expired"
    """No answer came in time: the turn ends."""
    SUPERSEDED = "superseded"
    """The asker went on with another message: the turn ends."""
    WITHDRAWN = "withdrawn"
    """The question or the request was deleted, its place was closed, or the answer was stopped: the turn ends."""
    EDITED = "edited"
    """The question was edited: it is answered anew, without the steps so far."""


@dataclass(frozen=True, slots=True)
class ApprovalAnswered:
    """`approved` are the ids of the calls that may run; the others that were asked about may not. `by` is the id of the
    person who answered."""

    approved: tuple[str, ...]
    by: str = ""
    decision: Decision = Decision.ANSWERED


Step = ModelRound | ToolsBegun | ToolResults | ApprovalAsked | ApprovalAnswered


def pending_calls(steps: Sequence[Step]) -> tuple[ToolCall, ...]:
    """The calls of the last round that have no result."""
    done: set[str] = set()
    for step in reversed(steps):
        match step:
            case ToolResults(results):
                done |= {result.call_id for result in results}
            case ModelRound():
                return tuple(call for call in step.calls if call.id not in done)
    return ()
