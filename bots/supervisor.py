"""Keeps every platform running, and isolates each from the failures of the others.

A platform whose `run` ends is down: the others continue, the operators are alerted, and it is restarted with growing
pauses until it works. The program ends only if no platform has ever worked and all refuse their credentials.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from core.clock import Clock
from core.errors import BotError, Code, PlatformError
from core.operators.alerts import OperatorAlerts
from core.ports.connector import Connector, Inbox, ReportsTrouble
from core.values.platform import PlatformState

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0
LOOK_S = 0.5
DISCONNECTED_ALERT_S = 60.0
"""Seconds without a connection, which a platform restores by itself, after which the operators are alerted."""


def platform_subject(name: str) -> str:
    """The subject of alerts about the platform `name`."""
    return f"platform {name}"


@dataclass(slots=True)
class _Supervised:
    """One platform. `reason` is empty while its `run` goes on; `worked`: it has been ready once."""

    connector: Connector
    reason: str = ""
    worked: bool = False
    refusal: PlatformError | None = None


class Supervisor:
    """Runs `connectors`. `gauge` receives the state of each as `parley_platform_up`."""

    def __init__(
        self,
        connectors: Sequence[Connector],
        clock: Clock,
        operators: OperatorAlerts,
        gauge: Callable[[str, Mapping[str, str], float], None],
    ) -> None:
        self._supervised = [_Supervised(connector) for connector in connectors]
        self._clock = clock
        self._operators = operators
        self._gauge = gauge
        self._all_refused = asyncio.Event()

    def reasons(self) -> dict[str, str]:
        """The reason of each platform that is down, as one line without secrets."""
        found = {one.connector.name: one.reason or _trouble(one.connector) for one in self._supervised}
        return {name: reason for name, reason in found.items() if reason}

    def states(self) -> list[PlatformState]:
        """The platforms, in the order in which they were given."""
        return [
            PlatformState(
                one.connector.name,
                one.connector.ready(),
                one.worked,
                one.reason or _trouble(one.connector),
                tuple((team.id, team.ready()) for team in one.connector.installations),
            )
            for one in self._supervised
        ]

    async def run(self, inbox: Inbox) -> None:
        """Run all platforms until cancelled.

        Raises PlatformError (BAD_TOKEN or APP_SETUP) when no platform has worked yet and each refuses its credentials
        or its app.
        """
        refused = asyncio.create_task(self._all_refused.wait())
        keepers = [asyncio.create_task(self._keep(one, inbox)) for one in self._supervised]
        try:
            done, _ = await asyncio.wait({refused, *keepers}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise next(one.refusal for one in self._supervised if one.refusal is not None)
        finally:
            for task in (refused, *keepers):
                task.cancel()
            await asyncio.gather(refused, *keepers, return_exceptions=True)

    async def _keep(self, one: _Supervised, inbox: Inbox) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            error, was_ready = await self._run_once(one, inbox)
            if was_ready:
                pause_s = FIRST_PAUSE_S
            self._down(one, error)
            await self._clock.sleep(max(pause_s, error.retry_after_s or 0.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run_once(self, one: _Supervised, inbox: Inbox) -> tuple[BotError, bool]:
        """Run the platform until it ends. Returns the error that ended it, and True if it was ready in between."""
        with structlog.contextvars.bound_contextvars(platform=one.connector.name):
            running = asyncio.create_task(one.connector.run(inbox))
        watching = asyncio.create_task(self._watch(one))
        try:
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            was_ready = one.worked and not one.reason
            await running
        except BotError as error:
            return error, was_ready
        except Exception as error:
            log.exception("platform_crashed", platform=one.connector.name)
            return PlatformError(Code.INTERNAL, type(error).__name__), was_ready
        finally:
            for task in (running, watching):
                task.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)
        return PlatformError(Code.INTERNAL, "ended without a reason"), was_ready

    async def _watch(self, one: _Supervised) -> None:
        """Record while the platform runs if it is ready."""
        name = one.connector.name
        lost_at: float | None = self._clock.monotonic()
        shown: bool | None = None
        while True:
            ready = one.connector.ready()
            if ready != shown:
                self._gauge("parley_platform_up", {"platform": name}, float(ready))
                shown = ready
            now = self._clock.monotonic()
            if ready:
                if lost_at is not None:
                    self._up(one)
                lost_at = None
            elif lost_at is None:
                log.warning("platform_disconnected", platform=name)
                lost_at = now
            elif now - lost_at >= DISCONNECTED_ALERT_S:
                error = PlatformError(Code.UNAVAILABLE, _trouble(one.connector) or "not connected")
                self._operators.report_failure(platform_subject(name), error, {"name": name})
            await self._clock.sleep(LOOK_S)

    def _up(self, one: _Supervised) -> None:
        one.worked, one.reason, one.refusal = True, "", None
        log.info("platform_connected", platform=one.connector.name)
        self._operators.report_recovery(platform_subject(one.connector.name))

    def _down(self, one: _Supervised, error: BotError) -> None:
        name = one.connector.name
        one.reason = error.detail or str(error.code)
        if isinstance(error, PlatformError) and error.code in (Code.BAD_TOKEN, Code.APP_SETUP):
            one.refusal = error
        if all(other.refusal is not None and not other.worked for other in self._supervised):
            self._all_refused.set()
        self._gauge("parley_platform_up", {"platform": name}, 0.0)
        log.error("platform_down", platform=name, **error.log_keys)
        self._operators.report_failure(platform_subject(name), error, {"name": name})


def _trouble(connector: Connector) -> str:
    """The reason why a platform is not connected that goes on trying."""
    return connector.trouble if isinstance(connector, ReportsTrouble) and not connector.ready() else ""
