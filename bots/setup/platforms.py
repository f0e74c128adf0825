"""Each platform's part of setting up: checks, hosts, guides and kinds of tokens. Beside `bots.app` and `bots.config`
this module names the platforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bots.discord import guide as discord_guide
from bots.discord.checks import discord_checks, discord_hosts
from bots.slack import guide as slack_guide
from bots.slack.checks import slack_checks, slack_hosts
from bots.slack.manifest import AppNames, manifest, manifest_to_text
from core.clock import Clock
from core.errors import SettingsError
from core.settings.channel import own
from core.values.checks import Check, Host

if TYPE_CHECKING:
    from bots.config import Config


__all__ = [
    "PLATFORMS",
    "TOKEN_PROBLEMS",
    "AppNames",
    "discord_guide",
    "manifest_text",
    "platform_checks",
    "platform_hosts",
    "public_url_problem",
    "slack_guide",
]

PLATFORMS = ("slack", "discord", "web")

TOKEN_PROBLEMS: Mapping[str, Callable[[str], str]] = {
    "SLACK_BOT_TOKEN": slack_guide.bot_token_problem,
    "SLACK_APP_TOKEN": slack_guide.app_token_problem,
    "SLACK_SIGNING_SECRET": slack_guide.signing_secret_problem,
    "DISCORD_BOT_TOKEN": discord_guide.bot_token_problem,
}
"""For each secret of a platform the reason why a value is none, in words; empty where it may be one."""


def platform_checks(config: Config, clock: Clock) -> list[Check]:
    """The checks of the platforms that are on."""
    return [
        *slack_checks(config.slack, _channels(config, "slack"), _admins(config, "slack")),
        *discord_checks(config.discord, clock, _channels(config, "discord"), _admins(config, "discord")),
    ]


def platform_hosts(config: Config) -> list[Host]:
    """The hosts of the platforms that are on."""
    return [*slack_hosts(config.slack), *discord_hosts(config.discord)]


def _channels(config: Config, platform: str) -> dict[str, str]:
    """The setting that names each channel of `platform`, by the channel's id."""
    timers = config.timers
    by_setting = (("PARLEY_SUMMARY_CHANNELS", timers.places), ("PARLEY_ALERT_CHANNEL", timers.alert_places))
    return {
        place.channel: setting
        for setting, places in by_setting
        for place in places
        if place.platform == platform
    }


def _admins(config: Config, platform: str) -> list[str]:
    """The people of PARLEY_ADMINS on `platform`."""
    return sorted(own(config.core.parley_admins, platform))


def manifest_text(names: AppNames, public_url: str) -> str:
    """The manifest of the Slack app. Raises SettingsError for a name or URL that Slack does not take."""
    return manifest_to_text(manifest(names, public_url))


def public_url_problem(url: str) -> str:
    """The reason why Slack can't send events to `url`, in words; empty where it can, or where there is none."""
    try:
        manifest(AppNames(), url)
    except SettingsError as error:
        return f"is {error.detail.partition(' is ')[2]}"
    return ""
