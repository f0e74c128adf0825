"""Slack's payloads as the core's values. Pure: the caller looks up names.

Shapes: https://docs.slack.dev/reference/events/message/, https://docs.slack.dev/reference/events/app_mention/,
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bots.slack.attached_files import files_of
from bots.slack.authors import claim_of, is_bot, with_claim
from bots.slack.manifest import OWN_NAMES, AppNames
from bots.slack.message_text import Content, content_of, says_anything, typed_in
from bots.slack.mrkdwn import calls_a_group, mrkdwn_to_text, people_mentioned, without_greeting
from core.conversation.file_content import is_picture
from core.text import without_transcripts
from core.values.conversation import Ask, ThreadMessage
from core.values.events import ASKED_LATER, ButtonPress, Deleted, Edited, Event, Moved, PlaceClosed
from core.values.parts import Attached, File, Quote, Text
from core.values.places import Person, Place

Payload = Mapping[str, Any]
Names = Mapping[str, Person]

ACTION_PREFIX = "parley:"
ASIDE = "parley_aside"
"""The type of the metadata of messages of ours that are no answers."""

# Every other subtype is a notice of Slack's: joins, topics, pins, reminders.
# https://docs.slack.dev/reference/events/message/#subtypes
_SPOKEN = {None, "", "bot_message", "file_share", "me_message", "thread_broadcast"}

CLOSINGS = tuple(f"{kind}_{what}" for kind in ("channel", "group") for what in ("archive", "deleted", "left"))
"""The events, and subtypes of messages, of a channel to which nothing can be posted any more.

https://docs.slack.dev/reference/events/channel_archive and its kin
"""
MOVES = ("member_joined_channel", "member_left_channel")
"""The events of people who join and leave channels that the bot is in.

https://docs.slack.dev/reference/events/member_joined_channel and member_left_channel
"""
_BODY_BLOCKS = {"markdown", "section", "rich_text", "header", "table"}


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot's identity in a workspace, from auth.test, and the names that the operator gave it."""

    team: str
    user_id: str
    bot_id: str
    name: str
    app_id: str = ""
    organisation: str = ""
    url: str = ""
    names: AppNames = OWN_NAMES

    @property
    def home(self) -> frozenset[str]:
        """The ids of the workspace and of the organisation it belongs to, if any."""
        return frozenset({self.team, self.organisation} - {""})

    def said(self, message: Payload) -> bool:
        """True if a message is our own."""
        return (
            message.get("user") == self.user_id
            or (bool(self.bot_id) and message.get("bot_id") == self.bot_id)
            or (bool(self.app_id) and message.get("app_id") == self.app_id)
        )


def payload_to_event(payload: Payload, me: Identity, names: Names) -> Event | None:
    """The event for the core, or None. People that `names` lacks are named by their ids."""
    if payload.get("type") == "block_actions":
        return _press(payload, me, names)
    event: Payload = payload.get("event") or {}
    for kind in (event.get("type"), event.get("subtype")):
        if kind in CLOSINGS:
            return PlaceClosed(place_of(event, me, ""), gone=str(kind).endswith("_deleted"))
    if event.get("type") not in ("message", "app_mention"):
        return None
    match event.get("subtype"):
        case "message_changed":
            return _changed(event, me, names)
        case "message_deleted":
            before = event.get("previous_message") or {}
            place = place_of(event, me, before.get("thread_ts") or before.get("ts") or "")
            return Deleted(place, str(event.get("deleted_ts") or before.get("ts") or ""))
        case subtype if subtype in _SPOKEN and _was_said(event) and not me.said(event):
            return None if _is_late(event) else _ask(event, me, names)
    return None


def author_in(payload: Payload) -> set[str]:
    """The id of the person who caused an event whose author counts; of a change it does not."""
    if payload.get("type") == "block_actions":
        return {user} if (user := (payload.get("user") or {}).get("id")) else set()
    event: Payload = payload.get("event") or {}
    return set() if event.get("subtype") == "message_changed" else author_of(event)


def named_in(payload: Payload) -> tuple[str, ...]:
    """The ids of the people whom an event mentions or quotes, in order."""
    event: Payload = payload.get("event") or {}
    return content_of(event.get("message") or event).people


def author_of(message: Payload) -> set[str]:
    """The id of the person who wrote a message; none of a bot's."""
    return {str(message["user"])} if message.get("user") and not is_bot(message) else set()


def channel_of(payload: Payload) -> str:
    """The channel that a payload is about, or empty."""
    event: Payload = payload.get("event") or payload
    channel = event.get("channel") or ""
    return str(channel.get("id", "") if isinstance(channel, Mapping) else channel)


def happened_at(payload: Payload) -> str:
    """The time of the event as a ts: that of a change or a press, not that of the message."""
    event: Payload = payload.get("event") or next(iter(payload.get("actions") or ()), {})
    return str(event.get("event_ts") or event.get("action_ts") or event.get("ts") or "")


def moved_in(event: Payload, team: str) -> Moved:
    """The person who has joined a channel, or left it (`MOVES`)."""
    place = Place("slack", team, str(event.get("channel") or ""))
    return Moved(place, str(event.get("user") or ""), event.get("type") == "member_joined_channel")


def message_to_entry(message: Payload, me: Identity, names: Names) -> ThreadMessage | None:
    """A message of a thread from conversations.replies, or None where it says nothing."""
    if message.get("subtype") not in _SPOKEN:
        return None
    line = _own_line(message, me) if me.said(message) else line_of(message, me, names)
    return None if line.wordless else line


def _own_line(message: Payload, me: Identity) -> ThreadMessage:
    text = "" if is_aside(message) else _own_words(message)
    author = Person(me.user_id, me.name, bot=True)
    return ThreadMessage(str(message["ts"]), author, text, ts_to_time(message["ts"]), mine=True)


def line_of(message: Payload, me: Identity, names: Names) -> ThreadMessage:
    """The text of a message; of a bot message as people see it."""
    text, attached = said_in(content_of(message), me, names)
    author = _author(message, me, names)
    return ThreadMessage(str(message["ts"]), author, text, ts_to_time(message["ts"]), attached=attached)


def is_aside(message: Payload) -> bool:
    """True if a bot message is not an answer: the reply to a command, or the question that it repeats."""
    return (message.get("metadata") or {}).get("event_type") == ASIDE


def ts_to_time(ts: str) -> datetime:
    """Slack's message ids are Unix seconds with six decimals, exact to the microsecond."""
    seconds, _, micros = str(ts).partition(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(f"{micros:0<6}"[:6]))


def _was_said(event: Payload) -> bool:
    """True if the event is a message: not hidden, not about another message, with an author and some content.

    https://docs.slack.dev/reference/events/message/message_replied: it may come without its subtype.
    """
    about_another = event.get("hidden") or "message" in event or "previous_message" in event
    author = event.get("user") or event.get("bot_id")
    return bool(event.get("ts") and author and not about_another and says_anything(event))


def _is_late(event: Payload) -> bool:
    """True if an edit put the mention into a message that was too old by then. The edit comes as a change, too.

    https://github.com/slack-go/slack/pull/1256
    """
    edited = (event.get("edited") or {}).get("ts")
    if event.get("type") != "app_mention" or not edited:
        return False
    return ts_to_time(edited) - ts_to_time(event["ts"]) > ASKED_LATER


def _ask(event: Payload, me: Identity, names: Names) -> Ask:
    ts, content = str(event["ts"]), content_of(event)
    place = place_of(event, me, event.get("thread_ts") or ts)
    text, attached = said_in(content, me, names)
    own = "" if is_bot(event) else content.typed
    mentioned = people_mentioned(own)
    addressed = place.direct or me.user_id in mentioned
    return Ask(
        ts,
        place,
        _author(event, me, names),
        text,
        ts_to_time(ts),
        addressed=addressed,
        to_others=(bool(mentioned) or calls_a_group(own)) and not addressed,
        attached=attached,
    )


def _changed(event: Payload, me: Identity, names: Names) -> Edited | Deleted | None:
    now, before = event.get("message") or {}, event.get("previous_message") or {}
    if not now.get("ts"):
        return None
    place = place_of(event, me, now.get("thread_ts") or now["ts"])
    if now.get("subtype") == "tombstone":  # a root that has replies is not removed, only emptied
        return Deleted(place, str(now["ts"]))
    if now.get("subtype") not in _SPOKEN or me.said(now):
        return None
    content = content_of(now)
    if not content.differs_from(content_of(before)):  # Slack has added a preview of a link, or counted a reply
        return None
    return Edited(place, str(now["ts"]), *said_in(content, me, names))


def _press(payload: Payload, me: Identity, names: Names) -> ButtonPress | None:
    action: Payload = next(iter(payload.get("actions") or ()), {})
    name, value = str(action.get("action_id", "")), str(action.get("value", ""))
    channel = channel_of(payload)
    if not name.startswith(ACTION_PREFIX) or not value.isdecimal() or not channel:
        return None
    message, container = payload.get("message") or {}, payload.get("container") or {}
    thread = message.get("thread_ts") or container.get("thread_ts") or container.get("message_ts") or ""
    user: Payload = payload.get("user") or {}
    who = str(user.get("id", ""))
    called = str(user.get("name") or user.get("username") or who)
    author = with_claim(names.get(who), who, called, claim_of(user), me.home)
    place = place_of({"channel": channel}, me, thread)
    ts = happened_at(payload)
    at = ts_to_time(ts) if ts else None
    return ButtonPress(name.removeprefix(ACTION_PREFIX), int(value), place, author, at=at)


def place_of(event: Payload, me: Identity, thread: str) -> Place:
    """The place of an event, by its `channel` and `channel_type`, if any."""
    channel = str(event.get("channel", ""))
    kind = event.get("channel_type") or ("im" if channel.startswith("D") else "")
    return Place("slack", me.team, channel, str(thread), direct=kind == "im")


def _author(message: Payload, me: Identity, names: Names) -> Person:
    who = str(message.get("user") or message.get("bot_id") or "")
    if not is_bot(message):
        return with_claim(names.get(who), who, who, claim_of(message), me.home)
    profile: Payload = message.get("bot_profile") or {}
    return Person(who, str(message.get("username") or profile.get("name") or who), bot=True)


def said_in(content: Content, me: Identity, names: Names) -> tuple[str, tuple[Attached, ...]]:
    """A message in plain text: its author's text, and its other content."""

    def name_of(user: str) -> str:
        person = names.get(user)
        return me.name if user == me.user_id else person.name if person else user

    def plain(one: Attached) -> Attached:
        match one:
            case Text(text):
                return Text(mrkdwn_to_text(text, name_of))
            case Quote(text, author, author_id=who):
                author = name_of(who) if who == me.user_id or who in names or not author else author
                return replace(one, text=mrkdwn_to_text(text, name_of), author=author)
        return one

    typed = mrkdwn_to_text(without_greeting(content.typed, me.user_id), name_of)
    return typed.strip(), tuple(map(plain, content.attached))


def _own_words(message: Payload) -> str:
    """The model's text in a message of ours, without the notice, which has a block of its own. A long answer is
    a file. A picture is a tool's, and no text of the model."""
    blocks: list[Payload] = message.get("blocks") or []
    if blocks and not any(block.get("type") in _BODY_BLOCKS for block in blocks):
        return ""
    whole = [str(block["text"]) for block in blocks if block.get("type") == "markdown"]
    files = " ".join(
        f"[{one.name}]" for one in files_of(message) if isinstance(one, File) and not is_picture(one)
    )
    said = "\n".join(filter(None, whole or [mrkdwn_to_text(typed_in(message), str), files])).strip()
    return without_transcripts(said)
