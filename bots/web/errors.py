"""The refusals of the page's API: one row each, with its status; its phrase is `request_<reason>`."""

from __future__ import annotations

from enum import StrEnum

from core.files.extractor import LARGEST, LARGEST_FILE
from core.files.kinds import FileKind
from core.i18n import language_of, phrase

TEXT_LIMIT = 32_000
"""The longest message, in characters."""

FILES_LIMIT = 5
"""The most files of one message."""
FILE_LIMIT_BYTES = LARGEST_FILE
PICTURE_LIMIT_BYTES = LARGEST[FileKind.PICTURE]

RETRY_AFTER_S = 5


class Reason(StrEnum):
    """The reason why a request is refused. Each has its HTTP status and its sentence."""

    WRONG_HOST = "wrong_host"
    CROSS_SITE = "cross_site"
    NOT_JSON = "not_json"
    MALFORMED = "malformed"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_SLOW = "too_slow"
    TOO_MANY_FILES = "too_many_files"
    FILE_TOO_LARGE = "file_too_large"
    FILES_TOO_LARGE = "files_too_large"
    COMMAND_FILES = "command_files"
    NO_FILE = "no_file"
    BUSY = "busy"
    STREAMS = "streams"
    NO_THREAD = "no_thread"
    OUT_OF_DATE = "out_of_date"
    UNANSWERED = "unanswered"
    DRAINING = "draining"
    STARTING = "starting"
    STORE = "store"


STATUSES = {
    Reason.WRONG_HOST: 421,
    Reason.CROSS_SITE: 403,
    Reason.NOT_JSON: 415,
    Reason.MALFORMED: 400,
    Reason.EMPTY: 400,
    Reason.TOO_LONG: 413,
    Reason.TOO_SLOW: 408,
    Reason.TOO_MANY_FILES: 413,
    Reason.FILE_TOO_LARGE: 413,
    Reason.FILES_TOO_LARGE: 413,
    Reason.COMMAND_FILES: 400,
    Reason.NO_FILE: 404,
    Reason.BUSY: 503,
    Reason.STREAMS: 429,
    Reason.NO_THREAD: 404,
    Reason.OUT_OF_DATE: 409,
    Reason.UNANSWERED: 403,
    Reason.DRAINING: 503,
    Reason.STARTING: 503,
    Reason.STORE: 503,
}


class RequestError(Exception):
    """A request that is not done, and why. `fields` are those of its sentence."""

    def __init__(self, reason: Reason, **fields: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = STATUSES[reason]
        self._fields = dict[str, str | int](n=TEXT_LIMIT) | fields

    def words(self, locale: str) -> str:
        return phrase(f"request_{self.reason}", language_of(locale), **self._fields)
