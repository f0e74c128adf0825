"""Messages that discord.py can't parse are read in part.

The library parses a message as a whole and raises what fails: out of `history`, and out of the gateway, where it ends
the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import discord
import structlog

from bots.discord.private import Parser, State, channel_of, replace_readers

log = structlog.get_logger(platform="discord")

Data = Mapping[str, Any]

_LISTS: dict[str, Any] = {"mentions": [], "mention_roles": [], "components": []}
_SNAPSHOT: dict[str, Any] = {
    "type": 0,
    "content": "",
    "embeds": [],
    "attachments": [],
    "timestamp": None,
    "edited_timestamp": None,
}
_NO_EXPIRY = "1970-01-01T00:00:00+00:00"
_BARE: dict[str, Any] = {"type": 0, "content": ""} | _LISTS
_NEEDED = ("id", "channel_id", "author", "type", "content")
_MESSAGES = ("MESSAGE_CREATE", "MESSAGE_UPDATE")
_DEPENDENT = ("referenced_message",)
"""Fields that contain another message."""
_IGNORED: dict[str, Any] = {
    "author": {"id": "0", "username": "", "discriminator": "0", "avatar": None},
    "type": -1,
}
"""An unknown message type: such messages are ignored."""


def guard(connection: State) -> None:
    """Make `connection` read what it can of every message and event.

    READY is not guarded: without it there is no session, and the connection is made anew.
    """

    def read(*, channel: Any, data: Any) -> discord.Message:
        return read_message(connection, channel, data)

    def around(event: str, parse: Parser) -> Parser:
        return parse if event == "READY" else _guarded(event, parse, connection)

    replace_readers(connection, read, around)


def read_message(state: State, channel: Any, data: Any) -> discord.Message:
    """`data` as a message, without the parts that can't be read.

    Without a readable author or id it is a message of an unknown type, which is ignored.
    """

    def read(data: Any) -> discord.Message:
        return _read(state, channel, data)

    try:
        return read(data)
    except Exception as error:
        log.warning("message_read_in_part", message=_id(data), error=type(error).__name__)
        return read(readable(data, lambda some: _works(read, some)))


def _read(state: State, channel: Any, data: Any) -> discord.Message:
    """Raises AttributeError where the author has no id: the library would leave the author out."""
    whole: Any = completed(data)
    message = discord.Message(state=state, channel=channel, data=whole)
    assert message.author
    return message


def completed(data: Data) -> dict[str, Any]:
    """A message with the fields that the library needs and Discord may leave out: of a forward's snapshot, which is a
    part of a message, and of a poll that never ends. What the library can't read of a poll it drops without an error.

    https://docs.discord.com/developers/resources/message#message-snapshot-structure
    https://docs.discord.com/developers/resources/poll#poll-object
    """
    whole: dict[str, Any] = {**_LISTS, **data}
    if snapshots := whole.get("message_snapshots"):
        whole["message_snapshots"] = [{"message": _SNAPSHOT | one["message"]} for one in snapshots]
    if poll := whole.get("poll"):
        answers = [one | {"poll_media": _media(one.get("poll_media"))} for one in poll["answers"]]
        expiry = poll.get("expiry") or _NO_EXPIRY
        whole["poll"] = {**poll, "question": _media(poll["question"]), "answers": answers, "expiry": expiry}
    if answered := whole.get("referenced_message"):
        whole["referenced_message"] = completed(answered)
    return whole


def _media(data: Any) -> dict[str, Any]:
    return {**(data or {}), "text": (data or {}).get("text") or ""}


def readable(data: Any, works: Callable[[Data], bool]) -> dict[str, Any]:
    """The fields of a message, and the items of its lists, with which it `works`. Tries each once."""
    whole = data if isinstance(data, Mapping) else {}
    kept = _BARE | {name: whole[name] for name in _NEEDED if whole.get(name) is not None}
    kept |= {} if isinstance(kept["content"], str) else {"content": ""}
    if not works(kept):
        return _BARE | {"id": _id(data), "channel_id": "0"} | _IGNORED
    names = [name for name in whole if name not in _NEEDED]
    for name in sorted(names, key=_DEPENDENT.__contains__):
        value = whole[name]
        if isinstance(value, list):
            value = [item for item in value if works(kept | {name: [item]})]
        if works(kept | {name: value}):
            kept[name] = value
    return kept


def _guarded(event: str, parse: Parser, connection: State) -> Parser:
    def guarded(data: Any) -> None:
        try:
            parse(_with_author(completed(data)) if event in _MESSAGES else data)
        except Exception as error:
            log.warning("event_unreadable", kind=event, error=type(error).__name__)
            # An update without `content` changes no text.
            if event == "MESSAGE_CREATE" or (event == "MESSAGE_UPDATE" and "content" in data):
                again(data)

    def again(data: Any) -> None:
        """Parse the readable part of the message."""
        try:
            channel = channel_of(connection, data)
            some = readable(data, lambda some: _works(lambda data: _read(connection, channel, data), some))
            parse(completed(some))
        except Exception:
            log.exception("event_lost", kind=event)

    return guarded


def _with_author(data: Data) -> Data:
    """Raises TypeError or KeyError where there is no author: the library would not notice."""
    assert data["author"]["id"]
    return data


def _works(read: Callable[[Any], object], data: Data) -> bool:
    try:
        read(data)
    except Exception:
        return False
    return True


def _id(data: Any) -> str:
    found = str(data.get("id", "")) if isinstance(data, Mapping) else ""
    return found if found.isascii() and found.isdecimal() else "0"
