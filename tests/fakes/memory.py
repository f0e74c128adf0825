"""The store port over dicts: complete, in memory, gone with the process. For tests that are not about SQL.

Set `failing` to have every call raise StoreError, as a database that is away would.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo

from core.clock import Clock, SystemClock
from core.errors import StoreError
from core.memory.citations import OPINIONS
from core.memory.ranking import Scorer, WordCounts, source_words
from core.ports.files import FileContent
from core.ports.store.privacy import Feedback
from core.ports.store.requests import REQUESTS_KEPT
from core.ports.store.settings import Change
from core.ports.store.summaries import SummaryEnd
from core.ports.store.threads import PROCESS, Context, Thread
from core.ports.store.turns import MANY_ATTEMPTS, taken_over_attempts
from core.spend.budgets import charged_at, payer_of, spent_of
from core.spend.prices import merged as merged_charges
from core.spend.prices import total
from core.values.budgets import (
    Balance,
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetDecision,
    Payer,
    Spent,
    forgotten_payer,
    payer_name,
)
from core.values.conversation import (
    Ask,
    History,
    LinePosition,
    ThreadMessage,
    Turn,
    TurnState,
    announcement,
)
from core.values.deltas import ChargeKind, Usage
from core.values.events import Deleted, Edited
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.memory import EarlierAnswer, QuestionVector, SourceOpinion, SourceQuestion, SourceScope, Vector
from core.values.operation import CountName, OperationCount, OperationFigures
from core.values.parts import Attached, File, Text
from core.values.places import Person, Place, message_key
from core.values.report import ReportFigures
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound, Step, ToolResults
from core.values.summaries import (
    BEGINNING,
    StretchSummary,
    SummaryFailure,
    SummaryProgress,
    ThreadSummary,
    covering,
)
from core.values.tasks import (
    Alert,
    AnswerQuestion,
    BudgetReached,
    ContinueAnswer,
    EmbedQuestions,
    RelateThreads,
    RemoveSources,
    ReportScope,
    ReportUsage,
    Task,
    UpdateAlert,
)
from core.values.tools import ToolGrant
from core.values.turn_ends import MOST_ANNOUNCEMENTS, Announcement, AnswerFooter, Finish
from core.values.usage import Charge, LastUsage, RatedAnswer, SummaryTotals, UsageField, UsageGroup, UsageTotals
from storage.attached import changed, merged, with_file, without_quotes_of
from storage.deleted import DeletedMessages
from storage.forgotten import FORGOTTEN_USER, ForgottenPeople, Message, former_name, names_of
from tests.fakes.memory_accounts import MemoryModelAccounts
from tests.fakes.memory_budgets import MemoryBudgets
from tests.fakes.memory_failures import MemoryFailures, refusal
from tests.fakes.memory_installations import MemoryInstallations
from tests.fakes.memory_overview import MemoryOverview
from tests.fakes.memory_reports import (
    ReportedData,
    UsedAnswer,
    errors,
    groups,
    latencies,
    summary_totals,
    totals_of,
    within,
)
from tests.fakes.memory_threads import (
    NEVER,
    StoredThread,
    is_of,
    line_of,
    rank,
    storable,
    storable_value,
)

_OPEN = (TurnState.WAITING, TurnState.RUNNING)
_NOT_ENDED = (*_OPEN, TurnState.HELD, TurnState.ASKING)


def _numbers(vector: Vector) -> list[float]:
    return list(array("f", vector.values))


class MemoryStore(MemoryInstallations, MemoryModelAccounts, MemoryOverview):
    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self._charged: dict[int, datetime] = {}
        """The times at which the ended turns are charged."""
        self._budgets = MemoryBudgets()
        self._failures = MemoryFailures(lambda turn_id: self._turns.get(turn_id), self._retry_of)
        self._talks: dict[str, StoredThread] = {}
        self._turns: dict[int, Turn] = {}
        self._ids: dict[str, int] = {}
        self._posts: dict[tuple[str, str], int] = {}
        self._steps: dict[int, list[Step]] = {}
        self._offered: dict[int, list[int]] = {}
        self._finishes: dict[int, Finish] = {}
        self._charges: dict[int, dict[tuple[ChargeKind, str], Charge]] = {}
        self._runs: dict[int, Finish] = {}
        """The end of the last run of each turn: ASKING, or its own end."""
        self._heard: dict[tuple[str, str], datetime] = {}
        self._grants: list[tuple[Place, ToolGrant]] = []
        self._granted: dict[tuple[str, str, str], datetime] = {}
        self._feedback: dict[tuple[int, str], Feedback] = {}
        self._opinions: dict[tuple[int, int, str], int] = {}  # by turn, source and person
        self._once: set[str] = set()
        self._requests: dict[str, datetime] = {}
        self._uploads: dict[tuple[str, str], dict[str, tuple[datetime, FileContent]]] = {}
        self._announced: set[tuple[str, str]] = set()
        """The messages of announcements that have pictures."""
        self._announcements: dict[int, tuple[datetime, Finish]] = {}
        """The ends of announcements, by turn."""
        self._unnamed: set[int] = set()
        """The turns of reports that were being posted when somebody was forgotten."""
        self._counts: list[OperationCount] = []
        self._last_id = 0
        self._sources: dict[int, list[str]] = {}
        """The words of the turns that answer a question as it is now."""
        self._vectors: dict[int, Vector] = {}
        self._nobodys: dict[int, str] = {}
        """The names under which the usage of forgotten people stays, by turn."""
        self._forgotten = ForgottenPeople()
        self._deleted = DeletedMessages()

    def _remaining(self, place: Place, said: Message) -> Message | None:
        return None if self._deleted.has(place, said.id) else self._forgotten.remaining(place, said)

    async def accept(self, ask: Ask, started_at: datetime | None = None) -> Turn | None:
        self._work()
        kept = self._remaining(ask.place, ask)
        if kept is None or ask.key in self._ids:
            return None
        ask = kept
        turn = Turn(self._next_id(), ask, started_at=started_at)
        self._turns[turn.id] = turn
        self._ids[ask.key] = turn.id
        self._charges[turn.id] = {(one.kind, one.model): one for one in ask.charges}
        if ask.charges:
            spent = spent_of(total(one.usage for one in ask.charges))
            self._budgets.pause(turn.id, _payer(turn), spent, charged_at(turn, ask.at))
        if not ask.announces:
            talk = self._talk(ask.place)
            talk.join(ask.at)
            talk.add(line_of(ask))
        return turn

    async def hold(self, ask: Ask) -> Turn | None:
        self._work()
        known = self._asked(ask.place, ask.id)
        if known is not None:
            return known if known.state is TurnState.HELD else None
        kept = self._remaining(ask.place, ask)
        if kept is None:
            return None
        ask = kept
        turn = Turn(self._next_id(), ask, TurnState.HELD)
        self._turns[turn.id] = turn
        self._ids[ask.key] = turn.id
        return turn

    async def admit(self, turn_id: int, author: Person, started_at: datetime | None = None) -> Turn | None:
        self._work()
        turn = self._turns.get(turn_id)
        if turn is None or turn.state is not TurnState.HELD:
            return None
        del self._turns[turn_id], self._ids[turn.ask.key]
        ask = replace(turn.ask, author=replace(author, id=turn.ask.author.id))
        self._turns[turn_id] = admitted = Turn(turn_id, ask, started_at=started_at)
        self._ids[ask.key] = turn_id
        talk = self._talk(ask.place)
        talk.join(ask.at)
        talk.add(line_of(ask))
        return admitted

    async def discard(self, turn_id: int) -> None:
        self._work()
        self._discard(self._turns.get(turn_id))

    async def held_turns(self) -> list[Turn]:
        self._work()
        held = [turn for turn in self._turns.values() if turn.state is TurnState.HELD]
        return [
            replace(turn, ask=replace(turn.ask, author=replace(turn.ask.author, guest=None, external=None)))
            for turn in held
        ]

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _asked(self, place: Place, message_id: str) -> Turn | None:
        return self._turns.get(self._ids.get(message_key(place, message_id), 0))

    def _discard(self, turn: Turn | None) -> bool:
        if turn is None or turn.state is not TurnState.HELD:
            return False
        del self._turns[turn.id], self._ids[turn.ask.key]
        return True

    async def note(self, ask: Ask) -> bool:
        self._work()
        talk, kept = self._talk(ask.place), self._remaining(ask.place, ask)
        return kept is not None and ask.at >= talk.since and talk.add(line_of(kept))

    async def joined(self, place: Place) -> bool:
        self._work()
        talk = self._talks.get(place.key)
        return talk is not None and talk.joined

    async def joined_at(self, place: Place) -> datetime | None:
        self._work()
        talk = self._talks.get(place.key)
        return None if talk is None else talk.joined_at

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        self._work()
        turn_id = self._posts.get((place.channel_key, message_id))
        return self._turns[turn_id].ask.place if turn_id else None

    async def edit(self, edited: Edited) -> bool:
        self._work()
        for talk in self._holding(edited.place, edited.message_id):
            entry = talk.lines[edited.message_id]
            if not entry.mine:
                attached = changed(entry.attached, storable_value(edited.attached))
                now = replace(entry, text=storable(edited.text), attached=attached)
                if now.text != entry.text:
                    self._drop_sources(edited.place, entry.id)
                talk.lines[entry.id] = self._forgotten.remaining(talk.place, now) or entry
                return talk.lines[entry.id] != entry
        held = self._asked(edited.place, edited.message_id)
        if held is None or held.state is not TurnState.HELD:
            return False
        attached = storable_value(edited.attached)
        ask = replace(held.ask, text=storable(edited.text), attached=attached)
        self._turns[held.id] = replace(held, ask=ask)
        return True

    async def add_attached(self, place: Place, message_id: str, attached: Sequence[Attached]) -> bool:
        self._work()
        held = self._asked(place, message_id)
        if held is not None and held.state is TurnState.HELD:
            ask = replace(held.ask, attached=merged(held.ask.attached, attached))
            self._turns[held.id] = replace(held, ask=ask)
            return ask != held.ask
        talks = [talk for talk in self._holding(place, message_id) if not talk.lines[message_id].mine]
        return bool(
            sum(
                self._attach(talk, message_id, merged(talk.lines[message_id].attached, attached))
                for talk in talks
            )
        )

    async def put_file(self, place: Place, message_id: str, file: File) -> None:
        self._work()
        for talk in self._holding(place, message_id):
            self._attach(talk, message_id, with_file(talk.lines[message_id].attached, file))

    @staticmethod
    def _attach(talk: StoredThread, message_id: str, attached: tuple[Attached, ...]) -> bool:
        before = talk.lines[message_id]
        after = replace(before, attached=storable_value(attached))
        talk.lines[message_id] = after
        return after != before

    async def put_uploads(
        self,
        place: Place,
        message_id: str,
        at: datetime,
        content: Mapping[str, FileContent],
        turn_id: int | None = None,
    ) -> None:
        self._work()
        if turn_id is not None and self._turns[turn_id].state not in _OPEN:
            return
        if turn_id is not None and self._turns[turn_id].ask.announces:
            self._announced.add((place.channel_key, message_id))
        stored = self._uploads.setdefault((place.channel_key, message_id), {})
        for source, one in content.items():
            stored.setdefault(source, (at, replace(one, name=storable(one.name))))

    async def upload(self, place: Place, message_id: str, source: str) -> FileContent | None:
        self._work()
        stored = self._uploads.get((place.channel_key, message_id), {}).get(source)
        return stored[1] if stored else None

    async def discard_uploads(self, place: Place, message_id: str) -> None:
        self._work()
        if not self._holding(place, message_id):
            self._drop_uploads(place, message_id)

    def _drop_uploads(self, place: Place, message_id: str) -> None:
        self._uploads.pop((place.channel_key, message_id), None)

    async def expire_uploads(self, before: datetime, announced_before: datetime | None = None) -> int:
        self._work()
        announced = min(before, announced_before or before)
        old = [
            (message, source)
            for message, stored in self._uploads.items()
            for source, (at, _) in stored.items()
            if at < (announced if message in self._announced else before)
        ]
        for message, source in old:
            del self._uploads[message][source]
        return len(old) + sum(self._expire_pictures(turn_id, before) for turn_id in self._steps)

    def _expire_pictures(self, turn_id: int, before: datetime) -> int:
        if self._turns[turn_id].ask.at >= before:
            return 0
        stored = self._steps[turn_id]
        self._steps[turn_id] = [
            step.without_pictures() if isinstance(step, ToolResults) else step for step in stored
        ]
        return sum(step.pictures for step in stored if isinstance(step, ToolResults))

    async def delete(self, deleted: Deleted) -> bool:
        self._work()
        self._deleted.add(deleted.place, deleted.message_id)
        self._drop_uploads(deleted.place, deleted.message_id)
        for talk in self._holding(deleted.place, deleted.message_id):
            del talk.lines[deleted.message_id]
            return True
        return self._discard(self._asked(deleted.place, deleted.message_id))

    async def import_history(self, place: Place, history: History) -> None:
        self._work()
        talk = self._talk(place)
        for entry in history.entries:
            kept = self._remaining(place, entry)
            if kept is not None and not (entry.mine and (place.channel_key, entry.id) in self._posts):
                talk.add(kept)
        talk.filled = talk.filled or history.complete

    async def filled(self, place: Place) -> bool:
        self._work()
        talk = self._talks.get(place.key)
        return talk is not None and talk.filled

    async def lines(
        self, place: Place, until: Ask | None = None, limit: int = 400, before: datetime | None = None
    ) -> list[ThreadMessage]:
        self._work()
        talk = self._talks.get(place.key)
        if talk is None:
            return []
        entries = talk.ordered()
        if until is not None:
            since = talk.since if talk.since <= until.at else NEVER
            entries = [entry for entry in entries if rank(entry) <= rank(line_of(until)) and entry.at >= since]
        return [entry for entry in entries if before is None or entry.at < before][-limit:]

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        lines = await self.lines(ask.place, ask, 1_000_000)
        spent, talk = await self.last_usage(ask.place, model), self._talk(ask.place)
        found: tuple[ThreadSummary, ...] = ()
        if ask.author.may_read:
            found = covering(talk.valid_summaries(), line_of(ask).position)
            spans = [one.span for one in found]
            lines = [line for line in lines if not any(one.after < line.position <= one.until for one in spans)]
        after = found[-1].until if found else BEGINNING
        void = [line for line in lines if line.position <= after][-limit:]
        newest = [line for line in lines if line.position > after][-limit:]
        return Context((*void, *newest), await self.filled(ask.place), spent, found)

    async def summary_progress(self, place: Place) -> SummaryProgress:
        self._work()
        talk = self._talk(place)
        known = talk.valid_summaries()
        voids = sorted(talk.voids, key=lambda one: one.span.until)
        return SummaryProgress(tuple(known), tuple(voids), tuple(talk.failures))

    async def oldest_lines(
        self,
        place: Place,
        after: LinePosition = BEGINNING,
        limit: int = 400,
        until: LinePosition | None = None,
    ) -> list[ThreadMessage]:
        self._work()
        lines = self._talk(place).behind(after)
        return [one for one in lines if until is None or one.position <= until][:limit]

    async def finish_summary(self, finish: Finish, end: SummaryEnd | None) -> bool:
        self._work()
        turn = self._turns[finish.turn.id]
        talk = self._talk(turn.ask.place)
        opened = turn.state in _OPEN
        if opened:
            self._turns[turn.id] = replace(turn, state=finish.state)
            self._fail(finish)
        if finish.usage is not None:
            self._finishes[turn.id] = finish
            self._charge(finish)
            self._put_charges(finish)
        else:
            self._budgets.end(turn.id, _payer(turn), Spent(), self._clock.now())
        if opened and isinstance(end, SummaryFailure):
            talk.failures.append(end)
        if not opened or end is None or isinstance(end, SummaryFailure):
            return False
        known, new = talk.valid_summaries(), end.summary
        if isinstance(end, StretchSummary):
            free = not any(not one.level and one.span.overlaps(new.span) for one in known)
            stored = free and tuple(talk.within(new.span)) == end.stretch
        else:
            stored = set(end.parts) <= set(known)
        if stored:
            talk.put_summary(new)
        return stored

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        self._work()
        found = [
            (lines[-1].at, talk.place)
            for talk in self._talks.values()
            if talk.joined and is_of(talk.place, platform, team) and (lines := talk.ordered())
        ]
        newest = sorted((pair for pair in found if pair[0] >= since), key=lambda pair: pair[0], reverse=True)
        return [place for _, place in newest][:limit]

    async def watermark(self, platform: str, team: str) -> datetime | None:
        self._work()
        return self._heard.get((platform, team))

    async def advance_watermark(self, platform: str, team: str, until: datetime) -> None:
        self._work()
        self._heard[platform, team] = max(until, self._heard.get((platform, team), until))

    async def adopt(self, platform: str, team: str, former: Sequence[str]) -> None:
        """Do nothing: it holds no rows of earlier versions."""
        self._work()

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        self._work()
        found = [
            Thread(talk.place, talk.title(), talk.at)
            for talk in self._talks.values()
            if talk.joined and talk.lines and (talk.place.platform, talk.place.team) == (platform, team)
        ]
        return sorted(found, key=lambda thread: thread.at, reverse=True)[:limit]

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        self._work()
        return [turn for turn in self._turns.values() if turn.id > after_id and turn.state in _OPEN]

    async def alerts(self, place: Place, since: datetime) -> list[tuple[Alert, datetime]]:
        self._work()
        posted = [turn.ask for turn in self._turns.values() if turn.state is TurnState.DONE]
        here = [
            ask
            for ask in posted
            if is_of(ask.place, place.platform, place.team or ask.place.team)
            and (place.team or (place.platform, ask.place.team) in self._heard)
            and ask.place.channel == place.channel
            and ask.at >= since
        ]
        return [(ask.task, ask.at) for ask in here if isinstance(ask.task, Alert)]

    async def announcements(
        self, place: Place, since: datetime, limit: int = MOST_ANNOUNCEMENTS
    ) -> list[Announcement]:
        self._work()
        there = [turn for turn in self._turns.values() if self._is_announced_at(turn, place)]
        updates = {
            task.turn_id: (task, turn.ask.text)
            for turn in there
            if isinstance(task := turn.ask.task, UpdateAlert)
        }
        found = []
        for turn in there:
            at, finish = self._announcements.get(turn.id, (NEVER, None))
            if finish is None or not turn.posted or at < since or not (turn.text or finish.notice):
                continue
            stored = self._uploads.get((place.channel_key, turn.posted[0]), {})
            files = tuple(
                File(one.name, one.media_type, size=len(one.data), source=source)
                for source, (_, one) in sorted(stored.items())
            )
            shown = Announcement(turn.id, turn.posted[0], at, turn.text, finish.notice, finish.buttons, files)
            found.append(shown.updated(*updates[turn.id]) if turn.id in updates else shown)
        return sorted(found, key=lambda one: (one.at, one.turn_id))[-limit:]

    @staticmethod
    def _is_announced_at(turn: Turn, place: Place) -> bool:
        asked = turn.ask.place
        here = (asked.platform, asked.channel, asked.thread) == (place.platform, place.channel, "")
        return turn.ask.announces and here and asked.team in (place.team, "")

    def _forget_words(self, place: Place | None = None) -> None:
        """Remove the names and the words of people from the reports, those of a platform or all."""
        self._unnamed |= {turn.id for turn in self._turns.values() if turn.state in _OPEN}
        for turn_id, (_, finish) in self._announcements.items():
            turn = self._turns[turn_id]
            here = place is None or turn.ask.place.platform == place.platform
            if here and isinstance(turn.ask.task, ReportUsage):
                text = "" if finish.anonymous is None else finish.captioned(finish.anonymous)
                self._turns[turn_id] = replace(turn, text=text)

    async def last_report(self, place: Place, scope: ReportScope, period: str) -> datetime | None:
        self._work()
        there = (turn.ask for turn in self._turns.values() if turn.ask.place.channel_key == place.channel_key)
        ends = [
            ask.task.until
            for ask in there
            if isinstance(ask.task, ReportUsage)
            and (ask.task.scope, ask.task.period) == (scope, period)
            and ask.task.until <= ask.at
        ]
        return max(ends, default=None)

    async def turn(self, turn_id: int) -> Turn | None:
        self._work()
        return self._turns.get(turn_id)

    async def turn_of(self, place: Place, ask_id: str) -> Turn | None:
        self._work()
        there = (turn for turn in self._turns.values() if turn.ask.place.channel_key == place.channel_key)
        return next((turn for turn in there if turn.ask.id == ask_id and turn.again_of is None), None)

    async def retry_turn(self, turn_id: int, task: Task, by: Person | None = None) -> Turn | None:
        self._work()
        before = self._turns.get(turn_id)
        done_already = any(turn.again_of == turn_id for turn in self._turns.values())
        if before is None or before.state in (*_OPEN, TurnState.HELD, TurnState.ASKING) or done_already:
            return None
        asker = before.ask.author
        asker = replace(asker, may_read=asker.may_read and (by is None or by.may_read))
        turn = Turn(
            self._next_id(),
            replace(before.ask, author=asker, task=task),
            again_of=turn_id,
            started_by=None if by is None or by.id == asker.id else Person(by.id, by.name),
            started_at=self._clock.now(),
        )
        self._turns[turn.id] = turn
        if isinstance(task, ContinueAnswer):
            self._offered[turn.id] = list(self._offered.get(turn_id, ()))
        return turn

    def _retry_of(self, turn_id: int) -> int | None:
        return next((turn.id for turn in self._turns.values() if turn.again_of == turn_id), None)

    async def record_failure(self, failure: Failure, at: datetime, place: Place | None = None) -> None:
        self._work()
        self._failures.record(failure, at, place)

    async def failures(
        self, limit: int = 20, before: int | None = None, only: FailureKind | None = None
    ) -> list[StoredFailure]:
        self._work()
        return self._failures.newest(limit, before, only)

    async def failures_of(self, ref: str) -> list[StoredFailure]:
        self._work()
        return self._failures.of_ref(ref)

    async def retry_failed(self, turn_id: int) -> Turn | RetryRefusal:
        self._work()
        task = refusal(self._turns.get(turn_id))
        if isinstance(task, RetryRefusal):
            return task
        return await self.retry_turn(turn_id, task) or RetryRefusal.RETRIED

    async def charge_asker(self, turn_id: int) -> None:
        self._work()
        if self._turns[turn_id].state in _OPEN:
            self._turns[turn_id] = replace(self._turns[turn_id], started_by=None)
            self._nobodys.pop(turn_id, None)

    async def recover(
        self,
        still_since: datetime,
        owned: Callable[[Place], bool] = lambda _: True,
        running_here: Collection[int] = (),
        *,
        taken_over: bool = False,
    ) -> None:
        opened = sorted(await self.open_turns(), key=lambda turn: (turn.ask.at, turn.id))
        left = [turn for turn in opened if owned(turn.ask.place) and turn.id not in running_here]
        running = [turn for turn in left if turn.state is TurnState.RUNNING]
        first = {turn.ask.place.key: turn for turn in reversed(running)}.values()
        alive = self._heard.get((PROCESS, ""))
        stood_still = alive is not None and alive < still_since
        for turn in running:
            self._turns[turn.id] = replace(turn, state=TurnState.WAITING)
        self._budgets.release({turn.id for turn in left})
        for one in first:
            alone = not taken_over and (stood_still or len(opened) == 1)
            if alone or one.attempt >= (taken_over_attempts(one.deaths) if taken_over else MANY_ATTEMPTS):
                turn = self._turns[one.id]
                self._turns[one.id] = replace(turn, deaths=turn.deaths + 1)

    async def give_back(self) -> None:
        self._work()
        for turn in list(self._turns.values()):
            if turn.state is TurnState.RUNNING:
                self._turns[turn.id] = replace(turn, state=TurnState.WAITING)

    async def begin(self, turn_id: int, epoch: int = 0, *, in_order: bool = False) -> Turn:
        self._work()
        turn = self._turns.get(turn_id)
        if turn is None or turn.state not in _OPEN:
            raise StoreError(f"no open turn {turn_id}", retryable=False)
        if in_order:
            here = [one for one in await self.open_turns() if one.ask.place.key == turn.ask.place.key]
            first = min(here, key=lambda one: (one.ask.in_background, one.ask.at, one.id))
            if first.id != turn_id:
                return first
        self._turns[turn_id] = replace(turn, state=TurnState.RUNNING, attempt=turn.attempt + 1)
        return self._turns[turn_id]

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        self._work()
        for turn_id, text, posted in turns:
            if self._turns[turn_id].state in _OPEN:
                self._turns[turn_id] = replace(self._turns[turn_id], text=text, posted=posted)
                self._post(turn_id, posted)

    def _fail(self, finish: Finish) -> None:
        if finish.failure is not None:
            self._failures.add(finish.failure, self._clock.now(), finish.turn.id)

    async def finish(self, finish: Finish) -> bool:
        self._work()
        turn, asked = self._turns[finish.turn.id], finish.asked if finish.state is TurnState.ASKING else None
        taken_steps = self._steps.get(turn.id, [])
        if asked is not None and len(taken_steps) > asked[0]:
            return False
        if turn.state not in _OPEN:
            if finish.state is TurnState.ASKING:
                charges = merged_charges((*finish.charges, *finish.of_steps))
                finish = replace(finish, state=TurnState.STOPPED, charges=charges)
            if not turn.ask.announces:
                taken = replace(finish, turn=turn, text="", notice="", buttons=())
                if self._finishes.setdefault(turn.id, taken) is taken:
                    self._put_charges(finish)
                self._charge(finish)
                line_id = finish.posted[0] if finish.posted else f"turn-{turn.id}"
                await self.discard_uploads(turn.ask.place, line_id)
            return False
        if asked is not None:
            self._steps[turn.id] = [*taken_steps, asked[1]]
            self._turns[turn.id] = replace(turn, state=finish.state, text=finish.text, posted=finish.posted)
            self._post(turn.id, finish.posted)
            self._runs[turn.id] = finish
            self._put_charges(finish)
            spent, at = spent_of(finish.usage or Usage()), charged_at(turn, self._clock.now())
            self._budgets.pause(turn.id, _payer(turn), spent, at)
            return True
        ask, started_by = replace(turn.ask, interaction_token=""), turn.started_by
        if isinstance(ask.task, RelateThreads):
            ask = replace(ask, text="", attached=())
        if started_by is not None:
            started_by = replace(started_by, id=payer_name(started_by.id))
        unnamed = turn.id in self._unnamed and finish.anonymous is not None
        text = finish.captioned(finish.anonymous or "" if unnamed else finish.text)
        self._turns[turn.id] = replace(
            turn, ask=ask, state=finish.state, text=text, posted=finish.posted, started_by=started_by
        )
        self._fail(finish)
        if ask.announces:
            self._announcements[turn.id] = (self._clock.now(), finish)
            return True
        self._post(turn.id, finish.posted)
        self._finishes[turn.id] = self._runs[turn.id] = finish
        self._charge(finish)
        self._put_charges(finish)
        if finish.text.strip():
            message_id = finish.posted[0] if finish.posted else f"turn-{turn.id}"
            answer = ThreadMessage(
                message_id,
                Person("", bot=True),
                finish.text,
                ask.at,
                mine=True,
                anchor=ask.id,
                attached=finish.attached,
            )
            talk = self._talk(ask.place)
            if turn.again_of is not None and not isinstance(ask.task, ContinueAnswer):
                self._drop_sources(ask.place, ask.id)
                for key in [key for key, line in talk.lines.items() if line.anchor == ask.id]:
                    self._drop_uploads(ask.place, key)
                    del talk.lines[key]
            talk.lines.pop(message_id, None)  # the entry of a platform's history
            talk.add(answer)
            answers = finish.state is TurnState.DONE and isinstance(ask.task, AnswerQuestion)
            if answers and finish.indexed and not ask.author.bot and ask.id in talk.lines:
                self._sources[turn.id] = source_words(talk.lines[ask.id].text, answer.text)
                if finish.meaning is not None:
                    self._put_vector(turn.id, finish.meaning)
        return True

    def _charge(self, finish: Finish) -> None:
        """Keep the usage of an answer, once."""
        turn = finish.turn
        if turn.id not in self._charged:
            self._charged[turn.id] = at = charged_at(turn, self._clock.now())
            self._budgets.end(turn.id, _payer(turn), spent_of(finish.usage or Usage()), at)

    def _charge_unrun(self, turn: Turn) -> None:
        """Keep the usage so far of a turn that waits for an approval, or for its next run."""
        rounds = [step for step in self._steps.get(turn.id, []) if isinstance(step, ModelRound)]
        spent = [
            *self._charges.get(turn.id, {}).values(),
            *(Charge(ChargeKind.ANSWER, one.model, one.usage) for one in rounds),
        ]
        if turn.state in (TurnState.ASKING, TurnState.WAITING) and spent:
            usage, model = total(one.usage for one in spent), spent[-1].model
            end = Finish(turn, TurnState.STOPPED, model=model, usage=usage, charges=merged_charges(spent))
            self._finishes[turn.id] = end
            self._charge(end)
            self._put_charges(end)

    def _drop_sources(self, place: Place, question: str) -> None:
        for turn_id in list(self._sources):
            ask = self._turns[turn_id].ask
            if ask.place.channel_key == place.channel_key and ask.id == question:
                del self._sources[turn_id]

    async def remove_sources_of(self, place: Place) -> None:
        self._work()
        for turn_id in list(self._sources):
            here = self._turns[turn_id].ask.place
            if here.channel_key == place.channel_key and place.thread in ("", here.thread):
                del self._sources[turn_id]

    def _source(self, turn_id: int, scope: SourceScope) -> EarlierAnswer | None:
        """The indexed turn, where the scope allows it, as its thread is now."""
        turn = self._turns[turn_id]
        ask, talk = turn.ask, self._talk(turn.ask.place)
        question = talk.lines.get(ask.id)
        answer = talk.lines.get(turn.posted[0] if turn.posted else f"turn-{turn.id}")
        allowed = (
            (ask.place.platform, ask.place.team) == (scope.platform, scope.team)
            and ask.place.channel in scope.channels
            and (not ask.place.direct or ask.place.channel == scope.but.channel)
            and (ask.place.channel, ask.place.thread) != (scope.but.channel, scope.but.thread)
            and ask.at >= talk.since
            and not any(given.value < 0 for (one, _), given in self._feedback.items() if one == turn_id)
        )
        if question is None or answer is None or not allowed:
            return None
        asker = Person(ask.author.id, ask.author.name, ask.author.locale)
        return EarlierAnswer(
            turn_id, ask.place, ask.id, asker, ask.at, question.text, answer.text, "".join(turn.posted[:1])
        )

    async def earlier_answers(
        self, scope: SourceScope, words: Sequence[str], limit: int, least: float = 0.0
    ) -> list[EarlierAnswer]:
        self._work()
        having = Counter(word.lstrip("?") for found in self._sources.values() for word in found)
        scorer = Scorer(WordCounts(len(self._sources), having).weights(words))
        matches = {turn_id: scorer.match(found) for turn_id, found in self._sources.items()}
        best: dict[str, EarlierAnswer] = {}
        for turn_id in sorted(matches, key=lambda one: (matches[one].score, one), reverse=True):
            match = matches[turn_id]
            if match.score and match.shared >= least and (answer := self._source(turn_id, scope)) is not None:
                best.setdefault(answer.place.key, answer)
        return list(best.values())[:limit]

    async def answers_of(self, scope: SourceScope, turn_ids: Collection[int]) -> list[EarlierAnswer]:
        self._work()
        ids = sorted(set(turn_ids) & self._sources.keys())
        return [answer for one in ids if (answer := self._source(one, scope)) is not None]

    def _put_vector(self, turn_id: int, new: QuestionVector) -> bool:
        ask = self._turns[turn_id].ask
        question = self._talk(ask.place).lines.get(ask.id)
        same = turn_id in self._sources and question is not None and question.text == storable(new.question)
        if same:
            self._vectors[turn_id] = new.vector
        return same

    async def similar_answers(self, scope: SourceScope, vector: Vector, limit: int) -> list[EarlierAnswer]:
        self._work()
        comparable = {
            turn_id: sum(a * b for a, b in zip(_numbers(one), _numbers(vector), strict=True))
            for turn_id, one in self._vectors.items()
            if turn_id in self._sources and (one.model, one.dimension) == (vector.model, vector.dimension)
        }
        best: dict[str, EarlierAnswer] = {}
        for turn_id in sorted(comparable, key=lambda one: (comparable[one], one), reverse=True):
            if (answer := self._source(turn_id, scope)) is not None:
                best.setdefault(answer.place.key, answer)
        return list(best.values())[:limit]

    async def unembedded(
        self, model: str, below: int, limit: int, dimension: int | None = None
    ) -> tuple[int, list[SourceQuestion]]:
        self._work()
        wanted = [(turn_id, one) for turn_id, one in self._vectors.items() if one.model == model]
        made = {turn_id for turn_id, one in wanted if dimension in (None, one.dimension)}
        left = [one for one in sorted(self._sources.keys() - made, reverse=True) if not below or one < below]
        found = []
        for turn_id in left[:limit]:
            place = self._turns[turn_id].ask.place
            elsewhere = replace(place, thread="another")
            within = SourceScope(place.platform, place.team, frozenset({place.channel}), elsewhere)
            if (source := self._source(turn_id, within)) is not None:
                found.append(SourceQuestion(turn_id, place, source.question))
        return min(left[:limit], default=0), found

    async def put_vectors(self, place: Place, vectors: Mapping[int, QuestionVector], charge: Charge) -> int:
        now = self._clock.now()
        turn = await self.accept(
            announcement(f"embed:{min(vectors, default=0)}:{now.timestamp()}", place, EmbedQuestions(), now)
        )
        if turn is not None:
            self._turns[turn.id] = replace(turn, state=TurnState.DONE)
            end = Finish(turn, TurnState.DONE, model=charge.model, usage=charge.usage, charges=(charge,))
            self._finishes[turn.id] = end
            self._charge(end)
            self._put_charges(end)
        return sum(self._put_vector(turn_id, one) for turn_id, one in vectors.items())

    async def vector_dimensions(self, model: str, limit: int = 50) -> list[int]:
        self._work()
        newest = sorted(self._vectors.items(), reverse=True)
        return [one.dimension for _, one in newest if one.model == model][:limit]

    async def source_channels(self, platform: str, team: str) -> list[str]:
        self._work()
        places = (self._turns[turn_id].ask.place for turn_id in self._sources)
        return sorted({place.channel for place in places if is_of(place, platform, team)})

    async def source_teams(self, platform: str) -> list[str]:
        self._work()
        places = (self._turns[turn_id].ask.place for turn_id in self._sources)
        return sorted({place.team for place in places if place.platform == platform})

    async def remove_sources(self, platform: str, limit: int) -> bool:
        self._work()
        some = [id_ for id_ in self._sources if self._turns[id_].ask.place.platform == platform][:limit]
        for id_ in some:
            del self._sources[id_]
        return bool(some)

    async def index_answers(self, limit: int) -> bool:
        self._work()
        return False

    async def balances(self, accounts: Sequence[BudgetAccount], person: str) -> list[Balance]:
        self._work()
        return self._budgets.balances(accounts, self._sum)

    async def open_accounts(self, at: datetime) -> list[tuple[BudgetAccount, Balance]]:
        self._work()
        return self._budgets.open_at(at)

    async def lifted(self, accounts: Sequence[BudgetAccount]) -> list[Balance]:
        self._work()
        return self._budgets.lifted(accounts)

    async def reserve(self, claim: BudgetClaim, person: str, budgets: Sequence[Budget]) -> BudgetDecision:
        self._work()
        opened = {turn.id for turn in self._turns.values() if turn.state in _OPEN}
        if claim.moved and claim.turn_id in opened:
            self._turns[claim.turn_id] = replace(self._turns[claim.turn_id], started_at=claim.at)
        return self._budgets.reserve(claim, budgets, self._sum, opened)

    async def lift(self, budget: Budget, lifts: int, change: Change) -> bool:
        self._work()
        lifted = self._budgets.lift(budget, lifts)
        self._audit += [change] if lifted else []
        return lifted

    async def expire_spending(self, before: datetime) -> int:
        self._work()
        return self._budgets.expire(before)

    def _sum(self, account: BudgetAccount) -> Spent:
        used = (
            spent_of(finish.usage or Usage())
            for turn_id, finish in self._finishes.items()
            if account.counts(_payer(finish.turn), self._charged[turn_id])
        )
        return sum(used, Spent())

    async def steps(self, turn_id: int) -> list[Step]:
        self._work()
        stored, finish = self._steps.get(turn_id, []), self._finishes.get(turn_id)
        text = self._turns[turn_id].text if finish is not None else ""
        return stored or ([ModelRound((Text(text),))] if text else [])

    async def put_steps(self, turn_id: int, number: int, steps: Sequence[Step]) -> None:
        self._work()
        if self._turns[turn_id].state in _OPEN:
            new = [storable_value(step) for step in steps]
            self._steps[turn_id] = [*self._steps.get(turn_id, [])[:number], *new]

    async def resume(
        self,
        turn_id: int,
        answer: ApprovalAnswered,
        changes: Sequence[Change] = (),
        grants: Sequence[ToolGrant] = (),
    ) -> Turn | None:
        self._work()
        turn = self._turns.get(turn_id)
        if turn is None or turn.state is not TurnState.ASKING:
            return None
        self._steps[turn_id] = [*self._steps[turn_id], answer]
        self._turns[turn_id] = replace(turn, state=TurnState.WAITING)
        self._audit += changes
        for grant in grants:
            await self.grant_tool(turn.ask.place, grant, turn.ask.at)
        return self._turns[turn_id]

    async def asking_turns(self, place: Place | None = None) -> list[tuple[Turn, ApprovalAsked]]:
        self._work()
        return [
            (turn, last)
            for turn in self._turns.values()
            if turn.state is TurnState.ASKING and (place is None or turn.ask.place.key == place.key)
            for last in self._steps[turn.id][-1:]
            if isinstance(last, ApprovalAsked)
        ]

    async def tool_grants(self, place: Place) -> list[ToolGrant]:
        self._work()
        here = [grant for there, grant in self._grants if there.key == place.key]
        return sorted(here, key=lambda grant: (grant.tool, grant.person))

    async def grant_tool(self, place: Place, grant: ToolGrant, at: datetime) -> None:
        self._work()
        here = {(one.tool, one.person) for one in await self.tool_grants(place)}
        if (grant.tool, grant.person) not in here:
            self._grants.append((place, grant))
            self._granted[place.key, grant.tool, grant.person] = at

    async def record(self, change: Change) -> None:
        self._work()
        self._audit.append(change)

    async def quoting_turns(self, place: Place, message_id: str, left: Collection[str] = ()) -> list[Turn]:
        self._work()
        return [
            self._turns[turn_id]
            for turn_id, run in sorted(self._runs.items())
            if run.turn.ask.place.channel_key == place.channel_key and self._turns[turn_id].state not in _OPEN
            if any(message == message_id and source not in left for message, source in run.quoted)
        ]

    async def offer_sources(self, turn_id: int, sources: Sequence[int]) -> list[int]:
        self._work()
        offered = self._offered.get(turn_id, [])
        if turn_id in self._turns and self._turns[turn_id].state in _OPEN:
            offered = self._offered[turn_id] = list(dict.fromkeys((*offered, *sources)))[:99]
        return list(offered)

    async def uncite_message(self, place: Place, message_id: str, at: datetime) -> list[Turn]:
        anchors = {
            line.anchor or line.id
            for talk in self._holding(place, message_id)
            for line in [talk.lines[message_id]]
        }
        return await self._uncite(
            lambda turn: turn.ask.place.channel_key == place.channel_key and turn.ask.id in anchors, at
        )

    async def uncite_thread(self, place: Place, at: datetime) -> list[Turn]:
        return await self._uncite(lambda turn: turn.ask.place.key == place.key, at)

    async def uncite_person(self, platform: str, team: str, person: str, at: datetime) -> list[Turn]:
        return await self._uncite(
            lambda turn: is_of(turn.ask.place, platform, team) and turn.ask.author.id == person, at
        )

    async def _uncite(self, which: Callable[[Turn], bool], at: datetime) -> list[Turn]:
        self._work()
        gone = {turn.id for turn in self._turns.values() if which(turn)}
        accepted = []
        for turn_id, run in sorted(self._runs.items()):
            left = tuple(one for one in run.cited if one[1] not in gone)
            if left == run.cited:
                continue
            buttons = tuple(one for one in run.buttons if left or one.action not in OPINIONS)
            self._runs[turn_id] = self._finishes[turn_id] = replace(run, cited=left, buttons=buttons)
            turn = self._turns[turn_id]
            if turn.posted:
                key = f"uncite-{turn_id}-{at.timestamp()}"
                new = await self.accept(announcement(key, turn.ask.place, RemoveSources(turn_id), at))
                accepted += [new] if new is not None else []
        return accepted

    async def offered_sources(self, turn_id: int) -> list[int]:
        self._work()
        return list(self._offered.get(turn_id, ()))

    async def withdraw_sources(self, turn_id: int) -> None:
        self._work()
        if self._turns[turn_id].state in _OPEN:
            self._offered.pop(turn_id, None)

    async def answer_footer(self, turn_id: int) -> AnswerFooter | None:
        self._work()
        run = self._runs.get(turn_id)
        if run is None or self._turns[turn_id].state in _OPEN or not (run.notice or run.buttons or run.cited):
            return None
        return _footer(run)

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        self._work()
        again = {turn.again_of for turn in self._turns.values()}
        ended = [
            one
            for _, one in sorted(self._finishes.items())
            if one.turn.ask.place.key == place.key and not one.turn.ask.in_background
        ]
        return [
            _footer(one)
            for one in ended[-limit:]
            if one.turn.id not in again and (one.notice or one.buttons or one.cited)
        ]

    def _put_charges(self, finish: Finish) -> None:
        plain = len(finish.charges) == 1 and finish.charges[0].kind is ChargeKind.ANSWER
        if not plain or finish.turn.attempt > 1 or finish.state is TurnState.ASKING:
            there = self._charges.setdefault(finish.turn.id, {})
            there |= {(one.kind, one.model): one for one in finish.charges}

    async def charges(self, turn_id: int) -> list[Charge]:
        self._work()
        return [one for _, one in sorted(self._charges.get(turn_id, {}).items())]

    async def last_usage(self, place: Place, model: str) -> LastUsage | None:
        self._work()
        for _, finish in sorted(self._finishes.items(), reverse=True):
            ask, usage = finish.turn.ask, finish.usage
            if ask.place.key != place.key or finish.model != model or usage is None or usage.estimated:
                continue
            if finish.estimate_tokens:
                visible = max(0, usage.completion_tokens - usage.reasoning_tokens)
                return LastUsage(ask.id, usage.prompt_tokens, visible, finish.estimate_tokens)
        return None

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        self._work()
        return totals_of(
            (
                one
                for one in within(self._used(), channel)
                if since <= one.at < until and (not person or one.person in names_of(person))
            ),
            with_people=True,
        )

    async def summary_totals(
        self, since: datetime, until: datetime, channel: Place | None = None
    ) -> SummaryTotals:
        self._work()
        return summary_totals(one for one in within(self._used(), channel) if since <= one.at < until)

    async def report_figures(
        self,
        bars: Sequence[tuple[datetime, datetime]],
        before: tuple[datetime, datetime],
        scope: Place | None = None,
    ) -> ReportFigures:
        self._work()
        titles = {key: talk.title() for key, talk in self._talks.items()}
        data = ReportedData(self._used(), self._turns, self._feedback, titles, self.named_teams())
        return data.figures(bars, before, scope)

    async def usage_groups(
        self,
        since: datetime,
        until: datetime,
        by: Collection[UsageField],
        scope: Place | None = None,
        person: str = "",
        *,
        names: bool = False,
        zone: tzinfo = UTC,
    ) -> list[UsageGroup]:
        self._work()
        theirs = names_of(person)
        used = (one for one in self._used() if since <= one.at < until and (not person or one.person in theirs))
        return groups(within(used, scope), by, zone, names=names)

    def opinions(self) -> list[RatedAnswer]:
        return [self._rated(turn_id, one) for (turn_id, _), one in self._feedback.items()]

    async def rated_answers(self, since: datetime, until: datetime) -> list[RatedAnswer]:
        self._work()
        order = sorted(self._feedback.items(), key=lambda one: (one[1].at, *one[0]))
        return [self._rated(turn_id, one) for (turn_id, _), one in order if since <= one.at < until]

    async def add_counts(self, counts: Sequence[OperationCount]) -> None:
        self._work()
        self._counts += counts
        newest = max((one.at for one in self._counts), default=NEVER)
        self._counts = [one for one in self._counts if newest - one.at <= timedelta(days=100)]

    async def operation_figures(self, since: datetime, until: datetime) -> OperationFigures:
        self._work()
        used = [one for one in within(self._used(), None) if since <= one.at < until]
        counts = Counter[tuple[CountName, str, str]]()
        for one in self._counts:
            if since <= one.at < until:
                counts[one.name, one.what, one.why] += one.number
        return OperationFigures(
            totals_of(used),
            errors(used),
            latencies(used),
            tuple((*key, n) for key, n in sorted(counts.items())),
        )

    def _rated(self, turn_id: int, given: Feedback) -> RatedAnswer:
        ask, finish = self._turns[turn_id].ask, self._finishes.get(turn_id)
        name = ask.author.name if ask.author.id == given.person else ""
        model = finish.model if finish is not None else ""
        return RatedAnswer(
            ask.place, ask.id, model, given.person, name, given.value > 0, given.reason, given.at
        )

    def _used(self) -> list[UsedAnswer]:
        return [
            UsedAnswer(
                finish,
                "" if finish.turn.ask.in_background else self._nobodys.get(turn_id, finish.turn.payer.id),
                self._charged[turn_id],
                tuple(self._charges.get(turn_id, {}).values()),
            )
            for turn_id, finish in self._finishes.items()
        ]

    async def rate_sources(
        self, turn_id: int, sources: Sequence[int], person: str, value: int, at: datetime
    ) -> int:
        self._work()
        theirs = [key for key in self._opinions if (key[0], key[2]) == (turn_id, person)]
        before = {key[1]: self._opinions.pop(key) for key in theirs}
        if not sources or all(before.get(one) == value for one in sources):
            return 0
        self._opinions |= {(turn_id, one, person): value for one in sources}
        return value

    async def opinions_of(self, sources: Collection[int]) -> list[SourceOpinion]:
        self._work()
        found = []
        for (turn_id, source, person), value in sorted(
            self._opinions.items(), key=lambda one: _by_source(one[0])
        ):
            ask = self._turns[turn_id].ask
            line = self._talk(ask.place).lines.get(ask.id)
            if source in sources:
                found.append(SourceOpinion(source, person, value, line.text if line else ""))
        return found

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        self._work()
        if turn_id not in self._turns:
            return False
        before = self._feedback.get((turn_id, feedback.person))
        reason = feedback.reason or (before.reason if before else "")
        self._feedback[turn_id, feedback.person] = replace(feedback, reason=reason)
        return True

    async def feedback(self, turn_id: int) -> list[Feedback]:
        self._work()
        found = [feedback for (turn, _), feedback in self._feedback.items() if turn == turn_id]
        return sorted(found, key=lambda feedback: (feedback.at, feedback.person))

    async def take_request(self, key: str, at: datetime) -> bool:
        self._work()
        self._requests = {one: taken for one, taken in self._requests.items() if at - taken <= REQUESTS_KEPT}
        return self._requests.setdefault(key, at) is at

    async def give_back_request(self, key: str) -> None:
        self._work()
        self._requests.pop(key, None)

    async def use_request(self, key: str, since: datetime) -> bool:
        self._work()
        taken = self._requests.get(key)
        if taken is None or taken < since:
            return False
        del self._requests[key]
        return True

    async def mark_once(self, key: str) -> bool:
        self._work()
        known = key in self._once
        self._once.add(key)
        return not known

    async def reset(self, place: Place, at: datetime) -> None:
        self._work()
        talk = self._talk(place)
        talk.at, talk.since, talk.filled = max(talk.at, at), at, True
        talk.summaries.clear()
        talk.voids.clear()
        talk.failures.clear()

    async def forget_thread(self, place: Place, at: datetime) -> int:
        await self.reset(place, at)
        for turn in self._turns.values():
            if turn.ask.place.key == place.key:
                self._charge_unrun(turn)
                self._blank(turn)
        self._grants = [one for one in self._grants if one[0].key != place.key]
        lines = self._talk(place).lines
        self._forget_words(place)
        gone = len(lines)
        for message_id in lines:
            self._drop_uploads(place, message_id)
        lines.clear()
        return gone

    async def forget_person(self, platform: str, team: str, person: str, at: datetime) -> int:
        self._work()
        self._forgotten.add(platform, team, person, at)
        gone = 0
        self._grants = [
            (place, grant)
            for place, grant in self._grants
            if not is_of(place, platform, team) or person not in (grant.person, grant.by)
        ]
        for talk, entry in self._theirs(platform, team, person):
            self._drop_uploads(talk.place, entry.id)
            del talk.lines[entry.id]
            gone += not entry.mine
        name = f"{FORGOTTEN_USER}{len(self._nobodys)}"
        for turn in list(self._turns.values()):
            if not is_of(turn.ask.place, platform, team):
                continue
            if turn.ask.author.id == person:
                self._charge_unrun(turn)
            if turn.payer.id == person or self._nobodys.get(turn.id) == former_name(person):
                self._nobodys[turn.id] = name
            if turn.started_by is not None and turn.payer.id == person:
                goes_on = turn.state in (*_OPEN, TurnState.ASKING)
                payer = forgotten_payer(name, person) if goes_on else name
                self._turns[turn.id] = replace(turn, started_by=Person(payer))
            if turn.ask.author.id == person:
                self._blank(turn, author="")
                self._feedback.pop((turn.id, person), None)
        self._opinions = {
            key: value
            for key, value in self._opinions.items()
            if key[2] != person or not is_of(self._turns[key[0]].ask.place, platform, team)
        }
        for key in [key for key in self._feedback if key[1] in names_of(person)]:
            if is_of(self._turns[key[0]].ask.place, platform, team):
                del self._feedback[key]
        for talk in (talk for talk in self._talks.values() if is_of(talk.place, platform, team)):
            for id_, entry in talk.lines.items():
                talk.lines[id_] = replace(entry, attached=without_quotes_of(entry.attached, {person}))
        for turn_id, turn in self._turns.items():
            if is_of(turn.ask.place, platform, team):
                kept = without_quotes_of(turn.ask.attached, {person})
                self._turns[turn_id] = replace(turn, ask=replace(turn.ask, attached=kept))
        self._forget_words()
        return gone

    async def messages_by_person(
        self, platform: str, team: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        self._work()
        found = [(talk.place, entry) for talk, entry in self._theirs(platform, team, person)]
        return sorted(found, key=lambda pair: rank(pair[1]))[-limit:]

    async def channels(self, after: Place | None = None, limit: int = 500) -> list[Place]:
        self._work()
        places = [talk.place for talk in self._talks.values()] + [
            turn.ask.place for turn in self._turns.values()
        ]
        keys = sorted({(one.platform, one.team, one.channel) for one in places})
        last = ("", "", "") if after is None else (after.platform, after.team, after.channel)
        return [Place(*key) for key in keys if key > last][:limit]

    async def expire_channel(self, channel: Place, before: datetime) -> int:
        self._work()
        there = [turn for turn in self._turns.values() if turn.ask.place.channel_key == channel.channel_key]
        asked = {turn.ask.id for turn in there if turn.state in _NOT_ENDED}
        removed = self._expire_lines(channel, before, asked)
        for turn in there:
            task = turn.ask.task
            if isinstance(task, BudgetReached) and not task.expires(before):
                continue
            if turn.ask.at < before and turn.state not in _NOT_ENDED and turn.ask.author.id:
                self._expire_turn(turn)
                removed += 1
        old = [
            (place, grant)
            for place, grant in self._grants
            if place.channel_key == channel.channel_key
            and self._granted[place.key, grant.tool, grant.person] < before
        ]
        self._grants = [one for one in self._grants if one not in old]
        return removed + len(old)

    def _expire_lines(self, channel: Place, before: datetime, asked: Collection[str]) -> int:
        removed = 0
        for talk in [one for one in self._talks.values() if one.place.channel_key == channel.channel_key]:
            for id_ in [id_ for id_, line in talk.lines.items() if line.at < before and id_ not in asked]:
                self._drop_uploads(talk.place, id_)
                del talk.lines[id_]
                removed += 1
        return removed

    def _expire_turn(self, turn: Turn) -> None:
        if turn.id in self._charged:
            self._nobodys.setdefault(turn.id, former_name(turn.payer.id))
        self._blank(turn, author="")
        self._turns[turn.id] = replace(self._turns[turn.id], started_by=None)
        self._posts = {key: id_ for key, id_ in self._posts.items() if id_ != turn.id}
        for key in [key for key in self._feedback if key[0] == turn.id]:
            given = self._feedback.pop(key)
            name = former_name(given.person)
            self._feedback[turn.id, name] = replace(given, person=name, reason="")

    async def purge(self) -> None:
        """Do nothing: what is removed is gone."""
        self._work()

    async def close(self) -> None: ...

    def _theirs(self, platform: str, team: str, person: str) -> list[tuple[StoredThread, ThreadMessage]]:
        """The lines of a person, and the answers to their questions."""
        asked = {
            (turn.ask.place.channel_key, turn.ask.id)
            for turn in self._turns.values()
            if is_of(turn.ask.place, platform, team) and turn.ask.author.id == person
        }
        return [
            (talk, entry)
            for talk in self._talks.values()
            for entry in talk.lines.values()
            if is_of(talk.place, platform, team)
            and (
                (talk.place.channel_key, entry.anchor) in asked
                if entry.anchor
                else entry.author.id == person and not entry.mine
            )
        ]

    def _blank(self, turn: Turn, author: str | None = None) -> None:
        """Remove the texts and pictures of a turn and end it; with `author`, its person too."""
        self._sources.pop(turn.id, None)
        self._opinions = {key: value for key, value in self._opinions.items() if turn.id not in key[:2]}
        for message_id in turn.posted:
            self._drop_uploads(turn.ask.place, message_id)
        person = Person(turn.ask.author.id if author is None else author, bot=turn.ask.author.bot)
        if author is None:
            person = replace(person, locale=turn.ask.author.locale)
        ended = turn.state not in _NOT_ENDED
        state = turn.state if ended else TurnState.STOPPED
        ask = replace(turn.ask, text="", author=person, interaction_token="", attached=())
        self._turns[turn.id] = replace(turn, state=state, text="", ask=ask)
        self._steps.pop(turn.id, None)
        self._offered.pop(turn.id, None)
        self._failures.remove(turn.id)
        if finish := self._finishes.get(turn.id):
            self._finishes[turn.id] = replace(finish, notice="", buttons=(), quoted=(), cited=())
        if turn.id in self._announcements:
            at, announced = self._announcements[turn.id]
            self._announcements[turn.id] = (at, replace(announced, notice="", buttons=(), anonymous=None))
        self._runs.pop(turn.id, None)

    def _talk(self, place: Place) -> StoredThread:
        return self._talks.setdefault(place.key, StoredThread(place))

    def _post(self, turn_id: int, posted: tuple[str, ...]) -> None:
        ask = self._turns[turn_id].ask
        if not ask.announces:
            self._posts.update({(ask.place.channel_key, message_id): turn_id for message_id in posted})

    def _holding(self, place: Place, message_id: str) -> list[StoredThread]:
        """The talks of a channel that know the message: an event does not always name its thread."""
        return [
            talk
            for talk in self._talks.values()
            if talk.place.channel_key == place.channel_key and message_id in talk.lines
        ]


def _payer(turn: Turn) -> Payer:
    return payer_of(turn.ask.place, turn.payer.id)


def _footer(run: Finish) -> AnswerFooter:
    message_id = run.posted[0] if run.posted else f"turn-{run.turn.id}"
    return AnswerFooter(
        message_id, run.turn.ask.id, run.turn.ask.at, run.notice, run.buttons, run.cited, run.quoted
    )


def _by_source(key: tuple[int, int, str]) -> tuple[int, int, str]:
    turn_id, source, person = key
    return source, turn_id, person
