"""`SqlStore`: the `Store` port on a `Database`. `core.ports.store` documents each method."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.memory.ranking import source_words
from core.ports.files import FileContent
from core.ports.store.privacy import Feedback
from core.ports.store.settings import Change, StoredSettings
from core.ports.store.threads import Context, Thread
from core.values.budgets import Balance, Budget, BudgetAccount, BudgetClaim, BudgetDecision
from core.values.conversation import Ask, History, LinePosition, ThreadMessage, Turn, TurnState
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer, QuestionVector, SourceQuestion, SourceScope, Vector
from core.values.operation import OperationCount, OperationFigures
from core.values.parts import Attached, File
from core.values.places import Person, Place
from core.values.report import ReportFigures
from core.values.steps import ApprovalAnswered, ApprovalAsked, Step
from core.values.summaries import StretchSummary, SummaryFailure, SummaryProgress
from core.values.tasks import Alert, ReportScope, Task
from core.values.tools import ToolGrant
from core.values.turn_ends import MOST_ANNOUNCEMENTS, Announcement, AnswerFooter, Finish
from core.values.usage import Charge, LastUsage, RatedAnswer, SummaryTotals, UsageField, UsageGroup, UsageTotals
from storage import (
    announcements,
    answer_footers,
    budgets,
    charges,
    citations,
    exports,
    forgotten,
    heard,
    operation,
    people,
    posts,
    reports,
    retention,
    settings,
    source_search,
    source_vectors,
    sources,
    steps,
    summaries,
    teams,
    thread_list,
    threads,
    tools,
    turn_ends,
    turns,
    uploads,
    usage,
    usage_sums,
    vector_search,
)
from storage.deleted import DeletedMessages
from storage.engine import Database, Watch
from storage.forgotten import ForgottenPeople, Message
from storage.kept_vectors import KeptVectors
from storage.purging import Purging
from storage.settings_cache import SettingsCache
from storage.tables import to_us
from storage.tools import AskingThreads
from storage.word_counts import KeptWordCounts

log = structlog.get_logger()

_NOT_LOOKED_AT = 2**62
"""An id that no turn reaches."""
_FIRST_RANKED, _MORE_RANKED = 200, 8
"""Vectors of which the sources are read first, and times as many where these are not enough."""


class SqlStore:
    """The store on SQLite or PostgreSQL. Each method is one transaction, but for `forget_person`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        known: ForgottenPeople | None = None,
        *,
        counts_spending: bool = True,
    ) -> None:
        self._database = database
        self._clock = clock
        self._forgotten = known or ForgottenPeople()
        self._deleted = DeletedMessages()
        self._settings = SettingsCache(database, clock)
        self._purging = Purging(database, clock)
        self._asking = AskingThreads()
        self._balances = budgets.KeptBalances()
        self._word_counts = KeptWordCounts(database)
        self._vectors = KeptVectors(database)
        self._indexed_from = _NOT_LOOKED_AT
        """The turns from this id on have the words of today's tokenizer."""
        self._counts_spending = counts_spending
        """There may be accounts of budgets that answers have to be added to."""

    def _changing_balances(self) -> budgets.Changed | None:
        """For a transaction that changes balances: it receives them. None where there are no accounts."""
        return {} if self._counts_spending else None

    def watch(self, watch: Watch) -> None:
        """Call `watch` with the outcome of each transaction."""
        self._database.watch = watch

    def _remaining(self, place: Place, said: Message) -> Message | None:
        """The part of a message that may be stored: nothing of one that was deleted, and no words of people who were
        forgotten after it was sent."""
        return None if self._deleted.has(place, said.id) else self._forgotten.remaining(place, said)

    async def accept(self, ask: Ask, started_at: datetime | None = None) -> Turn | None:
        kept = self._remaining(ask.place, ask)
        if kept is None:
            return None
        balances = self._changing_balances() if kept.charges else None
        turn = await self._database.write(turns.accept, kept, started_at, balances)
        self._balances.put(balances or {})
        return turn

    async def hold(self, ask: Ask) -> Turn | None:
        kept = self._remaining(ask.place, ask)
        return None if kept is None else await self._database.write(turns.hold, kept)

    async def admit(self, turn_id: int, author: Person, started_at: datetime | None = None) -> Turn | None:
        return await self._database.write(turns.admit, turn_id, author, started_at)

    async def discard(self, turn_id: int) -> None:
        await self._database.write(turns.discard, turn_id)

    async def held_turns(self) -> list[Turn]:
        return await self._database.read(turns.held_turns)

    async def note(self, ask: Ask) -> bool:
        kept = self._remaining(ask.place, ask)
        return kept is not None and await self._database.write(threads.note, kept)

    async def joined(self, place: Place) -> bool:
        return await self._database.read(threads.joined, place)

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        return await self._database.read(posts.place_of_post, place, message_id)

    async def edit(self, edited: Edited) -> bool:
        changed = await self._database.write(turns.edit, edited, self._forgotten)
        self._vectors.forget_later(edited.place)
        return changed

    async def delete(self, deleted: Deleted) -> bool:
        self._deleted.add(deleted.place, deleted.message_id)
        removed = await self._database.write(turns.remove, deleted)
        self._vectors.forget_later(deleted.place)
        return removed

    async def add_attached(self, place: Place, message_id: str, attached: Sequence[Attached]) -> bool:
        return await self._database.write(turns.add_attached, place, message_id, attached)

    async def put_file(self, place: Place, message_id: str, file: File) -> None:
        await self._database.write(threads.put_file, place, message_id, file)

    async def summary_progress(self, place: Place) -> SummaryProgress:
        return await self._database.read(summaries.progress, place)

    async def oldest_lines(
        self, place: Place, after: LinePosition | None = None, limit: int = 400
    ) -> list[ThreadMessage]:
        return await self._database.read(threads.oldest_lines, place, after, limit)

    async def finish_summary(self, finish: Finish, end: StretchSummary | SummaryFailure | None) -> bool:
        now_us, balances = to_us(self._clock.now()), self._changing_balances()
        stored = await self._database.write(turn_ends.finish_summary, finish, end, now_us, balances)
        self._balances.put(balances or {})
        return stored

    async def put_uploads(
        self,
        place: Place,
        message_id: str,
        at: datetime,
        content: Mapping[str, FileContent],
        turn_id: int | None = None,
    ) -> None:
        await self._database.write(uploads.put, place, message_id, to_us(at), content, turn_id)

    async def upload(self, place: Place, message_id: str, source: str) -> FileContent | None:
        return await self._database.read(uploads.find, place, message_id, source)

    async def discard_uploads(self, place: Place, message_id: str) -> None:
        await self._database.write(uploads.discard, place, message_id)

    async def expire_uploads(self, before: datetime, announced_before: datetime | None = None) -> int:
        announced_us = to_us(before if announced_before is None else announced_before)
        return await self._database.write(uploads.expire, to_us(before), announced_us)

    async def import_history(self, place: Place, history: History) -> None:
        kept = (self._remaining(place, entry) for entry in history.entries)
        read = replace(history, entries=tuple(entry for entry in kept if entry is not None))
        await self._database.write(threads.import_history, place, read)

    async def filled(self, place: Place) -> bool:
        return await self._database.read(threads.filled, place)

    async def lines(
        self, place: Place, until: Ask | None = None, limit: int = 400, before: datetime | None = None
    ) -> list[ThreadMessage]:
        before_us = None if before is None else to_us(before)
        return await self._database.read(threads.lines, place, until, limit, before_us)

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        return await self._database.read(turns.context, ask, model, limit)

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        return await self._database.read(thread_list.active_threads, platform, team, to_us(since), limit)

    async def watermark(self, platform: str, team: str) -> datetime | None:
        return await self._database.read(heard.until, platform, team)

    async def advance_watermark(self, platform: str, team: str, until: datetime) -> None:
        await self._database.write(heard.move, platform, team, to_us(until))

    async def adopt(self, platform: str, team: str, former: Sequence[str]) -> None:
        await self._database.write(teams.adopt, platform, team, former)
        self._settings.forget()
        self._asking.forget()
        self._vectors.drop()

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        return await self._database.read(thread_list.threads, platform, team, limit)

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        return await self._database.read(turns.open_turns, after_id)

    async def alerts(self, place: Place, since: datetime) -> list[tuple[Alert, datetime]]:
        return await self._database.read(turns.alerts, place, to_us(since))

    async def announcements(
        self, place: Place, since: datetime, limit: int = MOST_ANNOUNCEMENTS
    ) -> list[Announcement]:
        return await self._database.read(announcements.announcements, place, to_us(since), limit)

    async def last_report(self, place: Place, scope: ReportScope, period: str) -> datetime | None:
        return await self._database.read(turns.last_report, place, scope, period)

    async def turn(self, turn_id: int) -> Turn | None:
        return await self._database.read(turns.turn, turn_id)

    async def turn_of(self, place: Place, ask_id: str) -> Turn | None:
        return await self._database.read(turns.turn_of_ask, place, ask_id)

    async def retry_turn(self, turn_id: int, task: Task, by: Person | None = None) -> Turn | None:
        now = self._clock.now()
        return await self._database.write(turns.retry_turn, turn_id, task, by, now)

    async def recover(self, still_since: datetime) -> None:
        await self._database.write(turns.recover, to_us(still_since))

    async def give_back(self) -> None:
        await self._database.write(turns.give_back)

    async def charge_asker(self, turn_id: int) -> None:
        await self._database.write(turns.charge_asker, turn_id)

    async def begin(self, turn_id: int) -> Turn:
        return await self._database.write(turns.begin, turn_id)

    async def checkpoint(self, turns_so_far: Sequence[turns.Checkpoint]) -> None:
        if turns_so_far:
            await self._database.write(turns.checkpoint, turns_so_far)

    async def finish(self, finish: Finish) -> bool:
        asks, now_us = finish.state is TurnState.ASKING, to_us(self._clock.now())
        balances = self._changing_balances()
        with self._asking.adding(finish.turn.ask.place) if asks else nullcontext():
            ended = await self._finish(finish, now_us, balances)
        self._balances.put(balances or {})
        place = finish.turn.ask.place
        if finish.state is TurnState.DONE:
            self._word_counts.added()
        if finish.turn.again_of is not None:
            self._vectors.forget_later(place)
        if finish.meaning is not None:
            await self._vectors.add(place, finish.meaning.vector, [finish.turn.id])
        return ended

    async def _finish(self, finish: Finish, now_us: int, balances: budgets.Changed | None) -> bool:
        """An answer that cannot be indexed ends all the same."""
        try:
            return await self._database.write(turn_ends.finish, finish, now_us, balances)
        except turn_ends.NotIndexedError as error:
            log.warning("answer_not_indexed", turn=finish.turn.id, reason=type(error.__cause__).__name__)
            return await self._database.write(turn_ends.finish, finish, now_us, balances, indexes=False)

    async def earlier_answers(
        self, scope: SourceScope, words: Sequence[str], limit: int
    ) -> list[EarlierAnswer]:
        counts = await self._word_counts.counts()
        weights = counts.weights(words)
        if not weights or not scope.channels or limit < 1:
            return []
        return await self._database.read(source_search.search, scope, counts, weights, limit)

    async def answers_of(self, scope: SourceScope, turn_ids: Collection[int]) -> list[EarlierAnswer]:
        found = await self._database.read(sources.answers, turn_ids, scope)
        return [answer for _, answer in sorted(found.items())]

    async def remove_sources_of(self, place: Place) -> None:
        await self._database.write(sources.remove_place, place)
        self._vectors.forget_later(place)

    async def source_channels(self, platform: str, team: str) -> list[str]:
        return await self._database.read(sources.channels, platform, team)

    async def source_teams(self, platform: str) -> list[str]:
        return await self._database.read(sources.teams, platform)

    async def similar_answers(self, scope: SourceScope, vector: Vector, limit: int) -> list[EarlierAnswer]:
        count = _FIRST_RANKED
        while scope.channels and limit > 0:
            ids = await self._vectors.ranked(scope, vector, count)
            if ids is None:
                break
            found = await self._database.read(vector_search.best, scope, ids, limit)
            if len(found) == limit or len(ids) < count:
                return list(found.values())
            count *= _MORE_RANKED  # most of the best are of the same threads, or no sources any more
        return []

    async def unembedded(
        self, model: str, below: int, limit: int, dimension: int | None = None
    ) -> tuple[int, list[SourceQuestion]]:
        begin = below or _NOT_LOOKED_AT
        return await self._database.read(vector_search.unembedded, model, begin, limit, dimension)

    async def put_vectors(self, place: Place, vectors: Mapping[int, QuestionVector], charge: Charge) -> int:
        balances, now_us = self._changing_balances(), to_us(self._clock.now())
        put = await self._database.write(vector_search.put, place, vectors, charge, now_us, balances)
        self._balances.put(balances or {})
        if put:
            await self._vectors.add(place, vectors[put[0]].vector, put)
        return len(put)

    async def vector_dimensions(self, model: str, limit: int = 50) -> list[int]:
        return await self._database.read(source_vectors.dimensions, model, limit)

    async def remove_sources(self, platform: str, limit: int) -> bool:
        removed = await self._database.write(sources.remove_some, platform, limit)
        if removed:
            self._vectors.drop()
        return removed > 0

    async def index_answers(self, limit: int) -> bool:
        ids, texts = await self._database.read(sources.outdated, self._indexed_from, limit)
        if not ids:
            self._indexed_from = _NOT_LOOKED_AT
            await self._word_counts.counts()
            return False
        # Not within the transaction, nor in the event loop: new words take their time.
        words = await asyncio.to_thread(_words_of, texts)
        await self._renew(ids, words)
        self._indexed_from = min(ids)
        self._word_counts.added(len(ids))
        return True

    async def _renew(self, ids: Sequence[int], words: Mapping[int, Sequence[str]]) -> None:
        """Those whose words the database refuses leave the index: they keep no others out of it."""
        try:
            return await self._database.write(sources.renew, ids, words)
        except StoreError as error:
            if error.retryable:
                raise
            if len(ids) == 1:
                log.warning("answer_not_indexed", turn=ids[0], **error.log_keys)
                return await self._database.write(sources.renew, ids, {})
        for turn_id in ids:
            await self._renew([turn_id], {turn_id: words.get(turn_id, ())})

    async def balances(self, accounts: Sequence[BudgetAccount], person: str) -> list[Balance]:
        self._counts_spending = True
        if (known := self._balances.of(accounts)) is not None:
            return known
        found = await self._database.read(budgets.balances, accounts)
        if len(found) < len(set(accounts)):  # limits of one period have one account
            await self._database.write(budgets.open_accounts, accounts, person)
            found = await self._database.read(budgets.balances, accounts)
        self._balances.put(found)
        known = self._balances.of(accounts)
        assert known is not None
        return known

    async def lifted(self, accounts: Sequence[BudgetAccount]) -> list[Balance]:
        return await self._database.read(budgets.lifted, accounts)

    async def reserve(self, claim: BudgetClaim, person: str, limits: Sequence[Budget]) -> BudgetDecision:
        self._counts_spending = True
        reserving = partial(budgets.reserve, claim=claim, budgets=limits)
        write = self._database.write_each if claim.begins else self._database.write_soon
        decision, changed = await write(reserving)
        self._balances.put(changed)
        if decision is None:
            accounts = [limit.account for limit in limits]
            await self._database.write(budgets.open_accounts, accounts, person)
            decision, changed = await write(reserving)
            self._balances.put(changed)
        assert decision is not None
        return decision

    async def lift(self, budget: Budget, lifts: int, change: Change) -> bool:
        lifted = await self._database.write(budgets.lift, budget, lifts, change)
        self._balances.put(lifted)
        return bool(lifted)

    async def expire_spending(self, before: datetime) -> int:
        return await self._database.write(budgets.expire, to_us(before))

    async def steps(self, turn_id: int) -> list[Step]:
        return await self._database.read(steps.steps, turn_id)

    async def put_steps(self, turn_id: int, number: int, new: Sequence[Step]) -> None:
        await self._database.write(steps.put, turn_id, number, new, to_us(self._clock.now()))

    async def resume(
        self,
        turn_id: int,
        answer: ApprovalAnswered,
        changes: Sequence[Change] = (),
        grants: Sequence[ToolGrant] = (),
    ) -> Turn | None:
        now_us = to_us(self._clock.now())
        return await self._database.write(tools.resume, turn_id, answer, changes, grants, now_us)

    async def asking_turns(self, place: Place | None = None) -> list[tuple[Turn, ApprovalAsked]]:
        if not self._asking.may_hold(place):
            return []
        version = self._asking.version
        found = await self._database.read(tools.asking_turns)
        self._asking.replace((turn.ask.place for turn, _ in found), version)
        return [one for one in found if place is None or one[0].ask.place.key == place.key]

    async def tool_grants(self, place: Place) -> list[ToolGrant]:
        return await self._database.read(tools.tool_grants, place)

    async def grant_tool(self, place: Place, grant: ToolGrant, at: datetime) -> None:
        await self._database.write(tools.grant_tool, place, grant, to_us(at))

    async def record(self, change: Change) -> None:
        await self._database.write(settings.record, change)

    async def quoting_turns(self, place: Place, message_id: str, left: Collection[str] = ()) -> list[Turn]:
        return await self._database.read(turns.quoting_turns, place, message_id, left)

    async def offer_sources(self, turn_id: int, sources: Sequence[int]) -> list[int]:
        return await self._database.write(citations.offer, turn_id, sources)

    async def uncite_message(self, place: Place, message_id: str, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_message, place, message_id, to_us(at))

    async def uncite_thread(self, place: Place, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_thread, place, to_us(at))

    async def uncite_person(self, platform: str, team: str, person: str, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_person, platform, team, person, to_us(at))

    async def offered_sources(self, turn_id: int) -> list[int]:
        return await self._database.read(citations.offered, turn_id)

    async def withdraw_sources(self, turn_id: int) -> None:
        await self._database.write(citations.withdraw, turn_id)

    async def answer_footer(self, turn_id: int) -> AnswerFooter | None:
        return await self._database.read(answer_footers.answer_footer, turn_id)

    async def answer_footers(self, place: Place, limit: int = 400) -> list[AnswerFooter]:
        return await self._database.read(answer_footers.answer_footers, place, limit)

    async def charges(self, turn_id: int) -> list[Charge]:
        return await self._database.read(charges.charges, turn_id)

    async def last_usage(self, place: Place, model: str) -> LastUsage | None:
        return await self._database.read(usage.last_usage, place, model)

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        return await self._database.read(usage.usage_totals, to_us(since), to_us(until), channel, person)

    async def summary_totals(
        self, since: datetime, until: datetime, channel: Place | None = None
    ) -> SummaryTotals:
        return await self._database.read(usage_sums.summaries, to_us(since), to_us(until), channel)

    async def report_figures(
        self,
        bars: Sequence[tuple[datetime, datetime]],
        before: tuple[datetime, datetime],
        scope: Place | None = None,
    ) -> ReportFigures:
        spans = [(to_us(since), to_us(until)) for since, until in (*bars, before)]
        return await self._database.read(reports.report_figures, spans[:-1], spans[-1], scope)

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
        period = to_us(since), to_us(until)
        return await self._database.read(exports.usage_groups, *period, by, scope, person, names, zone)

    async def rated_answers(self, since: datetime, until: datetime) -> list[RatedAnswer]:
        return await self._database.read(exports.rated_answers, to_us(since), to_us(until))

    async def add_counts(self, counts: Sequence[OperationCount]) -> None:
        await self._database.write(operation.add_counts, counts)

    async def operation_figures(self, since: datetime, until: datetime) -> OperationFigures:
        return await self._database.read(operation.operation_figures, to_us(since), to_us(until))

    async def stored_settings(self, place: Place) -> StoredSettings:
        return await self._settings.stored_settings(place)

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        return await self._settings.workspaces(platform)

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        try:
            return await self._database.write(settings.change, place, changes, by, to_us(at))
        finally:
            self._settings.forget()

    async def overrides(self, platform: str, team: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        return await self._database.read(settings.overrides, platform, team, name, limit)

    async def is_set(self, name: str) -> bool:
        return await self._database.read(settings.is_set, name)

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        return await self._database.read(settings.audit, place, limit)

    async def mark_once(self, key: str) -> bool:
        return await self._database.write(settings.mark_once, key)

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        return await self._database.write(people.rate, turn_id, feedback)

    async def feedback(self, turn_id: int) -> list[Feedback]:
        return await self._database.read(people.feedback, turn_id)

    async def reset(self, place: Place, at: datetime) -> None:
        await self._database.write(people.reset, place, to_us(at))
        self._vectors.forget_later(place)

    async def forget_thread(self, place: Place, at: datetime) -> int:
        balances = self._changing_balances()
        lines = await self._database.write(people.forget_thread, place, to_us(at), balances)
        self._balances.put(balances or {})
        await self._vectors.forget(place.platform, place.team)
        self._purging.soon()
        return lines

    async def forget_person(self, platform: str, team: str, person: str, at: datetime) -> int:
        await self._database.write(forgotten.record, platform, team, person, to_us(at))
        self._forgotten.add(platform, team, person, at)
        await self._database.running_ended()  # so that messages stored meanwhile are removed too
        balances = self._changing_balances()
        lines = await self._database.write(people.forget_person, platform, team, person, to_us(at), balances)
        self._balances.put(balances or {})
        await self._vectors.forget(platform, team)
        self._purging.soon()
        return lines

    async def messages_by_person(
        self, platform: str, team: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        return await self._database.read(people.messages_by_person, platform, team, person, limit)

    async def channels(self, after: Place | None = None, limit: int = 500) -> list[Place]:
        return await self._database.read(retention.channels, after, limit)

    async def expire_channel(self, channel: Place, before: datetime) -> int:
        removed = await self._database.write(retention.expire, channel, to_us(before))
        if removed:
            self._vectors.forget_later(channel)
        return removed

    async def purge(self) -> None:
        await self._database.purge(people.PURGED)

    async def close(self) -> None:
        await self._purging.close()
        await self._word_counts.close()
        await self._vectors.close()
        await self._database.close()


def _words_of(texts: Mapping[int, tuple[str, str]]) -> dict[int, list[str]]:
    return {turn_id: source_words(question, answer) for turn_id, (question, answer) in texts.items()}
