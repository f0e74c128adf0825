"""Timers (APScheduler): each only submits a turn, keyed by channel and period; the engine does the rest.

So a summary is posted once however often its timer fires, also when the process dies while posting it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from pydantic import Field, field_validator

from core.clock import Clock
from core.errors import SettingsError, StoreError
from core.ports.store.turns import TurnLedger
from core.ports.store.usage import UsageStore
from core.settings.environment import Settings
from core.spend.usage_report import PERIOD, report_ask
from core.values.conversation import Ask
from core.values.places import Place

log = structlog.get_logger()
Answer = TypeVar("Answer")

_RETRY_S = 30.0
_LOOK_S = 1.0

_CHANNEL = re.compile(r"([a-z]+):([A-Za-z0-9_-]+)")
_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?")


_DAYS = 7
"""The most summaries that wait for a platform to be connected for the first time."""


class TimerSettings(Settings):
    """Messages without a question: usage summaries, and alerts for the people who run Parley."""

    parley_summary_channels: str = Field(
        "", description="Channels for the daily usage summary: slack:C1,discord:200. Empty: none."
    )
    parley_summary_at: str = Field(
        "09:00 UTC", description="The time of the summary: a time of day and a time zone."
    )

    parley_alert_channel: str = Field(
        "",
        description="Where alerts for the people who run Parley are posted: slack:C1,discord:200. Name a channel of "
        "each platform, so that one can report the other. Empty: only to the log.",
    )

    @field_validator("parley_summary_channels", "parley_alert_channel")
    @classmethod
    def _channels(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            if not _CHANNEL.fullmatch(part):
                raise ValueError(f"{part!r} is not platform:channel, such as slack:C0123 or discord:200")
        return value

    @field_validator("parley_summary_at")
    @classmethod
    def _time(cls, value: str) -> str:
        _parse_at(value)
        return value

    @property
    def places(self) -> tuple[Place, ...]:
        """The channels of the summary."""
        return _to_places(self.parley_summary_channels)

    @property
    def alert_places(self) -> tuple[Place, ...]:
        """The channels of the alerts."""
        return _to_places(self.parley_alert_channel)

    def check(self, why_off: Mapping[str, str]) -> None:
        """Raises SettingsError where a channel is on a platform that is unknown, or off: `why_off` is empty for one
        that is on."""
        for setting, places in (
            ("PARLEY_SUMMARY_CHANNELS", self.places),
            ("PARLEY_ALERT_CHANNEL", self.alert_places),
        ):
            for place in places:
                named = f"{setting}: names {place.platform}:{place.channel}"
                if place.platform not in why_off:
                    raise SettingsError(f"{named}, which is on none of the platforms {', '.join(why_off)}")
                if why_off[place.platform]:
                    raise SettingsError(f"{named}, but {place.platform} is off")

    @property
    def at(self) -> time:
        return _parse_at(self.parley_summary_at)[0]

    @property
    def zone(self) -> ZoneInfo:
        return _parse_at(self.parley_summary_at)[1]


def _to_places(channels: str) -> tuple[Place, ...]:
    """The channels of a setting, without their team: the installation of the platform knows it."""
    return tuple(Place(platform, "", channel) for platform, channel in _CHANNEL.findall(channels))


def _parse_at(value: str) -> tuple[time, ZoneInfo]:
    match = _AT.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a time of day and a time zone, such as 09:00 Europe/Berlin")
    hour, minute, zone = match.groups()
    try:
        return time(int(hour), int(minute)), ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{zone!r} is not a time zone, such as Europe/Berlin") from None


def last_due(now: datetime, at: time, zone: ZoneInfo) -> datetime:
    """The newest moment not after `now` at which a summary was due."""
    local = now.astimezone(zone)
    due = datetime.combine(local.date(), at, zone)
    return due if due <= local else datetime.combine(local.date() - timedelta(days=1), at, zone)


class TimerStore(TurnLedger, UsageStore, Protocol):
    """The part of the store that the timers read."""


class Timers:
    """Posts a summary a day to each channel named, and the last missed one after downtime.

    `addressed` returns a channel with its team, or None while that is unknown. It raises StoreError.
    """

    def __init__(
        self,
        settings: TimerSettings,
        store: TimerStore,
        submit: Callable[[Ask], Awaitable[object]],
        clock: Clock,
        addressed: Callable[[Place], Awaitable[Place | None]],
    ) -> None:
        self._settings = settings
        self._store = store
        self._submit = submit
        self._clock = clock
        self._addressed = addressed
        self._scheduler = AsyncIOScheduler(timezone=settings.zone)

    async def start(self) -> None:
        if not self._settings.places:
            return
        at = self._settings.at
        self._scheduler.add_job(
            self._due,
            CronTrigger(hour=at.hour, minute=at.minute, timezone=self._settings.zone),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=_DAYS,
        )
        self._scheduler.add_job(self._missed, misfire_grace_time=None)
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _due(self) -> None:
        await self._submit_all(last_due(self._clock.now(), self._settings.at, self._settings.zone))

    async def _missed(self) -> None:
        """Submit the last due summary, unless nothing was asked: a new installation posts none."""
        due = last_due(self._clock.now(), self._settings.at, self._settings.zone)
        tally = await self._stored(lambda: self._store.usage_totals(due - PERIOD, due))
        if tally is not None and tally.questions:
            await self._submit_all(due)

    async def _submit_all(self, due: datetime) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # stopped: APScheduler would log it as an error
            await asyncio.gather(*(self._submit_to(place, due) for place in self._settings.places))

    async def _submit_to(self, place: Place, due: datetime) -> None:
        """Submit the summary of one channel, once it is known which team the channel belongs to."""
        while (there := await self._stored(partial(self._addressed, place))) is None:
            await self._clock.sleep(_LOOK_S)
        await self._stored(partial(self._submit, report_ask(there, due, due.date().isoformat())))

    async def _stored(self, call: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """Do it once the database is there."""
        while True:
            try:
                return await call()
            except StoreError as error:
                log.error("usage_summary_delayed", **error.log_keys)
                if not error.retryable:
                    return None
            await self._clock.sleep(_RETRY_S)
