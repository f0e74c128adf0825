"""What is read off the store and handed over: usage, what was spent, exports. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from core.channel import ChannelSettings
from core.commands.knobs import origin
from core.phrases import say
from core.ports import Tally
from core.types import Attachment, Entry, Place

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LOCALES = {"en": Locale.parse("en_GB"), "zh": Locale.parse("zh_Hans_CN")}


def usage(tally: Tally, of: str, period: str, language: str, currency: str, *, priced: bool) -> str:
    title = say(
        "usage_title", language, whose=say(f"usage_{of}", language), period=say(f"usage_{period}", language)
    )
    if tally.questions == 0:
        return f"{title}\n{say('digest_quiet', language)}"
    questions = say("digest_questions", language, n=tally.questions)
    lines = [
        questions if of == "me" else f"{questions} {say('digest_people', language, n=tally.people)}",
        say("digest_tokens", language, prompt=tally.prompt_tokens, completion=tally.completion_tokens),
        say("digest_cost", language, cost=money(tally.cost_micros, currency, language))
        if priced
        else say("digest_no_price", language),
    ]
    if tally.errors:
        lines.append(say("digest_errors", language, n=tally.errors))
    return "\n".join([title, *(f"- {line}" for line in lines)])


def budget(
    tally: Tally, now: datetime, settings: ChannelSettings, language: str, currency: str, *, priced: bool
) -> str:
    """What a channel has spent since the first of the month, and its limit."""
    month = format_date(now, "LLLL y" if language == "en" else "y年M月", locale=_LOCALES[language])
    if priced:
        spent = say("budget_spent", language, month=month, cost=money(tally.cost_micros, currency, language))
    else:
        tokens = format_decimal(tally.prompt_tokens + tally.completion_tokens, locale=_LOCALES[language])
        spent = say("budget_unknown", language, month=month, tokens=tokens)
    limit = say("budget_none", language)
    if settings.budget is not None:
        cost = money(round(settings.budget * 1_000_000), currency, language)
        limit = say("budget_limit", language, cost=cost, origin=origin("budget", settings, language))
    return f"{spent}\n{limit}"


def money(micros: int, currency: str, language: str) -> str:
    return str(format_currency(micros / 1_000_000, currency, locale=_LOCALES[language]))


def thread_file(lines: Sequence[Entry], language: str) -> Attachment:
    """A thread as Markdown: who said what, when (UTC)."""
    said = [f"**{_name(line)}** · {_time(line.at, language)}\n\n{line.text}" for line in lines]
    return Attachment(
        "thread.md", "text/markdown", ("\n\n---\n\n".join(said) + "\n").encode("utf-8", "replace")
    )


def person_file(belongings: Sequence[tuple[Place, Entry]], tally: Tally) -> Attachment:
    """Everything of a person as JSON: what they said, what was answered, what it took."""
    data = {
        "lines": [
            {
                "place": place.key,
                "at": line.at.isoformat(),
                "by": _name(line),
                "text": line.text,
            }
            for place, line in belongings
        ],
        "usage": {
            "questions": tally.questions,
            "prompt_tokens": tally.prompt_tokens,
            "completion_tokens": tally.completion_tokens,
            "cost_micros": tally.cost_micros,
        },
    }
    content = json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    return Attachment("my-data.json", "application/json", content)


def month_start(now: datetime) -> datetime:
    return datetime(now.year, now.month, 1, tzinfo=UTC)


def _name(line: Entry) -> str:
    return "Parley" if line.mine else line.author.name or line.author.id


def _time(at: datetime, language: str) -> str:
    shape = "d MMM y HH:mm" if language == "en" else "y年M月d日 HH:mm"
    return str(format_datetime(at, shape, UTC, _LOCALES[language]))
