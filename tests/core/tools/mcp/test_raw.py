"""Sources over servers that misbehave, byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from core.tools.config import ToolServer
from core.tools.mcp import server as server_module
from core.tools.schemas import ANY_ARGUMENTS, LONGEST_DESCRIPTION
from tests.core.tools.mcp.rig import running
from tests.fakes.clock import FakeClock
from tests.fakes.mcp import HttpServers, RawServer, stdio_command
from tests.fakes.mcp.raw import greet, respond, result
from tests.waiting import until

TOOLS = {
    "tools": [
        {"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
        {"name": "send", "inputSchema": {"type": "object"}},
    ]
}
DONE = {"content": [{"type": "text", "text": "done"}]}

OnCall = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]


def old(on_call: OnCall) -> Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]:
    """A server of the older protocol that answers calls by `on_call`."""

    async def answer(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if (greeting := greet(message)) is not None:
            respond(writer, greeting, "application/json", "200 OK", "Mcp-Session-Id: session-1")
        elif message.get("method") == "tools/list":
            respond(writer, result(message, TOOLS))
        elif message.get("method") == "tools/call":
            await on_call(message, writer)
        else:
            respond(writer, b"", "text/plain", "202 Accepted" if message else "405 Method Not Allowed")

    return answer


async def done(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    respond(writer, result(message, DONE))


async def test_a_server_that_forgot_the_session_is_greeted_again_and_the_call_repeated() -> None:
    calls = 0

    async def forgets_once(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            respond(writer, b"", "text/plain", "404 Not Found")
        else:
            respond(writer, result(message, DONE))

    async with RawServer(old(forgets_once)) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        assert await rig.said("send") == "done", "it was refused, so it is not done twice"
        assert [one.get("method") for one in raw.messages].count("initialize") == 2


async def test_a_refusal_that_is_not_about_the_session_is_not_repeated() -> None:
    async def refuses(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        error = {"code": -32600, "message": "Elicitation not supported"}
        respond(writer, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())

    async with RawServer(old(refuses)) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        said = "failed: The server refused the call: Elicitation not supported."
        assert await rig.said("send") == said
        assert [one.get("method") for one in raw.messages].count("tools/call") == 1


async def test_a_connection_that_breaks_in_one_call_leaves_the_others_alone() -> None:
    free = asyncio.Event()

    async def breaks(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message["params"]["arguments"].get("breaks"):
            writer.transport.abort()
            return
        await free.wait()
        respond(writer, result(message, DONE))

    async with RawServer(old(breaks)) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        await rig.listed()
        waiting = asyncio.create_task(rig.said("look"))
        await until(lambda: any(one.get("method") == "tools/call" for one in raw.messages))
        assert "not known whether the call was done" in await rig.said("send", breaks=True)
        assert "lost before the call was answered" in await rig.said("look", breaks=True)
        free.set()
        assert await waiting == "done"
        calls = [one for one in raw.messages if one.get("method") == "tools/call"]
        names = [(one["params"]["name"], bool(one["params"]["arguments"])) for one in calls]
        assert names == [("look", False), ("send", True), ("look", True), ("look", True)], (
            "reading is tried twice"
        )


async def test_a_body_that_is_cut_off_is_a_lost_connection() -> None:
    async def cuts(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")

    async with RawServer(old(cuts)) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        assert "lost before the call was answered" in await rig.said("look")
        assert "lost before the call was answered" in await rig.said("send")


@pytest.mark.parametrize(
    ("body", "kind", "headers", "words"),
    [
        (b"<html>sign in</html>", "text/html", (), "Unexpected content type: text/html"),
        (b"{", "application/json", (), "can't be understood"),
        (b"{}", "application/json", ("Content-Encoding: gzip",), "can't be understood"),
        (b'{"jsonrpc": "2.0", "id": 9, "result": {}}', "application/json", (), "gave no answer"),
    ],
)
async def test_an_answer_that_is_none_is_said_in_words(
    body: bytes, kind: str, headers: tuple[str, ...], words: str
) -> None:
    async def answers(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        respond(writer, body, kind, "200 OK", *headers)

    async with (
        RawServer(old(answers)) as raw,
        running(ToolServer(name="raw", url=raw.url, timeout_s=0.5)) as rig,
    ):
        said = await rig.said("look")
        assert words in said
        assert "html>" not in said


async def test_a_redirect_to_another_host_is_refused_and_gives_no_key_away() -> None:
    async with RawServer(done) as other:

        async def redirects(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
            respond(writer, b"", "text/plain", "307 Temporary Redirect", f"Location: {other.url}?key=1")

        server = ToolServer(name="raw", url="", headers={"Authorization": SecretStr("Bearer abcdefgh")})
        async with RawServer(redirects) as raw, running(_at(server, raw), FakeClock()) as rig:
            await until(lambda: bool(rig.states))
            assert rig.absent
            [error] = rig.states
            assert error is not None
            assert "not followed" in error.detail
            assert "key=1" not in error.detail
            assert other.messages == []


def _at(server: ToolServer, raw: RawServer) -> ToolServer:
    return server.model_copy(update={"url": raw.url})


async def test_a_list_without_an_end_is_cut() -> None:
    async def endless(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message.get("method") == "tools/list":
            respond(writer, result(message, TOOLS | {"nextCursor": "again"}))
        else:
            await old(done)(message, writer)

    async with RawServer(endless) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        assert sorted(await rig.listed()) == ["look", "send"]
        lists = [one for one in raw.messages if one.get("method") == "tools/list"]
        assert len(lists) == 50
        assert await rig.said("look") == "done"


async def test_of_a_tool_that_says_megabytes_of_itself_little_is_kept() -> None:
    schema = {"type": "object", "properties": {f"p{number}": {} for number in range(20_000)}}

    async def wordy(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message.get("method") == "tools/list":
            tool = {"name": "look", "description": "d" * 1_000_000, "inputSchema": schema}
            respond(writer, result(message, {"tools": [tool]}))
        else:
            await old(done)(message, writer)

    async with RawServer(wordy) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        tool = (await rig.listed())["look"]
        assert len(tool.description) == LONGEST_DESCRIPTION
        assert tool.parameters == ANY_ARGUMENTS.parameters
        assert await rig.said("look") == "done"


@pytest.mark.parametrize(
    "said",
    [
        {"result": {"content": [{"type": "text", "text": "You sent {key}!"}]}},
        {"result": {"content": [{"type": "text", "text": "You sent {key}!"}], "isError": True}},
        {"error": {"code": -32602, "message": "You sent {key}!"}},
    ],
    ids=["result", "failure", "refusal"],
)
async def test_a_server_that_repeats_the_key_it_was_sent_does_not_give_it_to_the_model(
    said: dict[str, Any],
) -> None:
    key = SecretStr("key-0123456789abcdef")

    async def repeats(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        words = json.dumps({"jsonrpc": "2.0", "id": message["id"]} | said)
        respond(writer, words.replace("{key}", key.get_secret_value()).encode())

    async with RawServer(old(repeats)) as raw:
        server = ToolServer(name="raw", url=raw.url, headers={"X-Key": key})
        with capture_logs() as logs:
            async with running(server) as rig:
                words = await rig.said("look")
    assert "You sent [redacted]!" in words
    assert key.get_secret_value() not in repr(logs)


async def test_a_structured_result_is_not_held_against_the_schema_of_its_server() -> None:
    schema = {"type": "object", "properties": {"n": {"pattern": "^(a|a)*$"}}, "required": ["m"]}
    listed = {"tools": [{**TOOLS["tools"][0], "outputSchema": schema}]}

    async def answer(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message.get("method") == "tools/list":
            respond(writer, result(message, listed))
        else:
            await old(structured)(message, writer)

    async def structured(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        respond(writer, result(message, DONE | {"structuredContent": {"n": "a" * 24 + "b"}}))

    async with RawServer(answer) as raw, running(ToolServer(name="raw", url=raw.url)) as rig:
        assert await rig.said("look") == "done"


@pytest.mark.parametrize("answers", ["json", "sse", "stdio"])
async def test_a_result_with_too_many_values_is_refused_before_it_is_parsed(
    answers: str, tmp_path: Path, fine: HttpServers
) -> None:
    server = ToolServer(name="fake", command=stdio_command(tmp_path / "written.txt"))
    if answers != "stdio":
        server = ToolServer(name="fake", url=fine.url(f"/{answers}"))
    async with running(server) as rig:
        assert "too large" in await rig.said("rows", count=40_000)
        assert '"a": 999' in await rig.said("rows", count=1_000)


async def test_a_silent_server_is_away_and_closing_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "CONNECT_S", 0.3)

    async def silent(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    clock = FakeClock()
    async with RawServer(silent) as raw, running(ToolServer(name="raw", url=raw.url), clock) as rig:
        assert rig.absent, "its tools are missing while it is being reached"
        await until(lambda: len(rig.states) == 1)
        assert rig.absent
        await until(lambda: clock.sleepers == 1)
        monkeypatch.setattr(server_module, "CONNECT_S", 60.0)
        await clock.advance(1)
        assert rig.absent
        await until(lambda: any(one.get("method") == "initialize" for one in raw.messages))


async def test_tools_of_a_server_that_is_away_are_offered_for_a_day() -> None:
    clock = FakeClock()
    async with RawServer(old(done)) as raw, running(ToolServer(name="raw", url=raw.url), clock) as rig:
        await rig.listed()
        raw.close()
        assert "can't be reached" in await rig.said("look")
        await clock.advance(24 * 3600 - 1)
        assert rig.tools
        assert rig.absent
        await clock.advance(1)
        assert not rig.tools
