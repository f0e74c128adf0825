"""The files of a message, from Slack's description of them. Pure.

https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.values.parts import Attached, File, FileProblem, Unread

Payload = Mapping[str, Any]

_UNREAD = {
    **dict.fromkeys(("canvas", "quip", "space", "application/vnd.slack-docs"), "canvas"),
    **dict.fromkeys(("list", "application/vnd.slack-list"), "list"),
}
_PROBLEMS = {
    "tombstone": FileProblem.NOT_FOUND,
    "hidden_by_limit": FileProblem.NOT_FOUND,
    "file_not_found": FileProblem.NOT_FOUND,
    "access_denied": FileProblem.NOT_ALLOWED,
    "external": FileProblem.NOT_ALLOWED,  # it is on another service, for which there is no token
}


def files_of(holder: Payload) -> tuple[Attached, ...]:
    """The files of a message or of a forward, each once. `File.source` is Slack's id."""
    files: dict[Any, Attached] = {}
    for file in holder.get("files") or ():
        files.setdefault(file.get("id") or len(files), to_attached(file))
    return tuple(files.values())


def to_attached(file: Payload) -> File | Unread:
    """A file as far as Slack describes it: of some it gives the id alone."""
    kinds = [str(file.get(field) or "") for field in ("mode", "file_access", "filetype", "mimetype")]
    unread = next((_UNREAD[kind] for kind in kinds if kind in _UNREAD), None)
    if unread is not None:
        return Unread(unread)
    external = ["external"] if file.get("is_external") else []
    problem = next((_PROBLEMS[kind] for kind in (*kinds[:2], *external) if kind in _PROBLEMS), None)
    name = str(file.get("name") or file.get("title") or "")
    return File(
        name,
        media_type_of(file),
        problem=problem,
        size=int(file.get("size") or 0),
        source=str(file.get("id") or ""),
    )


def media_type_of(file: Payload) -> str:
    """A voice clip is MP4 with sound alone, which Slack may call `video/mp4`."""
    media_type = str(file.get("mimetype") or "")
    return media_type.replace("video/", "audio/", 1) if file.get("subtype") == "slack_audio" else media_type


def is_web_page(file: Payload) -> bool:
    """True if the content may itself be HTML: that of a page, of an e-mail, or of a post, Slack's own kind of text."""
    return file.get("mode") in ("post", "email") or "html" in (file.get("filetype"), media_type_of(file)[5:])
