"""The protocols between the core and a platform, in both directions. tests/contract holds both sides to
them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.errors import BotError
from core.values.budgets import SoundRules
from core.values.conversation import Ask, History
from core.values.events import Command, Deleted, Edited, Event, Receipt
from core.values.memory import EarlierAnswer, FoundMessage
from core.values.outgoing import Limits, OutgoingCall, RateLimit, RateLimitStatus, Sources
from core.values.places import Person, Place
from core.values.platform import PlatformTraits
from core.values.report import UnansweredPosts
from core.values.turn_ends import AnswerFooter
from core.values.ui import Choice, ImmediateReply

STORE_WAIT_S = 10.0
"""Seconds for which an event waits for a database that is away, and later ones of its channel behind it. A platform
that sends it again meanwhile does no harm: it is stored once."""


class Inbox(Protocol):
    """Takes the events of platforms."""

    async def receive(self, event: Event) -> Receipt:
        """Take one event. When this returns, the event is stored or ignored: acknowledge it.

        Raises StoreError when it could not be stored: do not acknowledge it. A database that is away is waited for, up
        to `STORE_WAIT_S`; an answer never is.
        """
        ...

    async def take_request(self, key: str) -> bool:
        """True for a signed request with this key that was not taken before, by no other process either: it is now.

        For requests that no turn remembers. Raises StoreError.
        """
        ...

    async def give_back_request(self, key: str) -> None:
        """A request that was taken was not done: it may come again. Raises StoreError."""
        ...

    def failed(self, error: BotError, place: Place) -> None:
        """Note an error whose reference a person at `place` is shown, so that the operator can look it up. Those that
        `receive` and `refusal` raise are noted already: again is once."""
        ...

    async def concerns(self, event: Ask | Edited) -> bool:
        """False where the event will be ignored, by any author, so that no look-up of the author is needed.

        Raises StoreError.
        """
        ...

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        """The reply to a question, or a command that a model answers, that would be refused a turn now; else None.
        Stores nothing, and counts the refusal alone: once for each id.

        Platforms call it before they show anything of a command to others, and before they have a voice clip
        transcribed. Raises StoreError.
        """
        ...

    async def sound_rules(self, ask: Ask) -> SoundRules:
        """The rules of transcripts for a question. Platforms that have sounds transcribed before `receive` keep to
        them. Raises StoreError."""
        ...

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        """At most 25 completions of `option` of a command that is being typed.

        `command.options` holds the options typed so far, the beginning of `option` included. Raises
        StoreError.
        """
        ...

    async def sources(
        self, place: Place, reader: Person, footers: Sequence[AnswerFooter]
    ) -> Mapping[str, Sources]:
        """The earlier answers that the answers with these footers cite and `reader` may read now, by the id of the
        answer's message. For platforms that show a thread from the store. Raises StoreError."""
        ...

    async def language(self, person: Person, place: Place) -> str:
        """The language for `person` there: the channel's, else theirs, else the operator's.

        For sentences that a platform shows before, or without, an event. Raises StoreError.
        """
        ...


class Connector(Protocol):
    """One kind of platform: the connection over which the events of its installations come in."""

    name: str
    traits: PlatformTraits

    @property
    def installations(self) -> Sequence[Installation]: ...

    def serving(self, place: Place) -> Installation | None:
        """The installation that serves `place`, or None where this connector has none for its team."""
        ...

    async def run(self, inbox: Inbox) -> None:
        """Connect, deliver events to `inbox`, stay connected until cancelled.

        Raises PlatformError: BAD_TOKEN when the platform refuses the credentials, APP_SETUP when it refuses the app's
        configuration, others with `retry_after_s` when it demands a long pause. Reconnects after everything else. May
        be called again after an error.
        """
        ...

    def ready(self) -> bool:
        """True while connected, and where commands must be registered, once they are."""
        ...


@runtime_checkable
class ReportsTrouble(Protocol):
    """A connector that knows why its last attempt to connect has failed."""

    @property
    def trouble(self) -> str:
        """The reason in words, for operators; empty where no attempt has failed. It counts while it is not ready."""
        ...


@runtime_checkable
class LoadsInstallations(Protocol):
    """A connector whose installations are in the store: teams make them themselves, and end them."""

    on_ended: Callable[[str], Awaitable[None]]
    """Receives the id of a team whose installation has ended."""

    async def load(self) -> None:
        """Read the installations, before anything is asked of them. Raises StoreError."""
        ...

    async def look_up(self, place: Place) -> None:
        """Serve `place` from now on if another process has stored an installation of its team. Raises StoreError."""
        ...


@runtime_checkable
class Revocable(Protocol):
    """An installation that a team may have made itself."""

    @property
    def revocable(self) -> bool:
        """True if the team may end it at any time, which is no fault of the platform."""
        ...


@runtime_checkable
class CountsConnections(Protocol):
    """A connector with more than one connection at a time."""

    @property
    def connections(self) -> int:
        """The connections that are open now."""
        ...


@runtime_checkable
class TimesAcknowledgements(Protocol):
    """A connector that measures the time until an event may be acknowledged, from its arrival."""

    on_acknowledged: Callable[[float], None]


class Installation(Protocol):
    """One team on a platform, or all of them where the platform's traits say that an installation spans teams.

    The core decides which call is made and when; the installation makes it once and reports. It does not retry, pace,
    page or remember: the core does, in one place for all platforms.
    """

    name: str
    """The platform's."""
    traits: PlatformTraits
    limits: Limits

    @property
    def id(self) -> str:
        """The id of its team; where it spans teams, of its account. Empty until the platform has said it."""
        ...

    def ready(self) -> bool:
        """True while its events come in."""
        ...

    async def history(self, place: Place, before: Ask) -> History:
        """The messages of `place` before `before`, oldest first, in one bounded read. No call where there can be none.

        Raises PlatformError. On SLOW_DOWN the turn goes on without them.
        """
        ...

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        """The newest `limit` messages of `place`, none older than `since`, oldest first, in a bounded read.

        Of a place without a thread: those at the top level of its channel, or in all its threads where the top level
        takes no messages. `complete` is False where the bound cut the read. Raises PlatformError.
        """
        ...

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        """The rate-limit scopes that `call` draws on. Pure."""
        ...

    async def perform(self, call: OutgoingCall) -> str:
        """Make the call once and return the message's id.

        Raises PlatformError: SLOW_DOWN (with retry_after_s), GONE (message, thread or channel deleted),
        NOT_ALLOWED, APP_SETUP (of an UploadFile: the app lacks the right to post files), REJECTED (the content was
        refused: too long, malformed), EXPIRED (the interaction token),
        UNSUPPORTED (this kind of call, here; of a PostMessage: no further message, but a file), GROWING, GROWN
        and HALTED (see `Code`), UNAVAILABLE (certainly not done), UNCERTAIN (may have been done: look it up before
        posting again).
        """
        ...

    async def find(self, call: OutgoingCall) -> str | None:
        """The id of the message of an earlier, uncertain `PostMessage`, `StartStream` or `UploadFile`, or None."""
        ...

    async def typing(self, place: Place, language: str = "en") -> None:
        """Show that an answer is being prepared, where the platform can. `language` is for words, if it shows any.

        Callers ignore PlatformError.
        """
        ...

    def channels(self) -> list[Place]:
        """Channels and threads in which the bot may have been addressed, as far as is known without a call."""
        ...

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        """The messages of `place` after `after`, oldest first, as `run` would have delivered them.

        Of a place without a thread: those of the channel itself. One bounded read, no call where there can be none.
        Raises PlatformError, and StoreError where the inbox raises it. On SLOW_DOWN it is called again later.
        """
        ...

    async def question_exists(self, ask: Ask) -> bool:
        """True if the question's message still exists. True, without a call, for a slash command.

        Raises PlatformError if the platform can't say.
        """
        ...

    async def channel(self, channel: str) -> Place:
        """The top level of the channel with this id. Raises PlatformError."""
        ...


@runtime_checkable
class ReportsRateLimits(Protocol):
    """An installation whose platform reports the remainder of a rate limit."""

    def rate_limit_status(self, scope: str) -> RateLimitStatus | None:
        """Latest rate-limit headers for `scope`; cleared on read."""
        ...


@runtime_checkable
class Membership(Protocol):
    """An installation that spans teams, of which one account may be a member of several.

    A direct conversation belongs to none of the teams, and so does a place where the installation is no member of the
    team; the rules of each team apply to its members there too.
    """

    def has_team(self, place: Place) -> bool:
        """True if `place` belongs to a team that the installation is a member of, or if that is unknown. Pure."""
        ...

    async def roles_in(self, person: str, teams: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """The teams of `teams` that `person` is a member of, each with the ids of their roles. Cached for a
        minute.

        Raises PlatformError.
        """
        ...


@runtime_checkable
class Directory(Protocol):
    """An installation whose look-up of a person may take long. Their question is held meanwhile."""

    def ready(self) -> bool: ...

    async def look_up(self, person: Person, within_s: float) -> Person:
        """`person` with the platform's profile; unchanged if it does not answer within `within_s` seconds.

        Returns early if waiting does not help. Raises nothing.
        """
        ...

    async def tell(self, told: ImmediateReply, ask: Ask) -> None:
        """Show `reply` to the author of `ask` alone. Raises nothing."""
        ...


@runtime_checkable
class ThreadAccess(Protocol):
    """An installation whose channels may have threads that not everybody in the channel may read."""

    async def is_open(self, place: Place) -> bool:
        """True if all who may read the channel of `place` may read its thread too. False where that is unknown.

        Raises PlatformError.
        """
        ...


@runtime_checkable
class SourceAccess(Protocol):
    """An installation that knows which channels may be sources of an answer: those that everybody who reads the answer
    may read (`core.memory.audience`).

    `reader` is the person who asks. `alone`: only they read the answer; it is so in a direct conversation. Of `reader`
    and `place` nothing is trusted that may have changed since the question. Neither method raises anything: a fact that
    can't be found out in a short time counts as a refusal.
    """

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        """Those of `channels`, ids of channels of this installation, that may be sources of an answer at `place`. They
        are of its team; of others too where it belongs to none, and `reader` alone reads the answer."""
        ...

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        """True if an answer at `place` may use the thread `source` now. Called for each source before it is used: it
        looks at the thread too, and at younger facts."""
        ...


@runtime_checkable
class SearchesMessages(Protocol):
    """An installation whose platform searches its messages for a person who has just said something to the bot."""

    async def search(
        self, place: Place, message_id: str, words: str, *, here: bool
    ) -> list[FoundMessage] | None:
        """The messages of public channels of the place's team that fit `words` best, best first, as the author of the
        message may read them; with `here` those of its channel alone.

        None where nothing can be searched for that message, or not for now; no call then. The caller checks that
        everybody who reads the answer may read them, and stores nothing of them. One call. Raises PlatformError.
        """
        ...


@runtime_checkable
class RereadsQuestions(Protocol):
    """An installation whose messages may change, or go, while nothing tells of it."""

    @property
    def heard_since(self) -> datetime | None:
        """The time from which on every change of a message was told; None while that is unknown. Pure."""
        ...

    async def reread(self, source: EarlierAnswer) -> Edited | Deleted | None:
        """The change that is found when a question and its answer are looked at: the question as it is now where it was
        ever edited, and the message that is gone, alone or with its thread. None where there is none.

        One bounded read. Raises PlatformError where it can't be told.
        """
        ...


@runtime_checkable
class ReadsPosts(Protocol):
    """An installation whose teams may have forums: channels that consist of posts, each a thread of its own."""

    async def unanswered_posts(
        self, scope: Place, reader: Place, since: datetime, until: datetime
    ) -> UnansweredPosts:
        """The posts that people made from `since` to before `until` and that hold no message but their first.

        Those of the channel `scope`, or of its team where it names no channel, and of these the ones that certainly
        everybody may read who may read the channel `reader`. Posts that are closed or pinned are no questions. One
        bounded read, no call where there can be none. Raises PlatformError.
        """
        ...


@runtime_checkable
class LinksMessages(Protocol):
    """An installation whose messages have addresses."""

    def message_link(self, place: Place, message_id: str) -> str:
        """The URL of a message, for people who may read it; empty where it is not known. One that begins with `/` leads
        somewhere on the platform's own page alone. Pure."""
        ...

    def channel_mention(self, place: Place) -> str:
        """Markdown by which the platform shows the name of `place`'s channel, to people who may see it; empty where it
        has no such mark. Pure."""
        ...
