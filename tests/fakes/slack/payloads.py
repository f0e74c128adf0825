"""The JSON that Slack sends: messages, events, commands and interactions, built from the workspace's state.

Shapes: https://docs.slack.dev/reference/events/message/, /reference/events/app_mention/,
https://docs.slack.dev/reference/interaction-payloads/ and
https://docs.slack.dev/interactivity/implementing-slash-commands/.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .workspace import Channel, File, Message, Person, View, Workspace

Json = dict[str, Any]

TEAM, APP, BOT_USER, BOT = "T1", "A1", "U_BOT", "B_BOT"
DOMAIN = "fake"
VERIFICATION = "verification-test"

# What the app's manifest asks for.
SUBSCRIPTIONS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "agent_session_stopped",
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "group_archive",
    "group_deleted",
    "group_left",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "team_access_granted",
    "team_access_revoked",
    "tokens_revoked",
)


def message_body(space: Workspace, message: Message, *, metadata: bool = True) -> Json:
    """A message as events and conversations.* show it."""
    author = space.people.get(message.user)
    team = author.team if author else space.team
    body: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text, "team": team}
    if team != space.team:  # https://docs.slack.dev/apis/slack-connect/
        body |= {"user_team": team, "source_team": team}
    replies = [
        m
        for m in space.channels[message.channel].thread(message.ts)
        if m.ts != message.ts and not m.ephemeral_to
    ]
    replies = [m for m in replies if not m.deleted] if message.ts == message.root else []
    optional: Json = {
        "subtype": message.subtype,
        "client_msg_id": message.client_msg_id,
        "bot_id": message.bot_id,
        "blocks": copy.deepcopy(message.blocks),
        "thread_ts": message.thread_ts,
        "edited": message.edited,
        "files": message.files,
        "attachments": copy.deepcopy(message.attachments),
        "metadata": message.metadata if metadata else None,
        "reactions": [{"name": n, "users": sorted(u), "count": len(u)} for n, u in message.reactions.items()],
    }
    body |= {name: value for name, value in optional.items() if value}
    if message.thread_ts and message.thread_ts != message.ts:
        parent = space.channels[message.channel].messages.get(message.thread_ts)
        body |= {"parent_user_id": parent.user} if parent else {}
    if replies:
        people = list(dict.fromkeys(m.user for m in replies))
        body |= {"thread_ts": message.ts, "reply_count": len(replies), "reply_users_count": len(people)}
        body |= {"latest_reply": replies[-1].ts, "reply_users": people, "is_locked": False, "subscribed": True}
    if message.bot_id == BOT:
        body |= {"app_id": APP, "bot_profile": bot_profile(space)}
    if message.deleted:
        body = {
            "type": "message",
            "subtype": "tombstone",
            "text": "This message was deleted.",
            "user": "USLACKBOT",
        }
        body |= {"hidden": True, "ts": message.ts, "thread_ts": message.root}
    return body


def bot_profile(space: Workspace) -> Json:
    return {
        "id": BOT,
        "app_id": APP,
        "user_id": BOT_USER,
        "name": space.bot_name,
        "team_id": space.team,
        "deleted": False,
    }


def user_body(person: Person, *, locale: bool = False) -> Json:
    """https://docs.slack.dev/reference/methods/users.info/"""
    profile = {"real_name": person.real_name, "display_name": person.name, "team": person.team}
    body: Json = {
        "id": person.id,
        "team_id": person.team,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": person.deleted,
        "tz": person.tz,
        "tz_offset": 0,
        "profile": profile | ({"bot_id": person.bot_id} if person.bot_id else {}),
        "is_bot": person.is_bot,
        "is_admin": person.is_admin,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": False,
        "is_app_user": False,
    }
    return body | ({"locale": person.locale} if locale else {})


def channel_body(channel: Channel) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.info/"""
    return {name: value for name, value in _channel_body(channel).items() if name not in channel.untold}


def _channel_body(channel: Channel) -> Json:
    body: Json = {
        "id": channel.id,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_archived": channel.archived,
        "is_shared": channel.shared in ("ext", "org"),
        "is_ext_shared": channel.shared == "ext",
        "is_org_shared": channel.shared == "org",
        "is_pending_ext_shared": channel.shared == "pending_ext",
    }
    if channel.kind == "im":
        return body | {"user": next(iter(channel.members - {BOT_USER}), ""), "is_open": True}
    topic = {"value": channel.topic, "creator": "", "last_set": 0}
    return (
        body
        | {"name": channel.name, "is_member": BOT_USER in channel.members, "topic": topic}
        | {"creator": channel.creator}
    )


def file_body(space: Workspace, file: File) -> Json:
    """https://docs.slack.dev/reference/objects/file-object/"""
    url = f"{space.base_url}/files/{file.id}/{file.name}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": "" if file.unprocessed else file.mimetype,
        "filetype": file.name.rpartition(".")[2],
        "size": len(file.content or b"") if file.size is None else file.size,
        "mode": file.mode,
        "file_access": "visible",
        "url_private": url,
        "url_private_download": url,
        **file.more,
    }


def shared_file_body(space: Workspace, file: File) -> Json:
    """A file as a message shows it: of some, Slack gives the id alone."""
    return file_body(space, file) if file.told is None else {"id": file.id, **file.told}


def view_body(view: View, values: Json | None = None) -> Json:
    """https://docs.slack.dev/reference/views/"""
    defaults = {"private_metadata": "", "callback_id": "", "external_id": "", "blocks": []}
    fixed = {
        "id": view.id,
        "team_id": TEAM,
        "app_id": APP,
        "bot_id": BOT,
        "hash": view.hash,
        "root_view_id": view.id,
    }
    return defaults | view.body | fixed | {"state": {"values": values or {}}}


def event_callback(space: Workspace, event: Json) -> Json:
    """https://docs.slack.dev/apis/events-api/#callback-field"""
    return {
        "token": VERIFICATION,
        "team_id": space.envelope_team,
        **_enterprise_id(space),
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": space.new_id(f"Ev{space.team}-"),
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": space.enterprise or None,
                "team_id": None if space.of_org else space.envelope_team,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": space.of_org,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{space.team}-{APP}",
    }


def _enterprise_id(space: Workspace) -> Json:
    return {"enterprise_id": space.enterprise} if space.enterprise else {}


def message_event(space: Workspace, message: Message) -> Json:
    event = message_body(space, message) | _where(space, message) | {"event_ts": message.ts}
    return _with_token(space, message, _with_files(space, event))


def mention_event(space: Workspace, message: Message) -> Json:
    event = message_body(space, message) | _where(space, message)
    event |= {"event_ts": message.ts, "type": "app_mention"}
    event = {name: value for name, value in event.items() if name not in ("channel_type", "subtype")}
    return _with_token(space, message, _with_files(space, event))


def _with_token(space: Workspace, message: Message, event: Json) -> Json:
    """A message to the bot has a token for a search, if a full member said it.

    https://docs.slack.dev/apis/web-api/real-time-search-api
    """
    author, direct = space.people.get(message.user), space.channels[message.channel].kind == "im"
    member = author is not None and not (author.is_bot or author.is_restricted or author.team != space.team)
    if not (space.search_gives_tokens and member and (direct or f"<@{BOT_USER}>" in message.text)):
        return event
    return event | {"assistant_thread": {"action_token": space.new_action_token(message.user, message.channel)}}


def _with_files(space: Workspace, event: Json) -> Json:
    if event["type"] in space.files_in:
        return event
    return {name: value for name, value in event.items() if name != "files"}


def changed_event(space: Workspace, message: Message, before: Json) -> Json:
    """https://docs.slack.dev/reference/events/message/message_changed/"""
    now = {"message": message_body(space, message), "previous_message": before}
    return _hidden(space, message, "message_changed") | now


def deleted_event(space: Workspace, message: Message, before: Json) -> Json:
    """https://docs.slack.dev/reference/events/message/message_deleted/"""
    return _hidden(space, message, "message_deleted") | {"deleted_ts": message.ts, "previous_message": before}


def command(space: Workspace, person: Person, channel: Channel, name: str, text: str) -> Json:
    """https://docs.slack.dev/interactivity/implementing-slash-commands/#app_command_handling"""
    return {
        "token": VERIFICATION,
        "team_id": space.envelope_team,
        "team_domain": DOMAIN,
        **_enterprise_id(space),
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.kind == "im" else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": str(space.of_org).lower(),
        "response_url": space.new_response_url(channel.id, person.id),
        "trigger_id": space.new_trigger(person.id),
    }


def interaction(space: Workspace, person: Person, kind: str) -> Json:
    """The fields of every interaction: https://docs.slack.dev/reference/interaction-payloads/"""
    return {
        "type": kind,
        "token": VERIFICATION,
        "api_app_id": APP,
        "team": {"id": space.team, "domain": DOMAIN} | _enterprise_id(space),
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team},
        "enterprise": {"id": space.enterprise, "name": "Org"} if space.enterprise else None,
        "is_enterprise_install": space.of_org,
        "trigger_id": space.new_trigger(person.id),
    }


def on_message(space: Workspace, person: Person, message: Message) -> Json:
    """The part of an interaction that names its message; Slack leaves out ephemeral bodies."""
    channel = space.channels[message.channel]
    container: Json = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
    container |= {"is_ephemeral": bool(message.ephemeral_to)}
    container |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
    return {
        "container": container,
        "channel": {"id": channel.id, "name": "directmessage" if channel.kind == "im" else channel.name},
        "response_url": space.new_response_url(channel.id, person.id, message.ts),
        **({} if message.ephemeral_to else {"message": message_body(space, message)}),
    }


def action(block: Json, element: Json, value: str) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload/"""
    chosen = {name: element[name] for name in ("type", "action_id", "text", "style") if name in element}
    return chosen | {"block_id": block["block_id"], "action_ts": f"{time.time():.6f}"} | _choice(element, value)


def _choice(element: Json, value: str) -> Json:
    if element["type"].endswith("_select") or element["type"] == "overflow":
        options = element.get("options", [])
        return {"selected_option": next((o for o in options if o["value"] == value), {"value": value})}
    value = value or element.get("value", "")
    return {"value": value} if value else {}


def _where(space: Workspace, message: Message) -> Json:
    return {"channel": message.channel, "channel_type": space.channels[message.channel].kind}


def _hidden(space: Workspace, message: Message, subtype: str) -> Json:
    ts = space.new_ts()
    return {"type": "message", "subtype": subtype, "hidden": True, "ts": ts, "event_ts": ts} | _where(
        space, message
    )
