"""The Events API, interactions and commands over HTTP: signed requests to an app's URLs, and what it answers.

https://docs.slack.dev/apis/events-api/, https://docs.slack.dev/authentication/verifying-requests-from-slack/,
https://docs.slack.dev/interactivity/handling-user-interaction/#payloads
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

Json = dict[str, Any]

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
PATHS = {
    "events_api": "/slack/events",
    "interactive": "/slack/interactions",
    "slash_commands": "/slack/commands",
}


@dataclass(frozen=True, slots=True)
class Response:
    """`problem`: the retry reason, empty where the request was acknowledged."""

    status: int = 0
    body: Json = field(default_factory=dict)
    problem: str = ""
    no_retry: bool = False


class Requests:
    """Sends to the app at `url`, signed with `secret`. `clock_off_s`: how far the timestamps are from the real
    time."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret
        self.clock_off_s = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, kind: str, payload: Json, number: int, reason: str, timeout_s: float) -> Response:
        """One attempt: the first has the number 0."""
        body, content_type = encoded(kind, payload)
        headers = self.headers(body) | {"Content-Type": content_type}
        if number:
            headers |= {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason or "http_timeout"}
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(PATHS[kind], body, headers)
        except TimeoutError:
            return Response(problem="http_timeout")
        except (aiohttp.ClientError, OSError):
            return Response(problem="connection_failed")

    async def verify(self, challenge: str = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P") -> bool:
        """True if the app proves that the URL is its own: https://docs.slack.dev/reference/events/url_verification"""
        body = json.dumps({"token": "t", "challenge": challenge, "type": "url_verification"}).encode()
        response = await self._post(PATHS["events_api"], body, self.headers(body) | {"Content-Type": JSON})
        return response.status == 200 and response.body.get("challenge") == challenge

    def headers(self, body: bytes) -> dict[str, str]:
        """A timestamp, and the signature of both."""
        timestamp = str(int(time.time() + self.clock_off_s))
        signed = hmac.new(self.secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={signed.hexdigest()}"}

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Response:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        named = {"Host": "parley.example"} | headers
        async with self._session.post(f"{self.url}{path}", data=body, headers=named) as answer:
            text = await answer.text()
            no_retry = answer.headers.get("X-Slack-No-Retry") == "1"
            if answer.status != 200:
                return Response(answer.status, problem="http_error", no_retry=no_retry)
            shown = json.loads(text) if answer.content_type == JSON else {"text": text} if text else {}
            return Response(answer.status, shown, no_retry=no_retry)


def encoded(kind: str, payload: Json) -> tuple[bytes, str]:
    """The body of a request, and its content type."""
    if kind == "events_api":
        return json.dumps(payload).encode(), JSON
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields).encode(), FORM
