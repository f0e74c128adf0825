"""What the core asks of a platform, and what a platform asks of the core. tests/contract holds both to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.values.conversation import Ask, History
from core.values.events import Command, Edited, Event, Receipt
from core.values.outgoing import Limits, OutgoingCall, RateLimit, RateLimitStatus
from core.values.places import Person, Place
from core.values.ui import Choice, ImmediateReply


class Inbox(Protocol):
    async def receive(self, event: Event) -> Receipt:
        """Take one event in. When this returns, the event is stored or rightly ignored: acknowledge it.

        Raises StoreError when it could not be stored: do not acknowledge it. Never waits for an answer.
        """
        ...

    async def concerns(self, event: Ask | Edited) -> bool:
        """False where nothing will come of it, whoever said it: then nobody needs to be looked up for it.
        Raises StoreError."""
        ...

    async def refusal(self, command: Command) -> ImmediateReply | None:
        """Why `command`, one that becomes a turn, would not become one now, or None. Nothing is stored or counted.
        Platforms ask before they show anything of the command to others. Raises StoreError."""
        ...

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        """What `option` of a command that is being typed may become; `command.options` holds what is there so far,
        the option's own beginning included. At most 25, at once. Raises StoreError."""
        ...

    async def language(self, person: Person, place: Place) -> str:
        """The language in which `person` is spoken to there: the channel's, else theirs, else the operator's.
        For words that a platform says before, or without, an event. Raises StoreError."""
        ...


class Platform(Protocol):
    """One chat platform. The core picks the call and its moment; the platform performs it, once, and tells.

    It must not retry, pace, page or remember on its own: those are the core's, in one place for all.
    """

    name: str
    limits: Limits

    async def run(self, inbox: Inbox) -> None:
        """Connect, deliver events to `inbox`, stay connected until cancelled.

        Raises PlatformError(BAD_TOKEN) when the platform refuses the credentials, APP_SETUP when it refuses the app
        as it is set up, and others with `retry_after_s` when it says to stay away for long; heals everything else.
        It may be called again after that.
        """
        ...

    def ready(self) -> bool:
        """True while connected and, where commands must be registered, once they are."""
        ...

    async def history(self, place: Place, before: Ask) -> History:
        """What was said in `place` before `before`, oldest first: one bounded read, no call where there can be
        nothing. Raises PlatformError; SLOW_DOWN means the turn goes on without it."""
        ...

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        """The newest `limit` lines of `place`, none older than `since`, oldest first: of a place without a thread,
        those at the top level of its channel (where nothing can be said there: in all its threads). Bounded;
        `complete` is False where that cut it. Raises PlatformError."""
        ...

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        """The rate-limit scopes that `call` draws on. Pure."""
        ...

    async def perform(self, call: OutgoingCall) -> str:
        """Do it once and return the message's id.

        Raises PlatformError: SLOW_DOWN (with retry_after_s), GONE (message, thread or channel deleted),
        NOT_ALLOWED, REJECTED (the content was refused: too long, malformed), EXPIRED (the ticket is dead),
        UNSUPPORTED (this kind of call, here; of a Post: no further message, but a file), GROWING, GROWN
        and HALTED (see `Code`), UNAVAILABLE (surely not done), UNCERTAIN (may have been done: look it up before
        posting again).
        """
        ...

    async def find(self, call: OutgoingCall) -> str | None:
        """The id of the message that an earlier, uncertain `PostMessage`, `StartStream` or `UploadFile` left, or
        None."""
        ...

    async def typing(self, place: Place, language: str = "en") -> None:
        """Show that an answer is being thought of, where the platform can; `language` is for words, if that takes
        any. A hint: failing is no error."""
        ...

    def channels(self) -> list[Place]:
        """Channels, and threads of them, in which it may have been addressed, as far as is known without a call."""
        ...

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        """What was said in `place` after `after`, oldest first, as `run` would have delivered it; of a place
        without a thread, what was said in the channel itself. One bounded read, no call where there can be
        nothing. Raises PlatformError; SLOW_DOWN means it is asked again later."""
        ...

    async def stands(self, ask: Ask) -> bool:
        """Whether the message that asks is still there. True, without a call, where the question is no message (a slash
        command's). Raises PlatformError, where that can't be found out."""
        ...

    async def channel(self, channel: str) -> Place:
        """The top level of `channel`, by the id an operator wrote down. Raises PlatformError."""
        ...


@runtime_checkable
class ReportsRateLimits(Protocol):
    """A platform whose answers say what is left of a budget."""

    def told(self, scope: str) -> RateLimitStatus | None:
        """What the newest answer said of `scope`, once: None until there is a newer one."""
        ...


@runtime_checkable
class Membership(Protocol):
    """A platform on which one account is a member of several teams: what is said in a direct conversation there
    belongs to none of them, though the rules of each are for all of its members."""

    async def roles_in(self, person: str, teams: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Of `teams`, those that `person` is a member of, with the ids of their roles there. Kept for a minute.
        Raises PlatformError."""
        ...


@runtime_checkable
class Directory(Protocol):
    """A platform that may take long to say who somebody is: their question is held meanwhile."""

    def ready(self) -> bool: ...

    async def look_up(self, person: Person, within_s: float) -> Person:
        """`person` as the platform knows them; unchanged where it can't say within `within_s` seconds. Returns early
        where waiting does not help. Raises nothing."""
        ...

    async def tell(self, told: ImmediateReply, ask: Ask) -> None:
        """Show `told` to the author of `ask` alone, as after its event. Raises nothing."""
        ...
