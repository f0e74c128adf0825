"""Tells the people who run the bot what needs them: once per cause and hour, and once more when it is over.

To the log and the counters always, to their channel where there is one. It never keeps an answer waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from core.clock import Clock
from core.errors import BotError, Code
from core.i18n import advise
from core.values.tasks import Alert

AGAIN_S = 3600.0
TOLD_WITHIN_S = 5.0
"""How long words for a person wait for the news that the post has gone out."""

Count = Callable[[str, dict[str, str]], None]

log = structlog.get_logger()


PostAlert = Callable[[Alert], Awaitable[bool]]
"""Bring an alert to the operators' channel: True when it surely stands there."""


@dataclass(slots=True)
class _Cause:
    """Something that is wrong. `announced_at`: when the operators were last told; `alert` is None once it is over."""

    announced_at: float
    alert: Alert | None = None
    posting: asyncio.Future[bool] | None = None


class OperatorAlerts:
    def __init__(self, clock: Clock, count: Count | None = None, post: PostAlert | None = None) -> None:
        self._clock = clock
        self._count = count
        self._post = post
        self._causes: dict[tuple[str, Code], _Cause] = {}
        self._posts: set[asyncio.Task[bool]] = set()

    def count(self, name: str, **labels: str) -> None:
        if self._count is not None:
            self._count(name, labels)

    def wrong(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        """`what` fails and needs an operator; `places`: where its settings are (`Route.places`)."""
        now = self._clock.monotonic()
        cause = self._causes.get((what, error.code))
        if cause is not None and now - cause.announced_at < AGAIN_S:
            return
        alert = Alert(what, error.code, error.ref, places, error.kind)
        advice = advise(error.code, "en", places)
        log.error("alert_raised", what=what, code=alert.why, advice=advice, ref=error.ref)
        self.count("parley_alerts_total", what=what, code=str(error.code))
        self._causes[what, error.code] = _Cause(now, alert, self._send(alert))

    def well(self, *whats: str) -> None:
        """They answer again."""
        for (what, _), cause in self._causes.items():
            if what in whats and cause.alert is not None:
                over = replace(cause.alert, over=True)
                log.warning("alert_cleared", what=what, code=over.why, ref=over.ref)
                self.count("parley_recoveries_total", what=what, code=str(over.code))
                self._send(over, after=cause.posting)
                cause.alert = cause.posting = None

    def remember(self, alert: Alert, age_s: float) -> None:
        """It has stood in the operators' channel since before this process began: mending it took a restart."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        told.set_result(True)
        self._causes[alert.what, alert.code] = _Cause(self._clock.monotonic() - age_s, alert, told)

    async def told(self, what: str, code: Code) -> bool:
        """Do the operators surely know of this by now? Waits for their channel, at most TOLD_WITHIN_S."""
        cause = self._causes.get((what, code))
        posting = cause.posting if cause is not None else None
        if posting is None:
            return False
        await asyncio.wait({posting}, timeout=TOLD_WITHIN_S)
        return posting.done() and not posting.cancelled() and posting.result()

    async def close(self) -> None:
        for posting in self._posts:
            posting.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    def _send(self, alert: Alert, after: asyncio.Future[bool] | None = None) -> asyncio.Task[bool] | None:
        if self._post is None:
            return None
        posting = asyncio.create_task(self._posted(self._post, alert, after))
        self._posts.add(posting)
        posting.add_done_callback(self._posts.discard)
        return posting

    async def _posted(self, post: PostAlert, alert: Alert, after: asyncio.Future[bool] | None) -> bool:
        """What is over is told only where it was told that it began."""
        if after is not None and not await after:
            return False
        try:
            return await post(alert)
        except Exception:
            log.exception("alert_not_posted", what=alert.what, code=str(alert.code))
            return False
