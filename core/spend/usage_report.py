"""Usage reports: made from the store, for the people of one channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from core.errors import PlatformError
from core.i18n import language_of, phrase, variant
from core.platform_calls import PlatformCalls
from core.ports.store.budgets import BudgetStore
from core.ports.store.settings import SettingsStore
from core.ports.store.usage import UsageStore
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_text import allowed_to_text, share_to_text
from core.spend.budgets import budgets_of, payer_of
from core.spend.periods import Period, PeriodName
from core.spend.report import Report
from core.spend.report_text import ReportView, report_to_text
from core.values.budgets import Balance, Budget, BudgetScope, BudgetUnit, Spent
from core.values.conversation import Ask, announcement
from core.values.places import Place
from core.values.report import FeedbackReason, OpenQuestion, ThreadUse, UnansweredPosts
from core.values.tasks import REPORT_ID, ReportScope, ReportUsage

log = structlog.get_logger()

POSTS_WITHIN_S = 30.0
"""Seconds for which a report waits for the posts of forums."""


def report_ask(
    place: Place, period: Period, scope: ReportScope, name: str, at: datetime, up_to: datetime | None = None
) -> Ask:
    """The ask of a usage report. The same `name` in the same channel is posted once. `up_to`: as in `ReportUsage`."""
    task = ReportUsage(period.since, period.until, period.name, str(period.zone), scope, up_to)
    return announcement(f"{REPORT_ID}{name}", place, task, at)


def scope_place(scope: ReportScope, place: Place) -> Place | None:
    """The scope of the figures of a report in the channel `place`, as `UsageStore` takes it."""
    match scope:
        case ReportScope.ALL:
            return None
        case ReportScope.WORKSPACE:
            return Place(place.platform, place.team, "")
        case ReportScope.CHANNEL:
            return Place(place.platform, place.team, place.channel)


class ReportStore(UsageStore, SettingsStore, BudgetStore, Protocol):
    """The part of the store that reports are made from."""


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report and its Markdown in `language`, which may be a variant. `anonymous`: the Markdown without the names and
    the words of people."""

    report: Report
    text: str
    language: str
    anonymous: str


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """Makes usage reports from the store. `calls` returns those of the installation that serves a place. `forums`: the
    platforms with forums, whose posts a report misses where it has no calls."""

    store: ReportStore
    settings: CoreSettings
    zone: tzinfo
    calls: Callable[[Place], PlatformCalls | None]
    forums: frozenset[str] = frozenset()

    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        """The report of `task` for the readers of the channel `place`. Raises StoreError."""
        zone = ZoneInfo(task.zone) if task.zone else self.zone
        period = Period(PeriodName(task.period), task.since, task.until, zone)
        return await self.write(await self.read(period, scope_place(task.scope, place), task.up_to), place)

    async def read(self, period: Period, scope: Place | None, up_to: datetime | None = None) -> Report:
        """The report of a period: of everything, of a workspace, or of a channel. One that is not over is compared with
        a part of the period before that is as long. Raises StoreError."""
        before = period.previous
        until = before.until if up_to is None else min(before.until, before.since + (up_to - period.since))
        figures = await self.store.report_figures(period.bars, (before.since, until), scope)
        return Report(period, scope, figures, up_to)

    async def write(self, report: Report, place: Place) -> WrittenReport:
        """The text of a report for the readers of the channel `place`. Raises StoreError."""
        settings = merge(self.settings, await self.store.stored_settings(place), place.platform)
        language = variant(settings.language or language_of(self.settings.parley_language), place.platform)
        view = ReportView(
            language,
            self.settings.parley_currency,
            lambda one, message_id: self._link(one, message_id, place),
            lambda channel: self._channel(channel, place, language),
            await self._readable(report, place),
            await self._shares(report, language),
            await self._limits(report, place, language),
            settings.report_names,
            lambda one: not self._is_page(one, place),
        )
        posts = await self._posts(report, place)
        if posts is not None:
            view = replace(view, readable=view.readable | {post.place.key for post in posts.found})
        view = replace(view, posts=posts)
        anonymous = report_to_text(report, replace(view, readable=frozenset(), names=False))
        return WrittenReport(report, report_to_text(report, view), language, anonymous)

    def _link(self, place: Place, message_id: str, reader: Place) -> str:
        """The address of a message; empty where it is one within a page that the readers are not on."""
        platform_calls = self.calls(place)
        link = platform_calls.message_link(place, message_id) if platform_calls is not None else ""
        return link if place.platform == reader.platform or not link.startswith("/") else ""

    def _is_page(self, place: Place, reader: Place) -> bool:
        """True if `place` is on the only page of the readers, which has no channels."""
        platform_calls = self.calls(place) if place.platform == reader.platform else None
        return platform_calls is not None and not platform_calls.has_channels

    def _channel(self, channel: Place, reader: Place, language: str) -> str:
        """A mention of a channel, which only its own platform understands; else as the settings of Parley name it."""
        here = channel.platform == reader.platform
        platform_calls = self.calls(channel) if here else None
        mention = platform_calls.channel_mention(channel) if platform_calls is not None else ""
        key, name = "report_channel_here" if here else "report_channel", f"{channel.platform}:{channel.channel}"
        return mention or phrase(key, variant(language_of(language), channel.platform), name=name)

    async def _shares(self, report: Report, language: str) -> dict[str, str]:
        """The share that each listed channel spent of its own budget, in words, by `Place.channel_key`."""
        shares: dict[str, str] = {}
        for channel in report.budgeted if report.scope is None or not report.scope.channel else ():
            found = await self._spent(report, channel, [BudgetScope.CHANNEL])
            for budget, balance in found:
                limit = allowed_to_text(budget, balance, language, self.settings.parley_currency)
                key = "share_least" if balance.unpriced else "share"
                shares[channel.channel_key] = phrase(
                    key, language, percent=budget.percent(balance), limit=limit
                )
        return shares

    async def _limits(self, report: Report, reader: Place, language: str) -> list[str]:
        """A line for each limit of the channel of the report, of the workspace and of everybody."""
        scope = report.scope or replace(reader, channel="", thread="")
        scopes = [BudgetScope.WORKSPACE, BudgetScope.ALL]
        if scope.channel:
            scopes.insert(0, BudgetScope.CHANNEL)
        found = await self._spent(report, scope, scopes)
        return [share_to_text(*one, language, self.settings.parley_currency) for one in found]

    async def _spent(
        self, report: Report, place: Place, scopes: Sequence[BudgetScope]
    ) -> list[tuple[Budget, Balance]]:
        """The budgets of these scopes at `place` with their balances at the end of the period: of each scope the limit
        of which most is spent. Without those of which no cost is known, and without limits that begin anew within the
        period: their last share would say nothing of the time before."""
        settings = merge(self.settings, await self.store.stored_settings(place), place.platform)
        end = report.period.until - timedelta(microseconds=1)
        most: dict[BudgetScope, tuple[Budget, Balance]] = {}
        for budget in budgets_of(settings, payer_of(place, ""), "", end, self.settings.zone):
            if budget.scope not in scopes or budget.account.since > report.period.since:
                continue
            balance = await self._balance(budget, report.period.until)
            known = most.get(budget.scope)
            if balance is not None and (known is None or budget.percent(balance) > known[0].percent(known[1])):
                most[budget.scope] = (budget, balance)
        return [most[scope] for scope in scopes if scope in most]

    async def _balance(self, budget: Budget, until: datetime) -> Balance | None:
        """The balance of a budget at the time `until`. None where no cost is known."""
        of = None if budget.scope is BudgetScope.ALL else budget.account.payer.place
        totals = await self.store.usage_totals(budget.account.since, until, of)
        spent = Spent(totals.cost_micros, totals.prompt_tokens + totals.completion_tokens)
        unpriced = totals.unpriced if budget.limit.unit is BudgetUnit.MONEY else 0
        if unpriced and not spent.micros:
            return None
        (lifted,) = await self.store.lifted([budget.account])
        return replace(lifted, spent=spent, unpriced=unpriced)

    async def _posts(self, report: Report, reader: Place) -> UnansweredPosts | None:
        """The posts of the period that nobody answered, as far as all readers may read them. None where they can't be
        looked up. A report on everything has those of the workspace of its readers."""
        scope = report.scope or Place(reader.platform, reader.team, "")
        platform_calls = self.calls(reader)
        if platform_calls is None:
            return None if reader.platform in self.forums else UnansweredPosts()
        since, until = report.period.since, report.up_to or report.period.until
        try:
            async with asyncio.timeout(POSTS_WITHIN_S):
                return await platform_calls.unanswered_posts(scope, reader, since, until)
        except PlatformError:
            return None
        except TimeoutError:
            log.warning("posts_not_read", platform=reader.platform, place=reader.key, limit_s=POSTS_WITHIN_S)
            return None

    async def _readable(self, report: Report, reader: Place) -> frozenset[str]:
        """The keys of the places whose words all readers may read: those in threads of their own channel that are as
        open as it. All others are unknown, and not quoted."""
        figures = report.figures
        quoted: tuple[ThreadUse | FeedbackReason | OpenQuestion, ...]
        quoted = (*figures.threads, *figures.reasons, *figures.open)
        here = {one.place for one in quoted if one.place.channel_key == reader.channel_key}
        return frozenset([place.key for place in here if await self._is_open(place)])

    async def _is_open(self, place: Place) -> bool:
        platform_calls = self.calls(place)
        try:
            return platform_calls is not None and await platform_calls.is_open(place)
        except PlatformError:
            return False
