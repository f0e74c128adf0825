"""The gateway: sessions that outlive their sockets, and ways to break both.

https://docs.discord.com/developers/events/gateway#connections and
https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.discord import wire
from tests.fakes.discord.guild import APPLICATION, BOT, Json, World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT = 0, 1, 2, 3, 6, 7
REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 8, 9, 10, 11

GUILDS, MEMBERS, PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, REACTIONS, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 10, 1 << 12, 1 << 15

INTENTS = {
    "GUILD_CREATE": GUILDS,
    "CHANNEL_CREATE": GUILDS,
    "CHANNEL_UPDATE": GUILDS,
    "CHANNEL_DELETE": GUILDS,
    "THREAD_CREATE": GUILDS,
    "THREAD_UPDATE": GUILDS,
    "THREAD_DELETE": GUILDS,
    "THREAD_MEMBERS_UPDATE": GUILDS,
    "GUILD_ROLE_CREATE": GUILDS,
    "GUILD_MEMBER_ADD": MEMBERS,
    "GUILD_MEMBER_UPDATE": MEMBERS,
    "MESSAGE_CREATE": GUILD_MESSAGES,
    "MESSAGE_UPDATE": GUILD_MESSAGES,
    "MESSAGE_DELETE": GUILD_MESSAGES,
    "MESSAGE_REACTION_ADD": REACTIONS,
}
"""The intent that each event needs. https://docs.discord.com/developers/events/gateway#list-of-intents"""

Rendered = Json | Callable[[bool], Json]
"""An event, or how to render it for a session that does or does not see message content."""


@dataclass(slots=True)
class Session:
    """The state that survives a cut connection. sent: every numbered event, for replay."""

    id: str
    intents: int
    shard: tuple[int, int] = (0, 1)
    sent: list[str] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None

    def serves(self, guild_id: int) -> bool:
        """True where the events of a guild, or with 0 those of no guild, come to this shard.

        https://docs.discord.com/developers/events/gateway#sharding-sharding-formula
        """
        return (guild_id >> 22) % self.shard[1] == self.shard[0]

    def wants(self, event: str, guild_id: int, *, private: bool) -> bool:
        needed = DIRECT_MESSAGES if private else INTENTS.get(event)
        return self.serves(guild_id) and (needed is None or bool(self.intents & needed))


@dataclass(slots=True)
class _Line:
    """One socket with the transport under it. mute: neither answers nor delivers any more."""

    socket: web.WebSocketResponse
    request: web.Request
    mute: bool = False


class Gateway:
    """All sockets and sessions of one bot.

    heartbeat_interval_ms: sent in HELLO. refuse_connections: new sockets are cut before the upgrade.
    greets: whether HELLO is said at all; ungreeted: how often it was not.
    identifies, resumes: how often each was accepted. allowed_intents: privileged ones that are switched on.
    starts: ``time.monotonic()`` of every IDENTIFY, accepted or not. starts_left: until ``starts_reset_s`` from now; who
    goes on after that loses the token. refuses: the code with which every IDENTIFY is closed. says_ready: whether
    READY is ever sent. recommended_shards, max_concurrency: of `GET /gateway/bot`. identify_every_s: one IDENTIFY for
    each `shard % max_concurrency` in this time, Discord's is 5 s, and one too early gets INVALID_SESSION; 0 for no
    limit. too_early: their number. guilds_max: a shard of more guilds is closed with 4011. redeliver_rate: the share of
    messages that are told twice, as where a shard is connected twice for a while.
    """

    def __init__(self, world: World, token: str, changed: Callable[[], None]) -> None:
        self._world = world
        self._token = token
        self._changed = changed
        self._lines: dict[web.WebSocketResponse, _Line] = {}
        self.sessions: dict[str, Session] = {}
        self.heartbeat_interval_ms = 41_250
        self.refuse_connections = False
        self.greets = True
        self.ungreeted = 0
        self.allowed_intents = MEMBERS | PRESENCES
        self.starts: list[float] = []
        self.starts_left = 1000
        self.starts_reset_s = 14_400.0
        self.refuses = 0
        self.says_ready = True
        self.token_lost = False
        self.recommended_shards = 1
        self.max_concurrency = 1
        self.identify_every_s = 0.0
        self.guilds_max = 2_500
        self.redeliver_rate = 0.0
        self._random = random.Random(1)
        self.too_early = 0
        self._identified_at: dict[int, float] = {}
        self.identifies = 0
        self.resumes = 0
        self.heartbeats = 0

    @property
    def connected(self) -> bool:
        """True if a bot listens: some session has a living socket."""
        return any(session.socket in self._lines for session in self.sessions.values())

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serves one socket until it ends."""
        if self.refuse_connections:
            _cut(request)
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        self._lines[socket] = _Line(socket, request)
        try:
            if self.greets:
                greeting = {"heartbeat_interval": self.heartbeat_interval_ms, "_trace": []}
                await self._send(socket, HELLO, greeting)
            else:
                self.ungreeted += 1
                self._changed()
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self._lines[socket].mute:
                    await self._receive(socket, json.loads(message.data))
        finally:
            self._forget(socket)
        return socket

    async def close(self) -> None:
        for line in list(self._lines.values()):
            if line.mute:
                _cut(line.request)
            await line.socket.close(code=1001)

    # -- what the bot sends -------------------------------------------------------------------------------

    async def _receive(self, socket: web.WebSocketResponse, payload: Json) -> None:
        handlers = {
            HEARTBEAT: self._on_heartbeat,
            IDENTIFY: self._on_identify,
            RESUME: self._on_resume,
            REQUEST_MEMBERS: self._on_request_members,
        }
        handler = handlers.get(payload["op"])
        if handler is not None:
            await handler(socket, payload["d"])
        elif payload["op"] != PRESENCE:
            await socket.close(code=4001, message=b"Unknown opcode.")

    async def _on_heartbeat(self, socket: web.WebSocketResponse, _: Json) -> None:
        self.heartbeats += 1
        await self._send(socket, HEARTBEAT_ACK, None)

    async def _on_identify(self, socket: web.WebSocketResponse, asked: Json) -> None:
        shard, count = asked.get("shard", (0, 1))
        if any(session.socket is socket for session in self.sessions.values()):
            await socket.close(code=4005, message=b"Already authenticated.")
            return
        self.starts.append(time.monotonic())
        self.token_lost |= self.starts_left <= 0
        self.starts_left -= 1
        self._changed()
        intents = asked["intents"]
        allowed = self.allowed_intents | (MESSAGE_CONTENT if self._world.message_content_allowed else 0)
        if self.token_lost or asked["token"].removeprefix("Bot ") != self._token:
            await socket.close(code=4004, message=b"Authentication failed.")
        elif self.refuses:
            await socket.close(code=self.refuses, message=b"Refused.")
        elif not self.says_ready:
            pass
        elif intents & (MEMBERS | PRESENCES | MESSAGE_CONTENT) & ~allowed:
            await socket.close(code=4014, message=b"Disallowed intent(s).")
        elif not 0 <= shard < count:
            await socket.close(code=4010, message=b"Invalid shard.")
        elif self._is_too_early(shard):
            self.too_early += 1
            await self._send(socket, INVALID_SESSION, False)
        else:
            await self._begin(Session(secrets.token_hex(16), intents, (shard, count), socket=socket))

    async def _begin(self, session: Session) -> None:
        guilds = [guild_id for guild_id in self._world.guilds if session.serves(guild_id)]
        if len(guilds) > self.guilds_max and session.socket is not None:
            await session.socket.close(code=4011, message=b"Sharding required.")
            return
        self.sessions[session.id] = session
        self.identifies += 1
        await self._number(session, "READY", self._ready(session, guilds))
        for guild_id in guilds:
            if session.wants("GUILD_CREATE", guild_id, private=False):
                members = bool(session.intents & MEMBERS)
                created = wire.guild_create(self._world, guild_id, all_members=members)
                await self._number(session, "GUILD_CREATE", created)
        self._changed()

    def _is_too_early(self, shard: int) -> bool:
        """True for a second start of a bucket within its time.

        https://docs.discord.com/developers/events/gateway#sharding-max-concurrency
        """
        bucket, now = shard % self.max_concurrency, time.monotonic()
        if now < self._identified_at.get(bucket, -self.identify_every_s) + self.identify_every_s:
            return True
        self._identified_at[bucket] = now
        return False

    async def _on_resume(self, socket: web.WebSocketResponse, asked: Json) -> None:
        session = self.sessions.get(asked["session_id"])
        if session is None or asked["token"].removeprefix("Bot ") != self._token:
            await self._send(socket, INVALID_SESSION, False)
        elif asked["seq"] > len(session.sent):
            await socket.close(code=4007, message=b"Invalid seq.")
        else:
            replayed = asked["seq"]
            while replayed < len(session.sent):  # more may happen meanwhile, and must stay in order
                await self._write(socket, session.sent[replayed])
                replayed += 1
            session.socket = socket
            self.resumes += 1
            await self._number(session, "RESUMED", {"_trace": []})
            self._changed()

    async def _on_request_members(self, socket: web.WebSocketResponse, asked: Json) -> None:
        session = next(s for s in self.sessions.values() if s.socket is socket)
        wanted = set(map(int, asked.get("user_ids") or self._world.members))
        found = [
            wire.member_with_user(self._world, self._world.people[i])
            for i in self._world.members
            if i in wanted
        ]
        chunk: Json = {"guild_id": asked["guild_id"], "members": found, "chunk_index": 0, "chunk_count": 1}
        if "nonce" in asked:
            chunk["nonce"] = asked["nonce"]
        await self._number(session, "GUILD_MEMBERS_CHUNK", chunk)

    # -- events to the bot --------------------------------------------------------------------------------

    async def dispatch(self, event: str, rendered: Rendered, *, private: bool = False) -> None:
        """Numbers an event for every session that wants it; those without a socket get it on resume.

        Events of a guild go to its shard, all others to shard 0.
        """
        for session in list(self.sessions.values()):
            sees_content = bool(session.intents & MESSAGE_CONTENT)
            body = rendered(sees_content) if callable(rendered) else rendered
            if session.wants(event, _guild_of(event, body), private=private):
                await self._number(session, event, body)
                if event == "MESSAGE_CREATE" and self._random.random() < self.redeliver_rate:
                    await self._number(session, event, body)

    async def _number(self, session: Session, event: str, body: Json) -> None:
        text = json.dumps({"op": DISPATCH, "t": event, "s": len(session.sent) + 1, "d": body})
        session.sent.append(text)
        if session.socket is not None:
            await self._write(session.socket, text)

    async def _send(self, socket: web.WebSocketResponse, op: int, body: Any) -> None:
        await self._write(socket, json.dumps({"op": op, "t": None, "s": None, "d": body}))

    async def _write(self, socket: web.WebSocketResponse, text: str) -> None:
        line = self._lines.get(socket)
        if line is None or line.mute or socket.closed:
            return
        try:
            await socket.send_str(text)
        except ConnectionError:
            self._forget(socket)

    def _ready(self, session: Session, guilds: list[int]) -> Json:
        return {
            "v": 10,
            "user": wire.user(self._world.people[BOT])
            | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._world.gateway_url,
            "shard": list(session.shard),
            "application": {"id": str(APPLICATION), "flags": wire.application_flags(self._world)},
        }

    def _forget(self, socket: web.WebSocketResponse) -> None:
        self._lines.pop(socket, None)
        for session in self.sessions.values():
            if session.socket is socket:
                session.socket = None
        self._changed()

    # -- chaos --------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Cuts every socket without a closing frame. Sessions live: the bot may resume."""
        for line in list(self._lines.values()):
            _cut(line.request)
            self._forget(line.socket)

    def half_open(self) -> None:
        """The sockets of now stay open and fall silent: nothing is read, sent or answered, not even a good-bye."""
        for line in self._lines.values():
            line.mute = True
            if line.request.transport is not None:
                line.request.transport.pause_reading()

    def lose_sessions(self) -> None:
        """Forgets all sessions, so that the next RESUME gets INVALID_SESSION and missed events are lost."""
        self.sessions.clear()

    async def reconnect(self) -> None:
        """Opcode 7: please reconnect and resume."""
        for socket in list(self._lines):
            await self._send(socket, RECONNECT, None)

    async def invalidate(self) -> None:
        """Opcode 9 with ``d`` false: the session is gone, and with it all events until the next IDENTIFY."""
        self.lose_sessions()
        for socket in list(self._lines):
            await self._send(socket, INVALID_SESSION, False)

    async def hang_up(self, code: int) -> None:
        """Closes every socket with a code, such as 4009 (session timed out) or 4004 (bad token)."""
        for socket in list(self._lines):
            await socket.close(code=code)


def _guild_of(event: str, body: Json) -> int:
    """The guild that an event is of; 0 for none."""
    return int(body.get("guild_id") or (body["id"] if event in ("GUILD_CREATE", "GUILD_DELETE") else 0))


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
