"""Reads the messages of a place from Slack, in a bounded number of pages.

https://docs.slack.dev/reference/methods/conversations.replies and conversations.history
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bots.reading import MessageReader
from bots.slack.calls import is_left_by
from bots.slack.incoming import Identity, Payload, author_of, message_to_entry, payload_to_event, said_in
from bots.slack.message_text import content_of
from bots.slack.users import People
from bots.slack.web import Web
from core.errors import Code, PlatformError
from core.values.conversation import Ask, History, ThreadMessage
from core.values.events import Deleted, Edited, Event
from core.values.memory import EarlierAnswer
from core.values.outgoing import OutgoingCall, PostMessage, StartStream, UploadFile
from core.values.places import Person, Place

Json = dict[str, Any]

_TS = re.compile(r"[0-9]+\.[0-9]+")
"""A message's id: https://docs.slack.dev/messaging/retrieving-messages#individual_messages"""


def _ts_of(message: Any) -> str:
    return str(message.get("ts", "")) if isinstance(message, Mapping) else ""


_READER = MessageReader("slack", _ts_of)

_PAGE, _LONG_PAGE, _PAGES = 200, 999, 5  # the first page is enough for nearly all; 999 is the most
_MOST = _PAGE + _LONG_PAGE * (_PAGES - 1)
_NAMES_S = 5.0
_ASIDES: Json = {"include_all_metadata": True}  # it distinguishes our own asides from answers


async def read(web: Web, people: People, place: Place, before: Ask) -> History:
    """A thread up to one of its messages. Raises PlatformError."""
    if not place.thread or before.id == place.thread:
        return History()
    where: Json = {"channel": place.channel, "ts": place.thread, "latest": before.id, "limit": _PAGE}
    said, complete = await _pages(web, "conversations.replies", where)
    entries = await _entries(web, people, said)
    return History(tuple(entry for entry in entries if entry.at < before.at), complete)


async def recent(web: Web, people: People, place: Place, limit: int, since: datetime | None) -> History:
    """The newest lines of a thread or channel. Raises PlatformError."""
    # A thread comes oldest first: its newest lines are on the last page.
    where: Json = {"channel": place.channel, "limit": _PAGE if place.thread else min(limit, _PAGE)}
    if since is not None:
        where |= {"oldest": f"{since.timestamp():.6f}", "inclusive": True}
    if place.thread:
        said, complete = await _pages(web, "conversations.replies", where | {"ts": place.thread})
    else:  # newest first: no more pages than are wanted
        said, complete = await _pages(web, "conversations.history", where, wanted=limit)
    # The root of a thread always comes along.
    entries = [entry for entry in await _entries(web, people, said) if since is None or entry.at >= since]
    return History(tuple(entries[-limit:]), complete and len(entries) <= limit)


async def missed(web: Web, people: People, place: Place, after: datetime) -> list[Ask]:
    """One page of a thread; of a channel or direct messages, up to five of its roots. Raises PlatformError."""
    where: Json = {"channel": place.channel, "oldest": f"{after.timestamp():.6f}", "limit": _PAGE}
    if place.thread:
        page = await web.read("conversations.replies", where | {"ts": place.thread})
        said = page.get("messages", [])
    else:
        said, _ = await _pages(web, "conversations.history", where)
    me, names = await _names(web, people, said)
    kind = "im" if place.direct else ""
    where_said = {"type": "message", "channel": place.channel, "channel_type": kind}

    def to_event(message: Payload) -> Event | None:
        return payload_to_event({"event": {**message, **where_said}}, me, names)

    asks = [event for event in _READER.each(to_event, said) if isinstance(event, Ask) and event.at > after]
    return sorted(asks, key=lambda ask: ask.at)


async def question_exists(web: Web, ask: Ask) -> bool:
    """True if the message exists. A deleted root of a thread may leave a placeholder, which does not count. Raises
    PlatformError."""
    if not _TS.fullmatch(ask.id):
        return True
    where: Json = {"channel": ask.place.channel, "ts": ask.place.thread or ask.id, "limit": 2}
    where |= {"oldest": ask.id, "latest": ask.id, "inclusive": True}
    try:
        page = await web.read("conversations.replies", where)
    except PlatformError as error:
        if error.code is Code.GONE:
            return False
        raise
    found = [one for one in page.get("messages", ()) if isinstance(one, dict) and one.get("ts") == ask.id]
    return any(one.get("subtype") != "tombstone" for one in found)


async def reread(web: Web, people: People, source: EarlierAnswer) -> Edited | Deleted | None:
    """As `RereadsQuestions.reread`: both messages are of one thread. Raises PlatformError.

    A question that a command asked has no message of its own. An answer behind a page of others is not looked at.
    """
    place, question, answer = source.place, source.question_id, source.answer_id
    if not _TS.fullmatch(question):
        return None
    last = answer if place.thread and _TS.fullmatch(answer) else question
    where: Json = {"channel": place.channel, "ts": place.thread or question, "limit": _PAGE}
    where |= {"oldest": question, "latest": max(question, last), "inclusive": True}
    try:
        page = await web.read("conversations.replies", where | _ASIDES)
    except PlatformError as error:
        if error.code is Code.GONE:
            return Deleted(place, question)
        raise
    found = {_ts_of(one): one for one in page.get("messages", ()) if isinstance(one, dict)}
    there = {ts for ts, one in found.items() if one.get("subtype") != "tombstone"}
    if question not in there:
        return Deleted(place, question)
    if last not in there and not page.get("has_more"):
        return Deleted(place, last)
    if not found[question].get("edited"):
        return None
    me, names = await _names(web, people, [found[question]])
    return Edited(place, question, *said_in(content_of(found[question]), me, names))


async def find(web: Web, call: OutgoingCall) -> str | None:
    """The message that an uncertain call left: a post by its metadata, a file by its name; a message that grows has
    only its words to be known by. Raises PlatformError."""
    place = call.place
    if not isinstance(call, PostMessage | StartStream | UploadFile):
        return None
    where: Json = {"channel": place.channel, "limit": _PAGE} | _ASIDES
    if place.thread:
        # Replies come oldest first, and the message that we look for follows the question.
        where |= {"ts": place.thread, "oldest": call.answers or place.thread}
    page = await web.read("conversations.replies" if place.thread else "conversations.history", where)
    me = await web.identify()

    def left(message: Payload) -> str | None:
        return str(message["ts"]) if me.said(message) and is_left_by(call, message) else None

    return next(_READER.each(left, page.get("messages", ())), None)


async def _names(web: Web, people: People, said: list[Json]) -> tuple[Identity, dict[str, Person]]:
    me = await web.identify()
    authors = set().union(*_READER.each(author_of, said)) - {me.user_id}
    known = await people.get(authors, _NAMES_S)
    named = dict.fromkeys(id_ for content in _READER.each(content_of, said) for id_ in content.people)
    return me, await people.names([id_ for id_ in named if id_ not in {me.user_id, *known}], _NAMES_S) | known


async def _entries(web: Web, people: People, said: list[Json]) -> list[ThreadMessage]:
    """The entries in order, each once: a thread's root may be on every page."""
    me, names = await _names(web, people, said)
    found = _READER.each(lambda message: message_to_entry(message, me, names), said)
    return sorted({entry.id: entry for entry in found}.values(), key=lambda entry: entry.at)


async def _pages(web: Web, method: str, where: Json, wanted: int = _MOST) -> tuple[list[Json], bool]:
    """The messages of the first few pages, and whether there are no more. Raises PlatformError only where nothing
    could be read."""
    where = where | _ASIDES
    said: list[Json] = []
    for _ in range(_PAGES):
        try:
            page = await web.read(method, where)
        except PlatformError:
            if not said:
                raise
            return said, False
        said += page.get("messages", ())
        where["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
        if not where["cursor"]:
            return said, True
        if len(said) >= wanted:
            break
        where["limit"] = max(_PAGE, min(_LONG_PAGE, wanted - len(said)))
    return said, False
