"""Which channels may be sources, by what the workspace says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.slack.connector import SlackConnector
from bots.slack.sources import (
    AT_USE_S,
    LISTED_S,
    MOST_UNLISTED,
    PAGES,
    PEOPLE_S,
    ChannelFacts,
    channel_to_facts,
)
from core.memory.audience import Visibility
from core.platform_calls import PlatformCalls
from core.ports.connector import SourceAccess
from core.values.events import Moved
from core.values.places import Person, Place
from tests.bots.slack.rig import connecting, listening
from tests.fakes.clock import FakeClock
from tests.fakes.slack import BOT_USER, DOCUMENTED, TEAM, FakeSlack

LEFT = Moved(Place("slack", TEAM, "C1"), "", joined=False)
ADA, BO, CLEO, EVE = Person("U1"), Person("U2"), Person("U3"), Person("U4")
"""Cleo is a guest, Eve of another workspace."""
EVERY = ("C1", "C2", "C3", "C9", "G1", "M1", "D1", "D2")


class Team:
    """The workspace of the fake with the guest in C3 and G1 alone, Bo not in C2 and G1, and a group of Ada and Bo."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.clock = FakeClock()
        self.connector: SlackConnector = connecting(slack, clock=self.clock)
        self.calls = PlatformCalls(self.connector.installation)
        channels = slack.space.channels
        for id_ in ("C1", "C2"):
            channels[id_].members.discard("U3")
        channels["C2"].members.discard("U2")
        channels["G1"].members.discard("U2")
        slack.space.add_channel("M1", "", "mpim").members = {"U1", "U2", BOT_USER}
        slack.space.add_person("U4", "eve", "Eve", team="T2")

    async def sources(self, channel: str, reader: Person = ADA, *, alone: bool = False) -> set[str]:
        """The eligible ones of `EVERY`, which are also those that may be cited while Slack tells everything."""
        place = Place("slack", "T1", channel, "1.0", direct=channel.startswith("D"))
        found = await self.eligible(channel, reader, alone=alone)
        cited = {
            id_
            for id_ in EVERY
            if await self.calls.may_cite(place, reader, Place("slack", "T1", id_, "2.0"), alone=alone)
        }
        assert found <= cited, "the look at use knows nothing that forbids them"
        assert cited - found <= {"C9"}, "the bot has left it; its members read it all the same"
        return found

    async def eligible(self, channel: str, reader: Person = ADA, *, alone: bool = False) -> set[str]:
        place = Place("slack", "T1", channel, "1.0", direct=channel.startswith("D"))
        return set(await self.calls.eligible_channels(place, reader, alone=alone, channels=EVERY))

    async def may_cite(self, channel: str, source: str, reader: Person = ADA, *, alone: bool = False) -> bool:
        place = Place("slack", "T1", channel, "1.0")
        return await self.calls.may_cite(place, reader, Place("slack", "T1", source, "2.0"), alone=alone)


@pytest.fixture
async def team(slack: FakeSlack) -> AsyncIterator[Team]:
    team = Team(slack)
    yield team
    await team.connector.installation.close()


async def test_an_answer_in_a_channel_uses_public_channels_and_its_own(team: Team) -> None:
    assert isinstance(team.connector.installation, SourceAccess)
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    team.slack.space.channels["G1"].members.discard("U3")
    assert await team.sources("G1") == {"G1", "C1", "C2", "C3"}
    assert team.slack.client_errors == []


async def test_with_a_guest_in_the_channel_other_channels_are_no_sources(team: Team) -> None:
    assert await team.sources("C3") == {"C3"}
    assert await team.sources("C3", CLEO) == {"C3"}
    assert not await team.may_cite("C3", "C1")
    assert await team.may_cite("C3", "C3")


async def test_a_guest_who_joins_ends_the_sources_of_others(team: Team) -> None:
    async with listening(team.slack, team.connector):
        assert await team.sources("C1") == {"C1", "C2", "C3"}
        await team.slack.join("U3", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.sources("C1") == {"C1"}
        await team.slack.leave("U3", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.sources("C1") == {"C1", "C2", "C3"}


async def test_a_new_guest_who_joins_ends_the_sources_of_others_at_once(team: Team) -> None:
    async with listening(team.slack, team.connector):
        assert await team.sources("C1") == {"C1", "C2", "C3"}, "the list of people is known from now on"
        team.slack.space.add_person("U9", "gus", "Gus", is_restricted=True)
        await team.slack.join("U9", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.sources("C1") == {"C1"}
        assert not await team.may_cite("C1", "C2")


async def test_a_member_who_was_made_a_guest_and_joins_ends_the_sources_of_others_at_once(team: Team) -> None:
    team.slack.space.channels["C1"].members.discard("U2")
    async with listening(team.slack, team.connector):
        assert await team.sources("C1", BO) == {"C1", "C2", "C3"}
        team.slack.space.people["U2"].is_restricted = True
        await team.slack.join("U2", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.sources("C1") == {"C1"}


@pytest.mark.parametrize("refusal", [{"error": "user_not_found"}, {"status": 503}, {"retry_after": 5}])
async def test_a_person_who_joins_and_is_unknown_ends_the_sources_of_others(
    team: Team, refusal: dict[str, object]
) -> None:
    async with listening(team.slack, team.connector):
        assert await team.sources("C1") == {"C1", "C2", "C3"}
        team.slack.space.add_person("U9", "gus", "Gus")
        team.slack.fail("users.info", None, **refusal)  # type: ignore[arg-type]
        await team.slack.join("U9", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.eligible("C1") == {"C1"}


async def test_a_member_who_joins_is_looked_up_alone_and_no_list_is_read_again(team: Team) -> None:
    async with listening(team.slack, team.connector):
        assert await team.sources("C1") == {"C1", "C2", "C3"}
        team.slack.space.add_person("U9", "gus", "Gus")
        await team.slack.join("U9", "C1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert await team.sources("C1") == {"C1", "C2", "C3"}
        assert len(team.slack.called("users.list")) == 1
        assert [call.args["user"] for call in team.slack.called("users.info")].count("U9") == 1


async def test_members_whom_no_list_has_are_looked_up_and_too_many_are_unknown(team: Team) -> None:
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    for number in range(MOST_UNLISTED + 1):
        team.slack.space.add_person(f"UN{number}", f"n{number}", f"N {number}")
        team.slack.space.channels["C1"].members.add(f"UN{number}")
    await team.connector.installation.sources.moved(LEFT)
    assert await team.eligible("C1") == {"C1"}
    team.slack.space.channels["C1"].members.discard("UN0")
    await team.connector.installation.sources.moved(LEFT)
    assert await team.eligible("C1") == {"C1", "C2", "C3"}


async def test_a_person_who_becomes_a_guest_is_one_before_long(team: Team) -> None:
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    team.slack.space.people["U2"].is_restricted = True
    await team.clock.advance(PEOPLE_S)
    assert await team.sources("C1") == {"C1"}


@pytest.mark.parametrize("how", ["ext", "org", "pending_ext"])
async def test_in_a_shared_channel_other_channels_are_no_sources(team: Team, how: str) -> None:
    await team.slack.share("C1", how)
    assert await team.sources("C1") == {"C1"}
    assert await team.sources("C2") == {"C1", "C2", "C3"}, "all of the workspace read it all the same"


async def test_a_channel_that_was_shared_since_is_found_out_at_use(team: Team) -> None:
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    await team.slack.share("C1")
    await team.clock.advance(AT_USE_S)
    assert not await team.may_cite("C1", "C2")
    assert await team.may_cite("C1", "C1")


async def test_a_channel_that_became_private_is_found_out_at_use_and_keeps_its_id(team: Team) -> None:
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    await team.slack.make_private("C2")
    await team.clock.advance(AT_USE_S)
    assert not await team.may_cite("C1", "C2")
    assert await team.may_cite("C1", "C2", alone=True), "Ada is a member"
    assert not await team.may_cite("C1", "C2", BO, alone=True)
    await team.clock.advance(LISTED_S)
    assert await team.sources("C1") == {"C1", "C3"}


async def test_one_who_reads_the_answer_alone_has_the_sources_that_they_may_read(team: Team) -> None:
    assert await team.sources("C1", alone=True) == {"C1", "C2", "C3", "G1"}
    assert await team.sources("C1", BO, alone=True) == {"C1", "C2", "C3"}, (
        "a public one without having joined it"
    )
    assert await team.sources("C3", CLEO, alone=True) == {"C3", "G1"}, "a guest reads what they have joined"
    assert await team.sources("D1") == {"D1", "C1", "C2", "C3", "G1"}
    assert await team.sources("D2", BO) == {"D2", "C1", "C2", "C3"}
    assert team.slack.client_errors == []


async def test_a_person_who_left_a_private_channel_reads_it_no_more(team: Team) -> None:
    async with listening(team.slack, team.connector):
        assert "G1" in await team.sources("D1")
        await team.slack.leave("U1", "G1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert "G1" not in await team.sources("D1")


async def test_without_the_event_it_is_found_out_before_long(team: Team) -> None:
    assert "G1" in await team.sources("D1")
    team.slack.space.channels["G1"].members.discard("U1")
    await team.clock.advance(LISTED_S)
    assert "G1" not in await team.sources("D1")


async def test_a_private_channel_that_the_bot_left_is_no_source(team: Team) -> None:
    async with listening(team.slack, team.connector):
        assert "G1" in await team.sources("D1")
        await team.slack.leave(BOT_USER, "G1")
        await team.slack.wait_for(lambda: all(envelope.acked for envelope in team.slack.envelopes))
        assert "G1" not in await team.sources("D1")


async def test_direct_conversations_and_groups_are_no_sources_elsewhere(team: Team) -> None:
    assert {"M1", "D1", "D2"}.isdisjoint(await team.sources("C1", alone=True))
    assert not await team.may_cite("C1", "M1")
    assert not await team.may_cite("M1", "D1")


async def test_a_group_conversation_uses_what_all_in_it_may_read(team: Team) -> None:
    assert await team.sources("M1") == {"M1", "C1", "C2", "C3"}
    team.slack.space.channels["M1"].members.add("U3")
    await team.clock.advance(LISTED_S)
    assert await team.sources("M1") == {"M1"}, "Cleo is a guest"


async def test_a_group_conversation_with_another_workspace_uses_itself_alone(team: Team) -> None:
    team.slack.space.channels["M1"].shared = "ext"
    assert await team.sources("M1") == {"M1"}


async def test_without_the_scope_for_its_facts_a_group_conversation_uses_itself_alone(team: Team) -> None:
    team.slack.web.scopes = team.slack.web.scopes.replace("mpim:read,", "")
    assert await team.sources("M1") == {"M1"}


async def test_people_of_other_workspaces_have_the_channels_they_have_joined(team: Team) -> None:
    await team.slack.share("C2")
    team.slack.space.channels["C2"].members.add("U4")
    assert await team.sources("C2", EVE) == {"C2"}
    assert await team.sources("C2", EVE, alone=True) == {"C2"}
    assert await team.sources("C1", EVE) == {"C1"}


async def test_rights_are_those_of_now_and_not_those_that_a_stored_question_names(team: Team) -> None:
    assert Person("U3").guest is False
    assert await team.sources("C1", Person("U3")) == {"C1"}
    assert await team.sources("C3", Person("U3"), alone=True) == {"C3", "G1"}
    assert await team.sources("C1", Person("U1", guest=True)) == {"C1"}, "what the payload says counts too"


@pytest.mark.parametrize(
    ("method", "found", "alone"),
    [
        ("users.conversations", {"C1"}, {"C1"}),
        ("users.list", {"C1"}, {"C1", "C2", "C3", "G1"}),
        ("conversations.members", {"C1"}, {"C1", "C2", "C3", "G1"}),
        ("users.info", {"C1"}, {"C1", "C2", "G1", "C3"}),
    ],
)
@pytest.mark.parametrize("refusal", [{"error": "missing_scope"}, {"status": 503}, {"retry_after": 5}])
async def test_what_slack_does_not_tell_is_refused(
    team: Team, method: str, found: set[str], alone: set[str], refusal: dict[str, object]
) -> None:
    team.slack.fail(method, None, **refusal)  # type: ignore[arg-type]
    assert await team.eligible("C1") == found
    assert await team.eligible("C1", alone=True) == alone
    if method == "users.conversations":
        assert not await team.may_cite("C1", "C2")
        assert not await team.may_cite("C1", "G1", alone=True)
        assert await team.may_cite("C1", "C1")


async def test_a_refusal_is_asked_again_later(team: Team) -> None:
    team.slack.fail("users.conversations", retry_after=30)
    assert await team.eligible("C1") == {"C1"}
    await team.clock.advance(20)
    assert await team.eligible("C1") == {"C1"}
    assert len(team.slack.called("users.conversations")) == 1, "not before Slack takes calls"
    await team.clock.advance(10)
    assert await team.sources("C1") == {"C1", "C2", "C3"}


@pytest.mark.parametrize("field", ["is_private", "is_ext_shared", "is_org_shared", "is_pending_ext_shared"])
async def test_a_channel_of_which_a_field_is_missing_is_refused(team: Team, field: str) -> None:
    team.slack.space.channels["C1"].untold.add(field)
    readable = {"C1"} if field != "is_private" else {"C1", "C2", "C3"}
    assert await team.sources("C1") == readable
    assert ("C1" in await team.sources("C2")) is (field != "is_private")


async def test_lists_are_read_page_by_page(team: Team) -> None:
    team.slack.space.list_page_max = 1
    assert await team.sources("C1") == {"C1", "C2", "C3"}
    assert await team.sources("C3") == {"C3"}
    assert "G1" in await team.sources("D1")
    assert len(team.slack.called("users.list")) == len(team.slack.space.people)


async def test_a_list_that_is_too_long_is_unknown(team: Team) -> None:
    team.slack.space.list_page_max = 1
    for number in range(PAGES):
        team.slack.space.add_channel(f"CX{number:02}", f"more-{number}")
    assert await team.eligible("C1") == {"C1"}
    assert len(team.slack.called("users.conversations")) == PAGES


async def test_facts_are_asked_for_once_in_a_while_by_many_at_once(team: Team) -> None:
    team.slack.limits = DOCUMENTED
    for _ in range(20):
        await asyncio.gather(*(team.sources("C1", who) for who in (ADA, BO)), team.sources("D1"))
    assert {call.outcome for call in team.slack.calls} == {"ok"}
    for method, most in (("users.conversations", 2), ("users.list", 1), ("conversations.members", 1)):
        assert len(team.slack.called(method)) == most, method
    assert not team.slack.refused


async def test_the_same_channel_takes_no_call(team: Team) -> None:
    place = Place("slack", "T1", "C3", "1.0")
    assert await team.calls.eligible_channels(place, CLEO, alone=False, channels=["C3"]) == {"C3"}
    assert await team.may_cite("C3", "C3", CLEO)
    assert team.slack.calls == []


@pytest.mark.parametrize("alone", [False, True])
async def test_all_that_is_to_be_known_is_asked_for_at_once(team: Team, alone: bool) -> None:
    """Also for the look at use, however many channels there are: a look-up takes as long as one call."""
    await team.connector.installation.web.identify()
    team.slack.web.latency_s = 0.05
    assert await team.eligible("C1", alone=alone) >= {"C1", "C2", "C3"}
    for source in ("C2", "C3"):
        assert await team.may_cite("C1", source, alone=alone)
    first = [call for call in team.slack.calls if call.method != "auth.test"]
    assert {call.method for call in first} == (
        {"users.conversations", "users.info"}
        if alone
        else {"users.conversations", "users.info", "users.list", "conversations.members"}
    )
    assert max(call.at for call in first) < min(call.ended_at or 0 for call in first)


async def test_another_workspace_is_no_source(team: Team) -> None:
    here, there = Place("slack", "T1", "C1", "1.0"), Place("slack", "T2", "C1", "1.0")
    assert not await team.calls.may_cite(here, ADA, there, alone=False)


@pytest.mark.parametrize(
    ("changed", "facts"),
    [
        ({}, ChannelFacts(Visibility.PUBLIC, False)),
        ({"is_private": True}, ChannelFacts(Visibility.PRIVATE, False)),
        ({"is_mpim": True, "is_private": True}, ChannelFacts(Visibility.DIRECT, False)),
        ({"is_im": True}, ChannelFacts(Visibility.DIRECT, False)),
        ({"is_private": None}, ChannelFacts(None, False)),
        ({"is_ext_shared": True, "is_org_shared": None}, ChannelFacts(Visibility.PUBLIC, True)),
        ({"is_org_shared": None}, ChannelFacts(Visibility.PUBLIC, None)),
        ({"pending_connected_team_ids": ["T2"]}, ChannelFacts(Visibility.PUBLIC, True)),
        ({"pending_shared": ["T2"]}, ChannelFacts(Visibility.PUBLIC, True)),
        ({"is_global_shared": True}, ChannelFacts(Visibility.PUBLIC, True)),
    ],
)
def test_the_facts_of_a_channel(changed: dict[str, object], facts: ChannelFacts) -> None:
    flags = ("is_private", "is_ext_shared", "is_org_shared", "is_pending_ext_shared")
    assert channel_to_facts(dict.fromkeys(flags, False) | changed) == facts
