"""The current views of answers and their watchers. In memory: the store has the text once a turn has ended."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from bots.web.incoming import TOP
from bots.web.outgoing import MessageView, replaces

KEPT, KEPT_LENGTH = 1_000, 2_000_000
"""The most messages whose view is remembered, and characters of them; older ones are shown from the store."""


@dataclass(frozen=True, slots=True)
class ThinkingNews:
    """The "thinking" state before an answer, shown for `ms` at most; 0 where there is none. `turn_id`: its
    turn, or 0 where an earlier process took it up."""

    ms: int = 0
    turn_id: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """Views that changed; the "thinking" state; `whole`: the whole thread follows, because some of it may be
    gone; `listed`: the list of threads has changed."""

    views: tuple[MessageView, ...] = ()
    thinking: ThinkingNews | None = None
    whole: bool = False
    listed: bool = False


class Watcher:
    """One open page. It holds the newest view of each message it has not been given yet, never a queue: a slow
    reader skips views that are out of date."""

    def __init__(self) -> None:
        self.closed = False
        self._views: dict[str, MessageView] = {}
        self._thinking: ThinkingNews | None = None
        self._whole = False
        self._listed = False
        self._woken = asyncio.Event()

    def show(self, view: MessageView) -> None:
        """Words of an answer end the thinking, on the page too."""
        self._views[view.id] = view
        self._thinking = None if view.mine else self._thinking
        self._woken.set()

    def think(self, thinking: ThinkingNews) -> None:
        self._thinking = thinking
        self._woken.set()

    def show_all(self) -> None:
        self._whole = True
        self._woken.set()

    def show_list(self) -> None:
        self._listed = True
        self._woken.set()

    def close(self) -> None:
        self.closed = True
        self._woken.set()

    async def news(self, wait_s: float) -> News:
        """The changes since the last call. Empty after `wait_s` seconds without any."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        self._woken.clear()
        news = News(tuple(self._views.values()), self._thinking, self._whole, self._listed)
        self._views, self._thinking, self._whole, self._listed = {}, None, False, False
        return news


@dataclass(frozen=True, slots=True)
class _ShownMessage:
    thread: str
    key: str
    view: MessageView
    turn_id: int | None


class AnswerStreams:
    """The views of every thread, and its watchers."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, _ShownMessage] = OrderedDict()
        self._length = 0
        self._watchers: dict[str, set[Watcher]] = {}
        self._thinking: dict[str, float] = {}
        self._asked: dict[str, dict[str, int]] = {}

    def watch(self, thread: str) -> Watcher:
        watcher = Watcher()
        self._watchers.setdefault(thread, set()).add(watcher)
        return watcher

    def leave(self, thread: str, watcher: Watcher) -> None:
        watchers = self._watchers.get(thread, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(thread, None)

    def close(self) -> None:
        for watcher in self._all():
            watcher.close()

    @property
    def watchers(self) -> int:
        return sum(map(len, self._watchers.values()))

    def show(self, thread: str, view: MessageView, key: str = "", turn_id: int | None = None) -> None:
        """A new or changed message of an answer. Its pictures stay. A new one at the top level, which few watch, renews
        the list of threads on all pages. `turn_id`: as in `OutgoingCall`."""
        known = self._shown.get(view.id)
        if known:
            attached = view.attached or known.view.attached
            key, view = known.key, replace(view, at=known.view.at, attached=attached)
        for id_ in [id_ for id_, older in self._shown.items() if id_ != view.id and replaces(view, older.view)]:
            self._remove(id_)
        self._put(_ShownMessage(thread, key, view, turn_id))
        while len(self._shown) > KEPT or (self._length > KEPT_LENGTH and len(self._shown) > 1):
            self._remove(next(iter(self._shown)))
        self._thinking.pop(thread, None)
        if view.text or view.buttons:  # else the page shows that others come first
            self._asked.get(thread, {}).pop(view.after, None)
        self.tell(thread, view)
        if known is None and thread == TOP:
            for watcher in self._all():
                watcher.show_list()

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    def _put(self, shown: _ShownMessage) -> None:
        known = self._shown.get(shown.view.id)
        self._length += len(shown.view.text) - (len(known.view.text) if known else 0)
        self._shown[shown.view.id] = shown

    def _remove(self, message_id: str) -> None:
        self._length -= len(self._shown.pop(message_id).view.text)

    def spend(self, thread: str, turn_id: int) -> None:
        """The answer of that turn has been taken up again: its words are all that is left of it, as in the store."""
        for view in self.views(thread):
            if any(button.turn_id == turn_id for button in view.buttons):
                spent = replace(view, notice="" if view.text else view.notice, buttons=(), anew=False)
                self._put(replace(self._shown[view.id], view=spent))
                self.tell(thread, spent)

    def tell(self, thread: str, view: MessageView) -> None:
        """Show a message that the store has already."""
        for watcher in self._watchers.get(thread, ()):
            watcher.show(view)

    def tell_all(self) -> None:
        """Show every thread as the store has it now."""
        for watcher in self._all():
            watcher.show_all()

    def ask(self, thread: str, question: str, turn_id: int) -> None:
        """A turn is to answer that question, behind those that were asked there before."""
        self._asked.setdefault(thread, {})[question] = turn_id

    def think(self, thread: str, now_s: float, ms: int) -> None:
        self._thinking[thread] = now_s + ms / 1000
        for watcher in self._watchers.get(thread, ()):
            watcher.think(self.thinking(thread, now_s))

    def thinking(self, thread: str, now_s: float) -> ThinkingNews:
        """The "thinking" state that the pages show from now on."""
        ms = max(0, round((self._thinking.get(thread, 0.0) - now_s) * 1000))
        return ThinkingNews(ms, next(iter(self._asked.get(thread, {}).values()), 0))

    def views(self, thread: str) -> list[MessageView]:
        """The messages of a thread in the order in which they were posted."""
        return [shown.view for shown in self._shown.values() if shown.thread == thread]

    def keep(self, message_ids: Collection[str]) -> bool:
        """Forget all other messages, which the store has. False where there are none."""
        gone = [message_id for message_id in self._shown if message_id not in message_ids]
        for message_id in gone:
            self._remove(message_id)
        return bool(gone)

    def turn_of(self, message_id: str) -> int | None:
        """The turn that a message of `views` shows; None where there is none."""
        return self._shown[message_id].turn_id

    def view(self, message_id: str) -> MessageView | None:
        shown = self._shown.get(message_id)
        return shown.view if shown else None

    def find(self, key: str) -> str | None:
        return next((p.view.id for p in reversed(self._shown.values()) if p.key == key), None)
