"""Installations by OAuth: what Slack answers, and what is stored of it.

https://docs.slack.dev/authentication/installing-with-oauth and https://docs.slack.dev/authentication/using-token-rotation
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from bots.slack.errors import to_platform_error
from bots.slack.incoming import Identity
from bots.slack.manifest import REDIRECT_PATH, SCOPES, AppNames
from bots.slack.tokens import Exchange
from bots.slack.web import ApiConnections, Web
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports.store.installations import InstallationStore
from core.ports.store.requests import RequestStore
from core.values.installations import Credentials, InstallationKey, StoredInstallation

Json = dict[str, Any]

_LASTING = frozenset(
    {"invalid_refresh_token", "token_revoked", "token_expired", "invalid_grant", "invalid_auth"}
)
"""The refusals of a refresh token after which there is none any more."""


class OAuthStore(InstallationStore, RequestStore, Protocol):
    """The part of the store that installing uses."""


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that teams install themselves. `own`: the ids of workspaces and organisations of those who run it."""

    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    api_url: str
    store: OAuthStore
    clock: Clock
    own: frozenset[str] = frozenset()
    language: str = "en"
    """That of people who prefer none."""

    @property
    def redirect_uri(self) -> str:
        return self.public_url + REDIRECT_PATH

    def is_own(self, key: InstallationKey) -> bool:
        """True for a workspace of those who run Parley."""
        return not self.own.isdisjoint({key.team, key.enterprise} - {""})

    def authorize_url(self, state: str) -> str:
        """The page of Slack on which a person installs the app."""
        parts = urlsplit(self.api_url)
        asked = {
            "client_id": self.client_id,
            "scope": ",".join(scope.name for scope in SCOPES),
            "redirect_uri": self.redirect_uri,
            "state": state,
        }
        return f"{parts.scheme}://{parts.netloc}/oauth/v2/authorize?{urlencode(asked)}"

    def exchange(self, connections: ApiConnections) -> Exchange:
        """Exchanges refresh tokens over `connections`."""

        async def exchanged(refresh_token: str) -> Credentials:
            asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            return answer_to_credentials(await self._access(connections, asked), self.clock.now())

        return exchanged

    async def install(self, connections: ApiConnections, code: str, names: AppNames) -> StoredInstallation:
        """Redeem a code, and store the installation. Raises PlatformError and StoreError."""
        answer = await self._access(connections, {"code": code, "redirect_uri": self.redirect_uri})
        new = answer_to_installation(answer)
        credentials = answer_to_credentials(answer, self.clock.now())
        web = Web(credentials.token, self.api_url, names, connections=connections)
        said = await web.call("auth.test", {})  # a bot's id and the team's URL are in no other answer
        facts = StoredInstallation(
            new.key,
            new.name or str(said.get("team") or ""),
            str(said.get("url") or ""),
            new.app,
            new.bot_user,
            str(said.get("bot_id") or ""),
            new.scopes,
            new.installed_by,
        )
        return await self.store.install(facts, credentials, self.clock.now())

    async def _access(self, connections: ApiConnections, asked: Json) -> Json:
        """https://docs.slack.dev/reference/methods/oauth.v2.access"""
        connections.connect()
        headers = basic_auth(self.client_id, self.client_secret)
        try:
            response = await connections.client.api_call("oauth.v2.access", data=asked, headers=headers)
        except Exception as error:
            failure = to_platform_error(error, "oauth.v2.access")
            if any(word in failure.detail for word in _LASTING):
                raise PlatformError(Code.BAD_TOKEN, failure.detail) from error
            raise failure from error
        assert isinstance(response.data, dict)
        return response.data


def basic_auth(client_id: str, client_secret: str) -> dict[str, str]:
    """The header by which an app says who it is."""
    given = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return {"Authorization": f"Basic {given}"}


def answer_to_installation(answer: Mapping[str, Any]) -> StoredInstallation:
    """The installation that an answer of oauth.v2.access tells of. Raises PlatformError where it is none of a bot.

    https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
    """
    team, enterprise = answer.get("team") or {}, answer.get("enterprise") or {}
    whole = bool(answer.get("is_enterprise_install"))
    key = InstallationKey("slack", str(enterprise.get("id") or ""), "" if whole else str(team.get("id") or ""))
    if answer.get("token_type") != "bot" or not (key.team or (whole and key.enterprise)):
        raise PlatformError(Code.REJECTED, "oauth.v2.access: no installation of a bot")
    return StoredInstallation(
        key,
        str((enterprise if whole else team).get("name") or ""),
        app=str(answer.get("app_id") or ""),
        bot_user=str(answer.get("bot_user_id") or ""),
        scopes=tuple(filter(None, str(answer.get("scope") or "").split(","))),
        installed_by=str((answer.get("authed_user") or {}).get("id") or ""),
    )


def answer_to_credentials(answer: Mapping[str, Any], now: datetime) -> Credentials:
    """The tokens of an answer of oauth.v2.access."""
    expires_in = answer.get("expires_in")
    expires_at = now + timedelta(seconds=int(expires_in)) if expires_in else None
    return Credentials(str(answer["access_token"]), str(answer.get("refresh_token") or ""), expires_at)


def stored_to_identity(stored: StoredInstallation, names: AppNames) -> Identity:
    """The bot's identity in the workspace of a stored installation."""
    key = stored.key
    return Identity(
        key.team, stored.bot_user, stored.bot, names.bot, stored.app, key.enterprise, stored.url, names
    )
