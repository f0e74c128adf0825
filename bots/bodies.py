"""Reads the body of an HTTP request, which anybody can make as long and as slow as they like."""

from __future__ import annotations

import asyncio

from aiohttp import web


class BodyTooLongError(Exception):
    """The body has more bytes than may be read."""


class BodyTooSlowError(Exception):
    """The body did not come within its time."""


async def read_body(request: web.Request, limit: int, within_s: float) -> bytes:
    """The whole body of at most `limit` bytes, which has `within_s` seconds. Raises BodyTooLongError, of which no more
    than the limit is read, and BodyTooSlowError."""
    if (request.content_length or 0) > limit:
        raise BodyTooLongError
    try:
        async with asyncio.timeout(within_s):
            await request.content.readexactly(limit + 1)
    except asyncio.IncompleteReadError as end:
        return end.partial
    except TimeoutError:
        raise BodyTooSlowError from None
    raise BodyTooLongError
