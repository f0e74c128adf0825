"""An alert becomes a turn, and is said to stand there only when it does."""

from __future__ import annotations

from datetime import datetime

import pytest

from core.answer.alerts import AlertTurns, alert_to_text
from core.errors import Code
from core.model.herald import Alert
from core.phrases import LANGUAGES
from core.ports import Finish
from core.types import Place, Task, Turn, TurnState
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

PLACE = Place("slack", "", "C9")
ALERT = Alert("account one/a", Code.NO_MONEY, "Top up the account.", "ABC234")


class Post:
    """Ends each submitted turn in `state` the next time the clock moves on."""

    def __init__(self, state: TurnState) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock(jumps=True)
        self.turns: list[Turn] = []
        self._state = state

    def submit(self, turn: Turn) -> None:
        self.turns.append(turn)

    async def __call__(self, alert: Alert) -> bool:
        posting = AlertTurns(PLACE, self.store, self.submit, self, "en")
        return await posting(alert)

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        await self.store.finish(Finish(self.turns[-1], self._state))


@pytest.mark.parametrize("state", [TurnState.DONE, TurnState.FAILED])
async def test_an_alert_is_a_turn_that_has_been_told_once_it_is_done(state: TurnState) -> None:
    post = Post(state)
    assert await post(ALERT) is (state is TurnState.DONE)
    [turn] = post.turns
    assert (turn.ask.task, turn.ask.place) == (Task.DIGEST, PLACE)
    assert "Top up the account." in turn.ask.text


async def test_the_same_alert_of_the_same_hour_is_one_turn() -> None:
    post = Post(TurnState.DONE)
    assert [await post(ALERT), await post(ALERT)] == [True, False]
    assert len(post.turns) == 1
    await post.clock.sleep(3600)
    assert await post(ALERT)


async def test_a_store_that_is_away_tells_nobody() -> None:
    post = Post(TurnState.DONE)
    post.store.failing = True
    assert not await post(ALERT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_names_what_is_wrong_and_what_to_do(language: str) -> None:
    text = alert_to_text(ALERT, language)
    assert all(words in text for words in ("account one/a", "no_money", "Top up the account.", "ABC234"))
