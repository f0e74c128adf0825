"""Reads the forms of the operator's page: short ones of one kind, within a time.

Anybody may send a form to the page. So nothing here depends on what a body holds: aiohttp's own `Request.post` reads
the parts of a multipart body line by line, without a limit and without letting the event loop go on.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from bots.bodies import BodyTooLongError, BodyTooSlowError, read_body

KIND = "application/x-www-form-urlencoded"
BODY_LIMIT_BYTES = 16_384
"""The longest form: a token, and the address of the section that is wanted."""
BODY_S = 5.0
"""The longest time for the body of a form, in seconds."""
_MOST_FIELDS = 100
_CHARSETS = ("utf-8", "utf8")


class FormRefusedError(Exception):
    """A form that is not read. `phrase` says why, `status` is that of the response."""

    def __init__(self, status: int, phrase: str) -> None:
        super().__init__(phrase)
        self.status = status
        self.phrase = phrase


async def read_form(request: web.Request, within_s: float) -> dict[str, str]:
    """The fields of a form. Raises FormRefusedError."""
    if request.content_type != KIND or request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise FormRefusedError(415, "form_of_other_kind")
    if (request.charset or _CHARSETS[0]).lower() not in _CHARSETS:
        raise FormRefusedError(400, "form_unreadable")
    try:
        body = await read_body(request, BODY_LIMIT_BYTES, within_s)
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except BodyTooLongError:
        raise FormRefusedError(413, "form_too_long") from None
    except BodyTooSlowError:
        raise FormRefusedError(408, "form_too_slow") from None
    except (ValueError, HttpProcessingError, web.RequestPayloadError):
        raise FormRefusedError(400, "form_unreadable") from None
    return dict(fields)
