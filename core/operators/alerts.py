"""Alerts to the operators: once per cause and hour, and once more when the cause has ended.

The log and the counters always receive it, the operators' channel where there is one. No answer waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog
from cachetools import LRUCache

from core.clock import Clock
from core.errors import BotError, Code
from core.i18n import advise
from core.values.failures import Failure, error_to_failure
from core.values.tasks import Alert, BudgetLift, BudgetReached

AGAIN_S = 3600.0
_BUDGETS = 10_000
"""The most budgets that are known to be used up. Of a forgotten one the ledger refuses a second alert."""

Count = Callable[[str, dict[str, str]], None]

log = structlog.get_logger()


PostAlert = Callable[[Alert], Awaitable[bool]]
"""Posts an alert to the operators' channel. Returns whether it is certainly shown there."""


@dataclass(slots=True)
class _Cause:
    """Something that is wrong. `announced_at`: the monotonic time of the last alert; `alert`: None once it is over."""

    announced_at: float
    alert: Alert | None = None
    posting: asyncio.Future[bool] | None = None


class OperatorAlerts:
    """A `ModelObserver`, which the platforms, the database and the event loop report to as well.

    `post`, `post_budget` and `post_lift` are set once there is a way to the operators' channel. `record` and
    `record_budget` store the cause of an alert.
    """

    def __init__(self, clock: Clock, count: Count | None = None, post: PostAlert | None = None) -> None:
        self._clock = clock
        self._count = count
        self.post = post
        self.post_budget: Callable[[BudgetReached], Awaitable[bool]] | None = None
        self.post_lift: Callable[[BudgetLift], Awaitable[bool]] | None = None
        self.record: Callable[[Failure], None] = lambda _failure: None
        self.record_budget: Callable[[BudgetReached], None] = lambda _reached: None
        self._causes: dict[tuple[str, Code], _Cause] = {}
        self._posts: set[asyncio.Task[bool]] = set()
        self._budgets: LRUCache[str, BudgetReached] = LRUCache(_BUDGETS)

    def count(self, name: str, **labels: str) -> None:
        if self._count is not None:
            self._count(name, labels)

    def report_failure(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        """Alert that `what` fails. `places`: its settings (`Route.places`)."""
        now = self._clock.monotonic()
        cause = self._causes.get((what, error.code))
        if cause is not None and now - cause.announced_at < AGAIN_S:
            return
        alert = Alert(what, error.code, error.ref, places, error.kind)
        advice = advise(error.code, "en", places)
        log.error("alert_raised", what=what, code=alert.why, advice=advice, ref=error.ref)
        self.count("parley_alerts_total", what=what, code=str(error.code))
        self.record(error_to_failure(error, what, places))
        self._causes[what, error.code] = _Cause(now, alert, self._send(alert))

    def report_budget(self, reached: BudgetReached) -> None:
        """Alert that questions are refused since a budget is used up: once for each time that it is."""
        if reached.key in self._budgets:
            return
        self._budgets[reached.key] = reached
        scope = reached.budget.scope
        log.warning("budget_reached", scope=scope, limit=str(reached.budget.limit), lifts=reached.lifts)
        self.count("parley_budgets_reached_total", scope=scope)
        self.record_budget(reached)
        if self.post_budget is not None:
            self._start(partial(self.post_budget, reached), "budget", Code.BUDGET)

    def reached_budgets(self) -> list[BudgetReached]:
        """The limits that refused a question since the start, in periods that are not over, the newest first."""
        now = self._clock.now()
        return [one for one in list(self._budgets.values())[::-1] if one.budget.account.until > now]

    def report_lift(self, lift: BudgetLift) -> None:
        """Show in the alerts about a limit that it was allowed once more."""
        if self.post_lift is not None:
            self._start(partial(self.post_lift, lift), "lift", Code.BUDGET)

    def report_recovery(self, *whats: str) -> None:
        """The subjects `whats` work again."""
        self._end(whats, removed=False)

    def report_removal(self, what: str) -> None:
        """The settings have the subject `what` no more."""
        self._end([what], removed=True)

    def _end(self, whats: Collection[str], *, removed: bool) -> None:
        for (what, _), cause in self._causes.items():
            if what in whats and cause.alert is not None:
                over = replace(cause.alert, over=True, removed=removed)
                log.warning("alert_cleared", what=what, code=over.why, ref=over.ref)
                self.count("parley_recoveries_total", what=what, code=str(over.code))
                self._send(over, after=cause.posting)
                cause.alert = cause.posting = None

    def remember(self, alert: Alert, age_s: float) -> None:
        """An earlier process posted `alert`, `age_s` seconds ago: mending it took a restart."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        told.set_result(True)
        self._causes[alert.what, alert.code] = _Cause(self._clock.monotonic() - age_s, alert, told)

    def standing(self) -> list[Alert]:
        """The alerts that were raised and are not over."""
        return [cause.alert for cause in self._causes.values() if cause.alert is not None]

    def is_reported(self, what: str, code: Code) -> bool:
        """True if an alert that `what` fails with `code` has reached the operators."""
        cause = self._causes.get((what, code))
        posting = cause.posting if cause is not None else None
        return posting is not None and posting.done() and not posting.cancelled() and posting.result()

    async def close(self) -> None:
        for posting in self._posts:
            posting.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    def _send(self, alert: Alert, after: asyncio.Future[bool] | None = None) -> asyncio.Task[bool] | None:
        if self.post is None:
            return None
        return self._start(partial(self.post, alert), alert.what, alert.code, after)

    def _start(
        self,
        post: Callable[[], Awaitable[bool]],
        what: str,
        code: Code,
        after: asyncio.Future[bool] | None = None,
    ) -> asyncio.Task[bool]:
        posting = asyncio.create_task(self._posted(post, what, code, after))
        self._posts.add(posting)
        posting.add_done_callback(self._posts.discard)
        return posting

    async def _posted(
        self, post: Callable[[], Awaitable[bool]], what: str, code: Code, after: asyncio.Future[bool] | None
    ) -> bool:
        """Call `post`; that something is over is posted only where it was posted that it began (`after`)."""
        if after is not None and not await after:
            return False
        try:
            posted = await post()
        except Exception:
            log.exception("alert_not_posted", what=what, code=str(code))
            return False
        log.info("alert_posted" if posted else "alert_not_posted", what=what, code=str(code))
        return posted
