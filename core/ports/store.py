"""What the core asks of its store. Each docstring is a contract that tests/contract holds every store to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ports.files import FileContent
from core.values.conversation import Ask, History, ThreadMessage, Turn
from core.values.events import Deleted, Edited
from core.values.parts import Attached, File
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, ApprovalAsked, Step
from core.values.tasks import Alert, Task
from core.values.tools import ToolGrant
from core.values.turn_ends import AnswerFooter, Finish
from core.values.usage import LastUsage, UsageTotals


@dataclass(frozen=True, slots=True)
class Context:
    """The material of a prompt. `lines` are the thread's newest messages up to the question's own, oldest first.

    `filled`: the thread was read to its beginning, so nothing older is missing.
    """

    lines: tuple[ThreadMessage, ...]
    filled: bool
    spent: LastUsage | None


@dataclass(frozen=True, slots=True)
class Thread:
    """A place as a list of threads shows it.

    `title` is the beginning of its first message, or the names of the files of a message without text.
    """

    place: Place
    title: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The settings that people have changed in a workspace and in one of its channels: text by name."""

    workspace: Mapping[str, str]
    channel: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the audit: a setting of a channel, or of a workspace where `place.channel` is empty, was changed.

    None as `old` or `new` means that the place has no value of its own.
    """

    place: Place
    name: str
    old: str | None
    new: str | None
    by: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's opinion of an answer. `value` is 1 or -1."""

    person: str
    value: int
    reason: str
    at: datetime


PROCESS = "process"
"""The name under which the program itself stores its sign of life (`ThreadStore.advance_watermark`)."""


class TurnLedger(Protocol):
    """Turns, from their acceptance to their end."""

    async def accept(self, ask: Ask) -> Turn | None:
        """Store `ask` as a waiting turn and as a message of its thread, and join the place.

        Returns None if it is stored already, or was sent before its author was forgotten (`forget_person`). Durable
        when it returns.
        """
        ...

    async def hold(self, ask: Ask) -> Turn | None:
        """Store `ask` as a HELD turn, not as a message of its thread, and do not join the place.

        Returns the same turn again while it is held, and None where `ask` is stored as anything else, or was sent
        before its author was forgotten. Durable when it returns.
        """
        ...

    async def admit(self, turn_id: int, author: Person) -> Turn | None:
        """Make a HELD turn wait for its answer, asked by `author`, as if `accept` had stored it.

        Returns None where it is not held any more.
        """
        ...

    async def discard(self, turn_id: int) -> None:
        """Remove a HELD turn with its text."""
        ...

    async def held_turns(self) -> list[Turn]:
        """HELD turns, oldest first. `guest` and `external` of their authors are not stored."""
        ...

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        """Turns that wait, or were running when their process died, in the order they came."""
        ...

    async def turn(self, turn_id: int) -> Turn | None: ...

    async def recover(self, still_since: datetime) -> None:
        """Make the turns that were running wait again. Call it once at the start, before any turn begins.

        A turn that may have ended the last process gets one more of `deaths`: the only open turn, if it was running.
        Where the process gave no sign of life (`advance_watermark(PROCESS, "", ...)`) since `still_since`, it is the
        first running turn of each place.
        """
        ...

    async def give_back(self) -> None:
        """Make the turns that still run wait for the next process, without a death. Call it at an orderly end."""
        ...

    async def retry_turn(self, turn_id: int, task: Task) -> Turn | None:
        """A new waiting turn for the question of an ended one: answer it again, or continue its answer.

        Returns None where the turn has not ended, is unknown, or was retried already.
        """
        ...

    async def begin(self, turn_id: int) -> Turn:
        """Mark a turn RUNNING and count one more `attempt`. Raises StoreError, not retryable, where it has ended."""
        ...

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        """Store partial answers, each (turn id, text, message ids), in one transaction."""
        ...

    async def finish(self, finish: Finish) -> None:
        """End a turn, or in the state ASKING its run: then no usage and no message of the thread are stored yet. A
        second call changes nothing."""
        ...

    async def steps(self, turn_id: int) -> list[Step]:
        """The steps of a turn that have ended, in order. Where none was stored on its own, an ended turn has one
        round, which is its text."""
        ...

    async def put_steps(self, turn_id: int, number: int, steps: Sequence[Step]) -> None:
        """Store `steps` of an open turn from `number` on, counted from 0, in place of those from there on."""
        ...

    async def resume(
        self,
        turn_id: int,
        answer: ApprovalAnswered,
        changes: Sequence[Change] = (),
        grants: Sequence[ToolGrant] = (),
    ) -> Turn | None:
        """Store the answer to what an ASKING turn asks as its next step, and make the turn wait for its run.

        The audit gets `changes`, and the turn's thread `grants`, in the same transaction. Returns None, and stores
        nothing, where the turn does not ask any more.
        """
        ...

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        """The footers of a thread's newest `limit` ended turns, oldest first.

        Without those that have neither notice nor buttons, were retried, or were forgotten.
        """
        ...

    async def alerts(self, place: Place, since: datetime) -> list[tuple[Alert, datetime]]:
        """The alerts raised since then that were posted to a channel, with the time of each, oldest first.

        Of a place without a team: to the channel of each installation that has a watermark.
        """
        ...

    async def mark_once(self, key: str) -> bool:
        """True for the first call with this key, ever."""
        ...


class ToolStore(Protocol):
    """What people allow tools to do."""

    async def asking_turns(self, place: Place | None = None) -> list[tuple[Turn, ApprovalAsked]]:
        """The ASKING turns of a thread, or of all, in the order they came, each with what it asks."""
        ...

    async def tool_grants(self, place: Place) -> list[ToolGrant]:
        """The tools that may run unasked in a thread."""
        ...

    async def grant_tool(self, place: Place, grant: ToolGrant, at: datetime) -> None: ...

    async def record(self, change: Change) -> None:
        """Add an entry to the audit that changes no setting: a decision about a call, or a call that may write.

        Its `name` is `tool:` with the tool's name; `new` says what was decided or done.
        """
        ...


class ThreadStore(Protocol):
    """Threads, their messages, and until when platforms were listened to."""

    async def note(self, ask: Ask) -> bool:
        """Store `ask` as a message of its thread only.

        Returns False if it is stored already, or is older than the thread's last reset, or was sent before its author
        was forgotten.
        """
        ...

    async def joined(self, place: Place) -> bool:
        """Whether a turn was ever accepted there."""
        ...

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        """The conversation of the bot's own message `message_id` in `place`'s channel."""
        ...

    async def edit(self, edited: Edited) -> bool:
        """Change a message, or the question of a HELD turn. Returns whether anything is different then.

        What is stored of the content of a file stays where the message still has the file.
        """
        ...

    async def delete(self, deleted: Deleted) -> bool:
        """Remove a message with its uploads, or a HELD turn. Returns False where neither is stored."""
        ...

    async def add_attached(self, place: Place, message_id: str, attached: Sequence[Attached]) -> bool:
        """Add what is not stored yet of a message, such as its files, which came with its second delivery only.

        Returns False where the message is not stored or has all of it.
        """
        ...

    async def put_file(self, place: Place, message_id: str, file: File) -> None:
        """Store a file's text or problem with its message, in place of the file with the same `source`."""
        ...

    async def import_history(self, place: Place, history: History) -> None:
        """Merge what a platform could read into the thread. A stored message stays as it is. Messages that were sent
        before their authors were forgotten are left out.

        After a complete history `filled` is True.
        """
        ...

    async def filled(self, place: Place) -> bool: ...

    async def lines(
        self, place: Place, until: Ask | None = None, limit: int = 400, before: datetime | None = None
    ) -> list[ThreadMessage]:
        """The newest `limit` messages of a thread, oldest first. An answer follows its question directly.

        With `until`, none later than `until`'s own and none older than the thread's last reset. With `before`, none of
        that time or later.
        """
        ...

    async def search(
        self, place: Place, words: Sequence[str], limit: int = 40
    ) -> list[tuple[Place, ThreadMessage]]:
        """Messages in the other threads of `place`'s channel that have some of `words`, which are in lower case. At
        least the newest 20,000 messages are looked through.

        Those with the most of them come first, then the newest; none is older than its thread's last reset. Of ASCII
        letters the case does not matter.
        """
        ...

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        """`lines`, `filled` and `last_usage` of the ask's place in one trip."""
        ...

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        """The joined places of a team with messages since then, newest first. Empty `team`: of every team."""
        ...

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        """The newest threads of a team, newest first."""
        ...

    async def watermark(self, platform: str, team: str) -> datetime | None:
        """Until when every message of an installation is known to be stored. None before its first connection.

        `team` is the installation's id.
        """
        ...

    async def advance_watermark(self, platform: str, team: str, until: datetime) -> None:
        """Move the watermark forward. It never moves back."""
        ...

    async def adopt(self, platform: str, team: str, former: Sequence[str]) -> None:
        """Move everything stored under the ids `former` to the id `team`. What `team` has already stays as it is.

        For rows of earlier versions, which did not know the id of their installation.
        """
        ...

    async def reset(self, place: Place, at: datetime) -> None:
        """Let the thread's context begin at `at`. Older messages stay and are not read any more."""
        ...


class SettingsStore(Protocol):
    """The settings that people change, and their audit."""

    async def stored_settings(self, place: Place) -> StoredSettings:
        """The settings of `place`'s workspace and channel."""
        ...

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        """The settings of a platform's workspaces, by the workspace's id."""
        ...

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        """Set settings of `place`'s channel, or of its workspace where `place.channel` is empty. None removes one.

        Returns what was different before. The audit gets it in the same transaction.
        """
        ...

    async def overrides(self, platform: str, team: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        """The channels of a team with a value of their own for the setting `name`, and that value.

        Empty `team`: of every team.
        """
        ...

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        """The newest changes of a channel and of its workspace, newest first."""
        ...


class UsageStore(Protocol):
    """What answers used."""

    async def last_usage(self, place: Place, model: str) -> LastUsage | None: ...

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        """Totals of everything, of one channel, or of a workspace where `channel.channel` is empty; of one person."""
        ...


class PrivacyStore(Protocol):
    """People's opinions of answers, and what is stored of a person."""

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        """Store a person's opinion of an answer in place of their last one. An empty reason keeps the last reason.

        Returns False where there is no such turn.
        """
        ...

    async def feedback(self, turn_id: int) -> list[Feedback]: ...

    async def forget_thread(self, place: Place, at: datetime) -> int:
        """Remove a thread's messages with their uploads and its turns' texts, and reset the thread.

        Returns the number of messages.

        Turns that have not ended are stopped: later checkpoints and ends of theirs are not stored.
        """
        ...

    async def forget_person(self, platform: str, team: str, person: str, at: datetime) -> int:
        """Remove a person's messages with their uploads, the answers, the texts and name in their turns, and their
        feedback.

        What was sent before `at` is not stored any more: neither their messages, nor quotes of them in the messages of
        others. Only `at` and a hash of their id are kept for that.

        In one team, or in all teams of the platform where `team` is empty. Their usage stays, without their id. Returns
        the number of their messages. Turns that have not ended are stopped, as in `forget_thread`.
        """
        ...

    async def messages_by_person(
        self, platform: str, team: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        """The newest messages of a person and the answers to them, oldest first. Empty `team`: in all teams."""
        ...


class UploadStore(Protocol):
    """Small copies of the pictures of messages, for platforms that keep no files themselves."""

    async def put_uploads(
        self, place: Place, message_id: str, at: datetime, content: Mapping[str, FileContent]
    ) -> None:
        """Store the pictures of a message by `File.source`, before the message itself. Those stored stay as they
        are."""
        ...

    async def upload(self, place: Place, message_id: str, source: str) -> FileContent | None:
        """A picture of a message of `place`'s channel, or None where there is none, or none any more."""
        ...

    async def discard_uploads(self, place: Place, message_id: str) -> None:
        """Remove the pictures of a message that is not stored, since it was refused."""
        ...

    async def expire_uploads(self, before: datetime) -> int:
        """Remove all pictures that came before then. Returns how many."""
        ...


class Store(TurnLedger, ToolStore, ThreadStore, SettingsStore, UsageStore, PrivacyStore, UploadStore, Protocol):
    """The whole store. Every method is one transaction and raises StoreError when the database fails."""

    async def close(self) -> None: ...
