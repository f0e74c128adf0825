"""Discord's refusals: status, number and words.

https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from __future__ import annotations

from typing import Any

REFUSALS: dict[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    40060: (400, "Interaction has already been acknowledged."),
    40067: (400, "A tag is required to create a forum post in this channel"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50024: (403, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50083: (400, "Thread is archived"),
    50240: (400, "You cannot remove this app's Entry Point command in a bulk update operation."),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
    160005: (403, "Thread is locked"),
}


class Refusal(Exception):  # noqa: N818 - the word for what it is
    """An answer other than 2xx: ``Refusal(10003)``."""

    def __init__(self, code: int, *, status: int | None = None, message: str | None = None) -> None:
        known_status, known_message = REFUSALS.get(code, (400, "Bad Request"))
        self.status = status or known_status
        self.body: dict[str, Any] = {"message": message or known_message, "code": code}
        self.headers: dict[str, str] = {}
        super().__init__(f"{self.status} {self.body}")


class InvalidForm(Refusal):
    """50035 with the tree of errors: ``InvalidForm("content", "BASE_TYPE_MAX_LENGTH", "...")``.

    https://docs.discord.com/developers/reference#error-messages
    """

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(50035, status=400, message="Invalid Form Body")
        tree: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
        for name in reversed(field.split(".")):
            tree = {name: tree}
        self.body["errors"] = tree


class Limited(Refusal):
    """429. The ``Via`` header distinguishes it from a ban at the edge; discord.py gives up without it.

    https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit
    """

    def __init__(
        self, retry_after_s: float, *, scope: str = "user", code: int = 0, message: str | None = None
    ) -> None:
        super().__init__(code, status=429, message=message or "You are being rate limited.")
        self.body |= {"retry_after": round(retry_after_s, 3), "global": scope == "global"}
        if not code:
            del self.body["code"]
        self.headers = {
            "Via": "1.1 google",
            "Retry-After": str(max(1, round(retry_after_s + 0.4999))),
            "X-RateLimit-Scope": scope,
        }
        if scope == "global":
            self.headers["X-RateLimit-Global"] = "true"
