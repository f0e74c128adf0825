"""Routes of channels, messages and threads.

https://docs.discord.com/developers/resources/message, /resources/channel, /topics/threads
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.discord import wire
from tests.fakes.discord.clock import iso
from tests.fakes.discord.errors import InvalidForm, Refusal
from tests.fakes.discord.guild import (
    BOT,
    OF_POSTS,
    Channel,
    ChannelType,
    Json,
    Message,
    MessageFlag,
    P,
    walk,
)
from tests.fakes.discord.mentions import ALL
from tests.fakes.discord.rest import Call, Rest, Route, fields, ids_of

CONTENT_LIMIT = 2000
NONCE_MEMORY_S = 300.0
"""Documented as "the past few minutes"."""
OLD_S = 3600.0
V2_TEXT_LIMIT = 4000
EMBED_TOTAL_LIMIT = 6000
FILES_LIMIT = 10
DESCRIPTION_LIMIT = 1_024
"""https://docs.discord.com/developers/resources/message#attachment-object"""


# -- messages ---------------------------------------------------------------------------------------------


async def get_messages(rest: Rest, call: Call) -> list[Json]:
    """Newest first; without READ_MESSAGE_HISTORY the list is empty."""
    place = seen(rest, call)
    try:
        limit = int(call.query.get("limit", "50"))
    except ValueError:
        limit = 0
    if not 1 <= limit <= 100:
        raise InvalidForm("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    if P.READ_MESSAGE_HISTORY not in rest.world.bot_may(place):
        return []
    chosen = _page(place.listed, call.query, limit)
    return [message_json(rest, message) for message in reversed(chosen)]


async def get_message(rest: Rest, call: Call) -> Json:
    place = seen(rest, call)
    rest.world.need(place, P.READ_MESSAGE_HISTORY)
    return message_json(rest, own_or_public(rest, call))


async def post_message(rest: Rest, call: Call) -> Json:
    place = seen(rest, call)
    if place.has_posts:
        raise Refusal(50008)
    rest.world.need(place, P.SEND_MESSAGES_IN_THREADS if place.is_thread else P.SEND_MESSAGES)
    if place.recipient_id is not None and not rest.world.people[place.recipient_id].dm_open:
        raise Refusal(50007)
    if place.locked and P.MANAGE_THREADS not in rest.world.bot_may(place):
        raise Refusal(160005)
    body = fields(call)
    check_message(body, call)
    if call.files:
        rest.world.need(place, P.ATTACH_FILES)
    if body.get("message_reference") and P.READ_MESSAGE_HISTORY not in rest.world.bot_may(place):
        raise Refusal(160002)
    if body.get("enforce_nonce") and (first := _same_nonce(rest, body["nonce"])):
        return message_json(rest, first) | {"nonce": body["nonce"]}
    message = await rest.actions.post(
        place,
        BOT,
        body.get("content") or "",
        reply_to=_reply_target(rest, place, body.get("message_reference")),
        allowed=body.get("allowed_mentions"),
        files=call.files,
        **message_fields(body),
    )
    if message.nonce is not None:
        rest.world.nonces[str(message.nonce)] = message
    answer = message_json(rest, message)
    return answer | {"nonce": message.nonce} if message.nonce is not None else answer


async def patch_message(rest: Rest, call: Call) -> Json:
    place = seen(rest, call)
    message = own_or_public(rest, call)
    body = fields(call)
    if message.author_id != BOT and set(body) - {"flags"}:
        raise Refusal(50005)
    if place.archived:
        raise Refusal(50083)
    if rest.world.clock.now() - message.created_at > OLD_S:
        rest.limits.spend("old_edit", place.id)
    await apply_edit(rest, message, call)
    return message_json(rest, message)


async def delete_message(rest: Rest, call: Call) -> None:
    place = seen(rest, call)
    message = own_or_public(rest, call)
    if message.author_id != BOT:
        rest.world.need(place, P.MANAGE_MESSAGES)
    if place.archived:
        raise Refusal(50083)
    await rest.actions.delete(message)


async def put_reaction(rest: Rest, call: Call) -> None:
    rest.world.need(seen(rest, call), P.ADD_REACTIONS)
    await rest.actions.react(own_or_public(rest, call), BOT, call.params["emoji"])


async def delete_reaction(rest: Rest, call: Call) -> None:
    seen(rest, call)
    own_or_public(rest, call).reactions.get(call.params["emoji"], set()).discard(BOT)


async def post_typing(rest: Rest, call: Call) -> None:
    place = seen(rest, call)
    rest.world.need(place, P.SEND_MESSAGES_IN_THREADS if place.is_thread else P.SEND_MESSAGES)
    rest.typing.append((place.id, time.monotonic()))


# -- channels and threads ---------------------------------------------------------------------------------


async def get_channel(rest: Rest, call: Call) -> Json:
    return wire.channel(rest.world, seen(rest, call))


async def get_thread_member(rest: Rest, call: Call) -> Json:
    """https://docs.discord.com/developers/resources/channel#get-thread-member"""
    thread, person_id = seen(rest, call), ids_of(call, "user")
    if person_id not in thread.members:
        raise Refusal(10007)
    return wire.thread_member(thread, person_id)


async def patch_channel(rest: Rest, call: Call) -> Json:
    """Names and topics have a hidden limit of their own; an archived thread must be opened first."""
    place = seen(rest, call)
    body = fields(call)
    changes = {
        ours: body[theirs]
        for theirs, ours in _CHANNEL_FIELDS.items()
        if body.get(theirs) is not None or (theirs == "topic" and theirs in body)
    }
    if place.is_thread:
        # https://docs.discord.com/developers/resources/channel#modify-channel
        wakes = changes == {"archived": False} and not place.locked
        if wakes:
            rest.world.need(place, P.SEND_MESSAGES_IN_THREADS)
        elif place.owner_id != BOT or "locked" in changes:
            rest.world.need(place, P.MANAGE_THREADS)
        if place.archived and changes.get("archived", True):
            raise Refusal(50083)
    else:
        rest.world.need(place, P.MANAGE_CHANNELS)
    if "name" in changes:
        _check_name(changes["name"])
    if {"name", "topic"} & set(changes):
        rest.limits.spend("rename", place.id)
    await rest.actions.change(place, **changes)
    return wire.channel(rest.world, place)


async def post_thread_on_message(rest: Rest, call: Call) -> Json:
    place = seen(rest, call)
    starter = own_or_public(rest, call)
    if place.type not in (ChannelType.TEXT, ChannelType.ANNOUNCEMENT):
        raise Refusal(50024)
    rest.world.need(place, P.CREATE_PUBLIC_THREADS)
    announced = place.type == ChannelType.ANNOUNCEMENT
    if starter.id in rest.world.channels:
        raise Refusal(160004)
    body = fields(call)
    _check_name(body.get("name"))
    opened = await rest.actions.open_thread(
        place,
        BOT,
        body["name"],
        starter=starter,
        kind=ChannelType.ANNOUNCEMENT_THREAD if announced else ChannelType.PUBLIC_THREAD,
        auto_archive_minutes=body.get("auto_archive_duration") or 1440,
    )
    return wire.thread(rest.world, opened)


async def post_thread(rest: Rest, call: Call) -> Json:
    """Opens a thread without a message, in a forum with one that takes the thread's id. Private by default."""
    place = seen(rest, call)
    body = fields(call)
    _check_name(body.get("name"))
    forum = place.has_posts
    if not forum and place.type != ChannelType.TEXT:
        raise Refusal(50024)
    kind = ChannelType.PUBLIC_THREAD if forum else ChannelType(body.get("type") or ChannelType.PRIVATE_THREAD)
    private = kind == ChannelType.PRIVATE_THREAD
    rest.world.need(place, P.SEND_MESSAGES if forum else _THREAD_PERMISSION[private])
    first = body.get("message") or {}
    tags = [str(tag) for tag in body.get("applied_tags") or ()]
    if forum:
        check_message(first, call)
        if call.files:
            rest.world.need(place, P.ATTACH_FILES)
        if place.requires_tag and not tags:
            raise Refusal(40067)
    opened = await rest.actions.open_thread(
        place,
        BOT,
        body["name"],
        kind=kind,
        auto_archive_minutes=body.get("auto_archive_duration") or 1440,
        applied_tags=tags,
    )
    if not forum:
        return wire.thread(rest.world, opened)
    message = await rest.actions.post(
        opened,
        BOT,
        first.get("content") or "",
        message_id=opened.id,
        allowed=first.get("allowed_mentions"),
        files=call.files,
        **message_fields(first),
    )
    return wire.thread(rest.world, opened) | {"message": message_json(rest, message)}


async def join_thread(rest: Rest, call: Call) -> None:
    place = seen(rest, call)
    if place.archived:
        raise Refusal(50083)
    await rest.actions.enter(place, BOT)


async def get_public_archived_threads(rest: Rest, call: Call) -> Json:
    """https://docs.discord.com/developers/resources/channel#list-public-archived-threads"""
    place = seen(rest, call)
    rest.world.need(place, P.READ_MESSAGE_HISTORY)
    return _archived(rest, call, place, private=False)


async def get_private_archived_threads(rest: Rest, call: Call) -> Json:
    """https://docs.discord.com/developers/resources/channel#list-private-archived-threads"""
    place = seen(rest, call)
    for needed in (P.READ_MESSAGE_HISTORY, P.MANAGE_THREADS):
        rest.world.need(place, needed)
    return _archived(rest, call, place, private=True)


def _archived(rest: Rest, call: Call, place: Channel, *, private: bool) -> Json:
    """The threads archived before the time ``before``, the last archived one first. ``limit`` is at most 100."""
    if place.type not in (ChannelType.TEXT, ChannelType.ANNOUNCEMENT, *OF_POSTS):
        raise Refusal(50024)
    try:
        limit = int(call.query.get("limit", "50"))
    except ValueError:
        limit = 0
    if not 2 <= limit <= 100:
        raise InvalidForm("limit", "NUMBER_TYPE_MAX", "int value should be between 2 and 100.")
    before = datetime.max.replace(tzinfo=UTC)
    if "before" in call.query:
        try:
            before = datetime.fromisoformat(call.query["before"])
        except ValueError:
            raise InvalidForm("before", "BASE_TYPE_BAD_DATETIME", "Not a well formed datetime.") from None
    found = [
        thread
        for thread in rest.world.threads(place.id, archived=True)
        if (thread.type == ChannelType.PRIVATE_THREAD) == private
        and datetime.fromisoformat(iso(thread.archived_at or 0.0)) < before
    ]
    found.sort(key=lambda thread: thread.archived_at or 0.0, reverse=True)
    return _threads(rest, found[:limit]) | {"has_more": len(found) > limit}


async def get_active_threads(rest: Rest, call: Call) -> Json:
    """https://docs.discord.com/developers/resources/guild#list-active-guild-threads: by id, descending."""
    guild_id = ids_of(call, "guild")
    if guild_id not in rest.world.guilds:
        raise Refusal(10004)
    here = [thread for thread in rest.world.threads() if thread.guild_id == guild_id]
    active = sorted(here, key=lambda thread: thread.id, reverse=True)
    return _threads(rest, active) | {"has_more": False}


# -- shared with interactions -----------------------------------------------------------------------------


def check_message(body: Json, call: Call) -> None:
    """Raises 50006 for an empty message and 50035 for a malformed one."""
    check_fields(body, call)
    carried = ("content", "embeds", "components", "sticker_ids", "poll", "attachments")
    if not call.files and not any(body.get(name) for name in carried):
        raise Refusal(50006)


def check_fields(body: Json, call: Call) -> None:
    """The limits that hold for posts and edits alike.

    https://docs.discord.com/developers/resources/message#create-message
    """
    components = body.get("components") or []
    if len(body.get("content") or "") > CONTENT_LIMIT:
        raise InvalidForm("content", "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT_LIMIT} or fewer in length.")
    if (body.get("flags") or 0) & MessageFlag.IS_COMPONENTS_V2 and (body.get("content") or body.get("embeds")):
        raise InvalidForm(
            "content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
        )
    if len(str(body.get("nonce") or "")) > 25:
        raise InvalidForm("nonce", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    texts = [c["content"] for c in _all(components) if c["type"] == 10]
    if sum(map(len, texts)) > V2_TEXT_LIMIT:
        raise InvalidForm("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "Must be 4000 or fewer.")
    if sum(map(_embed_length, body.get("embeds") or ())) > EMBED_TOTAL_LIMIT:
        raise InvalidForm("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    custom = [c["custom_id"] for c in _all(components) if c.get("custom_id")]
    if len(custom) != len(set(custom)):
        raise InvalidForm(
            "components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
        )
    mentions = body.get("allowed_mentions") or {}
    for group in {"users", "roles"} & set(mentions.get("parse") or ()):
        if mentions.get(group):
            raise InvalidForm(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{group}"] and {group}: [ids...] are mutually exclusive.',
            )
    if len(call.files) > FILES_LIMIT:
        raise InvalidForm("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    for described in body.get("attachments") or () if call.files else ():
        if len(described.get("description") or "") > DESCRIPTION_LIMIT:
            raise InvalidForm("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 1024 or fewer in length.")


def message_fields(body: Json) -> Json:
    """The parts of a request's body that become fields of the message."""
    flags = body.get("flags") or 0
    allowed = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.IS_COMPONENTS_V2
    return {
        "flags": flags & (allowed | MessageFlag.EPHEMERAL),
        "components": body.get("components") or [],
        "embeds": body.get("embeds") or [],
        "nonce": body.get("nonce"),
    }


async def apply_edit(
    rest: Rest, message: Message, call: Call, *, parse: tuple[str, ...] = ALL, body: Json | None = None
) -> None:
    """Edits as PATCH does: absent stays, null empties, an edit without content keeps the old."""
    body = fields(call) if body is None else body
    check_fields(body, call)
    changes: Json = {}
    if "content" in body:
        changes["content"] = body["content"] or ""
    for name in ("embeds", "components"):
        if name in body:
            changes[name] = body[name] or []
    if "attachments" in body:
        kept = {str(file["id"]) for file in body["attachments"] or ()}
        changes["attachments"] = [file for file in message.attachments if str(file.id) in kept]
    switchable = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.IS_COMPONENTS_V2
    if "flags" in body:
        lasting = message.flags & ~MessageFlag.SUPPRESS_EMBEDS
        changes["flags"] = lasting | ((body["flags"] or 0) & switchable)
    loading = message.loading
    if loading:
        changes["flags"] = changes.get("flags", message.flags) & ~MessageFlag.LOADING
    parts = ("content", "embeds", "components", "attachments")
    if not call.files and not any(changes.get(name, getattr(message, name)) for name in parts):
        raise Refusal(50006)
    await rest.actions.edit(
        message, changes, allowed=body.get("allowed_mentions"), parse=parse, files=call.files, quietly=loading
    )


def message_json(rest: Rest, message: Message) -> Json:
    return wire.message(rest.world, message, sees_content=rest.world.message_content_allowed)


def seen(rest: Rest, call: Call) -> Channel:
    """The channel of the path. Raises 10003, or 50001 when the bot may not see it."""
    place = rest.world.channel(call.params["channel"])
    rest.world.need(place, P.VIEW_CHANNEL)
    return place


def own_or_public(rest: Rest, call: Call) -> Message:
    """The message of the path. Ephemeral ones are unknown here: they live in their interaction."""
    message = rest.world.message(call.params["channel"], ids_of(call, "message"))
    if message.ephemeral_to is not None:
        raise Refusal(10008)
    return message


def _page(listed: list[Message], query: dict[str, str], limit: int) -> list[Message]:
    if "around" in query:
        older = [m for m in listed if m.id <= int(query["around"])]
        newer = [m for m in listed if m.id > int(query["around"])]
        return older[-(limit // 2 + 1) :] + newer[: limit // 2]
    if "after" in query:
        return [m for m in listed if m.id > int(query["after"])][:limit]
    before = int(query.get("before", 1 << 64))
    return [m for m in listed if m.id < before][-limit:]


def _same_nonce(rest: Rest, nonce: Any) -> Message | None:
    first = rest.world.nonces.get(str(nonce))
    recent = rest.world.clock.now() - NONCE_MEMORY_S
    return first if first is not None and first.created_at >= recent else None


def _reply_target(rest: Rest, place: Channel, reference: Json | None) -> Message | None:
    if not reference:
        return None
    target = place.messages.get(int(reference["message_id"]))
    if target is not None and not target.deleted and target.ephemeral_to is None:
        return target
    if reference.get("fail_if_not_exists", True):
        raise InvalidForm("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return None


def _threads(rest: Rest, threads: list[Channel]) -> Json:
    visible = [t for t in threads if P.VIEW_CHANNEL in rest.world.bot_may(t)]
    return {
        "threads": [wire.thread(rest.world, thread) for thread in visible],
        "members": [wire.thread_member(thread, BOT) for thread in visible if BOT in thread.members],
    }


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not len(name.strip()) >= 1 or len(name) > 100:
        raise InvalidForm("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")


def _all(components: Iterable[Json]) -> list[Json]:
    return list(walk(list(components)))


def _embed_length(embed: Json) -> int:
    fields_ = embed.get("fields") or ()
    texts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text")]
    texts += [(embed.get("author") or {}).get("name")]
    texts += [part for entry in fields_ for part in (entry["name"], entry["value"])]
    return sum(len(text or "") for text in texts)


_CHANNEL_FIELDS = {
    "name": "name",
    "topic": "topic",
    "archived": "archived",
    "locked": "locked",
    "auto_archive_duration": "auto_archive_minutes",
    "rate_limit_per_user": "slowmode_s",
    "applied_tags": "applied_tags",
}
_THREAD_PERMISSION = {False: P.CREATE_PUBLIC_THREADS, True: P.CREATE_PRIVATE_THREADS}

_C = "/channels/{channel}"
_M = "/channels/{channel}/messages/{message}"

ROUTES = (
    Route("GET", _C, get_channel),
    Route("PATCH", _C, patch_channel),
    Route("GET", f"{_C}/messages", get_messages),
    Route("POST", f"{_C}/messages", post_message, "post", "channel"),
    Route("GET", _M, get_message, scope="channel"),
    Route("PATCH", _M, patch_message, "edit", "channel"),
    Route("DELETE", _M, delete_message),
    Route("PUT", f"{_M}/reactions/{{emoji}}/@me", put_reaction),
    Route("DELETE", f"{_M}/reactions/{{emoji}}/@me", delete_reaction),
    Route("POST", f"{_M}/threads", post_thread_on_message, "thread", "channel"),
    Route("POST", f"{_C}/threads", post_thread, "thread", "channel"),
    Route("PUT", f"{_C}/thread-members/@me", join_thread),
    Route("GET", f"{_C}/thread-members/{{user}}", get_thread_member),
    Route("GET", f"{_C}/threads/archived/public", get_public_archived_threads, scope="channel"),
    Route("GET", f"{_C}/threads/archived/private", get_private_archived_threads, scope="channel"),
    Route("GET", "/guilds/{guild}/threads/active", get_active_threads),
    Route("POST", f"{_C}/typing", post_typing),
)
