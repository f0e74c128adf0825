"""Names: asked once, kept an hour, and never waited for too long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bots.slack.people import People
from core.errors import Code, PlatformError
from core.types import Person


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
    """Who is who, and how often it was asked."""

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
