"""Several `parley run` on one database, and what tells one from the other: each knows the platforms by an address of
its own, which they record of every call."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.e2e.program import Program
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

SHOWING = ("chat.postMessage", "chat.update", "chat.startStream", "chat.appendStream", "chat.stopStream")
GROWING = ("chat.update", "chat.appendStream")
"""Slack's methods that show answers, and those that let them grow."""
_MESSAGES = re.compile(r"/channels/(\d+)/(?:messages|threads)")
_BUSY_S = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A call that showed something of an answer: when it came, from the replica of which address, and to which team."""

    at: float
    replica: str
    team: str


def addresses(replicas: int) -> tuple[str, ...]:
    """The loopback addresses of so many replicas. The first is that of everybody else too."""
    return tuple(f"127.0.0.{number}" for number in range(1, replicas + 1))


class Fleet:
    """The replicas, by their addresses. `workspaces`: those of Slack, by their ids. `settings` are what the replicas
    have in common. A replica that starts is not among the `running` until it is ready."""

    def __init__(
        self,
        folder: Path,
        replicas: int,
        workspaces: Mapping[str, FakeSlack],
        discord: FakeDiscord,
        settings: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._workspaces, self._discord = workspaces, discord
        self._settings = settings
        self.names = addresses(replicas)
        self.running: dict[str, Program] = {}
        self._starting: dict[str, Program] = {}
        self.output: dict[str, str] = {}
        self.statuses: list[int] = []

    async def start(self, name: str) -> None:
        """Start a replica, and wait until it is ready."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        own = {
            key: value.replace("127.0.0.1", name)
            for key, value in self._settings.items()
            if key.startswith(("SLACK_", "DISCORD_"))
        }
        program = self._starting[name] = Program(folder, **{**self._settings, **own})
        await program.start()
        await program.ready()
        self.running[name] = self._starting.pop(name)

    async def start_all(self) -> None:
        for name in self.names:
            await self.start(name)

    async def kill(self, name: str) -> None:
        program = self.running.pop(name)
        await program.kill()
        self._keep(name, program)

    async def stop(self, name: str) -> None:
        """SIGTERM, and wait for the end."""
        program = self.running.pop(name)
        self.statuses.append(await program.stop())
        self._keep(name, program)

    async def stop_all(self) -> None:
        """End all, also those that were frozen, or had not become ready."""
        for name, program in self._starting.items():
            await program.kill()
            self._keep(name, program)
        self._starting.clear()
        for program in self.running.values():
            with suppress(ProcessLookupError):
                program.send(signal.SIGCONT)
        await asyncio.gather(*(self.stop(name) for name in list(self.running)))

    def _keep(self, name: str, program: Program) -> None:
        self.output[name] = self.output.get(name, "") + program.output

    def busiest(self) -> str:
        """The replica that has shown most of late."""
        since = monotonic() - _BUSY_S
        counts = Counter(call.replica for call in self.shown() if call.at >= since)
        return max(self.running, key=lambda name: counts[name])

    # What the platforms saw.

    def shown(self) -> list[Shown]:
        """The calls that showed answers, in the order in which they came."""
        calls = [
            Shown(call.at, _address(call.host), team)
            for team, slack in self._workspaces.items()
            for call in slack.calls
            if call.method in SHOWING
        ]
        for request in self._discord.calls:
            found = _MESSAGES.match(request.path)
            if found and request.method != "GET" and (channel := self._channel(found[1])):
                calls.append(Shown(request.at, _address(request.host), str(channel)))
        return sorted(calls, key=lambda call: call.at)

    def _channel(self, channel_id: str) -> int:
        """The server of a channel; 0 where it is gone."""
        channel = self._discord.world.channels.get(int(channel_id))
        return channel.guild_id if channel is not None else 0

    def refused_part(self) -> float:
        """The part of Slack's edits that met a limit."""
        edits = [call for slack in self._workspaces.values() for call in slack.calls if call.method in GROWING]
        return sum(call.outcome == "ratelimited" for call in edits) / max(1, len(edits))


def too_close(calls: Sequence[Shown], apart_s: float) -> list[str]:
    """Calls of two replicas for one team that are less than `apart_s` apart."""
    last: dict[str, Shown] = {}
    found = []
    for call in calls:
        before = last.get(call.team)
        if before is not None and before.replica != call.replica and call.at - before.at < apart_s:
            found.append(f"{call.team}: {before.replica} and {call.replica} within {call.at - before.at:.3f} s")
        last[call.team] = call
    return found


def _address(host: str) -> str:
    return host.partition(":")[0]
