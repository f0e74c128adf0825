"""The delivery part of a platform, in memory, whose limits, refusals and lost answers a test writes down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import cast

from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.delivery.shown_tasks import merged_tasks
from core.errors import Code, PlatformError
from core.platform_calls import PlatformCalls
from core.ports.connector import Installation
from core.values.conversation import Ask
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    Growth,
    Limits,
    OutgoingCall,
    Page,
    PostMessage,
    RateLimit,
    StartStream,
    StopStream,
    UploadFile,
)
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock

LIMITS = Limits(page_size=120, growth=Growth(size=300, life_s=20.0), files=True)
EDITS = RateLimit("edit", 10, 5 / 6, reserve=3)
SCARCE_EDITS = RateLimit("edit", 1, 1 / 30)
RETRY_S = 3.0


class Fate(Enum):
    """The outcome of one call."""

    WELL = "done"
    SLOW = "refused by a limit"
    AWAY = "surely not done"
    LOST = "not done, and no answer"
    DONE = "done, and no answer"
    NO = "the words are refused"
    NEVER = "it is too old to be changed"
    GONE = "somebody deleted it just before"


@dataclass(slots=True)
class Sheet:
    """A message as a reader sees it."""

    key: str
    page: Page
    growing: bool = False
    died_at: float = 0.0
    deleted: bool = False
    posted_at: float = 0.0


@dataclass(slots=True)
class _Tokens:
    level: float
    at: float


@dataclass
class Paper:
    """`fates` are those of the first calls; then all goes well. `forbidden` counts calls over a told budget, or
    within a pause that was asked for; `scale` makes the limits tighter than told. Text that holds `blocked` is refused.
    An `unreadable` place takes messages and shows none. `edits`: the limit of edits.
    """

    clock: FakeClock
    fates: list[Fate] = field(default_factory=list)
    limits: Limits = LIMITS
    edits: RateLimit = EDITS
    scale: float = 1.0
    latency_s: float = 0.05
    sheets: dict[str, Sheet] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[float, OutgoingCall]] = field(default_factory=list)
    refused: int = 0
    forbidden: list[str] = field(default_factory=list)
    unfindable: bool = False
    unreadable: bool = False
    blocked: str = "\0"
    name: str = "paper"
    _tokens: dict[str, _Tokens] = field(default_factory=dict)
    _pauses: dict[str, float] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)

    @property
    def shown(self) -> str:
        """The text of all messages, in order."""
        return "\n".join(sheet.page.text for sheet in self.sheets.values() if not sheet.deleted)

    @property
    def notices(self) -> list[str]:
        return [s.page.notice for s in self.sheets.values() if s.page.notice and not s.deleted]

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        match call:
            case PostMessage() | UploadFile():
                return (RateLimit(f"post/{call.place.channel}", 3, 1), RateLimit("post", 20, 5))
            case EditMessage():
                return (self.edits,)
            case AppendStream():
                return (RateLimit("append", 20, 5 / 3),)
            case StartStream():
                return (RateLimit("start", 10, 1 / 3),)
            case StopStream():
                return (RateLimit("stop", 10, 1 / 3),)
            case DeleteMessage():
                return (RateLimit("delete", 5, 1),)

    async def perform(self, call: OutgoingCall) -> str:
        self.calls.append((self.clock.monotonic(), call))
        self._check_pace(call)
        fate = self.fates.pop(0) if self.fates else Fate.WELL
        self._begin(call)
        try:
            await self.clock.sleep(self.latency_s)
        finally:
            self._busy.discard(getattr(call, "message_id", ""))
        self._meet(fate, call)
        done = self._do(call)
        if fate is Fate.DONE:
            raise PlatformError(Code.UNCERTAIN, retryable=True, certain=False)
        return done

    def _begin(self, call: OutgoingCall) -> None:
        message_id = getattr(call, "message_id", "")
        assert message_id not in self._busy or not message_id, "two writers of one message"
        self._busy.add(message_id)

    def _check_pace(self, call: OutgoingCall) -> None:
        now = self.clock.monotonic()
        rate_limits = self.rate_limits(call)
        if now < self._pauses.get(rate_limits[0].scope, 0.0) - 1e-6:
            self.forbidden.append(f"{rate_limits[0].scope} at {now}: within a pause")
        short = False
        for budget in rate_limits:
            burst, per_s = max(1.0, budget.burst * self.scale), budget.per_s * self.scale
            tokens = self._tokens.setdefault(budget.scope, _Tokens(burst, now))
            tokens.level = min(burst, tokens.level + (now - tokens.at) * per_s)
            tokens.at = now
            short = short or tokens.level < 1 - 1e-6
        if short:
            self.refused += 1
            if self.scale == 1.0:
                self.forbidden.append(f"{rate_limits[-1].scope} at {now}: over the budget")
            raise PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=1.0)
        for budget in rate_limits:
            self._tokens[budget.scope].level -= 1

    def _meet(self, fate: Fate, call: OutgoingCall) -> None:
        new = isinstance(call, PostMessage)
        if fate is Fate.SLOW:
            scope = self.rate_limits(call)[0].scope
            self._pauses[scope] = self.clock.monotonic() + RETRY_S
            raise PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=RETRY_S)
        if fate is Fate.AWAY:
            raise PlatformError(Code.UNAVAILABLE, retryable=True)
        if fate is Fate.LOST:
            raise PlatformError(Code.UNCERTAIN, retryable=True, certain=False)
        if fate is Fate.NO and not new:
            raise PlatformError(Code.REJECTED)
        if fate is Fate.NEVER and not new:
            raise PlatformError(Code.NOT_ALLOWED)
        if fate is Fate.GONE and not new:
            self.delete(call.message_id)  # type: ignore[union-attr]

    def delete(self, message_id: str) -> None:
        """A person deletes it."""
        self.sheets[message_id].deleted = True

    def _meet_words(self, call: OutgoingCall) -> None:
        page = getattr(call, "page", None)
        text = page.text if isinstance(page, Page) else getattr(call, "text", "")
        if self.blocked in text:
            raise PlatformError(Code.REJECTED)

    def _do(self, call: OutgoingCall) -> str:
        now = self.clock.monotonic()
        self._meet_words(call)
        if isinstance(call, UploadFile):
            self.files[call.key] = call.content.decode("utf-8", "replace")
            return "file"
        if isinstance(call, PostMessage | StartStream):
            message_id = f"m{len(self.sheets)}"
            page = call.page if isinstance(call, PostMessage) else Page(call.text, tasks=call.tasks)
            assert page.text or page.notice or page.tasks
            growth = self.limits.growth
            most = growth.size if isinstance(call, StartStream) and growth else self.limits.page_size
            assert len(page.text) <= most + 8
            dies = now + growth.life_s + 5 if isinstance(call, StartStream) and growth else 0.0
            self.sheets[message_id] = Sheet(call.key, page, isinstance(call, StartStream), dies, posted_at=now)
            return message_id
        sheet = self.sheets[call.message_id]
        if sheet.deleted:
            raise PlatformError(Code.GONE)
        alive = sheet.growing and now < sheet.died_at
        if isinstance(call, AppendStream | StopStream):
            if not alive:
                sheet.growing = False
                raise PlatformError(Code.GROWN)
            assert isinstance(call, StopStream) or call.text or call.tasks
            text, tasks = sheet.page.text + call.text, merged_tasks(sheet.page.tasks, call.tasks)
            sheet.page = Page(text, tasks=tasks)
            if isinstance(call, StopStream):
                sheet.page = Page(text, call.notice, call.buttons, tasks)
                sheet.growing = False
        elif isinstance(call, EditMessage):
            if alive:
                raise PlatformError(Code.GROWING)
            sheet.page = call.page
        else:
            sheet.deleted = True
        return call.message_id

    async def find(self, call: OutgoingCall) -> str | None:
        if self.unreadable:
            raise PlatformError(Code.NOT_ALLOWED, "no right to read here")
        if isinstance(call, UploadFile):
            return "file" if call.key in self.files else None
        assert isinstance(call, PostMessage | StartStream)
        if self.unfindable:
            raise PlatformError(Code.SLOW_DOWN, "asked too often", retryable=True, retry_after_s=60.0)
        return next((id_ for id_, sheet in self.sheets.items() if sheet.key == call.key), None)


def ask(number: int = 0) -> Ask:
    place = Place("paper", "T", f"C{number}", "thread")
    return Ask(f"q{number}", place, Person("U1"), "?", datetime(2026, 11, 22, tzinfo=UTC))


class Studio:
    """A scheduler at work on a `Paper`, in time that only `pass_s` moves on."""

    def __init__(self, paper: Paper, *, file_chars: int = 0) -> None:
        self.paper = paper
        self.clock = paper.clock
        self.scheduler = DeliveryScheduler(
            PlatformCalls(cast("Installation", paper)), paper.clock, file_chars=file_chars
        )
        self.ids: dict[str, tuple[str, ...]] = {}

    def delivery(
        self, number: int = 0, posted: tuple[str, ...] = (), *, look_first: bool = False
    ) -> AnswerDelivery:
        key = f"turn-{number}"

        async def on_post(posted: tuple[str, ...]) -> None:
            self.ids[key] = posted

        return self.scheduler.delivery(ask(number), key, on_post, posted, look_first=look_first)

    async def pass_s(self, seconds: float, step_s: float = 0.1) -> None:
        for _ in range(max(1, round(seconds / step_s))):
            await self.clock.advance(step_s)

    async def finish(self, *deliveries: AnswerDelivery, within_s: float = 400.0) -> None:
        """Wait until all their last words can be read. Raises errors of `finished`, or TimeoutError."""
        waiting = asyncio.gather(*(delivery.finished() for delivery in deliveries))
        for _ in range(int(within_s / 0.2)):
            await self.clock.advance(0.2)
            if waiting.done():
                await waiting
                return
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        raise TimeoutError(f"not shown within {within_s} s")


@asynccontextmanager
async def studio(paper: Paper, *, file_chars: int = 0) -> AsyncIterator[Studio]:
    made = Studio(paper, file_chars=file_chars)
    running = asyncio.create_task(made.scheduler.run())
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
