"""Socket Mode: URLs, sockets, envelopes, acknowledgements, redelivery, and ways to break all of them. What `requests`
is set to delivers over HTTP instead.

Frames: https://docs.slack.dev/apis/events-api/using-socket-mode/. Three retries, at once, after a minute and
after five: https://docs.slack.dev/apis/events-api/#retries; here they carry `retry_attempt` and `retry_reason`.
Of several sockets of the app, ten at most, any one gets an envelope, and any one its redelivery:
https://docs.slack.dev/apis/events-api/using-socket-mode/#connections. A socket that ends without an acknowledgement
has it sent again at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from .requests import Requests

Json = dict[str, Any]

SOCKETS_MAX = 10


@dataclass(slots=True)
class Attempt:
    """One sending of an envelope; times are monotonic seconds."""

    envelope_id: str
    number: int
    socket: int
    sent_at: float
    acked_at: float | None = None
    problem: str = ""  # the reason why it has to be sent again
    status: int = 0  # of the response, over HTTP
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Acknowledged, or sent to a socket that has ended."""


@dataclass(slots=True)
class Envelope:
    """An event, and every attempt to deliver it to the app."""

    type: str
    payload: Json
    at: float
    attempts: list[Attempt] = field(default_factory=list)
    ack_payload: Json | None = None
    lost: bool = False
    given_up: bool = False  # the app said that it needs no more attempts
    on_ack: Callable[[Json], object] | None = field(default=None, repr=False)

    @property
    def acked(self) -> bool:
        return any(attempt.acked_at is not None for attempt in self.attempts)

    @property
    def latency_s(self) -> float | None:
        """Seconds from the sending that was acknowledged first to its acknowledgement."""
        return next((a.acked_at - a.sent_at for a in self.attempts if a.acked_at is not None), None)

    @property
    def event(self) -> Json:
        """The inner event of an events_api envelope."""
        return dict(self.payload.get("event", {}))


@dataclass(slots=True, eq=False)
class Socket:
    number: int
    link: web.WebSocketResponse
    transport: asyncio.Transport
    frozen: bool = False
    unsettled: dict[str, Attempt] = field(default_factory=dict)  # by envelope_id


class Sockets:
    """The app's open sockets. Attributes may be set at any time:

    ack_timeout_s, retry_delays_s: when an envelope is sent again, and how often.
    redeliver_rate, redeliver_delay_s: the share of acknowledged events that are sent again all the same.
    lose_acks: acknowledgements never arrive, as when the app dies between storing and acknowledging.
    to: the numbers of the sockets that get envelopes; all where it is empty, as the real ones.
    refuse_connections: socket URLs are dead, and stay dead, while apps.connections.open still answers.
    """

    def __init__(self, beat: Callable[[], None], app_id: str, seed: int) -> None:
        self.ack_timeout_s = 3.0
        self.retry_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
        self.redeliver_rate = 0.0
        self.redeliver_delay_s = 0.05
        self.lose_acks = False
        self.to: frozenset[int] = frozenset()
        self.refuse_connections = False
        self.refused = 0
        self.open: list[Socket] = []
        self.requests: Requests | None = None
        self.envelopes: list[Envelope] = []
        self._beat = beat
        self._app_id = app_id
        self._random = random.Random(seed)
        self._number = itertools.count(1)
        self._tickets: set[str] = set()
        self._attempts: dict[str, tuple[Envelope, Attempt]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = asyncio.Event()
        self._connections: set[Socket] = set()

    # -- connections

    def ticket(self) -> str:
        """Opens one socket, once."""
        ticket = f"ticket-{next(self._number)}"
        self._tickets.add(ticket)
        return ticket

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket end of a URL that apps.connections.open gave out."""
        ticket = request.query.get("ticket", "")
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        if not known or self.refuse_connections:
            self.refused += 1
            self._beat()
            return web.Response(status=404)
        link = web.WebSocketResponse()
        await link.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        socket = Socket(next(self._number), link, request.transport)
        self._connections.add(socket)
        try:
            if not await self._greet(socket):
                return link
            self._join(socket)
            async for frame in link:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(json.loads(frame.data))
        finally:
            self._leave(socket)
            self._connections.discard(socket)
        return link

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Sends `disconnect` to every socket: warning, refresh_requested, link_disabled, too_many_websockets.

        The app is expected to close; after link_disabled Slack closes by itself.
        """
        for socket in list(self.open):
            await self._send(socket, {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
        if reason == "link_disabled":
            self.abort()

    def abort(self) -> None:
        """Resets every TCP connection of a socket, the half-open ones too."""
        for socket in list(self._connections):
            self._leave(socket)
            socket.transport.abort()

    def half_open(self) -> None:
        """The open sockets neither read nor answer any more, without a notice. New sockets work."""
        for socket in self.open:
            socket.frozen = True
            socket.transport.pause_reading()

    async def stop(self) -> None:
        """Aborts what is open and forgets what was to be delivered."""
        self.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- deliveries

    def deliver(self, kind: str, payload: Json, on_ack: Callable[[Json], object] | None = None) -> Envelope:
        """Sends an envelope. Events are retried and wait for a socket, commands and interactions are not."""
        envelope = Envelope(kind, payload, time.monotonic(), on_ack=on_ack)
        self.envelopes.append(envelope)
        self._spawn(self._deliver_event(envelope) if kind == "events_api" else self._deliver_once(envelope))
        return envelope

    async def _deliver_event(self, envelope: Envelope) -> None:
        waited = not self.open and self.requests is None
        for number, delay_s in enumerate((0.0, *self.retry_delays_s)):
            await asyncio.sleep(delay_s)
            if await self._attempt(envelope, max(number, int(waited))) or envelope.given_up:
                break
        else:
            envelope.lost = True
            self._beat()
        if not envelope.lost and self._random.random() < self.redeliver_rate:
            await asyncio.sleep(self.redeliver_delay_s)
            await self._attempt(envelope, 1)

    async def _deliver_once(self, envelope: Envelope) -> None:
        away = not self.open and self.requests is None
        envelope.lost = away or not await self._attempt(envelope, 0)
        self._beat()

    async def _attempt(self, envelope: Envelope, number: int) -> bool:
        """Sends to the socket whose turn it is, once there is one; whether it was acknowledged in time."""
        if self.requests is not None:
            return await self._request(self.requests, envelope, number)
        while not self.open:
            await self._opened.wait()
        wanted = [socket for socket in self.open if socket.number in self.to]
        socket = self._random.choice(wanted or self.open)
        attempt = Attempt(f"env-{next(self._number)}", number, socket.number, time.monotonic())
        envelope.attempts.append(attempt)
        self._attempts[attempt.envelope_id] = (envelope, attempt)
        socket.unsettled[attempt.envelope_id] = attempt
        await self._send(socket, _frame(envelope, attempt))
        self._beat()
        try:
            await asyncio.wait_for(attempt.settled.wait(), self.ack_timeout_s)
        except TimeoutError:
            if socket.frozen:
                self._leave(socket)
        del socket.unsettled[attempt.envelope_id]
        return attempt.acked_at is not None

    async def _request(self, requests: Requests, envelope: Envelope, number: int) -> bool:
        """Sends as an HTTP request; whether it was answered with 200 in time."""
        attempt = Attempt(f"env-{next(self._number)}", number, 0, time.monotonic())
        reason = envelope.attempts[-1].problem if number and envelope.attempts else ""
        envelope.attempts.append(attempt)
        self._attempts[attempt.envelope_id] = (envelope, attempt)
        response = await requests.send(envelope.type, envelope.payload, number, reason, self.ack_timeout_s)
        attempt.problem, attempt.status = response.problem, response.status
        envelope.given_up = envelope.given_up or response.no_retry
        if not response.problem:
            self._acknowledge({"envelope_id": attempt.envelope_id, "payload": response.body})
        self._beat()
        return attempt.acked_at is not None

    def _acknowledge(self, frame: Json) -> None:
        envelope, attempt = self._attempts.get(frame.get("envelope_id", ""), (None, None))
        if envelope is None or attempt is None or attempt.acked_at is not None or self.lose_acks:
            return
        attempt.acked_at = time.monotonic()
        attempt.settled.set()
        envelope.ack_payload = envelope.ack_payload or frame.get("payload")
        if envelope.on_ack and frame.get("payload"):
            envelope.on_ack(frame["payload"])
        self._beat()

    # -- parts

    async def _greet(self, socket: Socket) -> bool:
        """Says hello; False where the app has as many sockets as it may, and this one is closed."""
        debug = {"host": "fake", "build_number": 1, "approximate_connection_time": 18060}
        hello = {"type": "hello", "num_connections": len(self.open) + 1, "debug_info": debug}
        await self._send(socket, hello | {"connection_info": {"app_id": self._app_id}})
        if len(self.open) < SOCKETS_MAX:
            return True
        await self._send(socket, {"type": "disconnect", "reason": "too_many_websockets"})
        await socket.link.close()
        return False

    def _join(self, socket: Socket) -> None:
        self.open.append(socket)
        self._opened.set()
        self._beat()

    def _leave(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)
        if not self.open:
            self._opened.clear()
        for attempt in socket.unsettled.values():
            attempt.settled.set()
        self._beat()

    async def _send(self, socket: Socket, frame: Json) -> None:
        if socket.frozen or socket.link.closed:
            return
        try:
            await socket.link.send_str(json.dumps(frame))
        except ConnectionError:
            self._leave(socket)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _frame(envelope: Envelope, attempt: Attempt) -> Json:
    frame: Json = {"envelope_id": attempt.envelope_id, "type": envelope.type, "payload": envelope.payload}
    frame["accepts_response_payload"] = envelope.type != "events_api"
    if envelope.type == "events_api":
        frame |= {"retry_attempt": attempt.number, "retry_reason": "timeout" if attempt.number else ""}
    return frame
