"""The Web API call that performs an OutgoingCall, and the rate limits that apply to it. Pure.

Calls: https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, chat.startStream,
chat.appendStream, chat.stopStream and chat.delete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bots.slack.mrkdwn import disarmed, disarmed_mrkdwn, disarmed_piece
from bots.slack.outgoing import Content, page_to_content, under
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    PostMessage,
    RateLimit,
    StartStream,
    StopStream,
    TaskState,
    ToolTask,
    UploadFile,
)

METADATA = "parley_answer"

# Bursts and per minute. The tiers are published ("50+ per minute"), for one method in one workspace; bursts are
# not. https://docs.slack.dev/apis/web-api/rate-limits
_TIERS: dict[type[OutgoingCall], tuple[str, float, float, float]] = {
    EditMessage: ("chat.update", 10, 50, 3),
    StartStream: ("chat.startStream", 10, 20, 0),
    AppendStream: ("chat.appendStream", 20, 100, 0),
    StopStream: ("chat.stopStream", 10, 20, 0),
    DeleteMessage: ("chat.delete", 10, 50, 0),
    UploadFile: ("files.completeUploadExternal", 10, 100, 0),
}

_STATUSES = {TaskState.RUNNING: "in_progress", TaskState.DONE: "complete", TaskState.FAILED: "error"}


def rate_limits(call: OutgoingCall) -> tuple[RateLimit, ...]:
    """Posts: one a second in a channel with short bursts, and "several hundred" a minute in a workspace."""
    team = f"slack/{call.place.team}"
    if isinstance(call, PostMessage):
        posts = f"{team}/chat.postMessage"
        return (RateLimit(f"{posts}/{call.place.channel}", 3, 1), RateLimit(posts, 20, 5))
    method, burst, per_min, reserve = _TIERS[type(call)]
    return (RateLimit(f"{team}/{method}", burst, per_min / 60, reserve=reserve),)


def outgoing_to_api_call(call: OutgoingCall, content: Content | None = None) -> tuple[str, Content]:
    """The method and its arguments. `content` replaces the page's own conversion."""
    where: Content = {"channel": call.place.channel}
    match call:
        case PostMessage():
            api_call = _fixed | {"unfurl_links": False, "unfurl_media": False, "metadata": _metadata(call.key)}
            thread = {"thread_ts": call.place.thread} if call.place.thread else {}
            return "chat.postMessage", where | api_call | (content or page_to_content(call.page)) | thread
        case EditMessage():
            shown = content or page_to_content(call.page)
            mark = {"metadata": _metadata(call.key)} if call.key else {}
            return "chat.update", where | _fixed | shown | mark | {"ts": call.message_id}
        case StartStream():
            reader = {"recipient_team_id": call.place.team, "recipient_user_id": call.reader}
            chunks = _chunks(disarmed_piece(call.text), call.tasks)
            return "chat.startStream", where | {"thread_ts": call.place.thread} | reader | chunks
        case AppendStream():
            chunks = _chunks(disarmed_piece(call.text, call.after), call.tasks)
            return "chat.appendStream", where | {"ts": call.message_id} | chunks
        case StopStream():
            last = _chunks(disarmed(call.text, call.after), call.tasks)
            if blocks := under(call.notice, call.buttons, call.sources):
                last["blocks"] = blocks
            done = {"ts": call.message_id, "metadata": _metadata(call.key)}
            return "chat.stopStream", where | done | last
        case DeleteMessage():
            return "chat.delete", where | {"ts": call.message_id}
    raise TypeError(f"{type(call).__name__} is not a single call")


def _chunks(text: str, tasks: Iterable[ToolTask]) -> Content:
    """The argument `chunks`: the text, and an update for each task. Empty where there is neither.

    A stream takes either `chunks` or `markdown_text`, from its first call to its last:
    https://docs.slack.dev/reference/methods/chat.appendStream#errors
    """
    chunks: list[Content] = [{"type": "markdown_text", "text": text}] if text else []
    chunks += [
        {
            "type": "task_update",
            "id": task.id,
            "title": disarmed_mrkdwn(task.title),
            "status": _STATUSES[task.state],
        }
        for task in tasks
    ]
    return {"chunks": chunks} if chunks else {}


def is_left_by(call: PostMessage | StartStream | UploadFile, message: Mapping[str, Any]) -> bool:
    """True if a message of ours, behind the question, is the one that an uncertain call left.

    A message that grows has no metadata until it is stopped or edited, and in a thread only the turn that is
    being answered has one: its words may be others than those of the process that began it.
    """
    match call:
        case PostMessage() | StartStream():
            metadata = message.get("metadata") or {}
            key = (metadata.get("event_payload") or {}).get("key")
            grows = bool(call.place.thread) and not metadata and not message.get("files")
            return grows or (metadata.get("event_type") == METADATA and key == call.key)
        case UploadFile():
            return any(file.get("name") == call.name for file in message.get("files") or ())


# Only what `outgoing` wrote is to be read as markup: no names, no channels, no previews.
_fixed: Content = {"parse": "none", "link_names": False}


def _metadata(key: str) -> Content:
    """The metadata by which a message whose posting was uncertain is found again."""
    return {"event_type": METADATA, "event_payload": {"key": key}}
