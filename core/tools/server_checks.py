"""The checks of `parley doctor` of MCP servers: each is connected to, or started, and lists its tools."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from core.llm.network import proxy_for
from core.redaction import Secrets
from core.tools.config import ToolServer
from core.tools.mcp.errors import ServerCallError
from core.tools.mcp.server import CONNECT_S
from core.values.checks import Check, Finding, Host, failed, host_of, ok, warning
from core.values.tools import Tool, ToolRule

if TYPE_CHECKING:
    from core.tools.mcp.connection import McpConnection

START_S = 30.0
"""Seconds that a program may take to start."""
_MARGIN_S = 5.0


def server_checks(servers: Sequence[ToolServer]) -> list[Check]:
    """One check for each server, in their order."""
    return [
        Check(f"tool server {one.name}", partial(_check, one), 2 * _limit_s(one) + _MARGIN_S) for one in servers
    ]


def server_hosts(servers: Sequence[ToolServer]) -> list[Host]:
    """The hosts of the servers that are reached over HTTP, with the proxies that the environment names for them."""
    return [
        Host(one.url, f"tool server {one.name}", proxy_for(one.url, os.environ) or "")
        for one in servers
        if one.url
    ]


async def _check(server: ToolServer) -> list[Finding]:
    name = f"tool server {server.name}"
    try:
        tools = await _tools(server)
    except ServerCallError as error:
        unreached = error.lost and not error.begun
        reason = "can't be reached" if unreached else Secrets(server.secrets).cut_from(error.reason)
        at = "url" if server.url else "command"
        todo = f"check {at} and the credentials of [[tools]] {server.name}"
        hosts = (host_of(server.url),) if server.url and unreached else ()
        return [failed(name, f"{server.where}: {reason}", todo, *hosts)]
    if not tools:
        return [warning(name, f"{server.where} has no tool that is offered", "look at `never` of this server")]
    asks = sum(tool.rule is ToolRule.ASK for tool in tools)
    return [ok(name, f"{server.where} lists {len(tools)} tools; {asks} of them wait for approval")]


async def _tools(server: ToolServer) -> tuple[Tool, ...]:
    """The tools that the server lists. Raises ServerCallError. A server of the older protocol may be silent at the
    first request of the newer one."""
    try:
        return await _open(server, legacy=False)
    except ServerCallError as error:
        if not error.timed_out:
            raise
    return await _open(server, legacy=True)


async def _open(server: ToolServer, *, legacy: bool) -> tuple[Tool, ...]:
    # The import takes a second: other checks go on meanwhile.
    module = await asyncio.to_thread(import_module, "core.tools.mcp.connection")
    connection: McpConnection = module.McpConnection(server, lambda: None, legacy=legacy)
    try:
        return await connection.open(_limit_s(server))
    finally:
        await connection.close()


def _limit_s(server: ToolServer) -> float:
    return CONNECT_S if server.url else START_S
