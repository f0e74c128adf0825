"""An alert becomes a turn, and is said to stand there only when it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
from pydantic import SecretStr

from core.errors import Code
from core.i18n import LANGUAGES, advise
from core.llm.catalog import Account, Route
from core.llm.retry_policy import RULES, BlameScope, key_of
from core.operators.alert_turns import AlertTurns, alert_to_text
from core.settings.environment import CoreSettings
from core.spend.budget_alerts import BudgetAlerts
from core.values.conversation import Turn, TurnState
from core.values.deltas import ModelInfo
from core.values.places import Place
from core.values.tasks import Alert
from core.values.turn_ends import Finish
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.waiting import until

PLACE = Place("slack", "T1", "C9")
ROUTE = Route(
    Account("one/a", "one", "https://one.example/v1", SecretStr("sk-test")), ModelInfo("large"), "large"
)
WRITER = BudgetAlerts(MemoryStore(), CoreSettings(_env_file=None), lambda _: None, str)
ALERT = Alert("account one/a", Code.NO_MONEY, "ABC234", ROUTE.places)


class PostMessage:
    """Ends each submitted turn in `state` the next time the clock moves on."""

    def __init__(self, state: TurnState) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock(jumps=True)
        self.turns: list[Turn] = []
        self._state = state

    def submit(self, turn: Turn) -> None:
        self.turns.append(turn)

    async def __call__(self, alert: Alert) -> bool:
        posting = AlertTurns(PLACE, self.store, self.submit, self, "en", WRITER)
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
    post = PostMessage(state)
    assert await post(ALERT) is (state is TurnState.DONE)
    [turn] = post.turns
    assert (turn.ask.task, turn.ask.place) == (ALERT, PLACE)
    assert "Top up the account" in turn.ask.text


async def test_the_same_alert_of_the_same_hour_is_one_turn() -> None:
    post = PostMessage(TurnState.DONE)
    assert [await post(ALERT), await post(ALERT)] == [True, False]
    assert len(post.turns) == 1
    await post.clock.sleep(3600)
    assert await post(ALERT)


async def test_what_another_process_has_posted_minutes_before_is_one_turn_in_the_next_hour_too() -> None:
    post, over = PostMessage(TurnState.DONE), replace(ALERT, over=True)
    await post.clock.sleep(3590 - post.now().timestamp() % 3600)
    assert await post(ALERT)
    await post.clock.sleep(60)
    assert not await post(ALERT)
    assert [await post(over), await post(over), await post(ALERT)] == [True, False, True]


async def test_what_stands_there_is_known_after_a_restart_until_it_is_over() -> None:
    post = PostMessage(TurnState.DONE)
    after_a_restart = AlertTurns(PLACE, post.store, post.submit, post, "en", WRITER)
    gone = replace(ALERT, what="model one/a qwen:7b", code=Code.NO_MODEL)
    assert [await post(ALERT), await post(gone)] == [True, True]
    await post.clock.sleep(60)
    standing = await after_a_restart.standing()
    assert [(alert.what, alert.code) for alert, _ in standing] == [
        (ALERT.what, ALERT.code),
        (gone.what, gone.code),
    ]
    assert all(60 <= age_s < 61 for _, age_s in standing)
    await post(replace(ALERT, over=True))
    assert [alert.what for alert, _ in await after_a_restart.standing()] == [gone.what]
    await post.clock.sleep(8 * 24 * 3600)
    assert await after_a_restart.standing() == []


async def test_what_never_stood_there_is_not_known_after_a_restart() -> None:
    post = PostMessage(TurnState.FAILED)
    await post(ALERT)
    assert await AlertTurns(PLACE, post.store, post.submit, post, "en", WRITER).standing() == []


async def test_a_store_that_is_away_tells_nobody() -> None:
    post = PostMessage(TurnState.DONE)
    post.store.failing = True
    assert not await post(ALERT)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", RULES)
def test_an_alert_names_what_is_wrong_and_what_to_do(code: Code, language: str) -> None:
    alert = Alert(key_of(ROUTE, RULES[code].blames or BlameScope.OFFER), code, "ABC234", ROUTE.places)
    text, over = alert_to_text(alert, language), alert_to_text(replace(alert, over=True), language)
    advice = advise(code, language, ROUTE.places)
    assert all(words in text for words in ("one", str(code), advice, "ABC234"))
    assert all(words in over for words in ("one", str(code), "ABC234"))
    assert advice not in over
    assert not {"{", "}", "sk-test"} & {*text, *text.split()}
    assert len(advice) <= 160


def test_an_alert_in_a_chinese_channel_is_chinese_throughout() -> None:
    assert alert_to_text(ALERT, "zh") == (
        "**Parley 需要处理：账户 one/a** 无法使用（no_money）。"
        "请在 one.example 为账户（OPENAI_API_KEY）充值，或换用其他账户。 （编号 ABC234）"
    )
    assert alert_to_text(replace(ALERT, over=True), "zh") == (
        "**账户 one/a** 已恢复（之前是 no_money）。 （编号 ABC234）"
    )


def test_what_nobody_can_reach_is_told_with_its_host_and_the_class_of_the_error() -> None:
    alert = Alert("endpoint one", Code.UNREACHABLE, "ABC234", ROUTE.places, "ConnectError")
    assert alert_to_text(alert, "en") == (
        "**Parley needs attention: endpoint one** does not work (unreachable, ConnectError). "
        "Check the connection to one.example (OPENAI_BASE_URL): DNS, proxy, certificates. (ref ABC234)"
    )


def test_a_report_that_cannot_be_posted_is_told_with_its_channel() -> None:
    alert = Alert("report 2026-11-28 in slack:C1", Code.GONE, "ABC234", {"name": "Slack"})
    assert alert_to_text(alert, "en") == (
        "**Parley needs attention: report 2026-11-28 in slack:C1** does not work (gone). "
        "The channel is archived or deleted on Slack, or the app was removed from it. Choose another. (ref ABC234)"
    )
    assert alert_to_text(alert, "zh").startswith("**Parley 需要处理：报告 2026-11-28 in slack:C1**")


@pytest.mark.parametrize(("looks", "posted"), [(3, True), (1_000, False)])
async def test_an_alert_waits_a_while_for_the_team_of_its_channel(looks: int, posted: bool) -> None:
    store, clock, turns = MemoryStore(), FakeClock(jumps=True), list[Turn]()
    left = looks

    async def addressed(place: Place) -> Place | None:
        nonlocal left
        left -= 1
        return None if left else replace(place, team="T7")

    async def never(text: str) -> bool:
        return False

    alerts = AlertTurns(replace(PLACE, team=""), store, turns.append, clock, "en", WRITER, never, addressed)
    posting = asyncio.create_task(alerts(ALERT))
    await until(lambda: turns or posting.done())
    if turns:
        await store.finish(Finish(turns[0], TurnState.DONE))
    assert await posting is posted
    assert [turn.ask.place.team for turn in turns] == ["T7"] * posted
