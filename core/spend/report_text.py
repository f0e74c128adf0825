"""A usage report as Markdown. Pure.

It has lists and no tables: a list can be read on a phone, and a mention of a channel in it is shown as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import attrgetter

from babel.dates import format_date, format_datetime, format_interval

from core.errors import Code
from core.files.names import one_line
from core.i18n import LOCALES, language_of, name_list, phrase
from core.spend.cost_text import cost_text, summaries_to_text
from core.spend.periods import Period, PeriodName
from core.spend.report import LISTED, Report, change_percent, nearest_rank
from core.text import escaped, is_blank, shortened, without_schemes
from core.values.places import Place
from core.values.report import (
    ErrorUse,
    FeedbackReason,
    OpenKind,
    OpenQuestion,
    ThreadUse,
    UnansweredPost,
    UnansweredPosts,
)
from core.values.usage import UsageTotals, added

_TITLE_CHARS, _REASON_CHARS = 60, 200

_ERRORS: dict[str, tuple[Code, ...]] = {
    "account": (Code.BAD_KEY, Code.NO_MONEY, Code.FORBIDDEN),
    "setup": (Code.NO_MODEL, Code.WRONG_URL, Code.BAD_REQUEST, Code.GARBLED, Code.SETTINGS),
    "busy": (Code.RATE_LIMITED, Code.SERVER_ERROR, Code.GATEWAY_TIMEOUT, Code.ERROR_IN_STREAM),
    "slow": (Code.STALLED, Code.CUT, Code.EMPTY),
    "network": (Code.UNREACHABLE,),
    "long": (Code.CONTEXT_OVERFLOW, Code.TOO_LARGE),
    "policy": (Code.POLICY,),
    "budget": (Code.BUDGET,),
    "own": (Code.STORE, Code.INTERNAL, Code.OVERLOADED, Code.SET_ASIDE, Code.CHANGED),
}
"""The causes of errors, as far as people do something else about them. All others come from the platform."""
_CAUSES = {str(code): cause for cause, codes in _ERRORS.items() for code in codes}


@dataclass(frozen=True, slots=True)
class ReportView:
    """The readers of a report. `language` may be a variant.

    `link` returns the address of a message, or an empty text. `channel` returns the name of a channel as Markdown.
    `readable`: the keys of the places whose words all readers may read; nothing is quoted of others. `budgets`: the
    share of its budget that each channel spent, in words, by `Place.channel_key`. `limits`: a line for each limit that
    holds for all of the report. `names`: people may be named. `is_located`: True if a thread of that place is told with
    its channel: the threads of the readers' own page are not. `posts`: the posts of forums that nobody answered; None
    where they could not be looked up.
    """

    language: str
    currency: str
    link: Callable[[Place, str], str] = lambda place, message_id: ""
    channel: Callable[[Place], str] = attrgetter("channel")
    readable: frozenset[str] = frozenset()
    budgets: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[str] = ()
    names: bool = False
    is_located: Callable[[Place], bool] = lambda place: True
    posts: UnansweredPosts | None = field(default_factory=UnansweredPosts)

    def phrase(self, key: str, **values: str | int | float) -> str:
        return phrase(key, self.language, **values)

    def cost(self, totals: UsageTotals) -> str:
        return cost_text(totals, self.currency, self.language)

    def questions(self, number: int) -> str:
        return self.phrase("usage_questions", n=number)

    def linked(self, text: str, place: Place, message_id: str) -> str:
        """`text` as a link to a message, or as it is where that has no address."""
        link = self.link(place, message_id)
        return f"[{text}]({link})" if link else text

    def shows(self, text: str, place: Place, message_id: str) -> bool:
        """True if a text that was written in `place` is quoted or linked."""
        return self._quotes(text, place) or bool(self.link(place, message_id))

    def _quotes(self, text: str, place: Place) -> bool:
        return not is_blank(_label(text)) and place.key in self.readable

    def quoted(self, text: str, place: Place, otherwise: str, size: int = _TITLE_CHARS) -> str:
        """The beginning of a text that was written in `place`, where all readers may read it, else other words."""
        return escaped(shortened(_label(text), size)) if self._quotes(text, place) else otherwise


def _label(text: str) -> str:
    """A text that others wrote as the label of a link."""
    return one_line(without_schemes(text))


def report_to_text(report: Report, view: ReportView) -> str:
    """The change, the use, its cost, errors, the times, the busiest threads and the open questions, in this order.

    A period without questions has posts that nobody answered all the same.
    """
    title = view.phrase(
        "usage_title",
        whose=view.phrase(f"usage_{_scope(report)}"),
        period=_dates(report, view),
    )
    left_open = _section("report_open", _open(report, view), view)
    if not report.figures.now.questions:
        return "\n\n".join(filter(None, (f"{title}\n{view.phrase('usage_quiet')}", "\n".join(left_open))))
    sections = (
        [title, _change(report, view), *_items(_use(report, view))],
        _section("report_models", _models(report, view), view),
        _section("report_channels", _channels(report, view), view),
        _section("report_errors", [_error(*one, view) for one in _causes(report.figures.errors)], view),
        _section("report_first_word", _first_word(report, view), view),
        _section("report_threads", _threads(report, view), view),
        left_open,
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def period_text(period: Period, language: str) -> str:
    """The dates of a period: `22 November 2026`, `16–22 Nov 2026`, `November 2026`."""
    locale = LOCALES[language_of(language)]
    if period.name is PeriodName.DAY:
        return str(format_date(period.first_day, "long", locale))
    if period.name is PeriodName.WEEK:
        return str(format_interval(period.first_day, period.last_day, "yMMMd", locale=locale))
    return str(format_date(period.first_day, phrase("format_month", language), locale))


def _dates(report: Report, view: ReportView) -> str:
    """The dates of the period, and the time up to which it is reported."""
    dates, zone = period_text(report.period, view.language), report.period.zone
    if report.up_to is None:
        return dates
    locale = LOCALES[language_of(view.language)]
    pattern = "HH:mm" if report.period.name is PeriodName.DAY else view.phrase("format_day")
    at = f"{format_datetime(report.up_to, pattern, zone, locale)} {zone}"
    return view.phrase("report_up_to", period=dates, at=at)


def _scope(report: Report) -> str:
    if report.scope is None:
        return "all"
    return "channel" if report.scope.channel else "workspace"


def _section(title: str, lines: Sequence[str], view: ReportView) -> list[str]:
    return [view.phrase(title), *_items(lines)] if lines else []


def _items(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _change(report: Report, view: ReportView) -> str:
    """One sentence: the questions and their cost, against the period before."""
    now, before = report.figures.now, report.figures.before
    questions, cost = view.questions(now.questions), view.cost(now)
    then = view.phrase(f"report_before_{report.period.name}{'' if report.up_to is None else '_part'}")
    of_questions = change_percent(now.questions, before.questions)
    if of_questions is None:
        return view.phrase("report_changed_first", questions=questions, before=then, cost=cost)
    change, percent = _changed("report_questions", of_questions, then, view), None
    if not (now.unpriced or before.unpriced):
        percent = change_percent(now.cost_micros, before.cost_micros)
    if percent is None:
        return view.phrase("report_changed", questions=questions, change=change, cost=cost)
    cost_change = _changed("report_cost", percent, then, view)
    return view.phrase(
        "report_changed_cost", questions=questions, change=change, cost=cost, cost_change=cost_change
    )


def _changed(key: str, percent: int, before: str, view: ReportView) -> str:
    key += "_same" if not percent else "_more" if percent > 0 else "_less"
    return view.phrase(key, before=before, percent=abs(percent))


def _use(report: Report, view: ReportView) -> list[str]:
    figures = report.figures
    now = figures.now
    lines = [
        view.phrase("report_people_count", n=now.people),
        view.phrase("usage_tokens", prompt=now.prompt_tokens, completion=now.completion_tokens),
    ]
    if figures.summaries.number:
        lines.append(summaries_to_text(figures.summaries, view.currency, view.language))
    lines += view.limits
    if view.names and figures.people:
        asked = (f"{escaped(one_line(one.name))} ({one.questions})" for one in figures.people)
        lines.append(view.phrase("report_people", people=name_list(asked, view.language)))
    if figures.helpful or figures.unhelpful:
        lines.append(view.phrase("report_rated", helpful=figures.helpful, unhelpful=figures.unhelpful))
        lines += filter(None, (_reason(one, view) for one in figures.reasons))
    return lines


def _reason(reason: FeedbackReason, view: ReportView) -> str:
    """Empty where the reason can neither be quoted nor found."""
    if not view.shows(reason.text, reason.place, reason.message_id):
        return ""
    text = view.quoted(reason.text, reason.place, view.phrase("report_reason"), _REASON_CHARS)
    key = "report_helpful" if reason.helpful else "report_unhelpful"
    return view.phrase(key, reason=view.linked(text, reason.place, reason.message_id))


def _models(report: Report, view: ReportView) -> list[str]:
    used = [(code(one.model), one.totals) for one in report.figures.models]
    return [_cost(name, totals, view) for name, totals in _shortest(used, view)]


def code(name: str) -> str:
    """The name of a model or an error as code."""
    return f"`{one_line(name).replace('`', '')}`"


def _channels(report: Report, view: ReportView) -> list[str]:
    """Direct conversations are one channel: nobody else is to know of them one by one."""
    if report.scope is not None and report.scope.channel:
        return []
    used = report.figures.channels
    named = [
        (view.channel(one.place), one.totals, one.place.channel_key) for one in used if not one.place.direct
    ]
    direct = [one.totals for one in used if one.place.direct]
    shares = {name: view.budgets[key] for name, _, key in named if key in view.budgets}
    rows = _shortest([(name, totals) for name, totals, _ in named], view)
    if direct:
        rows.append((view.phrase("report_direct"), reduce(added, direct)))
    return [_cost(name, totals, view, shares.get(name, "")) for name, totals in rows]


def _shortest(rows: Sequence[tuple[str, UsageTotals]], view: ReportView) -> list[tuple[str, UsageTotals]]:
    """The first rows, and one for the sum of the others."""
    others = [totals for _, totals in rows[LISTED:]]
    listed = list(rows[:LISTED])
    return [*listed, (view.phrase("report_others", n=len(others)), reduce(added, others))] if others else listed


def _cost(name: str, totals: UsageTotals, view: ReportView, share: str = "") -> str:
    values = {"name": name, "cost": view.cost(totals), "questions": view.questions(totals.questions)}
    if not share:
        return view.phrase("report_cost_of", **values)
    return view.phrase("report_cost_of_budget", **values, share=share)


def _causes(errors: Iterable[ErrorUse]) -> list[tuple[str, int, list[str]]]:
    """Each cause with its questions and codes, the most frequent first."""
    codes: defaultdict[str, list[ErrorUse]] = defaultdict(list)
    for one in errors:
        codes[_CAUSES.get(one.code, "platform")].append(one)
    found = [
        (cause, sum(one.questions for one in those), [one.code for one in those])
        for cause, those in codes.items()
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _error(cause: str, number: int, codes: Sequence[str], view: ReportView) -> str:
    named = name_list((f"`{code}`" for code in codes if code), view.language)
    advice = view.phrase(f"report_error_{cause}")
    return view.phrase("report_error", questions=view.questions(number), codes=named, advice=advice)


def _first_word(report: Report, view: ReportView) -> list[str]:
    counts = report.figures.first_words
    median, most = nearest_rank(counts, 50), nearest_rank(counts, 95)
    if median is None or most is None:
        return []
    return [view.phrase("report_within", median=median / 1000, most=most / 1000)]


def _threads(report: Report, view: ReportView) -> list[str]:
    """The threads in which more than one question was asked."""
    return [_thread(one, report, view) for one in report.figures.threads if one.questions > 1]


def _thread(thread: ThreadUse, report: Report, view: ReportView) -> str:
    text = view.quoted(thread.title, thread.place, view.phrase("report_thread"))
    name = _located(view.linked(text, thread.place, thread.message_id), thread.place, report, view)
    return view.phrase("report_thread_of", name=name, questions=view.questions(thread.questions))


def _open(report: Report, view: ReportView) -> list[str]:
    counts = report.figures.open_counts
    numbers = [view.phrase(f"report_open_{kind}", n=counts[kind]) for kind in OpenKind if counts.get(kind)]
    shown = (one for one in report.figures.open if view.shows(one.text, one.place, one.message_id))
    questions = [_question(one, report, view) for one in shown]
    others = sum(counts.values()) - len(questions)
    if questions and others > 0:
        questions.append(view.phrase("report_questions_others", n=others))
    if view.posts is None:
        posts = [view.phrase("report_posts_unread")]
    else:
        posts = _posts(view.posts, report, view)
        numbers += _posts_number(view.posts, report, view)
    return [*([name_list(numbers, view.language)] if numbers else []), *questions, *posts]


def _posts_number(posts: UnansweredPosts, report: Report, view: ReportView) -> list[str]:
    """A report on everything says where the posts are: other workspaces have some of their own."""
    if not posts.found:
        return []
    key = "report_posts_here" if report.scope is None else "report_posts"
    number = len(posts.found)
    return [view.phrase(key, n=number if posts.complete else view.phrase("report_least", n=number))]


def _posts(posts: UnansweredPosts, report: Report, view: ReportView) -> list[str]:
    lines, others = [_post(one, report, view) for one in posts.found[:LISTED]], len(posts.found) - LISTED
    if others > 0:
        key = "report_posts_others" if posts.complete else "report_posts_others_least"
        lines.append(view.phrase(key, n=others))
    elif not posts.complete:
        lines.append(view.phrase("report_posts_cut"))
    return lines


def _post(post: UnansweredPost, report: Report, view: ReportView) -> str:
    text = view.quoted(post.title, post.place, view.phrase("report_post", at=_moment(post.at, report, view)))
    name = _located(view.linked(text, post.place, post.message_id), post.place, report, view)
    return view.phrase("report_left", question=name, kind=view.phrase("report_left_unanswered"))


def _question(question: OpenQuestion, report: Report, view: ReportView) -> str:
    otherwise = view.phrase("report_question", at=_moment(question.at, report, view))
    text = view.quoted(question.text, question.place, otherwise)
    name = _located(view.linked(text, question.place, question.message_id), question.place, report, view)
    return view.phrase("report_left", question=name, kind=view.phrase(f"report_left_{question.kind}"))


def _moment(at: datetime, report: Report, view: ReportView) -> str:
    """A time of the period, in its time zone."""
    locale = LOCALES[language_of(view.language)]
    return str(format_datetime(at, view.phrase("format_day"), report.period.zone, locale))


def _located(name: str, place: Place, report: Report, view: ReportView) -> str:
    """`name` with its channel, where the report is of several."""
    if (report.scope is not None and report.scope.channel) or not view.is_located(place):
        return name
    return view.phrase("report_in", name=name, channel=view.channel(place))
