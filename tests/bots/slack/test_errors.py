"""The table of faults: nothing that Slack documents and nothing that aiohttp raises is missing."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import slack_sdk.errors
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.errors import REASONS, WIRE, blocks_refused, reason_of, to_platform_error
from core.errors import Code, PlatformError

ERRORS = Path(__file__).parents[2] / "payloads" / "slack" / "errors.json"

# Reasons about files and drafts, which no call of ours has.
OF_OTHERS = ("draft", "duplicate", "file", "sharing", "clip", "external_channel_migrating")

# The only ones after which it is certain that Slack was not asked.
BEFORE_SENDING = {
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientHttpProxyError",
    "ClientProxyConnectionError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "UnixClientConnectorError",
}


def refused(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> PlatformError:
    response = AsyncSlackResponse(
        client=AsyncWebClient(),
        http_verb="POST",
        api_url="http://127.0.0.1/api/chat.postMessage",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )
    cause = SlackApiError("refused", response)  # type: ignore[no-untyped-call]
    error = to_platform_error(cause, "chat.postMessage")
    error.__cause__ = cause
    return error


def documented() -> set[str]:
    return {reason for reasons in json.loads(ERRORS.read_text()).values() for reason in reasons}


def test_every_documented_reason_is_in_the_table() -> None:
    reasons = sorted(documented())
    assert len(reasons) > 100
    assert [one for one in reasons if one not in REASONS and not any(word in one for word in OF_OTHERS)] == []
    codes = {reason: refused({"ok": False, "error": reason}).code for reason in reasons}
    assert codes == {reason: REASONS.get(reason, Code.REJECTED) for reason in reasons}


def _aiohttp_errors() -> dict[str, type[Exception]]:
    found = vars(client_exceptions).values()
    return {e.__name__: e for e in found if inspect.isclass(e) and issubclass(e, aiohttp.ClientError)}


def test_exactly_the_faults_before_sending_are_certain() -> None:
    certain = {
        name
        for name, kind in _aiohttp_errors().items()
        if next(code for known, code in WIRE if issubclass(kind, known)) is not Code.UNCERTAIN
    }
    assert certain == BEFORE_SENDING


def test_every_error_of_the_sdk_has_a_code() -> None:
    for kind in vars(slack_sdk.errors).values():
        if inspect.isclass(kind) and issubclass(kind, Exception):
            assert any(issubclass(kind, known) for known, _ in WIRE)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), Code.UNCERTAIN),
        (ConnectionResetError(), Code.UNCERTAIN),
        (aiohttp.ServerDisconnectedError(), Code.UNCERTAIN),
        (aiohttp.SocketTimeoutError(), Code.UNCERTAIN),
        (aiohttp.ConnectionTimeoutError(), Code.UNAVAILABLE),
        (
            aiohttp.ClientConnectorError(
                ConnectionKey("127.0.0.1", 1, False, True, None, None, None), OSError(111, "refused")
            ),
            Code.UNAVAILABLE,
        ),
        (AttributeError("'str' object has no attribute 'get'"), Code.UNCERTAIN),  # the SDK, met by text/plain
    ],
)
def test_the_wires_faults(error: Exception, code: Code) -> None:
    fault = to_platform_error(error, "chat.postMessage")
    assert (fault.code, fault.certain, fault.retryable) == (code, code is not Code.UNCERTAIN, True)
    assert fault.detail == f"chat.postMessage: {type(error).__name__}"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"ok": False, "error": "ratelimited"}, 429, Code.SLOW_DOWN),
        ({}, 429, Code.SLOW_DOWN),
        ({"ok": False, "error": "internal_error"}, 503, Code.UNAVAILABLE),
        ("<html>bad gateway</html>", 502, Code.UNAVAILABLE),
        ("<html>too late</html>", 504, Code.UNCERTAIN),
        ({}, 200, Code.UNCERTAIN),
        ({"ok": False, "error": "brand_new"}, 200, Code.REJECTED),
        ({"ok": False}, 200, Code.REJECTED),
    ],
)
def test_status_and_body_together_tell(data: Any, status: int, code: Code) -> None:
    assert refused(data, status).code is code


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({}, 1),
        ({"Retry-After": "?"}, 1),
        ({"Retry-After": "inf"}, 1),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:20 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 20),
    ],
)
def test_a_limit_always_says_how_long(headers: dict[str, str], seconds: float) -> None:
    assert refused({"ok": False, "error": "ratelimited"}, 429, headers).retry_after_s == seconds


def test_the_operator_is_told_what_is_missing() -> None:
    data = {"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "chat:write"}
    assert refused(data).detail == "chat.postMessage: missing_scope; needs the scope users:read"
    pointed = {
        "ok": False,
        "error": "invalid_blocks",
        "response_metadata": {"messages": ["[ERROR] at /blocks/0"]},
    }
    assert refused(pointed).detail == "chat.postMessage: invalid_blocks; [ERROR] at /blocks/0"


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("invalid_blocks", True),
        ("invalid_blocks_format", True),
        ("msg_blocks_too_long", True),
        ("block_mismatch", True),
        ("invalid_arguments", True),
        ("msg_too_long", False),
        ("channel_not_found", False),
    ],
)
def test_refused_blocks_are_told_from_refused_words(reason: str, answer: bool) -> None:
    assert blocks_refused(refused({"ok": False, "error": reason})) is answer
    assert reason_of(refused({"ok": False, "error": reason})) == reason


def test_a_broken_wire_refused_no_blocks() -> None:
    assert not blocks_refused(to_platform_error(TimeoutError(), "chat.update"))
