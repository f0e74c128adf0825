"""The decisions of people about tool calls."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.ports.store.settings import Change
from core.values.conversation import Turn
from core.values.places import Place
from core.values.steps import ApprovalAsked
from core.values.tools import ToolGrant


class ToolStore(Protocol):
    """The decisions of people about tool calls."""

    async def asking_turns(self, place: Place | None = None) -> list[tuple[Turn, ApprovalAsked]]:
        """The ASKING turns of a thread, or of all, in the order they came, each with its request."""
        ...

    async def tool_grants(self, place: Place) -> list[ToolGrant]:
        """The tools that may run unasked in a thread."""
        ...

    async def grant_tool(self, place: Place, grant: ToolGrant, at: datetime) -> None: ...

    async def record(self, change: Change) -> None:
        """Add an entry to the audit that changes no setting: a decision about a call, or a call that may write.

        Its `name` is `tool:` with the tool's name; `new` is the decision, or the outcome of the call.
        """
        ...
