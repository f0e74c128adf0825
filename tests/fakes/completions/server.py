"""The endpoint itself: a small HTTP/1.1 server that plays replies to the byte and remembers every request.

It uses bare sockets, since HTTP frameworks can't send the output of broken endpoints. All streams share one
ticker, so that hundreds of them cost little.
"""

import asyncio
import heapq
import itertools
import json
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any

from .embeddings import Embed, embeddings_answer
from .pictures import PictureRules, picture_problems
from .reference import request_body_problems
from .replies import Json, Raw, Reply, Status, Words
from .sounds import sound_of, sound_refusal
from .tools import ToolRules

REFUSED_KEY = Status(
    401,
    {
        "error": {
            "message": "认证失败",
            "type": "authentication_error",
            "param": None,
            "code": "invalid_api_key",
        }
    },
)
NOT_FOUND_HTML = Status(404, "<html><head><title>404 Not Found</title></head><body>nginx</body></html>")


@dataclass(slots=True)
class Received:
    """One request. Times are `time.monotonic()`. `sent_at` has one entry for each write of the answer.

    In `headers` (names in lower case) a key shows only as "accepted" or "refused"; `account` is its position
    among the accepted keys. `over` is set when the answer ended or the client left, whichever came first.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    account: int | None
    at: float
    sent_at: list[float] = field(default_factory=list)
    ended_at: float | None = None
    closed_by_client_at: float | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


def echo(body: Json) -> Words:
    """Says the last user message back, so that a test sees which question an answer belongs to."""
    said = next((m["content"] for m in reversed(body.get("messages", [])) if m.get("role") == "user"), "")
    if isinstance(said, list):
        said = "".join(part.get("text", "") for part in said)
    return Words(f"You said: {said}")


def is_embeddings(path: str) -> bool:
    return path.partition("?")[0].endswith("/embeddings")


class FakeCompletions:
    """An endpoint on 127.0.0.1. Replies come from `script` first (one a request), then from `default`.

    A default is a reply or a function from the request's body to one. Requests with a wrong key get 401, those that
    break `pictures` or `tools` a refusal; neither uses up a scripted reply. What is wrong with requests gathers in
    `problems`.
    After `stop`, `start` listens on the same port again, so an endpoint can die and come back.
    """

    def __init__(
        self,
        *,
        keys: tuple[str, ...] = ("sk-test",),
        models: tuple[str, ...] = (),
        default: Reply | Callable[[Json], Reply] = echo,
        html_404: bool = False,
        pictures: PictureRules | None = None,
        tools: ToolRules | None = None,
    ) -> None:
        self.keys = keys
        self.models = models
        self.default = default
        self.html_404 = html_404
        self.pictures = pictures or PictureRules()
        self.tools = tools or ToolRules()
        self.transcription: Reply | None = None
        """The answer to a sound; None: there is no such path here."""
        self.embeddings: Reply | Embed | None = None
        """The answer to texts, or the vector of each; None: there is no such path here."""
        self.requests: list[Received] = []
        """All but those for the list of models."""
        self.lists: list[Received] = []
        self._lists_free = asyncio.Event()
        self._lists_free.set()
        self.problems: list[str] = []
        self._script: deque[Reply] = deque()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._ticker = _Ticker()

    @property
    def embedded(self) -> list[str]:
        """The texts that vectors were asked for, in their order."""
        asked = (one.body for one in self.requests if is_embeddings(one.path) and isinstance(one.body, dict))
        return [text for body in asked for text in body["input"]]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops listening and drops every open connection."""
        if self._server is None:
            return
        self._server.close()
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        self._ticker.stop()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> "FakeCompletions":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    @property
    def scripted(self) -> int:
        """The number of scripted replies that are still waiting."""
        return len(self._script)

    def script(self, *replies: Reply) -> None:
        self._script.extend(replies)

    def hold_lists(self) -> None:
        """Keeps requests for the list of models waiting, until `release_lists`."""
        self._lists_free.clear()

    def release_lists(self) -> None:
        self._lists_free.set()

    def hurry(self) -> None:
        """Sends the rest of every answer under way at once, regardless of its pace."""
        self._ticker.hurry()

    def reply_by(self, choose: Callable[[Json], Reply]) -> None:
        self.default = choose

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        wire = _Wire(reader, writer)
        try:
            while await self._exchange(wire):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass  # `stop` cancels, and asyncio would log a cancelled connection as an error
        except Exception as error:  # a reply function of the test failed, or the request was not HTTP
            self.problems.append(f"request {len(self.requests)}: {error!r}")
        finally:
            self._connections.discard(task)
            await wire.close()

    async def _exchange(self, wire: "_Wire") -> bool:
        """Reads one request and answers it; False if the connection is over."""
        head = (await wire.until(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.rstrip("\r\n").split("\r\n")
        method, path, _ = request_line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await wire.exactly(int(headers.get("content-length", "0")))
        received = self._receive(method, path, headers, raw)
        if received in self.lists:
            await self._lists_free.wait()
        reply = self._choose(received).on_wire(received.body if isinstance(received.body, dict) else {})
        try:
            await self._play(wire, received, reply)
        except ConnectionError:
            if received.ended_at is None:
                received.closed_by_client_at = wire.gone.result() if wire.gone.done() else monotonic()
            raise
        finally:
            received.over.set()
        return reply.framing in ("chunked", "length") and headers.get("connection", "").lower() != "close"

    def _receive(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> Received:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        account = self.keys.index(key) if scheme == "Bearer" and key in self.keys else None
        for name, value in headers.items():
            if name == "authorization" or any(key in value for key in self.keys):
                headers[name] = "refused" if account is None else "accepted"
        sound = sound_of(headers, raw)
        try:
            body = sound or (json.loads(raw) if raw else None)
        except ValueError:
            body = None
        received = Received(method, path, headers, body, account, monotonic())
        lists = method == "GET" and path.partition("?")[0] == "/v1/models"
        (self.lists if lists else self.requests).append(received)
        if method == "POST" and sound is None and not is_embeddings(path):
            number = len(self.requests)
            problems = [*request_body_problems(body), *picture_problems(body if isinstance(body, dict) else {})]
            self.problems += [f"request {number}: {problem}" for problem in problems]
        return received

    def _choose(self, received: Received) -> Reply:
        path = received.path.partition("?")[0]
        sounds = ("/v1/audio/transcriptions",) if self.transcription is not None else ()
        texts = ("/v1/embeddings",) if self.embeddings is not None else ()
        if path not in ("/v1/chat/completions", "/v1/models", *sounds, *texts):
            return NOT_FOUND_HTML if self.html_404 else _wrong_url(received)
        if received.account is None:
            return REFUSED_KEY
        match received.method, path:
            case "GET", "/v1/models":
                models = [{"id": name, "object": "model", "owned_by": "test"} for name in self.models]
                return Status(200, {"object": "list", "data": models})
            case "POST", "/v1/audio/transcriptions" if self.transcription is not None:
                return sound_refusal(received.body) or self.transcription
            case "POST", "/v1/embeddings" if self.embeddings is not None:
                if callable(self.embeddings):
                    return embeddings_answer(received.body, self.embeddings)
                return self.embeddings
            case "POST", "/v1/chat/completions":
                if not isinstance(received.body, dict):
                    message = "We could not parse the JSON body of your request."
                    return Status(400, {"error": {"message": message, "type": "invalid_request_error"}})
                if refusal := self.pictures.refusal(received.body) or self.tools.refusal(received.body):
                    return refusal
                if self._script:
                    return self._script.popleft()
                return self.default(received.body) if callable(self.default) else self.default
        return _wrong_url(received)

    async def _play(self, wire: "_Wire", received: Received, reply: Raw) -> None:
        def write(data: bytes) -> None:
            wire.write(data)
            received.sent_at.append(monotonic())

        timeline = reply.timeline()
        if timeline and timeline[-1][0] > 0:
            if not await self._ticker.play(timeline, write, wire.gone):
                raise ConnectionError("the client left")
        else:
            for _, data in timeline:
                write(data)
                await wire.drain()
        await wire.flush()
        if reply.end != "hang":
            received.ended_at = monotonic()
        match reply.end:
            case "close":
                return
            case "reset":
                wire.reset()
            case "half":
                wire.end_writing()
                await asyncio.wait((wire.gone,))
            case "hang":
                await asyncio.wait((wire.gone,))
        raise ConnectionError(reply.end)


class _Wire:
    """One client connection. `gone` gets the moment at which the client closed it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gone: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._pump = asyncio.create_task(self._read())

    async def until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            await self._more()
        return self._take(at + len(mark))

    async def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        return self._take(count)

    def write(self, data: bytes) -> None:
        if not self.gone.done():
            self._writer.write(data)

    async def drain(self) -> None:
        """Raises ConnectionError if the client left."""
        if self.gone.done():
            raise ConnectionError("the client left")
        await self._writer.drain()

    async def flush(self) -> None:
        """Returns when the kernel has every byte, so that a reset loses none."""
        while self._writer.transport.get_write_buffer_size() and not self.gone.done():
            await asyncio.wait((self.gone,), timeout=0.005)

    def end_writing(self) -> None:
        self._writer.write_eof()

    def reset(self) -> None:
        plug: socket.socket = self._writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._pump.cancel()
        self._writer.close()
        await asyncio.gather(self._pump, self._writer.wait_closed(), return_exceptions=True)

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65536):
                self._buffer += data
                self._arrived.set()
        except ConnectionError:
            pass
        self.gone.set_result(monotonic())
        self._arrived.set()

    async def _more(self) -> None:
        self._arrived.clear()
        if self.gone.done():
            raise ConnectionError("the client left")
        await self._arrived.wait()

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


class _Ticker:
    """Writes what is due on every stream, from one timer (5 ms) for all of them."""

    TICK_S = 0.005

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Playing]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def play(
        self, timeline: list[tuple[float, bytes]], write: Callable[[bytes], None], gone: asyncio.Future[float]
    ) -> bool:
        """True when all is written, False if the client left before."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        playing = _Playing(deque(timeline), write, monotonic(), done)
        self._push(playing)
        self._wait(0.0)
        try:
            await asyncio.wait((playing.done, gone), return_when=asyncio.FIRST_COMPLETED)
            return done.done()
        finally:
            done.cancel()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due.clear()

    def hurry(self) -> None:
        """Writes every stream to its end."""
        while self._due:
            playing = heapq.heappop(self._due)[2]
            if playing.done.done():
                continue
            while playing.left:
                playing.write(playing.left.popleft()[1])
            playing.done.set_result(None)

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _push(self, playing: "_Playing") -> None:
        heapq.heappush(self._due, (playing.start + playing.left[0][0], next(self._order), playing))

    def _tick(self) -> None:
        now = monotonic()
        while self._due and self._due[0][0] <= now:
            playing = heapq.heappop(self._due)[2]
            if playing.done.done():
                continue
            playing.write(playing.left.popleft()[1])
            if playing.left:
                self._push(playing)
            else:
                playing.done.set_result(None)
        if self._due:
            self._wait(max(self.TICK_S, self._due[0][0] - now))


@dataclass(slots=True)
class _Playing:
    left: deque[tuple[float, bytes]]
    write: Callable[[bytes], None]
    start: float
    done: asyncio.Future[None]


def closed_port_url() -> str:
    """A base URL on loopback where nothing listens: connecting is refused."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{plug.getsockname()[1]}/v1"


def _wrong_url(received: Received) -> Status:
    message = f"Invalid URL ({received.method} {received.path})"
    return Status(
        404, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    )
