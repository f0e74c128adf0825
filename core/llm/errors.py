"""Converts HTTP responses, error chunks and network exceptions into `ModelError`.

`error_bodies` parses the body, `echo` removes quotations of the request, `request_repairs` and `refusals` classify the
rest, `wait_hints` and `length_limits` read when to retry and how much to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from core.errors import Code, LengthLimit, ModelError
from core.llm import image_refusals, length_limits, refusals, request_repairs, tool_refusals
from core.llm.echo import NOTHING, SentRequest
from core.llm.error_bodies import ErrorBody, body_to_said, is_page, one_line, value_to_said
from core.llm.image_refusals import ImageRefusal, image_limit, image_refusal
from core.llm.length_limits import larger_than_the_plan, limit_in_words
from core.llm.refusals import EndpointRefusal, code_by_hint, code_by_name, code_by_words
from core.llm.request_repairs import field_of, form_of
from core.llm.tool_refusals import tool_refusal
from core.llm.wait_hints import wait_in_headers, wait_in_words
from core.log import redact

DETAIL_LENGTH = 500
PAGE_LENGTH = 200
_LONG_REQUEST = 4_000
"""Characters from which a request may be too long for a model."""

_BY_STATUS: dict[int, Code] = {
    400: Code.BAD_REQUEST,
    401: Code.BAD_KEY,
    402: Code.NO_MONEY,
    403: Code.FORBIDDEN,
    404: Code.WRONG_URL,
    405: Code.WRONG_URL,
    407: Code.UNREACHABLE,
    408: Code.SERVER_ERROR,
    409: Code.SERVER_ERROR,
    413: Code.TOO_LARGE,
    420: Code.RATE_LIMITED,
    421: Code.WRONG_URL,
    424: Code.SERVER_ERROR,
    425: Code.SERVER_ERROR,
    429: Code.RATE_LIMITED,
    451: Code.FORBIDDEN,
    499: Code.SERVER_ERROR,
    504: Code.GATEWAY_TIMEOUT,
    511: Code.UNREACHABLE,
    522: Code.GATEWAY_TIMEOUT,
    524: Code.GATEWAY_TIMEOUT,
}
# OpenRouter and LiteLLM give the real status as the code of an error under 200.
_BY_CODE = {str(status): _BY_STATUS[status] for status in (401, 402, 403, 413, 429)}

_SURE = frozenset({Code.CONTEXT_OVERFLOW, Code.TOO_LARGE, Code.POLICY, Code.NO_MONEY})
"""Codes that count even if the refusal names a field that could be left out."""
_SURE_OF_IMAGES = frozenset({Code.POLICY, Code.NO_MONEY})
"""Codes that count even if the refusal mentions images."""
_PAGE_AT = frozenset({400, 404, 405, 406, 410})
"""Statuses for which an API answers in JSON. HTML under them comes from another server."""

# The same endpoint may well answer the same request the next time. Not where work that was begun may still be
# running there and be paid for (GATEWAY_TIMEOUT, and a first word that never came).
RETRYABLE = frozenset(
    {
        Code.RATE_LIMITED,
        Code.SERVER_ERROR,
        Code.UNREACHABLE,
        Code.STALLED,
        Code.CUT,
        Code.ERROR_IN_STREAM,
        Code.EMPTY,
        Code.GARBLED,
    }
)

_REQUEST_IDS = ("x-request-id", "x-oneapi-request-id", "x-litellm-call-id", "x-generation-id", "cf-ray")


def compile_patterns() -> None:
    """Compile the regular expressions of all refusals, which the first refusal would do else: some 50 ms of the
    processor."""
    refusals.rules()
    image_refusals.patterns()
    tool_refusals.patterns()
    request_repairs.form_patterns()
    length_limits.limit_patterns()


def fault(
    code: Code,
    detail: str = "",
    *,
    retryable: bool | None = None,
    retry_after_s: float | None = None,
    status: int = 0,
    request_id: str = "",
    parameter: str = "",
) -> ModelError:
    """A ModelError with `retryable` from the table unless given. Text that looks like a key is removed from
    `detail`."""
    return ModelError(
        code,
        redact(detail)[:DETAIL_LENGTH],
        retryable=code in RETRYABLE if retryable is None else retryable,
        retry_after_s=retry_after_s,
        status=status,
        request_id=request_id,
        parameter=parameter,
    )


def from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    key: str = "",
    sent: SentRequest = NOTHING,
) -> ModelError:
    """The error of a response other than 200. `headers` by lower-case name. Dates are relative to `now`. Quotations
    of `sent` are removed."""
    text = body.decode("utf-8", "replace").strip()
    request_id = request_id_of(headers)
    if 300 <= status < 400:
        to = redact(_where(headers.get("location", "")), [key])
        return fault(Code.WRONG_URL, f"redirects to {to}", status=status, request_id=request_id)
    page = is_page(text)
    said = ErrorBody(parts=[one_line(text, key, PAGE_LENGTH)]) if page else body_to_said(text, key)
    wait_s = wait_in_headers(headers, now)
    wait_s = wait_s if wait_s is not None else said.wait_s
    error = _said_to_error(status, said, sent, wait_s, key, page=page)
    error.request_id = request_id
    if status in (407, 501):
        error.retryable = False
    return error


def from_chunk(value: object, key: str = "", sent: SentRequest = NOTHING) -> ModelError:
    """The error of a chunk, or of a body under 200. `value` is the whole JSON object."""
    said = value_to_said(value, key)
    error = _said_to_error(0, said, sent, said.wait_s, key)
    error.status = 200
    return error


def _said_to_error(
    status: int, said: ErrorBody, sent: SentRequest, wait_s: float | None, key: str, *, page: bool = False
) -> ModelError:
    """`status`: 0 for an error under 200. `wait_s`: seconds to wait, if a header or field says so."""
    own = sent.cut_from(said.words)
    lower = sent.without_model(own).lower().replace("\u2019", "'")  # AWS and Google write "isn\u2019t"
    refusal = EndpointRefusal(status, frozenset(said.names), lower, sent, own != said.words, page)
    code, parameter = _classify(refusal, wait_s)
    if code is Code.BAD_REQUEST and not parameter and _too_long(said.words, refusal):
        code = Code.CONTEXT_OVERFLOW
    if wait_s is None and code in (Code.RATE_LIMITED, Code.SERVER_ERROR):
        wait_s = wait_in_words(lower)
    error = fault(
        code,
        redact(_describe(sent, said.names, own), [key]),
        retry_after_s=wait_s,
        status=status,
        parameter=parameter,
    )
    error.limit = _limit(code, parameter, lower)
    error.quotes = refusal.quotes
    return error


def _limit(code: Code, parameter: str, own: str) -> LengthLimit:
    """The limit that a refusal names, if it says that the request is too long or has too many images."""
    if parameter == ImageRefusal.COUNT:
        return LengthLimit(images=image_limit(own))
    return limit_in_words(own) if code in (Code.CONTEXT_OVERFLOW, Code.TOO_LARGE) else LengthLimit()


def _classify(refusal: EndpointRefusal, wait_s: float | None) -> tuple[Code, str]:
    """The code, and the change that the refusal asks for: a repair of `core.llm.request_repairs` or an
    `ImageRefusal`. Refusals of tools come first: some name their chat template, which others do for its roles."""
    own, status = refusal.own, refusal.status
    if tools := tool_refusal(status, own):
        return Code.BAD_REQUEST, tools
    if form := form_of(status, own):
        return Code.BAD_REQUEST, form
    if status == 402 and wait_s is not None:
        return Code.RATE_LIMITED, ""
    if code := code_by_name(refusal):
        return code, ""
    code = code_by_words(refusal)
    if code is not Code.CONTEXT_OVERFLOW and larger_than_the_plan(own):
        return Code.TOO_LARGE, ""
    # Google words a limit per minute as a used-up plan, but says when to come back.
    if code is Code.NO_MONEY and status != 402 and wait_in_words(own) is not None:
        return Code.RATE_LIMITED, ""
    if code not in _SURE_OF_IMAGES and (images := image_refusal(status, own)):
        return Code.BAD_REQUEST, images
    if code not in _SURE and (field := field_of(status, own)):
        return Code.BAD_REQUEST, field
    return code or code_by_hint(refusal) or _code_by_status(refusal), ""


def _code_by_status(refusal: EndpointRefusal) -> Code:
    status = refusal.status
    if status == 0:
        return next((_BY_CODE[name] for name in refusal.names if name in _BY_CODE), Code.ERROR_IN_STREAM)
    if status < 300:
        return Code.EMPTY
    if refusal.quotes and status in _PAGE_AT:
        return Code.BAD_REQUEST  # the address is right: the server has read the request
    if refusal.page and status in _PAGE_AT:
        return Code.WRONG_URL
    return _BY_STATUS.get(status, Code.SERVER_ERROR if status >= 500 else Code.BAD_REQUEST)


def _too_long(words: str, refusal: EndpointRefusal) -> bool:
    """True if a refusal calls a long request too long, in words that the request contains too. Shortening it is then
    harmless."""
    if sum(map(len, refusal.sent.texts)) < _LONG_REQUEST:
        return False
    return code_by_words(EndpointRefusal(refusal.status, own=words.lower())) is Code.CONTEXT_OVERFLOW


def from_exception(error: Exception, *, begun: bool, key: str = "") -> ModelError:
    """The error for an exception of httpx, or of a host's name, before (`begun` False) or after the response headers.

    Read errors have empty messages (https://github.com/encode/httpx), so the type is included. Only the type is used
    for LocalProtocolError and InvalidURL, whose messages may quote the request.
    """
    name = type(error).__name__
    detail = redact(f"{name}: {error}".removesuffix(": "), [key])
    match error:
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return fault(Code.WRONG_URL, name)
        case UnicodeError() if not begun:
            return fault(Code.UNREACHABLE, f"{name}: no host has such a name")
        case httpx.LocalProtocolError():
            return fault(Code.BAD_KEY, f"{name}: the key holds characters that no header can carry")
        case httpx.PoolTimeout():
            ours = fault(Code.UNREACHABLE, f"{name}: too many answers at once for our own connection pool")
            ours.ours = True
            return ours
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError() | httpx.WriteTimeout():
            return fault(Code.UNREACHABLE, detail)
        case httpx.TimeoutException():
            return fault(Code.STALLED, detail, retryable=begun)
        case httpx.DecodingError():
            return fault(Code.GARBLED, detail)
    return fault(Code.CUT, detail)


def own_words(text: str, key: str = "", sent: SentRequest = NOTHING) -> str:
    """`text` on one line, without quotations of the request, for the log."""
    return sent.cut_from(one_line(text, key, PAGE_LENGTH if is_page(text) else DETAIL_LENGTH))


def _where(location: str) -> str:
    """The target of a redirect: its host, or the path on the same host. User name, password and query are left out."""
    try:
        where = urlsplit(location)
    except ValueError:
        return "an address that is none"
    host = where.netloc.rpartition("@")[2]
    return f"{where.scheme}://{host}" if host else f"another path, {where.path}"


def request_id_of(headers: Mapping[str, str]) -> str:
    """The endpoint's id of the request, at most 100 characters; empty if there is none."""
    return next((headers[name][:100] for name in _REQUEST_IDS if headers.get(name)), "")


def _describe(sent: SentRequest, names: set[str], own: str) -> str:
    kinds = sent.cut_from(", ".join(sorted(names - {"none"})))
    return f"{own[: DETAIL_LENGTH - len(kinds) - 3]} [{kinds}]" if kinds else own
