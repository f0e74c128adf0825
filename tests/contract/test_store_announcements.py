"""Alerts and reports at the top of a channel, on every store, as they are shown again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import Code
from core.ports.store import Store
from core.values.budgets import ANY, Budget, BudgetAccount, BudgetScope, BudgetUnit, Limit, LimitPeriod, Payer
from core.values.conversation import Turn, TurnState, announcement
from core.values.outgoing import AnswerPicture
from core.values.parts import File
from core.values.places import Place
from core.values.tasks import Alert, Announced, BudgetReached, ReportOperation, ReportUsage, UpdateAlert
from core.values.turn_ends import Finish
from core.values.ui import Button
from storage.tables import ANNOUNCED
from storage.tasks import ANNOUNCEMENTS
from tests.contract.stored import ANN, BEN, NOON, PICTURE, accepted, answered, ask

TOP = Place("web", "local", "web")
THREAD = replace(TOP, thread="abc")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALERT = Alert("account a", Code.BAD_KEY)
LIMIT = Limit(100, BudgetUnit.TOKENS, LimitPeriod.DAY)
ACCOUNT = BudgetAccount(Payer(ANY, ANY, ANY, ANY), LimitPeriod.DAY, NOON, NOON + timedelta(days=1))
REACHED = BudgetReached(Budget(BudgetScope.ALL, LIMIT, ACCOUNT))
REPORT = ReportUsage(NOON - timedelta(days=1), NOON)
CHART = AnswerPicture("report-1.png", "A chart", PICTURE.media_type, PICTURE.data, "_Picture._")


async def began(store: Store, id: str, task: Announced = ALERT, text: str = "", place: Place = TOP) -> Turn:
    return await store.begin((await accepted(store, announcement(id, place, task, NOON, text))).id)


async def announced(store: Store, id: str, task: Announced = ALERT, place: Place = TOP) -> Turn:
    """A post of that id, whose message and text are named after it."""
    turn = await began(store, id, task, place=place)
    await store.finish(Finish(turn, TurnState.DONE, f"text of {id}", posted=(f"{id}.1",)))
    return turn


async def reported(store: Store, id: str = "summary:1", place: Place = TOP) -> None:
    await end_report(store, await began(store, id, REPORT, place=place))


async def end_report(store: Store, turn: Turn) -> None:
    """The report of that turn has a chart, names a person and quotes their question."""
    message_id = f"{turn.ask.id}.1"
    await store.put_uploads(turn.ask.place, message_id, NOON, {CHART.name: PICTURE}, turn.id)
    finish = Finish(turn, TurnState.DONE, "2 questions, Ann 2: why?", posted=(message_id,), embedded=CHART)
    await store.finish(replace(finish, anonymous="2 questions"))


async def texts(store: Store, place: Place = TOP) -> list[str]:
    return [one.text for one in await store.announcements(place, LONG_AGO)]


async def sources(store: Store) -> list[str]:
    return [file.source for one in await store.announcements(TOP, LONG_AGO) for file in one.files]


async def test_what_was_posted_comes_back_in_its_order_with_its_buttons_and_its_picture(store: Store) -> None:
    before = datetime.now(UTC)
    turn = await began(store, "budget:1", REACHED)
    lift = Button("budget_lift", "Allow as much again", turn.id)
    await store.finish(
        Finish(turn, TurnState.DONE, "used up", "a notice", (lift,), posted=("budget:1.1",), ref="abc")
    )
    await reported(store)
    alert, report = await store.announcements(TOP, LONG_AGO)
    assert (alert.turn_id, alert.message_id, alert.text) == (turn.id, "budget:1.1", "used up")
    assert (alert.notice, alert.buttons, alert.files) == ("a notice", (lift,), ())
    assert before <= alert.at <= report.at <= datetime.now(UTC)
    assert report.text == "2 questions, Ann 2: why?\n\n_Picture._"
    assert report.files == (File(PICTURE.name, PICTURE.media_type, size=3, source=CHART.name),)


async def test_only_the_posts_at_the_top_of_the_channel_count_that_are_there(store: Store) -> None:
    await announced(store, "alert:1")
    await announced(store, "operation:1", ReportOperation(NOON, NOON))
    await announced(store, "alert:1", place=replace(TOP, channel="other"))
    await announced(store, "alert:1", place=replace(TOP, team="other"))
    await announced(store, "alert:2", place=THREAD)
    await announced(store, "alert:3", place=replace(TOP, team=""))
    await answered(store, ask("q", place=TOP), "an answer", "q.1")
    await began(store, "alert:4")
    lost = await began(store, "alert:5")
    await store.finish(Finish(lost, TurnState.FAILED, "never seen", error="gone"))
    assert await texts(store) == ["text of alert:1", "text of operation:1", "text of alert:3"]


async def test_the_newest_of_the_last_days_are_shown(store: Store) -> None:
    for number in range(4):
        await announced(store, f"alert:{number}")
    newest = await store.announcements(TOP, LONG_AGO, 2)
    assert [one.text for one in newest] == ["text of alert:2", "text of alert:3"]
    assert [one.text for one in await store.announcements(TOP, newest[1].at)] == ["text of alert:3"]
    assert await store.announcements(TOP, newest[1].at + timedelta(seconds=1)) == []


@pytest.mark.parametrize("ended", [False, True])
async def test_an_alert_whose_limit_was_allowed_once_more_says_so_until_its_admin_is_forgotten(
    store: Store, ended: bool
) -> None:
    turn = await began(store, "budget:1", REACHED)
    lift = Button("budget_lift", "Allow as much again", turn.id)
    await store.finish(Finish(turn, TurnState.DONE, "used up", buttons=(lift,), posted=("budget:1.1",)))
    task = UpdateAlert(turn.id, "used up. An admin allowed more")
    lifted = announcement(f"lifted-{turn.id}", TOP, task, NOON, "used up. Ann allowed more")
    update = await accepted(store, replace(lifted, author=ANN))
    if ended:
        await store.finish(Finish(await store.begin(update.id), TurnState.DONE))
    (alert,) = await store.announcements(TOP, LONG_AGO)
    assert (alert.message_id, alert.text, alert.buttons) == ("budget:1.1", "used up. Ann allowed more", ())
    await store.forget_person("web", "local", ANN.id, NOON)
    (alert,) = await store.announcements(TOP, LONG_AGO)
    assert (alert.message_id, alert.text, alert.buttons) == ("budget:1.1", "used up. An admin allowed more", ())


async def test_a_report_loses_the_names_and_the_words_of_people_once_one_is_forgotten(store: Store) -> None:
    await reported(store)
    await announced(store, "alert:1")
    await store.forget_person("slack", "T1", BEN.id, NOON)
    assert await texts(store) == ["2 questions\n\n_Picture._", "text of alert:1"]
    assert await sources(store) == [CHART.name]
    await store.forget_person("slack", "T1", ANN.id, NOON)
    assert await texts(store) == ["2 questions\n\n_Picture._", "text of alert:1"]


async def test_a_report_loses_them_with_a_thread_of_its_platform(store: Store) -> None:
    other = Place("slack", "T1", "C1")
    await reported(store)
    await reported(store, place=other)
    await store.forget_thread(THREAD, NOON)
    assert await texts(store) == ["2 questions\n\n_Picture._"]
    assert await texts(store, other) == ["2 questions, Ann 2: why?\n\n_Picture._"]


@pytest.mark.parametrize("of", ["thread", "person"])
async def test_a_report_that_is_being_posted_meanwhile_ends_without_them(store: Store, of: str) -> None:
    turn = await began(store, "summary:1", REPORT)
    if of == "thread":
        await store.forget_thread(THREAD, NOON)
    else:
        await store.forget_person("slack", "T1", ANN.id, NOON)
    await end_report(store, turn)
    assert await texts(store) == ["2 questions\n\n_Picture._"]
    await store.forget_person("slack", "T1", ANN.id, NOON)
    assert await texts(store) == ["2 questions\n\n_Picture._"]


async def test_a_report_without_a_text_for_that_goes(store: Store) -> None:
    await announced(store, "summary:1", REPORT)
    await announced(store, "alert:1")
    await store.forget_person("slack", "T1", ANN.id, NOON)
    assert await texts(store) == ["text of alert:1"]


async def test_all_of_them_go_with_the_top_of_the_channel_where_that_is_forgotten(store: Store) -> None:
    await reported(store)
    await announced(store, "alert:1")
    await reported(store, "summary:2", replace(TOP, channel="other"))
    await store.forget_thread(TOP, NOON)
    assert await store.announcements(TOP, LONG_AGO) == []
    assert await store.upload(TOP, "summary:1.1", CHART.name) is None
    assert await store.upload(replace(TOP, channel="other"), "summary:2.1", CHART.name) == PICTURE
    await store.forget_person("web", "local", ANN.id, NOON)
    assert await store.announcements(TOP, LONG_AGO) == []


async def test_the_picture_of_a_report_stays_as_long_as_the_report(store: Store) -> None:
    await reported(store)
    await store.put_uploads(TOP, "q.1", NOON, {"cat.jpg": PICTURE})
    after = NOON + timedelta(seconds=1)
    assert await store.expire_uploads(after, NOON) == 1
    assert await sources(store) == [CHART.name]
    assert await store.expire_uploads(after, after) == 1
    assert await sources(store) == []
    assert await texts(store) == ["2 questions, Ann 2: why?\n\n_Picture._"]


def test_the_index_of_announcements_holds_each_kind_that_is_posted() -> None:
    elsewhere = {"sum_up", "embed", "related", "remove_sources", "show_anew"}
    assert set(re.findall("'(.*?)'", ANNOUNCED.text)) == set(ANNOUNCEMENTS) - elsewhere
