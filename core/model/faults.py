"""What an endpoint or the wire to it did, as a `ModelError`: the one table for models.

Money problems come under six statuses and unknown models under four, so what the body says decides before
the status does. Sources of codes and texts: https://github.com/songquanpeng/one-api,
https://github.com/QuantumNous/new-api, https://platform.openai.com/docs/guides/error-codes,
https://openrouter.ai/docs/api/reference/errors-and-debugging, https://docs.litellm.ai/docs/exception_mapping,
https://docs.bigmodel.cn/cn/api/api-code.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.errors import Code, ModelError
from core.log import redact
from core.model.echo import NOTHING, Sent
from core.model.repairs import field_of, form_of

DETAIL_LENGTH = 500
HTML_LENGTH = 200
_SECRET_LENGTH = 8
"""A shorter key is a word such as `none` that stands for none."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """`names` are the endpoint's own codes and types, in whole; `text` is searched in what it said.

    `statuses` are those under which it is believed; 0 stands for 200 and for an error inside a stream.
    """

    code: Code
    statuses: frozenset[int] | None
    names: str
    text: str

    def fits(self, status: int, names: set[str], said: str) -> bool:
        if self.statuses is not None and status not in self.statuses:
            return False
        return self.named(names) or bool(re.search(self.text, said))

    def named(self, names: set[str]) -> bool:
        return any(re.fullmatch(self.names, name) for name in names)


def _rule(code: Code, statuses: set[int] | None, names: str, *texts: str) -> _Rule:
    return _Rule(code, frozenset(statuses) if statuses else None, names, "|".join(texts))


# The first that fits. All is compared in lower case.
_RULES = (
    _rule(
        Code.CONTEXT_OVERFLOW,
        {0, 400, 413, 422, 500},
        "context_length_exceeded|exceed_context_size_error",
        r"maximum context (length|limit)",
        "exceeds? the available context size",
        "longer than the model's context length",
        "input tokens exceed the configured limit",
        "exceeds? (the )?context (limit|window|length)",
        r"`inputs` tokens \+ `max_new_tokens` must be",
        "exceeds the maximum number of tokens allowed",
        "maximum input length is",
        "current length is .* while limit is",
        "prompt is too long",
        "上下文.{0,6}(超|过长)",
    ),
    _rule(
        Code.POLICY,
        {0, 400, 403, 422, 451},
        "content_filter|content_policy_violation|responsibleaipolicyviolation|sensitive_words_detected"
        "|prompt_blocked|data_inspection_failed|1301",
        "content management policy",
        "rejected as a result of our safety system",
        "sensitive words? detected",
        "input was flagged",
        "inappropriate content",
        "敏感(内容|词)",
        "内容安全",
    ),
    _rule(
        Code.NO_MONEY,
        {0, 400, 401, 402, 403, 429},
        "insufficient_quota|insufficient_user_quota|pre_consume_token_quota_failed|credit_balance_exhausted"
        "|insufficient_balance|[a-z_]*_spend_limit_exceeded|organization_usage_limit_exceeded"
        "|billing_hard_limit_reached|billing_not_active|arrearage|1113",
        "insufficient (account )?(balance|credits?|funds|quota)",
        "balance is (insufficient|too low)",
        "exceeded your current quota",
        "quota is not enough",
        "out of credits",
        "requires more credits",
        "payment required",
        "(余额|额度|配额)(不足|已?用尽|已?耗尽)",
        "预扣费",
        "欠费",
    ),
    _rule(
        Code.NO_MODEL,
        {0, 400, 403, 404, 503},
        "model_not_found",
        r"model\b.{0,200}\b(not exist|not found|is not available|is not served)",
        "(no such|unknown|invalid) model|not a valid model",
        "no available channel",
        "no endpoints found for",
        "无可用渠道",
        "无权(使用|访问)模型",
        "模型.{0,80}不存在",
    ),
    _rule(
        Code.BAD_KEY,
        {0, 400, 403},
        "invalid_api_key|authentication_error",
        "(invalid|incorrect) api[ _]key",
        "api key not valid",
        "no connected db",
        "无效的令牌|令牌已过期|认证失败",
    ),
    _rule(
        Code.RATE_LIMITED,
        {0, 400, 403},
        "rate_limit_exceeded|rate_limit_error|slow_down",
        "rate[ -]limit",
        "too many requests",
        "负载已饱和|请求频率过高",
    ),
)

_BY_STATUS: dict[int, Code] = {
    400: Code.BAD_REQUEST,
    401: Code.BAD_KEY,
    402: Code.NO_MONEY,
    403: Code.FORBIDDEN,
    404: Code.WRONG_URL,
    405: Code.WRONG_URL,
    408: Code.SERVER_ERROR,
    409: Code.SERVER_ERROR,
    413: Code.TOO_LARGE,
    421: Code.WRONG_URL,
    425: Code.SERVER_ERROR,
    429: Code.RATE_LIMITED,
    451: Code.FORBIDDEN,
    504: Code.GATEWAY_TIMEOUT,
    522: Code.GATEWAY_TIMEOUT,
    524: Code.GATEWAY_TIMEOUT,
}

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

# Gateways that retry drop the header of a 429 but pass its words on: "Please try again in 6m0s", "请在 30 秒后重试".
_WAIT = re.compile(
    r"\b(?:try again|retry)\b[^.\d]{0,20}\b(?:in|after) ((?:\d+(?:\.\d+)? ?(?:ms|[hms])[a-z]*,? ?)+)"
    r"|(\d+ ?(?:秒|分钟|小时))[之以]?后"
)
_UNITS_S = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "秒": 1.0, "分": 60.0, "小": 3600.0}

_WORDS_UNDER = ["error", "message", "detail", "msg", "errmsg", "metadata", "raw", "innererror", "param", "loc"]
_REQUEST_IDS = ("x-request-id", "x-oneapi-request-id", "x-litellm-call-id", "x-generation-id", "cf-ray")


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
    """A ModelError whose `retryable` comes from the table unless given, without what looks like a key."""
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
    sent: Sent = NOTHING,
) -> ModelError:
    """The error in a response that is not 200. `headers` by lower-case name; `now` is what dates are held to; what
    was `sent` is cut out of what the endpoint said."""
    text = body.decode("utf-8", "replace").strip()
    retry_after = retry_after_s(headers, now)
    request_id = request_id_of(headers)
    if 300 <= status < 400:
        to = redact(_where(headers.get("location", "")), [key])
        return fault(Code.WRONG_URL, f"redirects to {to}", status=status, request_id=request_id)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    names, said = _names_and_words(value, key) if value is not None else (set(), plain(text, key))
    said = sent.cut_from(said)
    code, parameter = _classify(status, names, said, retry_after)
    detail = redact(_describe(names, said or own_words(text, key, sent)[:HTML_LENGTH]), [key])
    return fault(
        code,
        detail,
        retryable=False if status == 501 else None,
        retry_after_s=_wait_s(code, said) if retry_after is None else retry_after,
        status=status,
        request_id=request_id,
        parameter=parameter,
    )


def from_chunk(value: object, key: str = "", sent: Sent = NOTHING) -> ModelError:
    """The error in a chunk of a stream, or in a body under 200: `value` is the whole JSON object."""
    names, said = _names_and_words(value, key)
    said = sent.cut_from(said)
    code, parameter = _classify(0, names, said, None)
    detail = redact(_describe(names, said), [key])
    return fault(code, detail, retry_after_s=_wait_s(code, said), status=200, parameter=parameter)


def from_exception(error: Exception, *, begun: bool, key: str = "") -> ModelError:
    """What httpx raised, before (`begun` False) or after the head of the response had come.

    The messages of read errors are empty (https://github.com/encode/httpx), so the type is named too. Those of
    LocalProtocolError and InvalidURL may quote what we sent, so only the type is.
    """
    name = type(error).__name__
    detail = redact(f"{name}: {error}".removesuffix(": "), [key])
    match error:
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return fault(Code.WRONG_URL, name)
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


def looks_like_error(value: Mapping[str, Any]) -> bool:
    """Is this JSON object an error in one of the shapes that endpoints use, rather than a part of an answer?"""
    if value.get("error"):
        return True
    if value.get("choices") is not None or value.get("usage"):
        return False
    return (
        value.get("object") == "error"
        or value.get("type") == "error"
        or value.get("success") is False
        or any(
            isinstance(value.get(name), str) and value[name] for name in ("message", "msg", "errmsg", "detail")
        )
    )


def plain(text: str, key: str = "") -> str:
    """`text` in one line, HTML without its tags and at most 200 characters of it. `key` is taken out before anything
    is cut off, so that no part of it is left."""
    if len(key) >= _SECRET_LENGTH:
        text = text.replace(key, "[redacted]")
    if not text.lstrip().startswith("<"):
        return " ".join(text.split())[:DETAIL_LENGTH]
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)|<[^>]*>?", " ", text[:20_000])
    return " ".join(text.split())[:HTML_LENGTH]


def own_words(text: str, key: str = "", sent: Sent = NOTHING) -> str:
    """`plain`, without what was sent: fit for the log."""
    return sent.cut_from(plain(text, key))


def _where(location: str) -> str:
    """Where a redirect leads to: the host, or the path on the same one. No name, password or query."""
    try:
        where = urlsplit(location)
    except ValueError:
        return "an address that is none"
    host = where.netloc.rpartition("@")[2]
    return f"{where.scheme}://{host}" if host else f"another path, {where.path}"


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait an endpoint asks for: retry-after-ms, Retry-After in seconds or as an HTTP date, or the name
    under which LiteLLM passes it on. A date is held to the response's own Date, or to `now`."""
    ms = _number(headers.get("retry-after-ms", ""))
    if ms is not None:
        return ms / 1000
    for name in ("retry-after", "llm_provider-retry-after"):
        value = headers.get(name, "")
        seconds = _number(value)
        if seconds is None and (then := _date(value)) is not None:
            seconds = max(0.0, (then - (_date(headers.get("date", "")) or now)).total_seconds())
        if seconds is not None:
            return seconds
    return None


def _wait_s(code: Code, said: str) -> float | None:
    """The wait in the words of an endpoint that is busy."""
    found = _WAIT.search(said.lower()) if code in (Code.RATE_LIMITED, Code.SERVER_ERROR) else None
    if found is None:
        return None
    parts = re.findall(r"([\d.]+) ?(ms|milli|[hms秒分小])", found[0])
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def request_id_of(headers: Mapping[str, str]) -> str:
    return next((headers[name][:100] for name in _REQUEST_IDS if headers.get(name)), "")


def _classify(status: int, names: set[str], said: str, retry_after: float | None) -> tuple[Code, str]:
    """The code, and the repair of the request that the refusal asks for (`core.model.repairs`)."""
    said = said.lower()
    if form := form_of(status, said):
        return Code.BAD_REQUEST, form
    if status == 402 and retry_after is not None:
        return Code.RATE_LIMITED, ""
    for rule in _RULES:
        if rule.fits(status, names, said):
            # Google words a limit per minute as it does a used-up plan, but says when to come back.
            waits = status == 429 and rule.code is Code.NO_MONEY and not rule.named(names)
            return Code.RATE_LIMITED if waits and _WAIT.search(said) else rule.code, ""
    if field := field_of(status, said):
        return Code.BAD_REQUEST, field
    if status == 0:  # OpenRouter and LiteLLM give the status that would have been as the code
        told = {"402": Code.NO_MONEY, "429": Code.RATE_LIMITED}
        return next((told[name] for name in names if name in told), Code.ERROR_IN_STREAM), ""
    if status < 300:
        return Code.EMPTY, ""
    return _BY_STATUS.get(status, Code.SERVER_ERROR if status >= 500 else Code.BAD_REQUEST), ""


def _names_and_words(value: object, key: str) -> tuple[set[str], str]:
    """The codes and types (lower case) and the words of an error body, whatever its shape."""
    names: set[str] = set()
    words: list[str] = []

    def gather(value: object, depth: int) -> None:
        if isinstance(value, str):
            if value.strip():
                words.append(plain(value, key))
        elif isinstance(value, list) and depth:
            for item in value[:5]:
                gather(item, depth - 1)
        elif isinstance(value, dict) and depth:
            for name in ("code", "type", "error_code"):
                if isinstance(value.get(name), str | int):
                    names.add(plain(str(value[name]), key).lower())
            for name in _WORDS_UNDER:
                gather(value.get(name), depth - 1)

    gather(value, depth=5)
    return names, "; ".join(dict.fromkeys(words))


def _describe(names: set[str], said: str) -> str:
    kinds = ", ".join(sorted(names - {"none"}))
    return f"{said} [{kinds}]" if kinds else said


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
