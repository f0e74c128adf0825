"""Which channels and threads may be sources, by the roles and overwrites that the gateway tells."""

from __future__ import annotations

import pytest

from bots.discord.members import KEEP_S
from core.platform_calls import PlatformCalls
from core.ports.connector import SourceAccess
from core.values.places import Person, Place
from tests.bots.discord.conftest import Bot, running
from tests.fakes.clock import FakeClock
from tests.fakes.discord import ADA, BO, BOT, CHEN, FORUM, GENERAL, GUILD, RANDOM, ChannelType, FakeDiscord
from tests.fakes.discord.guild import BOT_ROLE, EVERYONE_MAY, NOTHING, P

OPEN = {str(GENERAL), str(RANDOM), str(FORUM)}
READ = P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY


def at(channel: int, thread: int | str = "") -> Place:
    return Place("discord", str(GUILD), str(channel), str(thread))


class Server:
    """A bot, and the sources that it would use there."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.fake: FakeDiscord = bot.fake
        self.calls = PlatformCalls(bot.platform.installation)
        self._said = 0

    async def sources(self, channel: int = GENERAL, reader: int = BO, *, alone: bool = False) -> set[str]:
        """The eligible ones of all channels, for an answer in a thread of `channel`."""
        every = [str(id_) for id_ in self.fake.world.channels]
        return set(
            await self.calls.eligible_channels(at(channel, 1), Person(str(reader)), alone=alone, channels=every)
        )

    async def may_cite(self, source: Place, place: Place, reader: int = BO, *, alone: bool = False) -> bool:
        return await self.calls.may_cite(place, Person(str(reader)), source, alone=alone)

    async def settle(self) -> None:
        """Wait until the bot has taken what happened before."""
        self._said += 1
        await self.fake.direct(ADA, f"and {self._said}?")
        await self.bot.inbox.ask(f"and {self._said}?")

    async def overwrite(self, channel: int, target: int, *, allow: P = NOTHING, deny: P = NOTHING) -> None:
        await self.fake.overwrite(channel, target, allow=allow, deny=deny)
        await self.settle()


@pytest.fixture
def server(bot: Bot) -> Server:
    return Server(bot)


async def test_an_answer_in_a_channel_uses_those_that_every_member_may_read(server: Server) -> None:
    assert isinstance(server.bot.platform.installation, SourceAccess)
    assert await server.sources() == OPEN
    await server.overwrite(RANDOM, GUILD, deny=P.VIEW_CHANNEL)
    assert await server.sources() == OPEN - {str(RANDOM)}
    await server.overwrite(RANDOM, GUILD, deny=P.READ_MESSAGE_HISTORY)
    assert await server.sources() == OPEN - {str(RANDOM)}
    await server.overwrite(RANDOM, GUILD, deny=P.SEND_MESSAGES)
    assert await server.sources() == OPEN


async def test_a_channel_that_is_taken_from_some_is_no_source_elsewhere(server: Server) -> None:
    role = await server.fake.grant(CHEN, P.SEND_MESSAGES, role="muted")
    for target in (role, CHEN):
        for permission in (P.VIEW_CHANNEL, P.READ_MESSAGE_HISTORY):
            await server.overwrite(RANDOM, target, deny=permission)
            assert await server.sources() == OPEN - {str(RANDOM)}, (target, permission)
            await server.overwrite(RANDOM, target)
    assert await server.sources() == OPEN


async def test_the_roles_of_bots_and_people_who_see_more_do_not_count(server: Server) -> None:
    role = await server.fake.grant(CHEN, P.SEND_MESSAGES, role="friends")
    await server.overwrite(RANDOM, role, allow=READ)
    await server.overwrite(RANDOM, CHEN, allow=P.VIEW_CHANNEL, deny=P.SEND_MESSAGES)
    assert await server.sources() == OPEN


async def test_a_channel_whose_readers_are_some_uses_itself_and_what_all_may_read(server: Server) -> None:
    role = await server.fake.grant(BO, P.SEND_MESSAGES, role="team")
    secret = await server.fake.add_channel("secret")
    await server.overwrite(secret, GUILD, deny=P.VIEW_CHANNEL)
    await server.overwrite(secret, role, allow=P.VIEW_CHANNEL)
    await server.overwrite(secret, BOT, allow=READ)
    assert await server.sources(secret) == {str(secret), *OPEN}
    assert await server.sources() == OPEN
    more = await server.fake.add_channel("more-secret")
    await server.overwrite(more, GUILD, deny=P.VIEW_CHANNEL)
    await server.overwrite(more, role, allow=P.VIEW_CHANNEL)
    await server.overwrite(more, BOT, allow=READ)
    assert await server.sources(secret) == {str(secret), str(more), *OPEN}, "the same people read both"
    await server.overwrite(more, CHEN, allow=P.VIEW_CHANNEL)
    assert await server.sources(secret) == {str(secret), str(more), *OPEN}
    assert await server.sources(more) == {str(more), *OPEN}, "one of them reads this one alone"


async def test_one_who_reads_the_answer_alone_has_what_they_may_read(server: Server) -> None:
    role = await server.fake.grant(BO, P.SEND_MESSAGES, role="team")
    secret = await server.fake.add_channel("secret")
    await server.overwrite(secret, GUILD, deny=P.VIEW_CHANNEL)
    await server.overwrite(secret, role, allow=READ)
    assert await server.sources(alone=True) == OPEN, "the bot may not read it"
    await server.overwrite(secret, BOT_ROLE, allow=READ)
    assert await server.sources(alone=True) == {str(secret), *OPEN}
    assert await server.sources(reader=CHEN, alone=True) == OPEN
    assert await server.sources(reader=ADA, alone=True) == {str(secret), *OPEN}, "she owns the server"
    await server.overwrite(secret, role, allow=P.VIEW_CHANNEL, deny=P.READ_MESSAGE_HISTORY)
    assert await server.sources(alone=True) == OPEN


async def test_a_role_that_was_taken_counts_no_more() -> None:
    clock = FakeClock()
    async with FakeDiscord() as fake, running(fake, clock=clock) as bot:
        server = Server(bot)
        role = await fake.grant(BO, P.SEND_MESSAGES, role="team")
        secret = await fake.add_channel("secret")
        await server.overwrite(secret, GUILD, deny=P.VIEW_CHANNEL)
        await server.overwrite(secret, role, allow=READ)
        await server.overwrite(secret, BOT_ROLE, allow=READ)
        assert str(secret) in await server.sources(alone=True)
        fake.world.people[BO].roles.remove(role)
        await clock.advance(KEEP_S + 1)
        assert str(secret) not in await server.sources(alone=True)
        del fake.world.members[BO]
        await clock.advance(KEEP_S + 1)
        assert await server.sources(alone=True) == {str(GENERAL)}


async def test_in_a_direct_conversation_it_is_what_its_partner_may_read(server: Server) -> None:
    dm = server.fake.dm(BO)
    await server.overwrite(RANDOM, BO, deny=P.VIEW_CHANNEL)
    place = Place("discord", str(BOT), str(dm), direct=True)
    every = [*OPEN, str(dm), str(server.fake.dm(ADA))]
    found = await server.calls.eligible_channels(place, Person(str(BO)), alone=False, channels=every)
    assert found == {str(dm), str(GENERAL), str(FORUM)}
    assert await server.may_cite(at(GENERAL), place, alone=False)
    assert not await server.may_cite(at(RANDOM), place, alone=False)
    assert not await server.may_cite(place, at(GENERAL), alone=True), "it is no source elsewhere"


async def test_who_can_not_be_looked_up_reads_nothing_elsewhere(server: Server) -> None:
    server.fake.fail("GET", "/guilds/*/members/*", None, status=403, code=50001)
    assert await server.sources(alone=True) == {str(GENERAL)}
    assert await server.sources() == OPEN, "that takes no look-up"


async def test_without_a_connection_nothing_is_a_source(server: Server) -> None:
    server.fake.gateway.lose_sessions()
    server.bot.platform.shards._connections[0].client = None
    assert await server.sources() == set()
    assert await server.sources(alone=True) == {str(GENERAL)}


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_the_chat_of_a_voice_channel_may_have_guests_who_see_nothing_else(
    server: Server, kind: ChannelType
) -> None:
    voice = await server.fake.add_channel("room", kind=kind)
    await server.settle()
    assert await server.sources(voice) == {str(voice)}
    assert await server.sources() == {str(voice), *OPEN}
    server.fake.world.people[BO].voice_guest = True
    assert await server.sources(voice, alone=True) == {str(voice)}


async def test_a_channel_for_adults_is_a_source_in_those_for_adults(server: Server) -> None:
    adults = await server.fake.add_channel("adults")
    for channel in (RANDOM, adults):
        await server.fake.actions.change(server.fake.world.channels[channel], nsfw=True)
    await server.settle()
    for alone in (False, True):
        assert await server.sources(alone=alone) == OPEN - {str(RANDOM)}
        assert await server.sources(RANDOM, alone=alone) == {str(adults), *OPEN}


async def test_an_unknown_channel_is_refused(server: Server) -> None:
    assert await server.sources(999) == set()
    place = at(GENERAL, 1)
    assert await server.calls.eligible_channels(place, Person(str(BO)), alone=False, channels=["999"]) == set()
    elsewhere = Place("discord", "7", str(GENERAL), "1")
    found = await server.calls.eligible_channels(elsewhere, Person(str(BO)), alone=False, channels=OPEN)
    assert found == set(), "a channel is of one server"


# Older messages are only for those who may read them.


async def test_a_channel_that_some_see_without_its_history_is_no_source_in_itself(server: Server) -> None:
    await server.overwrite(GENERAL, GUILD, deny=P.READ_MESSAGE_HISTORY)
    assert await server.sources() == OPEN - {str(GENERAL)}
    await server.overwrite(GENERAL, GUILD)
    await server.overwrite(GENERAL, CHEN, deny=P.READ_MESSAGE_HISTORY)
    assert await server.sources() == OPEN - {str(GENERAL)}
    assert await server.sources(alone=True) == OPEN


@pytest.mark.parametrize(
    ("base", "of_all", "of_role", "of_the_role", "for_all"),
    [
        # Of @everyone in the server, of @everyone in the channel, of the role in the server, of it in the channel.
        (P.VIEW_CHANNEL, NOTHING, NOTHING, NOTHING, False),
        (P.VIEW_CHANNEL, P.READ_MESSAGE_HISTORY, NOTHING, NOTHING, True),
        (NOTHING, NOTHING, READ, NOTHING, True),
        (NOTHING, NOTHING, P.VIEW_CHANNEL, NOTHING, False),
        (NOTHING, NOTHING, NOTHING, READ, True),
        (NOTHING, NOTHING, NOTHING, P.VIEW_CHANNEL, False),
        (NOTHING, P.VIEW_CHANNEL, READ, NOTHING, False),
        (READ, NOTHING, P.VIEW_CHANNEL, P.VIEW_CHANNEL, True),
    ],
)
async def test_whatever_lets_people_see_a_channel_must_let_them_read_it_too(
    server: Server, base: P, of_all: P, of_role: P, of_the_role: P, for_all: bool
) -> None:
    """The bot reads it in any case; so does its role."""
    rest = EVERYONE_MAY & ~READ
    role = await server.fake.grant(BO, rest | of_role, role="members")
    await server.fake.let_everyone(rest | base)
    await server.fake.overwrite(GENERAL, GUILD, allow=of_all)
    await server.fake.overwrite(GENERAL, role, allow=of_the_role)
    await server.settle()
    assert (str(GENERAL) in await server.sources()) is for_all


async def test_a_channel_that_everyone_is_kept_out_of_asks_nothing_of_roles_elsewhere(server: Server) -> None:
    role = await server.fake.grant(BO, NOTHING, role="members")
    await server.fake.grant(CHEN, P.VIEW_CHANNEL, role="onlookers")
    await server.fake.let_everyone(EVERYONE_MAY & ~READ)
    await server.overwrite(GENERAL, role, allow=READ)
    assert str(GENERAL) not in await server.sources(), "the onlookers see it"
    await server.overwrite(GENERAL, GUILD, deny=P.VIEW_CHANNEL)
    assert str(GENERAL) in await server.sources()


# Threads.


async def test_a_public_thread_is_a_source_where_its_channel_is(server: Server) -> None:
    thread = at(RANDOM, await server.fake.open_thread(ADA, RANDOM, None, "looms"))
    post = at(FORUM, await server.fake.open_thread(ADA, FORUM, None, "looms"))
    await server.settle()
    assert await server.may_cite(thread, at(GENERAL, 1))
    assert await server.may_cite(post, at(GENERAL, 1))
    assert not await server.may_cite(at(RANDOM, 999), at(GENERAL, 1)), "it is gone"
    await server.overwrite(RANDOM, GUILD, deny=P.VIEW_CHANNEL)
    assert not await server.may_cite(thread, at(GENERAL, 1))


@pytest.mark.parametrize("archived", [False, True])
async def test_a_private_thread_is_a_source_within_itself_and_for_its_members_alone(
    server: Server, archived: bool
) -> None:
    thread = at(RANDOM, await server.fake.open_thread(BO, RANDOM, None, "plans", private=True))
    if archived:
        await server.fake.archive(int(thread.thread))
    await server.settle()
    assert not await server.may_cite(thread, at(RANDOM, 1))
    assert not await server.may_cite(thread, at(GENERAL, 1))
    assert await server.may_cite(thread, thread)
    assert await server.may_cite(thread, at(GENERAL, 1), alone=True)
    assert not await server.may_cite(thread, at(GENERAL, 1), CHEN, alone=True)
    assert not await server.may_cite(thread, at(RANDOM, 1), CHEN, alone=True)
    await server.fake.grant(CHEN, P.MANAGE_THREADS, role="stewards")
    async with running(server.fake) as later:
        assert await Server(later).may_cite(thread, at(GENERAL, 1), CHEN, alone=True)
        await server.overwrite(RANDOM, CHEN, deny=P.VIEW_CHANNEL)
        await Server(later).settle()
        assert not await Server(later).may_cite(thread, at(GENERAL, 1), CHEN, alone=True)


async def test_a_member_of_a_private_thread_who_lost_its_channel_reads_it_no_more(server: Server) -> None:
    thread = at(RANDOM, await server.fake.open_thread(BO, RANDOM, None, "plans", private=True))
    await server.overwrite(RANDOM, BO, deny=P.VIEW_CHANNEL)
    assert not await server.may_cite(thread, at(GENERAL, 1), alone=True)


async def test_a_private_thread_without_the_bot_is_no_source(server: Server) -> None:
    thread = await server.fake.open_thread(BO, RANDOM, None, "plans", private=True)
    del server.fake.world.channels[thread].members[BOT]
    async with running(server.fake) as later:
        assert not await Server(later).may_cite(at(RANDOM, thread), at(GENERAL, 1), alone=True)


async def test_a_thread_that_can_not_be_looked_up_is_refused(server: Server) -> None:
    server.fake.fail("GET", "/channels/*", status=500, times=None)
    assert not await server.may_cite(at(RANDOM, 999), at(GENERAL, 1))
    assert not await server.may_cite(at(RANDOM, 999), at(GENERAL, 1), alone=True)
