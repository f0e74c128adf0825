"""State as JSON, field by field as Discord sends it.

Objects: https://docs.discord.com/developers/resources/message, /resources/channel, /resources/guild,
/resources/user. Optional keys are left out, never null, where the documentation marks them with ``?``.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from typing import Any

from tests.fakes.discord.clock import iso
from tests.fakes.discord.guild import (
    ADA,
    APPLICATION,
    BOT,
    BOT_ROLE,
    GUILD,
    Attachment,
    Channel,
    ChannelType,
    Json,
    Message,
    MessageFlag,
    MessageType,
    Person,
    World,
)

LINK_LIFE_S = 86_400
"""Attachment links are signed for a day. https://docs.discord.com/developers/reference#signed-attachment-cdn-urls"""

CONTENT = ("content", "embeds", "attachments", "components", "poll", "message_snapshots")
"""Fields that need MESSAGE_CONTENT:
https://docs.discord.com/developers/events/gateway#message-content-intent"""
_PINNED, _REQUIRE_TAG = 1 << 1, 1 << 4
"""https://docs.discord.com/developers/resources/channel#channel-object-channel-flags"""
SNAPSHOT = ("embeds", "components", "sticker_items", "content", "flags")


def user(person: Person) -> Json:
    shown: Json = {
        "id": str(person.id),
        "username": person.username,
        "global_name": person.global_name,
        "discriminator": "0000" if person.bot else "0",
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }
    return shown | {"bot": True} if person.bot else shown


def member(world: World, person: Person) -> Json:
    """A guild member without its user, as inside a message."""
    return {
        "roles": [str(BOT_ROLE)] if person.id == BOT else [str(held) for held in person.roles],
        "nick": person.nick,
        "avatar": None,
        "banner": None,
        "joined_at": iso(world.members.get(person.id, world.clock.now())),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "communication_disabled_until": None,
        "flags": 1 << 4 if person.voice_guest else 0,
    }


def member_with_user(world: World, person: Person) -> Json:
    return member(world, person) | {"user": user(person)}


def role(role_id: int, name: str, permissions: int, position: int, *, managed: bool = False) -> Json:
    shown: Json = {
        "id": str(role_id),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": str(int(permissions)),
        "managed": managed,
        "mentionable": False,
        "flags": 0,
    }
    return shown | {"tags": {"bot_id": str(BOT)}} if managed else shown


def channel(world: World, shown: Channel) -> Json:
    if shown.is_thread:
        return thread(world, shown)
    if shown.is_dm:
        return dm(world, shown)
    rendered: Json = {
        "id": str(shown.id),
        "guild_id": str(shown.guild_id),
        "type": int(shown.type),
        "name": shown.name,
        "position": 0,
        "permission_overwrites": _overwrites(world, shown),
        "nsfw": shown.nsfw,
        "parent_id": None,
        "topic": shown.topic,
        "last_message_id": _last(shown),
        "rate_limit_per_user": shown.slowmode_s,
        "flags": 0,
    }
    if shown.type in (ChannelType.VOICE, ChannelType.STAGE):
        rendered |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
    if shown.has_posts:
        posts = [thread.id for thread in world.channels.values() if thread.parent_id == shown.id]
        rendered |= {
            "flags": _REQUIRE_TAG if shown.requires_tag else 0,
            "last_message_id": str(max(posts)) if posts else None,
            "available_tags": shown.tags,
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return rendered


def dm(world: World, shown: Channel) -> Json:
    rendered: Json = {"id": str(shown.id), "type": 1, "last_message_id": _last(shown), "flags": 0}
    if shown.recipient_id is not None and not shown.bot_absent:
        rendered["recipients"] = [user(world.people[shown.recipient_id])]
    return rendered


def thread(world: World, shown: Channel) -> Json:
    """https://docs.discord.com/developers/topics/threads#thread-fields

    Neither count has the message that the thread begins with: that of a post has the id of the thread.
    """
    parent = world.channels[int(shown.parent_id or 0)]
    sent = [
        message
        for message in shown.messages.values()
        if message.ephemeral_to is None
        and message.id != shown.id
        and message.type != MessageType.THREAD_STARTER_MESSAGE
    ]
    rendered: Json = {
        "id": str(shown.id),
        "guild_id": str(shown.guild_id),
        "parent_id": str(shown.parent_id),
        "owner_id": str(shown.owner_id),
        "type": int(shown.type),
        "name": shown.name,
        "last_message_id": _last(shown),
        "rate_limit_per_user": shown.slowmode_s,
        "message_count": sum(not message.deleted for message in sent),
        "total_message_sent": len(sent),
        "member_count": len(shown.members),
        "flags": _PINNED if shown.pinned else 0,
        "thread_metadata": {
            "archived": shown.archived,
            "locked": shown.locked,
            "auto_archive_duration": shown.auto_archive_minutes,
            "archive_timestamp": iso(shown.archived_at or shown.created_at),
            "create_timestamp": iso(shown.created_at),
        },
    }
    if shown.type == ChannelType.PRIVATE_THREAD:
        rendered["thread_metadata"]["invitable"] = True
    if parent.has_posts:
        rendered["applied_tags"] = shown.applied_tags
    if BOT in shown.members:
        rendered["member"] = thread_member(shown, BOT)
    return rendered


def thread_member(shown: Channel, person_id: int) -> Json:
    return {
        "id": str(shown.id),
        "user_id": str(person_id),
        "join_timestamp": iso(shown.members[person_id]),
        "flags": 0,
    }


def signature(file_id: int, expires: str, begins: str) -> str:
    """The ``hm`` of a link, which holds for its file and times alone."""
    return sha256(f"{file_id}/{expires}/{begins}".encode()).hexdigest()


def attachment(world: World, holder: Message, file: Attachment) -> Json:
    issued = int(world.clock.now())
    path = f"/attachments/{holder.channel_id}/{file.id}/{file.filename}"
    expires, begins = f"{issued + LINK_LIFE_S:x}", f"{issued:x}"
    signed = f"ex={expires}&is={begins}&hm={signature(file.id, expires, begins)}"
    url = f"{world.cdn_url}{path}?{signed}"
    rendered: Json = {
        "id": str(file.id),
        "filename": file.filename,
        "size": len(file.data),
        "url": url,
        "proxy_url": url,
        "content_type": file.content_type,
    }
    if file.description:
        rendered["description"] = file.description
    if file.title:
        rendered["title"] = file.title
    if holder.flags & MessageFlag.IS_VOICE_MESSAGE:
        rendered |= {"duration_secs": 1.5, "waveform": "AAAA"}
    if holder.ephemeral_to is not None:
        rendered["ephemeral"] = True
    return rendered


def upload(world: World, file: Attachment) -> Json:
    """A file given to a command: it hangs on no message, and is seen by one person only."""
    holder = Message(0, 0, 0, "", 0.0, ephemeral_to=0)
    return attachment(world, holder, file)


def partial_channel(world: World, shown: Channel, person_id: int) -> Json:
    """A channel inside an interaction: with what the person may do there, without its settings."""
    kept = channel(world, shown) | {"permissions": str(int(world.may(person_id, shown)))}
    kept.pop("permission_overwrites", None)
    return kept


def message(world: World, shown: Message, *, sees_content: bool = True, nested: bool = False) -> Json:
    """A message as REST gives it.

    Without the MESSAGE_CONTENT intent the text is empty, save in direct messages, in the bot's own, and where
    the bot is mentioned: https://docs.discord.com/developers/events/gateway#message-content-intent
    """
    return _message(world, shown, sees_content=sees_content, nested=nested) | _odd(world, shown, sees_content)


def _readable(world: World, shown: Message, sees_content: bool) -> bool:
    own = shown.author_id == BOT or BOT in shown.mentions.users
    return sees_content or own or world.channels[shown.channel_id].is_dm


def _odd(world: World, shown: Message, sees_content: bool) -> Json:
    """The keys that it has beside or instead of ours, without those that only MESSAGE_CONTENT shows."""
    readable = _readable(world, shown, sees_content)
    return {key: value for key, value in shown.odd.items() if readable or key not in CONTENT}


def _snapshot(world: World, shown: Message) -> Json:
    """https://docs.discord.com/developers/resources/message#message-snapshot-structure"""
    rendered: Json = {
        "type": int(shown.type),
        "content": shown.content,
        "embeds": shown.embeds,
        "components": _numbered(shown.components),
        "attachments": [attachment(world, shown, file) for file in shown.attachments],
        "timestamp": iso(shown.created_at),
        "edited_timestamp": iso(shown.edited_at) if shown.edited_at is not None else None,
        "flags": int(shown.flags),
        "mentions": [user(world.people[i]) for i in sorted(shown.mentions.users) if i in world.people],
        "mention_roles": [str(i) for i in sorted(shown.mentions.roles)],
    }
    return rendered | {key: value for key, value in shown.odd.items() if key in SNAPSHOT}


def _message(world: World, shown: Message, *, sees_content: bool, nested: bool = False) -> Json:
    readable = _readable(world, shown, sees_content)
    rendered: Json = {
        "id": str(shown.id),
        "channel_id": str(shown.channel_id),
        "type": int(shown.type),
        "author": user(world.people[shown.author_id]),
        "content": shown.content if readable else "",
        "embeds": shown.embeds if readable else [],
        "components": _numbered(shown.components) if readable else [],
        "attachments": [attachment(world, shown, file) for file in shown.attachments] if readable else [],
        "timestamp": iso(shown.created_at),
        "edited_timestamp": iso(shown.edited_at) if shown.edited_at is not None else None,
        "mentions": [user(world.people[i]) for i in sorted(shown.mentions.users) if i in world.people],
        "mention_roles": [str(i) for i in sorted(shown.mentions.roles)],
        "mention_everyone": shown.mentions.everyone,
        "pinned": False,
        "tts": False,
        "flags": int(shown.flags),
    }
    if shown.reactions:
        rendered["reactions"] = [_reaction(emoji, people) for emoji, people in shown.reactions.items()]
    if shown.interaction is not None:
        rendered |= {
            "application_id": str(APPLICATION),
            "webhook_id": str(APPLICATION),
            "interaction_metadata": shown.interaction,
        }
    if shown.thread_id in world.channels:  # a message stays when its thread is deleted
        rendered["thread"] = thread(world, world.channels[shown.thread_id])
    if shown.forwarded is not None and readable:
        rendered["message_snapshots"] = [{"message": _snapshot(world, shown.forwarded)}]
    if shown.reference is not None:
        rendered["message_reference"] = shown.reference
        answered = _referenced(world, shown.reference)
        if not nested and shown.type in (MessageType.REPLY, MessageType.THREAD_STARTER_MESSAGE):
            rendered["referenced_message"] = answered and message(
                world, answered, sees_content=sees_content, nested=True
            )
    return rendered


def message_event(world: World, shown: Message, *, sees_content: bool) -> Json:
    """A message as the gateway gives it: with guild and member, save for direct and ephemeral ones.

    https://docs.discord.com/developers/events/gateway-events#message-create
    """
    rendered = _message(world, shown, sees_content=sees_content)
    if shown.nonce is not None:
        rendered["nonce"] = shown.nonce
    if not world.channels[shown.channel_id].is_dm and not shown.flags & MessageFlag.EPHEMERAL:
        rendered["guild_id"] = str(world.channels[shown.channel_id].guild_id)
        if "webhook_id" not in rendered:
            rendered["member"] = member(world, world.people[shown.author_id])
        for mentioned in rendered["mentions"]:
            mentioned["member"] = member(world, world.people[int(mentioned["id"])])
    return rendered | _odd(world, shown, sees_content)


def guild(world: World, guild_id: int = GUILD) -> Json:
    """https://docs.discord.com/developers/resources/guild#guild-object"""
    return {
        "id": str(guild_id),
        "name": world.guilds[guild_id],
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "owner_id": str(ADA),
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 1,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [
            role(guild_id, "@everyone", world.everyone_may, 0),
            role(BOT_ROLE, "parley", world.bot_role_may, 1, managed=True),
            *(role(held.id, held.name, held.permissions, 2) for held in world.roles.values()),
        ],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "nsfw_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "incidents_data": None,
    }


def own_guild(world: World, guild_id: int = GUILD) -> Json:
    """https://docs.discord.com/developers/resources/user#get-current-user-guilds"""
    shown = guild(world, guild_id)
    return {name: shown[name] for name in ("id", "name", "icon", "banner", "features")} | {
        "owner": False,
        "permissions": str(int(world.everyone_may | world.bot_role_may)),
    }


def guild_create(world: World, guild_id: int = GUILD, *, all_members: bool) -> Json:
    """https://docs.discord.com/developers/events/gateway-events#guild-create"""
    listed = [world.people[i] for i in world.members if all_members or i == BOT]
    here = world.in_guild(guild_id)
    return guild(world, guild_id) | {
        "joined_at": iso(world.members[BOT]),
        "large": False,
        "unavailable": False,
        "member_count": len(world.members),
        "members": [member_with_user(world, person) for person in listed],
        "channels": [channel(world, shown) for shown in here if not shown.is_thread],
        "threads": [
            thread(world, shown)
            for shown in here
            if shown.is_thread and not shown.archived and world.bot_may(shown)
        ],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def application(world: World) -> Json:
    """https://docs.discord.com/developers/resources/application#application-object"""
    return {
        "id": str(APPLICATION),
        "name": "parley",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": world.code_grant,
        "verify_key": "0" * 64,
        "flags": application_flags(world),
        "owner": user(world.people[ADA]),
        "team": None,
        "integration_types_config": {"0": {}, "1": {}},
        "type": None,
        "flags_new": str(application_flags(world)),
        "redirect_uris": [],
        "interactions_endpoint_url": world.interactions_url,
        "role_connections_verification_url": None,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
    }


def application_flags(world: World) -> int:
    """GATEWAY_MESSAGE_CONTENT_LIMITED, where the intent is switched on in the developer portal."""
    return 1 << 19 if world.message_content_allowed else 0


def _overwrites(world: World, shown: Channel) -> list[Any]:
    """https://docs.discord.com/developers/resources/channel#overwrite-object"""
    both = {target: (int(allowed), int(denied)) for target, (allowed, denied) in shown.overwrites.items()}
    for person_id, taken in ({BOT: shown.denied} | shown.denied_people).items():
        allowed, denied = both.get(person_id, (0, 0))
        both[person_id] = allowed & ~int(taken), denied | int(taken)
    return [
        {"id": str(target), "type": int(target in world.people), "allow": str(allowed), "deny": str(denied)}
        for target, (allowed, denied) in both.items()
        if allowed or denied
    ]


def _last(shown: Channel) -> str | None:
    listed = shown.listed
    return str(listed[-1].id) if listed else None


def _referenced(world: World, reference: Json) -> Message | None:
    place = world.channels.get(int(reference["channel_id"]))
    found = place and place.messages.get(int(reference.get("message_id", 0)))
    return found if found and not found.deleted else None


def _numbered(components: list[Json]) -> list[Json]:
    """Components with the ids that Discord gives those that have none, and without what says nothing.

    https://docs.discord.com/developers/components/reference#anatomy-of-a-component
    """
    numbers = count(1)

    def shown(part: Any) -> Any:
        if isinstance(part, list):
            return [shown(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        number = {"id": next(numbers)} if "type" in part else {}
        said = {key: shown(inner) for key, inner in part.items() if inner is not None}
        return number | ({"accent_color": None} if part.get("type") == 17 else {}) | said

    numbered: list[Json] = shown(components)
    return numbered


def _reaction(emoji: str, people: set[int]) -> Json:
    return {
        "count": len(people),
        "count_details": {"burst": 0, "normal": len(people)},
        "me": BOT in people,
        "me_burst": False,
        "emoji": {"id": None, "name": emoji},
        "burst_colors": [],
    }
