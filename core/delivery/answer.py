"""One answer on its way to a reader, between its writer and the scheduler. No I/O, no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.delivery.next_call import Address, FindMessage, NextCall, call, fulfil, next_calls
from core.delivery.page_layout import Life, PageLayout, PageState
from core.delivery.rate_limits import Rank, Urgency, urgency
from core.errors import Code, PlatformError
from core.values.conversation import Ask
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    Limits,
    OutgoingCall,
    Page,
    Phase,
    PostMessage,
    Reply,
    StartStream,
    StopStream,
    UploadFile,
)

Posted = Callable[[tuple[str, ...]], Awaitable[None]]
PostedIds = Callable[[], None]

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_LOOKS = 3
_GIVE_UP_AFTER = 20
"""Refused calls in a row after which an answer is given up (and kept in the store)."""
_GIVE_UP_AWAY_AFTER = 180
"""The same while the platform can't be reached: about an hour."""
_HEALS = (Code.BAD_TOKEN,)
"""Refusals that are no answer to these words: the operator mends the token, and the same call succeeds."""


class AnswerDelivery:
    """The writer of an answer calls `show` and never waits; the scheduler asks what is wanted and reports back.

    `posted` may hold ids from an earlier process: those messages are edited, whatever they show. `on_post`
    is awaited with all ids whenever they change, before anything but an edit is painted here. `on_stopped` is called
    once, if a person presses the platform's own stop button. `on_lost` is called when no more words can be shown:
    then `error` says why, nothing is painted, and `conclude` has the last word.
    """

    def __init__(
        self,
        ask: Ask,
        key: str,
        limits: Limits,
        on_post: Posted,
        posted: tuple[str, ...] = (),
        *,
        changed: Callable[[AnswerDelivery], None] = lambda _: None,
        look_first: bool = False,
        file_chars: int = 0,
        turn_id: int | None = None,
    ) -> None:
        self.ask = ask
        self.on_post = on_post
        self.on_stopped: PostedIds | None = None
        self.on_lost: PostedIds | None = None
        self.look_first = look_first
        self.busy = False
        self.not_before = 0.0
        self.gap_until = 0.0
        self.failures = 0
        self.error: PlatformError | None = None
        self.entry = 0
        """The scheduler's: counts how often this delivery was queued, so that older places in queues are void."""
        self.preferred: NextCall | None = None
        """The scheduler's: the way it has chosen for the first words."""
        self._address = Address(ask, key, ask.interaction_token, turn_id)
        self._changed = changed
        self._layout = PageLayout(
            limits,
            posted,
            can_grow=limits.growth is not None and bool(ask.place.thread and ask.author.id),
            file_chars=file_chars if limits.files else 0,
        )
        self._life_s = limits.growth.life_s if limits.growth else 0.0
        self._may_grow = False
        """What is found when we look may be a message that grows."""
        self._reply = Reply()
        self._behind_since: float | None = None
        self._taken_at = 0.0
        self._finished = asyncio.Event()
        self._removed: set[str] = set()
        self._concluding = False
        self._recording: asyncio.Task[None] | None = None

    # The writer's side.

    def show(self, reply: Reply, now: float) -> None:
        """Have the messages show `reply`, the complete view, as soon as the budgets allow."""
        ends = reply.phase is Phase.ENDED and not self.ended
        self._reply = reply
        if self._behind_since is None:
            self._behind_since = now
            self._changed(self)
        elif ends:
            self._changed(self)

    def conclude(self, reply: Reply, now: float) -> None:
        """After `error`: have what can still be shown say `reply`, which is `standing` or part of it, and its notice.
        If that is refused too, `error` says so again."""
        self._concluding, self.error = True, None
        self._finished.clear()
        self._reply, self._behind_since = reply, now
        self._changed(self)

    def remove(self, message_id: str = "") -> None:
        """That message was deleted, or (if empty) the place with all of them: no more words are shown."""
        known = self._removed or self._layout.closed
        self._removed |= {message_id} if message_id else {"", *self.posted}
        if known:
            self._changed(self)
        else:
            self._lose(PlatformError(Code.GONE, "deleted"))

    @property
    def posted(self) -> list[str]:
        return [page_state.id for page_state in self._layout.page_states if page_state.id not in self._removed]

    @property
    def standing(self) -> list[str]:
        """The words that can be read, by message."""
        return self._layout.standing(self._removed)

    @property
    def ended(self) -> bool:
        return self._reply.phase is Phase.ENDED

    @property
    def growing(self) -> bool:
        """Whether its last message grows, so that its next words need no edit."""
        return bool(self._layout.page_states) and self._layout.page_states[-1].growing

    async def finished(self) -> None:
        """Return when the last words can be read. Raises PlatformError when they never will be."""
        await self._finished.wait()
        if self.error is not None:
            raise self.error

    # The scheduler's side: what is wanted. Not to be asked while a call is under way.

    def next_calls(self, now: float) -> tuple[NextCall, ...]:
        """What could bring the messages closer to the reply, the best way first; nothing where they show it."""
        self._forget_removed()
        if self._finished.is_set():
            return ()
        self._layout.lay(self._reply)
        wished = next_calls(self._layout, now)
        if not wished and self.ended and self.look_first:
            wished = (NextCall.LOOK,)
        if not wished:
            self._behind_since = None
            if self.ended:
                self._finished.set()
        return wished

    def rank(self, next_call: NextCall) -> Rank:
        if next_call in (NextCall.POST, NextCall.START) and not any(
            page_state.upto for page_state in self._layout.page_states
        ):
            return Rank.FIRST
        return Rank.LAST if self.ended or next_call is NextCall.STOP else Rank.MIDDLE

    def urgency(self, next_call: NextCall, now: float) -> Urgency:
        page_states = self._layout.page_states
        unread = len(self._reply.text) - (page_states[-1].upto if page_states else 0)
        return urgency(self.rank(next_call), max(0, unread) + 1, self.behind_s(now))

    def behind_s(self, now: float) -> float:
        """How long the oldest words that no reader can see have waited, in seconds."""
        return 0.0 if self._behind_since is None else now - self._behind_since

    def sample(self, next_call: NextCall) -> OutgoingCall:
        """A call of that kind without its words, to see what it draws on."""
        return call(next_call, self._address)

    def call(self, next_call: NextCall, now: float) -> OutgoingCall | None:
        """The call that fulfils a next call, with the words as they are now; None if it is not needed after all."""
        if next_call not in self.next_calls(now):
            return None
        self._taken_at = now
        return fulfil(next_call, self._layout, self._address)

    # The scheduler's side: what became of it.

    def done(self, call: OutgoingCall, message_id: str, now: float) -> None:
        """`call` was performed on `message_id`."""
        self.failures = 0
        self._behind_since = self._taken_at
        match call:
            case UploadFile():
                self._layout.file()
            case PostMessage() | StartStream():
                page_state = self._stands(message_id)
                page_state.stop_by = now + self._life_s
                self._layout.shows(page_state, call.page if isinstance(call, PostMessage) else Page(call.text))
                self._record()
            case DeleteMessage():
                self._layout.page_states.remove(self._frame(call))
                self._record()
            case EditMessage():
                self._layout.shows(self._frame(call), call.page)
            case AppendStream():
                page_state = self._frame(call)
                self._layout.shows(page_state, Page(page_state.text + call.text))
            case StopStream():
                page_state = self._frame(call)
                self._layout.stopped(page_state, Page(page_state.text + call.text, call.notice, call.buttons))

    async def found(self, call: OutgoingCall, message_id: str) -> None:
        """The message that `call` was to make stands there already; what it shows is not known."""
        if isinstance(call, UploadFile):
            self._layout.file()
            return
        page_state = self._stands(message_id)
        if page_state.growing or self._may_grow:
            page_state.life = Life.DOUBTED
        await self.on_post(tuple(self.posted))

    async def recorded(self, call: OutgoingCall) -> None:
        """Return when `call` may be performed: an edit at once, since a message that was posted is found again by
        its key; all else when `on_post` is done, so that a sudden end loses no message and doubles none."""
        if self._recording is not None and not isinstance(call, EditMessage):
            await self._recording
            self._recording = None

    def _record(self) -> None:
        posted = tuple(self.posted)

        async def record() -> None:
            await self.on_post(posted)

        self._recording = asyncio.create_task(record())

    def _stands(self, message_id: str) -> PageState:
        self.preferred = None
        return self._layout.stands(message_id)

    def failed(self, call: OutgoingCall, error: PlatformError, now: float) -> bool:
        """Decide how to go on after a refusal; False if the answer can't be shown any more."""
        self.failures += 1
        if error.code is Code.GONE and not isinstance(call, DeleteMessage):
            self.remove(getattr(call, "message_id", ""))
            return self.error is None
        if isinstance(call, FindMessage):  # every word can be read: not worth waiting for long
            self.look_first = error.retryable and error.code is not Code.SLOW_DOWN and self.failures < _LOOKS
            return True
        if error.code is Code.SLOW_DOWN:
            return True  # the budgets know
        if error.code is Code.EXPIRED and self._address.interaction_token:
            self._address = replace(self._address, interaction_token="")
            return True
        if not error.certain:
            self._doubt(call)
        pause_until = now + _BACKOFF_S[min(self.failures, len(_BACKOFF_S)) - 1]
        if error.retryable or error.code in _HEALS:
            if self.failures <= _GIVE_UP_AWAY_AFTER:
                self.not_before = pause_until
                return True
        elif self.failures <= _GIVE_UP_AFTER and self._goes_on(call, error.code):
            self.gap_until = pause_until
            return True
        self._lose(error)
        return False

    def _lose(self, error: PlatformError) -> None:
        self.error = error
        self._finished.set()
        if self.on_lost is not None:
            self.on_lost()

    def _forget_removed(self) -> None:
        for message_id in self._removed:
            self._layout.remove(message_id)
        self._removed.clear()

    def _doubt(self, call: OutgoingCall) -> None:
        """It may have been done."""
        match call:
            case PostMessage() | StartStream() | UploadFile():
                self.look_first = True
                self._may_grow = self._may_grow or isinstance(call, StartStream)
            case AppendStream() | StopStream():
                self._frame(call).life = Life.DOUBTED
            case EditMessage():
                self._frame(call).shown = None

    def _goes_on(self, call: OutgoingCall, code: Code) -> bool:
        """After a refusal that will not change."""
        match call:
            case StartStream():
                self._layout.can_grow = False
                return True
            case PostMessage():
                self._layout.wait()  # other words may be taken
                if code is Code.UNSUPPORTED and self._layout.page_states and self._layout.limits.files:
                    self._layout.sealed = True
                    return True
                return code is Code.REJECTED and not self.ended
            case UploadFile():
                self._layout.file_chars = 0
                return not self._layout.sealed
        page_state = self._frame(call)
        if code is Code.GROWING:
            page_state.life = Life.DOUBTED
        elif code is Code.GROWN:
            self._layout.grown(page_state)
        elif code is Code.HALTED:
            if isinstance(call, AppendStream):
                page_state.life = Life.ENDS
            else:
                self._layout.grown(page_state)
            self._halt()
        elif isinstance(call, DeleteMessage):
            self._layout.page_states.remove(page_state)
        elif isinstance(call, AppendStream | StopStream) and code is Code.REJECTED and not page_state.must_stop:
            page_state.life = Life.ENDS
        elif isinstance(call, EditMessage):
            return self._goes_on_elsewhere(page_state, code)
        else:
            self._layout.cut(page_state)
        return True

    def _goes_on_elsewhere(self, page_state: PageState, code: Code) -> bool:
        """After an edit was refused."""
        if self._concluding and self._reply.text:
            return False  # there are fewer words to try
        if code is not Code.REJECTED or page_state.shown is None:
            self._layout.cut(page_state)
        elif self.ended or page_state.seen.full:
            self._layout.leave(page_state)
        else:
            self._layout.wait(page_state)  # other words may be taken
        return True

    def _halt(self) -> None:
        told, self.on_stopped = self.on_stopped, None
        if told is not None:
            told()

    def _frame(self, call: EditMessage | AppendStream | StopStream | DeleteMessage) -> PageState:
        return next(page_state for page_state in self._layout.page_states if page_state.id == call.message_id)
