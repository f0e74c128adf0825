"""The removal of what is older than it is kept, on every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    select,
)
from sqlalchemy.sql.schema import Column, Table

from core.clock import SystemClock
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.spend.budgets import payer_of
from core.values.budgets import (
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetScope,
    BudgetUnit,
    Limit,
    LimitPeriod,
    Payer,
    Spent,
)
from core.values.conversation import Ask, History, ThreadMessage, Turn, TurnState, announcement
from core.values.deltas import ChargeKind, Usage
from core.values.places import Person, Place
from core.values.tasks import ANSWER, BudgetReached
from core.values.tools import ToolGrant
from core.values.turn_ends import Finish
from core.values.ui import Button
from core.values.usage import Charge, UsageField
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.tables import USAGE, USAGE_SUMS, Prose, Row, Words, to_us
from storage.usage_sums import DAY_US
from tests.contract.stored import (
    ANN,
    APPROVED,
    ASKED,
    BEN,
    ELSEWHERE,
    FILE,
    NOON,
    PICTURE,
    PLACE,
    RESULTS,
    ROUND,
    accepted,
    ask,
    texts,
)
from tests.contract.test_summary_store import newest, summed_up, thread

CHANNEL = Place("slack", "T1", "C1")
LIMIT = NOON + timedelta(seconds=100)
"""The time from which messages are kept: those of `ask` without more are older."""
LATER_S = 200.0
RARE = "quokka-71930"


async def expire(store: Store, channel: Place = CHANNEL, before: datetime = LIMIT) -> int:
    """Remove all of a channel that is older. Returns the number of rows."""
    removed = 0
    while step := await store.expire_channel(channel, before):
        removed += step
    return removed


async def ended(store: Store, question: Ask, *posted: str, **more: Any) -> Turn:
    turn = await store.begin((await accepted(store, question)).id)
    usage = Usage(30, 10, cost_micros=40)
    await store.finish(Finish(turn, TurnState.DONE, "because", posted=posted, model="m", usage=usage, **more))
    return turn


async def turn_now(store: Store, turn: Turn) -> Turn:
    found = await store.turn(turn.id)
    assert found is not None
    return found


class TestContent:
    """The texts of a channel, and those of others."""

    async def test_messages_go_with_their_answers_files_and_pictures(self, store: Store) -> None:
        await ended(store, replace(ask("m1"), attached=(FILE,)), "p1")
        await store.put_file(PLACE, "m1", replace(FILE, text="in words"))
        await store.put_uploads(PLACE, "m1", NOON, {"a": PICTURE})
        await ended(store, ask("m2", after_s=LATER_S), "p2")
        await store.put_uploads(PLACE, "m2", NOON + timedelta(seconds=LATER_S), {"a": PICTURE})
        assert await expire(store) > 0
        assert await expire(store) == 0
        assert [line.id for line in await store.lines(PLACE)] == ["m2", "p2"]
        assert await store.upload(PLACE, "m1", "a") is None
        assert await store.upload(PLACE, "m2", "a") == PICTURE

    async def test_of_an_ended_turn_no_text_and_no_person_stays(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, replace(ask(), attached=(FILE,)))).id)
        await store.put_steps(turn.id, 0, [ROUND, RESULTS])
        buttons = (Button("up", "Good", turn.id),)
        finish = Finish(turn, TurnState.DONE, "because", "a notice", buttons, ("p1",), quoted=(("m1", "F1"),))
        await store.finish(finish)
        await store.rate(turn.id, Feedback(BEN.id, -1, "it is wrong", NOON))
        assert await store.place_of_post(PLACE, "p1") == PLACE
        await expire(store)
        now = await turn_now(store, turn)
        assert (now.ask.text, now.text, now.ask.attached, now.ask.author) == ("", "", (), Person(""))
        assert now.state is TurnState.DONE
        assert now.forgotten, "its buttons have nothing to act on"
        assert await store.steps(turn.id) == []
        assert await store.answer_footer(turn.id) is None
        assert await store.quoting_turns(PLACE, "m1") == []
        assert await store.place_of_post(PLACE, "p1") is None
        (opinion,) = await store.feedback(turn.id)
        assert (opinion.value, opinion.reason) == (-1, ""), "opinions are counted as before"
        assert BEN.id not in opinion.person

    async def test_who_pressed_for_an_answer_is_not_known_any_more(self, store: Store) -> None:
        first = await ended(store, ask())
        again = await store.retry_turn(first.id, ANSWER, BEN)
        assert again is not None
        await store.finish(Finish(again, TurnState.DONE, "anew", model="m", usage=Usage(1, 1)))
        await expire(store)
        assert (await turn_now(store, again)).started_by is None
        long = (NOON - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
        assert (await store.usage_totals(*long, person=BEN.id)).prompt_tokens == 1
        groups = await store.usage_groups(*long, [UsageField.PERSON])
        assert len(groups) == 2
        assert not {ANN.id, BEN.id} & {group.person for group in groups}

    async def test_only_the_channel_is_touched_and_in_it_only_what_is_older(self, store: Store) -> None:
        others = (replace(PLACE, platform="web"), replace(PLACE, team="T2"), replace(PLACE, channel="C2"))
        places = [PLACE, ELSEWHERE, *others]
        for place in places:
            await ended(store, ask(f"m-{place.key}", place=place))
        await store.note(ask("exactly", after_s=100))
        await expire(store)
        assert await texts(store) == ["why?"]
        assert await texts(store, place=ELSEWHERE) == []
        for place in places[2:]:
            assert await texts(store, place=place) == ["why?", "because"]
        assert await store.channels() == [
            Place(*key) for key in sorted({(one.platform, one.team, one.channel) for one in places})
        ]

    async def test_turns_that_have_not_ended_stay_with_their_questions_until_they_end(
        self, store: Store
    ) -> None:
        waiting = await accepted(store, ask("waits"))
        running = await store.begin((await accepted(store, ask("runs"))).id)
        asking = await store.begin((await accepted(store, ask("asks"))).id)
        await store.put_steps(asking.id, 0, [ROUND])
        await store.finish(Finish(asking, TurnState.ASKING, "may I?", asked=(1, ASKED)))
        held = await store.hold(ask("is held"))
        await store.note(ask("aside"))
        await expire(store)
        assert [line.id for line in await store.lines(PLACE)] == ["asks", "runs", "waits"]
        assert [turn.id for turn in await store.open_turns()] == [waiting.id, running.id]
        assert [turn.ask.text for turn in await store.held_turns()] == ["why?"]
        assert [turn.id for turn, _ in await store.asking_turns()] == [asking.id]
        assert await store.resume(asking.id, APPROVED) is not None
        for turn in (waiting, running, asking):
            assert await store.finish(Finish(turn, TurnState.DONE, "because", model="m"))
        await expire(store)
        assert await store.lines(PLACE) == []
        assert (await turn_now(store, running)).forgotten
        assert held is not None

    async def test_an_alert_about_a_budget_stays_until_its_period_is_older(self, store: Store) -> None:
        alerts = {}
        for name, until in (("over", LIMIT - timedelta(seconds=1)), ("lasts", LIMIT)):
            account = BudgetAccount(
                Payer(ANY, ANY, ANY, ANY), LimitPeriod.MONTH, NOON - timedelta(days=9), until
            )
            limit = Limit(100, BudgetUnit.TOKENS, LimitPeriod.MONTH)
            task = BudgetReached(Budget(BudgetScope.ALL, limit, account))
            asked = announcement(f"budget:{name}", replace(PLACE, thread=""), task, NOON, "used up")
            turn = alerts[name] = await store.begin((await accepted(store, asked)).id)
            lift = Button("budget_lift", "Allow", turn.id)
            await store.finish(Finish(turn, TurnState.DONE, "used up", buttons=(lift,), posted=(name,)))
        await expire(store)
        assert (await turn_now(store, alerts["over"])).forgotten
        assert not (await turn_now(store, alerts["lasts"])).forgotten, "its button is of use yet"
        shown = await store.announcements(replace(PLACE, thread=""), NOON - timedelta(days=9))
        assert [(one.text, len(one.buttons)) for one in shown] == [("used up", 1)]
        await expire(store, before=LIMIT + timedelta(seconds=1))
        assert (await turn_now(store, alerts["lasts"])).forgotten

    async def test_grants_of_tools_go_by_the_time_they_were_given(self, store: Store) -> None:
        for tool, at in (("old", NOON), ("new", LIMIT)):
            await store.grant_tool(PLACE, ToolGrant(tool, "", ANN.id), at)
        await store.note(ask())
        await expire(store)
        assert [grant.tool for grant in await store.tool_grants(PLACE)] == ["new"]

    async def test_a_thread_that_was_read_is_not_read_again(self, store: Store) -> None:
        await ended(store, ask("m1"))
        await store.import_history(PLACE, History((ThreadMessage("h1", BEN, "before", NOON),)))
        await expire(store)
        assert await store.lines(PLACE) == []
        assert await store.filled(PLACE)

    async def test_a_thread_without_messages_is_not_listed_any_more(self, store: Store) -> None:
        await ended(store, ask("m1"))
        await ended(store, ask("m2", place=ELSEWHERE))
        await store.note(ask("m3", after_s=LATER_S, place=ELSEWHERE))
        await expire(store)
        assert [thread.place for thread in await store.threads("slack", "T1")] == [ELSEWHERE]
        assert await store.joined(PLACE), "it is followed as before"

    async def test_a_thread_that_was_reset_lately_begins_there_still(self, store: Store) -> None:
        await ended(store, ask("m1"))
        await store.reset(PLACE, NOON + timedelta(seconds=LATER_S))
        await expire(store)
        await store.import_history(PLACE, History((ThreadMessage("h1", BEN, "before", LIMIT),)))
        assert await store.filled(PLACE)
        question = await accepted(store, ask("m2", after_s=2 * LATER_S))
        assert await texts(store, question.ask) == ["why?"]

    async def test_a_summary_goes_with_the_first_of_its_lines(self, store: Store) -> None:
        await thread(store)
        await summed_up(store, 5, RARE)
        assert await expire(store, before=NOON - timedelta(days=1)) == 0
        assert await newest(store) is not None
        await expire(store, before=NOON + timedelta(seconds=1))
        assert await newest(store) is None
        assert [line.text for line in await store.lines(PLACE)][:2] == ["line 1", "line 2"]

    async def test_a_summary_stays_while_only_lines_go_that_it_does_not_cover(self, store: Store) -> None:
        await thread(store)
        summary = await summed_up(store, 5, RARE, after=ask("m03", after_s=3))
        assert [line.text for line in await store.oldest_lines(PLACE, summary.until, 1)] == ["line 9"]
        assert await expire(store, before=NOON + timedelta(seconds=4)) > 0
        assert await newest(store) == summary
        await expire(store, before=NOON + timedelta(seconds=5))
        assert await newest(store) is None

    async def test_channels_are_listed_in_parts(self, store: Store) -> None:
        places = [Place("slack", "T1", f"C{number}") for number in range(5)]
        for place in places:
            await store.note(ask(f"m-{place.channel}", place=replace(place, thread="1")))
        assert await store.channels(None, 3) == places[:3]
        assert await store.channels(places[2], 3) == places[3:]
        assert await store.channels(places[4], 3) == []


OLD_S, DAYS = (0, 40, 86_000, 170_000), [UsageField.DAY, UsageField.MODEL, UsageField.CHANNEL]
PERIODS = (
    (NOON - timedelta(days=1), NOON + timedelta(days=5)),
    (NOON - timedelta(hours=3), NOON + timedelta(hours=30, minutes=7)),
    (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
)


async def used(store: Store) -> None:
    """Answers of two days, some of several models, to two people in a channel and one in a direct conversation."""
    parts = (
        Charge(ChargeKind.ANSWER, "m", Usage(30, 10, cost_micros=40)),
        Charge(ChargeKind.DESCRIPTION, "v", Usage(3, 1)),
    )
    direct = Place("slack", "T1", "D1", "", direct=True)
    for number, after_s in enumerate(OLD_S):
        await ended(store, ask(f"a{number}", after_s=after_s), charges=parts, first_word_s=0.3)
        await ended(store, ask(f"b{number}", after_s=after_s, by=BEN))
    await ended(store, ask("d", after_s=86_000, place=direct))


async def sums(store: Store) -> list[object]:
    """All sums that people and operators see, in several periods."""
    found: list[object] = []
    for since, until in PERIODS:
        for scope in (None, Place("slack", "T1", ""), CHANNEL):
            report = await store.report_figures([(since, until)], (since - timedelta(days=1), since), scope)
            found += [replace(report, people=(), reasons=(), open=(), threads=()), len(report.threads)]
            found.append(await store.usage_totals(since, until, scope))
            found += [await store.usage_totals(since, until, scope, person.id) for person in (ANN, BEN)]
            found.append(await store.usage_groups(since, until, DAYS, scope))
            found.append(await store.usage_groups(since, until, DAYS, scope, ANN.id))
    return found


class TestSums:
    """Usage is counted as before."""

    @pytest.mark.parametrize("after_s", [50, 100_000, 500_000])
    async def test_every_sum_is_the_same_before_and_after(self, store: Store, after_s: float) -> None:
        await used(store)
        before = await sums(store)
        for channel in await store.channels():
            await expire(store, channel, NOON + timedelta(seconds=after_s))
        assert await sums(store) == before

    async def test_a_report_names_people_who_asked_within_the_time_that_is_kept(self, store: Store) -> None:
        await store.change(Place("slack", "T1", ""), {"report_names": "on"}, ANN, NOON)
        await used(store)
        for after_s, named in ((100, {"Ann": 5, "Ben": 4}), (100_000, {"Ann": 5, "Ben": 4}), (500_000, {})):
            for channel in await store.channels():
                await expire(store, channel, NOON + timedelta(seconds=after_s))
            report = await store.report_figures([PERIODS[0]], PERIODS[1], None)
            assert {one.name: one.questions for one in report.people} == named

    async def test_no_id_of_a_person_is_with_old_usage(self, store: Store) -> None:
        await used(store)
        await expire(store, before=NOON + timedelta(seconds=100))
        groups = await store.usage_groups(*PERIODS[0], [UsageField.DAY, UsageField.PERSON], CHANNEL)

        def people(days: set[str]) -> set[str]:
            return {group.person for group in groups if group.day in days}

        assert not {ANN.id, BEN.id} & people({"2026-03-01"})
        assert people({"2026-03-02", "2026-03-03"}) == {ANN.id, BEN.id}
        former = people({"2026-03-01"})
        assert former, "somebody asked on that day"
        assert all(name.startswith("expired-") for name in former), "nobody had themselves forgotten"

    async def test_forget_reaches_old_usage_too(self, store: Store) -> None:
        await used(store)
        people = (await store.usage_totals(*PERIODS[0])).people
        await expire(store, before=NOON + timedelta(seconds=100_000))
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(days=9))
        assert (await store.usage_totals(*PERIODS[0], person=ANN.id)).questions == 0
        assert (await store.usage_totals(*PERIODS[0])).people == people == 2

    async def test_an_account_that_is_opened_later_counts_what_was_spent(self, store: Store) -> None:
        await ended(store, ask("m1"))
        await ended(store, ask("m2", after_s=LATER_S))
        await expire(store)
        since = NOON - timedelta(hours=12)
        payer = replace(payer_of(PLACE, ANN.id), channel=ANY)
        account = BudgetAccount(payer, LimitPeriod.MONTH, since, since + timedelta(days=31))
        assert await store.balances([account], ANN.id) == [Balance(Spent(80, 80))]

    async def test_the_data_of_a_person_has_the_messages_that_are_left_and_all_usage(
        self, store: Store
    ) -> None:
        await ended(store, ask("m1"))
        await ended(store, ask("m2", after_s=LATER_S))
        await expire(store)
        found = await store.messages_by_person("slack", "T1", ANN.id)
        assert [line.text for _, line in found] == ["why?", "because"]
        assert (await store.usage_totals(*PERIODS[0], person=ANN.id)).questions == 2


ADDRESS = {"platform": "slack", "team": "T1", "channel": "C1"}
LEFT: Mapping[str, set[str]] = {
    # Events without their words; removed after a minute.
    "replica_notices": {"sender", "kind", "content"},
    # The id of a thread is that of its first message.
    "threads": {"thread"},
    # Of a turn the ids of its messages, its kind, its end, and the period or the account that it is about.
    "turns": {"thread", "message", "question", "posted", "task", "arguments", "error", "ref"},
    "usage": {"thread", "model", "state", "error"},
    "charges": {"kind", "model"},
    # Of turns that have not ended.
    "reservations": {"person"},
    # A digest of the person; removed a week after the period.
    "spending": {"person", "period", "lifted"},
    # Counts of events.
    "operation_counts": {"name", "what", "why"},
    # No message: what people set, and who changed it. It stays as long as the settings.
    "settings": {"name", "value"},
    "audit": {"name", "old", "new", "person", "person_name"},
    # The installation of a team, with its encrypted tokens: they go as it ends, the rest with the data of the team.
    # The name of a key of the operator's.
    "secret_keys": {"id"},
    "installations": {
        *("enterprise", "name", "url", "app", "bot_user", "bot", "scopes", "installed_by"),
        *("reason", "token", "refresh_token"),
    },
    # What admins have set, with an encrypted key: it goes with the data of the team.
    "model_accounts": {"base_url", "models", "key", "key_end"},
    # A digest of the person.
    "forgotten": {"person"},
    "notices": {"key"},
    "requests": {"key"},
}
"""The columns that hold the same afterwards. All others of old rows are empty or gone (`storage.retention`)."""


def old_values(table: Table) -> dict[str, Any]:
    """A row of a table from before the limit, with a word of its own in every column that can hold one."""
    values: dict[str, Any] = {}
    for column in table.columns:
        word = f"{RARE}-{table.name}-{column.name}"
        values[column.name] = _value(column, word)
    fixed: dict[str, dict[str, Any]] = {
        "turns": {"state": "done", "again_of": None},
        "usage": {"person": f"{RARE}-person", "at_us": to_us(NOON)},
        "usage_sums": {"kind": "person", "name": f"{RARE}-person", "at_us": to_us(NOON) // DAY_US * DAY_US},
        "uploads": {"message": "another"},
    }
    present = {name: value for name, value in ADDRESS.items() if name in values}
    return values | fixed.get(table.name, {}) | present


def _value(column: Column[Any], word: str) -> Any:
    kind = getattr(column.type, "impl", column.type)
    if column.name.endswith("_us"):
        return to_us(NOON)
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | BigInteger | Float):
        return 1
    if isinstance(kind, JSON) or (
        isinstance(column.type, TypeDecorator) and not isinstance(column.type, Prose)
    ):
        return [word]
    if isinstance(kind, LargeBinary):
        return word.encode()
    assert isinstance(kind, Text), column
    return [word] if isinstance(column.type, Words) else word


async def test_every_column_of_every_table_is_emptied_or_is_named_with_a_reason(
    sql_store: SqlStore, database: Database
) -> None:
    tables = Row.metadata.sorted_tables

    def fill(connection: Connection) -> None:
        for table in tables:
            connection.execute(table.insert().values(old_values(table)))

    def left(connection: Connection) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for table in tables:
            for row in connection.execute(select(table)).mappings():
                words = {name for name, value in row.items() if RARE in str(value)}
                found.setdefault(table.name, set()).update(words)
        return {name: words for name, words in found.items() if words}

    await database.write(fill)
    stored = await database.read(left)
    assert set(stored) == {table.name for table in tables} - {"heard", "partitions"}, "each has a word"
    await expire(sql_store)
    assert await database.read(left) == LEFT


async def test_the_words_leave_the_files_of_the_database(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    url = f"sqlite:///{folder / 'parley.db'}"
    store = await open_store(DatabaseSettings(_env_file=None, database_url=url), SystemClock())
    for number in range(300):
        question = ask(f"m{number}", f"{RARE} {number} " * 20, by=Person(f"{RARE}-id", f"{RARE} Ann"))
        turn = await ended(store, question, f"p{number}", notice=RARE)
        await store.rate(turn.id, Feedback(f"{RARE}-id", -1, RARE, NOON))
    files = list(folder.iterdir())
    assert [file for file in files if RARE.encode() in file.read_bytes()]
    await expire(store)
    await store.purge()
    assert [file.name for file in folder.iterdir() if RARE.encode() in file.read_bytes()] == []
    await store.close()


async def test_a_step_is_bounded_and_the_next_goes_on_where_it_ended(sql_store: SqlStore) -> None:
    for number in range(250):
        await sql_store.note(ask(f"m{number:03}", after_s=-number))
    first = await sql_store.expire_channel(CHANNEL, LIMIT)
    assert 0 < first <= 40
    assert len(await sql_store.lines(PLACE)) == 250 - first
    assert await expire(sql_store) == 250 - first
    assert await sql_store.lines(PLACE) == []


async def test_the_sums_are_those_of_the_rows(sql_store: SqlStore, database: Database) -> None:
    """Each sum of a person is moved with its answers, also where a day is removed in parts."""
    await used(sql_store)
    await expire(sql_store, before=NOON + timedelta(seconds=20))

    def by_person(connection: Connection) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        rows: dict[tuple[str, int], int] = {}
        for row in connection.execute(select(USAGE.c.person, USAGE.c.at_us, USAGE.c.prompt_tokens)):
            key = (row.person, row.at_us // DAY_US * DAY_US)
            rows[key] = rows.get(key, 0) + row.prompt_tokens
        stored: dict[tuple[str, int], int] = {}
        for row in connection.execute(select(USAGE_SUMS).where(USAGE_SUMS.c.kind == "person")):
            key = (row.name, row.at_us)
            stored[key] = stored.get(key, 0) + row.prompt_tokens
        return rows, stored

    rows, stored = await database.read(by_person)
    assert rows == stored
    assert len({name for name, _ in rows}) == 4
