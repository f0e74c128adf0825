"""Decides whether a person's question may be answered now, and whether a refusal is explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

from core.access import Refusal, refusal
from core.commands.handlers import CommandHandlers
from core.i18n import duration, phrase
from core.inbox.rate_limit import Rate, TellCount, to_no_other
from core.ports.store import Store
from core.settings.channel import ChannelSettings
from core.spend.budget_text import near_to_text, refusal_to_text
from core.values.budgets import Balance, Budget, BudgetScope, person_digest
from core.values.conversation import Ask
from core.values.events import Outcome, Receipt
from core.values.places import Person, Place
from core.values.ui import ImmediateReply

_NOTES = 10_000
"""The most notes, and refused questions, that are remembered without the store."""
_GAP_S, _DIRECT_GAP_S = 15.0, 1.0
"""Seconds between two replies to refused questions of a person, in a channel and in a direct conversation."""


@dataclass(frozen=True, slots=True)
class Eligible:
    """The receipt of a refused question; or, where the question is accepted, the limits of spending that it nears."""

    refused: Receipt | None = None
    near: tuple[tuple[Budget, Balance], ...] = ()


class Eligibility:
    """Applies a channel's access rules, the limit of questions a minute, and budgets.

    `on_refused` receives the platform of each refused question, and why: once, however often it is checked.
    `tell_count`: as in `Rate`.
    """

    def __init__(
        self,
        store: Store,
        handlers: CommandHandlers,
        on_refused: Callable[[str, Outcome], None] = lambda _platform, _why: None,
        tell_count: TellCount = to_no_other,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._on_refused = on_refused
        self._refused: LRUCache[str, bool] = LRUCache(_NOTES)
        self._currency = handlers.core.parley_currency
        self._rate = Rate(tell_count)
        self._noted: LRUCache[str, bool] = LRUCache(_NOTES)

    async def check(
        self,
        person: Person,
        place: Place,
        settings: ChannelSettings,
        key: str,
        *,
        tell: bool,
        ask: Ask | None = None,
    ) -> Eligible:
        """Check a question.

        `tell`: the receipt of a refusal always says why; otherwise `explains` decides. A question above a limit stays
        part of its thread, unless its platform gives the words back. Raises StoreError.
        """
        eligible = await self._check(person, place, settings, key, tell=tell, ask=ask)
        if eligible.refused is not None:
            self.count_refused(place, key, eligible.refused.outcome)
        return eligible

    def count_refused(self, place: Place, key: str, why: Outcome) -> None:
        """Count a refused question. The same `key` counts once."""
        if key not in self._refused:
            self._refused[key] = True
            self._on_refused(place.platform, why)

    async def _check(
        self,
        person: Person,
        place: Place,
        settings: ChannelSettings,
        key: str,
        *,
        tell: bool,
        ask: Ask | None,
    ) -> Eligible:
        language = self._handlers.language(person, settings)
        if why := refusal(person, place, settings):
            told = tell or (ask is not None and await self.explains(ask, why))
            return Eligible(
                Receipt(Outcome.REFUSED, reply=refusal_reply(phrase(why, language)) if told else None)
            )
        now_s, outcome, private, limit = self._handlers.clock.monotonic(), Outcome.LIMITED, False, "rate"
        if wait_s := self._rate.wait_s(self._who(person, place), key, settings.rate, now_s):
            words = phrase("limited", language, wait=duration(wait_s, language))
        else:
            checked = await self._handlers.budgets.check(place, person.id, settings)
            if checked.refusal is None:
                return Eligible(near=checked.near)
            budget, outcome = checked.refusal.budget, Outcome.BUDGET
            private, limit = budget.scope is BudgetScope.PERSON, f"{budget.account.key}/{budget.limit}"
            words = refusal_to_text(checked.refusal, language, self._currency, settings.zone)
        returned = self._returns(place)
        joined = await self._store.joined(place)
        if ask is not None and not returned and joined:
            await self._store.note(ask)
        told = tell or returned or self._tells(person, place, limit, joined=joined)
        return Eligible(Receipt(outcome, reply=refusal_reply(words, private=private) if told else None))

    async def note(
        self, person: Person, place: Place, settings: ChannelSettings, eligible: Eligible
    ) -> ImmediateReply | None:
        """The note that an accepted question nears limits of spending: one of each limit and period to a person.

        Raises StoreError.
        """
        language, who = self._handlers.language(person, settings), self._who(person, place)
        lines = []
        for budget, balance in eligible.near:
            key = f"budget/{budget.account.key}/{budget.limit}/{budget.lifts(balance)}/{person_digest(who)}"
            if key not in self._noted and await self._store.mark_once(key):
                lines.append(near_to_text(budget, balance, language, self._currency, settings.zone))
            self._noted[key] = True
        return ImmediateReply("\n".join(lines), private=True) if lines else None

    def count(self, person: Person, place: Place, key: str) -> None:
        """Count an accepted question. The same `key` counts once."""
        self._rate.count(self._who(person, place), key, self._handlers.clock.monotonic())

    def learn_count(self, person: str, key: str) -> None:
        """Count what another process has counted (`Rate.learn`)."""
        self._rate.learn(person, key, self._handlers.clock.monotonic())

    def count_edit(self, ask: Ask, key: str, limit: int, due_s: float) -> float:
        """Count an edited question, and return when it may be answered: `due_s`, or later above `limit` a minute."""
        who = self._who(ask.author, ask.place)
        due_s += self._rate.wait_s(who, key, limit, self._handlers.clock.monotonic())
        self._rate.count(who, key, due_s)
        return due_s

    async def explains(self, ask: Ask, why: Refusal) -> bool:
        """True if the author of a refused question gets an explanation: once per channel, if they addressed the bot.

        An unknown author may be known a moment later, so each refusal is explained, as `_tells` decides. Where the
        words are given back, each refusal is explained.
        """
        if self._returns(ask.place):
            return True
        if why is Refusal.UNKNOWN:
            return self._tells(ask.author, ask.place, why, joined=False)
        return ask.addressed and await self.first(ask, "refused")

    def _tells(self, person: Person, place: Place, why: str, *, joined: bool) -> bool:
        """True if a refusal is replied to. No flood of questions becomes one of replies: within `_GAP_S` there is one
        to a person for each reason, in each thread that is joined, and in the rest of the channel."""
        gap_s = _DIRECT_GAP_S if place.direct else _GAP_S
        key = f"{self._who(person, place)}/{place.key if joined else place.channel_key}/{why}"
        return self._rate.tell(key, self._handlers.clock.monotonic(), gap_s)

    def _returns(self, place: Place) -> bool:
        return self._handlers.traits(place).returns_refused

    def _who(self, person: Person, place: Place) -> str:
        return self._handlers.traits(place).person_key(person, place)

    async def first(self, ask: Ask, why: str) -> bool:
        """True once for each author, channel and `why`; always where the words are given back."""
        return self._returns(ask.place) or await self._store.mark_once(
            f"{why}/{ask.place.channel_key}/{ask.author.id}"
        )


def refusal_reply(words: str, *, private: bool = False) -> ImmediateReply:
    """The reply that refuses a question or a command. `private`: for a reason that is the person's own."""
    return ImmediateReply(words, refused=True, private=private)
