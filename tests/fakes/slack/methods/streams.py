"""Messages that grow: chat.startStream, appendStream and stopStream."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.slack import blocks as block_kit
from tests.fakes.slack.payloads import BOT, BOT_USER
from tests.fakes.slack.workspace import Message, SlackError, Stream, Workspace

from .chat import MARKDOWN_TEXT_MAX, metadata_of, own, parent, posted
from .table import STATUSES, checked, method, writable

Json = dict[str, Any]

TASK_FIELDS = {"type", "id", "title", "status", "details", "output", "sources"}
TASK_STATUSES = {"pending", "in_progress", "complete", "error"}
TASK_TEXT_MAX = 256  # documented, though a live workspace took more (vercel/chat#886)


@method("chat.startStream", "channel", "thread_ts", scope="chat:write")
def start_stream(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel"])
    if channel.kind != "im":
        for needed in ("recipient_team_id", "recipient_user_id"):
            if not args.get(needed):
                raise SlackError(f"missing_{needed}")
    reader = space.people.get(args.get("recipient_user_id", BOT_USER))
    if reader is None:
        raise SlackError("user_not_found")
    # The team of the person, who may be of another one (timescale/tiger-agents-for-work#231); the word is a guess.
    if args.get("recipient_team_id", reader.team) != reader.team:
        raise SlackError("team_not_found")
    message = Message(channel.id, space.new_ts(), BOT_USER, thread_ts=parent(channel, args), bot_id=BOT)
    message.stream = Stream(space.clock.now, space.clock.now() + space.stream_lifetime_s)
    grow = _growth(space, message, args)
    grow(message)
    space.post(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", "channel", "ts", scope="chat:write")
def append_stream(space: Workspace, args: Json) -> Json:
    message = _growing(space, args)
    if message.stream and message.stream.state == "stopped_by_user":
        raise SlackError("stopped_by_user")
    if not args.get("markdown_text") and not args.get("chunks"):
        raise SlackError("no_text")
    space.change(message, _growth(space, message, args), quiet=True)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream", "channel", "ts", scope="chat:write")
def stop_stream(space: Workspace, args: Json) -> Json:
    message = _growing(space, args)
    grow = _growth(space, message, args)
    tail = checked(space, args.get("blocks") or [])
    metadata = metadata_of(args) or message.metadata
    status = args.get("session_status")
    if status is not None and status not in STATUSES:
        raise SlackError("invalid_arguments")

    def alter(message: Message) -> None:
        grow(message)
        message.blocks = block_kit.completed(message.blocks + tail)
        message.metadata = metadata
        if message.stream:
            message.stream.state = "closed"

    space.change(message, alter)
    if status:
        space.sessions[message.channel, message.root] = {"status": status}
    return posted(space, message)


def _growing(space: Workspace, args: Json) -> Message:
    """The streaming message; it closes by itself 5 minutes after its start (slackapi/python-slack-sdk#1859)."""
    message = own(space, args, "message_not_owned_by_app")
    if message.stream is None or not message.stream.alive:
        raise SlackError("message_not_in_streaming_state")
    return message


def _growth(space: Workspace, message: Message, args: Json) -> Callable[[Message], None]:
    """The text and tasks that this call adds, if it is allowed.

    A call takes 12,000 characters (documented); a message about 10,600 UTF-8 bytes in all (openclaw#143882). A stream
    takes either text or chunks, from its first call to its last (hermes-agent#104173).
    """
    chunks: list[Json] = args.get("chunks") or []
    if chunks and args.get("markdown_text"):
        raise SlackError("cannot_provide_both_markdown_text_and_chunks")
    mode = "chunks" if chunks else "text" if args.get("markdown_text") else ""
    if message.stream and mode and message.stream.mode not in ("", mode):
        raise SlackError("streaming_mode_mismatch")
    if mode == "text":
        chunks = [{"type": "markdown_text", "text": args["markdown_text"]}]
    added = [_chunk(space, chunk) for chunk in chunks]
    text = "".join(words for words, _ in added)
    extra = [block for _, blocks in added for block in blocks]
    if len(text) > MARKDOWN_TEXT_MAX:
        raise SlackError("msg_too_long")
    size_bytes = len(text.encode()) + sum(len(json.dumps(b, ensure_ascii=False).encode()) for b in extra)
    stream = message.stream
    if stream and stream.size_bytes + size_bytes > space.stream_cap_bytes:
        raise SlackError("msg_too_long")

    def grow(message: Message) -> None:
        message.text += text
        fixed = {b.get("task_id") for b in extra if b["type"] == "task_card"}
        kept = [b for b in message.blocks[1:] if b.get("task_id", "") not in fixed]
        message.blocks = [{"type": "markdown", "text": message.text, "block_id": "stream"}, *kept, *extra]
        if stream:
            stream.size_bytes += size_bytes
            stream.mode = stream.mode or mode

    return grow


def _chunk(space: Workspace, chunk: Json) -> tuple[str, list[Json]]:
    """The text and the blocks of a chunk: https://docs.slack.dev/reference/methods/chat.appendStream/"""
    match chunk:
        case {"type": "markdown_text", "text": str(text)}:
            return text, []
        case {"type": "task_update", "id": str(id), "title": str(title), "status": str(status)}:
            texts = (id, title, chunk.get("details", ""), chunk.get("output", ""))
            if chunk.keys() - TASK_FIELDS or status not in TASK_STATUSES or not (id and title):
                raise SlackError("invalid_chunks")
            if any(len(text) > TASK_TEXT_MAX for text in texts):
                raise SlackError("invalid_chunks")
            card = {"type": "task_card", "task_id": id, "title": title}
            return "", [card | {k: chunk[k] for k in ("status", "details", "output", "sources") if k in chunk}]
        case {"type": "plan_update", "title": str(title)}:
            return "", [{"type": "plan", "title": title}]
        case {"type": "blocks", "blocks": list(blocks)}:
            return "", checked(space, blocks)
    raise SlackError("invalid_chunks")
