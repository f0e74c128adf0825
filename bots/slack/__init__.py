"""Slack, over Socket Mode or signed HTTP requests.

    socket         one connection of Socket Mode that is kept alive
    http           the routes for signed requests
    signed_requests   the signature and the payload of a request       pure
    receiver       one way in for the payloads of both
    event_order    one event of a channel at a time, the earliest first
    connector      `Connector`: the app's connections, and the installation of each event
    installations  the installations by their workspaces; addressee: the workspace of a payload (pure)
    install_checks the check of `parley doctor` of an app that teams install
    oauth          installations by OAuth; oauth_routes, oauth_pages, oauth_state: the way to one
    tokens         the tokens of stored installations, exchanged before they expire
    team_access    the workspaces that an organisation's installation gains or loses   pure
    doubted_tokens checks tokens that Slack may refuse
    installation   `Installation`: one workspace, its calls and reads
    late_edits     edits of messages that another process has not stored yet
    intake         passes the events of a workspace to the inbox
    incoming       events -> Ask, Edited, Deleted, ButtonPress                 pure
    message_text   the text that an author typed, and the other parts          pure
    blocks         the text of blocks                                          pure
    attached_files the files of a message                                      pure
    mrkdwn         Slack's notation, read and written, with every mention disarmed   pure
    users          people by their ids, cached for an hour
    authors        the author of an event, by the payload and by `users`       pure
    interactions   commands, shortcuts, modals, the Home tab
    author_lookup  the author of an interaction, with their rights in the channel
    immediate_replies   replies to one person, or to all, in the place of what they did
    background     work that goes on after the acknowledgement
    commands       slash commands, shortcuts, buttons -> Command, ButtonPress  pure
    forms, home    modals and the Home tab                                     pure
    outgoing       a page or an immediate reply as blocks and text             pure
    calls          an outgoing call as a call of the Web API, and its rate limits   pure
    web            calls of the Web API, each made once
    read_limits    the rate at which messages may be read, learnt from refusals
    files          the content of people's files
    uploads        files and pictures of the bot
    history        the messages of a place, in a few bounded pages
    sources        which channels may be sources of an answer
    search         Slack's own search, in place of a memory
    manifest       the manifest of the app: its scopes and events, with reasons   pure
    checks         the checks of `parley doctor`: tokens, scopes, how events come
    guide          the steps of `parley init` in Slack's pages; kinds of tokens   pure
    errors         exceptions of slack_sdk and aiohttp -> PlatformError
    private        names of the SDKs that are not part of their public interface

In a channel where it may not answer, the bot stays silent, and gives each person who addresses it the reason,
once. It does not leave: that takes the scope channels:manage.
https://docs.slack.dev/reference/methods/conversations.leave
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, field_validator

from bots.slack.manifest import OWN_NAMES, AppNames, bot_name, command_name
from core.clock import Clock
from core.settings.environment import Settings
from core.settings.urls import http_url, public_url
from core.values.outgoing import Growth, Limits
from core.values.platform import Feature, PlatformTraits

if TYPE_CHECKING:
    from bots.slack.connector import SlackConnector
    from bots.slack.oauth import OAuthStore

# chat.update takes 4,000 UTF-8 bytes of text: documented as characters, enforced as bytes. The rest is reserve.
# https://docs.slack.dev/reference/methods/chat.update
#
# A message that grows is refused beyond about 10,600 bytes, and closed by Slack after 5 minutes; neither is
# documented. https://github.com/CopilotKit/CopilotKit/issues/6063, slackapi/python-slack-sdk#1859
#
# Slack clears a status after two minutes. https://docs.slack.dev/reference/methods/assistant.threads.setStatus
LIMITS = Limits(
    page_size=3_900,
    page_unit="utf8",
    growth=Growth(size=9_000, life_s=255.0),
    typing_s=100.0,
    typeset=True,
    tables=True,
    files=True,
    quotes=True,
    reposts=True,
)

TRAITS = PlatformTraits(
    frozenset({Feature.CHANNELS, Feature.GUESTS, Feature.SHARED_CHANNELS, Feature.SEARCH}),
    typed_prefix=OWN_NAMES.typed_prefix,
    label="Slack",
)
"""Slack takes no slash commands in threads; a message that mentions the bot works everywhere.
https://docs.slack.dev/interactivity/implementing-slash-commands/"""


SWITCHES = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID")
"""The settings that switch Slack on."""

_TEAM = re.compile(r"[TE][A-Z0-9]{1,20}")


class SlackSettings(Settings):
    """Slack is on with a bot's token, or a client ID by which teams install the app themselves, and an app-level token
    (Socket Mode) or a signing secret (HTTP); off without."""

    slack_bot_token: SecretStr | None = Field(
        None,
        description="The bot's token, xoxb-..., from OAuth & Permissions. Needs SLACK_APP_TOKEN or "
        "SLACK_SIGNING_SECRET too.",
    )
    slack_app_token: SecretStr | None = Field(
        None,
        description="The app-level token, xapp-..., with the scope connections:write: events then come over Socket "
        "Mode, which needs no public address.",
    )
    slack_signing_secret: SecretStr | None = Field(
        None,
        description="The app's signing secret, from Basic Information: events then come over HTTP, to /slack/events, "
        "/slack/interactions and /slack/commands. With SLACK_APP_TOKEN too they are taken over both.",
    )
    slack_distributed: bool = Field(
        False,
        description="The app is installed beyond the organisation that runs it. Slack's terms then allow no index of "
        "messages: Slack's own search takes its place, where the scope search:read.public is granted.",
    )
    slack_bot_name: str = Field(
        "Parley",
        description="The bot's name in Slack, where Parley says how to mention it: that of the manifest.",
    )
    slack_ask_command: str = Field(
        "/ask", description="The name of the slash command that asks, where the manifest has another one."
    )
    slack_command: str = Field(
        "/parley",
        description="The name of the slash command of all others, where the manifest has another one.",
    )
    slack_client_id: str = Field(
        "",
        description="The app's client ID, from Basic Information: teams then install the app themselves, at "
        "/slack/install. Needs SLACK_CLIENT_SECRET, PARLEY_PUBLIC_URL and PARLEY_SECRET_KEY too, and "
        "SLACK_SIGNING_SECRET or SLACK_APP_TOKEN; SLACK_BOT_TOKEN is not needed then.",
    )
    slack_client_secret: SecretStr | None = Field(
        None, description="The app's client secret, from Basic Information, beside SLACK_CLIENT_ID."
    )
    slack_own_teams: str = Field(
        "",
        examples=["T0123,E0456"],
        description="The ids of your own workspaces and organisations among those that install the app. Elsewhere "
        "there is no memory: Slack's terms allow no index of messages.",
    )
    parley_public_url: str = Field(
        "",
        examples=["https://parley.example.com"],
        description="The https address at which browsers reach Parley, for /slack/install.",
    )
    slack_api_url: str = Field("https://slack.com/api/", description="The URL of Slack's Web API.")

    @field_validator("slack_bot_token")
    @classmethod
    def _bot(cls, value: SecretStr | None) -> SecretStr | None:
        return _prefixed(value, "xoxb-")

    @field_validator("slack_app_token")
    @classmethod
    def _app(cls, value: SecretStr | None) -> SecretStr | None:
        return _prefixed(value, "xapp-")

    @field_validator("slack_bot_name")
    @classmethod
    def _bot_name(cls, value: str) -> str:
        return bot_name(value)

    @field_validator("slack_ask_command", "slack_command")
    @classmethod
    def _command(cls, value: str) -> str:
        return command_name(value)

    @field_validator("slack_api_url")
    @classmethod
    def _url(cls, value: str) -> str:
        return http_url(value) + "/"

    @field_validator("parley_public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        return public_url(value) if value else ""

    @field_validator("slack_own_teams")
    @classmethod
    def _own_teams(cls, value: str) -> str:
        for one in _listed(value):
            if not _TEAM.fullmatch(one):
                raise ValueError(f"has {one!r}, which is no id of a workspace (T...) or an organisation (E...)")
        return value

    @field_validator("slack_signing_secret")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(letter.isspace() for letter in value.get_secret_value()):
            raise ValueError("must not contain spaces")
        return value

    def conflicts(self) -> Iterator[tuple[set[str], str]]:
        """A token without its other half, and commands of one name."""
        way = "SLACK_APP_TOKEN" if self.slack_app_token else "SLACK_SIGNING_SECRET"
        ways = self.slack_app_token or self.slack_signing_secret
        if self.slack_bot_token and not ways:
            yield (
                set(SWITCHES),
                "SLACK_APP_TOKEN is missing: beside SLACK_BOT_TOKEN Slack needs it (Socket Mode) or "
                "SLACK_SIGNING_SECRET (HTTP)",
            )
        oauth = bool(self.slack_client_id or self.slack_client_secret)
        if oauth:
            yield from self._missing_for_oauth(ways=bool(ways))
        if ways and not self.slack_bot_token and not oauth:
            yield set(SWITCHES), f"SLACK_BOT_TOKEN is missing: Slack needs it beside {way}"
        if self.slack_ask_command == self.slack_command:
            yield (
                {"SLACK_ASK_COMMAND", "SLACK_COMMAND"},
                f"SLACK_COMMAND: must be another command than SLACK_ASK_COMMAND, {self.slack_command}",
            )

    def _missing_for_oauth(self, *, ways: bool) -> Iterator[tuple[set[str], str]]:
        needed = {
            "SLACK_CLIENT_ID": bool(self.slack_client_id),
            "SLACK_CLIENT_SECRET": self.slack_client_secret is not None,
            "PARLEY_PUBLIC_URL": bool(self.parley_public_url),
            "SLACK_SIGNING_SECRET": ways,
        }
        given_name = "SLACK_CLIENT_ID" if self.slack_client_id else "SLACK_CLIENT_SECRET"
        for name, given in needed.items():
            if not given:
                yield {name}, f"{name} is missing: no team can install the app without it beside {given_name}"

    @property
    def own_teams(self) -> frozenset[str]:
        """The ids in SLACK_OWN_TEAMS."""
        return frozenset(_listed(self.slack_own_teams))

    @property
    def names(self) -> AppNames:
        return AppNames(self.slack_bot_name, self.slack_ask_command, self.slack_command)


def create(
    settings: SlackSettings, clock: Clock, store: OAuthStore | None = None, language: str = "en"
) -> SlackConnector | None:
    """The platform, or None where Slack is not configured. Connects nothing yet. `language`: of people who prefer
    none. `store`: needed where teams install the app themselves."""
    if why_not(settings):
        return None
    from bots.slack.connector import SlackConnector  # loads the SDK, which programs without Slack need not
    from bots.slack.oauth import OAuthApp

    oauth = None
    if settings.slack_client_id:
        assert store is not None
        oauth = OAuthApp(
            settings.slack_client_id,
            _value(settings.slack_client_secret),
            settings.parley_public_url,
            settings.slack_api_url,
            store,
            clock,
            settings.own_teams,
            language,
        )
    return SlackConnector(
        bot_token=_value(settings.slack_bot_token),
        oauth=oauth,
        app_token=_value(settings.slack_app_token),
        signing_secret=_value(settings.slack_signing_secret),
        api_url=settings.slack_api_url,
        clock=clock,
        distributed=settings.slack_distributed,
        names=settings.names,
    )


def why_not(settings: SlackSettings) -> str:
    """The reason why `create` returns None, in a few words; empty where it does not."""
    ways = "SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET)"
    on = settings.slack_bot_token or settings.slack_client_id
    return "" if on else f"SLACK_BOT_TOKEN and {ways} are not set"


def _listed(value: str) -> list[str]:
    return [part for one in value.split(",") if (part := one.strip())]


def _value(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _prefixed(value: SecretStr | None, prefix: str) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(prefix):
        raise ValueError(f"must begin with {prefix}")
    return value
