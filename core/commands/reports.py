"""Reports from the store as texts and files: usage, spending, changes of settings, exports. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from babel.dates import format_datetime

from core.commands.settings_view import BUDGETS, shown
from core.files.names import safe_name
from core.i18n import LOCALES, language_of, phrase, tool_label, tools_used
from core.ports.store.settings import RETRIED, Change
from core.speakers import label, label_of, labels_of
from core.spend.budgets import LIFT
from core.spend.cost_text import cost_text, summaries_to_text
from core.text import escaped
from core.values.budgets import BudgetScope
from core.values.conversation import ThreadMessage
from core.values.parts import Attached, File, Quote, Text, ToolsUsed, Unread
from core.values.places import Place
from core.values.ui import Attachment
from core.values.usage import SummaryTotals, UsageTotals

_HISTORY_LINES = 10
"""Lines of settings, and as many of tools."""
_TOOL = "tool:"
_DIGEST_LENGTH = 8
_RULE = "\n\n---\n\n"
EVER = datetime(1970, 1, 1, tzinfo=UTC)


def usage(
    tally: UsageTotals,
    of: str,
    period: str,
    language: str,
    currency: str,
    summaries: SummaryTotals | None = None,
) -> str:
    """A report of usage: of a channel, a workspace, a person (`of`), over a period. `summaries`: those of threads,
    which are nobody's own."""
    title = phrase(
        "usage_title",
        language,
        whose=phrase(f"usage_{of}", language),
        period=phrase(f"usage_{period}", language),
    )
    if tally.questions == 0:
        return f"{title}\n{phrase('usage_quiet_me' if of == 'me' else 'usage_quiet', language)}"
    questions = phrase("usage_questions", language, n=tally.questions)
    people = phrase("usage_people", language, n=tally.people)
    lines = [
        questions if of == "me" else phrase("joined", language, one=questions, two=people),
        phrase("usage_tokens", language, prompt=tally.prompt_tokens, completion=tally.completion_tokens),
        phrase("usage_cost", language, cost=cost_text(tally, currency, language)),
    ]
    if summaries is not None and summaries.number:
        lines.append(summaries_to_text(summaries, currency, language))
    if tally.errors:
        lines.append(phrase("usage_errors", language, n=tally.errors))
    return "\n".join([title, *(f"- {line}" for line in lines)])


def history(changes: Sequence[Change], language: str, currency: str) -> str:
    """The newest changes of settings, and the newest decisions and calls of tools: their time (UTC), person and
    values."""
    if not changes:
        return phrase("history_none", language)
    called = [one for one in changes if one.name.startswith(_TOOL)][:_HISTORY_LINES]
    changed = [one for one in changes if not one.name.startswith(_TOOL)][:_HISTORY_LINES]
    shown = sorted((*called, *changed), key=lambda one: one.at, reverse=True)
    lines = (_history_line(one, language, currency) for one in shown)
    return "\n".join([phrase("history_title", language), *(f"- {line}" for line in lines)])


def _history_line(change: Change, language: str, currency: str) -> str:
    who = change.by.name or change.by.id or phrase("history_somebody", language)
    at = _time(change.at, language)
    if change.name.startswith(_TOOL):
        what, _, digest = (change.new or "").partition(" ")
        return phrase(
            "history_tool",
            language,
            at=at,
            who=who,
            tool=tool_label(change.name.removeprefix(_TOOL), language),
            what=phrase(f"history_tool_{what}", language),
            digest=digest[:_DIGEST_LENGTH],
        )
    if change.name.startswith(RETRIED):
        return phrase("history_retry", language, at=at, who=who)
    if change.name.startswith(LIFT):
        person = change.name == f"{LIFT}{BudgetScope.PERSON}"
        label = phrase("history_lift_person" if person else "setting_budget", language)
        limit = _was("budget", change.new, language, currency)
        return phrase("history_lift", language, at=at, who=who, label=label, limit=limit)
    return phrase(
        "history_line",
        language,
        at=at,
        who=who,
        label=phrase(f"setting_{change.name}", language),
        old=_was(change.name, change.old, language, currency),
        new=_was(change.name, change.new, language, currency),
        origin=phrase(f"origin_{'channel' if change.place.channel else 'workspace'}", language),
    )


def _was(name: str, text: str | None, language: str, currency: str) -> str:
    if text is None:
        return phrase("value_no_limit" if name in BUDGETS else "origin_default", language)
    return shown(name, text, language, currency)


def thread_file(lines: Sequence[ThreadMessage], language: str) -> Attachment:
    """A thread as Markdown: author, time (UTC) and text, which is quoted so that it can't pass for another message."""
    known = labels_of(lines)
    said = [f"{_heading(line, known, language)}\n\n{_quoted(_whole(line, language))}" for line in lines]
    return Attachment("thread.md", "text/markdown", (_RULE.join(said) + "\n").encode("utf-8", "replace"))


def person_file(
    messages_by_person: Sequence[tuple[Place, ThreadMessage]], tally: UsageTotals, language: str
) -> Attachment:
    """A person's data as JSON: their messages, the answers, and the usage."""
    known = labels_of(line for _, line in messages_by_person)
    data = {
        "lines": [
            {
                "place": place.key,
                "at": line.at.isoformat(),
                "by": label_of(line, known),
                "text": _whole(line, language),
            }
            for place, line in messages_by_person
        ],
        "usage": {
            "questions": tally.questions,
            "prompt_tokens": tally.prompt_tokens,
            "completion_tokens": tally.completion_tokens,
            "cost_micros": tally.cost_micros,
            "answers_without_a_known_price": tally.unpriced,
        },
    }
    content = json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    return Attachment("my-data.json", "application/json", content)


def newest(attachment: Attachment, size_bytes: int) -> Attachment:
    """The newest part of an export, in at most about `size_bytes`; at least its last message."""
    if attachment.type == "application/json":
        data = json.loads(attachment.content)
        lines = data["lines"]
        sizes = [len(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")) for line in lines]
        content = json.dumps(data | {"lines": lines[_cut(sizes, size_bytes) :]}, ensure_ascii=False, indent=2)
        return replace(attachment, content=content.encode("utf-8", "replace"))
    said = attachment.content.split(_RULE.encode())
    return replace(
        attachment, content=_RULE.encode().join(said[_cut([len(one) for one in said], size_bytes) :])
    )


def _cut(sizes: Sequence[int], size_bytes: int) -> int:
    """The index of the first part from which all fit."""
    first, left = len(sizes), size_bytes
    while first and (first == len(sizes) or sizes[first - 1] <= left):
        first -= 1
        left -= sizes[first]
    return first


def _heading(line: ThreadMessage, known: Mapping[str, str], language: str) -> str:
    return f"**{escaped(label_of(line, known))}** · {_time(line.at, language)}"


def _whole(line: ThreadMessage, language: str) -> str:
    """The text of a message with its quotes and the text of its files, for a person."""
    return "\n\n".join(filter(None, (line.text, *(_attached(one, language) for one in line.attached))))


def _attached(one: Attached, language: str) -> str:
    match one:
        case Text(text):
            return text
        case Quote(text, author, place):
            key = "export_quote_in" if place else "export_quote"
            head = phrase(
                key, language, author=label(author) or phrase("export_somebody", language), place=place
            )
            return f"{head}\n{_quoted(text)}"
        case ToolsUsed(names):
            return tools_used(names, language)
        case Unread(kind):
            return phrase("export_unread", language, what=phrase(f"unread_{kind}", language))
        case File(name):
            named = safe_name(name) or phrase("file_unnamed", language)
            if one.problem is not None:
                return phrase(
                    "file_unread", language, name=named, why=phrase(f"file_problem_{one.problem}", language)
                )
            return "\n".join(filter(None, (phrase("export_file", language, name=named), one.text)))
    assert_never(one)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _time(at: datetime, language: str) -> str:
    locale = LOCALES[language_of(language)]
    return str(format_datetime(at, phrase("format_time", language), UTC, locale))
