"""What the core asks of the tools that a model may call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.values.conversation import Turn
from core.values.steps import ApprovalAsked, Step, ToolResults


class Tools(Protocol):
    """Runs the tool calls of a model."""

    async def run(self, turn: Turn, steps: Sequence[Step]) -> ToolResults | ApprovalAsked:
        """A result for each call of the last round in `steps`, or the calls that a person has to approve first.

        The last of `steps` is that round, or the `ApprovalAnswered` behind it. Called again with the same steps where
        the program ended before the outcome was stored. The failure of a tool is a result that says so. Cancelled
        where the turn is interrupted. Raises BotError, which ends the turn.
        """
        ...
