"""The content of people's files. Needs the scope files:read.

https://docs.slack.dev/reference/methods/files.info and https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from bots.downloads import DEADLINE_S, WebPageError, to_file_error
from bots.slack.attached_files import is_web_page, to_attached
from bots.slack.errors import reason_of
from bots.slack.web import Web
from core.errors import Code, PlatformError
from core.ports.files import FileContent, FileError
from core.values.parts import File, FileProblem

Payload = Mapping[str, Any]

_NO_SCOPE = "the scope files:read is missing: add it to the app, and install the app again"
_THUMBNAIL = re.compile(r"thumb_(\d+)")


class _ScopeMissingError(Exception):
    """files.info is refused to the app."""


async def fetch(web: Web, file: File, limit: int) -> FileContent:
    """The content of `file`, at most `limit` bytes, within `DEADLINE_S`.

    Raises FileError and nothing else. Its cause is PlatformError(APP_SETUP) where the app lacks a scope.
    """
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await _content(web, await _info(web, file.source), limit)
    except TimeoutError:
        raise FileError(FileProblem.UNAVAILABLE, f"not within {DEADLINE_S:.0f} s") from None
    except (WebPageError, _ScopeMissingError):
        # The web page is a form to sign in. Slack sends it with status 200.
        raise FileError(FileProblem.NOT_ALLOWED, _NO_SCOPE) from PlatformError(Code.APP_SETUP, _NO_SCOPE)


async def _info(web: Web, source: str) -> Payload:
    """Slack's current data of a file: a message may have only its id, and its URL may change."""
    try:
        response: Payload = (await web.read("files.info", {"file": source}))["file"]
    except PlatformError as error:
        if reason_of(error) == "missing_scope":
            raise _ScopeMissingError from error
        raise to_file_error(error) from error
    return response


async def _content(web: Web, info: Payload, limit: int) -> FileContent:
    known = to_attached(info)
    if not isinstance(known, File):
        raise FileError(FileProblem.UNKNOWN_TYPE, known.kind)
    if known.problem is not None:
        raise FileError(known.problem, str(info.get("mode")))
    if copy := _copy_of_photo(info):
        return FileContent(known.name, "", await web.download(copy, limit))
    url = str(info.get("url_private_download") or info.get("url_private") or "")
    data = await web.download(url, limit, size=known.size, page=is_web_page(info))
    return FileContent(known.name, known.media_type, data)


def _copy_of_photo(info: Payload) -> str:
    """The largest of Slack's own copies of a picture in HEIC, which few programs read; empty for other files."""
    if info.get("mimetype") not in ("image/heic", "image/heif"):
        return ""
    sizes = [int(found[1]) for name in info if (found := _THUMBNAIL.fullmatch(name))]
    return str(info[f"thumb_{max(sizes)}"]) if sizes else ""
