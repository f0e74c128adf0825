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
from bots.guard import is_direct, is_loopback, same_origin
from bots.operator import layout
from bots.operator.access import SESSION_S, OperatorKeys, Sessions, Tries
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
WRONG_S = 1.0
"""Seconds for which the response to a wrong token is held back."""
HELD_BACK = 20
"""The most responses that are held back at a time: further ones are sent at once."""
_PROBLEM = web.RequestKey("problem", str)
"""The phrase of why the token of a request was refused."""
HEADERS: dict[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-store",
}

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
    _sessions: Sessions = field(default_factory=Sessions, init=False)
    _tries: Tries = field(default_factory=Tries, init=False)
    _held_back: int = field(default=0, init=False)
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
            web.route(hdrs.METH_ANY, ROOT + "{rest:(/.*)?}", self._there(_nowhere)),
        ]

    def _there(self, handler: _Handler) -> _Handler:
        """Every route: each response has the headers, those of errors too, and what follows a wrong token is late."""

        @wraps(handler)
        async def checked(request: web.Request) -> web.StreamResponse:
            try:
                response = await self._answered(handler, request)
            except web.HTTPException as error:
                await self._hold_back(request)
                _add_headers(error)
                raise
            await self._hold_back(request)
            _add_headers(response)
            return response

        return checked

    async def _answered(self, handler: _Handler, request: web.Request) -> web.StreamResponse:
        """None without a way to sign in, and none to another site's page."""
        if not self.token and self._reader(request) is None:
            raise web.HTTPNotFound
        if request.method == hdrs.METH_POST and not same_origin(
            request.headers, request.headers.get(hdrs.HOST, "")
        ):
            return self._told(request, "cross_site", 403)
        try:
            return await handler(request)
        except FormRefusedError as refused:
            return self._told(request, refused.phrase, refused.status)
        except StoreError as error:
            log.log(logging.WARNING, "operator_page_failed", path=request.path, **error.log_keys)
            return self._told(request, "store_failed", 503, element("p", element("code", error.detail)))
        except (web.HTTPException, ConnectionError):  # a response, or the client has gone
            raise
        except Exception:
            log.exception("operator_page_crashed", path=request.path)
            return self._told(request, "crashed", 500)

    def _told(self, request: web.Request, phrase: str, status: int, *content: Html) -> web.Response:
        view = self._view(request)
        return _page(layout.told(view, view.say(phrase), *content), status)

    async def _hold_back(self, request: web.Request) -> None:
        """Wait where a wrong token came: who guesses has few tries a second."""
        if _PROBLEM not in request or self._held_back >= HELD_BACK:
            return
        self._held_back += 1
        try:
            await self.clock.sleep(WRONG_S)
        finally:
            self._held_back -= 1

    # Whose each request is.

    def _reader(self, request: web.Request) -> Person | None:
        """The signed-in reader. None: not signed in, or not allowed to be."""
        if self.token:
            return OPERATOR if self._is_signed_in(request) else None
        reader = self.page_reader()
        if reader is None or (reader.alone and not _is_local(request)):
            return None
        return reader.person

    def _is_signed_in(self, request: web.Request) -> bool:
        if self._sessions.is_signed_in(request.cookies.get(COOKIE, ""), self.clock.now().timestamp()):
            return True
        given = _bearer_of(request)
        return bool(given) and self._is_token(request, given)

    def _is_token(self, request: web.Request, given: str) -> bool:
        """True if that is the token, however many wrong ones came. A wrong one counts as a try."""
        if self._keys.matches(given):
            return True
        self._count_wrong(request)
        return False

    def _count_wrong(self, request: web.Request) -> None:
        now_s, address = self.clock.monotonic(), request.remote or ""
        if not self._tries.too_many(address, now_s):  # the log can't be filled
            log.warning("operator_token_wrong", address=address)
        self._tries.wrong(address, now_s)
        request[_PROBLEM] = "too_many_tries" if self._tries.too_many(address, now_s) else "wrong_token"

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
        problem = request.get(_PROBLEM, "")
        return _page(layout.sign_in(view, wanted, problem), 429 if problem == "too_many_tries" else 401)

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
            return self._refused(request, view, wanted)
        response = web.Response(status=303, headers={hdrs.LOCATION: wanted})
        response.set_cookie(
            COOKIE,
            self._sessions.begin(self.clock.now().timestamp()),
            max_age=SESSION_S,
            path=ROOT,
            httponly=True,
            samesite="Strict",
            secure=_is_https(request),
        )
        log.info("operator_signed_in", address=request.remote)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._sessions.end(request.cookies.get(COOKIE, ""))
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
            return self._told(request, "form_old", 403)
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


async def _nowhere(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


def _add_headers(response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _bearer_of(request: web.Request) -> str:
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_https(request: web.Request) -> bool:
    """True if the browser reached Parley, or the proxy before it, by HTTPS."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _is_local(request: web.Request) -> bool:
    """True for a request of this machine that no proxy has passed on, as far as that can be seen."""
    return is_loopback(request.remote or "") and is_direct(request.headers, request.version)
