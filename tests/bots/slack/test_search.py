"""Slack's own search: its tokens, limits and refusals, and what may be used of what it finds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.connector import SlackConnector
from bots.slack.incoming import Identity, payload_to_event
from bots.slack.search import BUSY_S, LONGEST, REFUSED_S, TOKEN_S, found_messages
from bots.slack.sources import AT_USE_S
from core.errors import PlatformError
from core.memory.audience import Audience
from core.memory.channel_memories import ChannelMemories
from core.memory.found_messages import FoundMessages
from core.platform_calls import PlatformCalls
from core.ports.connector import SearchesMessages
from core.settings.environment import CoreSettings
from core.values.conversation import Ask
from core.values.memory import FoundMessage
from core.values.places import Person, Place
from tests.bots.slack.rig import connecting, listening, refusal
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.slack import BOT_USER, FakeSlack

ADA, BO, CLEO = Person("U1", "Ada"), Person("U2", "Bo"), Person("U3", "Cleo", guest=True)
ME = Identity("T1", BOT_USER, "B_BOT", "parley", url="https://fake.slack.com/")
SEARCH = "assistant.search.context"
KEY = "where is the key"


class Guests:
    """A workspace that has installed somebody else's app; without the guest in C1 and C2."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.clock = FakeClock()
        self.connector: SlackConnector = connecting(slack, clock=self.clock, distributed=True)
        self.installation = self.connector.installation
        calls = self.calls = PlatformCalls(self.installation)
        core = CoreSettings(_env_file=None, parley_memory="workspace")
        memories = ChannelMemories(MemoryStore(self.clock), core)
        self.messages = FoundMessages(memories, self.clock, lambda _: calls, timedelta(days=180))
        for id_ in ("C1", "C2"):
            slack.space.channels[id_].members.discard("U3")
        self.asked = 0

    def question(self, by: Person = ADA, channel: str = "C1", **event: Any) -> Ask:
        """A mention that has just come with a token."""
        self.asked += 1
        ts = f"1800000000.{self.asked:06d}"
        token = {"assistant_thread": {"action_token": self.slack.space.new_action_token(by.id, channel)}}
        said = {"type": "app_mention", "channel": channel, "user": by.id, "ts": ts, "text": KEY}
        payload = {"event": said | (event or token)}
        ask = payload_to_event(payload, ME, {by.id: by})
        assert isinstance(ask, Ask)
        self.installation.searches.note(ask, payload)
        return ask

    async def search(self, ask: Ask, words: str = KEY, *, here: bool = False) -> list[str] | None:
        found = await self.installation.search(ask.place, ask.id, words, here=here)
        return None if found is None else [one.text for one in found]

    async def find(self, ask: Ask, *people: Person, alone: bool = False) -> tuple[FoundMessage, ...]:
        audience = Audience(ask.place, people or (ask.author,), alone)
        return await self.messages.find(audience, ask.id, KEY) or ()

    async def linked(self, ask: Ask, found: tuple[FoundMessage, ...], *people: Person) -> list[str]:
        audience = Audience(ask.place, people or (ask.author,), alone=False)
        zone = CoreSettings(_env_file=None).zone
        return [
            one.link for one in (await self.messages.links(audience, enumerate(found, 1), "en", zone)).links
        ]


@pytest.fixture
async def guests(slack: FakeSlack) -> AsyncIterator[Guests]:
    guests = Guests(slack)
    yield guests
    await guests.installation.close()


async def test_an_installation_of_others_has_no_memory_and_searches(guests: Guests) -> None:
    assert guests.connector.traits.distributed
    assert isinstance(guests.installation, SearchesMessages)
    assert not connecting(guests.slack).traits.distributed
    place = Place("slack", "T1", "C1", "1.0")
    assert not await guests.calls.may_cite(place, ADA, place, alone=False)
    assert await guests.calls.may_show(place, ADA, place, alone=False)


async def test_an_app_of_the_workspace_itself_never_searches(slack: FakeSlack) -> None:
    connector = connecting(slack)
    calls = PlatformCalls(connector.installation)
    assert await calls.search(Place("slack", "T1", "C1", "1.0"), "1.0", KEY, here=False) is None
    assert slack.called(SEARCH) == []
    await connector.installation.close()


async def test_messages_are_found_with_their_author_date_and_permalink(guests: Guests) -> None:
    ts = await guests.slack.say(
        "U2", "C2", "The key: <https://wiki.example/key|here>, says <@U1>.", "1.0", at=1.8e9
    )
    [one] = (
        await guests.installation.search(guests.question().place, "1800000000.000001", KEY, here=False) or []
    )
    base = guests.slack.space.base_url
    assert one.link == f"{base}/archives/C2/p{ts.replace('.', '')}?thread_ts=1.0&cid=C2"
    assert (one.place, one.id) == (Place("slack", "T1", "C2", "1.0"), ts)
    assert (one.author, one.channel_name) == (Person("U2", "Bo Lin"), "random")
    assert one.at.timestamp() == 1.8e9
    assert one.text == "The key: here (https://wiki.example/key), says @U1."
    [call] = guests.slack.called(SEARCH)
    assert (call.args["channel_types"], call.args["content_types"]) == ("public_channel", "messages")


async def test_the_token_is_that_of_the_event_wherever_it_has_it(guests: Guests) -> None:
    space = guests.slack.space
    await guests.slack.say("U2", "C2", "The key is here.")
    top = guests.question(action_token=space.new_action_token("U1", "C1"))
    assert await guests.search(top) == ["The key is here."]
    for event in ({"action_token": ""}, {"assistant_thread": None}, {"assistant_thread": {"action_token": 1}}):
        assert await guests.search(guests.question(**event)) is None
    assert len(guests.slack.called(SEARCH)) == 1


async def test_the_events_of_the_workspace_bring_the_token_with_the_question(guests: Guests) -> None:
    async with listening(guests.slack, guests.connector) as inbox:
        await guests.slack.say("U2", "C2", "The key is here.")
        await guests.slack.say("U1", "C1", f"<@{BOT_USER}> {KEY}")
        await guests.slack.say("U3", "C3", f"<@{BOT_USER}> {KEY}")
        await guests.slack.wait_for(lambda: len([one for one in inbox.asks() if one.addressed]) >= 4)
        asked = {one.author.id: one for one in inbox.asks() if one.addressed}
        assert await guests.search(asked["U1"]) is not None
        assert await guests.search(asked["U3"]) is None, "a guest has no search"


async def test_another_question_in_the_channel_can_not_use_the_token(guests: Guests) -> None:
    ask = guests.question()
    assert await guests.search(replace(ask, id="1800000000.999999")) is None
    assert await guests.search(replace(ask, place=replace(ask.place, channel="C2"))) is None
    assert guests.slack.called(SEARCH) == []


async def test_a_token_that_slack_refuses_is_not_sent_again(guests: Guests) -> None:
    ask = guests.question()
    assert await guests.search(ask) == []
    error = await refusal(guests.search(ask))
    assert "invalid_action_token" in error.detail
    assert await guests.search(ask) is None
    assert len(guests.slack.called(SEARCH)) == 2
    assert ".action." not in error.detail


async def test_an_old_token_is_not_sent_and_one_that_expired_is_refused_once(guests: Guests) -> None:
    ask, late = guests.question(), guests.question()
    guests.slack.clock.advance(guests.slack.space.search_token_s + 1)
    await refusal(guests.search(ask))
    assert await guests.search(ask) is None
    await guests.clock.advance(TOKEN_S)
    assert await guests.search(late) is None
    assert len(guests.slack.called(SEARCH)) == 1


async def test_without_the_scope_slack_is_asked_once_an_hour(guests: Guests) -> None:
    granted, scope = guests.slack.web.scopes, "search:read.public"
    guests.slack.web.scopes = granted.replace(f",{scope}", "")
    assert scope in (await refusal(guests.search(guests.question()))).detail
    assert await guests.search(guests.question(BO)) is None
    guests.slack.web.scopes = granted
    await guests.clock.advance(REFUSED_S)
    assert await guests.search(guests.question()) == []
    assert len(guests.slack.called(SEARCH)) == 2


async def test_the_limit_of_one_person_stops_no_other(guests: Guests) -> None:
    guests.slack.fail(SEARCH, 1, retry_after=30)
    await refusal(guests.search(guests.question()))
    assert await guests.search(guests.question()) is None
    assert await guests.search(guests.question(BO)) == []
    await guests.clock.advance(30)
    assert await guests.search(guests.question()) == []


async def test_a_search_that_slack_has_switched_off_for_now_is_left_alone_for_a_minute(guests: Guests) -> None:
    guests.slack.fail(SEARCH, 1, error="assistant_search_context_disabled")
    await refusal(guests.search(guests.question()))
    assert await guests.search(guests.question(BO)) is None
    await guests.clock.advance(BUSY_S)
    assert await guests.search(guests.question()) == []


async def test_the_channel_alone_is_searched_where_only_it_may_help(guests: Guests) -> None:
    await guests.slack.say("U2", "C1", "The key is here.")
    await guests.slack.say("U2", "C2", "The key is there.")
    assert await guests.search(guests.question(), here=True) == ["The key is here."]
    assert await guests.search(guests.question(channel="D1"), here=True) == []
    assert len(guests.slack.called(SEARCH)) == 1, "a direct conversation can't be searched"


async def test_a_long_question_is_cut_and_an_empty_one_not_searched_for(guests: Guests) -> None:
    assert await guests.search(guests.question(), "key\n" * 1_000) == []
    assert len(guests.slack.called(SEARCH)[0].args["query"]) == LONGEST
    assert await guests.search(guests.question(), " \u200b ") is None
    assert guests.slack.client_errors == []


async def test_a_channel_that_became_private_since_is_linked_no_more(guests: Guests) -> None:
    await guests.slack.say("U2", "C2", "The key is here.")
    ask = guests.question()
    found = await guests.find(ask)
    assert len(await guests.linked(ask, found)) == 1
    await guests.slack.make_private("C2")
    await guests.clock.advance(AT_USE_S)
    assert await guests.linked(ask, found) == []
    assert len(found) == 1


async def test_a_channel_that_was_shared_since_links_nothing_of_others(guests: Guests) -> None:
    await guests.slack.say("U2", "C2", "The key is here.")
    ask = guests.question()
    found = await guests.find(ask)
    await guests.slack.share("C1", "pending_ext")
    await guests.clock.advance(AT_USE_S)
    assert await guests.linked(ask, found) == []


async def test_a_guest_who_has_the_answer_made_anew_gets_only_what_they_may_read(guests: Guests) -> None:
    for channel in ("C1", "C2"):
        await guests.slack.say("U2", channel, f"The key of {channel}.")
    assert {one.text for one in await guests.find(guests.question())} == {"The key of C1.", "The key of C2."}
    assert {one.text for one in await guests.find(guests.question(), ADA, CLEO)} == {"The key of C1."}
    mute = replace(ADA, may_read=False)
    assert await guests.find(guests.question(), mute) == ()


async def test_facts_that_slack_does_not_tell_count_as_no(guests: Guests) -> None:
    await guests.slack.say("U2", "C2", "The key is here.")
    guests.slack.space.channels["C2"].untold = {"is_private"}
    assert await guests.find(guests.question()) == ()
    guests.slack.fail("conversations.info", None, error="internal_error")
    await guests.clock.advance(AT_USE_S)
    assert await guests.find(guests.question()) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "team_id": st.just("T1") | JSON,
        "channel_id": st.sampled_from(["C1", "C2/../x", "<!channel>"]) | JSON,
        "message_ts": st.sampled_from(["1.2", "nan", "9" * 30 + ".0", "-1.0", ""]) | JSON,
        "content": st.text(max_size=40) | JSON,
        "permalink": st.sampled_from(
            ["https://fake.slack.com/archives/C1/p1", "javascript:x", "http://[", "//x"]
        )
        | JSON,
        "author_name": JSON,
        "author_user_id": JSON,
    },
)


@given(st.lists(MESSAGES | JSON, max_size=4) | JSON, st.booleans())
def test_no_response_breaks_the_reading_and_no_link_leads_elsewhere(messages: Any, whole: bool) -> None:
    response = json.loads(json.dumps({"results": {"messages": messages} if whole else messages}))
    for one in found_messages(response, ME):
        assert one.place.team == "T1"
        assert one.place.channel.isalnum()
        assert one.link.startswith(ME.url)


def test_a_message_of_another_workspace_or_without_words_is_left_out() -> None:
    said = {"team_id": "T1", "channel_id": "C1", "message_ts": "1.0", "content": "key"}
    for change in (
        {"team_id": "T2"},
        {"team_id": None},
        {"content": " "},
        {"message_ts": "x"},
        {"channel_id": ""},
    ):
        assert found_messages({"results": {"messages": [said | change]}}, ME) == []
    [one] = found_messages({"results": {"messages": [said]}}, ME)
    assert one.link == "https://fake.slack.com/archives/C1/p10"


async def test_a_slow_or_broken_line_costs_no_more_than_the_search(guests: Guests) -> None:
    guests.slack.fail(SEARCH, 1, drop="before")
    with pytest.raises(PlatformError):
        await guests.search(guests.question())
    assert await guests.search(guests.question()) == []
