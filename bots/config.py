"""All settings: read and checked before anything connects, and all that is wrong reported at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp.web import Request, Response
from pydantic import SecretStr

from bots import discord, slack, web
from bots.discord import DiscordSettings
from bots.slack import SlackSettings
from bots.telemetry import TelemetrySettings
from bots.timers import TimerSettings
from bots.web import WebSettings
from core.llm import check_ways
from core.llm.catalog import ModelCatalog, environment_to_catalog, file_to_catalog
from core.llm.catalog_references import addresses
from core.redaction import is_secret
from core.settings.channel import offered_models
from core.settings.environment import CoreSettings, Settings
from core.settings.names import near_misses, unknown_names
from core.settings.parley_toml import ConfigFile, read_config_file
from core.settings.problems import Problems
from core.settings.variables import FROM_FILE, Variables
from core.tools.config import ToolServer, tool_servers
from core.values.places import Person
from core.values.platform import Feature
from storage import DatabaseSettings

SETTINGS: tuple[type[Settings], ...] = (
    CoreSettings,
    SlackSettings,
    DiscordSettings,
    WebSettings,
    TimerSettings,
    DatabaseSettings,
    TelemetrySettings,
)


_ALIASES = {
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_API_URL": "OPENAI_BASE_URL",
    "OPENAI_BASE": "OPENAI_BASE_URL",
    "OPENAI_URL": "OPENAI_BASE_URL",
    "OPENAI_KEY": "OPENAI_API_KEY",
    "OPENAI_TOKEN": "OPENAI_API_KEY",
    "OPENAI_MODEL_NAME": "OPENAI_MODEL",
    "OPENAI_ENDPOINT": "OPENAI_BASE_URL",
    "OPENAI_API_ENDPOINT": "OPENAI_BASE_URL",
    "OPENAI_HOST": "OPENAI_BASE_URL",
    "OPENAI_API_HOST": "OPENAI_BASE_URL",
    "OPENAI_SECRET_KEY": "OPENAI_API_KEY",
    "SLACK_TOKEN": "SLACK_BOT_TOKEN",
    "SLACK_API_TOKEN": "SLACK_BOT_TOKEN",
    "SLACK_OAUTH_TOKEN": "SLACK_BOT_TOKEN",
    "SLACK_SOCKET_TOKEN": "SLACK_APP_TOKEN",
    "SLACK_SECRET": "SLACK_SIGNING_SECRET",
    "SLACK_SIGNING_KEY": "SLACK_SIGNING_SECRET",
    "DISCORD_TOKEN": "DISCORD_BOT_TOKEN",
    "DISCORD_API_TOKEN": "DISCORD_BOT_TOKEN",
    "DISCORD_SECRET": "DISCORD_BOT_TOKEN",
    "DB_URL": "DATABASE_URL",
}
"""Names that other programs have for the same."""


_SWITCHES = {"slack": slack.SWITCHES, "discord": ("DISCORD_BOT_TOKEN",), "web": ("PARLEY_WEB",)}
"""The settings that switch each platform on."""
_NO_SECRET_KEY = (
    "PARLEY_SECRET_KEY: is missing. With SLACK_CLIENT_ID the tokens of workspaces are stored, encrypted with it: "
    "`openssl rand -base64 32` makes one. Keep it with your backups"
)
_NO_PLATFORM = (
    "PARLEY_WEB: is off, and so is every other platform: set PARLEY_WEB=on, DISCORD_BOT_TOKEN, or SLACK_BOT_TOKEN and "
    "SLACK_APP_TOKEN"
)


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, read and checked before anything connects."""

    core: CoreSettings
    database: DatabaseSettings
    slack: SlackSettings
    discord: DiscordSettings
    web: WebSettings
    timers: TimerSettings
    catalog: ModelCatalog
    tool_servers: tuple[ToolServer, ...] = ()
    file: ConfigFile | None = field(default=None, repr=False)
    variables: Variables = field(default_factory=lambda: Variables({}), repr=False)
    warnings: tuple[str, ...] = ()
    """A line for each variable that may be a misspelt setting."""
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings.model_construct)

    @classmethod
    def load(cls, problems: Problems | None = None) -> Config:
        """Raises SettingsError with a line for all that is wrong in the environment, `.env` and `parley.toml`, behind
        the `problems` that were found before."""
        problems = problems or Problems()
        config = cls.read(Variables.of_process(problems), problems)
        problems.check()
        return config

    @classmethod
    def read(cls, variables: Variables, problems: Problems) -> Config:
        """The settings; what is wrong is added to `problems`, and has its default."""
        slack_settings, discord_settings, web_settings = (
            SlackSettings.read(variables, problems),
            DiscordSettings.read(variables, problems),
            WebSettings.read(variables, problems),
        )
        core = CoreSettings.read(variables, problems)
        file = problems.attempt(read_config_file, core, variables)
        catalog = problems.attempt(file_to_catalog, file, core) or environment_to_catalog(core)
        mentioned = file.mentioned if file is not None else set()
        given, known = variables.given, known_names(file)
        problems.lines += unknown_names(given, known | {name.upper() for name in mentioned})
        problems.warnings += near_misses(given, known, _ALIASES)
        config = cls(
            core.model_copy(update={"openai_model": catalog.default.name}),
            DatabaseSettings.read(variables, problems),
            slack_settings,
            discord_settings,
            web_settings,
            TimerSettings.read(variables, problems),
            catalog,
            problems.attempt(tool_servers, file) or (),
            file,
            variables,
            tuple(problems.warnings),
            TelemetrySettings.read(variables, problems),
        )
        problems.attempt(check_ways, _addresses(file, catalog, given, problems), os.environ)
        problems.attempt(core.check_platforms, config.platforms())
        why_off = config.platforms(problems)
        alone = config.slack.slack_bot_token is None and not problems.concern({"SLACK_BOT_TOKEN"})
        problems.attempt(config.timers.check, why_off, {"slack": "SLACK_BOT_TOKEN"} if alone else {})
        if all(why_off.values()):
            problems.lines.append(_NO_PLATFORM)
        if config.slack.slack_client_id and config.database.parley_secret_key is None:
            problems.lines.append(_NO_SECRET_KEY)
        return config

    def platforms(self, problems: Problems | None = None) -> dict[str, str]:
        """Each platform, and why it is off (empty where it is on, or may be but for `problems`)."""
        away = {"slack": slack.why_not(self.slack), "discord": discord.why_not(self.discord)}
        every = away | {"web": web.why_not(self.web, others=not all(away.values()))}
        unsure = {name for name, switches in _SWITCHES.items() if problems and problems.concern(switches)}
        return {name: "" if name in unsure else reason for name, reason in every.items()}

    @property
    def forums(self) -> frozenset[str]:
        """The platforms that have forums."""
        traits = {"slack": slack.TRAITS, "discord": discord.TRAITS, "web": web.TRAITS}
        return frozenset(name for name, one in traits.items() if Feature.FORUMS in one.features)

    def secrets(self) -> list[str]:
        """All secret values, for logs and chats to leave out."""
        every: tuple[Settings, ...] = (
            self.core,
            self.slack,
            self.discord,
            self.web,
            self.timers,
            self.telemetry,
        )
        values = (getattr(settings, name) for settings in every for name in type(settings).model_fields)
        own = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        of_servers = [secret for server in self.tool_servers for secret in server.secrets]
        others = self.database.secrets + self.catalog.secrets + of_servers
        return [value for value in own if is_secret(value)] + others

    @property
    def page_admin(self) -> Person | None:
        """The reader of the chat page, where there is one and its reader is an admin."""
        return None if self.platforms()["web"] else web.admin(self.web, self.core)

    @property
    def offered(self) -> list[str]:
        """The models that people may choose from; none where nothing limits them to any."""
        if self.core.parley_models.strip():
            return list(offered_models(self.core))
        cards = [self.catalog.default.name, *(model_info.name for model_info in self.catalog.cards)]
        return list(dict.fromkeys(cards)) if len(self.catalog.cards) > 1 else []

    def refuse_host(self, request: Request) -> Response | None:
        """The answer to a request for another host than the page's own; None where it may go on."""
        return web.refuse_host(self.web.hosts, request)


def _addresses(
    file: ConfigFile | None, catalog: ModelCatalog, given: Mapping[str, str], problems: Problems
) -> Iterable[str]:
    """The base URLs of all endpoints, also of those of which something is wrong."""
    if file is not None and catalog.source != file.source and (named := addresses(file)):
        return named
    if file is None and problems.concern(("OPENAI_API_KEY", "OPENAI_BASE_URL")):
        return [given.get("OPENAI_BASE_URL", CoreSettings.model_fields["openai_base_url"].default)]
    return [route.account.base_url for route in catalog.routes]


def known_names(file: ConfigFile | None = None) -> set[str]:
    """The names of all settings, the variables that a file names, and those of the files of secrets."""
    named = file.named if file is not None else set()
    secrets = {name for settings in SETTINGS for name in settings.secret_names()} | named
    settings_names = {name for settings in SETTINGS for name in settings.model_fields}
    return {name.upper() for name in settings_names | secrets | {f"{one}{FROM_FILE}" for one in secrets}}


def gateway_shards(problems: Problems) -> int:
    """The number of gateway shards that the settings name, for programs that read no other setting of a platform."""
    return DiscordSettings.read(Variables.of_process(problems), problems).discord_shards or 1
