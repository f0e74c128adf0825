"""Messages: https://docs.slack.dev/reference/methods/?family=chat"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.slack import payloads
from tests.fakes.slack.payloads import BOT, BOT_USER
from tests.fakes.slack.workspace import Channel, Message, SlackError, Workspace

from .table import checked, existing, flag, method, writable

Json = dict[str, Any]

UPDATE_TEXT_MAX_BYTES = 4_000  # documented as characters, enforced as UTF-8 bytes (openclaw#115027)
MARKDOWN_TEXT_MAX = 12_000
OPTIONS = ("unfurl_links", "unfurl_media", "mrkdwn", "reply_broadcast", "parse", "link_names", "username")


@method("chat.postMessage", "channel", scope="chat:write")
def post_message(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel"])
    message = _composed(space, channel, args)
    if flag(args, "reply_broadcast") and message.thread_ts:
        message.subtype = "thread_broadcast"
    return posted(space, space.post(message))


@method("chat.postEphemeral", "channel", "user", scope="chat:write")
def post_ephemeral(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel"])
    if args["user"] not in channel.members:
        raise SlackError("user_not_in_channel")
    message = _composed(space, channel, args)
    message.ephemeral_to = args["user"]
    space.post(message)
    return {"message_ts": message.ts}


@method("chat.update", "channel", "ts", scope="chat:write")
def update(space: Workspace, args: Json) -> Json:
    message = own(space, args, "cant_update_message")
    if message.streaming:
        raise SlackError("streaming_state_conflict")
    if space.edit_window_s is not None and float(space.new_ts()) - float(message.ts) > space.edit_window_s:
        raise SlackError("edit_window_closed")
    text, blocks = _content(space, args)
    if len(text.encode()) > UPDATE_TEXT_MAX_BYTES and "markdown_text" not in args:
        raise SlackError("msg_too_long")
    if not text and not blocks and not message.files:
        raise SlackError("no_text")
    metadata = metadata_of(args) if "metadata" in args else message.metadata

    def alter(message: Message) -> None:
        # Earlier blocks stay only where no text is given.
        if "text" in args or "markdown_text" in args:
            message.text, message.blocks = text, blocks
        else:
            message.blocks = blocks if "blocks" in args else message.blocks
        message.metadata = metadata
        message.edited = {"user": BOT_USER, "ts": space.new_ts()}
        if message.stream:
            message.stream.state = "closed"

    space.change(message, alter)
    return posted(space, message) | {"text": message.text}


@method("chat.delete", "channel", "ts", scope="chat:write")
def delete(space: Workspace, args: Json) -> Json:
    message = own(space, args, "cant_delete_message")
    space.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def _composed(space: Workspace, channel: Channel, args: Json) -> Message:
    """A new message of the bot's from the arguments of a post."""
    text, blocks = _content(space, args)
    if not text and not blocks:
        raise SlackError("no_text")
    options: Json = {name: args[name] for name in OPTIONS if name in args}
    message = Message(channel.id, space.new_ts(), BOT_USER, text, blocks, bot_id=BOT, options=options)
    message.metadata, message.thread_ts = metadata_of(args), parent(channel, args)
    return message


def _content(space: Workspace, args: Json) -> tuple[str, list[Json]]:
    """Text and blocks; markdown_text excludes both and becomes a markdown block."""
    markdown = args.get("markdown_text")
    if markdown is None:
        return args.get("text") or "", checked(space, args.get("blocks") or [])
    if "text" in args or "blocks" in args:
        raise SlackError("markdown_text_conflict")
    if len(markdown) > MARKDOWN_TEXT_MAX:
        raise SlackError("msg_too_long")
    return markdown, checked(space, [{"type": "markdown", "text": markdown}] if markdown else [])


def metadata_of(args: Json) -> Json | None:
    """An event_type has letters, digits and underscores: https://github.com/slackapi/bolt-python/issues/863"""
    metadata: Json | None = args.get("metadata")
    if not metadata:
        return metadata
    named = re.fullmatch(r"\w+", str(metadata.get("event_type", "")), re.ASCII)
    if named is None or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return metadata


def parent(channel: Channel, args: Json) -> str | None:
    """The thread's root, also where a reply's ts was given."""
    ts = args.get("thread_ts")
    if not ts:
        return None
    if ts not in channel.messages:
        raise SlackError("thread_not_found")
    return channel.messages[ts].root


def own(space: Workspace, args: Json, refusal: str) -> Message:
    message = existing(space, args["channel"], args["ts"])
    if message.bot_id != BOT:
        raise SlackError(refusal)
    if space.channels[message.channel].archived:
        raise SlackError("is_archived")
    return message


def posted(space: Workspace, message: Message) -> Json:
    return {"channel": message.channel, "ts": message.ts, "message": payloads.message_body(space, message)}
