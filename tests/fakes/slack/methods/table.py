"""The table of methods, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.slack import blocks as block_kit
from tests.fakes.slack.workspace import Channel, Message, SlackError, Workspace

Json = dict[str, Any]
Perform = Callable[[Workspace, Json], Json]


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    perform: Perform
    needs: tuple[str, ...]
    token: str
    scope: str


STATUSES = ("active", "processing", "suspended", "closed")  # of an agent's session
METHODS: dict[str, Method] = {}


def method(name: str, *needs: str, token: str = "bot", scope: str = "") -> Callable[[Perform], Perform]:
    """Enters a function under its Web API name; `needs` are the arguments it can't do without, `scope` is what a
    bot's token has to be good for, with a {kind} that depends on the channel."""

    def enter(perform: Perform) -> Perform:
        METHODS[name] = Method(name, perform, needs, token, scope)
        return perform

    return enter


def checked(space: Workspace, blocks: Any) -> list[Json]:
    found = list(block_kit.problems(blocks)) or list(block_kit.file_problems(blocks, space.shows))
    if found:
        raise SlackError("invalid_blocks", messages=[f"[ERROR] {problem}" for problem in found])
    if block_kit.too_long(blocks):
        raise SlackError("msg_blocks_too_long")
    return block_kit.completed(blocks)


def writable(space: Workspace, id: str) -> Channel:
    """The channel to write to; a user's id means the direct messages with them.

    Raises:
        SlackError: is_archived; `refusal` of the channel, such as restricted_action, where only some may post.
    """
    channel = space.direct_channel(id) if id in space.people else space.channel(id, joined=True)
    if channel.archived or channel.refusal:
        raise SlackError(channel.refusal or "is_archived")
    return channel


def existing(space: Workspace, channel: str, ts: str) -> Message:
    message = space.find(space.channel(channel, joined=True).id, ts)
    if message is None or message.ephemeral_to:
        raise SlackError("message_not_found")
    return message


def flag(args: Json, name: str) -> bool:
    return str(args.get(name, "")).lower() in ("1", "true")
