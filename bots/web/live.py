"""What answers look like now, and who is watching. In memory: the store has the words once a turn has ended."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace

from bots.web.outgoing import View

KEPT = 1_000
"""Messages whose view is remembered; older ones are shown from the store."""


class Watcher:
    """One open page. It holds the newest view of each message it has not been given yet, never a queue:
    a slow reader skips what is out of date."""

    def __init__(self) -> None:
        self.closed = False
        self._views: dict[str, View] = {}
        self._thinking_ms: int | None = None
        self._woken = asyncio.Event()

    def show(self, view: View) -> None:
        self._views[view.id] = view
        self._woken.set()

    def think(self, ms: int) -> None:
        self._thinking_ms = ms
        self._woken.set()

    def close(self) -> None:
        self.closed = True
        self._woken.set()

    async def news(self, wait_s: float) -> tuple[list[View], int | None]:
        """What has changed since the last call: views, and for how long to show that an answer is thought of.
        Empty after `wait_s` without any."""
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return [], None
        self._woken.clear()
        views, self._views = list(self._views.values()), {}
        thinking_ms, self._thinking_ms = self._thinking_ms, None
        return views, thinking_ms


@dataclass(frozen=True, slots=True)
class _Painted:
    thread: str
    key: str
    view: View


class Live:
    """The views of every thread, and its watchers."""

    def __init__(self) -> None:
        self._painted: OrderedDict[str, _Painted] = OrderedDict()
        self._watchers: dict[str, set[Watcher]] = {}
        self._thinking: dict[str, float] = {}

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
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()

    @property
    def watchers(self) -> int:
        return sum(map(len, self._watchers.values()))

    def paint(self, thread: str, view: View, key: str = "") -> None:
        """A new or changed message of an answer."""
        known = self._painted.get(view.id)
        if known:
            key, view = known.key, replace(view, at=known.view.at)
        self._painted[view.id] = _Painted(thread, key, view)
        if len(self._painted) > KEPT:
            self._painted.popitem(last=False)
        self._thinking.pop(thread, None)
        self.tell(thread, view)

    def spend(self, thread: str, turn_id: int) -> None:
        """The answer of that turn has been taken up again: nothing can be done about it any more."""
        for view in self.views(thread):
            if any(button.turn_id == turn_id for button in view.buttons):
                spent = replace(view, buttons=())
                self._painted[view.id] = replace(self._painted[view.id], view=spent)
                self.tell(thread, spent)

    def tell(self, thread: str, view: View) -> None:
        """Show a message that the store has already."""
        for watcher in self._watchers.get(thread, ()):
            watcher.show(view)

    def think(self, thread: str, now_s: float, ms: int) -> None:
        self._thinking[thread] = now_s + ms / 1000
        for watcher in self._watchers.get(thread, ()):
            watcher.think(ms)

    def thinking_ms(self, thread: str, now_s: float) -> int:
        """How much longer to show that an answer is thought of."""
        return max(0, round((self._thinking.get(thread, 0.0) - now_s) * 1000))

    def views(self, thread: str) -> list[View]:
        """In the order in which they were posted."""
        return [painted.view for painted in self._painted.values() if painted.thread == thread]

    def find(self, key: str) -> str | None:
        return next((p.view.id for p in reversed(self._painted.values()) if p.key == key), None)
