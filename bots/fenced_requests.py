"""Requests over aiohttp that pass the fence (`core.call_fence`) right before they are written: behind the wait for a
free connection, and the opening of a new one."""

from __future__ import annotations

from aiohttp import ClientRequest, ClientResponse
from aiohttp.connector import Connection

from core.call_fence import pass_fence


class FencedRequest(ClientRequest):
    """The `request_class` of a session whose requests are for platforms."""

    async def send(self, conn: Connection) -> ClientResponse:
        """Raises NotSentError; the connection is closed then."""
        pass_fence()
        return await super().send(conn)
