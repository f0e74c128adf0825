"""Signed HTTP requests of Slack: their signature and their payload. Pure.

https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
"""The content types of Slack's requests: events come as JSON, commands and interactions as forms."""

WINDOW_S = 300
"""A request whose timestamp is further from now than this is refused: it may have been recorded."""

_SECONDS = re.compile(r"[0-9]{1,15}")
_FIELDS_MAX = 200


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of version v0, over the bytes as they came."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={digest.hexdigest()}"


def is_signed(secret: str, timestamp: str, body: bytes, signature: str) -> bool:
    """True if `signature` is that of the request. Compared in a time that does not depend on the signature."""
    expected = signature_of(secret, timestamp, body).encode()
    return hmac.compare_digest(expected, signature.encode(errors="replace"))  # aiohttp passes on any bytes


def seconds_off(timestamp: str, now_s: float) -> float | None:
    """The distance of the timestamp from now in seconds; None where it is no timestamp."""
    return abs(now_s - int(timestamp)) if _SECONDS.fullmatch(timestamp) else None


def body_to_payload(content_type: str, body: bytes) -> Json:
    """The payload as Socket Mode would have it. Raises ValueError.

    A form holds the fields of a command, or an interaction as JSON in the field `payload`.
    https://docs.slack.dev/interactivity/handling-user-interaction/#payloads
    """
    if content_type == JSON:
        return _json_to_payload(body)
    text = body.decode()
    fields = dict(
        parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_FIELDS_MAX)
    )
    return _json_to_payload(fields["payload"]) if "payload" in fields else fields


def _json_to_payload(text: str | bytes) -> Json:
    try:
        payload = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(payload, dict):
        raise ValueError("not an object")
    return payload
