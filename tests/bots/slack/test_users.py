"""Names: asked once, kept an hour, and never waited for too long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bots.slack.users import People, user_to_person
from core.errors import Code, PlatformError
from core.values.places import Person


class Hours:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


class Directory:
    """A look-up of people in memory that notes its calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.names = {"U1": "ada"}
        self.open = asyncio.Event()
        self.open.set()

    async def look_up(self, id_: str) -> Person:
        self.asked.append(id_)
        await self.open.wait()
        if id_ not in self.names:
            raise PlatformError(Code.GONE, "users.info: user_not_found")
        return Person(id_, self.names[id_])


async def test_a_name_is_asked_for_once_an_hour() -> None:
    hours, directory = Hours(), Directory()
    people = People(directory.look_up, hours)
    for _ in range(3):
        assert (await people.get({"U1"}, 1))["U1"].name == "ada"
    assert directory.asked == ["U1"]
    hours.at_s, directory.names["U1"] = 3_601, "Ada L."
    assert (await people.get({"U1"}, 1))["U1"].name == "Ada L."


async def test_an_old_name_is_better_than_none() -> None:
    hours, directory = Hours(), Directory()
    people = People(directory.look_up, hours)
    await people.get({"U1"}, 1)
    hours.at_s = 3_601
    directory.open.clear()
    assert (await people.get({"U1"}, 0.01))["U1"].name == "ada"
    await people.close()


async def test_who_is_not_found_is_not_asked_for_again_for_a_minute() -> None:
    hours, directory = Hours(), Directory()
    people = People(directory.look_up, hours)
    assert await people.get({"U9"}, 1) == {}
    hours.at_s = 59
    assert await people.get({"U9"}, 1) == {}
    assert directory.asked == ["U9"]
    hours.at_s = 61
    await people.get({"U9"}, 1)
    assert directory.asked == ["U9", "U9"]


async def test_many_waiters_share_one_question_and_its_answer_is_kept_for_later() -> None:
    directory = Directory()
    directory.open.clear()
    people = People(directory.look_up, Hours())
    assert not any(await asyncio.gather(people.get({"U1"}, 0.01), people.get({"U1"}, 0)))
    directory.open.set()
    assert (await people.get({"U1"}, 1))["U1"].name == "ada"
    assert directory.asked == ["U1"]
    await people.close()


def member(**flags: object) -> Person:
    return user_to_person({"id": "U1", "name": "ada", "team_id": "T1", **flags}, "T1")


def test_what_somebody_may_do_comes_from_their_profile() -> None:
    assert (member().admin, member().guest, member().external) == (False, False, False)
    assert all(member(**{flag: True}).admin for flag in ("is_admin", "is_owner", "is_primary_owner"))
    assert all(member(**{flag: True}).guest for flag in ("is_restricted", "is_ultra_restricted"))
    assert member(is_stranger=True).external


def test_another_home_makes_a_stranger_unless_the_organisation_is_the_same() -> None:
    assert member(team_id="T2").external
    assert not member(team_id="T2", enterprise_user={"teams": ["T1", "T2"]}).external


def test_a_display_name_goes_before_a_real_name() -> None:
    profile = {"display_name": "Ada", "real_name": "Ada Lovelace"}
    assert member(profile=profile, locale="zh-CN") == Person("U1", "Ada", "zh-CN")
    assert member(profile={"display_name": "", "real_name": "Ada Lovelace"}).name == "Ada Lovelace"


async def test_only_some_of_the_mentioned_are_looked_up_and_the_author_always() -> None:
    hours, directory = Hours(), Directory()
    people = People(directory.look_up, hours)
    crowd = [f"U{number}" for number in range(100, 400)]
    await people.names(crowd, 1)
    assert directory.asked == crowd[:20], "the first of them"
    await people.names(crowd[100:], 1)
    assert len(directory.asked) == 20, "nor by the next message"
    assert (await people.get({"U1"}, 1))["U1"].name == "ada"
    hours.at_s = 30
    await people.names(crowd[200:], 1)
    assert len(directory.asked) == 41


async def test_the_mentioned_never_hold_up_an_author() -> None:
    directory = Directory()
    directory.open.clear()
    people = People(directory.look_up, Hours())
    await people.names(["U1", *(f"U{number}" for number in range(100, 119))], 0)
    asked = asyncio.create_task(people.get({"U1"}, 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "U1" in directory.asked
    directory.open.set()
    assert (await asked)["U1"].name == "ada"
    await people.close()


async def test_a_failure_that_may_pass_is_tried_again_at_once_and_soon_after() -> None:
    hours, calls = Hours(), 0

    async def look_up(id_: str) -> Person:
        nonlocal calls
        calls += 1
        if calls != 2:
            raise PlatformError(Code.UNAVAILABLE, "users.info: HTTP 500", retryable=True)
        return Person(id_, "ada")

    people = People(look_up, hours)
    assert (await people.get({"U1"}, 1))["U1"].name == "ada"
    assert await people.get({"U2"}, 1) == {}
    assert calls == 4
    hours.at_s += 4
    await people.get({"U2"}, 1)
    assert calls == 6


async def test_a_limit_is_waited_out_before_somebody_is_looked_up_again() -> None:
    hours, asked = Hours(), 0

    async def look_up(id_: str) -> Person:
        nonlocal asked
        asked += 1
        raise PlatformError(Code.SLOW_DOWN, "users.info: ratelimited", retryable=True, retry_after_s=30)

    people = People(look_up, hours)
    for at_s, calls in ((0, 1), (20, 1), (31, 2)):
        hours.at_s = at_s
        assert await people.get({"U1"}, 1) == {}
        assert asked == calls


async def test_an_author_is_looked_up_again_while_that_may_help_and_not_beyond() -> None:
    hours, answers = Hours(), [PlatformError(Code.UNAVAILABLE, "x", retryable=True)] * 5
    asked: list[float] = []

    async def look_up(id_: str) -> Person:
        asked.append(hours.at_s)
        if answers:
            raise answers.pop()
        return Person(id_, "ada")

    people = People(look_up, hours)
    found = await people.find("U1", 10)
    assert found is not None
    assert found.name == "ada"
    assert len(asked) == 6
    assert hours.at_s < 10


@pytest.mark.parametrize(
    "error",
    [PlatformError(Code.GONE, "x"), PlatformError(Code.SLOW_DOWN, "x", retry_after_s=30, retryable=True)],
)
async def test_an_author_who_can_not_be_known_in_time_is_given_up_at_once(error: PlatformError) -> None:
    hours, asked = Hours(), 0

    async def look_up(id_: str) -> Person:
        nonlocal asked
        asked += 1
        raise error

    people = People(look_up, hours)
    assert await people.find("U1", 10) is None
    assert (asked, hours.at_s) == (1, 0)
