"""The gate before every platform call: one place to count calls, and to log and name their errors.

Of several replicas the owner of a place alone makes the calls that show answers there. A call waits while the owner
does not know that it still is, and so does a read that began while the place was held here. The owner is asked again
where a request is written (`core.call_fence`). A call that was under way when the place was lost may take effect late,
over newer words: `on_late` has the next owner show its own again.

Replies to one event, such as the acknowledgement of a command or a refusal, do not come here: the process that has
heard the event makes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Generic, Protocol, TypeVar

import structlog
from cachetools import FIFOCache

from core.call_fence import Fence, NotSentError
from core.errors import Code, PlatformError, StoreError, new_ref
from core.ports.connector import (
    Connector,
    Installation,
    LinksMessages,
    LoadsInstallations,
    Membership,
    ReadsPosts,
    RereadsQuestions,
    SearchesMessages,
    SourceAccess,
    ThreadAccess,
)
from core.ports.files import FileContent, FileError, FileSource
from core.tracing import SpanKind, span
from core.values.conversation import Ask, History
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer, FoundMessage
from core.values.outgoing import DeleteMessage, OutgoingCall, Page, PostMessage, UploadFile
from core.values.parts import File, FileProblem
from core.values.places import Person, Place, message_key
from core.values.platform import Feature
from core.values.report import UnansweredPosts

log = structlog.get_logger()
Answer = TypeVar("Answer")
Made = TypeVar("Made")


_DELETED = 2_000
"""The most deleted messages that are remembered."""

Called = Callable[[str, PlatformError | None], None]
"""Receives the kind of each call and its error, None where it worked."""


OnLate = Callable[[OutgoingCall, str], None]
"""Receives a call that ended after its place was lost, and the id of its message, empty where that is unknown."""

KeptSince = Callable[[Place], Awaitable[datetime | None]]
"""The time from which the messages of a place are kept, or None where all are. Raises StoreError."""


class CallOwner(Protocol):
    """The part of `core.turns.ownership` that calls ask, and the clock that they wait by."""

    def call_wait_s(self, place: Place) -> float | None:
        """`Ownership.call_wait_s`."""
        ...

    def read_wait_s(self, place: Place) -> float | None:
        """The same for a read, which need not keep apart from the calls of the owner before."""
        ...

    async def sleep(self, seconds: float) -> None: ...


def no_late_call(_call: OutgoingCall, _message_id: str) -> None:
    """No call is late where one process makes all of them."""


def _ignore(_call: str, _error: PlatformError | None) -> None: ...


async def _all_kept(_place: Place) -> None: ...


class PlatformCalls:
    """Passes calls on to one installation. Raises PlatformError, those that read messages StoreError as well, and
    nothing else. Messages that are too old to be kept are not read either."""

    def __init__(
        self,
        installation: Installation,
        called: Called = _ignore,
        kept_since: KeptSince = _all_kept,
        owner: CallOwner | None = None,
        on_late: OnLate = no_late_call,
    ) -> None:
        self.installation = installation
        self._owner = owner
        self._on_late = on_late
        self._called = called
        self._kept_since = kept_since
        self._deleted: FIFOCache[str, None] = FIFOCache(_DELETED)

    def deletes(self, place: Place, message_id: str) -> bool:
        """True if the deletion of that message is a call of ours: the platform may report it before the call ends."""
        return message_key(place, message_id) in self._deleted

    async def perform(self, call: OutgoingCall) -> str:
        if isinstance(call, DeleteMessage):
            self._deleted[message_key(call.place, call.message_id)] = None
        if self._owner is None:
            return await self._perform(call)
        owner, begun, message_id = self._owner, False, ""
        fence = Fence(lambda: owner.call_wait_s(call.place) == 0)
        try:
            while True:
                await _wait(owner, owner.call_wait_s, call.place)
                with suppress(NotSentError), fence.around():
                    begun = True
                    message_id = await self._perform(call)
                    return message_id
                begun = fence.sent
        finally:
            if begun and owner.call_wait_s(call.place) != 0:
                self._on_late(call, message_id)

    async def _perform(self, call: OutgoingCall) -> str:
        method = "upload" if isinstance(call, UploadFile) else "perform"
        return await self._pass(method, self.installation.perform(call), call=type(call).__name__.lower())

    async def _read(self, method: str, place: Place, read: Callable[[], Awaitable[Answer]]) -> Answer:
        """Read for `place`. Any replica may read for a place that it does not hold: it has heard of an event there. A
        read that began while it held the place belongs to its answer. Raises PlatformError where that is lost."""
        owner = self._owner
        if owner is None or owner.read_wait_s(place) is None:
            return await self._pass(method, read())
        fence = Fence(lambda: owner.read_wait_s(place) == 0)
        while True:
            await _wait(owner, owner.read_wait_s, place)
            with suppress(NotSentError), fence.around():
                return await self._pass(method, read())

    async def find(self, call: OutgoingCall) -> str | None:
        return await self._read("find", call.place, partial(self.installation.find, call))

    async def history(self, place: Place, before: Ask) -> History:
        read = await self._read("history", place, partial(self.installation.history, place, before))
        return read.since(await self._kept_since(place))

    async def recent(self, place: Place, limit: int, since: datetime | None) -> History:
        read = await self._read("recent", place, partial(self.installation.recent, place, limit, since))
        return read.since(await self._kept_since(place))

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        return await self._read("missed", place, partial(self.installation.missed, place, after))

    async def typing(self, place: Place, language: str = "en") -> None:
        owner = self._owner
        if owner is None:
            await self._pass("typing", self.installation.typing(place, language))
        elif owner.call_wait_s(place) == 0:
            with suppress(NotSentError), Fence(lambda: owner.call_wait_s(place) == 0).around():
                await self._pass("typing", self.installation.typing(place, language))

    async def question_exists(self, ask: Ask) -> bool:
        return await self._read("question_exists", ask.place, partial(self.installation.question_exists, ask))

    async def channel(self, channel: str) -> Place:
        return await self._pass("channel", self.installation.channel(channel))

    async def is_open(self, place: Place) -> bool:
        """`ThreadAccess.is_open`; True where all threads of a channel are as open as the channel."""
        if not isinstance(self.installation, ThreadAccess):
            return True
        return await self._read("is_open", place, partial(self.installation.is_open, place))

    @property
    def distributed(self) -> bool:
        """True if the app is installed beyond the organisation that runs it: then it has no memory."""
        return self.installation.traits.distributed

    def spanned(self, place: Place, teams: Iterable[str]) -> list[str]:
        """The teams of `teams` whose channels may be sources for one who alone reads an answer at `place`, where that
        belongs to no team: those that the bot is a member of."""
        installation = self.installation
        if not isinstance(installation, Membership) or installation.has_team(place):
            return []
        others = (team for team in teams if team != place.team)
        return [team for team in others if installation.has_team(Place(place.platform, team, ""))]

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        """`SourceAccess.eligible_channels`; the same channel alone where the installation does not know. Raises
        nothing."""
        if self.distributed or not reader.may_read:
            return frozenset()
        here = frozenset(channels) & {place.channel}
        if not isinstance(self.installation, SourceAccess):
            return here
        ask = partial(self.installation.eligible_channels, place, reader, alone=alone, channels=channels)
        try:
            return await self._read("eligible_channels", place, ask) & frozenset(channels)
        except PlatformError:
            return frozenset()

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        """`SourceAccess.may_cite`; true for the same channel alone where the installation does not know. Raises
        nothing."""
        return not self.distributed and await self.may_show(place, reader, source, alone=alone)

    async def may_show(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        """The same for a thread that the platform itself has found: also where the app has no memory."""
        if not reader.may_read:
            return False
        if not isinstance(self.installation, SourceAccess):
            return source.channel_key == place.channel_key
        ask = partial(self.installation.may_cite, place, reader, source, alone=alone)
        try:
            return await self._read("may_cite", place, ask)
        except PlatformError:
            return False

    async def search(
        self, place: Place, message_id: str, words: str, *, here: bool
    ) -> list[FoundMessage] | None:
        """`SearchesMessages.search`; None where the platform has no search, and where the app has a memory. Messages
        that are too old to be kept are left out. Raises StoreError too."""
        if not (self.distributed and isinstance(self.installation, SearchesMessages)):
            return None
        search = partial(self.installation.search, place, message_id, words, here=here)
        found = await self._read("search", place, search)
        if found is None:
            return None
        places = {one.place.channel: one.place for one in found}
        since = {channel: await self._kept_since(one) for channel, one in places.items()}
        return [one for one in found if (after := since[one.place.channel]) is None or one.at >= after]

    @property
    def rereads(self) -> bool:
        """True if `reread` may find a change."""
        return isinstance(self.installation, RereadsQuestions)

    @property
    def heard_since(self) -> datetime | None:
        """`RereadsQuestions.heard_since`, or None."""
        return self.installation.heard_since if isinstance(self.installation, RereadsQuestions) else None

    async def reread(self, source: EarlierAnswer) -> Edited | Deleted | None:
        """`RereadsQuestions.reread`; None where the platform tells of every change."""
        if not isinstance(self.installation, RereadsQuestions):
            return None
        return await self._read("reread", source.place, partial(self.installation.reread, source))

    async def unanswered_posts(
        self, scope: Place, reader: Place, since: datetime, until: datetime
    ) -> UnansweredPosts:
        """`ReadsPosts.unanswered_posts`; none where the platform has no forums."""
        if not isinstance(self.installation, ReadsPosts):
            return UnansweredPosts()
        read = partial(self.installation.unanswered_posts, scope, reader, since, until)
        return await self._read("unanswered_posts", scope, read)

    @property
    def has_channels(self) -> bool:
        """False on a page, which is all one place."""
        return Feature.CHANNELS in self.installation.traits.features

    def message_link(self, place: Place, message_id: str) -> str:
        """`LinksMessages.message_link`, or an empty text."""
        if not isinstance(self.installation, LinksMessages):
            return ""
        return self.installation.message_link(place, message_id)

    def channel_mention(self, place: Place) -> str:
        """`LinksMessages.channel_mention`, or an empty text."""
        if not isinstance(self.installation, LinksMessages):
            return ""
        return self.installation.channel_mention(place)

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        """`FileSource.fetch`. Raises FileError and nothing else."""
        if not isinstance(self.installation, FileSource):
            raise FileError(FileProblem.NOT_FOUND, "the platform holds no files")
        try:
            content = await self.installation.fetch(place, message_id, file, limit)
        except FileError as error:
            if isinstance(error.__cause__, PlatformError):
                self._called("fetch", error.__cause__)
            raise
        except Exception as error:
            log.exception("platform_call_crashed", platform=self.installation.name, method="fetch")
            raise FileError(FileProblem.UNAVAILABLE, type(error).__name__) from error
        self._called("fetch", None)
        return content

    async def announce(self, channel: str, text: str) -> bool:
        """Post `text` at the top level of a channel, known by its id alone. Returns whether that worked."""
        try:
            place = await self.channel(channel)
            await self._perform(PostMessage(place, Page(text), key=f"announcement-{new_ref()}"))
        except PlatformError:
            return False
        return True

    async def _pass(self, method: str, answer: Awaitable[Answer], **told: str) -> Answer:
        about = {"parley.platform": self.installation.name, "parley.method": method}
        about |= {f"parley.{key}": value for key, value in told.items()}
        with span(f"{self.installation.name} {told.get('call', method)}", about, SpanKind.CLIENT):
            return await self._passed(method, answer, **told)

    async def _passed(self, method: str, answer: Awaitable[Answer], **told: str) -> Answer:
        try:
            given = await answer
        except NotSentError:
            raise
        except PlatformError as error:
            self._called(method, error)
            log.warning(
                "platform_call_failed",
                platform=self.installation.name,
                method=method,
                **told,
                code=str(error.code),
                retry_after_s=error.retry_after_s,
                detail=error.detail,
            )
            raise
        except StoreError:
            raise  # `missed` asks the inbox about what it reads: the platform did not fail
        except Exception as error:
            log.exception("platform_call_crashed", platform=self.installation.name, method=method, **told)
            uncertain = PlatformError(Code.UNCERTAIN, type(error).__name__, retryable=True, certain=False)
            self._called(method, uncertain)
            raise uncertain from error
        self._called(method, None)
        return given


async def _wait(owner: CallOwner, wait_s: Callable[[Place], float | None], place: Place) -> None:
    """Return when `wait_s` is 0. Raises PlatformError where another replica makes the calls."""
    while (seconds := wait_s(place)) != 0:
        if seconds is None:
            raise PlatformError(Code.UNAVAILABLE, "another replica answers there", retryable=True)
        await owner.sleep(seconds)


class PerInstallation(Generic[Made]):
    """One result of `make` for each installation, found by a place that the installation serves: made when it is first
    asked for."""

    def __init__(self, connectors: Sequence[Connector], make: Callable[[Installation], Made | None]) -> None:
        self._connectors = {connector.name: connector for connector in connectors}
        self._make = make
        self._made: dict[int, tuple[Installation, Made | None]] = {}
        self._start: Callable[[Made], None] = lambda _made: None

    def __call__(self, place: Place) -> Made | None:
        connector = self._connectors.get(place.platform)
        serving = None if connector is None else connector.serving(place)
        return None if serving is None else self._of(serving)

    async def look_up(self, place: Place) -> None:
        """Find the installation for `place` that another process has stored, where none serves it here. Raises
        StoreError."""
        connector = self._connectors.get(place.platform)
        if connector is None or connector.serving(place) is not None:
            return
        if isinstance(connector, LoadsInstallations):
            await connector.look_up(place)

    def of(self, installation: Installation) -> Made:
        """The result for `installation`. Raises KeyError where there is none."""
        made = self._of(installation)
        if made is None:
            raise KeyError(installation.id)
        return made

    def each(self, start: Callable[[Made], None]) -> None:
        """Call `start` with every result from now on, those that are there already first."""
        self._start = start
        for made in self:
            start(made)

    def forget(self, platform: str, team: str) -> list[Made]:
        """Drop the results for installations of a team that have ended, and return them."""
        connector = self._connectors[platform]
        running = {id(one) for one in connector.installations}
        ended = [
            key
            for key, (one, _) in self._made.items()
            if one.name == platform and one.id == team and key not in running
        ]
        return [made for key in ended if (made := self._made.pop(key)[1]) is not None]

    def __iter__(self) -> Iterator[Made]:
        installations = [one for connector in self._connectors.values() for one in connector.installations]
        return iter([made for one in installations if (made := self._of(one)) is not None])

    def _of(self, installation: Installation) -> Made | None:
        if id(installation) in self._made:
            return self._made[id(installation)][1]
        made = self._make(installation)
        self._made[id(installation)] = (installation, made)
        if made is not None:
            self._start(made)
        return made
