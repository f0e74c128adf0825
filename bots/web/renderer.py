"""The HTML of messages, made in a thread of its own: the Markdown of one message can take seconds of CPU time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cachetools import LRUCache

from bots.web.html import Rendering, rendered
from bots.web.outgoing import MessageView, grows, receipt_to_json, view_to_json
from core.values.events import Receipt

RENDERED = 100
"""Answers whose HTML is kept while they grow."""

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


class ViewRenderer:
    """Converts views and receipts to JSON, one at a time, in the order of the calls.

    The event loop runs meanwhile: CPython switches threads every 5 ms. The cyclic garbage collector waits, because it
    holds all threads up: a long list is a million objects for it, none of them garbage.
    https://docs.python.org/3/library/sys.html#sys.setswitchinterval
    """

    def __init__(self) -> None:
        self._growing: LRUCache[str, Rendering] = LRUCache(RENDERED)  # the thread alone reads and writes it
        self._executor = _executor()
        self._waiting: set[asyncio.Future[Any]] = set()

    @property
    def waiting(self) -> int:
        """The number of calls that have not returned."""
        return len(self._waiting)

    async def view(self, view: MessageView) -> dict[str, object]:
        """`view_to_json`. Of a growing answer only the text behind its settled blocks is parsed, and two readers of
        the same text share one rendering."""
        return await self._run(self._view, view)

    async def receipt(self, receipt: Receipt) -> dict[str, object]:
        """`receipt_to_json`."""
        return {} if receipt.reply is None else await self._run(receipt_to_json, receipt)

    def close(self) -> None:
        """Cancel the calls that wait, and end the thread once its current rendering is done. A later call starts
        another."""
        for future in self._waiting:
            future.cancel()
        self._executor.shutdown(wait=False)
        self._executor = _executor()

    async def _run(self, convert: Callable[[_Value], _Result], value: _Value) -> _Result:
        future = asyncio.get_running_loop().run_in_executor(self._executor, _uncollected, convert, value)
        self._waiting.add(future)
        try:
            return await future
        finally:
            self._waiting.discard(future)

    def _view(self, view: MessageView) -> dict[str, object]:
        if not grows(view):
            self._growing.pop(view.id, None)
            return view_to_json(view)
        rendering = rendered(view.text, growing=True, before=self._growing.get(view.id))
        self._growing[view.id] = rendering
        return view_to_json(view, rendering)


def _uncollected(convert: Callable[[_Value], _Result], value: _Value) -> _Result:
    gc.disable()
    try:
        return convert(value)
    finally:
        gc.enable()


def _executor() -> ThreadPoolExecutor:
    """The executor, which starts its thread with the first call."""
    return ThreadPoolExecutor(1, "parley-html")
