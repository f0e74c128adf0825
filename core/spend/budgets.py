"""Budgets: which limits hold for a question, and whether its answer may begin. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo

from core.settings.channel import SETTINGS, ChannelSettings, Origin
from core.spend.periods import PeriodName, period_at
from core.spend.prices import cost_micros
from core.values.budgets import (
    ADMITTED,
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetDecision,
    BudgetScope,
    BudgetUnit,
    BudgetVerdict,
    Limit,
    Payer,
    Spent,
    person_digest,
)
from core.values.conversation import Turn
from core.values.deltas import ModelInfo, Usage
from core.values.places import Place

LIFT = "lift:"
"""The prefix of the name of an entry in the audit; the scope of the limit follows it."""

NEAR_PERCENT = 80
"""The share of a limit from which on people get a note."""

_SOUND_S = 3_600.0
"""Seconds that any sound may have: a format that compresses silence has hours of it in a few bytes."""
_SOUND_BYTES_PER_S = 750
"""The bytes of a second of speech at 6 kbit/s, the lowest bitrate of Opus: https://www.rfc-editor.org/rfc/rfc6716"""
_SOUND_BYTES = 25 * 1024 * 1024
"""The size of a sound that the platform does not tell: the largest one that endpoints take."""
_PROMPT_PER_S, _COMPLETION_PER_S = 32, 10
"""Tokens of a second of sound and of its words. Gemini counts 32, the most of the vendors:
https://ai.google.dev/gemini-api/docs/audio. Fast speech has five words a second."""

_SCOPES = {
    Origin.CHANNEL: BudgetScope.CHANNEL,
    Origin.WORKSPACE: BudgetScope.WORKSPACE,
    Origin.DEFAULT: BudgetScope.ALL,
}


def payer_of(place: Place, person: str, *, own: bool = False) -> Payer:
    """The keys of an answer at `place` to the person with this id. `own`: as in `Payer`."""
    return Payer(place.platform, place.team, place.channel, person_digest(person), own)


def budgets_of(
    settings: ChannelSettings, payer: Payer, people_of: str, at: datetime, operators_zone: tzinfo
) -> tuple[Budget, ...]:
    """The limits that hold for a question of `payer` at `at`, the narrowest scope first.

    `people_of`: the team in which ids of people are unique (`PlatformTraits.people_of`). Periods are those of the
    workspace's time zone; those of the limit for all are of `operators_zone`. What a workspace's own model account
    spends no limit of several workspaces counts.
    """
    people_of = payer.team if payer.own else people_of
    keys = {
        BudgetScope.PERSON: Payer(payer.platform, people_of or ANY, ANY, payer.person),
        BudgetScope.CHANNEL: Payer(payer.platform, payer.team, payer.channel, ANY),
        BudgetScope.WORKSPACE: Payer(payer.platform, payer.team, ANY, ANY),
        BudgetScope.ALL: Payer(ANY, ANY, ANY, ANY),
    }
    budgets = []
    for scope, limits in scoped_limits(settings):
        if not keys[scope].covers(payer):
            continue
        zone = operators_zone if scope is BudgetScope.ALL else settings.zone
        for limit in limits:
            period = period_at(PeriodName(limit.per), at, zone)
            account = BudgetAccount(keys[scope], limit.per, period.since, period.until)
            budgets.append(Budget(scope, limit, account))
    return tuple(budgets)


def scoped_limits(settings: ChannelSettings) -> list[tuple[BudgetScope, Sequence[Limit]]]:
    """The limits of each scope, the narrowest first. All hold."""
    layers = reversed(settings.layers.get("budget", ()))
    others = [(_SCOPES[origin], SETTINGS["budget"].read(text) or ()) for origin, text in layers if text]
    return [(BudgetScope.PERSON, settings.person_budget), *others]


def decide(
    budgets: Iterable[Budget], balances: Iterable[Balance], most: Spent, *, own: Spent | None = None
) -> BudgetDecision:
    """Decide if an answer that may spend `most` may begin, or go on. `reserved` of the balances is that of other
    answers. `own`: the part of `spent` of an answer that goes on behind words that people see; None where it begins.

    An answer that alone may pass a limit begins while no other one is being written, so a limit is passed by at most
    one answer, and no answer is refused that had something left to spend. What an answer has spent itself does not
    keep it from going on: it is refused where the others alone have reached a limit. So the others together never pass
    it, whichever answer does.
    """
    waits: BudgetDecision | None = None
    for budget, balance in zip(budgets, balances, strict=True):
        unit, allowed = budget.limit.unit, budget.allowed(budget.lifts(balance))
        others = balance if own is None else replace(balance, spent=balance.spent.beyond(own))
        if budget.is_reached(others):
            return BudgetDecision(BudgetVerdict.REFUSED, budget, balance)
        reserved = balance.reserved.of(unit)
        if reserved and balance.spent.of(unit) + reserved + most.of(unit) > allowed:
            waits = waits or BudgetDecision(BudgetVerdict.WAIT, budget, balance)
    return waits or ADMITTED


def near(budgets: Iterable[Budget], balances: Iterable[Balance]) -> list[tuple[Budget, Balance]]:
    """The budgets of which at least NEAR_PERCENT are spent."""
    return [
        (budget, balance)
        for budget, balance in zip(budgets, balances, strict=True)
        if 100 * balance.spent.of(budget.limit.unit) >= NEAR_PERCENT * budget.allowed(budget.lifts(balance))
    ]


def counts_money(budgets: Iterable[Budget]) -> bool:
    """True if one of the limits is in money."""
    return any(budget.limit.unit is BudgetUnit.MONEY for budget in budgets)


@dataclass(frozen=True, slots=True)
class AnswerBound:
    """The size of the rest of an answer: bytes and pictures of its next prompt, the longest completion in tokens (None:
    the model's window), and the rounds. `others`: the most that other models may spend for it before, for transcripts
    of sounds or descriptions of pictures.

    With tools these are two, the next round and the last one. An answer reserves round by round. Where another round
    does not fit, it waits, or ends with the round that it has reserved. So its first reservation need not hold all of
    its rounds, and a limit is passed by at most one answer all the same.
    """

    prompt_bytes: int
    pictures: int = 0
    max_tokens: int | None = None
    rounds: int = 1
    others: Spent = field(default_factory=Spent)

    @property
    def last_round(self) -> AnswerBound:
        """The last of the rounds. Its prompt has results of tools, up to the model's window."""
        return replace(self, prompt_bytes=sys.maxsize, rounds=1, others=Spent())


def most_spent(model_info: ModelInfo, bound: AnswerBound, day: date) -> Spent:
    """The most that an answer may spend at the prices of `day`.

    A token is at least one byte of UTF-8. A prompt with pictures, that of a later round, and an answer without
    `max_tokens` are bounded by the window of the model alone: a round may call 32 tools with 16 kB of results each,
    which is more than most windows. A try that failed is not in it.
    """
    window = model_info.context_tokens
    completions = min(bound.max_tokens or window, window) * bound.rounds
    first = window if bound.pictures else min(bound.prompt_bytes, window)
    prompts, pictures = first + (bound.rounds - 1) * window, bound.pictures * bound.rounds
    prices = model_info.prices_on(day)
    costs = (
        cost_micros(Usage(prompts, completions, reasoning_tokens=reasoning), prices, pictures) or 0
        for reasoning in (0, completions)
    )
    return Spent(max(costs), prompts + completions) + bound.others


def most_described(model_infos: Iterable[ModelInfo], pictures: int, max_tokens: int, day: date) -> Spent:
    """The most that descriptions of so many pictures may spend, each by one of `model_infos` in a request of its
    own."""
    each = [most_spent(one, AnswerBound(0, 1, max_tokens), day) for one in model_infos]
    micros = max((one.micros for one in each), default=0)
    return Spent(pictures * micros, pictures * max((one.tokens for one in each), default=0))


def most_read(model_info: ModelInfo, prompt_bytes: int, day: date) -> Spent:
    """The most that a model which writes nothing may spend for reading so many bytes: a token is at least one."""
    return Spent(cost_micros(Usage(prompt_bytes), model_info.prices_on(day)) or 0, prompt_bytes)


def most_transcribed(sizes: Iterable[int], model_infos: Iterable[ModelInfo], day: date) -> Spent:
    """The most that transcripts of sounds of `sizes` bytes (0: unknown) by one of `model_infos` may spend.

    A sound is as long as its bytes are at the lowest usual bitrate, and at least `_SOUND_S`. It may be longer all the
    same: `core.spend.budget_queue.BudgetQueue` says why a limit is passed by at most one answer then too.
    """
    seconds = sum(max(_SOUND_S, (size or _SOUND_BYTES) / _SOUND_BYTES_PER_S) for size in sizes)
    tokens = Usage(math.ceil(seconds * _PROMPT_PER_S), math.ceil(seconds * _COMPLETION_PER_S))
    usages = (Usage(sound_s=seconds), tokens)
    prices = [model_info.prices_on(day) for model_info in model_infos]
    costs = (cost_micros(usage, some) or 0 for some in prices for usage in usages)
    return Spent(max(costs, default=0), tokens.prompt_tokens + tokens.completion_tokens if prices else 0)


def lifted_place(budget: Budget, alerted: Place) -> Place:
    """The place in whose audit a lift is entered: the channel or workspace of the limit, else that of the alert."""
    payer = budget.account.payer
    if ANY in (payer.platform, payer.team):
        return replace(alerted, channel="", thread="")
    return payer.place


def spent_of(usage: Usage) -> Spent:
    """The amounts that budgets count of `usage`."""
    return Spent(usage.cost_micros or 0, usage.prompt_tokens + usage.completion_tokens)


def charged_at(turn: Turn, now: datetime) -> datetime:
    """The time at which the answer of `turn` is counted: that at which it was asked for. Turns of earlier versions have
    the time of their question, and now where a question is answered again."""
    return turn.started_at or (turn.ask.at if turn.again_of is None else now)
