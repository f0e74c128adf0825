"""The routes by which teams install the app: `/slack/install` leads to Slack, and Slack to `/slack/oauth`.

A state is good for one browser and one use: of several processes on one database, one takes it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web

from bots.accept_language import accept_language_to_locale
from bots.slack import oauth_pages
from bots.slack.manifest import INSTALL_PATH, REDIRECT_PATH
from bots.slack.oauth import OAuthApp
from bots.slack.oauth_pages import InstallPage, NotInstalled, not_installed
from bots.slack.oauth_state import LIFETIME_S, is_valid, new_state
from core.errors import BotError
from core.i18n import language_of
from core.values.installations import StoredInstallation

log = structlog.get_logger(platform="slack")

COOKIE = "parley_slack_install"
_WORD_MAX = 60
MOST_A_MINUTE = 50
"""Codes that are redeemed: anybody may send some, and tokens are exchanged by the same method, which Slack permits
about 100 times a minute: https://docs.slack.dev/reference/methods/oauth.v2.access"""

Install = Callable[[str], Awaitable[StoredInstallation]]
"""Redeems a code. Raises BotError."""


@dataclass(frozen=True, slots=True)
class OAuthRoutes:
    """`install` redeems a code, `mention` is how the bot is addressed."""

    app: OAuthApp
    install: Install
    mention: str
    _redeemed: deque[float] = field(default_factory=deque, init=False)
    """The times of the last minute."""

    def routes(self) -> list[web.RouteDef]:
        """The routes for the one HTTP application of the program."""
        return [web.get(INSTALL_PATH, self._begin), web.get(REDIRECT_PATH, self._end)]

    async def _begin(self, _request: web.Request) -> web.Response:
        state = new_state(self.app.client_secret, self.app.clock.now().timestamp())
        headers = {hdrs.LOCATION: self.app.authorize_url(state.text), **oauth_pages.HEADERS}
        response = web.Response(status=302, headers=headers)
        response.set_cookie(
            COOKIE,
            state.browser,
            max_age=LIFETIME_S,
            path=REDIRECT_PATH,
            httponly=True,
            secure=self.app.public_url.startswith("https:"),
            samesite="Lax",  # Slack leads back from another site
        )
        return response

    async def _end(self, request: web.Request) -> web.Response:
        locale = accept_language_to_locale(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        language = language_of(locale, "") or self.app.language
        try:
            status, page = await self._ended(request, language)
        except BotError as error:
            log.error("installation_failed", **error.log_keys)
            status, page = 502, not_installed(NotInstalled.FAILED, language, INSTALL_PATH, ref=error.ref)
        text = oauth_pages.to_html(page, language)
        response = web.Response(status=status, text=text, content_type="text/html", headers=oauth_pages.HEADERS)
        response.del_cookie(COOKIE, path=REDIRECT_PATH)
        return response

    async def _ended(self, request: web.Request, language: str) -> tuple[int, InstallPage]:
        """The status and the page of a redirect. Raises BotError."""
        state, code = request.query.get("state", ""), request.query.get("code", "")
        if not await self._take_state(state, request.cookies.get(COOKIE, "")):
            log.info("installation_refused", reason="state")
            return 400, not_installed(NotInstalled.EXPIRED, language, INSTALL_PATH)
        if request.query.get("error") or not code:
            log.info("installation_refused", reason=request.query.get("error", "no code")[:_WORD_MAX])
            return 403, not_installed(NotInstalled.REFUSED, language, INSTALL_PATH)
        if not self._may_redeem():
            log.warning("installation_refused", reason="too many in a minute")
            return 429, not_installed(NotInstalled.BUSY, language, INSTALL_PATH)
        stored = await self.install(code)
        key = stored.key
        log.info("installation_stored", team=key.team, enterprise=key.enterprise, by=stored.installed_by)
        whole = not key.team
        page = oauth_pages.installed(language, stored.name, stored.url, self.mention, whole=whole)
        return 200, page

    def _may_redeem(self) -> bool:
        """False where as many codes as a minute permits were redeemed in the last one."""
        now_s = self.app.clock.monotonic()
        while self._redeemed and self._redeemed[0] <= now_s - 60:
            self._redeemed.popleft()
        if len(self._redeemed) >= MOST_A_MINUTE:
            return False
        self._redeemed.append(now_s)
        return True

    async def _take_state(self, state: str, browser: str) -> bool:
        """True for the first use of a state by the browser that began. Raises StoreError."""
        now = self.app.clock.now()
        if not is_valid(self.app.client_secret, state, browser, now.timestamp()):
            return False
        used = hashlib.sha256(state.encode()).hexdigest()
        return await self.app.store.take_request(f"slack-install/{used}", now)
