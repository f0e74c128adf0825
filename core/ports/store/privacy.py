"""Feedback on answers, and the stored data of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.values.conversation import ThreadMessage
from core.values.places import Place


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's opinion of an answer. `value` is 1 or -1."""

    person: str
    value: int
    reason: str
    at: datetime


class PrivacyStore(Protocol):
    """People's opinions of answers, and the stored data of a person."""

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        """Store a person's opinion of an answer in place of their last one. An empty reason keeps the last reason.

        Returns False where there is no such turn.
        """
        ...

    async def feedback(self, turn_id: int) -> list[Feedback]: ...

    async def forget_thread(self, place: Place, at: datetime) -> int:
        """Remove a thread's messages with their uploads and its turns' texts, and reset the thread.

        Returns the number of messages. Reports on its platform lose the names and the words of people.

        Turns that have not ended are stopped: later checkpoints and ends of theirs are not stored.
        """
        ...

    async def forget_person(self, platform: str, team: str, person: str, at: datetime) -> int:
        """Remove a person's messages with their uploads, the answers, the texts and name in their turns, and their
        feedback.

        Messages sent before `at` are not stored any more: neither their messages, nor quotes of them in the
        messages of others. Only `at` and a hash of their id are kept for that.

        Reports in all channels lose the names and the words of people: it is not known whose they are.

        In one team, or in all teams of the platform where `team` is empty. Their usage stays, without their id. Returns
        the number of their messages. Turns that have not ended are stopped, as in `forget_thread`.
        """
        ...

    async def messages_by_person(
        self, platform: str, team: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        """The newest messages of a person and the answers to them, oldest first. Empty `team`: in all teams."""
        ...
