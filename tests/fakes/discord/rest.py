"""The REST side: one table of routes, and what happens to every request before and after its route.

Order: record, check against the specification, scripted failure, token, rate limits, route, headers.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from hashlib import md5
from typing import Any

from aiohttp import BodyPartReader, web

from tests.fakes.discord import spec
from tests.fakes.discord.actions import Actions, File
from tests.fakes.discord.errors import Limited, Refusal
from tests.fakes.discord.guild import Json, World
from tests.fakes.discord.limits import Limits

PREFIX = "/api/v10"


@dataclass(slots=True)
class Call:
    """One request as it came. path: without /api/v10. at: ``time.monotonic()``. status: None while it runs. host: the
    address by which the caller knows this server."""

    method: str
    path: str
    body: Any
    query: dict[str, str]
    files: list[File]
    at: float
    status: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    host: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


@dataclass(slots=True)
class Failure:
    """A scripted failure; ``left`` counts down, ``hits`` up. left None: until cancelled.

    taken: the request takes effect all the same, only its answer is this one. containing: only what says these words.
    """

    method: str
    pattern: re.Pattern[str]
    left: int | None
    status: int
    code: int
    message: str
    retry_after_s: float | None
    scope: str
    drop: str | None
    delay_s: float
    taken: bool = False
    containing: str = ""
    hits: int = 0

    def takes(self, call: Call) -> bool:
        return (
            self.left != 0
            and self.method in ("*", call.method)
            and self.pattern.fullmatch(call.path) is not None
            and self.containing in str(fields(call).get("content") or "")
        )

    def cancel(self) -> None:
        self.left = 0


@dataclass(frozen=True, slots=True)
class Ban:
    """Cloudflare refuses the whole address until then, ``time.monotonic()``. as_date: how Retry-After is written."""

    until: float
    status: int
    as_date: bool

    def answer(self) -> web.Response:
        """https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans"""
        left_s = math.ceil(self.until - time.monotonic())
        told = formatdate(time.time() + left_s, usegmt=True) if self.as_date else str(left_s)
        page = "<!DOCTYPE html><title>Access denied | discord.com used Cloudflare to restrict access</title>"
        headers = {"Retry-After": told, "Server": "cloudflare"}
        return web.Response(status=self.status, text=page, content_type="text/html", headers=headers)


Perform = Callable[["Rest", Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """method, template, what to do. limit: name in LIMITS. scope: the parameter a window is kept for.

    by_bot: needs the bot's token, and counts towards its 50 requests per second.
    """

    method: str
    template: str
    perform: Perform
    limit: str = "other"
    scope: str | None = None
    by_bot: bool = True

    @property
    def bucket(self) -> str:
        """A hash of the route, without the channel. Routes of one Limit may share its own instead."""
        return md5(f"{self.method} {self.template}".encode(), usedforsecurity=False).hexdigest()


class Rest:
    """Answers requests. ``calls``, ``typing`` and ``spec_problems`` are what tests read."""

    def __init__(
        self,
        world: World,
        actions: Actions,
        limits: Limits,
        token: str,
        routes: tuple[Route, ...],
        changed: Callable[[], None],
        *,
        check_spec: bool = True,
    ) -> None:
        self.world = world
        self.actions = actions
        self.limits = limits
        self.calls: list[Call] = []
        self.typing: list[tuple[int, float]] = []
        self.spec_problems: list[str] = []
        self.spec = spec.load() if check_spec else None
        self.failures: list[Failure] = []
        self.ban: Ban | None = None
        self._token = token
        self._changed = changed
        self._routes = [(_pattern(route.template), route) for route in routes]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = await _read(request)
        self.calls.append(call)
        if self.ban is not None and time.monotonic() < self.ban.until:
            call.status = self.ban.status
            self._changed()
            return self.ban.answer()
        failure = next((f for f in self.failures if f.takes(call)), None)
        drop = None
        if failure is not None:
            failure.hits += 1
            failure.left = failure.left and failure.left - 1
            drop = failure.drop
            if failure.status or drop:
                await asyncio.sleep(failure.delay_s)
        headers: dict[str, str] = {}
        body: Any = None
        malformed = self._check(call)
        try:
            if failure is not None and failure.status and drop is None and not failure.taken:
                _refuse(failure)
            if drop != "before":
                route = self._find(call, request)
                headers = self._spend(route, call)
                if any(len(file.data) > self.world.file_limit_bytes for file in call.files):
                    raise Refusal(40005, status=413, message="Request entity too large")
                body = await route.perform(self, call)
                call.status = 204 if body is None else 200
                if self.spec is not None:
                    self.spec_problems += self.spec.answer_problems(call.method, call.path, body)
            if failure is not None and failure.taken:
                _refuse(failure)
        except Refusal as refusal:
            call.status, body = refusal.status, refusal.body
            headers |= refusal.headers
        except Exception as error:  # what the fake cannot read shows in the list that tests look at
            if not malformed:
                self.spec_problems.append(f"{call.method} {call.path}: not understood, {error!r}")
            call.status, body = 400, {"message": "Invalid Form Body", "code": 50035, "errors": {}}
        self._changed()
        if failure is not None and not failure.status:
            await asyncio.sleep(failure.delay_s)
        if drop is not None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _answer(call.status or 500, body, headers)

    def _check(self, call: Call) -> bool:
        """True if the specification refuses the call; `spec_problems` has the reasons."""
        if self.spec is None:
            return False
        problems = self.spec.problems(call.method, call.path, call.query, call.body)
        self.spec_problems += problems
        return bool(problems)

    def _find(self, call: Call, request: web.Request) -> Route:
        for pattern, route in self._routes:
            match = pattern.fullmatch(call.path)
            if match and route.method == call.method:
                call.params = match.groupdict()
                if route.by_bot and request.headers.get("Authorization") != f"Bot {self._token}":
                    raise Refusal(0, status=401, message="401: Unauthorized")
                return route
        raise Refusal(0, status=404, message="404: Not Found")

    def _spend(self, route: Route, call: Call) -> dict[str, str]:
        if route.by_bot:
            self.limits.spend("global", "bot")
        scope = call.params.get(route.scope) if route.scope else (route.method, route.template)
        return self.limits.spend(route.limit, scope, route.bucket)


def _refuse(failure: Failure) -> None:
    """Raises what the failure scripts."""
    if failure.retry_after_s is not None:
        raise Limited(
            failure.retry_after_s, scope=failure.scope, code=failure.code, message=failure.message or None
        )
    raise Refusal(failure.code, status=failure.status, message=failure.message or None)


async def _read(request: web.Request) -> Call:
    """A body as JSON or as a form, whose parts are `payload_json` and `files[n]`.

    https://docs.discord.com/developers/reference#uploading-files: an attachment of the payload describes the file `n`
    that is its `id`.
    """
    body: Any = None
    files: dict[int, File] = {}
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read(decode=True))
            if part.name == "payload_json":
                body = json.loads(data)
            else:
                named = re.fullmatch(r"files\[(\d+)\]", part.name or "")
                assert named, f"{part.name} is no file"
                assert part.filename
                files[int(named[1])] = File(part.filename, data, part.headers.get("Content-Type", ""))
        for described in _data(body).get("attachments") or ():
            if (file := files.get(int(described["id"]))) is not None:
                name = described.get("filename") or file.filename
                files[int(described["id"])] = replace(
                    file, filename=name, description=described.get("description")
                )
    elif text := await request.text():
        body = json.loads(text)
    path = request.path.removeprefix(PREFIX)
    return Call(
        request.method,
        path,
        body,
        dict(request.query),
        list(files.values()),
        time.monotonic(),
        host=request.host,
    )


def _data(body: Any) -> dict[str, Any]:
    """The message in a body: that of an interaction's answer is in `data`, that of a post in `message`."""
    fields = body if isinstance(body, dict) else {}
    return next((fields[name] for name in ("data", "message") if isinstance(fields.get(name), dict)), fields)


def _answer(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    """JSON whose media type carries no charset: discord.py reads any other as text."""
    if body is None:
        return web.Response(status=status, headers=headers)
    answer = web.Response(status=status, body=json.dumps(body).encode(), headers=headers)
    answer.headers["Content-Type"] = "application/json"
    return answer


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def glob(pattern: str) -> re.Pattern[str]:
    """``*`` and ``{name}`` match one part of a path, ``**`` any number."""
    source = re.escape(re.sub(r"\{\w+\}", "*", pattern))
    return re.compile(source.replace(r"\*\*", ".*").replace(r"\*", "[^/]+"))


def ids_of(call: Call, name: str) -> int:
    """A path parameter as an id. Raises Refusal 404 for what is no number."""
    try:
        return int(call.params[name])
    except ValueError:
        raise Refusal(0, status=404, message="404: Not Found") from None


def fields(call: Call) -> Json:
    """The JSON object of a request, empty when there is none."""
    return call.body if isinstance(call.body, dict) else {}
