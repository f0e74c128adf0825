"""Open turns whose questions were deleted while the program was down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from core.errors import Code, PlatformError
from core.inbox.deleted_questions import BRIEFLY_S, DeletedQuestions
from core.platform_calls import PerInstallation, PlatformCalls
from core.values.conversation import Ask, Turn
from core.values.events import Deleted, Outcome, Receipt
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S

PLACE = Place("slack", "T1", "C1", "1.0")


def turn(number: int, *, again_of: int | None = None, platform: str = "slack") -> Turn:
    place = Place(platform, "T1", "C1", "1.0")
    ask = Ask(f"m{number}", place, Person("U1"), "why?", datetime(2026, 1, 1, tzinfo=UTC))
    return Turn(number, ask, again_of=again_of)


class RateLimitStatus:
    def __init__(self, *turns: Turn, clock: FakeClock | None = None, heard: bool = False) -> None:
        self.platform, self.heard = MemoryPlatform(), list[Deleted]()
        platform_calls = PerInstallation([self.platform], PlatformCalls)
        clock = clock or FakeClock(jumps=True)
        self.recovery = DeletedQuestions(platform_calls, self.receive, clock, lambda _place: heard)
        for one in turns:
            self.recovery.expect(one)

    async def receive(self, deleted: Deleted) -> Receipt:
        self.heard.append(deleted)
        return Receipt(Outcome.NOTED)


async def test_each_question_is_looked_up_once_before_the_first_of_its_place_begins() -> None:
    left = RateLimitStatus(turn(1), turn(2), turn(3))
    left.platform.deleted = {"m2"}
    for _ in range(2):
        await left.recovery.look(PLACE)
    assert sorted(left.platform.looked_up) == ["m1", "m2", "m3"]
    assert left.heard == [Deleted(PLACE, "m2")]


async def test_what_a_button_asked_for_and_what_was_not_left_is_not_looked_up() -> None:
    left = RateLimitStatus(turn(1, again_of=7), turn(2, platform="discord"))
    await left.recovery.look(PLACE)
    assert left.platform.looked_up == []


@pytest.mark.parametrize(
    ("refusals", "calls", "gone"),
    [
        ([PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=3.0)], 2, True),
        ([PlatformError(Code.NOT_ALLOWED)], 1, False),
        ([PlatformError(Code.UNAVAILABLE, retryable=True)] * 9, 4, False),
    ],
    ids=["a while", "never", "too long"],
)
async def test_a_question_that_can_not_be_looked_up_counts_as_there(
    refusals: list[Exception], calls: int, gone: bool
) -> None:
    left = RateLimitStatus(turn(1))
    left.platform.deleted = {"m1"}
    left.platform.refusals.extend(refusals)
    await asyncio.wait_for(left.recovery.look(PLACE), HANG_S)
    assert len(left.platform.looked_up) == calls
    assert bool(left.heard) is gone


async def test_an_answer_that_goes_on_waits_only_briefly_for_a_look_that_goes_on_behind_it() -> None:
    clock = FakeClock()
    left = RateLimitStatus(turn(1), clock=clock)
    left.platform.deleted = {"m1"}
    left.platform.refusals.append(PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=3.0))
    looking = asyncio.create_task(left.recovery.look_briefly(PLACE))
    await clock.advance(BRIEFLY_S)
    await asyncio.wait_for(looking, HANG_S)
    assert not left.heard
    await clock.advance(3.0)
    assert [deleted.message_id for deleted in left.heard] == ["m1"]


async def test_where_another_process_has_heard_of_every_deletion_nothing_is_looked_up() -> None:
    left = RateLimitStatus(turn(1), turn(2), heard=True)
    await left.recovery.look(PLACE)
    await left.recovery.look_briefly(PLACE)
    assert left.platform.looked_up == []
