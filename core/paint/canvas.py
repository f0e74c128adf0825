"""One answer on its way to a reader: what its messages should show, and what they show now. No I/O, no clock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from core.errors import Code, PlatformError
from core.paint.markdown import reopens
from core.paint.pacing import Rank, Urgency, urgency
from core.paint.painter import View, full_view, sheet, view
from core.types import (
    Append,
    Ask,
    Delete,
    Edit,
    Limits,
    Page,
    Phase,
    Post,
    Reply,
    Start,
    Stop,
    Stroke,
    Upload,
    page_length,
)

Posted = Callable[[tuple[str, ...]], Awaitable[None]]
Told = Callable[[], None]

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_GIVE_UP_AFTER = 20
"""Failed calls in a row, about five minutes, after which an answer is given up (and kept in the store)."""
_EMPTY = Page("")
_BLANK = re.compile(r"(?:[ \t]*\n)+")


class Kind(Enum):
    """The ways in which a canvas may want to be painted next. `REST`: a further message for what can't be edited."""

    POST = auto()
    START = auto()
    EDIT = auto()
    APPEND = auto()
    STOP = auto()
    REST = auto()
    DELETE = auto()
    UPLOAD = auto()


@dataclass(slots=True, eq=False)
class Message:
    """One message of the answer, which shows its words from `start` on.

    `start` is None while the message before it is not full: then nothing says yet what it is to show. `end` is
    set once the next message has begun. `shown` is None where we can't tell. `upto` is how far a reader has
    come. `version` is that of the reply it was last brought up to. While it grows: `must_stop`, with no more
    words and as soon as can be; `doubtful`, an append may or may not have been done.
    """

    id: str
    start: int | None
    size: int
    opens: str = ""
    end: int | None = None
    shown: Page | None = None
    upto: int = 0
    version: int = -1
    final: bool = False
    growing: bool = False
    must_stop: bool = False
    doubtful: bool = False
    stop_by: float = 0.0


class Canvas:
    """The writer of an answer calls `show` and never waits; the brush asks what is wanted and reports back.

    `posted` may hold ids from an earlier process: those messages are edited, whatever they show. `on_post`
    is awaited with all ids whenever they change, before anything else is painted here. `on_stopped` is called
    once, if a person presses the platform's own stop button.
    """

    def __init__(
        self,
        ask: Ask,
        key: str,
        limits: Limits,
        on_post: Posted,
        posted: tuple[str, ...] = (),
        *,
        changed: Callable[[Canvas], None] = lambda _: None,
        look_first: bool = False,
        file_chars: int = 0,
    ) -> None:
        self.ask = ask
        self.on_post = on_post
        self.on_stopped: Told | None = None
        self.look_first = look_first
        self.ticket = ask.ticket
        self.busy = False
        self.not_before = 0.0
        self.gap_until = 0.0
        self.failures = 0
        self.error: PlatformError | None = None
        self.entry = 0
        """The brush's: counts how often this canvas was queued, so that older places in queues are void."""
        self.leans: Kind | None = None
        """The brush's: the way it has chosen for the first words."""
        self._key = key
        self._limits = limits
        self._changed = changed
        self._messages = [
            Message(id_, 0 if index == 0 else None, limits.page_size) for index, id_ in enumerate(posted)
        ]
        self._made = len(posted)
        self._can_grow = limits.growth is not None and bool(ask.place.thread and ask.author.id)
        self._may_grow = False  # what is found when we look
        self._file_chars = file_chars if limits.files else 0
        self._filed = False
        self._reply = Reply()
        self._version = 0
        self._laid = ""
        self._seen = View(_EMPTY, 0)
        self._seen_of: tuple[Message, int, int | None, bool, int] | None = None
        self._fresh = Message("", 0, limits.page_size)
        self._refused_version = -1
        self._behind_since: float | None = None
        self._taken_at = 0.0
        self._finished = asyncio.Event()

    # The writer's side.

    def show(self, reply: Reply, now: float) -> None:
        """Have the messages show `reply`, the complete view, as soon as the budgets allow."""
        ends = reply.phase is Phase.ENDED and self._reply.phase is not Phase.ENDED
        self._reply = reply
        self._version += 1
        if self._behind_since is None:
            self._behind_since = now
            self._changed(self)
        elif ends:
            self._changed(self)

    @property
    def posted(self) -> list[str]:
        return [message.id for message in self._messages]

    @property
    def ended(self) -> bool:
        return self._reply.phase is Phase.ENDED

    @property
    def growing(self) -> bool:
        """Whether its last message grows, so that its next words need no edit."""
        return bool(self._messages) and self._messages[-1].growing

    async def finished(self) -> None:
        """Return when the last words can be read. Raises PlatformError when they never will be."""
        await self._finished.wait()
        if self.error is not None:
            raise self.error

    # The brush's side: what is wanted.

    def wishes(self, now: float) -> tuple[Kind, ...]:
        """What could bring the messages closer to the reply, the best way first; nothing where they show it."""
        if self.error is not None or self._finished.is_set():
            return ()
        if not self._reply.text.startswith(self._laid):
            self._lay_anew()
        self._laid = self._reply.text
        if self._filing:
            return (Kind.UPLOAD,)
        message = self._behind()
        if message is not None:
            return self._wishes_for(message, now)
        if self._wants_another():
            grows = self._can_grow and not self.ended and bool(self._reply.text.strip())
            return (Kind.POST, Kind.START) if grows else (Kind.POST,)
        if self.ended:
            if self._surplus() is not None:
                return (Kind.DELETE,)
            self._finished.set()
        self._behind_since = None
        return ()

    def _wishes_for(self, message: Message, now: float) -> tuple[Kind, ...]:
        unread = self.ended and self._length > message.upto
        if not message.growing:
            # The rest may stand apart from words that stay, not from a notice or an earlier process's words.
            stays = message.shown is not None and bool(message.shown.text.strip())
            return (Kind.EDIT, Kind.REST) if unread and stays else (Kind.EDIT,)
        full = page_length(self._reply.text[message.start :], self._limits.page_unit) > message.size
        if message.must_stop or full or self.ended or now >= message.stop_by:
            plain = unread and not message.must_stop and not full
            return (Kind.STOP, Kind.APPEND) if plain else (Kind.STOP,)
        return (Kind.APPEND,)

    def rank(self, kind: Kind) -> Rank:
        if not any(message.upto for message in self._messages) and kind in (Kind.POST, Kind.START):
            return Rank.FIRST
        return Rank.LAST if self.ended or kind is Kind.STOP else Rank.MIDDLE

    def urgency(self, kind: Kind, now: float) -> Urgency:
        unread = self._length - (self._messages[-1].upto if self._messages else 0)
        since = self._behind_since if self._behind_since is not None else now
        return urgency(self.rank(kind), max(0, unread) + 1, now - since)

    def sample(self, kind: Kind) -> Stroke:
        """A stroke of that kind without its words, to see what it draws on."""
        return self._make(kind, self._messages[-1].id if self._messages else "", _EMPTY, "")

    def stroke(self, kind: Kind, now: float) -> Stroke | None:
        """The call that fulfils a wish, with the words as they are now; None if it is not needed after all."""
        wishes = self.wishes(now)
        if kind not in wishes:
            return None
        self._taken_at = now
        match kind:
            case Kind.UPLOAD:
                return self._make(kind, "", _EMPTY, self._reply.text)
            case Kind.DELETE:
                surplus = self._surplus()
                assert surplus is not None
                return self._make(kind, surplus.id, _EMPTY, "")
            case Kind.POST | Kind.START:
                return self._first_words(kind, self._next_message(grows=kind is Kind.START))
            case Kind.REST:
                stuck = self._behind()
                assert stuck is not None
                self._freeze(stuck)
                return self._first_words(kind, self._next_message(grows=False))
        message = self._behind()
        assert message is not None
        seen = self._see(message)
        if kind is Kind.EDIT:
            return self._make(kind, message.id, seen.page, "")
        sent = message.shown.text if message.shown else ""
        suffix = seen.page.text[len(sent) :] if seen.page.text.startswith(sent) else ""
        if kind is Kind.APPEND:
            if not suffix:
                message.version = self._version
                return None
            return self._make(kind, message.id, _EMPTY, suffix)
        if message.must_stop:
            return self._make(kind, message.id, _EMPTY, "")
        return self._make(kind, message.id, seen.page, suffix)

    def _first_words(self, kind: Kind, message: Message) -> Stroke | None:
        seen = self._see(message)
        if not seen.page.text.strip() and not seen.page.notice:
            self._refused_version = self._version  # wait for more
            return None
        self._fresh = message
        return self._make(kind, "", seen.page, seen.page.text)

    def _make(self, kind: Kind, message_id: str, page: Page, text: str) -> Stroke:
        place, ask, key = self.ask.place, self.ask, f"{self._key}-{self._made}"
        match kind:
            case Kind.POST | Kind.REST:
                return Post(place, page, key, ask.id, self.ticket)
            case Kind.START:
                return Start(place, text, key, ask.id, ask.author.id)
            case Kind.EDIT:
                key = f"{self._key}-{self.posted.index(message_id)}" if message_id else ""
                return Edit(place, message_id, page, self.ticket, key)
            case Kind.APPEND:
                return Append(place, message_id, text)
            case Kind.STOP:
                key = f"{self._key}-{self.posted.index(message_id)}"
                return Stop(place, message_id, key, text, page.notice, page.buttons)
            case Kind.DELETE:
                return Delete(place, message_id, self.ticket)
            case Kind.UPLOAD:
                return Upload(place, "answer.md", text, f"{self._key}-file", ask.id, self.ticket)

    # The brush's side: what became of it.

    async def done(self, stroke: Stroke, message_id: str, now: float) -> None:
        """`stroke` was performed on `message_id`."""
        self.failures = 0
        self._behind_since = self._taken_at
        if isinstance(stroke, Post | Start):
            await self._stands(message_id, stroke, now)
            return
        if isinstance(stroke, Upload):
            self._is_filed()
            return
        message = self._message(stroke)
        if isinstance(stroke, Delete):
            await self._removed(message)
        elif isinstance(stroke, Edit):
            self._shows(message, stroke.page)
        else:
            text = (message.shown.text if message.shown else "") + stroke.text
            if isinstance(stroke, Append):
                self._shows(message, Page(text))
            else:
                message.growing = False
                self._grew(message, Page(text, stroke.notice, stroke.buttons))

    async def found(self, stroke: Stroke, message_id: str) -> None:
        """The message that `stroke` was to make stands there already; what it shows is not known."""
        if isinstance(stroke, Upload):
            self._is_filed()
            return
        assert isinstance(stroke, Post | Start)
        await self._stands(message_id, stroke, None)

    async def _stands(self, message_id: str, stroke: Post | Start, now: float | None) -> None:
        message = self._fresh
        message.id = message_id
        self.leans = None
        message.growing = isinstance(stroke, Start) or (now is None and self._may_grow)
        if message.growing and self._limits.growth is not None:
            message.stop_by = (now or 0.0) + self._limits.growth.life_s
        self._messages.append(message)
        self._made += 1
        if now is None:
            message.must_stop = message.doubtful = message.growing
        else:
            self._shows(message, stroke.page if isinstance(stroke, Post) else Page(stroke.text))
        await self.on_post(tuple(self.posted))

    def _grew(self, message: Message, page: Page) -> None:
        """`message` was stopped and shows `page`, unless there was a doubt. Cut short, it goes on by an edit."""
        if message.doubtful:
            self._shows(message, None)
        elif message.must_stop:
            message.shown, message.version = page, -1
        else:
            self._shows(message, page)
        message.must_stop = message.doubtful = False

    def _is_filed(self) -> None:
        """The first message stays to be read; the others are in the file."""
        self._filed = True
        self._version += 1
        for message in self._messages[:1]:
            message.final = False

    async def _removed(self, message: Message) -> None:
        self._messages.remove(message)
        await self.on_post(tuple(self.posted))

    def failed(self, stroke: Stroke, error: PlatformError, now: float) -> bool:
        """Decide how to go on after a refusal; False if the answer can't be shown any more."""
        self.failures += 1
        if error.code is Code.SLOW_DOWN:
            return True  # the budgets know
        if error.code is Code.EXPIRED and self.ticket:
            self.ticket = ""
            return True
        if not error.certain:
            self._doubt(stroke)
        if error.retryable and self.failures <= _GIVE_UP_AFTER:
            self.not_before = now + _BACKOFF_S[min(self.failures, len(_BACKOFF_S)) - 1]
            return True
        if not error.retryable and self.failures <= _GIVE_UP_AFTER and self._goes_on(stroke, error):
            return True
        self.fail(error)
        return False

    def fail(self, error: PlatformError) -> None:
        """Nothing more can be shown here."""
        self.error = error
        self._finished.set()

    def _doubt(self, stroke: Stroke) -> None:
        """It may have been done."""
        if isinstance(stroke, Post | Start | Upload):
            self.look_first = True
            self._may_grow = self._may_grow or isinstance(stroke, Start)
            return
        message = self._message(stroke)
        if isinstance(stroke, Append | Stop):
            message.must_stop = message.doubtful = True
        elif isinstance(stroke, Edit):
            message.shown = None

    def _goes_on(self, stroke: Stroke, error: PlatformError) -> bool:
        """After a refusal that will not change."""
        match stroke:
            case Start():
                self._can_grow = False
                return error.code is not Code.GONE
            case Post():
                self._refused_version = self._version  # other words may be taken
                return error.code is Code.REJECTED and not self.ended
            case Upload():
                self._file_chars = 0
                return True
        message = self._message(stroke)
        if error.code is Code.BAD_TOKEN:
            return False
        if error.code is Code.GROWING:
            message.growing = message.must_stop = message.doubtful = True
        elif error.code is Code.GROWN:
            message.growing = False
            message.version = -1
            message.shown = None if message.doubtful else message.shown
            message.must_stop = message.doubtful = False
        elif error.code is Code.HALTED:
            message.must_stop = isinstance(stroke, Append)
            message.growing = message.must_stop
            self._halt()
        elif isinstance(stroke, Delete):
            self._messages.remove(message)
        elif isinstance(stroke, Append | Stop) and error.code is Code.REJECTED and not message.must_stop:
            message.must_stop = True
        elif (
            isinstance(stroke, Edit) and error.code is Code.REJECTED and not self.ended and message.end is None
        ):
            message.version = self._version  # other words may be taken
        else:
            self._freeze(message)
        return True

    def _halt(self) -> None:
        told, self.on_stopped = self.on_stopped, None
        if told is not None:
            told()

    # Which words stand where.

    @property
    def _length(self) -> int:
        return len(self._reply.text)

    @property
    def _filing(self) -> bool:
        """Too long to be read in messages: it ends as a file."""
        return self.ended and 0 < self._file_chars < self._length and not self._filed

    def _behind(self) -> Message | None:
        """The first message that does not show what it should."""
        for message in self._messages[: 1 if self._filed else None]:
            if message.start is None:
                return None
            ends = message.must_stop or (message.growing and self.ended)
            if message.final or (message.version == self._version and not ends):
                continue
            if message.must_stop or message.shown != self._see(message).page:
                return message
            if message.growing and (self.ended or self._seen.full):
                return message
            self._shows(message, message.shown)
        return None

    def _see(self, message: Message) -> View:
        """What `message` should show now. Where it is full, the message after it begins."""
        assert message.start is not None
        sent = len(message.shown.text) if message.growing and message.shown else 0
        key = (message, self._version, message.end, message.growing, sent)
        if key == self._seen_of:
            return self._seen
        if message.end is not None:
            paper = sheet(self._limits, message.size, grows=message.growing)
            last = not self._follows(message.end)
            seen = full_view(self._reply, message.start, message.end, message.opens, paper, last=last)
        else:
            seen = view(
                self._reply,
                message.start,
                message.opens,
                self._limits,
                size=message.size,
                grows=message.growing,
                sent=sent,
            )
        self._seen, self._seen_of = seen, key
        return seen

    def _follows(self, end: int) -> bool:
        return not self._filed and bool(self._reply.text[end:].strip())

    def _shows(self, message: Message, page: Page | None) -> None:
        """`message` shows `page`: what was seen last, or something that we can't tell."""
        message.shown = page
        if page is None:
            message.upto, message.version = message.start or 0, -1
            return
        assert self._seen_of is not None
        message.upto, message.version = self._seen.upto, self._seen_of[1]
        if self._seen.full and message.end is None:
            message.end = self._seen.upto
            after = self._messages.index(message) + 1
            if after < len(self._messages):
                self._follow(self._messages[after], message)
        message.final = message.end is not None and not message.growing and self._follows(message.end)

    def _freeze(self, message: Message) -> None:
        """`message` stays as it is: what comes after the words it shows goes into another."""
        message.end = max(message.upto, message.start or 0)
        message.final, message.growing, message.must_stop, message.doubtful = True, False, False, False

    def _wants_another(self) -> bool:
        if self._version == self._refused_version and not self.ended:
            return False
        if not self._messages:
            return bool(self._reply.text.strip() or self._reply.notice)
        last = self._messages[-1]
        if last.end is None or last.start is None:
            return False
        unsaid = last.final and self.ended and bool(self._reply.notice) and not self._filed
        return self._follows(last.end) or (unsaid and not (last.shown and last.shown.notice))

    def _next_message(self, *, grows: bool) -> Message:
        growth = self._limits.growth
        size = growth.size if grows and growth is not None else self._limits.page_size
        message = Message("", 0, size, growing=grows)
        if self._messages:
            self._follow(message, self._messages[-1])
        return message

    def _follow(self, message: Message, before: Message) -> None:
        """`message` begins where the one before it ends."""
        assert before.start is not None
        assert before.end is not None
        text = before.opens + self._reply.text[before.start : before.end]
        message.opens = reopens(text, sheet(self._limits, message.size))
        message.start = message.upto = before.end
        if not message.opens and (blank := _BLANK.match(self._reply.text, before.end)):
            message.start = message.upto = blank.end()
        message.version = -1

    def _lay_anew(self) -> None:
        """The reply does not begin as it did: nothing that was laid out holds any more."""
        for index, message in enumerate(self._messages):
            message.start = 0 if index == 0 else None
            message.opens, message.end, message.upto, message.version = "", None, 0, -1
            message.final, message.must_stop = False, message.growing

    def _surplus(self) -> Message | None:
        """A message that an earlier process left and this answer does not reach, or that became a file."""
        last = self._messages[-1] if len(self._messages) > 1 else None
        return last if last is not None and (last.start is None or self._filed) else None

    def _message(self, stroke: Edit | Append | Stop | Delete) -> Message:
        return next(message for message in self._messages if message.id == stroke.message_id)
