"""Responses of endpoints are closed, however their reading ends."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from core.clock import SystemClock
from core.llm.connection import close_response, pieces_of
from core.llm.deadline import Deadline


class SlowToClose(httpx.AsyncByteStream):
    """A body whose connection is given back only once `may_close` is set."""

    def __init__(self) -> None:
        self.closing, self.may_close, self.closed = asyncio.Event(), asyncio.Event(), False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"all"

    async def aclose(self) -> None:
        self.closing.set()
        await self.may_close.wait()
        self.closed = True


async def test_a_deadline_at_the_end_of_a_body_leaves_no_connection_open() -> None:
    stream = SlowToClose()
    response = httpx.Response(200, stream=stream)
    async with Deadline(SystemClock()) as deadline:
        pieces = pieces_of(response)
        assert await deadline.wait(anext(pieces)) == b"all"
        deadline.due = 0.0
        try:
            assert await deadline.wait(anext(pieces, b"")) == b""
        finally:
            stream.may_close.set()
            await close_response(response)
    assert stream.closed


async def test_a_response_is_closed_although_its_task_is_cancelled_meanwhile() -> None:
    stream = SlowToClose()
    closing = asyncio.create_task(close_response(httpx.Response(200, stream=stream)))
    await stream.closing.wait()
    closing.cancel()
    await asyncio.sleep(0)
    stream.may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert stream.closed
