"""The app itself and its signs of work: status, titles, prompts, sessions, reactions."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack import payloads
from tests.fakes.slack.payloads import APP, BOT, BOT_USER
from tests.fakes.slack.workspace import SlackError, Workspace

from .table import STATUSES, existing, method, writable

Json = dict[str, Any]


@method("auth.test", token="any")
def auth_test(space: Workspace, args: Json) -> Json:
    ids = {"team_id": space.enterprise if space.of_org else space.team, "user_id": BOT_USER, "bot_id": BOT}
    if space.enterprise:
        ids |= {"enterprise_id": space.enterprise}
    return (
        ids
        | {
            "url": f"{space.base_url}/",
            "team": space.team_name,
            "user": space.bot_name,
            "is_enterprise_install": space.of_org,
        }
        | ({"app_id": space.app_id} if space.app_id else {})
    )


@method("apps.connections.open", token="app")
def open_connection(space: Workspace, args: Json) -> Json:
    return {"url": f"ws{space.base_url.removeprefix('http')}/link?ticket={space.sockets.ticket()}&app_id={APP}"}


@method("team.info", scope="team:read")
def team_info(space: Workspace, args: Json) -> Json:
    return {"team": {"id": space.team, "name": space.team_name, "domain": payloads.DOMAIN, "email_domain": ""}}


@method("assistant.threads.setStatus", "channel_id", "thread_ts", "status", scope="chat:write")
def set_status(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel_id"])
    if args["thread_ts"] not in channel.messages:
        raise SlackError("invalid_thread_ts")
    if len(args.get("loading_messages") or []) > 10:
        raise SlackError("invalid_arguments")
    space.statuses[channel.id, args["thread_ts"]] = args["status"]
    return {}


@method("assistant.threads.setTitle", "channel_id", "thread_ts", "title", scope="assistant:write")
def set_title(space: Workspace, args: Json) -> Json:
    space.titles[writable(space, args["channel_id"]).id, args["thread_ts"]] = args["title"]
    return {}


@method("assistant.threads.setSuggestedPrompts", "channel_id", "prompts", scope="assistant:write")
def set_prompts(space: Workspace, args: Json) -> Json:
    prompts = args["prompts"]
    if not isinstance(prompts, list) or not 0 < len(prompts) <= 4:
        raise SlackError("invalid_arguments")
    space.prompts[writable(space, args["channel_id"]).id, args.get("thread_ts")] = prompts
    return {}


@method("agents.sessions.setStatus", "channel_id", "status", scope="chat:write")
def set_session(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel_id"])
    if args["status"] not in STATUSES or len(args.get("title") or "") > 200:
        raise SlackError("invalid_arguments")
    session = space.sessions.setdefault((channel.id, args.get("thread_ts") or ""), {})
    session |= {name: args[name] for name in ("status", "title", "initiator_user_id") if name in args}
    warning = "missing_agent_session_stopped_event_subscription"
    answer: Json = {"agent_status": args["status"], "title": session.get("title", "")}
    return answer if "agent_session_stopped" in space.subscriptions else answer | {"warning": warning}


@method("agents.sessions.rename", "channel_id", "title", scope="chat:write")
def rename_session(space: Workspace, args: Json) -> Json:
    channel = writable(space, args["channel_id"])
    session = space.sessions.setdefault((channel.id, args.get("thread_ts") or ""), {})
    session["title"] = args["title"]
    return {"title": args["title"]}


@method("reactions.add", "channel", "name", "timestamp", scope="reactions:write")
def add_reaction(space: Workspace, args: Json) -> Json:
    users = existing(space, args["channel"], args["timestamp"]).reactions.setdefault(args["name"], set())
    if BOT_USER in users:
        raise SlackError("already_reacted")
    users.add(BOT_USER)
    return {}


@method("reactions.remove", "channel", "name", "timestamp", scope="reactions:write")
def remove_reaction(space: Workspace, args: Json) -> Json:
    reactions = existing(space, args["channel"], args["timestamp"]).reactions
    if BOT_USER not in reactions.get(args["name"], ()):
        raise SlackError("no_reaction")
    reactions[args["name"]].discard(BOT_USER)
    return {}
