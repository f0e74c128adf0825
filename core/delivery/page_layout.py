"""Which words of an answer stand in which of its messages, and what each of them shows. No I/O, no clock.

The words flow through a chain of frames, one a message. Where a frame is full the next one begins, and there it
stays: words that stand are never moved to another message, unless the answer begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto

from core.delivery.page_view import PageView, full_view, sheet, view
from core.text import is_blank
from core.values.outgoing import Limits, Page, Phase, Reply

_BLANK = re.compile(r"(?:[ \t]*\n)+")
_LONGEST_WORD = 40
_NO_SPACES = "\u2e80"
"""Chinese and Japanese characters come from here on."""
_NOTHING = PageView(Page(""), 0)


class Life(Enum):
    """Of a message: it is edited (`STILL`), or it grows. `ENDS`: it is to be stopped as soon as can be, with no more
    words. `DOUBTED`: that, and it may show more than we know."""

    STILL = auto()
    GROWS = auto()
    ENDS = auto()
    DOUBTED = auto()


@dataclass(slots=True, eq=False)
class PageState:
    """One message of the answer, the `number`th that was begun. It shows the words from `start` on, behind `opens`.

    `start` is None while the frame before it is not full: then nothing says yet what it is to show. `end` is set
    once the next frame has begun. `shown` is None where we can't tell. `upto` is how far a reader has come.
    `version` is that of the layout it was last brought up to. `left`: it keeps the words it shows, and what stands
    under them is to go. `final`: it will never change again.
    """

    number: int
    size: int
    id: str = ""
    start: int | None = 0
    opens: str = ""
    end: int | None = None
    shown: Page | None = None
    upto: int = 0
    version: int = -1
    left: bool = False
    final: bool = False
    life: Life = Life.STILL
    stop_by: float = 0.0
    seen: PageView = _NOTHING
    seen_of: tuple[int, int | None, Life, int, bool] | None = None

    @property
    def text(self) -> str:
        """What it shows, as far as we can tell."""
        return self.shown.text if self.shown else ""

    @property
    def growing(self) -> bool:
        return self.life is not Life.STILL

    @property
    def must_stop(self) -> bool:
        return self.life in (Life.ENDS, Life.DOUBTED)


def in_word(text: str, at: int) -> bool:
    """Whether `at` is within a word. Writing that sets no spaces has none to be within."""
    around = text[at - 1 : at + 1] if at else ""
    return len(around) == 2 and around.isalnum() and around < _NO_SPACES


class PageLayout:
    """Where the words of `reply` stand. `posted` are messages of an earlier process, whatever they show.

    `can_grow`: new messages may grow. An answer of more than `file_chars` ends as a file (0: none does).
    """

    def __init__(
        self, limits: Limits, posted: tuple[str, ...] = (), *, can_grow: bool = False, file_chars: int = 0
    ) -> None:
        self.reply = Reply()
        self.frames = [
            PageState(number, limits.page_size, id_, None if number else 0) for number, id_ in enumerate(posted)
        ]
        self.can_grow = can_grow
        self.file_chars = file_chars
        self.limits = limits
        self._begun = len(posted)
        self._fresh = PageState(0, 0)
        self.filed = False
        self.sealed = False
        """No further message can be made: an answer that needs one ends as a file."""
        self.closed = False
        """No more words are to be shown: its messages stay as they are, the last of them with what ends the answer."""
        self._version = 0
        self._refused = -1

    @property
    def ended(self) -> bool:
        return self.reply.phase is Phase.ENDED

    @property
    def filing(self) -> bool:
        """Too long to be read in messages: it is to become a file."""
        if not self.ended or self.filed or self.closed:
            return False
        end = self.frames[-1].end if self.sealed else None
        return 0 < self.file_chars < len(self.reply.text) or (end is not None and self._follows(end))

    def lay(self, reply: Reply) -> None:
        """Go on with `reply`. Not while a call that was made of this layout is under way."""
        if reply is self.reply:
            return
        if not self.closed and not reply.text.startswith(self.reply.text):
            self._lay_anew()
        self.reply = reply
        self._version += 1

    def standing(self, gone: AbstractSet[str]) -> list[str]:
        """The words that can be read, by message; those of the messages `gone` can't."""
        begun = [frame for frame in self.frames if frame.start is not None and frame.id not in gone]
        return [self.reply.text[frame.start : max(frame.start or 0, frame.upto)] for frame in begun]

    # What should be.

    def behind(self) -> PageState | None:
        """The first frame that does not show what it should."""
        for frame in self.frames[: 1 if self.filed else None]:
            if frame.start is None or frame.final:
                continue
            if frame.must_stop or (frame.growing and self.ended):
                return frame
            if frame.version == self._version:
                continue
            seen = self.view(frame)
            if frame.shown != seen.page or (frame.growing and seen.full):
                return frame
            self.shows(frame, seen.page)
        return None

    def view(self, frame: PageState) -> PageView:
        """What `frame` should show now."""
        assert frame.start is not None
        sent = len(frame.text) if frame.growing else 0
        of = (self._version, frame.end, frame.life, sent, frame.left)
        if of != frame.seen_of:
            frame.seen, frame.seen_of = self._view(frame, frame.start, sent), of
        return frame.seen

    def _view(self, frame: PageState, start: int, sent: int) -> PageView:
        if frame.left:
            return self._left_view(frame)
        end = frame.end
        if end is None:
            size, grows = frame.size, frame.growing
            seen = view(self.reply, start, frame.opens, self.limits, size=size, grows=grows, sent=sent)
            if not (seen.full and self.filed):
                return seen
            end = seen.upto
        paper = sheet(self.limits, frame.size, grows=frame.growing)
        return full_view(self.reply, start, end, frame.opens, paper, last=not self._follows(end))

    def _left_view(self, frame: PageState) -> PageView:
        ends = self.closed and frame is self.frames[-1]
        page = Page(frame.text, self.reply.notice, self.reply.buttons) if ends else Page(frame.text)
        return PageView(page, frame.upto, full=True)

    def wants_another(self) -> bool:
        """Whether there are words, or a notice, for which no frame stands."""
        if self.sealed or self.closed or (self._version == self._refused and not self.ended):
            return False
        if not self.frames:
            return bool(not is_blank(self.reply.text) or self.reply.notice)
        last = self.frames[-1]
        if last.end is None or last.start is None:
            return False
        unsaid = last.final and self.ended and bool(self.reply.notice) and not self.filed
        return self._follows(last.end) or (unsaid and not (last.shown and last.shown.notice))

    def surplus(self) -> PageState | None:
        """A frame that an earlier process left and this answer does not reach, or that became a file."""
        if self.filed and len(self.frames) > 1:
            return self.frames[-1]
        return next((frame for frame in reversed(self.frames) if frame.start is None), None)

    def _follows(self, end: int) -> bool:
        return not self.filed and not is_blank(self.reply.text[end:])

    # What is.

    def begin(self, *, grows: bool) -> PageState:
        """The frame for the words that have none; it is one of `frames` once it `stands`."""
        growth = self.limits.growth if grows else None
        self._fresh = PageState(self._begun, growth.size if growth else self.limits.page_size)
        self._fresh.life = Life.GROWS if growth else Life.STILL
        if self.frames:
            self._follow(self._fresh, self.frames[-1])
        while (seen := self.view(self._fresh)).full and is_blank(seen.page.text):
            # A page of blanks, which no platform takes.
            self._fresh.start = self._fresh.upto = seen.upto
            self._fresh.seen_of = None
        return self._fresh

    def expect(self) -> PageState:
        """A frame for a message that may have been left behind the others: nothing says yet what it is to show."""
        self._fresh = PageState(self._begun, self.limits.page_size, start=None)
        return self._fresh

    def stands(self, id_: str) -> PageState:
        """The frame begun last is a message now."""
        self._fresh.id = id_
        self.frames.append(self._fresh)
        self._begun += 1
        return self._fresh

    def shows(self, frame: PageState, page: Page) -> None:
        """`frame` shows `page`, which was made of its newest view. Where that is full, the next frame begins."""
        frame.shown, frame.upto, frame.version = page, frame.seen.upto, self._version
        if frame.seen.full:
            self._end(frame, frame.seen.upto)
        follows = frame.end is not None and self._follows(frame.end)
        frame.final = not frame.growing and (follows or frame.left)

    def stopped(self, frame: PageState, page: Page) -> None:
        """`frame` was stopped with `page`. Cut short, it goes on by an edit."""
        whole, frame.shown = frame.life is Life.GROWS, page
        self.grown(frame)
        if whole:
            self.shows(frame, page)

    def grown(self, frame: PageState) -> None:
        """`frame` grows no more, and shows what it showed, unless there was a doubt."""
        if frame.life is Life.DOUBTED and not frame.left:
            frame.shown = None
        frame.life, frame.version = Life.STILL, -1

    def cut(self, frame: PageState) -> None:
        """`frame` can't be changed: it stays as it is, and what comes after the words it shows goes into another."""
        self._end_as_shown(frame)
        frame.final, frame.life = True, Life.STILL

    def leave(self, frame: PageState) -> None:
        """What comes after the words that `frame` shows goes into another; what stands under them is to go."""
        if frame.left or is_blank(frame.text):
            self.cut(frame)
            return
        self._end_as_shown(frame)
        frame.left, frame.version = True, -1

    def remove(self, id_: str) -> None:
        """The message is gone. No more words are shown in any other; one that shows we don't know what goes too."""
        self.frames = [frame for frame in self.frames if frame.id != id_]
        self.closed = True
        for frame in self.frames:
            frame.left, frame.final, frame.version = True, False, -1
            if frame.shown is None:
                frame.start = None
            frame.life = Life.ENDS if frame.life is Life.GROWS else frame.life

    def _end_as_shown(self, frame: PageState) -> None:
        """The next frame begins behind the words that `frame` shows. A word that it shows in part is said again,
        whole."""
        start = frame.start or 0
        end = upto = max(frame.upto, start)
        while end > max(start, upto - _LONGEST_WORD) and in_word(self.reply.text, end):
            end -= 1
        self._end(frame, upto if in_word(self.reply.text, end) else end)

    def wait(self, frame: PageState | None = None) -> None:
        """These words are no good for `frame`, or for a new one: wait for others."""
        if frame is None:
            self._refused = self._version
        else:
            frame.version = self._version

    def file(self) -> None:
        """The answer is a file. Its first message stays to be read, the others are surplus."""
        self.filed = True
        self._version += 1
        for frame in self.frames[:1]:
            frame.final = False

    def _end(self, frame: PageState, end: int) -> None:
        if frame.end is not None:
            return
        frame.end = end
        after = self.frames.index(frame) + 1
        if after < len(self.frames):
            self._follow(self.frames[after], frame)

    def _follow(self, frame: PageState, before: PageState) -> None:
        """`frame` begins where the one before it ends."""
        assert before.start is not None
        assert before.end is not None
        text = before.opens + self.reply.text[before.start : before.end]
        frame.opens = sheet(self.limits, frame.size).reopens(text)
        frame.start = frame.upto = before.end
        if not frame.opens and (blank := _BLANK.match(self.reply.text, before.end)):
            frame.start = frame.upto = blank.end()
        frame.version = -1

    def _lay_anew(self) -> None:
        """The answer does not begin as it did: no word stands where it should."""
        for index, frame in enumerate(self.frames):
            frame.start = 0 if index == 0 else None
            frame.opens, frame.end, frame.upto, frame.version = "", None, 0, -1
            frame.left = frame.final = False
            frame.life = Life.ENDS if frame.life is Life.GROWS else frame.life
