"""Budgets: limits, the accounts that they are counted on, and what was spent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from core.values.parts import FileProblem
from core.values.places import Place

ANY = "*"
"""In a key of an account: every value. No id looks like this."""

MICROS = 1_000_000


class BudgetUnit(StrEnum):
    """The unit of a limit. MONEY: millionths of PARLEY_CURRENCY. TOKENS: of prompts and completions together."""

    MONEY = "money"
    TOKENS = "tokens"


class LimitPeriod(StrEnum):
    """The time after which a limit begins anew: a calendar day or month in the workspace's time zone."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be spent within a period. `str` of it is a text that `limits_of` reads."""

    amount: int
    unit: BudgetUnit
    per: LimitPeriod

    def __str__(self) -> str:
        if self.unit is BudgetUnit.TOKENS:
            return f"{self.amount} tokens a {self.per}"
        return f"{(Decimal(self.amount) / MICROS).normalize():f} a {self.per}"


class BudgetScope(StrEnum):
    """The questions that a limit counts. ALL: those of every platform (PARLEY_BUDGET)."""

    PERSON = "person"
    CHANNEL = "channel"
    WORKSPACE = "workspace"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Spent:
    """An amount in both units. A cost that is not known counts as 0."""

    micros: int = 0
    tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.micros + other.micros, self.tokens + other.tokens)

    def beyond(self, other: Spent) -> Spent:
        """The part of each amount that is above that of `other`."""
        return Spent(max(0, self.micros - other.micros), max(0, self.tokens - other.tokens))

    def of(self, unit: BudgetUnit) -> int:
        return self.micros if unit is BudgetUnit.MONEY else self.tokens


@dataclass(frozen=True, slots=True)
class Payer:
    """The keys by which an answer is counted. `person` is a digest of the id of the person who pays for it. `own`: the
    workspace's own model account writes it, so that no account of several workspaces counts it."""

    platform: str
    team: str
    channel: str
    person: str
    own: bool = False

    @property
    def place(self) -> Place:
        """The channel; the workspace, without a channel, where these are the keys of all its channels."""
        return Place(self.platform, self.team, "" if self.channel == ANY else self.channel)

    def covers(self, other: Payer) -> bool:
        """True if each key is ANY or that of `other`, and not the team ANY where `other` is `own`."""
        if other.own and self.team == ANY:
            return False
        pairs = (
            (self.platform, other.platform),
            (self.team, other.team),
            (self.channel, other.channel),
            (self.person, other.person),
        )
        return all(own in (ANY, theirs) for own, theirs in pairs)


@dataclass(frozen=True, slots=True)
class SoundRules:
    """The rules of transcripts for a question that is still being sent. `limited`: a limit holds, so that those of
    another question of the same person are counted first. `problem`: the reason why there are none."""

    limited: bool = False
    problem: FileProblem | None = None


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """The spending from `since` to `until` by payers with these keys. A key of ANY matches every value."""

    payer: Payer
    per: LimitPeriod
    since: datetime
    until: datetime

    @property
    def key(self) -> str:
        payer = self.payer
        whose = f"{payer.platform}/{payer.team}/{payer.channel}/{payer.person}"
        return f"{whose}/{self.per}/{self.since:%Y%m%dT%H%M}"

    def counts(self, payer: Payer, at: datetime) -> bool:
        """True if an answer of `payer` at `at` is counted here."""
        return self.since <= at < self.until and self.payer.covers(payer)


@dataclass(frozen=True, slots=True)
class Balance:
    """The state of an account. `reserved`: for answers that are being written. `lifts`: the texts of its limits that an
    admin allowed once more, with how often. `unpriced`: the answers whose cost is unknown, as far as they were
    counted."""

    spent: Spent = Spent()
    reserved: Spent = Spent()
    lifts: tuple[tuple[str, int], ...] = ()
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit in force, and the account that it is counted on."""

    scope: BudgetScope
    limit: Limit
    account: BudgetAccount

    def lifts(self, balance: Balance) -> int:
        """The number of times that this limit was allowed once more. Another unit or amount is another limit."""
        return dict(balance.lifts).get(str(self.limit), 0) if balance.lifts else 0

    def allowed(self, lifts: int) -> int:
        """The amount that may be spent after that many lifts."""
        return self.limit.amount * (1 + lifts)

    def is_reached(self, balance: Balance) -> bool:
        return balance.spent.of(self.limit.unit) >= self.allowed(self.lifts(balance))

    def percent(self, balance: Balance) -> int:
        """The spent share of what is allowed, in whole percent: 100 or more only where it is reached."""
        allowed = self.allowed(self.lifts(balance))
        return 100 * balance.spent.of(self.limit.unit) // allowed if allowed else 100


@dataclass(frozen=True, slots=True)
class BudgetClaim:
    """The claim of a turn on its accounts: `spent` so far, counted at the time `at`, and at most `most` from now on.

    `begun`: people see words of the answer, so that only the spending of other answers refuses the rest of it. `kept`:
    what stays reserved where `most` is not. `moved`: `at` is the time at which the answer is counted from now on.
    """

    turn_id: int
    payer: Payer
    at: datetime
    most: Spent
    spent: Spent = Spent()
    begun: bool = False
    kept: Spent = Spent()
    moved: bool = False

    @property
    def begins(self) -> bool:
        """True if there is nothing to count or to move: a person waits for the first word."""
        return self.spent == Spent() and not self.moved


class BudgetVerdict(StrEnum):
    """The decision about an answer that begins or goes on. WAIT: the answers that are being written may use up the
    limit."""

    ALLOWED = "allowed"
    WAIT = "wait"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class BudgetDecision:
    """`budget` is the one that an answer waits for, or that refuses it; `balance` is that of its account."""

    verdict: BudgetVerdict
    budget: Budget | None = None
    balance: Balance = Balance()


ADMITTED = BudgetDecision(BudgetVerdict.ALLOWED)


_FORGOTTEN_PAYER = re.compile(r"(forgotten-[0-9a-f]+)#([0-9a-f]{64})")


def person_digest(person: str) -> str:
    """A one-way hash of a person's id: of a `forgotten_payer` that of the id before."""
    known = _FORGOTTEN_PAYER.fullmatch(person)
    return known[2] if known else sha256(person.encode()).hexdigest()


def forgotten_payer(name: str, person: str) -> str:
    """The id of a forgotten person, who has a random `name` now, as the payer of an answer that has not ended: it stays
    on the account that it is counted on."""
    return f"{name}#{person_digest(person)}"


def payer_name(person: str) -> str:
    """The id under which usage is stored: of a `forgotten_payer` the random name."""
    known = _FORGOTTEN_PAYER.fullmatch(person)
    return known[1] if known else person
