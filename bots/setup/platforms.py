"""The checks and hosts of each platform. Beside `bots.app` and `bots.config` this module names the platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bots.discord.checks import discord_checks, discord_hosts
from bots.slack.checks import slack_checks, slack_hosts
from core.clock import Clock
from core.values.checks import Check, Host

if TYPE_CHECKING:
    from bots.config import Config


def platform_checks(config: Config, clock: Clock) -> list[Check]:
    """The checks of the platforms that are on."""
    return [*slack_checks(config.slack), *discord_checks(config.discord, clock)]


def platform_hosts(config: Config) -> list[Host]:
    """The hosts of the platforms that are on."""
    return [*slack_hosts(config.slack), *discord_hosts(config.discord)]
