"""The newest changes, opinions and settings of all teams, on both databases and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.values.places import Place
from tests.contract.stored import ANN, BEN, NOON, PLACE, answered, ask

CHANNEL = replace(PLACE, thread="")
OTHER = Place("discord", "T2", "")


async def test_the_newest_changes_of_all_teams_come_first_and_page_by_page(store: Store) -> None:
    await store.change(CHANNEL, {"model": "a"}, ANN, NOON)
    await store.change(OTHER, {"prompt": "Be brief."}, BEN, NOON + timedelta(hours=1))
    await store.change(CHANNEL, {"model": None}, BEN, NOON + timedelta(hours=2))
    newest = await store.newest_changes(2)
    assert [(one.place, one.name, one.old, one.new, one.by.id) for _, one in newest] == [
        (CHANNEL, "model", "a", None, "U2"),
        (OTHER, "prompt", None, "Be brief.", "U2"),
    ]
    older = await store.newest_changes(2, newest[-1][0])
    assert [(one.name, one.new, one.at) for _, one in older] == [("model", "a", NOON)]
    assert await store.newest_changes(2, older[-1][0]) == []


async def test_the_newest_opinions_come_first_and_page_by_page(store: Store) -> None:
    turns = [
        await answered(store, ask(f"m{number}", place=replace(PLACE, team=f"T{number}"))) for number in range(3)
    ]
    for number, turn in enumerate(turns):
        at = NOON + timedelta(hours=number)
        await store.rate(turn.id, Feedback("U1", -1 if number else 1, "too long" if number else "", at))
    newest = await store.newest_opinions(2)
    assert [(one.place.team, one.helpful, one.reason, one.model) for one in newest] == [
        ("T2", False, "too long", "m"),
        ("T1", False, "too long", "m"),
    ]
    (older,) = await store.newest_opinions(2, newest[-1].at)
    assert (older.place.team, older.helpful, older.name) == ("T0", True, "Ann")


async def test_every_changed_setting_is_listed_with_its_place(store: Store) -> None:
    await store.change(CHANNEL, {"model": "a", "listen": "all"}, ANN, NOON)
    await store.change(OTHER, {"model": "b"}, ANN, NOON)
    everything = [(OTHER, "model", "b"), (CHANNEL, "listen", "all"), (CHANNEL, "model", "a")]
    assert await store.changed_settings() == everything
    assert await store.changed_settings(2) == everything[:2]
