"""Shared code of the page's routes: reading bodies, making responses, refusing hosts."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web

from bots import bodies, guard
from bots.accept_language import accept_language_to_locale
from bots.bodies import BodyTooLongError, BodyTooSlowError
from bots.web import incoming, outgoing
from bots.web.errors import RETRY_AFTER_S, Reason, RequestError
from core.ports.files import FileContent

BODY_S = 20.0
"""The longest time for a request's body, in seconds."""

HEADERS: dict[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NEVER_STORED: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


_PICTURE_TYPES = ("image/jpeg", "image/png")
"""Types of small copies (`core.ports.files.Picture`)."""


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises RequestError where it is too long, or slower than BODY_S."""
    try:
        return await bodies.read_body(request, incoming.BODY_LIMIT_BYTES, BODY_S)
    except BodyTooSlowError:
        raise RequestError(Reason.TOO_SLOW) from None
    except BodyTooLongError:
        raise RequestError(Reason.TOO_LONG) from None


def refuse_host(hosts: guard.Hosts, request: web.Request) -> web.Response | None:
    """The refusal of a request whose Host is none of `hosts`; None for an allowed one.

    `request.host` is not used: without the header it looks up this machine's name, which blocks the event loop."""
    if hosts.allows(request.headers.get(hdrs.HOST, "")):
        return None
    response = refusal_response(RequestError(Reason.WRONG_HOST), locale_of(request))
    response.headers.update(HEADERS)
    return response


def locale_of(request: web.Request) -> str:
    """The locale that the browser prefers, or empty."""
    return accept_language_to_locale(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def json_response(value: object, status: int = 200) -> web.Response:
    """A JSON response that no cache stores."""
    return web.Response(
        body=outgoing.to_bytes(value), status=status, headers=NEVER_STORED, content_type="application/json"
    )


def picture_response(picture: FileContent) -> web.Response:
    """A picture that no cache stores, so that it is gone once it is removed. Anything else is only saved as a file."""
    shown = picture.media_type in _PICTURE_TYPES
    disposition = f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(picture.name, '')}"
    return web.Response(
        body=picture.data,
        headers=NEVER_STORED | {hdrs.CONTENT_DISPOSITION: disposition},
        content_type=picture.media_type if shown else "application/octet-stream",
    )


def refusal_response(refused: RequestError, locale: str) -> web.Response:
    """The reason of a refusal, as JSON in the reader's language."""
    response = json_response(
        {"error": {"code": refused.reason, "message": refused.words(locale)}}, refused.status
    )
    if refused.status == 503:
        response.headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_S)
    return response
