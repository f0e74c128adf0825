"""Search by words in a channel, and pages back in a thread, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.ports.store import Store
from core.values.conversation import Ask, History, ThreadMessage
from core.values.places import Person, Place

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = Person("U1", "Ada")
PLACE = Place("slack", "T1", "C1", "1.0")
EARLIER = replace(PLACE, thread="0.5")


def ask(number: int, text: str, place: Place = EARLIER) -> Ask:
    return Ask(f"m{number}", place, ADA, text, AT + timedelta(minutes=number))


async def said(store: Store, *asks: Ask) -> None:
    for one in asks:
        assert await store.note(one)


async def found(store: Store, *words: str, limit: int = 40) -> list[str]:
    return [line.text for _, line in await store.search(PLACE, words, limit)]


async def test_the_messages_with_the_most_words_come_first_and_then_the_newest(store: Store) -> None:
    texts = ["the Budget is small", "no word of it", "BUDGET and plan", "budget again"]
    await said(store, *(ask(number, text) for number, text in enumerate(texts)))
    assert await found(store, "budget", "plan") == [texts[2], texts[3], texts[0]]
    assert await found(store, "budget", limit=1) == [texts[3]]
    assert await found(store) == []


@pytest.mark.parametrize("text", ["我们的项目预算是多少", "100% sure", "snake_case", "it's"])
async def test_words_are_found_as_they_are(store: Store, text: str) -> None:
    await said(store, ask(1, text), ask(2, "100 sure snakeXcase its"))
    word = {"我": "预算", "1": "100%", "s": "snake_case", "i": "it's"}[text[0]]
    assert await found(store, word) == [text]


async def test_only_the_other_threads_of_the_same_channel_are_searched(store: Store) -> None:
    elsewhere = [
        replace(PLACE, channel="C2"),
        replace(PLACE, team="T2"),
        replace(PLACE, platform="discord"),
        PLACE,
    ]
    places = [EARLIER, *elsewhere]
    await said(store, *(ask(number, f"plan {number}", place) for number, place in enumerate(places)))
    assert [(place, line.text) for place, line in await store.search(PLACE, ["plan"])] == [(EARLIER, "plan 0")]


async def test_what_was_said_before_a_reset_is_not_found(store: Store) -> None:
    await said(store, ask(1, "old plan"))
    await store.reset(EARLIER, AT + timedelta(minutes=2))
    await said(store, ask(3, "new plan"))
    assert await found(store, "plan") == ["new plan"]


async def test_what_was_deleted_is_not_found(store: Store) -> None:
    await said(store, ask(1, "the plan"))
    await store.forget_thread(EARLIER, AT + timedelta(minutes=2))
    assert await found(store, "plan") == []


async def test_a_thread_is_read_back_page_by_page(store: Store) -> None:
    lines = [ThreadMessage(f"m{n}", ADA, f"line {n}", AT + timedelta(minutes=n)) for n in range(10)]
    await store.import_history(PLACE, History(tuple(lines)))
    question = replace(ask(99, "why?", PLACE), id="m99")
    page = await store.lines(PLACE, question, 3, before=lines[7].at)
    assert [line.text for line in page] == ["line 4", "line 5", "line 6"]
    assert await store.lines(PLACE, question, 3, before=lines[0].at) == []
    await store.reset(PLACE, lines[5].at)
    page = await store.lines(PLACE, question, 3, before=lines[7].at)
    assert [line.text for line in page] == ["line 5", "line 6"]
