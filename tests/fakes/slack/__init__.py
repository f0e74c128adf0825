"""A Slack workspace on loopback, true to the wire: Web API, Socket Mode, HTTP, response URLs, uploads.

Real clients connect to it:

    async with FakeSlack() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        ts = await slack.say("U1", "C1", "<@U_BOT> good morning")
        await slack.wait_for(lambda: slack.thread("C1", ts)[1:])

The modules: `limits` (budgets as data), `blocks` (Block Kit), `payloads` (the JSON Slack sends), `socket`
(Socket Mode), `requests` (signed HTTP requests, after `send_to`), `workspace` (state and changes), `methods` (the
Web API), `web` (HTTP), `people` (what people do), `teams` (one app that many workspaces install).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Self, TypeVar

from aiohttp import web as http

from tests.waiting import HANG_S

from .limits import DOCUMENTED, RESTRICTED, Limiter, Limits, Rule, scaled
from .payloads import APP, BOT, BOT_USER, TEAM
from .people import People
from .requests import Requests
from .socket import Attempt, Envelope, Sockets
from .web import Call, Failure, Web
from .workspace import Channel, Clock, File, Message, Person, Pulse, Stream, Workspace

__all__ = [
    "APP",
    "BOT",
    "BOT_USER",
    "DOCUMENTED",
    "RESTRICTED",
    "TEAM",
    "Attempt",
    "Call",
    "Channel",
    "Envelope",
    "FakeSlack",
    "File",
    "Limits",
    "Message",
    "Person",
    "Rule",
    "Stream",
    "scaled",
]

T = TypeVar("T")


class FakeSlack(People):
    """Workspace T1: people U1 Ada, U2 Bo (zh-CN) and U3 Cleo (a guest), the bots U_BOT and U_OTHER, the public
    channels C1, C2, C3 and C9 (without the bot), the private G1; D1 is Ada's direct channel, and so on.

    `stop` and `start` again keep the port and the state, and forget undelivered envelopes. To break things, set
    attributes of `sockets` (delivery), `web` (latency, tokens) and `space` (streams, echo, lost events).
    """

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """All addresses that it listens on, on one port: `Call.host` tells callers apart that use one each."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        bot_token: str = "xoxb-test",
        app_token: str = "xapp-test",
        signing_secret: str = "8f742231b10e8888abcd99edcba85a54",
        port: int = 0,
        seed: int = 1,
        team: str = TEAM,
        sockets: Sockets | None = None,
    ) -> None:
        self.clock = Clock()
        self.pulse = Pulse()
        self.limiter = Limiter(limits, self.clock.now)
        self.sockets = sockets or Sockets(self.pulse.beat, APP, seed)
        space = Workspace(self.sockets, self.pulse, self.clock, self.limiter, team)
        super().__init__(space, Web(space, bot_token, app_token))
        self.bot_token, self.app_token, self.port = bot_token, app_token, port
        self.signing_secret = signing_secret
        self._runner: http.AppRunner | None = None
        self._furnish()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens on `addresses`, on a free port the first time."""
        runner = http.AppRunner(self.web.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        for address in self.addresses:
            await http.TCPSite(runner, address, self.port).start()
            self.port = runner.addresses[0][1]
        self._runner = runner
        self.space.base_url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Resets every socket and stops listening."""
        await self.sockets.stop()
        if self.sockets.requests is not None:
            await self.sockets.requests.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def send_to(self, url: str) -> Requests:
        """Deliver everything over HTTP from now on, to the app at this URL."""
        self.sockets.requests = Requests(url, self.signing_secret)
        return self.sockets.requests

    @property
    def api_url(self) -> str:
        return f"{self.space.base_url}/api/"

    # -- what is there to see

    @property
    def calls(self) -> list[Call]:
        """Every call of the Web API, refused ones too, in the order of arrival."""
        return self.web.calls

    @property
    def envelopes(self) -> list[Envelope]:
        """Everything that happened, and how it was delivered."""
        return self.sockets.envelopes

    @property
    def client_errors(self) -> list[str]:
        """Requests that no well-written client makes."""
        return self.web.client_errors

    @property
    def responses(self) -> list[dict[str, Any]]:
        """Bodies posted to response URLs."""
        return self.web.responses

    @property
    def refused(self) -> Counter[str]:
        """The number of calls of each method that met a limit."""
        return self.limiter.refused

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def message(self, channel: str, ts: str) -> Message:
        """A message, also when it is deleted."""
        return self.space.channels[channel].messages[ts]

    def messages(self, channel: str) -> list[Message]:
        """All messages of a channel, oldest first."""
        return sorted(self.space.channels[channel].messages.values(), key=lambda m: m.ts)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The root and its replies, oldest first; deleted and ephemeral ones too."""
        return self.space.channels[channel].thread(ts)

    async def wait_for(self, predicate: Callable[[], T], timeout_s: float = HANG_S) -> T:
        """The result of `predicate` once it is true; it is called again after every change.

        Raises:
            TimeoutError: it never was; says which calls came last.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := predicate()):
                    await self.pulse.next()
                return found
        except TimeoutError:
            last = [f"{call.method} {call.outcome}" for call in self.calls[-8:]]
            raise TimeoutError(
                f"not true within {timeout_s} s; {len(self.calls)} calls, the last: {last}"
            ) from None

    # -- ways to break it

    def fail(
        self,
        method: str,
        times: int | None = 1,
        *,
        skip: int = 0,
        error: str | None = None,
        status: int = 200,
        retry_after: int | None = None,
        drop: str | None = None,
        delay_s: float = 0.0,
        containing: str = "",
        **detail: Any,
    ) -> None:
        """Scripts the next `times` calls of a method (None: until `mend`), after `skip` that go well.

        error, status, retry_after: refused without effect; with retry_after alone, as a rate limit.
        drop: the connection closes without an answer, "before" or "after" the call took effect.
        delay_s: the answer comes late; the effect does not.
        containing: only calls that say so, as with words that are blocked.
        """
        if retry_after is not None and error is None:
            error, status = "ratelimited", 429
        self.web.fail(
            Failure(method, times, skip, error, status, retry_after, drop, delay_s, detail, containing)
        )

    def mend(self, method: str) -> None:
        """Forgets the failures that `fail` scripted for a method."""
        self.web.mend(method)

    def abort_sockets(self) -> None:
        self.sockets.abort()

    def revoke(self, reason: str = "token_revoked") -> None:
        """Every call is refused from now on and the sockets close; with an empty `reason` all is well again."""
        self.web.revoked = reason
        if reason:
            self.sockets.abort()

    def half_open(self) -> None:
        self.sockets.half_open()

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        await self.sockets.disconnect(reason)

    @property
    def limits(self) -> Limits | None:
        return self.limiter.limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        self.limiter.limits = limits

    @property
    def refuse_connections(self) -> bool:
        return self.sockets.refuse_connections

    @refuse_connections.setter
    def refuse_connections(self, refuse: bool) -> None:
        self.sockets.refuse_connections = refuse

    @property
    def bad_app_token(self) -> bool:
        return self.web.bad_app_token

    @bad_app_token.setter
    def bad_app_token(self, bad: bool) -> None:
        self.web.bad_app_token = bad

    def _furnish(self) -> None:
        add = self.space.add_person
        add("U1", "ada", "Ada Lovelace")
        add("U2", "bo", "Bo Lin", locale="zh-CN", tz="Asia/Shanghai")
        add("U3", "cleo", "Cleo Guest", is_restricted=True)
        add(BOT_USER, self.space.bot_name, "Parley", is_bot=True, bot_id=BOT)
        add("U_OTHER", "otherbot", "Other Bot", is_bot=True, bot_id="B_OTHER")
        for number, name in enumerate(("general", "random", "team"), start=1):
            self.space.add_channel(f"C{number}", name)
        self.space.add_channel("G1", "secret", "group")
        self.space.add_channel("C9", "elsewhere", bot_in=False)
        for user in ("U1", "U2", "U3"):
            self.space.direct_channel(user)
