"""The files of the page, as its routes serve them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import hdrs, web

from bots.web import outgoing
from bots.web.http_messages import NEVER_STORED, locale_of

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class PageFiles:
    """Handlers of requests. The files are read once."""

    def __init__(self) -> None:
        files = (path for path in Path(__file__).parent.iterdir() if path.suffix in _TYPES)
        self._files = {path.name: path.read_bytes() for path in files}

    async def page(self, request: web.Request) -> web.Response:
        return self._file(request, "page.html")

    async def static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        return self._file(request, name)

    async def words(self, request: web.Request) -> web.Response:
        """A module, not a request of the page: scripts run, and keys are taken, only once it is loaded."""
        body = b"export default " + outgoing.to_bytes(outgoing.page_words(locale_of(request)))
        return web.Response(body=body, headers=NEVER_STORED, content_type=_TYPES[".js"], charset="utf-8")

    def _file(self, request: web.Request, name: str) -> web.Response:
        """Asked for anew each time, sent only when changed: a new version is never half an old one."""
        body = self._files[name]
        tag = hashlib.sha256(body).hexdigest()[:16]
        headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{tag}"'}
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers, content_type=_TYPES[Path(name).suffix], charset="utf-8")
