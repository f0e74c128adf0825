"""The counters of a platform's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from core.call_fence import pass_fence
from core.errors import Code, PlatformError, StoreError
from core.platform_calls import PlatformCalls
from core.ports.files import FileContent, FileError
from core.values.conversation import Ask, History, ThreadMessage
from core.values.outgoing import DeleteMessage, OutgoingCall, Page, PostMessage
from core.values.parts import File, FileProblem
from core.values.places import Person, Place
from tests.fakes.platform import MemoryPlatform

PLACE = Place("slack", "T1", "C1", "1.0")
REFUSED = PlatformError(Code.APP_SETUP, "no scope")


class Refuses(MemoryPlatform):
    """Refuses every call because of another error."""

    async def perform(self, call: OutgoingCall) -> str:
        raise PlatformError(Code.UNCERTAIN, "again") from REFUSED

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        raise FileError(FileProblem.NOT_ALLOWED) from REFUSED


async def test_a_refused_call_is_counted_once_by_its_own_error_and_a_file_by_the_error_behind_it() -> None:
    counted: list[tuple[str, PlatformError | None]] = []
    calls = PlatformCalls(Refuses(), lambda call, error: counted.append((call, error)))
    with pytest.raises(PlatformError) as refused:
        await calls.perform(DeleteMessage(PLACE, "m1"))
    with pytest.raises(FileError):
        await calls.fetch(PLACE, "m1", File("a"), 1)
    assert counted == [("perform", refused.value), ("fetch", REFUSED)]


class OldAndNew(MemoryPlatform):
    """Has a message of each of three days."""

    entries = tuple(
        ThreadMessage(f"m{day}", Person("U1", "Ann"), "hello", datetime(2026, 1, day, tzinfo=UTC))
        for day in (1, 2, 3)
    )

    async def history(self, place: Place, before: Ask) -> History:
        return History(self.entries)

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        return History(self.entries, complete=False)


@pytest.mark.parametrize(("since", "read"), [(None, ["m1", "m2", "m3"]), (2, ["m2", "m3"]), (4, [])])
async def test_messages_too_old_to_be_kept_are_left_out_of_a_history(
    since: int | None, read: list[str]
) -> None:
    async def kept_since(place: Place) -> datetime | None:
        assert place == PLACE
        return None if since is None else datetime(2026, 1, since, tzinfo=UTC)

    calls = PlatformCalls(OldAndNew(), kept_since=kept_since)
    asked = Ask("m4", PLACE, Person("U1"), "why?", datetime(2026, 1, 4, tzinfo=UTC))
    history, recent = await calls.history(PLACE, asked), await calls.recent(PLACE, 9, None)
    assert [one.id for one in history.entries] == [one.id for one in recent.entries] == read
    assert (history.complete, recent.complete) == (True, False), "what is left out is not read again"


class AsksAStoreThatIsAway(MemoryPlatform):
    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        raise StoreError("connection lost")


async def test_a_store_that_is_away_is_no_failure_of_the_platform_whose_messages_are_read() -> None:
    counted: list[str] = []
    calls = PlatformCalls(AsksAStoreThatIsAway(), lambda call, _: counted.append(call))
    with capture_logs() as logged, pytest.raises(StoreError):
        await calls.missed(PLACE, datetime(2026, 1, 1, tzinfo=UTC))
    assert (counted, logged) == ([], [])


class KnowsSources(MemoryPlatform):
    """Says yes to everything, also to a channel that nobody asked about. Fails once `failing`."""

    failing = False

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        if self.failing:
            raise PlatformError(Code.UNAVAILABLE)
        return frozenset(channels) | {"C9"}

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        if self.failing:
            raise PlatformError(Code.UNAVAILABLE)
        return True


ADA = Person("U1", "Ada")
ELSEWHERE = Place("slack", "T1", "C2", "1.0")


async def sources(installation: MemoryPlatform, reader: Person = ADA) -> tuple[set[str], bool, bool]:
    """The eligible ones of the channels C1 and C2, and whether a thread of C1, and one of C2, may be cited in C1."""
    calls = PlatformCalls(installation)
    found = await calls.eligible_channels(PLACE, reader, alone=False, channels=["C1", "C2"])
    cited = [await calls.may_cite(PLACE, reader, there, alone=False) for there in (PLACE, ELSEWHERE)]
    return set(found), cited[0], cited[1]


async def test_only_channels_that_were_asked_about_are_eligible() -> None:
    assert await sources(KnowsSources()) == ({"C1", "C2"}, True, True)


async def test_a_platform_that_knows_no_readers_has_sources_in_the_same_channel_alone() -> None:
    assert await sources(MemoryPlatform()) == ({"C1"}, True, False)


async def test_a_platform_that_can_not_be_asked_has_no_sources() -> None:
    failing = KnowsSources()
    failing.failing = True
    assert await sources(failing) == (set(), False, False)


@pytest.mark.parametrize("kind", [KnowsSources, MemoryPlatform])
async def test_a_person_who_may_not_read_earlier_messages_gets_no_sources(kind: type[MemoryPlatform]) -> None:
    assert await sources(kind(), Person("U1", may_read=False)) == (set(), False, False)


@pytest.mark.parametrize("kind", [KnowsSources, MemoryPlatform])
async def test_an_app_that_others_install_has_no_sources(kind: type[MemoryPlatform]) -> None:
    installation = kind()
    installation.traits = replace(installation.traits, distributed=True)
    assert await sources(installation) == (set(), False, False)


class Owner:
    """Waits as long as it is told to, in turn; the last answer stays."""

    def __init__(self, *waits_s: float | None) -> None:
        self._waits_s = list(waits_s)
        self.slept: list[float] = []

    def call_wait_s(self, place: Place) -> float | None:
        return self._waits_s.pop(0) if len(self._waits_s) > 1 else self._waits_s[0]

    def read_wait_s(self, place: Place) -> float | None:
        return self.call_wait_s(place)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_a_call_waits_until_its_owner_knows_that_it_is_one() -> None:
    owner, platform = Owner(0.5, 0.25, 0.0), MemoryPlatform()
    message_id = await PlatformCalls(platform, owner=owner).perform(PostMessage(PLACE, Page("so"), key="k"))
    assert message_id
    assert owner.slept == [0.5, 0.25]


async def test_a_call_for_a_place_of_another_replica_is_refused_before_it_is_made() -> None:
    counted: list[tuple[str, PlatformError | None]] = []
    calls = PlatformCalls(Refuses(), lambda call, error: counted.append((call, error)), owner=Owner(None))
    with pytest.raises(PlatformError, match="another replica") as refused:
        await calls.perform(PostMessage(PLACE, Page("so"), key="k"))
    assert refused.value.retryable
    assert counted == [], "the platform has refused nothing"
    await calls.typing(PLACE)


async def test_a_call_that_ends_after_its_place_was_lost_is_reported_with_its_message() -> None:
    late: list[tuple[OutgoingCall, str]] = []
    post = PostMessage(PLACE, Page("so"), key="k")
    calls = PlatformCalls(
        MemoryPlatform(), owner=Owner(0.0, None), on_late=lambda call, message: late.append((call, message))
    )
    message_id = await calls.perform(post)
    assert late == [(post, message_id)]
    refused = PlatformCalls(
        Refuses(), owner=Owner(0.0, 0.05), on_late=lambda call, message: late.append((call, message))
    )
    with pytest.raises(PlatformError):
        await refused.perform(post)
    assert late[1:] == [(post, "")], "it may have taken effect"


class Wire(MemoryPlatform):
    """Waits before each request is written, as for a connection: `before` is called then. `requests`: those that were
    written."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._before = before
        self.requests: list[str] = []

    def _write(self, request: str) -> None:
        self._before()
        pass_fence()
        self.requests.append(request)

    async def perform(self, call: OutgoingCall) -> str:
        self._write("open a thread")
        self._write("post")
        return await super().perform(call)

    async def history(self, place: Place, before: Ask) -> History:
        self._write("read")
        return await super().history(place, before)

    async def typing(self, place: Place, language: str = "en") -> None:
        self._write("type")


POST = PostMessage(PLACE, Page("so"), key="k")
ASKED = Ask("m4", PLACE, Person("U1"), "why?", datetime(2026, 1, 4, tzinfo=UTC))


async def test_a_request_is_not_written_once_the_place_may_be_lost_and_its_call_begins_anew_when_it_is_not() -> (
    None
):
    counted: list[str] = []
    owner, wire = Owner(0.0, 0.05, 0.05, 0.0), Wire()
    calls = PlatformCalls(wire, lambda call, _: counted.append(call), owner=owner)
    assert await calls.perform(POST)
    assert (wire.requests, owner.slept) == (["open a thread", "post"], [0.05])
    assert counted == ["perform"], "what was not sent is no call"


async def test_a_call_whose_first_request_alone_was_written_is_late() -> None:
    late: list[OutgoingCall] = []
    wire = Wire()
    owner = Owner(0.0, 0.0, None)
    calls = PlatformCalls(wire, owner=owner, on_late=lambda call, _: late.append(call))
    with pytest.raises(PlatformError, match="another replica"):
        await calls.perform(POST)
    assert (wire.requests, late) == (["open a thread"], [POST])


async def test_a_call_of_which_nothing_was_written_is_not_late() -> None:
    late: list[OutgoingCall] = []
    wire = Wire()
    calls = PlatformCalls(wire, owner=Owner(0.0, None), on_late=lambda call, _: late.append(call))
    with pytest.raises(PlatformError, match="another replica"):
        await calls.perform(POST)
    assert (wire.requests, late) == ([], [])


async def test_a_read_for_an_answer_ends_when_its_place_is_lost() -> None:
    wire = Wire()
    with pytest.raises(PlatformError, match="another replica") as refused:
        await PlatformCalls(wire, owner=Owner(0.0, 0.0, None)).history(PLACE, ASKED)
    assert refused.value.retryable
    assert wire.requests == []


async def test_a_replica_reads_for_a_place_that_it_does_not_hold() -> None:
    wire = Wire()
    await PlatformCalls(wire, owner=Owner(None)).history(PLACE, ASKED)
    assert wire.requests == ["read"]


async def test_nobody_is_told_that_an_answer_is_written_elsewhere() -> None:
    wire = Wire()
    await PlatformCalls(wire, owner=Owner(0.0, None)).typing(PLACE)
    assert wire.requests == []


async def test_the_requests_of_one_call_do_not_pass_the_fence_of_another() -> None:
    """A call of a place that is held, while one of a place that is lost waits."""

    class TwoPlaces(Owner):
        lost = False

        def call_wait_s(self, place: Place) -> float | None:
            return None if self.lost and place == ELSEWHERE else 0.0

    owner, release = TwoPlaces(), asyncio.Event()

    class Waits(Wire):
        async def perform(self, call: OutgoingCall) -> str:
            if call.place == ELSEWHERE:
                await release.wait()
            return await super().perform(call)

    wire = Waits()
    calls = PlatformCalls(wire, owner=owner)
    waiting = asyncio.create_task(calls.perform(replace(POST, place=ELSEWHERE)))
    await asyncio.sleep(0)
    owner.lost = True
    release.set()
    await calls.perform(POST)
    with pytest.raises(PlatformError, match="another replica"):
        await waiting
    assert wire.requests == ["open a thread", "post"]
