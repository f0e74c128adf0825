"""One way in for the payloads of Slack, whichever connection they came over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bots.slack.addressee import Addressee, addressee_of
from bots.slack.commands import kind_of
from bots.slack.incoming import channel_of
from bots.slack.intake import EventIntake
from bots.slack.team_access import TeamAccess, access_in
from core.clock import Clock
from core.errors import BotError, Code
from core.tracing import arrival
from core.values.places import Place

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

_OF_NONE = {"unreadable"}


async def _ignore(_about: object) -> None: ...


class PayloadReceiver:
    """Hands each payload to the intake of the workspace that it is for, which `find` returns: None where the app has no
    installation, whose payloads are ignored. `on_acknowledged` receives the seconds from the arrival of each until it
    may be acknowledged. `on_access`: is told of workspaces that an organisation's installation gains or loses."""

    def __init__(
        self,
        find: Callable[[Addressee], Awaitable[EventIntake | None]],
        clock: Clock,
        on_acknowledged: Callable[[float], None] = lambda _seconds: None,
        on_access: Callable[[TeamAccess], Awaitable[None]] = _ignore,
    ) -> None:
        self._find = find
        self._clock = clock
        self._on_acknowledged = on_acknowledged
        self._on_access = on_access
        self._receiving: set[asyncio.Task[Any]] = set()
        self._under_way: dict[str, asyncio.Future[Json | None]] = {}

    @property
    def busy(self) -> bool:
        """True while a payload is being stored."""
        return bool(self._receiving)

    async def receive(self, body: Json) -> Json | None:
        """Return when the payload may be acknowledged, with the body of the response.

        An event that is not acknowledged within three seconds comes again, over another connection: the second waits
        for the first, and ends as it does. https://docs.slack.dev/apis/events-api/#retries

        Raises BotError for one that may succeed later: it is not to be acknowledged.
        """
        event_id = str(body.get("event_id") or "")
        if not event_id:
            return await self._receive_counted(body)
        while (first := self._under_way.get(event_id)) is not None:
            await asyncio.wait([first])
            if not first.cancelled():
                return first.result()
        first = self._under_way[event_id] = asyncio.get_running_loop().create_future()
        try:
            first.set_result(await self._receive_counted(body))
        except Exception as error:
            first.set_exception(error)
        finally:
            del self._under_way[event_id]
            first.cancel()  # if its connection was closed: a second one takes the event itself
        return first.result()

    async def _receive_counted(self, body: Json) -> Json | None:
        task = asyncio.current_task()
        assert task is not None
        self._receiving.add(task)
        arrived_s = self._clock.monotonic()
        try:
            with arrival():
                answer = await self._receive(body)
            self._on_acknowledged(self._clock.monotonic() - arrived_s)
            return answer
        finally:
            self._receiving.discard(task)

    async def finish(self, wait_s: float) -> None:
        """Give what is being stored `wait_s` seconds, so that it is still acknowledged."""
        if self._receiving:
            await asyncio.wait(self._receiving, timeout=wait_s)

    async def _receive(self, body: Json) -> Json | None:
        kind = _kind_of(body)
        if kind is None:
            log.debug("event_ignored", kind=str(body.get("type", "")), reason="not taken")
            return None
        if (access := access_in(body) if kind == "team_access" else None) is not None:
            await self._on_access(access)
            return None
        intake = await self._find(Addressee() if kind in _OF_NONE else addressee_of(body))
        if intake is None:
            log.debug("event_ignored", kind=kind, reason="another workspace")
            return None
        return await intake.take(kind, body)


def log_not_accepted(body: Json, error: Exception) -> None:
    """Log that a payload was not acknowledged."""
    failure = error if isinstance(error, BotError) else BotError(Code.INTERNAL, type(error).__name__)
    place = _place_of(body)
    log.warning("event_not_accepted", place=place.key, acknowledged=False, **failure.log_keys)


def _place_of(body: Json) -> Place:
    """The place of a payload, as far as it says one."""
    event = body.get("event") or body.get("container") or body
    thread = event.get("thread_ts") or event.get("ts") or event.get("message_ts") or ""
    return Place("slack", str(body.get("team_id") or ""), channel_of(body), str(thread))


def _kind_of(body: Json) -> str | None:
    """The kind of a payload. One of unknown shape is acknowledged: a redelivery would be the same."""
    try:
        return kind_of(body)
    except (AttributeError, TypeError, ValueError) as error:
        log.error("event_unreadable", error=type(error).__name__)
        return "unreadable"
