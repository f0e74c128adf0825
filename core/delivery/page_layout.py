"""Assigns the words of an answer to its messages, and decides the page of each message. No I/O, no clock.

Each message has a `PageState`. When a page is full, the next one begins behind it. Words that are shown never move to
another message, unless the answer begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from core.delivery.page_state import NOTHING, Life, PageState, in_word
from core.delivery.page_view import PageView, SettledBlocks, full_view, make_page_format, view
from core.delivery.picture_queue import PictureQueue
from core.delivery.shown_tasks import begun_tasks, changed_tasks, task_length
from core.errors import Code
from core.text import is_blank
from core.values.outgoing import AnswerPicture, Limits, Page, Phase, Reply, TaskState, ToolTask, page_length

_BLANK = re.compile(r"(?:[ \t]*\n)+")
_LONGEST_WORD = 40


class PageLayout:
    """The pages of `reply`. `posted` are ids of messages of an earlier process, with unknown content.

    `can_grow`: new messages may be streams. `can_repost`: a message may be replaced by a new one. An answer of more
    than `file_chars` characters ends as a file (0: never).
    """

    def __init__(
        self,
        limits: Limits,
        posted: tuple[str, ...] = (),
        *,
        can_grow: bool = False,
        can_repost: bool = False,
        file_chars: int = 0,
    ) -> None:
        self.reply = Reply()
        self.page_states = [
            PageState(number, limits.page_size, id_, None if number else 0) for number, id_ in enumerate(posted)
        ]
        self.can_grow = can_grow
        self.can_repost = can_repost
        self.file_chars = file_chars
        self.limits = limits
        self._begun = len(posted)
        self._fresh = PageState(0, 0)
        self.filed = False
        self.sealed = False
        """No further message can be made: an answer that needs one ends as a file."""
        self.fixed = False
        """Neither a further message nor a file is made."""
        self.closed = False
        """No more words are shown: the messages keep their words, and the last one gets the notice and buttons."""
        self.pictures = PictureQueue()
        self._version = 0
        self._refused = -1
        self._begun_tasks: set[str] = set()

    @property
    def ended(self) -> bool:
        return self.reply.phase is Phase.ENDED

    @property
    def waits(self) -> bool:
        """True if people should read the notice now. A growing message shows none: its stream is stopped, and edits
        go on."""
        return self.reply.phase is Phase.WAITING

    @property
    def runs_tools(self) -> bool:
        return any(task.state is TaskState.RUNNING for task in self.reply.activity.tasks)

    @property
    def filing(self) -> bool:
        """True if the answer is too long for messages and still has to be uploaded as a file."""
        if not self.ended or self.filed or self.closed or self.fixed:
            return False
        end = self.page_states[-1].end if self.sealed else None
        too_long = 0 < self.file_chars < len(self.reply.answer)
        return too_long or (end is not None and self._follows(end))

    @property
    def picture(self) -> AnswerPicture | None:
        """The next picture to post, once the whole text is shown."""
        waits = self.ended and not self.closed and bool(self.page_states)
        return self.pictures.next(self.reply.pictures) if waits else None

    def lay(self, reply: Reply) -> None:
        """Continue with `reply`. Must not be called while a call made from this layout is under way."""
        if reply is self.reply:
            return
        if not self.closed and not reply.text.startswith(self.reply.text):
            self._lay_anew()
        self.reply = reply
        self._version += 1

    def standing(self, gone: AbstractSet[str], skip: int = 0) -> list[str]:
        """The readable text by message, without the messages whose ids are in `gone` and without the first `skip`
        characters of the reply."""
        begun = [
            page_state
            for page_state in self.page_states
            if page_state.start is not None and page_state.id not in gone
        ]
        starts = [max(skip, page_state.start or 0) for page_state in begun]
        return [
            self.reply.text[start : max(start, page_state.upto)]
            for start, page_state in zip(starts, begun, strict=True)
        ]

    # The target: what messages should show.

    def behind(self) -> PageState | None:
        """The first page whose message is out of date, or None."""
        for page_state in self.page_states[: 1 if self.filed else None]:
            if page_state.start is None or page_state.final:
                continue
            if page_state.must_stop or (page_state.growing and (self.ended or self.waits)):
                return page_state
            if page_state.version == self._version:
                continue
            seen = self.view(page_state)
            if page_state.shown != seen.page or (page_state.growing and seen.full):
                return page_state
            self.shows(page_state, seen.page)
        return None

    def view(self, page_state: PageState) -> PageView:
        """The current view of `page_state`. Cached until one of its inputs changes."""
        assert page_state.start is not None
        sent = len(page_state.text) if page_state.growing else 0
        of = (self._version, page_state.end, page_state.life, sent, page_state.left)
        if of != page_state.seen_of:
            seen, tasks = self._view(page_state, page_state.start, sent), self.tasks(page_state)
            picture = self._embedded(page_state, seen.upto)
            if tasks or picture or self.reply.own:
                page = replace(seen.page, tasks=tasks, picture=picture, own=self.reply.own)
                seen = replace(seen, page=page)
            page_state.seen = seen
            page_state.seen_of = of
        return page_state.seen

    def tasks(self, page_state: PageState) -> tuple[ToolTask, ...]:
        """The tasks that a growing message should show: those that it shows, in their present state, and new
        ones while they fit."""
        if not page_state.growing:
            return ()
        now = {task.id: task for task in self.reply.activity.tasks}
        own = tuple(now.get(task.id, task) for task in page_state.tasks)
        if page_state.must_stop or self.ended or page_state.end is not None:
            return own
        taken = self._tasks_length(page_state, own)
        room = page_state.size - taken - page_length(self.reply.text[page_state.start :], self.limits.page_unit)
        return own + begun_tasks(now.values(), self._begun_tasks, taken, room, page_state.size, self.limits)

    def _embedded(self, page_state: PageState, upto: int) -> AnswerPicture | None:
        """The picture within the message: the last one with text has it, once the reply has ended. So it is under its
        caption."""
        has_text = page_state.number == 0 or self._follows(page_state.start or 0)
        last = self.ended and has_text and not self._follows(upto)
        shown = last and not (page_state.growing or page_state.left)
        return self.reply.embedded if shown and self.pictures.not_embedded is None else None

    def drop_embedded(self, code: Code) -> None:
        """Show the last message without its picture, which was refused for `code`."""
        self.pictures.not_embedded = code
        self._version += 1

    def room(self, page_state: PageState) -> int:
        """The most text that the message takes, in the page's unit."""
        taken = self._tasks_length(page_state, self.tasks(page_state)) if page_state.growing else 0
        return page_state.size - taken

    def _tasks_length(self, page_state: PageState, tasks: Iterable[ToolTask]) -> int:
        """The length of `tasks` in the message: the updates that were sent, and one for each that has to be
        sent or still runs."""
        shown = page_state.tasks
        due = (
            task_length(task, self.limits) * ((task not in shown) + (task.state is TaskState.RUNNING))
            for task in tasks
        )
        return page_state.tasks_length + sum(due)

    def _view(self, page_state: PageState, start: int, sent: int) -> PageView:
        if page_state.left:
            return self._left_view(page_state)
        end = page_state.end
        if end is None:
            size, grows = self.room(page_state), page_state.growing
            same = page_state.seen_of is not None and page_state.seen_of[2] is page_state.life
            settled = page_state.seen.settled if same else SettledBlocks()
            seen = view(
                self.reply,
                start,
                page_state.opens,
                self.limits,
                size=size,
                grows=grows,
                sent=sent,
                settled=settled,
            )
            if not (seen.full and self.filed):
                return seen
            end = seen.upto
        page_format = make_page_format(self.limits, page_state.size, grows=page_state.growing)
        return full_view(self.reply, start, end, page_state.opens, page_format, last=not self._follows(end))

    def _left_view(self, page_state: PageState) -> PageView:
        ends = self.closed and page_state is self.page_states[-1]
        page = Page(page_state.text)
        if ends:
            page = replace(
                page, notice=self.reply.notice, buttons=self.reply.buttons, sources=self.reply.sources
            )
        return PageView(page, page_state.upto, full=True)

    def wants_another(self) -> bool:
        """True if words, or a notice, need a further message."""
        if self.sealed or self.closed or self.fixed or (self._version == self._refused and not self.ended):
            return False
        if not self.page_states:
            return bool(not is_blank(self.reply.text) or self.reply.notices or self.reply.sources)
        last = self.page_states[-1]
        if last.end is None or last.start is None:
            return False
        unsaid = last.final and self.ended and bool(self.reply.footer) and not self.filed
        said = last.shown and (last.shown.notice or last.shown.sources)
        return self._follows(last.end) or (unsaid and not said)

    @property
    def replaced(self) -> PageState | None:
        """A message to delete whose words another one shows."""
        return next(
            (page_state.replaces for page_state in self.page_states if page_state.replaces is not None), None
        )

    def surplus(self) -> PageState | None:
        """A message to delete: one that this answer does not reach, or one of an answer that became a file."""
        if self.filed and len(self.page_states) > 1:
            return self.page_states[-1]
        return next((page_state for page_state in reversed(self.page_states) if page_state.start is None), None)

    def _follows(self, end: int) -> bool:
        return not self.filed and not is_blank(self.reply.text[end:])

    # The messages as they are.

    def begin(self, *, grows: bool = False, replaces: PageState | None = None) -> PageState:
        """A page for the text that has none, or for that of the page which it `replaces`. `page_posted` adds it to
        `page_states`."""
        growth = self.limits.growth if grows else None
        self._fresh = PageState(
            self._begun, growth.size if growth else self.limits.page_size, replaces=replaces
        )
        self._fresh.life = Life.GROWS if growth else Life.STILL
        if replaces is not None:
            assert replaces.start is not None
            self._fresh.start = self._fresh.upto = replaces.start
            self._fresh.opens = replaces.opens
        elif self.page_states:
            self._follow(self._fresh, self.page_states[-1])
        while (seen := self.view(self._fresh)).full and is_blank(seen.page.text):
            # Platforms refuse a page of blanks.
            self._fresh.start = self._fresh.upto = seen.upto
            self._fresh.seen_of = None
        return self._fresh

    def expect(self) -> PageState:
        """A page for a message that an earlier process may have posted behind the others."""
        self._fresh = PageState(self._begun, self.limits.page_size, start=None)
        return self._fresh

    def page_posted(self, id_: str) -> PageState:
        """Record that the page begun last is the message `id_`."""
        self._fresh.id = id_
        if self._fresh.replaces is None:
            self.page_states.append(self._fresh)
        else:
            self.page_states[self.page_states.index(self._fresh.replaces)] = self._fresh
        self._begun += 1
        return self._fresh

    def shows(self, page_state: PageState, page: Page) -> None:
        """`page_state` shows `page`, which was made of its newest view. If that is full, the next page begins."""
        changed = changed_tasks(page.tasks, page_state.tasks)
        page_state.tasks_length += sum(task_length(task, self.limits) for task in changed)
        self._begun_tasks |= {task.id for task in page.tasks}
        page_state.shown, page_state.upto, page_state.version = page, page_state.seen.upto, self._version
        if page_state.seen.full:
            self._end(page_state, page_state.seen.upto)
        follows = page_state.end is not None and self._follows(page_state.end)
        notice_follows = self.ended and page_state.seen.full
        page_state.final = not page_state.growing and (follows or notice_follows or page_state.left)

    def stopped(self, page_state: PageState, page: Page) -> None:
        """The stream of `page_state` was stopped with `page`. Words that are missing follow by an edit."""
        whole, page_state.shown = page_state.life is Life.GROWS, page
        self.grown(page_state)
        if whole:
            self.shows(page_state, page)
        embeds = self._embedded(page_state, page_state.upto) is not None
        if embeds or self.waits:  # streams take neither the picture nor the notice: they follow by an edit
            page_state.version, page_state.final = -1, False

    def grown(self, page_state: PageState) -> None:
        """The stream of `page_state` has ended. Its text stays; unknown where it was `DOUBTED`."""
        if page_state.life is Life.DOUBTED and not page_state.left:
            page_state.shown = None
        page_state.life, page_state.version = Life.STILL, -1

    def cut(self, page_state: PageState) -> None:
        """`page_state` can't be edited: it stays as it is, and the words behind those it shows get another message."""
        self._end_as_shown(page_state)
        page_state.final, page_state.life = True, Life.STILL

    def leave(self, page_state: PageState) -> None:
        """The words behind those that `page_state` shows get another message. Its notice and buttons are removed."""
        if page_state.left or is_blank(page_state.text):
            self.cut(page_state)
            return
        self._end_as_shown(page_state)
        page_state.left, page_state.version = True, -1

    @property
    def reposts(self) -> bool:
        """True if the page begun last replaces another."""
        return self._fresh.replaces is not None

    def deleted(self, id_: str) -> None:
        """The surplus or replaced message `id_` is gone."""
        self.page_states = [page_state for page_state in self.page_states if page_state.id != id_]
        for page_state in self.page_states:
            if page_state.replaces is not None and page_state.replaces.id == id_:
                page_state.replaces = None

    def keep(self, id_: str) -> None:
        """The platform does not delete the surplus or replaced message `id_`. A replaced one keeps its words, which no
        longer count as those of the answer, and loses its notice and buttons."""
        self.can_repost = False
        for index, page_state in enumerate(self.page_states):
            kept = page_state.replaces
            if kept is not None and kept.id == id_:
                page_state.replaces = None
                start = page_state.start or 0
                kept.start = kept.end = kept.upto = start
                kept.left, kept.version = True, -1
                self.page_states.insert(index, kept)
                return
        self.deleted(id_)

    def remove(self, id_: str) -> None:
        """The message `id_` was deleted. No other message gets more words; one with unknown content is removed."""
        self.page_states = [page_state for page_state in self.page_states if page_state.id != id_]
        self.closed = True
        for page_state in self.page_states:
            page_state.left, page_state.final, page_state.version = True, False, -1
            if page_state.shown is None:
                page_state.start = None
            page_state.life = Life.ENDS if page_state.life is Life.GROWS else page_state.life

    def _end_as_shown(self, page_state: PageState) -> None:
        """Begin the next page behind the words that `page_state` shows. A word that it shows in part is repeated."""
        start = page_state.start or 0
        end = upto = max(page_state.upto, start)
        while end > max(start, upto - _LONGEST_WORD) and in_word(self.reply.text, end):
            end -= 1
        self._end(page_state, upto if in_word(self.reply.text, end) else end)

    def wait(self, page_state: PageState | None = None) -> None:
        """The platform refused these words for `page_state`, or for a new message: wait until the reply changes."""
        if page_state is None:
            self._refused = self._version
        else:
            page_state.version = self._version

    def keep_to_posted(self) -> None:
        """Make no further message or file. The only message of a long answer is that of an answer that became a
        file."""
        self.fixed, self.filed = True, len(self.page_states) == 1

    def file(self) -> None:
        """The answer was uploaded as a file. Its first message stays, the others are surplus."""
        self.filed = True
        self._version += 1
        for page_state in self.page_states[:1]:
            page_state.final = False

    def _end(self, page_state: PageState, end: int) -> None:
        if page_state.end is not None:
            return
        page_state.end = end
        after = self.page_states.index(page_state) + 1
        if after < len(self.page_states):
            self._follow(self.page_states[after], page_state)

    def _follow(self, page_state: PageState, before: PageState) -> None:
        """Begin `page_state` where the page `before` it ends."""
        assert before.start is not None
        assert before.end is not None
        text = before.opens + self.reply.text[before.start : before.end]
        page_state.opens = make_page_format(self.limits, page_state.size).reopens(text)
        page_state.start = page_state.upto = before.end
        if not page_state.opens and (blank := _BLANK.match(self.reply.text, before.end)):
            page_state.start = page_state.upto = blank.end()
        page_state.version, page_state.seen, page_state.seen_of = -1, NOTHING, None

    def _lay_anew(self) -> None:
        """Start all pages over: the answer does not begin as it did."""
        for index, page_state in enumerate(self.page_states):
            page_state.start = 0 if index == 0 else None
            page_state.opens, page_state.end, page_state.upto, page_state.version = "", None, 0, -1
            page_state.left = page_state.final = False
            page_state.seen, page_state.seen_of = NOTHING, None
            page_state.life = Life.ENDS if page_state.life is Life.GROWS else page_state.life
