"""Slack over HTTP: signed requests, in place of Socket Mode or beside it.

Slack sends a request again that is not answered with 200 within 3 seconds: at once, after a minute and after five. Each
attempt of an event ends in the same row of the store. https://docs.slack.dev/apis/events-api/#retries

The requests of commands and interactions have no such row: the store keeps a digest of the signature of each while its
timestamp is taken, so that a recorded one is not done again, by another process or after a restart either.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Protocol

import structlog
from aiohttp import web
from cachetools import TTLCache

from bots.bodies import BodyTooLongError, BodyTooSlowError, read_body
from bots.slack.manifest import COMMANDS_PATH, EVENTS_PATH, INTERACTIONS_PATH
from bots.slack.receiver import log_not_accepted
from bots.slack.signed_requests import (
    FORM,
    JSON,
    WINDOW_S,
    body_to_payload,
    is_signed,
    seconds_off,
)
from core.clock import Clock

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

PATHS = (EVENTS_PATH, INTERACTIONS_PATH, COMMANDS_PATH)
"""Each takes every kind of request, so that one URL can be used for all of them."""

BODY_LIMIT_BYTES = 1024 * 1024
BODY_S = 5.0
"""The longest time for a request's body, in seconds. Slack itself gives up after 3."""

_REMEMBERED = 20_000
_CHECK_BYTES = 4_096
_SAID_AGAIN_S = 60.0
_WORD = re.compile(r"[a-z0-9_]{1,40}")
_NO_RETRY = {"X-Slack-No-Retry": "1"}

Receive = Callable[[Json], Awaitable[Json | None]]


class TakenRequests(Protocol):
    """As in `core.ports.connector.Inbox`. Each raises BotError."""

    async def take_request(self, key: str) -> bool: ...

    async def give_back_request(self, key: str) -> None: ...


class _RequestRefusedError(Exception):
    """`again`: the same request may succeed later, as where the secret is being changed."""

    def __init__(self, status: int, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.again = again


class SignedRequests:
    """The routes for requests that are signed with `secret`. `receive` returns when a payload may be acknowledged, and
    raises BotError where it may not. `taken` knows the requests of all processes."""

    def __init__(
        self, secret: str, receive: Receive, clock: Clock, taken: TakenRequests, *, body_s: float = BODY_S
    ) -> None:
        self._secret = secret
        self._receive = receive
        self._taken_by_all = taken
        self._clock = clock
        self._body_s = body_s
        # A request that comes twice is answered twice and done once: an event by its id, others by their signature,
        # which is that of their bytes and their second. Of two at a time the second waits for the first.
        self._taken: TTLCache[str, asyncio.Task[Json | None]] = TTLCache(
            _REMEMBERED, 2 * WINDOW_S, clock.monotonic
        )
        self._said: TTLCache[str, bool] = TTLCache(100, _SAID_AGAIN_S, clock.monotonic)

    def routes(self) -> list[web.RouteDef]:
        """The routes for the one HTTP application of the program."""
        return [web.post(path, self._answer) for path in PATHS]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            payload, signature = await self._read(request)
            if payload.get("type") == "url_verification":
                return web.json_response({"challenge": str(payload.get("challenge", ""))})
            if payload.get("ssl_check"):
                return web.Response()
            _log_delivery(request, payload)
            answer = await self._take(payload, signature)
        except _RequestRefusedError as refused:
            self._say(refused)
            headers = {} if refused.again else _NO_RETRY
            return web.Response(status=refused.status, text=f"{refused.reason}\n", headers=headers)
        return web.Response() if answer is None else web.json_response(answer)

    async def _read(self, request: web.Request) -> tuple[Json, str]:
        """The payload of a signed request, and its signature."""
        if request.content_type not in (JSON, FORM):
            raise _RequestRefusedError(415, f"the content type is neither {JSON} nor {FORM}")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise _RequestRefusedError(415, "the body is compressed")
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not timestamp or not signature:
            return await self._read_check(request), ""
        off_s = seconds_off(timestamp, self._clock.now().timestamp())
        if off_s is None:
            raise _RequestRefusedError(401, "the timestamp is not a number of seconds", again=True)
        if off_s > WINDOW_S:
            raise _RequestRefusedError(
                401, "the timestamp is more than 5 minutes off: a replay, or a clock that is wrong", again=True
            )
        body = await _read_body(request, BODY_LIMIT_BYTES, self._body_s)
        if not is_signed(self._secret, timestamp, body, signature):
            raise _RequestRefusedError(401, "the signature is not that of SLACK_SIGNING_SECRET", again=True)
        return _parsed(request.content_type, body), signature

    async def _read_check(self, request: web.Request) -> Json:
        """A check of the certificate, which alone needs no signature: nothing is done for it.

        https://docs.slack.dev/interactivity/implementing-slash-commands/#app_command_handling
        """
        if request.content_type == FORM:
            payload = _parsed(FORM, await _read_body(request, _CHECK_BYTES, self._body_s))
            if payload.get("ssl_check") == "1" and "command" not in payload:
                return payload
        raise _RequestRefusedError(401, "the request is not signed", again=True)

    async def _take(self, payload: Json, signature: str) -> Json | None:
        """The body of the response. Raises _RequestRefusedError where Slack is to send the request again."""
        key = str(payload.get("event_id") or signature)
        task = self._taken.get(key)
        if task is None:
            task = self._taken[key] = asyncio.ensure_future(self._do_once(payload, signature))
        try:
            return await asyncio.shield(task)
        except Exception as error:
            self._taken.pop(key, None)
            log_not_accepted(payload, error)
        raise _RequestRefusedError(503, "not stored", again=True)

    async def _do_once(self, payload: Json, signature: str) -> Json | None:
        """Do what the request asks for, unless another process has; the store knows an event by its id."""
        if payload.get("event_id"):
            return await self._receive(payload)
        key = f"slack/{sha256(signature.encode()).hexdigest()}"
        if not await self._taken_by_all.take_request(key):
            log.warning(
                "request_replayed", detail="it was taken before, by another process or before a restart"
            )
            return None
        try:
            return await self._receive(payload)
        except Exception:
            await self._taken_by_all.give_back_request(key)
            raise

    def _say(self, refused: _RequestRefusedError) -> None:
        """Log a refusal, at most once a minute for each reason: anybody can send such requests."""
        if refused.status != 503 and refused.reason not in self._said:
            self._said[refused.reason] = True
            log.warning("request_refused", status=refused.status, detail=refused.reason)


async def _read_body(request: web.Request, limit: int, within_s: float) -> bytes:
    """The whole body of at most `limit` bytes, which has `within_s` seconds."""
    try:
        return await read_body(request, limit, within_s)
    except BodyTooSlowError:
        raise _RequestRefusedError(408, "the body came too slowly", again=True) from None
    except BodyTooLongError:
        raise _RequestRefusedError(413, "the body is too long") from None


def _parsed(content_type: str, body: bytes) -> Json:
    try:
        return body_to_payload(content_type, body)
    except ValueError as error:
        raise _RequestRefusedError(400, f"the body can't be read ({type(error).__name__})") from None


def _log_delivery(request: web.Request, payload: Json) -> None:
    """Log what shows operators that acknowledgements come too late, or that Slack holds events back."""
    if attempt := _word(request, "X-Slack-Retry-Num"):
        log.info("event_sent_again", attempt=attempt, reason=_word(request, "X-Slack-Retry-Reason"))
    if payload.get("type") == "app_rate_limited":
        log.warning("events_rate_limited", detail="Slack holds back events of this workspace for a minute")


def _word(request: web.Request, header: str) -> str:
    """The value of a header that is a short word, else empty."""
    value = request.headers.get(header, "")
    return value if _WORD.fullmatch(value) else ""
