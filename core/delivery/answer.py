"""The delivery of one answer: the messages that show it, and the calls they still need. No I/O, no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import replace

from core.delivery.call_failures import NextStep, backoff_s, change_layout, doubt, is_picture, next_step
from core.delivery.next_call import Address, NextCall, call, fulfil, next_calls, page_of
from core.delivery.page_layout import PageLayout
from core.delivery.page_state import Life, PageState
from core.delivery.rate_limits import Rank, Urgency, urgency
from core.delivery.shown_tasks import merged_tasks
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

OnPost = Callable[[tuple[str, ...]], Awaitable[None]]
Callback = Callable[[], None]


class AnswerDelivery:
    """The writer of an answer calls `show` or `show_newest` and never waits. The scheduler asks for next calls and
    reports results.

    `posted`: ids of messages of an earlier process, which are edited. `on_post` is awaited with all ids after each
    change of them, and before the next call that is not an edit. `on_stopped` is called once, when a person presses
    the platform's own stop button. `on_lost` is called when the platform takes no more of the answer: `error` says
    why, no further call is made, and `conclude` may show an end.
    """

    def __init__(
        self,
        ask: Ask,
        key: str,
        limits: Limits,
        on_post: OnPost,
        posted: tuple[str, ...] = (),
        *,
        on_change: Callable[[AnswerDelivery], None] = lambda _: None,
        look_first: bool = False,
        file_chars: int = 0,
        turn_id: int | None = None,
    ) -> None:
        self.ask = ask
        self.context = copy_context()
        """The context of the run that the answer belongs to: lines of its calls name the turn."""
        self.on_post = on_post
        self.on_stopped: Callback | None = None
        self.on_lost: Callback | None = None
        self.look_first = look_first
        self._goes_on = bool(posted)
        """An earlier process has begun it, and people have seen nothing more of it since."""
        self.busy = False
        self.not_before = 0.0
        self.gap_until = 0.0
        self.failures = 0
        self.error: PlatformError | None = None
        self.ended = False
        """The reply is the whole answer."""
        self.queue_version = 0
        """The scheduler raises it each time it queues this delivery; older candidates are stale."""
        self.deletes = False
        """A message is deleted next, or behind the call under way."""
        self.preferred: NextCall | None = None
        """The kind of call that the scheduler chose for the first words."""
        self.limits = limits
        self._address = Address(ask, key, ask.interaction_token, turn_id)
        self._on_change = on_change
        self._layout = PageLayout(
            limits,
            posted,
            can_grow=limits.growth is not None and bool(ask.place.thread and ask.author.id),
            can_repost=limits.reposts and not ask.interaction_token,
            file_chars=file_chars if limits.files else 0,
        )
        self._life_s = limits.growth.life_s if limits.growth else 0.0
        self._may_grow = False
        """A message that is found may be a stream that has not been stopped."""
        self._newest = Reply()
        self._make: Callable[[], Reply] | None = None
        """Returns the reply that follows `_newest`, until it is needed."""
        self.quote = ""
        """Markdown above the reply's text that is not part of the answer. Set before the text is shown, and removed by
        `drop_quote`."""
        self.pictures = self._layout.pictures
        self._behind_since: float | None = None
        self._taken_at = 0.0
        self._finished = asyncio.Event()
        self._removed: set[str] = set()
        self._concluding = False
        self._recording: asyncio.Task[None] | None = None

    # The writer's side.

    def show(self, reply: Reply, now: float) -> None:
        """Show `reply`, the whole answer so far, as soon as the rate limits allow."""
        ended = reply.phase is Phase.ENDED
        if ended:
            reply = replace(reply, activity=self._reply.activity.ended())
        self.show_newest(lambda: reply, now, ended=ended)

    def show_newest(self, make: Callable[[], Reply], now: float, *, ended: bool = False) -> None:
        """Show the reply that `make` returns. It is called when the reply is needed: of the replies between two calls,
        only the newest is made."""
        ends, self.ended, self._make = ended and not self.ended, ended, make
        if self._behind_since is None:
            self._behind_since = now
            if self.error is None:
                self._finished.clear()
            self._on_change(self)
        elif ends:
            self._on_change(self)

    def drop_quote(self, now: float) -> None:
        """Show the newest reply, and those that follow, without the quote above their text."""
        if self.quote:
            newest, self.quote = self._reply, ""
            self.show(replace(newest, text=newest.answer, quote_length=0), now)

    def conclude(self, reply: Reply, now: float) -> None:
        """Show `reply` after `error`, in the messages that are left. Its text is `standing` or the beginning of
        it.

        `error` is set again if the platform refuses that too.
        """
        if not reply.text or not "".join(self._layout.standing(self._removed)).startswith(self.quote):
            self.quote = ""
        self._concluding, self.error = True, None
        self._finished.clear()
        self.ended, self._make, self._behind_since = reply.phase is Phase.ENDED, lambda: reply, now
        self._on_change(self)

    def correct(self, reply: Reply, now: float) -> None:
        """Show `reply` as the ended answer in the messages that it has. Nothing new is posted or uploaded."""
        self._layout.keep_to_posted()
        self.conclude(reply, now)

    def remove(self, message_id: str = "") -> None:
        """The message was deleted, or with an empty id all of them: no more words are shown."""
        known = self._removed or self._layout.closed
        self._removed |= {message_id} if message_id else {"", *self.posted}
        if known:
            self._on_change(self)
        else:
            self._lose(PlatformError(Code.GONE, "deleted"))

    @property
    def posted(self) -> list[str]:
        ids = [id_ for page_state in self._layout.page_states for id_ in page_state.ids]
        return [id_ for id_ in ids if id_ not in self._removed]

    @property
    def standing(self) -> list[str]:
        """The text that can be read, by message, without the quote above it."""
        return self._layout.standing(self._removed, self._layout.reply.quote_length)

    @property
    def _reply(self) -> Reply:
        """The newest reply, with the quote above its text."""
        if self._make is not None:
            reply, self._make = self._make(), None
            if self.quote:
                reply = replace(reply, text=self.quote + reply.text, quote_length=len(self.quote))
            self._newest = reply
        return self._newest

    @property
    def growing(self) -> bool:
        """True if the last message is an open stream."""
        return bool(self._layout.page_states) and self._layout.page_states[-1].growing

    async def finished(self) -> None:
        """Return when the whole reply is shown. Raises PlatformError where that is impossible."""
        await self._finished.wait()
        if self.error is not None:
            raise self.error

    # For the scheduler: the next calls. Not while a call of this delivery is under way.

    def next_calls(self, now: float) -> tuple[NextCall, ...]:
        """Kinds of calls that would show more of the reply, preferred first; empty where all is shown."""
        self._forget_removed()
        if self._finished.is_set():
            return ()
        self._layout.lay(self._reply)
        calls = next_calls(self._layout, now)
        if not calls and self.ended and self.look_first:
            calls = (NextCall.LOOK,)
        if not calls:
            self._behind_since = None
            if self.ended:
                self._finished.set()
        return calls

    def rank(self, next_call: NextCall) -> Rank:
        if next_call in (NextCall.POST, NextCall.START, NextCall.REPOST) and not any(
            page_state.upto for page_state in self._layout.page_states
        ):
            return Rank.FIRST
        last = self.ended or self._goes_on or next_call in (NextCall.STOP, NextCall.DELETE)
        return Rank.LAST if last else Rank.MIDDLE

    def urgency(self, next_call: NextCall, now: float) -> Urgency:
        page_states = self._layout.page_states
        unread = len(self._reply.text) - (page_states[-1].upto if page_states else 0)
        return urgency(self.rank(next_call), max(0, unread) + 1, self.behind_s(now))

    def behind_s(self, now: float) -> float:
        """Seconds that the oldest unshown words have waited."""
        return 0.0 if self._behind_since is None else now - self._behind_since

    def sample(self, next_call: NextCall) -> OutgoingCall:
        """A call of that kind without text, for its rate limits."""
        return call(next_call, self._address)

    def call(self, next_call: NextCall, now: float) -> OutgoingCall | None:
        """The call with the text as it is now, or None if it is not needed any more."""
        if next_call not in self.next_calls(now):
            return None
        self._taken_at = now
        return fulfil(next_call, self._layout, self._address)

    # For the scheduler: the results of calls.

    def done(self, call: OutgoingCall, message_id: str, now: float) -> None:
        """`call` was performed on `message_id`."""
        self.failures = 0
        self._goes_on = False
        self._behind_since = self._taken_at
        match call:
            case UploadFile():
                self._uploaded(call)
            case PostMessage() | StartStream():
                page_state = self._stands(message_id)
                page_state.stop_by = now + self._life_s
                page = call.page if isinstance(call, PostMessage) else Page(call.text, tasks=call.tasks)
                self._layout.shows(page_state, page)
                self._record()
            case DeleteMessage():
                self._layout.deleted(call.message_id)
                self._record()
            case EditMessage():
                self._layout.shows(page_of(self._layout, call), call.page)
            case AppendStream():
                page_state = page_of(self._layout, call)
                tasks = merged_tasks(page_state.tasks, call.tasks)
                self._layout.shows(page_state, Page(page_state.text + call.text, tasks=tasks))
            case StopStream():
                page_state = page_of(self._layout, call)
                page = Page(page_state.text + call.text, call.notice, call.buttons, sources=call.sources)
                self._layout.stopped(page_state, page)

    async def found(self, call: OutgoingCall, message_id: str) -> None:
        """The message that `call` would make exists already. Its content is unknown."""
        if isinstance(call, UploadFile):
            self._uploaded(call)
            return
        page_state = self._stands(message_id)
        if page_state.growing or self._may_grow:
            page_state.life = Life.DOUBTED
        await self.on_post(tuple(self.posted))

    def _uploaded(self, upload: UploadFile) -> None:
        if not upload.under:
            self._layout.file()
        elif self._layout.picture is not None:
            self.pictures.shown.append(self._layout.picture)

    async def recorded(self, call: OutgoingCall) -> None:
        """Return when `call` may be performed: an edit at once, any other call after `on_post` has ended.

        So no message is lost or posted twice after a sudden end of the program. The message of an edit is found again
        by its key.
        """
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
        return self._layout.page_posted(message_id)

    def failed(self, call: OutgoingCall, error: PlatformError, now: float) -> bool:
        """Take the next step after a refusal of `call`. False where the answer can't be shown any more."""
        if not (is_picture(call) and error.code is Code.SLOW_DOWN):  # a picture keeps its tries
            self.failures += 1
        step = next_step(call, error, self.failures, has_token=bool(self._address.interaction_token))
        match step:
            case NextStep.WAIT:
                pass
            case NextStep.LOSE_PAGE:
                self.remove(getattr(call, "message_id", ""))
                return self.error is None
            case NextStep.LOOK_AGAIN | NextStep.LOOK_NO_MORE:
                self.look_first = step is NextStep.LOOK_AGAIN
            case NextStep.DROP_TOKEN:
                self._address = replace(self._address, interaction_token="")
            case NextStep.SKIP_PICTURE:
                self.pictures.refused.append(error.code)
                self.failures = 0
            case NextStep.DROP_EMBEDDED:
                if not error.certain:
                    self._doubt(call)
                self._layout.drop_embedded(error.code)
                self.failures = 0
            case _:
                if not error.certain:
                    self._doubt(call)
                return self._resume(step, call, error, now + backoff_s(self.failures))
        return True

    def _resume(self, step: NextStep, call: OutgoingCall, error: PlatformError, at: float) -> bool:
        """Continue at the time `at`, or end the delivery with `error` and return False."""
        if step is NextStep.RETRY:
            self.not_before = at
        elif step is NextStep.CHANGE and self._change_layout(call, error.code):
            if error.code is not Code.GROWING or self.failures > 1:  # it can be stopped at once
                self.gap_until = at
        else:
            self._lose(error)
            return False
        return True

    def _change_layout(self, call: OutgoingCall, code: Code) -> bool:
        concludes = self._concluding and bool(self._reply.text)
        changed = change_layout(self._layout, call, code, ended=self.ended, concludes=concludes)
        if code is Code.HALTED:
            self._halt()
        return changed

    @property
    def more_pictures(self) -> bool:
        """True if another picture follows the one that is posted next."""
        return self.pictures.more(self._layout.reply.pictures)

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
        """`call` may have been performed."""
        if isinstance(call, PostMessage | StartStream | UploadFile):
            self.look_first = True
            self._may_grow = self._may_grow or isinstance(call, StartStream)
        else:
            doubt(self._layout, call)

    def _halt(self) -> None:
        told, self.on_stopped = self.on_stopped, None
        if told is not None:
            told()
