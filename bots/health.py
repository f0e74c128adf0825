"""Monitors the program's health: the database, each platform's calls, and the event loop.

Every fault is counted. A fault that needs a person raises an alert, and its end clears it.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
from collections.abc import Callable, Mapping

import structlog

from bots.supervisor import platform_subject
from core.clock import Clock
from core.errors import BotError, Code, PlatformError, StoreError
from core.operators.alerts import OperatorAlerts

log = structlog.get_logger()

DATABASE = "database"
LOOP = "loop"

STEADY_S = 30.0
"""Seconds without a failure after which a transaction that works ends the alert: small ones may fit on a full disk."""
REFUSED_ALERT_S = 30.0
"""Seconds without a successful call of a platform, after which the operators are alerted."""
FORGIVEN_S = 60.0
"""Seconds after the last refused call of a platform, after which it counts as ready: nobody may ask while it does not,
so that no call would show that it takes posts again."""
BEAT_S = 0.5
ARM_S = 5.0
"""Seconds between two signs of life to the watchdogs."""
LAG_ALERT_S = 5.0
"""Event-loop lag in seconds at which the operators are alerted."""
ON_TIME_S = 60.0
"""Seconds without such a delay, after which the operators get the message that it is over."""


_FILES = {"fetch": "files", "upload": "uploads"}
"""The calls for which an app may lack a right, and how the subject of their alerts begins."""

_TOOLS = "tools"
"""The beginning of the subject of alerts about tool servers."""

Gauge = Callable[[str, Mapping[str, str], float], None]


class DatabaseHealth:
    """Follows the database's transactions. `reason` says why the last one failed; it is empty after a commit.

    `where` names the database without its secrets. `on_took` receives the kind of each transaction, read or write, and
    its seconds.
    """

    def __init__(
        self,
        operators: OperatorAlerts,
        where: str,
        clock: Clock,
        on_took: Callable[[str, float], None] = lambda _kind, _seconds: None,
    ) -> None:
        self._operators = operators
        self._where = where
        self.took = on_took
        self._clock = clock
        self._failed_at: float | None = None
        self.reason = ""

    def worked(self) -> None:
        """A transaction that writes was committed."""
        self.reason = ""
        if self._failed_at is not None and self._clock.monotonic() - self._failed_at >= STEADY_S:
            self._failed_at = None
            self._operators.report_recovery(DATABASE)

    def failed(self, error: StoreError) -> None:
        self._operators.count("parley_database_errors_total", cause=error.cause)
        if error.cause == "refused":  # by a rule of the schema: the database itself works
            return
        self.reason = error.detail
        self._failed_at = self._clock.monotonic()
        self._operators.report_failure(DATABASE, error, {"url": self._where})


class PlatformHealth:
    """Follows the calls to one platform. It may refuse every post while its connection stays open."""

    def __init__(self, name: str, operators: OperatorAlerts, clock: Clock) -> None:
        self._name = name
        self._operators = operators
        self._clock = clock
        self._failing_since: float | None = None
        self._refused_at: float | None = None
        self._why = ""

    @property
    def reason(self) -> str:
        """The reason why posts are refused; empty where they are not, or where none was tried for `FORGIVEN_S`."""
        at = self._refused_at
        recent = at is not None and self._clock.monotonic() - at < FORGIVEN_S
        return f"posts are refused ({self._why})" if recent else ""

    def called_by_team(self, call: str, error: PlatformError | None) -> None:
        """The same, of a team that may end its installation: that its token is refused concerns no other team."""
        if error is None or error.code is not Code.BAD_TOKEN:
            self.called(call, error)

    def called(self, call: str, error: PlatformError | None) -> None:
        """`call` was answered, or raised `error`."""
        if error is None:
            if call in _FILES:
                self._operators.report_recovery(f"{_FILES[call]} {self._name}")
            elif call == "perform" and self._failing_since is not None:
                self._failing_since = self._refused_at = None
                self._operators.report_recovery(platform_subject(self._name))
            return
        self._operators.count(
            "parley_platform_refusals_total", platform=self._name, call=call, code=str(error.code)
        )
        if call in _FILES and error.code is Code.APP_SETUP:
            self._operators.report_failure(f"{_FILES[call]} {self._name}", error, {"name": self._name})
        if error.code not in (Code.BAD_TOKEN, Code.UNAVAILABLE, Code.UNCERTAIN):
            return
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if error.code is Code.BAD_TOKEN or now - self._failing_since >= REFUSED_ALERT_S:
            self._refused_at, self._why = now, error.detail or str(error.code)
            self._operators.report_failure(platform_subject(self._name), error, {"name": self._name})


def tool_server_subject(name: str) -> str:
    """The subject of alerts about a tool server."""
    return f"{_TOOLS} {name}"


def tool_server_of(subject: str) -> str:
    """The server that the subject of an alert is about; empty for other subjects."""
    kind, _, name = subject.partition(" ")
    return name if kind == _TOOLS else ""


class ToolServerHealth:
    """Follows the attempts to reach the tool server `name`. `drop` removes a gauge."""

    def __init__(
        self, name: str, operators: OperatorAlerts, gauge: Gauge, drop: Callable[[str, str], None]
    ) -> None:
        self._name = name
        self._operators = operators
        self._gauge = gauge
        self._drop = drop

    def tried(self, error: BotError | None) -> None:
        """The server was reached, or `error` says why not."""
        self._gauge("parley_tool_server_up", {"server": self._name}, float(error is None))
        subject = tool_server_subject(self._name)
        if error is None:
            self._operators.report_recovery(subject)
        else:
            self._operators.report_failure(subject, error, {"name": self._name})

    def removed(self) -> None:
        """The settings have the server no more, and no answer uses it."""
        self._drop("parley_tool_server_up", self._name)
        self._operators.report_removal(tool_server_subject(self._name))


class LoopHealth:
    """Measures the event loop's lag, and ends the process if the loop is blocked for `limit_s` seconds.

    An interpreter thread that needs no lock keeps the limit, so that it also ends a loop that a single call blocks. It
    writes the stack to standard error first:
    https://docs.python.org/3/library/faulthandler.html#faulthandler.dump_traceback_later
    """

    def __init__(
        self, operators: OperatorAlerts, gauge: Gauge, clock: Clock, notify: Callable[[str], None]
    ) -> None:
        self._operators = operators
        self._gauge = gauge
        self._clock = clock
        self._notify = notify

    async def run(self, limit_s: float) -> None:
        """Run until cancelled. With a `limit_s` of 0 it only measures."""
        late_at: float | None = None
        armed_at = -ARM_S
        try:
            while True:
                began = self._clock.monotonic()
                if limit_s and began - armed_at >= min(ARM_S, limit_s / 2):
                    armed_at = began
                    faulthandler.dump_traceback_later(limit_s, exit=True, file=sys.__stderr__ or sys.stderr)
                    self._notify("WATCHDOG=1")
                await self._clock.sleep(BEAT_S)
                now = self._clock.monotonic()
                lag_s = max(0.0, now - began - BEAT_S)
                self._gauge("parley_event_loop_lag_seconds", {}, round(lag_s, 3))
                if lag_s >= LAG_ALERT_S:
                    late_at = now
                    log.error("event_loop_stalled", seconds=round(lag_s, 1))
                    self._operators.report_failure(LOOP, BotError(Code.OVERLOADED, f"{lag_s:.1f} s"), {})
                elif late_at is not None and now - late_at >= ON_TIME_S:
                    late_at = None
                    self._operators.report_recovery(LOOP)
        finally:
            faulthandler.cancel_dump_traceback_later()


def notify_systemd(state: str) -> None:
    """Send systemd the state of this service, such as READY=1; nothing where systemd did not start it.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(state.encode(), name)
    except OSError as error:
        log.debug("systemd_not_notified", state=state, error=type(error).__name__)
