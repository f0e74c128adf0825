"""The host of attachments: links are signed, run out, and may misbehave.

https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.fakes.discord import wire
from tests.fakes.discord.guild import World


class Cdn:
    """``served`` has the id of each file that was asked for. By file name: ``redirects`` to other URLs, ``instead`` of
    its bytes others, and ``drips`` that send a byte now and then, without end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.served: list[int] = []
        self.redirects: dict[str, str] = {}
        self.instead: dict[str, bytes] = {}
        self.drips: set[str] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        query, name = request.query, request.match_info["name"]
        file = self._world.file(int(request.match_info["file"]))
        if file is None or file.filename != name or "Authorization" in request.headers:
            return _gone()
        expires, begins = query.get("ex", "0"), query.get("is", "0")
        signed = query.get("hm") == wire.signature(file.id, expires, begins)
        if not signed or int(expires, 16) < self._world.clock.now():
            return _gone()
        self.served.append(file.id)
        if name in self.redirects:
            raise web.HTTPFound(self.redirects[name])
        if name in self.drips:
            return await _drip(request)
        data = self.instead.get(name, file.data)
        return web.Response(body=data, headers={"Content-Type": file.content_type})


def _gone() -> web.Response:
    return web.Response(status=404, text="This content is no longer available.")


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.05)
