"""A Discord on loopback that speaks the real wire: REST, gateway and CDN on one port.

    async with FakeDiscord() as discord:
        ...                     # point a bot at discord.api_url and discord.gateway_url
        question = await discord.say(ADA, GENERAL, f"<@{BOT}> hello")
        await discord.wait_for(lambda: discord.from_bot(GENERAL))

The map: ``guild`` is the state, ``wire`` renders it, ``actions`` changes it and notifies the ``gateway``;
``people`` has the actions and views of tests, ``cdn`` serves files. ``rest`` receives requests, and performs
them by the routes in ``channels``, ``webhooks`` and ``applications``; ``limits``, ``errors`` and ``spec``
refuse them. It imports nothing of Parley.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.fakes.discord import applications, channels, webhooks
from tests.fakes.discord.actions import Actions, File
from tests.fakes.discord.cdn import Cdn
from tests.fakes.discord.clock import Clock
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.guild import (
    ADA,
    APPLICATION,
    BO,
    BOT,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    Attachment,
    Button,
    Channel,
    ChannelType,
    Interaction,
    Message,
    MessageFlag,
    MessageType,
    Permission,
    World,
)
from tests.fakes.discord.limits import LIMITS, Limit, Limits
from tests.fakes.discord.mentions import Pings
from tests.fakes.discord.people import People
from tests.fakes.discord.rest import PREFIX, Ban, Call, Failure, Rest, glob

__all__ = [
    "ADA",
    "APPLICATION",
    "BO",
    "BOT",
    "CHEN",
    "FORUM",
    "GENERAL",
    "GUILD",
    "LIMITS",
    "OTHER_BOT",
    "RANDOM",
    "Attachment",
    "Button",
    "Call",
    "Channel",
    "ChannelType",
    "Failure",
    "FakeDiscord",
    "File",
    "Interaction",
    "Limit",
    "Message",
    "MessageFlag",
    "MessageType",
    "Permission",
    "Pings",
]

_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060"
    "0000000500017a5eab3f0000000049454e44ae426082"
)


class FakeDiscord(People):
    """One bot's Discord. ``gateway`` holds the chaos, ``limits`` the rate limits, ``clock`` the time."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """All addresses that it listens on, on one port: ``Call.host`` tells callers apart that use one each."""

    def __init__(
        self,
        *,
        bot_token: str = "OTAw.discord.test-token",
        message_content_allowed: bool = True,
        check_spec: bool = True,
        port: int = 0,
    ) -> None:
        world = World(message_content_allowed=message_content_allowed)
        gateway = Gateway(world, bot_token, self.notify)
        actions = Actions(world, gateway)
        super().__init__(world, gateway, actions)
        self.bot_token = bot_token
        self.cdn = Cdn(world)
        self.limits = Limits(world.clock)
        routes = applications.ROUTES + channels.ROUTES + webhooks.ROUTES
        self.rest = Rest(world, actions, self.limits, bot_token, routes, self.notify, check_spec=check_spec)
        self._port = port
        self._runner: web.AppRunner | None = None

    # -- life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/", self.gateway.connect)
        app.router.add_get("/attachments/{channel}/{file}/{name}", self.cdn.serve)
        app.router.add_get("/{kind:avatars|icons|embed}/{tail:.*}", self._serve_picture)
        app.router.add_route("*", PREFIX + "/{tail:.*}", self.rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        for address in self.addresses:
            await web.TCPSite(self._runner, address, self._port).start()
            self._port = self._runner.addresses[0][1]
        self.world.cdn_url, self.world.gateway_url = self.cdn_url, self.gateway_url

    async def stop(self) -> None:
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- addresses ----------------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/"

    @property
    def cdn_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # -- what the bot asked for ---------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def calls(self) -> list[Call]:
        return self.rest.calls

    @property
    def typing(self) -> list[tuple[int, float]]:
        """Channel and ``time.monotonic()`` of every typing signal."""
        return self.rest.typing

    @property
    def spec_problems(self) -> list[str]:
        """Requests that Discord's own specification does not know or allow."""
        return self.rest.spec_problems

    def fail(
        self,
        method: str,
        path: str,
        times: int | None = 1,
        *,
        status: int = 500,
        code: int = 0,
        message: str = "",
        retry_after: float | None = None,
        scope: str = "user",
        drop: str | None = None,
        delay_s: float = 0.0,
        taken: bool = False,
        containing: str = "",
    ) -> Failure:
        """Scripts the next ``times`` matching requests (None: all) to go wrong.

        path: without /api/v10; ``*`` or ``{name}`` is one part, ``**`` any number. retry_after: seconds, makes it
        a 429. drop: "before" cuts the connection before anything happens, "after" once it has taken effect.
        delay_s: answers late; with status 0 it is otherwise served well, and takes effect at once.
        taken: it takes effect first, and is then answered with ``status``. containing: only what has these words.
        """
        if drop not in (None, "before", "after"):
            raise ValueError(f"drop is 'before' or 'after', not {drop!r}")
        failure = Failure(
            method,
            glob(path),
            times,
            status,
            code,
            message,
            retry_after,
            scope,
            drop,
            delay_s,
            taken,
            containing,
        )
        self.rest.failures.append(failure)
        return failure

    # -- chaos --------------------------------------------------------------------------------------------

    def ban(self, seconds: float, *, status: int = 429, as_date: bool = False) -> None:
        """Cloudflare refuses every request of this address from now on, with a page in HTML."""
        self.rest.ban = Ban(time.monotonic() + seconds, status, as_date)

    def abort_gateway(self) -> None:
        """Cuts the sockets; the bot may resume."""
        self.gateway.abort()

    def half_open(self) -> None:
        """Sockets stay open and fall silent."""
        self.gateway.half_open()

    @property
    def refuse_connections(self) -> bool:
        """True if new gateway connections are cut."""
        return self.gateway.refuse_connections

    @refuse_connections.setter
    def refuse_connections(self, refuse: bool) -> None:
        self.gateway.refuse_connections = refuse

    # -- CDN ----------------------------------------------------------------------------------------------

    async def _serve_picture(self, _: web.Request) -> web.Response:
        return web.Response(body=_PIXEL, headers={"Content-Type": "image/png"})

    def _story(self) -> str:
        recent = "; ".join(map(str, self.calls[-8:])) or "no requests"
        return f"{super()._story()}; last: {recent}"
