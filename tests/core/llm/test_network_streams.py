"""The connections below httpx, on servers of loopback: every way in which one ends, TLS and proxies."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from core.clock import SystemClock
from core.connection_problems import ConnectionProblem, connection_problem
from core.llm import network_streams, transport
from core.llm.client import CompletionsClient
from core.llm.connection import close_response, create_http, pieces_of
from core.llm.network_streams import HELD_BYTES, StreamBackend
from core.ports.model import Request
from core.values.conversation import text_message
from tests.fakes.completions import FakeCompletions, Words
from tests.waiting import HANG_S, until

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
SHORT_S = 0.1

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server, which closes its connections at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await until(lambda: len(asyncio.all_tasks()) == 1)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """The head of a request, whose body is read too."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    await reader.readexactly(int(length.partition(b":")[2]))
    return head


async def ask(
    url: str, proxy: str = "", content: bytes = b"{}", within: httpx.Timeout | None = None, **extensions: Any
) -> tuple[int, bytes]:
    """The status and body of an answer."""
    environment = {f"{scheme}_PROXY": proxy for scheme in ("HTTP", "HTTPS")} if proxy else {}
    http = create_http(url, "sk-test", SystemClock(), HANG_S, environment=environment)
    try:
        request = http.build_request("POST", url, content=content, timeout=within or http.timeout)
        request.extensions.update(extensions)
        async with asyncio.timeout(HANG_S):
            response = await http.send(request, stream=True)
            try:
                return response.status_code, b"".join([piece async for piece in pieces_of(response)])
            finally:
                await close_response(response)
    finally:
        await http.aclose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and of endpoint.test, of its own making, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=endpoint.test", "-addext", "subjectAltName=DNS:endpoint.test,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *files],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def tls(folder: Path) -> ssl.SSLContext:
    """The TLS context of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.fixture
def trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parley trusts that certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))


async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request_of(reader)
        writer.write(WHOLE)


async def test_words_before_a_reset_come_before_its_error_though_they_are_read_late() -> None:
    asked, arrived = asyncio.Event(), asyncio.Event()

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(HEAD + b"One ")
        await asked.wait()
        writer.write(b"two")
        await arrived.wait()
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    async with serving(cut) as port:
        http = create_http(f"http://127.0.0.1:{port}", "sk-test", SystemClock(), HANG_S, environment={})
        response = await http.send(http.build_request("POST", f"http://127.0.0.1:{port}"), stream=True)
        stream, pieces = response.extensions["network_stream"], pieces_of(response)
        assert await anext(pieces) == b"One "
        asked.set()
        await until(lambda: stream.get_extra_info("is_readable"))
        arrived.set()
        await until(lambda: stream.get_extra_info("socket").fileno() < 0)
        assert await anext(pieces) == b"two"
        with pytest.raises(httpx.ReadError, match="reset"):
            await anext(pieces)
        await close_response(response)
        await http.aclose()


async def test_silence_is_a_read_timeout_and_names_no_other_fault() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(HEAD + b"One")
        await reader.read()

    async with serving(silent) as port:
        with pytest.raises(httpx.ReadTimeout):
            await ask(f"http://127.0.0.1:{port}", within=httpx.Timeout(HANG_S, read=SHORT_S))


async def test_a_read_timeout_holds_though_an_earlier_request_had_a_longer_one() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(WHOLE)
        await reader.read()

    async with serving(once) as port:
        url = f"http://127.0.0.1:{port}"
        http = create_http(url, "sk-test", SystemClock(), 100 * HANG_S, environment={})
        assert (await http.post(url, content=b"{}")).content == b"OK"
        async with asyncio.timeout(HANG_S):
            with pytest.raises(httpx.ReadTimeout):
                await http.post(url, content=b"{}", timeout=httpx.Timeout(HANG_S, read=SHORT_S))
        await http.aclose()


async def test_one_timer_serves_all_words_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), 0
    call_at = loop.call_at

    def counted(*given: Any, **more: Any) -> asyncio.TimerHandle:
        nonlocal timers
        timers += asyncio.current_task() in asking
        return call_at(*given, **more)

    asking: set[asyncio.Task[Any] | None] = {asyncio.current_task()}
    async with FakeCompletions(default=Words(" ".join(["word"] * 200), per_s=2_000)) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        monkeypatch.setattr(loop, "call_at", counted)
        deltas = [delta async for delta in client.stream(Request((text_message("user", "Hi"),), "test-model"))]
        monkeypatch.undo()
        await client.close()
    assert len(deltas) > 200
    assert timers < 10


async def test_a_slow_reader_holds_the_endpoint_back_and_loses_nothing() -> None:
    size, written = 8 * 1024 * 1024, asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(HEAD)
        for _ in range(size // HELD_BYTES):
            writer.write(b"x" * HELD_BYTES)
            await writer.drain()
        writer.close()
        written.set()

    async with serving(flood) as port:
        http = create_http(f"http://127.0.0.1:{port}", "sk-test", SystemClock(), HANG_S, environment={})
        response = await http.send(http.build_request("POST", f"http://127.0.0.1:{port}"), stream=True)
        for _ in range(200):
            await asyncio.sleep(0)
        assert not written.is_set()
        assert sum([len(piece) async for piece in pieces_of(response)]) == size
        await close_response(response)
        await http.aclose()


async def test_a_request_that_is_not_taken_is_a_write_timeout() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = socket.create_server(("127.0.0.1", 0))
    with server, pytest.raises(httpx.WriteTimeout):
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        await ask(url, content=b"x" * 64 * 2**20, within=httpx.Timeout(HANG_S, write=SHORT_S))


async def test_an_answer_that_comes_before_the_request_is_whole_is_read() -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong")
        writer.write_eof()
        while await reader.read(2**16):
            pass

    async with serving(hasty) as port:
        assert await ask(f"http://127.0.0.1:{port}", content=b"x" * 4 * 2**20) == (413, b"long")


async def test_a_connection_that_the_endpoint_has_closed_is_not_used_again() -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await request_of(reader)
        writer.write(WHOLE)
        writer.close()

    async with serving(once) as port:
        url = f"http://127.0.0.1:{port}"
        http = create_http(url, "sk-test", SystemClock(), HANG_S, environment={})
        for asked in range(1, 4):
            response = await http.post(url, content=b"{}")
            assert (response.content, connections) == (b"OK", asked)
        await http.aclose()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_stop_while_the_connection_is_made_leaves_no_socket(
    scheme: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(whole, tls if scheme == "https" else None) as port:
        for addresses in (1, 2):
            found = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM) * addresses
            monkeypatch.setattr(network_streams, "getaddrinfo", lambda *_, found=found, **__: found)
            for steps in range(24):
                asking = asyncio.create_task(ask(f"{scheme}://127.0.0.1:{port}"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        gc.collect()  # a socket that nothing closed warns here, and the warning fails the test


async def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()[1]
    async with serving(whole) as port:
        found = [
            address
            for number in (refusing, port)
            for address in socket.getaddrinfo("127.0.0.1", number, type=socket.SOCK_STREAM)
        ]
        monkeypatch.setattr(network_streams, "getaddrinfo", lambda *_, **__: found)
        assert await ask("http://endpoint.test") == (200, b"OK")
        monkeypatch.setattr(network_streams, "getaddrinfo", lambda *_, **__: found[:1] * 2)
        with pytest.raises(httpx.ConnectError) as caught:
            await ask("http://endpoint.test")
    assert connection_problem(caught.value) is ConnectionProblem.REFUSED


@pytest.mark.usefixtures("trusted")
async def test_tls_reads_an_answer_and_uses_the_connection_again(tls: ssl.SSLContext) -> None:
    async with serving(whole, tls) as port:
        url = f"https://127.0.0.1:{port}"
        http = create_http(url, "sk-test", SystemClock(), HANG_S, environment={})
        peers = set()
        for _ in range(3):
            async with http.stream("POST", url, content=b"{}") as response:
                stream = response.extensions["network_stream"]
                assert stream.get_extra_info("ssl_object").version() == "TLSv1.3"
                peers.add(stream.get_extra_info("client_addr"))
                assert await response.aread() == b"OK"
        assert len(peers) == 1
        await http.aclose()


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    async with serving(whole, tls) as port:
        with pytest.raises(httpx.ConnectError) as caught:
            await ask(f"https://127.0.0.1:{port}")
    assert connection_problem(caught.value) is ConnectionProblem.CERTIFICATE


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("name", "fits"), [("endpoint.test", True), ("other.test", False)])
async def test_the_certificate_has_to_be_that_of_the_name_that_was_asked_for(
    name: str, fits: bool, tls: ssl.SSLContext
) -> None:
    named: list[str] = []
    tls.sni_callback = lambda _, given, __: named.append(given)
    async with serving(whole, tls) as port:
        asking = ask(f"https://127.0.0.1:{port}", sni_hostname=name)
        if fits:
            assert await asking == (200, b"OK")
        else:
            with pytest.raises(httpx.ConnectError) as caught:
                await asking
            assert connection_problem(caught.value) is ConnectionProblem.CERTIFICATE
    assert named == [name]


@pytest.mark.usefixtures("trusted")
async def test_an_answer_by_tls_may_end_without_a_farewell(tls: ssl.SSLContext) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(HEAD + b"All")
        await writer.drain()
        writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    async with serving(rude, tls) as port:
        assert await ask(f"https://127.0.0.1:{port}") == (200, b"All")


@pytest.mark.usefixtures("trusted")
async def test_a_server_that_knows_no_tls_is_a_failed_connection() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with serving(plain) as port:
        with pytest.raises(httpx.ConnectError) as caught:
            await ask(f"https://127.0.0.1:{port}")
    assert connection_problem(caught.value) is ConnectionProblem.TLS


async def test_a_handshake_that_is_not_answered_is_a_connect_timeout() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(mute) as port:
        with pytest.raises(httpx.ConnectTimeout):
            await ask(f"https://127.0.0.1:{port}", within=httpx.Timeout(HANG_S, connect=SHORT_S))


def proxy(seen: list[bytes], status: bytes = b"200 OK") -> Answer:
    """A proxy that tunnels, or answers by itself where no tunnel is asked for."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_of(reader)
        seen.append(head)
        method, target, _ = head.split(b" ", 2)
        if method != b"CONNECT":
            writer.write(WHOLE)
            return
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        if status == b"200 OK":
            there, away = await asyncio.open_connection("127.0.0.1", int(target.rpartition(b":")[2]))
            await asyncio.gather(pump(reader, away), pump(there, writer))

    return answer


async def test_a_proxy_gets_the_whole_address_and_its_own_password() -> None:
    seen: list[bytes] = []
    async with serving(proxy(seen)) as port:
        assert await ask("http://endpoint.test/v1", f"http://me:p%40ss@127.0.0.1:{port}") == (200, b"OK")
    assert seen[0].startswith(b"POST http://endpoint.test/v1 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in seen[0]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_tunnel_carries_tls_by_tls_as_well(scheme: str, tls: ssl.SSLContext) -> None:
    seen: list[bytes] = []
    async with serving(whole, tls) as port, serving(proxy(seen), tls if scheme == "https" else None) as through:
        asked = await ask(f"https://127.0.0.1:{port}", f"{scheme}://127.0.0.1:{through}")
    assert asked == (200, b"OK")
    assert seen[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % port)


async def test_a_tunnel_that_is_refused_is_a_fault_of_the_proxy() -> None:
    async with serving(proxy([], b"407 Who are you")) as through:
        with pytest.raises(httpx.ProxyError, match="407 Who are you"):
            await ask("https://endpoint.test", f"http://127.0.0.1:{through}")


async def test_a_host_that_no_name_server_takes_is_told_apart_from_one_that_is_not_there() -> None:
    with pytest.raises(UnicodeError):
        await StreamBackend().connect_tcp(f"{'a' * 64}.test", 443)


async def test_a_request_beyond_the_pool_is_told_apart_from_an_endpoint_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MOST_CONNECTIONS", 1)
    async with serving(whole) as port:
        url = f"http://127.0.0.1:{port}"
        http = create_http(url, "sk-test", SystemClock(), HANG_S, environment={})
        async with http.stream("POST", url, content=b"{}"):
            with pytest.raises(httpx.PoolTimeout):
                await http.post(url, content=b"{}", timeout=httpx.Timeout(HANG_S, pool=SHORT_S))
        assert (await http.post(url, content=b"{}")).content == b"OK"
        await http.aclose()


def test_each_error_of_httpcore_has_its_name_in_httpx() -> None:
    raised = {
        kind
        for kind in vars(httpcore).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and not kind.__subclasses__()
    }
    assert raised - {httpcore.ConnectionNotAvailable} == set(transport.ERRORS)
    for kind in transport.ERRORS:
        assert issubclass(getattr(httpx, kind.__name__), httpx.TransportError)
