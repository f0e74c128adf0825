"""assistant.search.context, as a bot may call it.

Documented are its arguments and errors, the most results, ten calls a minute for a person, that guests have no search,
and that a channel which is shared with another workspace is searched alone. The life of a token is not: see
`Workspace.search_token_s`. Slack finds a message a minute or more after it was said; here it is found at once.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.slack.workspace import Action, Channel, Message, SlackError, Workspace

from .table import flag, method

Json = dict[str, Any]

MOST, LONGEST = 20, 500
_SCOPES = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
_WORD = re.compile(r"\w{3,}")


@method("assistant.search.context", scope="search:read.public")
def search(space: Workspace, args: Json) -> Json:
    if not str(args.get("query") or "").strip():
        raise SlackError("missing_query")
    if len(str(args["query"])) > LONGEST:
        raise SlackError("query_too_long")
    types = _listed(args, "channel_types", "public_channel", set(_SCOPES))
    for kind in types - {"public_channel"}:  # a bot's token can't have these
        raise SlackError("missing_scope", needed=f"search:read.{_SCOPES[kind]}")
    for kind in _listed(args, "content_types", "messages", {"messages", "files", "channels", "users"}) - {
        "messages"
    }:
        raise SlackError("missing_scope", needed=f"search:read.{kind}")
    limit = args.get("limit", MOST)
    if not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise SlackError("invalid_arguments", messages=[f"[ERROR] limit: {limit}"])
    action = _spent(space, args)
    found = _found(space, action, str(args["query"]), bots=flag(args, "include_bots"))
    messages = [*space.search_extra, *(_body(space, channel, message) for channel, message in found)][:limit]
    return {"results": {"messages": messages}, "response_metadata": {"next_cursor": ""}}


def _listed(args: Json, name: str, default: str, known: set[str]) -> set[str]:
    """Slack reads a text with commas. It ignores a list, and with it the limits that it set."""
    given = args.get(name, default)
    if not isinstance(given, str) or not set(given.split(",")) <= known:
        raise SlackError("invalid_arguments", messages=[f"[ERROR] {name}: {given}"])
    return set(given.split(","))


def _spent(space: Workspace, args: Json) -> Action:
    action = space.actions.get(str(args.get("action_token") or ""))
    if action is None or action.uses >= space.search_token_uses:
        raise SlackError("invalid_action_token")
    if space.clock.now() - action.at_s > space.search_token_s:
        raise SlackError("invalid_action_token")
    action.uses += 1
    return action


def _found(space: Workspace, action: Action, query: str, *, bots: bool) -> list[tuple[Channel, Message]]:
    """The messages with most words of the query first."""
    within = set(re.findall(r"in:<#(\w+)>", query))
    if space.channels[action.channel].shared == "ext":
        within = {action.channel}
    asked = set(_WORD.findall(re.sub(r"in:<#\w+>", " ", query).lower()))
    found: list[tuple[int, Channel, Message]] = []
    for channel in space.channels.values():
        public = channel.kind == "channel" and not space.people[action.user].is_restricted
        if space.search_knows_types and not public:
            continue
        if within and channel.id not in within:
            continue
        for message in channel.messages.values():
            shared = asked & set(_WORD.findall(message.visible.lower()))
            hidden = message.deleted or message.ephemeral_to or (message.bot_id and not bots)
            if shared and not hidden:
                found.append((len(shared), channel, message))
    found.sort(key=lambda one: (-one[0], one[2].ts))
    return [(channel, message) for _, channel, message in found]


def _body(space: Workspace, channel: Channel, message: Message) -> Json:
    author = space.people.get(message.user)
    thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
    return {
        "author_name": author.real_name if author else "",
        "author_user_id": message.user,
        "team_id": space.team,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "message_ts": message.ts,
        "content": message.visible if message.bot_id else message.text,
        "is_author_bot": bool(message.bot_id),
        "permalink": f"{space.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}{thread}",
    }
