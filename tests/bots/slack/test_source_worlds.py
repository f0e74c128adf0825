"""Random workspaces: no source of an answer is one that some reader of the answer may not read.

The oracle knows the workspace alone and Slack's own rules, not Parley's: full members read every public channel, guests
and people of other workspaces what they have joined
(https://slack.com/help/articles/202518103-Understand-guest-roles-in-Slack), and others nothing that is not public. A
channel that is shared, or to which another workspace is invited, has readers there whom nobody here knows.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.incoming import Identity
from bots.slack.sources import PEOPLE_S, WorkspaceSources
from bots.slack.users import user_to_person
from core.errors import Code, PlatformError
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock
from tests.fakes.slack import BOT_USER, FakeSlack

WORLDS = int(os.environ.get("WORLDS", "150"))
"""`make fuzz` looks at many more than `make test`."""

STRANGER = "U_ELSEWHERE"
"""A reader of another workspace whom nobody here knows."""
PEOPLE = ("U1", "U2", "U3", "U4")
CHANNELS = ("C1", "C2", "C3", "C4", "C5")
METHODS = ("users.conversations", "users.list", "users.info", "conversations.members", "conversations.info")


@dataclass(frozen=True)
class Channel:
    """`kind`: channel, group, mpim or im. `shared`: empty, ext, org or pending_ext."""

    kind: str
    members: frozenset[str]
    shared: str
    has_bot: bool


@dataclass(frozen=True)
class World:
    """`roles`: member, guest or stranger, by person. `failing`: methods that Slack refuses."""

    roles: dict[str, str]
    channels: dict[str, Channel]
    failing: frozenset[str] = frozenset()


def reads(world: World, person: str, channel: str) -> bool:
    """The oracle: may the person read what is in the channel?"""
    there = world.channels[channel]
    return person in there.members or (there.kind == "channel" and world.roles.get(person) == "member")


def readers(world: World, channel: str, asker: str, *, alone: bool) -> set[str]:
    """The oracle: the people who may read an answer in the channel."""
    if alone:
        return {asker}
    unknown = {STRANGER} if world.channels[channel].shared else set()
    return {person for person in world.roles if reads(world, person, channel)} | unknown


def leaks(world: World, place: str, asker: str, source: str, *, alone: bool) -> bool:
    """The oracle: would an answer in `place` show `source` to somebody who may not read it?"""
    if source == place:
        return False
    if world.channels[source].kind in ("im", "mpim"):
        return True
    return not all(reads(world, person, source) for person in readers(world, place, asker, alone=alone))


def plainly_open(world: World, place: str, asker: str, source: str) -> bool:
    """The oracle: a public channel that the bot is in, for an answer that only full members read."""
    there, here = world.channels[source], world.channels[place]
    return (
        not world.failing
        and there.kind == "channel"
        and there.has_bot
        and here.has_bot
        and here.kind in ("channel", "group", "mpim")
        and not here.shared
        and world.roles[asker] == "member"
        and all(world.roles[person] == "member" for person in here.members)
    )


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    kind = draw(st.sampled_from(["channel", "channel", "channel", "group", "group", "mpim", "im"]))
    members = draw(st.frozensets(st.sampled_from(PEOPLE), max_size=1 if kind == "im" else 4))
    shared = draw(st.sampled_from(["", "", "", "", "ext", "org", "pending_ext"]))
    return Channel(kind, members, shared, draw(st.integers(0, 5)) > 0)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    roles = {one: draw(st.sampled_from(["member", "member", "member", "guest", "stranger"])) for one in PEOPLE}
    return World(roles, {id_: draw(channels()) for id_ in CHANNELS})


@st.composite
def changed(draw: st.DrawFn, world: World) -> World:
    """A world in which one thing has changed: a person, a channel, or who is in it."""
    id_ = draw(st.sampled_from(CHANNELS))
    there = world.channels[id_]
    match draw(st.sampled_from(["role", "private", "public", "members", "shared", "bot"])):
        case "role":
            role = draw(st.sampled_from(["member", "guest"]))
            return replace(world, roles=world.roles | {draw(st.sampled_from(PEOPLE)): role})
        case "private" if there.kind == "channel":
            there = replace(there, kind="group")
        case "public" if there.kind == "group":
            there = replace(there, kind="channel")
        case "members" if there.kind != "im":
            there = replace(there, members=there.members ^ {draw(st.sampled_from(PEOPLE))})
        case "shared":
            there = replace(there, shared=draw(st.sampled_from(["", "ext", "org", "pending_ext"])))
        case "bot":
            there = replace(there, has_bot=not there.has_bot)
    return replace(world, channels=world.channels | {id_: there})


class Slack:
    """The fake, without the wire, brought to a world."""

    def __init__(self) -> None:
        self.fake = FakeSlack()
        self.failing: frozenset[str] = frozenset()

    def become(self, world: World) -> None:
        space = self.fake.space
        space.channels.clear()
        for person, role in world.roles.items():
            team = "T2" if role == "stranger" else "T1"
            space.add_person(person, person.lower(), person, is_restricted=role == "guest", team=team)
        for id_, told in world.channels.items():
            channel = space.add_channel(id_, id_, told.kind)
            channel.members = set(told.members) | ({BOT_USER} if told.has_bot else set())
            channel.shared = told.shared
        self.failing = world.failing

    async def identify(self) -> Identity:
        return Identity("T1", BOT_USER, "B_BOT", "parley")

    async def read(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if method in self.failing:
            raise PlatformError(Code.UNAVAILABLE, method, retryable=True)
        answer = self.fake.web._perform(method, arguments, self.fake.bot_token)
        if not answer["ok"]:
            raise PlatformError(Code.NOT_ALLOWED, f"{method}: {answer['error']}")
        return answer

    async def person(self, user: str) -> Person:
        return user_to_person((await self.read("users.info", {"user": user}))["user"], "T1")


async def check(world: World, sources: WorkspaceSources, data: st.DataObject) -> None:
    """Look at answers in each channel, for one who asks there. Raises AssertionError for a leak."""
    for place_id, here in world.channels.items():
        asker = data.draw(st.sampled_from(sorted(here.members) or PEOPLE))
        place = Place("slack", "T1", place_id, "1.0", direct=here.kind == "im")
        for alone in {here.kind == "im", True}:
            found = await sources.eligible_channels(place, Person(asker), alone=alone, channels=CHANNELS)
            for id_ in CHANNELS:
                source = Place("slack", "T1", id_, "2.0")
                cited = await sources.may_cite(place, Person(asker), source, alone=alone)
                told = (place_id, asker, id_, alone)
                if leaks(world, place_id, asker, id_, alone=alone):
                    assert id_ not in found, told
                    assert not cited, told
                if id_ == place_id or (not alone and plainly_open(world, place_id, asker, id_)):
                    assert id_ in found, told
                    assert cited, told


@settings(max_examples=WORLDS)
@given(st.data())
def test_no_answer_uses_a_channel_that_one_of_its_readers_may_not_read(data: st.DataObject) -> None:
    asyncio.run(_random_world(data))


async def _random_world(data: st.DataObject) -> None:
    world, clock, slack = data.draw(worlds()), FakeClock(), Slack()
    sources = WorkspaceSources(slack, slack.person, clock)
    slack.become(world)
    await check(world, sources, data)
    world = data.draw(changed(world))
    slack.become(world)
    await clock.advance(PEOPLE_S)
    await check(world, sources, data)
    world = replace(world, failing=data.draw(st.frozensets(st.sampled_from(METHODS), min_size=1)))
    slack.become(world)
    await clock.advance(PEOPLE_S)
    await check(world, sources, data)
    await sources.close()
