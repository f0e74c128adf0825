"""Timers (APScheduler): each only submits a turn, keyed by channel and period; the engine does the rest.

So a report is posted once however often its timer fires, also when the process dies while posting it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, time, timedelta
from typing import TYPE_CHECKING, Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from pydantic import Field, field_validator

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.settings import SettingsStore
from core.ports.store.turns import TurnLedger
from core.ports.store.usage import UsageStore
from core.settings.channel import Reported
from core.settings.environment import CoreSettings, Settings
from core.settings.layers import merge
from core.settings.problems import Problems
from core.spend.periods import PeriodName
from core.spend.schedules import DueReport, Schedule
from core.spend.usage_report import report_ask, scope_place
from core.values.conversation import Ask
from core.values.places import Place
from core.values.tasks import ReportScope

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

log = structlog.get_logger()

_PERIODS = {
    str(Reported.DAILY): PeriodName.DAY,
    str(Reported.WEEKLY): PeriodName.WEEK,
    str(Reported.MONTHLY): PeriodName.MONTH,
}
_MOST_SCHEDULES = 10_000
LATE = timedelta(hours=1)
"""The time for which a report without questions is looked at again: an answer of its period may end yet."""
_TEAM_LOOKS, _TEAM_PAUSE_S = 60, 1.0

_CHANNEL = re.compile(r"([a-z]+):([A-Za-z0-9_-]+)")
_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?")


class TimerSettings(Settings):
    """Messages without a question: usage summaries, and alerts for the people who run Parley."""

    parley_summary_channels: str = Field(
        "",
        description="Channels for a report on all use: slack:C1,discord:200. Empty: none. Each channel can have one of "
        "its own by /usage schedule.",
    )
    parley_summary_period: Literal["daily", "weekly", "monthly"] = Field(
        "daily", description="The period of that report: daily, weekly (from Monday) or monthly."
    )
    parley_summary_at: str = Field(
        "09:00",
        description="The time of the report: a time of day, and a time zone unless it is PARLEY_TIME_ZONE. It is about "
        "the period before.",
    )

    parley_alert_channel: str = Field(
        "",
        description="Where alerts for the people who run Parley are posted: slack:C1,discord:200. Name a channel of "
        "each platform, so that one can report the other. Empty: only to the log.",
    )

    @field_validator("parley_summary_channels", "parley_alert_channel")
    @classmethod
    def _channels(cls, value: str) -> str:
        parts = filter(None, (part.strip() for part in value.split(",")))
        if wrong := [f"{part!r}" for part in parts if not _CHANNEL.fullmatch(part)]:
            raise ValueError(
                f"{' and '.join(wrong)} is not platform:channel, such as slack:C0123 or discord:200"
            )
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

    def check(self, why_off: Mapping[str, str], without_team: Mapping[str, str]) -> None:
        """Raises SettingsError with a line for each channel on a platform that is unknown, or off: `why_off` is empty
        for one that is on, or may be. `without_team`: platforms on which a channel's id does not say whose it is, each
        with the setting that is missing for it."""
        problems = Problems()
        for setting, places in (
            ("PARLEY_SUMMARY_CHANNELS", self.places),
            ("PARLEY_ALERT_CHANNEL", self.alert_places),
        ):
            for place in places:
                named = f"{setting}: names {place.platform}:{place.channel}"
                if place.platform not in why_off:
                    problems.lines.append(f"{named}, which is on none of the platforms {', '.join(why_off)}")
                elif why_off[place.platform]:
                    problems.lines.append(f"{named}, but {place.platform} is off")
                elif missing := without_team.get(place.platform):
                    problems.lines.append(f"{named}, but not in which workspace: {missing} is not set")
        problems.check()

    @property
    def at(self) -> time:
        return _parse_at(self.parley_summary_at)[0]

    def zone(self, core: CoreSettings) -> ZoneInfo:
        """The time zone of the days of the summary."""
        return _parse_at(self.parley_summary_at)[1] or core.zone


def _to_places(channels: str) -> tuple[Place, ...]:
    """The channels of a setting, without their team: the installation of the platform knows it."""
    return tuple(Place(platform, "", channel) for platform, channel in _CHANNEL.findall(channels))


def _parse_at(value: str) -> tuple[time, ZoneInfo | None]:
    match = _AT.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a time of day, such as 09:00, or 09:00 Europe/Berlin")
    hour, minute, zone = match.groups()
    try:
        return time(int(hour), int(minute)), ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{zone!r} is not a time zone, such as Europe/Berlin") from None


def _scheduler_and_minutes() -> tuple[AsyncIOScheduler, CronTrigger]:
    """A scheduler, and what begins each minute. Imports APScheduler, so that a start is ready without it."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.cron import CronTrigger

    return AsyncIOScheduler(timezone=UTC), CronTrigger(second=0, timezone=UTC)


class TimerStore(UsageStore, SettingsStore, TurnLedger, Protocol):
    """The part of the store that the timers read."""


class Timers:
    """Posts the reports of all schedules, and the last missed one of each after downtime.

    The schedules are those of PARLEY_SUMMARY_CHANNELS and of the channels' settings, read again each minute.
    `addressed` returns a channel with its team, or None while that is unknown. It raises StoreError.
    """

    def __init__(
        self,
        settings: TimerSettings,
        core: CoreSettings,
        platforms: Sequence[str],
        store: TimerStore,
        submit: Callable[[Ask], Awaitable[object]],
        clock: Clock,
        addressed: Callable[[Place], Awaitable[Place | None]],
    ) -> None:
        self._settings = settings
        self._core = core
        self._platforms = platforms
        self._store = store
        self._submit = submit
        self._clock = clock
        self._addressed = addressed
        self._done: dict[tuple[Place, ReportScope], str] = {}
        """The last report of each schedule that was submitted, or had to be left out."""
        self._scheduler: AsyncIOScheduler | None = None

    async def start(self) -> None:
        # In a thread: as APScheduler is imported, it reads the entry points of all packages.
        scheduler, every = await asyncio.to_thread(_scheduler_and_minutes)
        scheduler.add_job(self.look, every, misfire_grace_time=None, coalesce=True)
        scheduler.add_job(self._look_at_start, misfire_grace_time=None)
        scheduler.start()
        self._scheduler = scheduler

    def stop(self) -> None:
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _look_at_start(self) -> None:
        """Look each second while the platforms connect, at most for a minute: the other job does so each minute."""
        with contextlib.suppress(asyncio.CancelledError):  # stopped: APScheduler would log it as an error
            for _ in range(_TEAM_LOOKS):
                if await self.look():
                    return
                await self._clock.sleep(_TEAM_PAUSE_S)

    async def look(self) -> bool:
        """Submit the reports that are due. What the store refuses now is submitted a minute later.

        False where the store refuses something, or the team of a channel of the operators is not known yet.
        """
        try:
            with contextlib.suppress(asyncio.CancelledError):  # as above
                of_operators = await self._of_operators()
                for schedule in [*of_operators, *await self._of_channels()]:
                    await self._look_at(schedule)
                return len(of_operators) == len(self._settings.places)
        except StoreError as error:
            log.error("usage_summary_delayed", **error.log_keys)
        return False

    async def _look_at(self, schedule: Schedule) -> None:
        now, key = self._clock.now(), (schedule.place, schedule.scope)
        due = schedule.last_due(now)
        if self._done.get(key) == due.name:
            return
        if await self._is_wanted(schedule, due):
            if not await self._is_used(schedule, due):
                if now - due.at >= LATE:
                    self._done[key] = due.name
                return
            await self._submit(report_ask(schedule.place, due.period, schedule.scope, due.name, due.at))
        self._done[key] = due.name

    async def _is_used(self, schedule: Schedule, due: DueReport) -> bool:
        """True if a question of the period has ended."""
        scope = scope_place(schedule.scope, schedule.place)
        return (await self._store.usage_totals(due.period.since, due.period.until, scope)).questions > 0

    async def _is_wanted(self, schedule: Schedule, due: DueReport) -> bool:
        """False for a report that was due before its channel asked for any, and for a period that is reported already:
        in another time zone, the period before may be within the last report."""
        place, period = schedule.place, due.period
        reported = await self._store.last_report(place, schedule.scope, str(period.name))
        if reported is not None and period.until <= reported:
            return False
        if schedule.scope is ReportScope.ALL:
            return True
        changes = await self._store.audit(place)
        changed = (one.at for one in changes if one.name == "report" and one.place.channel)
        return next(changed, due.at) <= due.at

    async def _of_operators(self) -> list[Schedule]:
        settings, known = self._settings, [await self._addressed(place) for place in self._settings.places]
        period, zone = _PERIODS[settings.parley_summary_period], settings.zone(self._core)
        return [
            Schedule(place, period, settings.at, zone, ReportScope.ALL) for place in known if place is not None
        ]

    async def _of_channels(self) -> list[Schedule]:
        found = []
        for platform in self._platforms:
            for place, _ in await self._store.overrides(platform, "", "report", _MOST_SCHEDULES):
                settings = merge(self._core, await self._store.stored_settings(place), platform)
                period = _PERIODS.get(settings.report)
                if period is not None:
                    scope = settings.report_scope
                    found.append(Schedule(place, period, settings.report_time, settings.zone, scope))
        return found
