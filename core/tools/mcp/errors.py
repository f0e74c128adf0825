"""The causes for which a server gives no result."""

from __future__ import annotations

LOST = "The connection to the server was lost before the call was answered."
TOO_LONG = "The result is too large to be read. Ask for less, such as fewer entries or one page."
GARBLED = "The server's answer can't be understood."
REFUSED = "The server refused the call: {why}."
SLOW = "The server gave no answer within {seconds:g} seconds, so the call was cancelled."


class ServerCallError(Exception):
    """A request that a server did not answer. `reason` is for the model and for the log, and may hold the server's
    words.

    `lost`: another connection may answer it. `begun`: the server may have begun with it. `timed_out`: it took too long.
    """

    def __init__(self, reason: str, *, lost: bool = False, begun: bool = True, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lost = lost
        self.begun = begun
        self.timed_out = timed_out
