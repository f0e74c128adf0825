"""The connections below httpx, by protocols of asyncio. The backend of httpcore makes a cancel scope and a timer for
each read, and has the selector watch the socket anew: a fifth of the CPU that a stream takes.

https://www.encode.io/httpcore/network-backends/
"""

from __future__ import annotations

import asyncio
import select
import ssl
from asyncio.trsock import TransportSocket
from collections.abc import Coroutine, Iterable, Sequence
from socket import AI_NUMERICHOST, SOCK_STREAM, gaierror, getaddrinfo
from typing import Any, TypeVar

import httpcore
from aiohappyeyeballs import AddrInfoType, start_connection

HELD_BYTES = 64 * 1024
"""Bytes that wait for a slow reader. While there are more, the socket is not read."""
_READ_BYTES = 16 * 1024
"""Bytes that are read at once. A read of asyncio's `data_received` asks the system for 256 KB of memory first, which
takes ten times as long as to read a word."""
_NEXT_ADDRESS_S = 0.25
"""Seconds after which the next address of a host is tried beside the one before:
https://www.rfc-editor.org/rfc/rfc8305#section-5"""
_NAMES = {"client_addr": "sockname", "server_addr": "peername"}

T = TypeVar("T")


class StreamBackend(httpcore.AsyncNetworkBackend):
    """Connects to hosts. Raises httpcore's errors, which httpx turns into its own, and UnicodeError for a host that no
    name server takes."""

    def __init__(self) -> None:
        self._room = memoryview(bytearray(_READ_BYTES))

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        local = await _addresses(local_address, 0) if local_address else None
        transport, stream = await _connected(self._connect(host, port, local), timeout)
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return stream

    async def _connect(
        self, host: str, port: int, local: Sequence[AddrInfoType] | None
    ) -> tuple[asyncio.Transport, SocketStream]:
        loop = asyncio.get_running_loop()
        # asyncio's own way of trying several addresses loses sockets where it is cancelled (Python 3.11).
        socket = await start_connection(
            await _addresses(host, port), local_addr_infos=local, happy_eyeballs_delay=_NEXT_ADDRESS_S
        )
        return await loop.create_connection(lambda: SocketStream(loop, self._room), sock=socket)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SocketStream(asyncio.BufferedProtocol, httpcore.AsyncNetworkStream):
    """One connection, for one reader and one writer at a time. One timer serves all reads: where it rings too early, it
    is set anew."""

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, room: memoryview) -> None:
        """`room`: the memory that is read into. What is read is copied at once, so that all connections share it."""
        self._loop = loop
        self._room = room
        self._held = b""
        self._paused = False
        self._ended = False
        """Nothing is received any more, because of `_error` if there is one."""
        self._error: Exception | None = None
        self._lost = False
        self._arrival: asyncio.Future[None] | None = None
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._room[:nbytes])
        self._held = self._held + data if self._held else data
        if len(self._held) > HELD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._arrival)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._arrival)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        if not self._ended:
            self._ended, self._error = True, error
        _wake(self._arrival)
        _wake(self._drained)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        _wake(self._drained)
        self._drained = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The bytes that are there, or the next ones; empty at the end. Raises ReadError once all of them are read, and
        ReadTimeout after `timeout` seconds without any."""
        if not self._held and not self._ended:
            await self._wait(timeout)
        if not self._held:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            return b""
        data, self._held = self._held[:max_bytes], self._held[max_bytes:]
        if self._paused and not self._held:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def _wait(self, timeout: float | None) -> None:
        self._arrival = self._loop.create_future()
        if timeout is not None:
            self._due = self._loop.time() + timeout
            if self._timer is None or self._due < self._timer.when():
                self._set_timer()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._arrival is None or self._arrival.done():
            return
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self._arrival.set_exception(httpcore.ReadTimeout())

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises WriteError, and WriteTimeout where the other side does not take the bytes in `timeout` seconds."""
        if self._ended or self._transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed")) from self._error
        self._transport.write(buffer)
        if self._drained is not None:
            try:
                async with asyncio.timeout(timeout):
                    await self._drained
            except TimeoutError:
                raise httpcore.WriteTimeout from None

    async def aclose(self) -> None:
        """Close the connection at once, without what is not sent yet."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._lost:
            self._transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        starting = self._loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        transport = await _connected(starting, timeout)  # asyncio closes one that fails
        if transport is None:
            raise httpcore.ConnectError("the connection was closed meanwhile")
        self._transport = transport
        return self

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._transport.get_extra_info(_NAMES.get(info, info))
        return self._ended or bool(self._held) or _is_readable(self._transport.get_extra_info("socket"))


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


def _is_readable(socket: TransportSocket) -> bool:
    """True if the other side has sent something, or closed the connection, that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


async def _addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    try:  # a number is no name to ask for, which takes a thread
        return getaddrinfo(host, port, type=SOCK_STREAM, flags=AI_NUMERICHOST)
    except gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)


async def _connected(connecting: Coroutine[Any, Any, T], timeout: float | None) -> T:
    try:
        async with asyncio.timeout(timeout):
            return await connecting
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
