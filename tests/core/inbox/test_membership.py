"""The rules of a person's teams where no team has rules: in direct conversations, and by a person's own install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.commands.handlers import CommandHandlers
from core.errors import Code, PlatformError
from core.i18n import phrase
from core.inbox.inbox import StoringInbox
from core.inbox.membership import is_teamless
from core.ports.store.settings import StoredSettings
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.events import Command, Outcome, Receipt
from core.values.places import Person, Place
from core.values.platform import PlatformTraits
from core.values.turn_ends import Finish
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SERVER, DIRECT = Place("discord", "100", ""), Place("discord", "900", "700", direct=True)
ADA, BO = Person("1", "Ada"), Person("2", "Bo")


class Servers:
    """The bot is in the servers 100 and 200. Bo is in the server 100 with role 55, Ada in none."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.error: PlatformError | None = None

    def has_team(self, place: Place) -> bool:
        return place.team in ("100", "200")

    async def roles_in(self, person: str, teams: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        self.asked.append((person, list(teams)))
        if self.error is not None:
            raise self.error
        return {"100": ("55",)} if person == "2" and "100" in teams else {}


class App:
    def __init__(self, **settings: Any) -> None:
        self.store, self.servers = MemoryStore(), Servers()
        self.submitted: list[Turn] = []
        traits = {"discord": PlatformTraits(spans_teams=True)}
        self.handlers = handlers = CommandHandlers(
            self.store,
            CoreSettings(_env_file=None, **settings),
            FakeClock(NOON),
            traits=traits,
            is_teamless=lambda place: is_teamless(place, self.servers),
        )
        self.inbox = StoringInbox(
            self.store, self.submitted.append, RunningTurns(), handlers, memberships=lambda _: self.servers
        )

    async def set(self, **settings: str) -> None:
        await self.store.change(SERVER, dict(settings), ADA, NOON)

    async def say(self, id: str, by: Person, place: Place = DIRECT) -> Receipt:
        return await self.inbox.receive(Ask(id, place, by, "why?", NOON, addressed=True))


@pytest.mark.parametrize("denied", ["2", "55", "100", "<@&55>"], ids=["person", "role", "server", "mention"])
async def test_whom_a_server_denies_is_refused_in_a_direct_conversation_too(denied: str) -> None:
    house = App()
    await house.set(deny=denied)
    assert (await house.say("m1", BO)).outcome is Outcome.REFUSED
    assert (await house.say("m2", ADA)).outcome is Outcome.TURN


async def test_a_command_in_a_direct_conversation_is_refused_too() -> None:
    house = App()
    await house.set(deny="55")
    command = Command("ask", DIRECT, BO, NOON, options={"question": "why?"}, id="c1", opens="ask-c1")
    foreseen = await house.inbox.refusal(command)
    assert foreseen is not None
    assert foreseen.text == phrase("refused_denied", "en")
    assert (await house.inbox.receive(command)).reply == foreseen


async def test_a_servers_rate_binds_its_members_in_a_direct_conversation() -> None:
    house = App()
    await house.set(rate="1")
    assert [(await house.say(id, BO)).outcome for id in ("m1", "m2")] == [Outcome.TURN, Outcome.LIMITED]


OWN_INSTALLS = {
    "private chat": Place("discord", "900", "701", "ask-1"),
    "foreign server": Place("discord", "300", "301", "ask-1"),
}


@pytest.mark.parametrize("place", OWN_INSTALLS.values(), ids=OWN_INSTALLS)
async def test_a_servers_rules_bind_its_members_where_the_app_is_their_own_install(place: Place) -> None:
    house = App()
    await house.set(rate="2", person_budget="10 tokens a day", deny="66")
    assert (await house.say("m1", BO, place)).outcome is Outcome.TURN
    (turn,) = house.submitted
    begun = await house.store.begin(turn.id)
    await house.store.finish(Finish(begun, TurnState.DONE, "so", model="m", usage=Usage(10)))
    assert (await house.say("m2", BO, place)).outcome is Outcome.BUDGET
    plain = merge(CoreSettings(_env_file=None), StoredSettings({}, {}), "discord")
    assert len((await house.inbox.limited(turn.ask, plain)).person_budget) == 1, (
        "the answer reserves for it too"
    )
    assert (await house.say("m3", replace(ADA, roles=("66",)), place)).outcome is Outcome.REFUSED


async def test_a_servers_limit_does_not_bind_its_members_in_another_server() -> None:
    house = App()
    await house.set(person_budget="10 tokens a day", deny="2")
    there = Place("discord", "200", "201", "m1")
    assert (await house.say("m1", BO, there)).outcome is Outcome.TURN
    assert (await house.handlers.settings(there, BO)).person_budget == ()


async def test_who_can_not_be_looked_up_is_refused_and_told_to_ask_again() -> None:
    house = App()
    await house.set(deny="55")
    house.servers.error = PlatformError(Code.SLOW_DOWN, "", retryable=True)
    refused = await house.say("m1", BO)
    assert refused.outcome is Outcome.REFUSED
    assert refused.reply is not None
    assert refused.reply.text == phrase("refused_unknown", "en")
    house.servers.error = None
    assert (await house.say("m2", ADA)).outcome is Outcome.TURN


async def test_nobody_is_looked_up_in_a_server_or_where_no_server_has_rules() -> None:
    house = App()
    await house.say("m1", BO)
    await house.set(rate="5")
    await house.say("m2", BO, replace(SERVER, channel="200", thread="m2"))
    await house.say("m3", replace(BO, bot=True))
    assert house.servers.asked == []
    await house.say("m4", BO)
    assert house.servers.asked == [("2", ["100"])]
