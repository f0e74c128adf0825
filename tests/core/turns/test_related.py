"""Related threads in a new post: at most three links, and no post where there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.i18n import phrase
from core.values.conversation import Ask
from core.values.places import Person
from core.values.tasks import RelateThreads
from tests.core.memory.rig import BEN, Workspace, answered
from tests.core.turns.test_runner import ADA, PLACE, Rig

ROOMS = ("attic", "cellar", "garage", "kitchen", "workshop")
POST = replace(PLACE, thread="9.9")


async def after_a_post(earlier: int, *, on: bool = True) -> Rig:
    """A rig after a post about a creaking door, and before it as many answers about doors in other threads, each to a
    person of its own."""
    rig = Rig(Workspace(), recalls=True)
    channel = replace(PLACE, thread="")
    await rig.store.change(channel, {"related": "on" if on else "off"}, ADA, datetime(2026, 1, 1, tzinfo=UTC))
    for number, room in enumerate(ROOMS[:earlier]):
        asker = Person(f"U{number + 10}", room)
        await answered(
            rig.store, f"Why does the {room} door creak?", "Oil it.", thread=room, channel=PLACE, by=asker
        )
    ask = Ask("related:9.9", POST, BEN, "My door creaks!", datetime(2026, 12, 1, tzinfo=UTC), addressed=True)
    async with rig.delivering():
        turn = await rig.store.accept(replace(ask, task=RelateThreads()))
        assert turn is not None
        rig.place_queues.submit(turn)
        await rig.until_ended(turn)
    return rig


@pytest.mark.parametrize(("earlier", "linked"), [(1, 1), (3, 3), (5, 3)])
async def test_of_the_related_threads_at_most_three_are_linked(earlier: int, linked: int) -> None:
    rig = await after_a_post(earlier)
    [[page]] = rig.platform.shown.values()
    assert page.sources.head == phrase("related_head", "en")
    assert [link.number for link in page.sources.links] == list(range(1, linked + 1))
    assert rig.model.requests == [], "no answer is written"


@pytest.mark.parametrize(("earlier", "on"), [(0, True), (5, False)])
async def test_nothing_is_posted_where_no_thread_is_related_or_none_is_wanted(earlier: int, on: bool) -> None:
    rig = await after_a_post(earlier, on=on)
    assert rig.platform.shown == {}
