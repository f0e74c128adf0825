"""Everything that Parley uses of discord.py without a promise of discord.py's: each private name, and each public
one whose value is replaced. No other file names any of them.

Read from discord.py 2.7.1 (`READ_FROM`). Before a newer one is allowed, look at the files of the library that each
function here names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import HTTPClient, Route
from discord.state import ConnectionState

from bots.discord.errors import FOREIGN

READ_FROM = "2.7.1"

State = ConnectionState[Any]
Parser = Callable[[Any], None]


def aim(api_url: str, gateway_url: str) -> None:
    """Point discord.py at these hosts, for the whole process: it has no setting for that (http.py, gateway.py).

    The library sets the gateway's query itself.
    """
    Route.BASE = api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url).with_query(None)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we never speak


def use_http(client: discord.Client, http: HTTPClient) -> None:
    """Have `client` make its REST calls by `http`: it makes a client of its own, and takes none (client.py)."""
    client.http = http
    client._connection.http = http


def state_of(client: discord.Client) -> State:
    """The library's internal state, which parses messages; it has no public way to parse a payload (client.py)."""
    return client._connection


def replace_readers(
    state: State, read: Callable[..., discord.Message], around: Callable[[str, Parser], Parser]
) -> None:
    """Have `state` read every message of a history by `read(channel=, data=)`, and every event by `around` of its
    name and its parser: what a parser raises would end the client (state.py, gateway.py)."""
    state.create_message = read  # type: ignore[method-assign]
    state.parsers = {event: around(event, parse) for event, parse in state.parsers.items()}


def channel_of(state: State, data: Any) -> Any:
    """The channel that a message's payload names, as the library finds it (state.py). Raises what a malformed payload
    raises."""
    channel, _guild = state._get_guild_channel(data)
    return channel


async def beat(client: discord.Client) -> None:
    """Send a heartbeat now, so that Discord has to answer: the library's own interval is Discord's (gateway.py)."""
    line: DiscordWebSocket | None = client.ws
    if line is not None and line._keep_alive is not None:
        with suppress(*FOREIGN):
            await line.send_heartbeat(line._keep_alive.beat())


async def before_close(client: discord.Client) -> None:
    """End what `close` leaves behind: the wait for servers, which then fails on a client without a loop (state.py),
    and the gateways that were left between HELLO and IDENTIFY, of which the library keeps nothing but the thread that
    would go on with the heartbeat (gateway.py)."""
    state = client._connection
    if state._ready_task is not None:
        state._ready_task.cancel()
    for thread in threading.enumerate():
        if not isinstance(thread, KeepAliveHandler) or thread.ws._connection is not state:
            continue
        thread.stop()
        if thread.ws is not client.ws:
            with suppress(*FOREIGN):
                await thread.ws.socket.close()
