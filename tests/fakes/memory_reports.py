"""The figures of usage reports, summed over every answer anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from core.ports.store.privacy import Feedback
from core.spend.periods import PeriodName, period_at
from core.spend.prices import NO_USAGE, total
from core.spend.report import two_digits
from core.values.conversation import Turn, TurnState
from core.values.deltas import Usage
from core.values.operation import ModelLatency
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
from core.values.tasks import SumUpThread
from core.values.turn_ends import Finish
from core.values.usage import DIRECT, Charge, SummaryTotals, UsageField, UsageGroup, UsageTotals
from storage.forgotten import NAMELESS, former_name
from tests.fakes.memory_threads import holds

_LISTED, _REASONS = 5, 3
_COUNTED = (TurnState.DONE, TurnState.FAILED)
Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class UsedAnswer:
    """The usage of an answer. `person` is empty where they were forgotten before it ended. `at`: when it counts.
    `charges`: those that are stored. `part`: the part of another model than the answer's."""

    finish: Finish
    person: str
    at: datetime
    charges: tuple[Charge, ...] = ()
    part: bool = False

    @property
    def place(self) -> Place:
        return self.finish.turn.ask.place

    @property
    def in_background(self) -> bool:
        """True if it answers no question."""
        return self.finish.turn.ask.in_background

    @property
    def sums_up(self) -> bool:
        """True if it is a summary of a thread."""
        return isinstance(self.finish.turn.ask.task, SumUpThread)

    @property
    def counted(self) -> bool:
        return self.finish.state in _COUNTED and not (self.part or self.in_background)

    @property
    def failed(self) -> bool:
        return self.finish.state is TurnState.FAILED and not self.in_background

    @property
    def of_operator(self) -> UsedAnswer:
        """As a report of all workspaces counts it: what a workspace's own account spent is not the operator's."""
        if not self.finish.own_account:
            return self
        usage = _free(self.finish.usage or NO_USAGE)
        charges = tuple(replace(one, usage=_free(one.usage)) for one in self.charges)
        return replace(self, finish=replace(self.finish, usage=usage), charges=charges)

    def by_model(self) -> list[UsedAnswer]:
        """Its usage under its own model, and that of each other model."""
        if not self.charges:
            return [self]
        usages: dict[str, list[Usage]] = {self.finish.model: [NO_USAGE]}
        for charge in self.charges:
            usages.setdefault(charge.model, []).append(charge.usage)
        whole = {model: total(those) for model, those in usages.items()}
        if (
            self.finish.usage is not None
            and _unpriced(self.finish.usage)
            and not any(map(_unpriced, whole.values()))
        ):
            own = whole[self.finish.model]
            whole[self.finish.model] = replace(own, partly_priced=True)
        return [
            replace(
                self, finish=replace(self.finish, model=model, usage=usage), part=model != self.finish.model
            )
            for model, usage in whole.items()
        ]


def totals_of(used: Iterable[UsedAnswer], *, with_people: bool = False) -> UsageTotals:
    answers = list(used)
    usages = [one.finish.usage for one in answers if one.finish.usage is not None]
    people = {(one.place.platform, former_name(one.person)) for one in answers if one.counted and one.person}
    return UsageTotals(
        questions=sum(one.counted for one in answers),
        people=len(people) if with_people else 0,
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cost_micros=sum(usage.cost_micros or 0 for usage in usages),
        errors=sum(one.failed and not one.part for one in answers),
        unpriced=sum(map(_unpriced, usages)),
    )


def summary_totals(used: Iterable[UsedAnswer]) -> SummaryTotals:
    usages = [one.finish.usage or NO_USAGE for one in used if one.sums_up]
    costs = sum(usage.cost_micros or 0 for usage in usages)
    return SummaryTotals(len(usages), costs, sum(map(_unpriced, usages)))


def within(used: Iterable[UsedAnswer], scope: Place | None) -> list[UsedAnswer]:
    """The answers of a scope, as its reports count them."""
    if scope is None:
        return [one.of_operator for one in used]
    return [one for one in used if holds(scope, one.place)]


def _free(usage: Usage) -> Usage:
    return replace(usage, cost_micros=0, partly_priced=False)


def _unpriced(usage: Usage) -> bool:
    return usage.cost_micros is None or usage.partly_priced


@dataclass(frozen=True, slots=True)
class ReportedData:
    """The data that reports are made of."""

    used: Sequence[UsedAnswer]
    turns: Mapping[int, Turn]
    feedback: Mapping[tuple[int, str], Feedback]
    titles: Mapping[str, str]
    named_teams: Collection[tuple[str, str]]
    """Those whose admins allow that reports name people."""

    def figures(self, bars: Sequence[Period], before: Period, scope: Place | None) -> ReportFigures:
        period = bars[0][0], bars[-1][1]
        used = self._between(period, scope)
        opinions = self._opinions(period, scope)
        counts, left_open = self._open(period, scope, used, opinions)
        by_model = _grouped((part for one in used for part in one.by_model()), lambda one: one.finish.model)
        by_channel = _grouped(used, lambda one: one.place.channel_key)
        return ReportFigures(
            now=totals_of(used, with_people=True),
            before=totals_of(self._between(before, scope)),
            bars=tuple(_bar(bar, totals_of(self._between(bar, scope))) for bar in bars),
            models=tuple(
                sorted(
                    (ModelUse(model, totals_of(those)) for model, those in by_model.items() if model),
                    key=lambda one: (-one.totals.cost_micros, -one.totals.questions, one.model),
                )
            ),
            channels=tuple(
                sorted(
                    (ChannelUse(_channel(those), totals_of(those)) for those in by_channel.values()),
                    key=lambda one: (-one.totals.cost_micros, -one.totals.questions, one.place.key),
                )
            ),
            summaries=summary_totals(used),
            people=self._people(used),
            errors=errors(used),
            first_words=first_words(used),
            threads=self._busiest(used),
            helpful=sum(one.value > 0 for _, one in opinions),
            unhelpful=sum(one.value < 0 for _, one in opinions),
            reasons=_reasons(opinions),
            open_counts=counts,
            open=left_open,
        )

    def _between(self, period: Period, scope: Place | None) -> list[UsedAnswer]:
        since, until = period
        return within((one for one in self.used if since <= one.at < until), scope)

    def _opinions(self, period: Period, scope: Place | None) -> list[tuple[Turn, Feedback]]:
        given = ((self.turns[turn_id], one) for (turn_id, _), one in self.feedback.items())
        return [
            (turn, one)
            for turn, one in given
            if period[0] <= one.at < period[1] and (not scope or holds(scope, turn.ask.place))
        ]

    def _people(self, used: Sequence[UsedAnswer]) -> tuple[PersonUse, ...]:
        counts = Counter(
            (one.place.platform, one.person)
            for one in used
            if one.counted and one.person and (one.place.platform, one.place.team) in self.named_teams
        )
        known = {
            (platform, person): count + counts[platform, former_name(person)]
            for (platform, person), count in counts.items()
            if not person.startswith(NAMELESS)
        }
        order = sorted(known.items(), key=lambda one: (-one[1], one[0]))
        return tuple(PersonUse(self._name(*person) or person[1], n) for person, n in order[:_LISTED])

    def _name(self, platform: str, person: str) -> str:
        theirs = (one.finish for one in self.used if (one.place.platform, one.person) == (platform, person))
        return max((one.turn.id, one.turn.payer.name) for one in theirs)[1]

    def _busiest(self, used: Sequence[UsedAnswer]) -> tuple[ThreadUse, ...]:
        threads = _grouped((one for one in used if not one.place.direct), lambda one: one.place.key)
        busy = [(sum(one.counted for one in those), those[0].place) for those in threads.values()]
        order = sorted((one for one in busy if one[0]), key=lambda one: (-one[0], one[1].key))
        return tuple(
            ThreadUse(place, number, self._newest(place), self.titles.get(place.key, ""))
            for number, place in order[:_LISTED]
        )

    def _newest(self, place: Place) -> str:
        there = (one for one in self.used if one.place == place and not one.in_background)
        return max((one.finish.turn.id, one.finish.turn.ask.id) for one in there)[1]

    def _open(
        self,
        period: Period,
        scope: Place | None,
        used: Sequence[UsedAnswer],
        opinions: Sequence[tuple[Turn, Feedback]],
    ) -> tuple[dict[OpenKind, int], tuple[OpenQuestion, ...]]:
        again = {turn.again_of for turn in self.turns.values()}
        found = [
            *(
                (one.finish.state, one.finish.turn.id)
                for one in used
                if one.finish.state is not TurnState.DONE and not one.in_background
            ),
            *(
                (OpenKind.UNHELPFUL, turn_id)
                for turn_id in {turn.id for turn, one in opinions if one.value < 0}
            ),
            *(
                (OpenKind.ASKING, turn.id)
                for turn in self.turns.values()
                if turn.state is TurnState.ASKING
                and period[0] <= (turn.started_at or turn.ask.at) < period[1]
                and (not scope or holds(scope, turn.ask.place))
            ),
        ]
        left = [(OpenKind(kind), self.turns[turn_id]) for kind, turn_id in found if turn_id not in again]
        newest = sorted(left, key=lambda one: (one[1].id, one[0]), reverse=True)
        listed = [(kind, turn.ask) for kind, turn in newest if not turn.ask.place.direct]
        return dict(Counter(kind for kind, _ in left)), tuple(
            OpenQuestion(kind, ask.place, ask.id, ask.text, ask.at) for kind, ask in listed[:_LISTED]
        )


def _grouped(used: Iterable[UsedAnswer], key: Callable[[UsedAnswer], str]) -> dict[str, list[UsedAnswer]]:
    found: defaultdict[str, list[UsedAnswer]] = defaultdict(list)
    for one in used:
        found[key(one)].append(one)
    return found


def _channel(used: Sequence[UsedAnswer]) -> Place:
    place = used[0].place
    return Place(place.platform, place.team, place.channel, "", place.direct)


def errors(used: Iterable[UsedAnswer]) -> tuple[ErrorUse, ...]:
    counts = Counter(one.finish.error for one in used if one.failed)
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(ErrorUse(code, number) for code, number in order)


def latencies(used: Iterable[UsedAnswer]) -> tuple[ModelLatency, ...]:
    found = _grouped((one for one in used if one.finish.first_word_s is not None), lambda one: one.finish.model)
    return tuple(ModelLatency(model, first_words(those)) for model, those in sorted(found.items()))


def first_words(used: Iterable[UsedAnswer]) -> tuple[tuple[int, int], ...]:
    words = [round(one.finish.first_word_s * 1000) for one in used if one.finish.first_word_s is not None]
    return tuple(sorted(Counter(map(two_digits, words)).items()))


def _reasons(opinions: Iterable[tuple[Turn, Feedback]]) -> tuple[FeedbackReason, ...]:
    given = [(turn, one) for turn, one in opinions if one.reason and not turn.ask.place.direct]
    newest = sorted(given, key=lambda one: (-one[1].value, one[1].at, one[0].id), reverse=True)
    return tuple(
        FeedbackReason(one.value > 0, one.reason, turn.ask.place, turn.ask.id)
        for turn, one in newest[:_REASONS]
    )


def _bar(bar: Period, use: UsageTotals) -> Bar:
    unknown = use.unpriced and not use.cost_micros
    return Bar(*bar, use.questions, None if unknown else use.cost_micros)


def groups(
    used: Iterable[UsedAnswer], by: Collection[UsageField], zone: tzinfo, *, names: bool
) -> list[UsageGroup]:
    found: defaultdict[tuple[str, ...], list[UsedAnswer]] = defaultdict(list)
    for one in (part for each in used for part in (each.by_model() if UsageField.MODEL in by else [each])):
        day = period_at(PeriodName.DAY, one.at, zone).first_day.isoformat() if UsageField.DAY in by else ""
        located = bool({UsageField.CHANNEL, UsageField.PERSON} & set(by))
        team = (one.place.platform, one.place.team) if located else ("", "")
        channel = DIRECT if one.place.direct else one.place.channel
        channel = channel if UsageField.CHANNEL in by else ""
        person = one.person if UsageField.PERSON in by else ""
        model = one.finish.model if UsageField.MODEL in by else ""
        found[day, *team, channel, person, model].append(one)
    return [_group(key, those, names=names) for key, those in sorted(found.items())]


def _group(key: tuple[str, ...], used: Sequence[UsedAnswer], *, names: bool) -> UsageGroup:
    totals, usages = totals_of(used), [one.finish.usage for one in used if one.finish.usage is not None]
    named = names and key[4] and not key[4].startswith(NAMELESS)
    name = max(one.finish.turn.payer.name for one in used) if named else ""
    day, platform, team, channel, person, model = key
    return UsageGroup(
        day=day,
        platform=platform,
        team=team,
        channel=channel,
        person=person,
        name=name,
        model=model,
        answers=sum(not (one.part or one.in_background) for one in used),
        questions=totals.questions,
        errors=totals.errors,
        prompt_tokens=totals.prompt_tokens,
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        completion_tokens=totals.completion_tokens,
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        cost_micros=totals.cost_micros,
        unpriced=totals.unpriced,
    )
