"""The figures of usage reports. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, case, func, literal, select, union_all

from core.spend.report import two_digits
from core.values.conversation import TurnState
from core.values.places import Place
from core.values.report import (
    Bar,
    ChannelUse,
    ErrorUse,
    FeedbackReason,
    ModelUse,
    OpenKind,
    OpenQuestion,
    PersonUse,
    ReportFigures,
    ThreadUse,
)
from core.values.usage import UsageTotals, added
from storage import thread_list, threads
from storage.forgotten import NAMELESS, former_name
from storage.tables import ASKING, FEEDBACK, NOT_DONE, SETTINGS, THREADS, TURNS, USAGE, from_us
from storage.usage_sums import IN_BACKGROUND, SumKind, sums, within
from storage.usage_totals import people, summaries, total, totals, totals_of

Span = tuple[int, int]
"""A time from its beginning to its end, which is not part of it, in microseconds."""

_LISTED, _REASONS = 5, 3
"""The most that a report lists of people, threads and questions, and of reasons."""
_LOOKED_UP = 100
"""Questions that are looked up at once, to find the newest ones that may be listed."""


def report_figures(
    connection: Connection, bars: Sequence[Span], before: Span, scope: Place | None
) -> ReportFigures:
    """`bars` follow each other: together they are the period."""
    period = bars[0][0], bars[-1][1]
    use = _by_bar(connection, bars, scope)
    counts, left_open = _open(connection, period, scope)
    helpful, unhelpful = _opinions(connection, period, scope)
    return ReportFigures(
        now=replace(reduce(added, use), people=people(connection, *period, scope)),
        before=totals(connection, *before, scope),
        bars=tuple(_bar(bar, one) for bar, one in zip(bars, use, strict=True)),
        models=_models(connection, period, scope),
        channels=_channels(connection, period, scope),
        summaries=summaries(connection, *period, scope),
        people=_people(connection, period, scope),
        errors=errors(connection, period, scope),
        first_words=_first_words(connection, period, scope),
        threads=_busiest(connection, period, scope),
        helpful=helpful,
        unhelpful=unhelpful,
        reasons=_reasons(connection, period, scope),
        open_counts=counts,
        open=left_open,
    )


def _by_bar(connection: Connection, bars: Sequence[Span], scope: Place | None) -> list[UsageTotals]:
    """The totals of each bar. Its bounds are whole quarters of an hour in every time zone in use."""
    found = sums(SumKind.QUARTER, bars[0][0], bars[-1][1], scope)
    use = [UsageTotals()] * len(bars)
    for row in connection.execute(select(found.c.at_us, *total(found, scope)).group_by(found.c.at_us)):
        number = bisect_right(bars, row.at_us, key=itemgetter(0)) - 1
        use[number] = added(use[number], totals_of(row))
    return use


def _bar(span: Span, use: UsageTotals) -> Bar:
    unknown = use.unpriced and not use.cost_micros
    return Bar(from_us(span[0]), from_us(span[1]), use.questions, None if unknown else use.cost_micros)


def _models(connection: Connection, period: Span, scope: Place | None) -> tuple[ModelUse, ...]:
    found = sums(SumKind.MODEL, *period, scope)
    rows = connection.execute(select(found.c.name, *total(found, scope)).group_by(found.c.name)).all()
    used = [ModelUse(row.name, totals_of(row)) for row in rows if row.name]
    return tuple(sorted(used, key=lambda one: (*_dearest(one.totals), one.model)))


def _channels(connection: Connection, period: Span, scope: Place | None) -> tuple[ChannelUse, ...]:
    found = sums(SumKind.MODEL, *period, scope)
    channel = (found.c.platform, found.c.team, found.c.channel)
    each = select(*channel, *total(found, scope)).group_by(*channel).subquery()
    here = [THREADS.c[name] == each.c[name] for name in ("platform", "team", "channel")]
    direct = select(THREADS.c.thread).where(*here, THREADS.c.direct).exists().label("direct")
    used = [
        ChannelUse(Place(row.platform, row.team, row.channel, "", bool(row.direct)), totals_of(row))
        for row in connection.execute(select(each, direct)).all()
    ]
    return tuple(sorted(used, key=lambda one: (*_dearest(one.totals), one.place.key)))


def _dearest(use: UsageTotals) -> tuple[int, int]:
    return -use.cost_micros, -use.questions


def _people(connection: Connection, period: Span, scope: Place | None) -> tuple[PersonUse, ...]:
    """The people of the workspaces whose admins allow that reports name them, by what they asked there."""
    found, setting = sums(SumKind.PERSON, *period, scope), SETTINGS.c
    keys = (found.c.platform, found.c.team, found.c.name)
    asked = select(*keys, func.sum(found.c.questions).label("questions")).group_by(*keys).subquery()
    allows = select(setting.value).where(
        setting.platform == asked.c.platform,
        setting.team == asked.c.team,
        setting.channel == "",
        setting.name == "report_names",
        setting.value == "on",
    )
    person, number = (asked.c.platform, asked.c.name), func.sum(asked.c.questions).label("number")
    query = select(*person, number).where(allows.exists()).group_by(*person).having(number > 0)
    counts = {(row.platform, row.name): int(row.number) for row in connection.execute(query)}
    known = {
        (platform, name): count + counts.get((platform, former_name(name)), 0)
        for (platform, name), count in counts.items()
        if not name.startswith(NAMELESS)
    }
    most = sorted(known.items(), key=lambda one: (-one[1], one[0]))[:_LISTED]
    return tuple(PersonUse(_name(connection, *one) or one[1], count) for one, count in most)


def _name(connection: Connection, platform: str, person: str) -> str | None:
    """The display name of a person with the newest answer that they asked for."""
    theirs = (USAGE.c.platform == platform, USAGE.c.person == person)
    newest = select(func.max(USAGE.c.turn_id)).where(*theirs).scalar_subquery()
    name = case((TURNS.c.started_by == person, TURNS.c.started_by_name), else_=TURNS.c.author_name)
    return connection.scalar(select(name).where(TURNS.c.id == newest))


def errors(connection: Connection, period: Span, scope: Place | None) -> tuple[ErrorUse, ...]:
    """The questions that ended in an error, by its code."""
    found = _not_done(period, scope).subquery()
    number = func.count().label("number")
    query = select(found.c.error, number).where(found.c.state == TurnState.FAILED).group_by(found.c.error)
    rows = connection.execute(query.order_by(number.desc(), found.c.error)).all()
    return tuple(ErrorUse(row.error, row.number) for row in rows)


def _not_done(period: Span, scope: Place | None) -> Select[Any]:
    """The answers that failed or were stopped. Its condition is that of an index."""
    columns = (USAGE.c.turn_id, USAGE.c.state, USAGE.c.error)
    return select(*columns).where(
        NOT_DONE,
        USAGE.c.state.not_in(IN_BACKGROUND),
        USAGE.c.at_us >= period[0],
        USAGE.c.at_us < period[1],
        *within(USAGE, scope),
    )


def _first_words(connection: Connection, period: Span, scope: Place | None) -> tuple[tuple[int, int], ...]:
    found = sums(SumKind.FIRST_WORD, *period, scope)
    counts: Counter[int] = Counter()
    for name, count in connection.execute(
        select(found.c.name, func.sum(found.c.answers)).group_by(found.c.name)
    ):
        counts[two_digits(int(name))] += int(count)
    return tuple(sorted(counts.items()))


def _busiest(connection: Connection, period: Span, scope: Place | None) -> tuple[ThreadUse, ...]:
    found = sums(SumKind.THREAD, *period, scope)
    thread = (found.c.platform, found.c.team, found.c.channel, found.c.name)
    number = func.sum(found.c.questions).label("number")
    query = select(*thread, number).group_by(*thread).having(number > 0)
    rows = connection.execute(query.order_by(number.desc(), *thread).limit(_LISTED)).all()
    return tuple(_thread(connection, Place(*row[:4]), int(row.number)) for row in rows)


def _thread(connection: Connection, place: Place, questions: int) -> ThreadUse:
    asked = (*threads.within(USAGE, place), USAGE.c.state.not_in(IN_BACKGROUND))
    newest = select(func.max(USAGE.c.turn_id)).where(*asked).scalar_subquery()
    message_id = connection.scalar(select(TURNS.c.question).where(TURNS.c.id == newest))
    return ThreadUse(place, questions, message_id or "", thread_list.title(connection, place))


def _given(period: Span, scope: Place | None) -> list[ColumnElement[bool]]:
    """The opinions of a period. The turn names the place."""
    in_period = [FEEDBACK.c.at_us >= period[0], FEEDBACK.c.at_us < period[1], FEEDBACK.c.turn_id == TURNS.c.id]
    return [*in_period, *within(TURNS, scope)]


def _opinions(connection: Connection, period: Span, scope: Place | None) -> tuple[int, int]:
    columns = (func.count(case((FEEDBACK.c.value == value, 1))) for value in (1, -1))
    row = connection.execute(select(*columns).where(*_given(period, scope))).one()
    return row[0], row[1]


def _reasons(connection: Connection, period: Span, scope: Place | None) -> tuple[FeedbackReason, ...]:
    """The newest reasons, those of answers that were not helpful first."""
    query = (
        select(FEEDBACK.c.value, FEEDBACK.c.reason, TURNS)
        .where(*_given(period, scope), FEEDBACK.c.reason != "", TURNS.c.direct.is_(False))
        .order_by(FEEDBACK.c.at_us.desc(), TURNS.c.id.desc())
        .limit(_REASONS)
    )
    each = (connection.execute(query.where(FEEDBACK.c.value == value)).all() for value in (-1, 1))
    rows = [row for some in each for row in some][:_REASONS]
    return tuple(FeedbackReason(row.value > 0, row.reason, _place(row), row.question) for row in rows)


def _open(
    connection: Connection, period: Span, scope: Place | None
) -> tuple[Mapping[OpenKind, int], tuple[OpenQuestion, ...]]:
    """The questions that were left open: their number by kind, and the newest."""
    not_done = _not_done(period, scope).subquery()
    ended = select(not_done.c.turn_id, not_done.c.state.label("kind"))
    started = func.coalesce(TURNS.c.started_at_us, TURNS.c.at_us)
    asking = select(TURNS.c.id.label("turn_id"), literal(OpenKind.ASKING, Text).label("kind")).where(
        ASKING, started >= period[0], started < period[1], *within(TURNS, scope)
    )
    unhelpful = select(FEEDBACK.c.turn_id, literal(OpenKind.UNHELPFUL, Text).label("kind")).where(
        *_given(period, scope), FEEDBACK.c.value == -1
    )
    found = union_all(ended, asking, unhelpful.distinct()).subquery()
    again = TURNS.alias("again").c
    answered = select(again.id).where(again.again_of.is_not(None), again.again_of == found.c.turn_id)
    rows = connection.execute(select(found.c.turn_id, found.c.kind).where(~answered.exists())).all()
    left = sorted(((row.turn_id, OpenKind(row.kind)) for row in rows), reverse=True)
    return Counter(kind for _, kind in left), _newest(connection, left)


def _newest(connection: Connection, left: Sequence[tuple[int, OpenKind]]) -> tuple[OpenQuestion, ...]:
    """The first questions of `left` that are in no direct conversation."""
    listed: list[OpenQuestion] = []
    for first in range(0, len(left), _LOOKED_UP):
        part = left[first : first + _LOOKED_UP]
        turns = select(TURNS).where(TURNS.c.id.in_([turn_id for turn_id, _ in part]), TURNS.c.direct.is_(False))
        rows = {row.id: row for row in connection.execute(turns)}
        listed += (_question(rows[turn_id], kind) for turn_id, kind in part if turn_id in rows)
        if len(listed) >= _LISTED:
            break
    return tuple(listed[:_LISTED])


def _question(row: Any, kind: OpenKind) -> OpenQuestion:
    return OpenQuestion(kind, _place(row), row.question, row.text, from_us(row.at_us))


def _place(row: Any) -> Place:
    return Place(row.platform, row.team, row.channel, row.thread, row.direct)
