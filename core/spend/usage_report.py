"""The usage report: which period it covers, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from babel.dates import format_datetime

from core.i18n import LOCALES, language_of, phrase
from core.ports.store.usage import UsageStore
from core.settings.environment import CoreSettings
from core.spend.cost_text import cost_text
from core.values.conversation import Ask, announcement
from core.values.places import Place
from core.values.tasks import ReportUsage
from core.values.usage import UsageTotals

PERIOD = timedelta(days=1)


def report_ask(place: Place, until: datetime, name: str) -> Ask:
    """The ask of a usage report for the day up to `until`. The same `name` in the same channel is posted once."""
    return announcement(f"summary:{name}", place, ReportUsage(until - PERIOD, until), until)


def totals_to_text(
    totals: UsageTotals, since: datetime, until: datetime, zone: tzinfo, settings: CoreSettings
) -> str:
    """The report as Markdown, in the language and the time zone it is posted in."""
    language = language_of(settings.parley_language)
    locale = LOCALES[language]

    def shown(at: datetime) -> str:
        return format_datetime(at, phrase("format_day", language), zone, locale)

    title = phrase("digest_title", language, since=shown(since), until=shown(until))
    if totals.questions == 0:
        return f"{title}\n{phrase('digest_quiet', language)}"
    lines = [
        phrase(
            "joined",
            language,
            one=phrase("digest_questions", language, n=totals.questions),
            two=phrase("digest_people", language, n=totals.people),
        ),
        phrase("digest_tokens", language, prompt=totals.prompt_tokens, completion=totals.completion_tokens),
        phrase("digest_cost", language, cost=cost_text(totals, settings.parley_currency, language)),
    ]
    if totals.errors:
        lines.append(phrase("digest_errors", language, n=totals.errors))
    return "\n".join([title, *(f"- {line}" for line in lines)])


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """Writes usage reports from the store."""

    store: UsageStore
    settings: CoreSettings
    zone: tzinfo

    async def text(self, report: ReportUsage) -> str:
        """The report as Markdown. Raises StoreError."""
        since, until = report.since, report.until
        totals = await self.store.usage_totals(since, until)
        return totals_to_text(totals, since, until, self.zone, self.settings)
