"""The counters of a platform's calls."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from core.errors import Code, PlatformError, StoreError
from core.platform_calls import PlatformCalls
from core.ports.files import FileContent, FileError
from core.values.conversation import Ask
from core.values.outgoing import DeleteMessage, OutgoingCall
from core.values.parts import File, FileProblem
from core.values.places import Place
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


class AsksAStoreThatIsAway(MemoryPlatform):
    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        raise StoreError("connection lost")


async def test_a_store_that_is_away_is_no_failure_of_the_platform_whose_messages_are_read() -> None:
    counted: list[str] = []
    calls = PlatformCalls(AsksAStoreThatIsAway(), lambda call, _: counted.append(call))
    with capture_logs() as logged, pytest.raises(StoreError):
        await calls.missed(PLACE, datetime(2026, 1, 1, tzinfo=UTC))
    assert (counted, logged) == ([], [])
