"""The checks of MCP servers, on real ones."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from core.tools.config import ToolServer
from core.tools.server_checks import server_checks
from core.values.checks import CheckStatus, Finding
from tests.e2e.program import free_port
from tests.fakes.mcp import HttpServers, stdio_command


async def finding(server: ToolServer) -> Finding:
    (check,) = server_checks([server])
    (found,) = await check.run()
    assert found.check == check.name == f"tool server {server.name}"
    return found


async def test_a_server_that_is_reached_says_how_many_tools_it_has(fine: HttpServers) -> None:
    for path in ("/json", "/sse", "/old"):
        found = await finding(ToolServer(name="fake", url=fine.url(path)))
        assert found.status is CheckStatus.OK, found
        assert f"127.0.0.1:{fine.port} lists " in found.detail


async def test_a_program_is_started_asked_and_ended(tmp_path: Path) -> None:
    found = await finding(ToolServer(name="fake", command=stdio_command(tmp_path / "written.txt")))
    assert found.status is CheckStatus.OK
    assert not (tmp_path / "written.txt").exists(), "no tool was called"


async def test_a_server_that_is_not_there_fails_with_its_address_and_no_secret() -> None:
    headers = {"Authorization": SecretStr("Bearer very-secret-token")}
    server = ToolServer(name="gone", url=f"http://127.0.0.1:{free_port()}/mcp", headers=headers)
    found = await finding(server)
    assert found.status is CheckStatus.FAILED
    assert found.detail == f"{server.where}: can't be reached"
    assert found.unreached == (server.url.split("/")[2],)
    assert "very-secret-token" not in f"{found.detail} {found.todo}"
    assert "[[tools]] gone" in found.todo


async def test_a_program_that_is_not_there_or_ends_at_once_fails(tmp_path: Path) -> None:
    missing = await finding(ToolServer(name="missing", command=(str(tmp_path / "no-such-program"),)))
    ended = await finding(ToolServer(name="ended", command=(sys.executable, "-c", "pass")))
    assert {missing.status, ended.status} == {CheckStatus.FAILED}
    assert "no-such-program" in missing.detail


async def test_a_server_whose_tools_are_all_left_out_is_a_warning(fine: HttpServers) -> None:
    found = await finding(ToolServer(name="fake", url=fine.url("/json"), never=("*",)))
    assert found.status is CheckStatus.WARNING
    assert "`never`" in found.todo
