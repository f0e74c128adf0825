"""The routes of the operator's page, and the checks before each of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import structlog
from aiohttp import hdrs, web

from bots.accept_language import accept_language_to_locale
from bots.guard import is_loopback, same_origin
from bots.operator import layout
from bots.operator.access import SESSION_S, OperatorKeys, Tries
from bots.operator.forms import BODY_S, FormRefusedError, read_form
from bots.operator.markup import Html, element
from bots.operator.sections import Act, Picture, Section
from bots.operator.view import ROOT, Link, View, no_link, path_of
from core.clock import Clock
from core.errors import StoreError
from core.i18n import language_of
from core.values.places import Person

log = structlog.get_logger()

COOKIE = "parley_operator"
OPERATOR = Person("operator", "PARLEY_OPERATOR_TOKEN")
"""The person of the audit for what is done by a reader who gave the token."""
HEADERS: dict[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-store",
}
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class PageReader:
    """The reader of the chat page, who is an admin. `alone`: only people of this machine have access to it."""

    person: Person
    alone: bool


@dataclass(slots=True)
class OperatorRoutes:
    """The page is there for those who give `token`, or where that is empty for the reader of the chat page, while
    `page_reader` returns one. For everybody else there is no such page (404).

    `acts` and `pictures` are keyed by the ends of their addresses; `zone` and `language` are the operator's.
    """

    sections: Sequence[Section]
    acts: Mapping[str, Act]
    pictures: Mapping[str, Picture]
    token: str
    page_reader: Callable[[], PageReader | None]
    clock: Clock
    zone: Callable[[], ZoneInfo]
    language: Callable[[], str]
    link: Link = no_link
    body_s: float = BODY_S
    _keys: OperatorKeys = field(init=False)
    _tries: Tries = field(default_factory=Tries, init=False)
    _css: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._keys = OperatorKeys(self.token)
        self._css = Path(__file__).with_name("operator.css").read_bytes()

    def routes(self) -> list[web.RouteDef]:
        """The routes for the one HTTP application of the program."""
        return [
            web.get(ROOT, self._there(self._show)),
            web.get(f"{ROOT}/", self._there(self._show)),
            web.get(f"{ROOT}/operator.css", self._there(self._style)),
            web.get(f"{ROOT}/{{name}}", self._there(self._show)),
            web.get(f"{ROOT}/pictures/{{name}}", self._there(self._picture)),
            web.post(f"{ROOT}/sign-in", self._there(self._sign_in)),
            web.post(f"{ROOT}/sign-out", self._there(self._sign_out)),
            web.post(f"{ROOT}/{{name}}", self._there(self._act)),
        ]

    def _there(self, handler: _Handler) -> _Handler:
        """Every route: none without a way to sign in, and no request from another site's page."""

        @wraps(handler)
        async def checked(request: web.Request) -> web.StreamResponse:
            if not self.token and self._reader(request) is None:
                raise web.HTTPNotFound
            if request.method == hdrs.METH_POST and not same_origin(
                request.headers, request.headers.get(hdrs.HOST, "")
            ):
                view = self._view(request)
                response: web.StreamResponse = _page(layout.told(view, view.say("cross_site")), 403)
            else:
                response = await self._answered(handler, request)
            response.headers.update(
                {name: value for name, value in HEADERS.items() if name not in response.headers}
            )
            return response

        return checked

    async def _answered(self, handler: _Handler, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except FormRefusedError as refused:
            view = self._view(request)
            return _page(layout.told(view, view.say(refused.phrase)), refused.status)
        except StoreError as error:
            log.log(logging.WARNING, "operator_page_failed", path=request.path, **error.log_keys)
            view = self._view(request)
            detail = element("p", element("code", error.detail))
            return _page(layout.told(view, view.say("store_failed"), detail), 503)

    # Whose each request is.

    def _reader(self, request: web.Request) -> Person | None:
        """The signed-in reader. None: not signed in, or nobody who may be."""
        if self.token:
            return OPERATOR if self._is_signed_in(request) else None
        reader = self.page_reader()
        if reader is None or (reader.alone and not _is_local(request)):
            return None
        return reader.person

    def _is_signed_in(self, request: web.Request) -> bool:
        if self._keys.is_signed_in(request.cookies.get(COOKIE, ""), self.clock.now().timestamp()):
            return True
        given = _bearer_of(request)
        return bool(given) and self._is_token(request, given)

    def _is_token(self, request: web.Request, given: str) -> bool:
        """True if that is the token. A wrong one counts as a try; after too many no token is looked at."""
        now_s, address = self.clock.monotonic(), request.remote or ""
        if self._tries.too_many(address, now_s):
            return False
        if self._keys.matches(given):
            return True
        self._count_wrong(request)
        return False

    def _count_wrong(self, request: web.Request) -> None:
        address = request.remote or ""
        self._tries.wrong(address, self.clock.monotonic())
        log.warning("operator_token_wrong", address=address)

    def _view(self, request: web.Request) -> View:
        locale = accept_language_to_locale(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        cookie = request.cookies.get(COOKIE, "")
        return View(
            language_of(locale, language_of(self.language())),
            self.zone(),
            self.clock.now(),
            self._keys.form_token(cookie),
            self.link,
        )

    # The handlers.

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._css, content_type="text/css", charset="utf-8")

    async def _show(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "running")
        section = next((one for one in self.sections if one.name == name), None)
        if section is None:
            if name in self.acts or name in ("sign-in", "sign-out"):  # the address of what a form did before
                return web.Response(status=303, headers={hdrs.LOCATION: ROOT})
            raise web.HTTPNotFound
        view = self._view(request)
        if self._reader(request) is None:
            return self._refused(request, view, request.path_qs)
        body = await section.body(view, request.query)
        names = [one.name for one in self.sections]
        return _page(layout.page(view, names, name, body, request.query, leaves=bool(self.token)))

    def _refused(self, request: web.Request, view: View, wanted: str) -> web.Response:
        """The form to sign in. A request that brought a wrong token is told so."""
        if self._tries.too_many(request.remote or "", self.clock.monotonic()):
            return _page(layout.sign_in(view, wanted, "too_many_tries"), 429)
        problem = "wrong_token" if _bearer_of(request) else ""
        return _page(layout.sign_in(view, wanted, problem), 401)

    async def _picture(self, request: web.Request) -> web.Response:
        picture = self.pictures.get(request.match_info["name"])
        if picture is None or self._reader(request) is None:
            raise web.HTTPNotFound
        content = await picture(self._view(request), request.query)
        if content is None:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type="image/png")

    async def _sign_in(self, request: web.Request) -> web.Response:
        if not self.token:
            return web.Response(status=303, headers={hdrs.LOCATION: ROOT})
        try:
            fields = await read_form(request, self.body_s)
        except FormRefusedError:
            self._count_wrong(request)
            raise
        view, wanted = self._view(request), self._known(fields.get("wanted", ""))
        if not self._is_token(request, fields.get("token", "").strip()):
            if self._tries.too_many(request.remote or "", self.clock.monotonic()):
                return _page(layout.sign_in(view, wanted, "too_many_tries"), 429)
            return _page(layout.sign_in(view, wanted, "wrong_token"), 401)
        response = web.Response(status=303, headers={hdrs.LOCATION: wanted})
        response.set_cookie(
            COOKIE,
            self._keys.cookie(self.clock.now().timestamp()),
            max_age=SESSION_S,
            path=ROOT,
            httponly=True,
            samesite="Strict",
            secure=_is_https(request),
        )
        log.info("operator_signed_in", address=request.remote)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        response = web.Response(status=303, headers={hdrs.LOCATION: ROOT})
        response.del_cookie(COOKIE, path=ROOT)
        return response

    async def _act(self, request: web.Request) -> web.Response:
        act, reader, view = (
            self.acts.get(request.match_info["name"]),
            self._reader(request),
            self._view(request),
        )
        if act is None:
            raise web.HTTPNotFound
        if reader is None:
            return self._refused(request, view, ROOT)
        fields = await read_form(request, self.body_s)
        cookie = request.cookies.get(COOKIE, "")
        by_form = bool(cookie) or not _bearer_of(request)  # a browser sends a cookie by itself, and no token
        if by_form and not self._keys.is_form_token(fields.get("form_token", ""), cookie):
            return _page(layout.told(view, view.say("form_old")), 403)
        done = await act(view, fields, reader)
        back = element("p", element("a", view.say(f"section_{done.back}"), href=path_of(done.back)))
        return _page(layout.told(view, done.words, back), 200 if done.well else 409)

    def _known(self, wanted: str) -> str:
        """`wanted` where it is the address of a section, with its fields; else the page's own."""
        path, _, fields = wanted.partition("?")
        if path not in {path_of(one.name) for one in self.sections}:
            return ROOT
        return f"{path}?{urlencode(parse_qsl(fields))}" if fields else path


def _page(shown: Html, status: int = 200) -> web.Response:
    body = shown.encode("utf-8", "replace")
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


def _bearer_of(request: web.Request) -> str:
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_https(request: web.Request) -> bool:
    """True if the browser reached Parley, or the proxy before it, by HTTPS."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _is_local(request: web.Request) -> bool:
    """True for a request of this machine that no proxy has passed on."""
    return is_loopback(request.remote or "") and not any(name in request.headers for name in _FORWARDED)
