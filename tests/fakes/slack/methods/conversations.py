"""Reading: conversations.*, users.*, team.info."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tests.fakes.slack import payloads
from tests.fakes.slack.payloads import BOT_USER
from tests.fakes.slack.workspace import TYPE_OF, Message, SlackError, Workspace

from .table import flag, method

Json = dict[str, Any]


@method("conversations.replies", "channel", "ts", scope="{kind}:history")
def replies(space: Workspace, args: Json) -> Json:
    channel = space.channel(args["channel"], joined=True)
    asked = channel.messages.get(args["ts"])
    if asked is None or asked.ephemeral_to:
        raise SlackError("thread_not_found")
    thread = [m for m in channel.thread(asked.ts) if not m.ephemeral_to] or [asked]
    root, answers = thread[0], [m for m in thread[1:] if not m.deleted]
    if root.deleted and not answers:
        raise SlackError("thread_not_found")
    return _page(space, args, [root, *_between(answers, args)], "conversations.replies")


@method("conversations.history", "channel", scope="{kind}:history")
def history(space: Workspace, args: Json) -> Json:
    channel = space.channel(args["channel"], joined=True)
    shown = [m for m in channel.messages.values() if m.ts == m.root or m.subtype == "thread_broadcast"]
    shown = [m for m in shown if not m.ephemeral_to and (not m.deleted or len(channel.thread(m.ts)) > 1)]
    newest_first = sorted(_between(shown, args), key=lambda m: m.ts, reverse=True)
    return _page(space, args, newest_first, "conversations.history")


def _between(messages: Sequence[Message], args: Json) -> list[Message]:
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    if flag(args, "inclusive"):
        return [m for m in messages if oldest <= float(m.ts) <= latest]
    return [m for m in messages if oldest < float(m.ts) < latest]


def _page(space: Workspace, args: Json, messages: list[Message], name: str) -> Json:
    """https://docs.slack.dev/apis/web-api/pagination/; the cursor names the first message of the next page."""
    limit = max(1, min(int(args.get("limit") or 1000), space.limiter.page_max(name)))
    if args.get("cursor"):
        try:
            start = base64.b64decode(args["cursor"], validate=True).decode().removeprefix("next_ts:")
        except ValueError:
            raise SlackError("invalid_cursor") from None
        forward = name == "conversations.replies"
        messages = [m for m in messages if (m.ts >= start if forward else m.ts <= start)]
    page, rest = messages[:limit], messages[limit:]
    metadata = flag(args, "include_all_metadata")
    cursor = base64.b64encode(f"next_ts:{rest[0].ts}".encode()).decode() if rest else ""
    answer: Json = {
        "messages": [payloads.message_body(space, m, metadata=metadata) for m in page],
        "has_more": bool(rest),
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


@method("conversations.info", "channel", scope="{kind}:read")
def channel_info(space: Workspace, args: Json) -> Json:
    return {"channel": payloads.channel_body(space.channel(args["channel"]))}


@method("conversations.members", "channel", scope="{kind}:read")
def channel_members(space: Workspace, args: Json) -> Json:
    return _listed(space, args, "members", {id_: id_ for id_ in space.channel(args["channel"]).members}, 1_000)


@method("users.conversations", scope="{kind}:read")
def joined(space: Workspace, args: Json) -> Json:
    """The channels of a person, or of the bot: those that are not public only where the bot is a member too."""
    user, types = args.get("user") or BOT_USER, str(args.get("types") or "public_channel").split(",")
    if set(types) - set(TYPE_OF.values()):
        raise SlackError("invalid_types")
    if user not in space.people:
        raise SlackError("user_not_found")
    found = [
        channel
        for channel in space.channels.values()
        if {user, BOT_USER if channel.kind != "channel" else user} <= channel.members
        and TYPE_OF[channel.kind] in types
        and not (channel.archived and flag(args, "exclude_archived"))
    ]
    bodies = {channel.id: payloads.channel_body(channel) for channel in found}
    for body in bodies.values():
        body.pop("is_member", None)
    return _listed(space, args, "channels", bodies, 999)


def _listed(space: Workspace, args: Json, name: str, entries: dict[str, Any], most: int) -> Json:
    """A page of a list: https://docs.slack.dev/apis/web-api/pagination/"""
    limit = int(args.get("limit") or 100)
    if not 1 <= limit <= most:
        raise SlackError("invalid_limit")
    start = ""
    if args.get("cursor"):
        try:
            start = base64.b64decode(args["cursor"], validate=True).decode().removeprefix("next:")
        except ValueError:
            raise SlackError("invalid_cursor") from None
    ids = [id_ for id_ in sorted(entries) if id_ >= start]
    cut = min(limit, space.list_page_max)
    cursor = base64.b64encode(f"next:{ids[cut]}".encode()).decode() if len(ids) > cut else ""
    listed = [entries[id_] for id_ in ids[:cut]]
    return {name: listed, "response_metadata": {"next_cursor": cursor}}


@method("conversations.open", scope="im:write")
def open_direct(space: Workspace, args: Json) -> Json:
    if args.get("channel"):
        return {"channel": payloads.channel_body(space.channel(args["channel"]))}
    if args.get("users") not in space.people:
        raise SlackError("user_not_found" if args.get("users") else "users_list_not_supplied")
    return {"channel": payloads.channel_body(space.direct_channel(args["users"]))}


@method("users.info", "user", scope="users:read")
def user_info(space: Workspace, args: Json) -> Json:
    if args["user"] not in space.people:
        raise SlackError("user_not_found")
    return {"user": payloads.user_body(space.people[args["user"]], locale=flag(args, "include_locale"))}


@method("users.list", scope="users:read")
def user_list(space: Workspace, args: Json) -> Json:
    locale = flag(args, "include_locale")
    members = {person.id: payloads.user_body(person, locale=locale) for person in space.people.values()}
    return _listed(space, {"limit": 1_000} | args, "members", members, 1_000)
