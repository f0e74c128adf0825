"""From a Stroke to the call that performs it, and to the budgets that it draws on. Pure.

Calls: https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, chat.startStream,
chat.appendStream, chat.stopStream and chat.delete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.slack.mrkdwn import disarmed, disarmed_piece
from bots.slack.outgoing import Content, page_to_content, under
from core.values.outgoing import Append, Budget, Delete, Edit, Post, Start, Stop, Stroke, Upload

METADATA = "parley_answer"
_KEY = re.compile(r"turn-(\d+)-")

# Bursts and per minute. The tiers are published ("50+ per minute"), for one method in one workspace; bursts are
# not. https://docs.slack.dev/apis/web-api/rate-limits
_TIERS: dict[type[Stroke], tuple[str, float, float, float]] = {
    Edit: ("chat.update", 10, 50, 3),
    Start: ("chat.startStream", 10, 20, 0),
    Append: ("chat.appendStream", 20, 100, 0),
    Stop: ("chat.stopStream", 10, 20, 0),
    Delete: ("chat.delete", 10, 50, 0),
    Upload: ("files.completeUploadExternal", 10, 100, 0),
}


def budgets(stroke: Stroke) -> tuple[Budget, ...]:
    """Posts: one a second in a channel with short bursts, and "several hundred" a minute in a workspace."""
    team = f"slack/{stroke.place.team}"
    if isinstance(stroke, Post):
        posts = f"{team}/chat.postMessage"
        return (Budget(f"{posts}/{stroke.place.channel}", 3, 1), Budget(posts, 20, 5))
    method, burst, per_min, reserve = _TIERS[type(stroke)]
    return (Budget(f"{team}/{method}", burst, per_min / 60, reserve=reserve),)


def stroke_to_call(stroke: Stroke, content: Content | None = None) -> tuple[str, Content]:
    """The method and its arguments. `content` stands for what a page would be shown as."""
    where: Content = {"channel": stroke.place.channel}
    match stroke:
        case Post():
            call = _fixed | {"unfurl_links": False, "unfurl_media": False, "metadata": _metadata(stroke.key)}
            thread = {"thread_ts": stroke.place.thread} if stroke.place.thread else {}
            return "chat.postMessage", where | call | (content or page_to_content(stroke.page)) | thread
        case Edit():
            shown = content or page_to_content(stroke.page)
            mark = {"metadata": _metadata(stroke.key)} if stroke.key else {}
            return "chat.update", where | _fixed | shown | mark | {"ts": stroke.message_id}
        case Start():
            reader = {"recipient_team_id": stroke.place.team, "recipient_user_id": stroke.reader}
            text = {"markdown_text": disarmed_piece(stroke.text)}
            return "chat.startStream", where | {"thread_ts": stroke.place.thread} | reader | text
        case Append():
            return "chat.appendStream", where | {
                "ts": stroke.message_id,
                "markdown_text": disarmed_piece(stroke.text, stroke.after),
            }
        case Stop():
            last: dict[str, Any] = {"markdown_text": disarmed(stroke.text, stroke.after)} if stroke.text else {}
            if blocks := under(stroke.notice, stroke.buttons):
                last["blocks"] = blocks
            done = {"ts": stroke.message_id, "metadata": _metadata(stroke.key)}
            return "chat.stopStream", where | done | last
        case Delete():
            return "chat.delete", where | {"ts": stroke.message_id}
    raise TypeError(f"{type(stroke).__name__} is not a single call")


def is_left_by(stroke: Post | Start | Upload, message: Mapping[str, Any]) -> bool:
    """Whether a message of ours, behind the question, is what an uncertain stroke left.

    A message that grows has no metadata until it is stopped or edited, and in a thread only the turn that is
    being answered has one: its words may be others than those of the process that began it.
    """
    match stroke:
        case Post() | Start():
            metadata = message.get("metadata") or {}
            key = (metadata.get("event_payload") or {}).get("key")
            grows = bool(stroke.place.thread) and not metadata and not message.get("files")
            return grows or (metadata.get("event_type") == METADATA and key == stroke.key)
        case Upload():
            return any(file.get("title") == upload_to_title(stroke) for file in message.get("files") or ())


def turn_of(key: str) -> int | None:
    """The turn whose answer a stroke of this key begins, or None for others' keys."""
    found = _KEY.match(key)
    return int(found[1]) if found else None


def upload_to_title(upload: Upload) -> str:
    """The name, and in it the key by which the file is found again."""
    stem, _, ending = upload.name.rpartition(".")
    return f"{stem} {upload.key}.{ending}"


# Only what `outgoing` wrote is to be read as markup: no names, no channels, no previews.
_fixed: Content = {"parse": "none", "link_names": False}


def _metadata(key: str) -> Content:
    """By which a message whose posting was uncertain is found again."""
    return {"event_type": METADATA, "event_payload": {"key": key}}
