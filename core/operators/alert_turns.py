"""Alerts for the people who run the bot, posted to their channels by the same machinery as everything else.

An alert is a turn: it survives a restart, and the same alert of the same hour is one turn. Where the database refuses
the turn, the alert is posted without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from core.clock import Clock
from core.errors import Code, StoreError
from core.i18n import advise, language_of, phrase
from core.operators.alerts import AGAIN_S
from core.ports.store.turns import TurnLedger
from core.values.conversation import Turn, TurnState, announcement
from core.values.places import Person, Place
from core.values.tasks import Alert, BudgetLift, BudgetReached, UpdateAlert
from core.values.ui import Localized

_LOOK_S = 0.1
_TEAM_LOOKS, _TEAM_PAUSE_S = 120, 0.5
_STANDS = timedelta(days=7)
_SAME = timedelta(minutes=10)
"""The time within which several processes notice the same."""
_OPEN = (TurnState.WAITING, TurnState.RUNNING)


async def _as_it_is(place: Place) -> Place | None:
    return place


async def _never(_text: str) -> bool:
    return False


class AlertWriter(Protocol):
    """Writes alerts about budgets (`core.spend.budget_alerts`)."""

    def plain(self, alert: BudgetReached | BudgetLift, place: Place) -> Localized: ...
    async def write(self, alert: BudgetReached | BudgetLift, place: Place) -> Localized: ...


class AlertChannels:
    """Posts each alert to several channels at once. A call returns True as soon as one of them shows the alert, and
    False once all have failed; the others go on in the background until `close`."""

    def __init__(self, channels: Sequence[AlertTurns]) -> None:
        self._channels = channels
        self._posting: set[asyncio.Task[bool]] = set()

    async def standing(self) -> list[tuple[Alert, float]]:
        """`AlertTurns.standing` of all channels together, each alert once. Raises StoreError."""
        known = [one for channel in self._channels for one in await channel.standing()]
        return list({(alert.what, alert.code): (alert, age_s) for alert, age_s in known}.values())

    async def __call__(self, alert: Alert | BudgetReached) -> bool:
        tasks = [asyncio.create_task(channel(alert)) for channel in self._channels]
        self._posting.update(tasks)
        for task in tasks:
            task.add_done_callback(self._posting.discard)
        for posted in asyncio.as_completed(tasks):
            if await posted:
                return True
        return False

    async def update(self, lift: BudgetLift) -> bool:
        """Show in the alerts of all channels that a limit was allowed once more. True where one of them is updated."""
        return any([await channel.update(lift) for channel in self._channels])

    async def close(self) -> None:
        posting = list(self._posting)
        for task in posting:
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class AlertTurns:
    """Posts alerts to `place`, in the order of the calls. A call returns whether its alert is shown there.

    `writer` writes alerts about budgets. `post_directly` posts a text there without the database. It returns whether
    that worked. `addressed` returns the place with its team, or None while that is unknown, which is waited for. It
    raises StoreError.
    """

    place: Place
    store: TurnLedger
    submit: Callable[[Turn], None]
    clock: Clock
    language: str
    writer: AlertWriter
    post_directly: Callable[[str], Awaitable[bool]] = _never
    addressed: Callable[[Place], Awaitable[Place | None]] = _as_it_is
    _accepting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def standing(self) -> list[tuple[Alert, float]]:
        """Alerts of the last days that were posted and have not ended, with their ages in seconds. Raises
        StoreError."""
        now = self.clock.now()
        standing: dict[tuple[str, Code], tuple[Alert, float]] = {}
        for alert, at in await self.store.alerts(self.place, now - _STANDS):
            standing[alert.what, alert.code] = (alert, (now - at).total_seconds())
        return [(alert, age_s) for alert, age_s in standing.values() if not alert.over]

    async def __call__(self, alert: Alert | BudgetReached) -> bool:
        now = self.clock.now()
        try:
            async with self._accepting:
                place = await self._known_place()
                if place is None or await self._is_posted(alert, place, now):
                    return False
                written = await self._written(alert, place)
                ask = announcement(_ask_id(alert, now), place, alert, now, written.text, written.language)
                turn = await self.store.accept(ask)
                if turn is None:
                    return False  # another process posts it, and may still fail
                self.submit(turn)
            while turn is not None and turn.state in _OPEN:
                await self.clock.sleep(_LOOK_S)
                turn = await self.store.turn(turn.id)
        except StoreError:
            return await self.post_directly(self._plain(alert))
        return turn is not None and turn.state is TurnState.DONE

    async def _is_posted(self, alert: Alert | BudgetReached, place: Place, now: datetime) -> bool:
        """True if another process has posted the same just now, in the hour before. Raises StoreError."""
        if isinstance(alert, BudgetReached):
            return False
        posted = [one for one, _ in await self.store.alerts(place, now - _SAME)]
        same = [one for one in posted if (one.what, one.code) == (alert.what, alert.code)]
        return bool(same) and same[-1].over == alert.over

    async def update(self, lift: BudgetLift) -> bool:
        """Show a lift in the alert about its limit. False where there is none. Raises StoreError."""
        place = await self._known_place()
        if place is None:
            return False
        alert = await self.store.turn_of(place, _ask_id(lift.reached, self.clock.now()))
        if alert is None:
            return False
        written = await self.writer.write(lift, place)
        unnamed = await self.writer.write(replace(lift, by=Person("")), place)
        task, now = UpdateAlert(alert.id, unnamed.text), self.clock.now()
        update = announcement(f"lifted-{alert.id}", place, task, now, written.text, written.language)
        if lift.is_named(place):
            update = replace(update, author=replace(lift.by, locale=written.language))  # forgotten with them
        turn = await self.store.accept(update)
        if turn is not None:
            self.submit(turn)
        return turn is not None

    async def _written(self, alert: Alert | BudgetReached, place: Place) -> Localized:
        """The text for `place`. An empty language is the operator's."""
        if isinstance(alert, BudgetReached):
            return await self.writer.write(alert, place)
        return Localized(self._plain(alert), "")

    def _plain(self, alert: Alert | BudgetReached) -> str:
        if isinstance(alert, BudgetReached):
            return self.writer.plain(alert, self.place).text
        return alert_to_text(alert, self.language)

    async def _known_place(self) -> Place | None:
        for _ in range(_TEAM_LOOKS):
            if (place := await self.addressed(self.place)) is not None:
                return place
            await self.clock.sleep(_TEAM_PAUSE_S)
        return None


def _ask_id(alert: Alert | BudgetReached, at: datetime) -> str:
    """The same for the same alert of the same hour, and for the same budget each time that it is reached."""
    if isinstance(alert, BudgetReached):
        return f"budget:{alert.key}"
    kind = "over" if alert.over else "alert"
    return f"{kind}:{alert.what}:{alert.code}:{int(at.timestamp() // AGAIN_S)}"


def alert_to_text(alert: Alert, language: str) -> str:
    """Markdown."""
    language = language_of(language)
    scope, _, name = alert.what.partition(" ")
    what = phrase(f"alert_{scope}", language, name=name)
    if alert.over:
        ended = "subject_removed" if alert.removed else "alert_over"
        words = phrase(ended, language, what=what, why=alert.why)
    else:
        advice = advise(alert.code, language, alert.places)
        if alert.code is Code.NOT_LISTED:
            words = phrase("alert_not_listed", language, name=name, advice=advice)
        else:
            words = phrase("alert", language, what=what, why=alert.why, advice=advice)
    return f"{words} {phrase('ref', language, ref=alert.ref)}" if alert.ref else words
