"""The usage summary: which period it covers, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from babel.dates import format_datetime
from babel.numbers import format_currency

from core.i18n import LOCALES, language_of, phrase
from core.ports.store import UsageStore, UsageTotals
from core.settings.environment import CoreSettings
from core.values.conversation import Ask, Task, Turn
from core.values.places import Person, Place

PERIOD = timedelta(days=1)
_PERSON = Person("parley", "Parley", bot=True)


def digest_ask(place: Place, until: datetime, name: str) -> Ask:
    """The ask of a summary of the day up to `until`. The same `name` in the same channel is posted once."""
    return Ask(f"summary:{name}", place, _PERSON, "", until, addressed=True, task=Task.DIGEST)


def tally_to_text(
    tally: UsageTotals, since: datetime, until: datetime, zone: tzinfo, settings: CoreSettings, *, priced: bool
) -> str:
    """The summary as Markdown, in the language and the time zone it is posted in. `priced`: costs are known."""
    language = language_of(settings.parley_language)
    locale = LOCALES[language]

    def shown(at: datetime) -> str:
        return format_datetime(at, phrase("format_day", language), zone, locale)

    title = phrase("digest_title", language, since=shown(since), until=shown(until))
    if tally.questions == 0:
        return f"{title}\n{phrase('digest_quiet', language)}"
    cost = phrase("digest_no_price", language)
    if priced:
        amount = format_currency(tally.cost_micros / 1_000_000, settings.parley_currency, locale=locale)
        cost = phrase("digest_cost", language, cost=amount)
    lines = [
        phrase(
            "joined",
            language,
            one=phrase("digest_questions", language, n=tally.questions),
            two=phrase("digest_people", language, n=tally.people),
        ),
        phrase("digest_tokens", language, prompt=tally.prompt_tokens, completion=tally.completion_tokens),
        cost,
    ]
    if tally.errors:
        lines.append(phrase("digest_errors", language, n=tally.errors))
    return "\n".join([title, *(f"- {line}" for line in lines)])


@dataclass(frozen=True, slots=True)
class StoreDigester:
    """Writes the summary of a digest turn from what is stored."""

    store: UsageStore
    settings: CoreSettings
    zone: tzinfo
    priced: bool

    async def text(self, turn: Turn) -> str:
        until = turn.ask.at
        since = until - PERIOD
        tally = await self.store.usage_totals(since, until)
        return tally_to_text(tally, since, until, self.zone, self.settings, priced=self.priced)
