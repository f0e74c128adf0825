"""The teams of a siege: workspaces that have installed one Slack app, and servers of one Discord bot, each as busy as
its platform's limits let it be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import aiohttp

from tests.chaos.conversations import Thread, discord_thread, slack_thread
from tests.e2e.conftest import discord_settings
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import DOCUMENTED
from tests.fakes.slack.teams import FakeSlackApp

PUBLIC_URL = "http://localhost:9"
"""The address that stands for all replicas. A browser of ours goes to one of them instead."""
CHANNELS = ("C1", "C2", "C3")
SHARDS = 16


@dataclass(frozen=True, slots=True)
class Teams:
    """Both platforms, and the `servers` on Discord."""

    slack: FakeSlackApp
    discord: FakeDiscord
    servers: tuple[int, ...]

    @property
    def settings(self) -> dict[str, str]:
        """Those of a program that serves them."""
        return discord_settings(self.discord) | {
            "SLACK_API_URL": self.slack.api_url,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_CLIENT_ID": self.slack.client_id,
            "SLACK_CLIENT_SECRET": self.slack.client_secret,
            "PARLEY_PUBLIC_URL": PUBLIC_URL,
            "PARLEY_SECRET_KEY": "ab" * 32,
            "DISCORD_SHARDS": str(min(SHARDS, len(self.servers))),
        }

    def threads(self, each: int) -> list[Thread]:
        """So many threads of each team."""
        numbers = count()
        made = [
            slack_thread(slack, next(numbers), channel, team=team)
            for team, slack in self.slack.teams.items()
            for channel in (CHANNELS * each)[:each]
        ]
        return made + [
            discord_thread(self.discord, next(numbers), server, team=str(server))
            for server in self.servers
            for _ in range(each)
        ]

    async def install(self, url: str) -> None:
        """An admin of each workspace installs the app at the program at `url`."""
        for team in self.slack.teams:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
                async with browser.get(f"{url}/slack/install", allow_redirects=False) as begun:
                    location = self.slack.approve(begun.headers["Location"], team)
                async with browser.get(location.replace(PUBLIC_URL, url)) as ended:
                    assert ended.status == 200, await ended.text()


@asynccontextmanager
async def busy_teams(
    number: int, addresses: Sequence[str], seed: int, redelivered: float
) -> AsyncIterator[Teams]:
    """Half of them on Slack, the others on Discord. `redelivered`: the part of all events that come twice."""
    slack, discord = FakeSlackApp(seed=seed), FakeDiscord(check_spec=False)
    slack.addresses = discord.addresses = tuple(addresses)
    slack.sockets.redeliver_rate = discord.gateway.redeliver_rate = redelivered
    discord.gateway.max_concurrency = SHARDS
    discord.limits.enabled = True
    async with slack, discord:
        for team in range(number // 2):
            slack.add_team(f"T{team}", f"Workspace {team}").limits = DOCUMENTED
        servers = [await discord.add_guild(f"Society {team}") for team in range(number - number // 2)]
        yield Teams(slack, discord, tuple(servers))
