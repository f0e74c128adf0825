"""What the core asks of its store. Each docstring is a contract that tests/contract holds every store to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.values.conversation import Ask, History, Task, ThreadMessage, Turn, TurnState
from core.values.deltas import Usage
from core.values.events import Deleted, Edited
from core.values.places import Person, Place
from core.values.ui import Button


@dataclass(frozen=True, slots=True)
class Finish:
    """How a turn ended, stored in one transaction with its answer's line in the thread and its usage.

    `estimate_tokens` is our own estimate of the prompt that `usage` counts; None where it counts none, or those of
    several tries. `first_word_s`: seconds from the turn's begin to the model's first word, None where none came; it is
    logged, not stored.
    """

    turn: Turn
    state: TurnState
    text: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    posted: tuple[str, ...] = ()
    error: str = ""
    ref: str = ""
    model: str = ""
    usage: Usage | None = None
    estimate_tokens: int | None = None
    latency_ms: int = 0
    first_word_s: float | None = None


@dataclass(frozen=True, slots=True)
class AnswerFooter:
    """What stands under an answer once its turn has ended: under the words of the line `message_id`, or alone, where
    no word came and there is no such line. `question` is the message it answers, `at` the time of that."""

    message_id: str
    question: str
    at: datetime
    notice: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class LastUsage:
    """The last stored usage: the anchor from which the next prompt's length is reckoned.

    `anchor` is the question's message id; `estimate_tokens` is what our own estimate of that prompt was.
    """

    anchor: str
    prompt_tokens: int
    completion_tokens: int
    estimate_tokens: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a prompt is made of: the thread's newest lines up to the question's own, oldest first.

    `filled`: the thread was read to its beginning, so nothing older is missing.
    """

    lines: tuple[ThreadMessage, ...]
    filled: bool
    spent: LastUsage | None


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Usage over a period: of one channel, or of everything."""

    questions: int = 0
    people: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Thread:
    """A place as a list of threads shows it."""

    place: Place
    title: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The settings that people have changed, by name, as text: of the workspace, and of one of its channels."""

    workspace: Mapping[str, str]
    channel: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit: what of a channel (or of the workspace, `place.channel` empty) was changed by whom.
    None: nothing of its own."""

    place: Place
    name: str
    old: str | None
    new: str | None
    by: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one person thinks of an answer: `value` is 1 or -1."""

    person: str
    value: int
    reason: str
    at: datetime


PROCESS = "process"


"""Stands for the program itself where the store keeps until when a platform was heard."""


class Store(Protocol):
    """The house's memory. Every method is one transaction and raises StoreError when the database fails."""

    async def accept(self, ask: Ask) -> Turn | None:
        """Store the ask as a waiting turn and as a line of its thread, and join the place; None if it is
        stored already. Durable when it returns."""
        ...

    async def hold(self, ask: Ask) -> Turn | None:
        """Store the ask as a HELD turn, not as a line of its thread, and do not join the place. The same turn again
        while it is held; None where the ask is stored as anything else. Durable when it returns."""
        ...

    async def admit(self, turn_id: int, author: Person) -> Turn | None:
        """Have a HELD turn wait for its answer, asked by `author`: from now on as if `accept` had stored it. None where
        it is not held any more."""
        ...

    async def discard(self, turn_id: int) -> None:
        """Remove a HELD turn with its words."""
        ...

    async def held_turns(self) -> list[Turn]:
        """Oldest first. What their authors are (`guest`, `external`) is not known."""
        ...

    async def note(self, ask: Ask) -> bool:
        """Store the ask as a line of its thread only. False if it was there already, or was said before the thread's
        context began afresh: heard late, it is not wanted any more."""
        ...

    async def joined(self, place: Place) -> bool:
        """Has a turn ever been accepted there?"""
        ...

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        """The conversation that the bot's own message `message_id` in `place`'s channel belongs to."""
        ...

    async def edit(self, edited: Edited) -> bool:
        """Change a line, or the question of a HELD turn. False where it is not ours to know."""
        ...

    async def delete(self, deleted: Deleted) -> bool:
        """Remove a line, or a HELD turn. False where it is not ours to know."""
        ...

    async def import_history(self, place: Place, history: History) -> None:
        """Merge what a platform could read into the thread; a line that is known already stays as it is.
        A complete history is never asked for again."""
        ...

    async def filled(self, place: Place) -> bool: ...

    async def lines(self, place: Place, until: Ask | None = None, limit: int = 400) -> list[ThreadMessage]:
        """The newest `limit` lines of a thread, oldest first, none later than `until`'s own, and with `until` none
        from before the thread's context began afresh. An answer stands directly behind its question."""
        ...

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        """`lines`, `filled` and `last_usage` of the ask's place in one go: the model waits for it."""
        ...

    async def active_threads(self, platform: str, since: datetime, limit: int = 500) -> list[Place]:
        """The joined places of a platform in which something was said since then, the newest first."""
        ...

    async def watermark(self, platform: str) -> datetime | None:
        """Until when everything said on the platform is known to have come in. None: nobody listened yet."""
        ...

    async def advance_watermark(self, platform: str, until: datetime) -> None:
        """Move that moment on; never back."""
        ...

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        """The newest threads of a team, newest first."""
        ...

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        """Turns that are waiting or were running when their process died, in the order they came."""
        ...

    async def turn(self, turn_id: int) -> Turn | None: ...

    async def recover(self, still_since: datetime) -> None:
        """Call once at the start, before any turn begins: what was running waits again.

        A turn that may have ended the last process counts one of `deaths`: the only open one, if it was running, or,
        where the process gave no sign of life (`advance_watermark(PROCESS, ...)`) since `still_since`, the first
        running one of
        each place.
        """
        ...

    async def give_back(self) -> None:
        """Call at an orderly end: what is still running waits for the next process, and counts no death."""
        ...

    async def retry_turn(self, turn_id: int, task: Task) -> Turn | None:
        """A new waiting turn for the question of an ended one: answer it anew, or go on with its answer.
        None where it has not ended, is unknown, or this has been asked for already."""
        ...

    async def begin(self, turn_id: int) -> Turn:
        """Take a turn up: RUNNING, attempt + 1. Raises StoreError, not retryable, where it has ended."""
        ...

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        """Partial texts and message ids (turn id, text, posted) of all live answers, in one transaction."""
        ...

    async def finish(self, finish: Finish) -> None:
        """End a turn. Doing it twice changes nothing."""
        ...

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        """What stands under the answers of a thread, by its newest `limit` ended turns, oldest first. Left out: what
        has neither notice nor buttons, was taken up again (`again`), or forgotten."""
        ...

    async def digests(self, place: Place, since: datetime) -> list[Ask]:
        """The summaries and alerts asked for since then that were posted in a channel, oldest first."""
        ...

    async def last_usage(self, place: Place, model: str) -> LastUsage | None: ...

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        """Of everything, of one channel, of a whole workspace (`channel.channel` empty); of one person there."""
        ...

    async def stored_settings(self, place: Place) -> StoredSettings:
        """The settings that count in `place`'s channel."""
        ...

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        """The settings that people have changed for whole workspaces of a platform, by the workspace's id."""
        ...

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        """Set these settings of `place`'s channel, or of its workspace (`place.channel` empty); None takes one away.
        What was different before is returned, and written to the audit in the same transaction."""
        ...

    async def overrides(self, platform: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        """The channels of a platform in which the setting `name` has a value of their own, and what it is."""
        ...

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        """The newest changes of a channel and of its workspace, newest first."""
        ...

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        """Keep what a person thinks of an answer, over what they thought before. An empty reason leaves theirs.
        False where there is no such turn."""
        ...

    async def feedback(self, turn_id: int) -> list[Feedback]: ...

    async def mark_once(self, key: str) -> bool:
        """True the first time that anybody asks with this key, ever."""
        ...

    async def reset(self, place: Place, at: datetime) -> None:
        """The thread's context begins afresh at `at`: what was said before stays, and is no longer read."""
        ...

    async def forget_thread(self, place: Place, at: datetime) -> int:
        """Remove a thread's lines and its turns' texts, and begin its context afresh. How many lines went.
        Turns that have not ended are stopped by that: no checkpoint or finish of theirs is taken any more."""
        ...

    async def forget_person(self, platform: str, person: str) -> int:
        """Remove a person's lines with the answers to them, the texts and the name in their turns and what they
        thought of answers; their usage stays, as nobody's. How many lines of theirs went. Turns that have not ended
        are stopped by that, as above."""
        ...

    async def messages_by_person(
        self, platform: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        """The newest lines of a person and the answers to them, oldest first."""
        ...

    async def close(self) -> None: ...
