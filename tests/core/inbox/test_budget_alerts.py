"""Alerts about limits of spending: whose limit it is, the language of the channel, and the lift."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from core.i18n import phrase
from core.operators.alert_turns import AlertTurns
from core.spend.budget_alerts import BudgetAlerts
from core.spend.budget_text import AlertView, alert_lifted_to_text, reached_to_text, reference
from core.values.budgets import ANY, Budget, BudgetAccount, BudgetScope, BudgetUnit, Limit, LimitPeriod, Payer
from core.values.conversation import TurnState
from core.values.events import ButtonPress, Outcome
from core.values.places import Person, Place
from core.values.tasks import BudgetLift, BudgetReached, UpdateAlert
from core.values.turn_ends import Finish
from tests.core.inbox.test_budgets import ADMIN, ALERTS, NOON, Budgeted, lift
from tests.waiting import until


def reached_by(scope: BudgetScope, payer: Payer, lifts: int = 0) -> BudgetReached:
    account = BudgetAccount(payer, LimitPeriod.DAY, NOON, NOON + timedelta(hours=12))
    limit = Limit(100_000, BudgetUnit.MONEY, LimitPeriod.DAY)
    return BudgetReached(Budget(scope, limit, account), lifts)


ALERT_WORDS = [
    (
        "en",
        BudgetScope.CHANNEL,
        Payer("slack", "T1", "C1", ANY),
        "The budget of <#C1> is used up: US$0.10 a day.",
    ),
    ("zh", BudgetScope.CHANNEL, Payer("slack", "T1", "C1", ANY), "频道 <#C1> 的预算已用完：每天 US$0.10。"),
    (
        "en",
        BudgetScope.CHANNEL,
        Payer("discord", "100", "200", ANY),
        "The budget of the channel 200 (Discord) is used up: US$0.10 a day.",
    ),
    ("en", BudgetScope.WORKSPACE, Payer("slack", "T1", ANY, ANY), "The budget of this workspace is used up:"),
    ("en", BudgetScope.WORKSPACE, Payer("slack", "T2", ANY, ANY), "The budget of the workspace T2 (Slack) is"),
    (
        "en",
        BudgetScope.WORKSPACE,
        Payer("discord", "100", ANY, ANY),
        "The budget of the server 100 (Discord) is",
    ),
    (
        "en",
        BudgetScope.PERSON,
        Payer("discord", ANY, ANY, "d"),
        "The budget of one person (Discord) is used up: US$0.10 a day. "
        "That person's questions are refused until 1 Apr 00:00 UTC.",
    ),
    (
        "zh",
        BudgetScope.PERSON,
        Payer("discord", ANY, ANY, "d"),
        "某位成员的预算（Discord）已用完：每天 US$0.10。4月1日 00:00 UTC 之前，此人的提问会被拒绝。",
    ),
    ("en", BudgetScope.CHANNEL, Payer("web", "", "web", ANY), "The budget of Parley's page is used up:"),
    (
        "en",
        BudgetScope.ALL,
        Payer(ANY, ANY, ANY, ANY),
        "The budget of everybody who uses Parley (PARLEY_BUDGET) is",
    ),
]


@pytest.mark.parametrize(("language", "scope", "payer", "words"), ALERT_WORDS)
def test_an_alert_says_whose_budget_it_is_as_its_readers_know_it(
    language: str, scope: BudgetScope, payer: Payer, words: str
) -> None:
    view = AlertView(language, "USD", UTC, ALERTS, lambda one: f"<#{one.channel}>", str.capitalize)
    assert reached_to_text(reached_by(scope, payer), view).startswith(words)


@pytest.mark.parametrize(
    ("language", "place", "words"),
    [
        (
            "en",
            ALERTS,
            "The budget of <#C1> was used up: US$0.10 a day. Eve \\*x\\* allowed US$0.10 more. "
            "The limit is US$0.20 until 1 Apr 00:00 UTC.",
        ),
        (
            "zh",
            ALERTS,
            "频道 <#C1> 的预算曾用完：每天 US$0.10。Eve \\*x\\* 追加了 US$0.10：4月1日 00:00 UTC 前的上限为 US$0.20。",
        ),
        (
            "en",
            Place("discord", "100", "201"),
            "The budget of the channel C1 (Slack) was used up: US$0.10 a day. "
            "An admin allowed US$0.10 more. The limit is US$0.20 until 1 Apr 00:00 UTC.",
        ),
    ],
)
def test_a_lifted_alert_names_the_admin_where_they_pressed_and_nowhere_else(
    language: str, place: Place, words: str
) -> None:
    view = AlertView(language, "USD", UTC, place, lambda one: f"<#{one.channel}>", str.capitalize)
    reached = reached_by(BudgetScope.CHANNEL, Payer("slack", "T1", "C1", ANY))
    text = alert_lifted_to_text(BudgetLift(reached, replace(ADMIN, name="Eve *x*"), ALERTS), view)
    assert text.startswith(words)
    assert reference(reached.budget) in text


@pytest.mark.parametrize(("language", "name"), [("en-x-web", "You allowed"), ("zh-x-web", "你追加了")])
def test_the_person_of_a_page_is_addressed_there(language: str, name: str) -> None:
    page = Place("web", "web", "web")
    view = AlertView(language, "USD", UTC, page)
    reached = reached_by(BudgetScope.CHANNEL, Payer("web", "web", "web", ANY))
    assert phrase("budget_of_channel", language) in reached_to_text(reached, view)
    assert name in alert_lifted_to_text(BudgetLift(reached, Person("you", "You"), page), view)


async def test_an_alert_is_written_in_the_language_of_its_channel_and_lifted_in_it() -> None:
    here = Budgeted()
    await here.set(budget="10 tokens a month")
    await here.set(ALERTS, language="zh")
    await here.set(Place("slack", "T1", ""), time_zone="Asia/Shanghai")
    await here.say()
    await here.spend(10)
    assert (await here.say()).outcome is Outcome.BUDGET
    alerts = BudgetAlerts(here.store, here.handlers.core, lambda place: None, str)
    posting = AlertTurns(ALERTS, here.store, here.submitted.append, here.clock, "en", alerts)
    posted = asyncio.create_task(posting(here.reached[0]))
    alert = await until(lambda: here.submitted[-1] if here.submitted[-1].ask.announces else None)
    assert alert.ask.text.startswith(
        "频道 C1 的预算已用完：每月 10 个 token。4月1日 00:00 Asia/Shanghai 之前，提问会被拒绝。"
    )
    await here.store.finish(Finish(await here.store.begin(alert.id), TurnState.DONE, posted=("p1",)))
    assert await posted
    done = await here.inbox.receive(ButtonPress("budget_lift", alert.id, ALERTS, replace(ADMIN, locale="en")))
    assert done.reply is not None
    assert done.reply.text == "Eve 追加了 10 个 token：4月1日 00:00 Asia/Shanghai 前的上限为 20 个 token。"
    (lift,) = here.lifted
    assert await posting.update(lift)
    update = here.submitted[-1]
    unnamed = update.ask.text.replace("Eve 追加", "一位管理员追加")
    assert update.ask.task == UpdateAlert(alert.id, unnamed)
    assert done.reply.text in update.ask.text
    await here.store.forget_person("slack", "T1", ADMIN.id, NOON)
    forgotten = await here.store.turn(update.id)
    assert forgotten is not None
    assert "Eve" not in repr(forgotten.ask)
    assert not await posting.update(lift), "once"
    assert not await replace(posting, place=replace(ALERTS, channel="C8")).update(lift), "it has no such alert"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_button_of_an_alert_that_is_out_of_date_sends_admins_to_the_command(language: str) -> None:
    here, admin = Budgeted(), replace(ADMIN, locale=language)
    await here.set(budget="10 tokens a day")
    await here.say()
    await here.spend(10)
    assert (await here.say()).outcome is Outcome.BUDGET
    (reached,) = here.reached
    late = phrase("budget_lift_late", language, prefix="/")
    await here.clock.advance(2 * 86_400)
    told = await lift(here, admin, reached)
    assert told.reply is not None
    assert (told.outcome, told.reply.text) == (Outcome.DUPLICATE, late), "its period is over"
    assert here.lifted == []
    posted = await here.store.begin(here.alert_id)
    await here.store.finish(Finish(posted, TurnState.DONE, "used up"))
    while await here.store.expire_channel(replace(ALERTS, team=""), here.clock.now()):
        pass
    removed = await here.inbox.receive(ButtonPress("budget_lift", here.alert_id, ALERTS, admin))
    assert removed.reply is not None
    assert (removed.outcome, removed.reply.text) == (Outcome.UNKNOWN, late)
