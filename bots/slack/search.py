"""Slack's own search, for an app that is installed beyond the organisation that runs it: Slack's terms forbid such an
app to keep an index, and also to store what this search finds.

A bot may search for a person who has just mentioned it or written to it directly: the event then has an `action_token`,
in itself or in its `assistant_thread`. Slack documents neither how long that is good nor how often: one that is refused
is not used again. A bot finds messages of public channels alone, and only with the scope search:read.public.
https://docs.slack.dev/apis/web-api/real-time-search-api and
https://docs.slack.dev/reference/methods/assistant.search.context
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from cachetools import TTLCache

from bots.slack.errors import reason_of
from bots.slack.incoming import Identity, Payload, ts_to_time
from bots.slack.mrkdwn import mrkdwn_to_text
from core.clock import Clock
from core.errors import Code, PlatformError
from core.files.names import one_line
from core.text import is_blank, longest_start
from core.values.conversation import Ask
from core.values.memory import FoundMessage
from core.values.places import Person, Place, message_key

Json = dict[str, Any]

TOKEN_S = 600.0
"""Seconds for which the token of an event is kept."""
REFUSED_S, BUSY_S = 3_600.0, 60.0
"""Seconds without a search where Slack does not allow any, and where it does not say how long to wait."""
MOST = 20
"""Messages that a search gives back, which is the most that Slack gives."""
LONGEST = 300
"""Characters of a question that are searched for."""
_CONTENT = 4_000
"""Characters of a message that are looked at."""
_KEPT = 5_000
_NOT_HERE = {"missing_scope", "feature_not_enabled", "not_allowed_token_type", "access_denied", "no_permission"}
_NOT_HERE |= {"unknown_method", "method_deprecated", "deprecated_endpoint", "team_access_not_granted"}
_SPENT = {"invalid_action_token", "token_expired"}
_AT_REST = {"assistant_search_context_disabled"}


class SearchCalls(Protocol):
    """The calls that a search needs. All raise PlatformError."""

    async def identify(self) -> Identity: ...
    async def call(self, method: str, arguments: Json) -> Json: ...


class WorkspaceSearch:
    """Searches one workspace, one call each. What is found is nowhere kept."""

    def __init__(self, slack: SearchCalls, clock: Clock) -> None:
        self._slack = slack
        self._clock = clock
        # message -> its token, and its author; a token is a secret
        self._tokens: TTLCache[str, tuple[str, str]] = TTLCache(_KEPT, TOKEN_S, clock.monotonic)
        self._paused: TTLCache[str, float] = TTLCache(
            _KEPT, REFUSED_S, clock.monotonic
        )  # person, or all -> until

    def note(self, ask: Ask, payload: Payload) -> None:
        """Keep the token of the event of a message, if it has one."""
        event: Payload = payload.get("event") or {}
        thread = event.get("assistant_thread")
        token = event.get("action_token") or (thread.get("action_token") if isinstance(thread, Mapping) else "")
        if token and isinstance(token, str):
            self._tokens[message_key(ask.place, ask.id)] = token, ask.author.id

    async def search(
        self, place: Place, message_id: str, words: str, *, here: bool
    ) -> list[FoundMessage] | None:
        """As `SearchesMessages.search`. Raises PlatformError."""
        key, query = message_key(place, message_id), longest_start(one_line(words), LONGEST)
        token, person = self._tokens.get(key, ("", ""))
        now_s = self._clock.monotonic()
        if not token or is_blank(query) or any(self._paused.get(who, 0.0) > now_s for who in ("", person)):
            return None
        if here and place.direct:
            return []
        me = await self._slack.identify()
        asked = {
            "query": f"{query} in:<#{place.channel}>" if here else query,
            "action_token": token,
            "channel_types": "public_channel",
            "content_types": "messages",
            "include_bots": True,
            "limit": MOST,
        }
        try:
            response = await self._slack.call("assistant.search.context", asked)
        except PlatformError as error:
            self._refused(error, key, person)
            raise
        return found_messages(response, me)

    def _refused(self, error: PlatformError, key: str, person: str) -> None:
        """Pause as long as another call would be refused too. The limit is one of each person."""
        reason, now_s = reason_of(error), self._clock.monotonic()
        if reason in _SPENT:
            self._tokens.pop(key, None)
        elif reason in _NOT_HERE:
            self._paused[""] = now_s + REFUSED_S
        elif reason in _AT_REST:
            self._paused[""] = now_s + BUSY_S
        elif error.code is Code.SLOW_DOWN:
            self._paused[person] = now_s + min(error.retry_after_s or BUSY_S, REFUSED_S)


def found_messages(response: Mapping[str, Any], me: Identity) -> list[FoundMessage]:
    """The messages of a response that are of this workspace and say something. Pure."""
    results = response.get("results")
    listed = results.get("messages") if isinstance(results, Mapping) else None
    said = [_found(one, me) for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return [one for one in said if one is not None]


def _found(message: Mapping[str, Any], me: Identity) -> FoundMessage | None:
    channel, ts = str(message.get("channel_id") or ""), str(message.get("message_ts") or "")
    text = mrkdwn_to_text(str(message.get("content") or "")[:_CONTENT], str)
    known = message.get("team_id") == me.team and channel.isalnum() and _is_ts(ts)
    if not known or is_blank(text):
        return None
    try:
        at = ts_to_time(ts)
    except (ValueError, OverflowError, OSError):
        return None
    link = str(message.get("permalink") or "")
    thread = _thread_of(link)
    if not (me.url and link.startswith(me.url)):
        link = permalink(me.url, channel, ts, thread)
    author = str(message.get("author_user_id") or "")
    name = str(message.get("author_name") or author)
    return FoundMessage(
        Place("slack", me.team, channel, thread or ts),
        ts,
        Person(author, name, bot=bool(message.get("is_author_bot"))),
        at,
        text,
        link,
        str(message.get("channel_name") or ""),
    )


def _is_ts(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdecimal()


def permalink(url: str, channel: str, ts: str, thread: str = "") -> str:
    """The URL of a message under that of its workspace, as Slack writes it; empty where it is not known.

    https://docs.slack.dev/reference/methods/chat.getPermalink
    """
    digits = ts.replace(".", "")
    if not url or not digits.isdecimal():
        return ""
    return f"{url}archives/{channel}/p{digits}" + (f"?thread_ts={thread}&cid={channel}" if thread else "")


def _thread_of(link: str) -> str:
    """The thread that a permalink names, if any."""
    try:
        found = parse_qs(urlsplit(link).query).get("thread_ts", [""])[0]
    except ValueError:
        return ""
    return found if _is_ts(found) else ""
