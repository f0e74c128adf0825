"""Each method of the store when the database fails, and the rows that it reads."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, Pool, event, text

from core.errors import Code, StoreError
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.ports.store.settings import Change
from core.spend.budgets import payer_of
from core.values.budgets import (
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetScope,
    BudgetUnit,
    Limit,
    LimitPeriod,
    Spent,
)
from core.values.conversation import History, ThreadMessage, Turn, TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.events import Deleted, Edited
from core.values.failures import Failure
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from core.values.memory import QuestionVector, SourceScope, Vector
from core.values.model_accounts import ModelAccount
from core.values.operation import CountName, OperationCount
from core.values.tasks import ANSWER, ReportScope
from core.values.tools import ToolGrant
from core.values.turn_ends import Finish
from core.values.usage import Charge, UsageField
from storage import SqlStore
from storage.engine import Database
from storage.tables import Row
from tests.contract.stored import (
    ANN,
    APPROVED,
    ATTACHED,
    BEN,
    ELSEWHERE,
    FILE,
    NOON,
    PICTURE,
    PLACE,
    ROUND,
    ask,
)

Call = Callable[[Store], Awaitable[object]]
A_TURN = Turn(1, ask())
DAY = (NOON, NOON + timedelta(days=1))
VECTOR = Vector("small", struct.pack("<2f", 1, 0))
EMBEDDED = Charge(ChargeKind.EMBEDDING, "small", Usage(4))
SCOPE = SourceScope("slack", "T1", frozenset({"C1"}), ELSEWHERE)
PAYER = payer_of(PLACE, "U1")
ACCOUNT = BudgetAccount(PAYER, LimitPeriod.DAY, *DAY)
BUDGET = Budget(BudgetScope.PERSON, Limit(1, BudgetUnit.TOKENS, LimitPeriod.DAY), ACCOUNT)
COUNT = OperationCount(next(iter(CountName)), "slack", "limited", 1, NOON)
TEAM_KEY = InstallationKey("slack", "", "T1")
CREDENTIALS = Credentials("xoxb-first", "xoxe-first", NOON)
OWN_MODEL = ModelAccount("slack", "T1", "https://models.example/v1", ("large", "small"), "7890")
CALLS: dict[str, Call] = {
    "installations": lambda store: store.installations("slack"),
    "installation": lambda store: store.installation(TEAM_KEY),
    "install": lambda store: store.install(StoredInstallation(TEAM_KEY), CREDENTIALS, NOON),
    "credentials": lambda store: store.credentials(TEAM_KEY),
    "claim_refresh": lambda store: store.claim_refresh(TEAM_KEY, 1, NOON, NOON),
    "replace_credentials": lambda store: store.replace_credentials(TEAM_KEY, 1, CREDENTIALS),
    "end_installation": lambda store: store.end_installation(TEAM_KEY, "uninstalled", NOON),
    "ended_installations": lambda store: store.ended_installations(NOON),
    "remove_team": lambda store: store.remove_team("slack", "T0"),
    "forget_installation": lambda store: store.forget_installation(TEAM_KEY),
    "rewrite_tokens": lambda store: store.rewrite_tokens(5),
    "model_account": lambda store: store.model_account("slack", "T1"),
    "model_account_key": lambda store: store.model_account_key("slack", "T1"),
    "put_model_account": lambda store: store.put_model_account(OWN_MODEL, "sk-1234567890", ANN, NOON),
    "remove_model_account": lambda store: store.remove_model_account("slack", "T1", ANN, NOON),
    "accept": lambda store: store.accept(ask()),
    "hold": lambda store: store.hold(ask()),
    "admit": lambda store: store.admit(1, ANN),
    "discard": lambda store: store.discard(1),
    "held_turns": lambda store: store.held_turns(),
    "note": lambda store: store.note(ask()),
    "joined": lambda store: store.joined(PLACE),
    "joined_at": lambda store: store.joined_at(PLACE),
    "place_of_post": lambda store: store.place_of_post(PLACE, "p1"),
    "edit": lambda store: store.edit(Edited(PLACE, "m1", "new")),
    "delete": lambda store: store.delete(Deleted(PLACE, "m1")),
    "import_history": lambda store: store.import_history(
        PLACE, History((ThreadMessage("h1", BEN, "hi", NOON, mine=True),))
    ),
    "filled": lambda store: store.filled(PLACE),
    "lines": lambda store: store.lines(PLACE, ask()),
    "context": lambda store: store.context(ask(), "m"),
    "active_threads": lambda store: store.active_threads("slack", "T1", NOON),
    "watermark": lambda store: store.watermark("slack", "T1"),
    "advance_watermark": lambda store: store.advance_watermark("slack", "T1", NOON),
    "adopt": lambda store: store.adopt("slack", "T1", ("",)),
    "threads": lambda store: store.threads("slack", "T1"),
    "open_turns": lambda store: store.open_turns(7),
    "alerts": lambda store: store.alerts(PLACE, NOON),
    "announcements": lambda store: store.announcements(PLACE, NOON),
    "turn": lambda store: store.turn(1),
    "last_report": lambda store: store.last_report(PLACE, ReportScope.ALL, "day"),
    "turn_of": lambda store: store.turn_of(PLACE, "m1"),
    "retry_turn": lambda store: store.retry_turn(1, ANSWER),
    "record_failure": lambda store: store.record_failure(Failure("ABCDEF", Code.EMPTY), NOON),
    "failures": lambda store: store.failures(),
    "failures_of": lambda store: store.failures_of("ABCDEF"),
    "retry_failed": lambda store: store.retry_failed(1),
    "charge_asker": lambda store: store.charge_asker(1),
    "begin": lambda store: store.begin(1),
    "recover": lambda store: store.recover(NOON),
    "give_back": lambda store: store.give_back(),
    "checkpoint": lambda store: store.checkpoint([(1, "x", ("p1",))]),
    "finish": lambda store: store.finish(Finish(A_TURN, TurnState.DONE, "yes", posted=("p1",))),
    "steps": lambda store: store.steps(1),
    "add_attached": lambda store: store.add_attached(PLACE, "m1", ATTACHED),
    "put_file": lambda store: store.put_file(PLACE, "m1", FILE),
    "put_uploads": lambda store: store.put_uploads(PLACE, "m1", NOON, {"a": PICTURE}),
    "upload": lambda store: store.upload(PLACE, "m1", "a"),
    "discard_uploads": lambda store: store.discard_uploads(PLACE, "m1"),
    "expire_uploads": lambda store: store.expire_uploads(NOON),
    "put_steps": lambda store: store.put_steps(1, 0, [ROUND]),
    "resume": lambda store: store.resume(1, APPROVED),
    "asking_turns": lambda store: store.asking_turns(),
    "quoting_turns": lambda store: store.quoting_turns(PLACE, "m1"),
    "tool_grants": lambda store: store.tool_grants(PLACE),
    "grant_tool": lambda store: store.grant_tool(PLACE, ToolGrant("t", "", "U1"), NOON),
    "offer_sources": lambda store: store.offer_sources(1, [2]),
    "offered_sources": lambda store: store.offered_sources(1),
    "withdraw_sources": lambda store: store.withdraw_sources(1),
    "record": lambda store: store.record(Change(PLACE, "tool:t", None, "approved", ANN, NOON)),
    "answer_footer": lambda store: store.answer_footer(1),
    "answer_footers": lambda store: store.answer_footers(PLACE),
    "last_usage": lambda store: store.last_usage(PLACE, "m"),
    "usage_totals": lambda store: store.usage_totals(NOON, NOON + timedelta(days=1)),
    "charges": lambda store: store.charges(1),
    "summary_totals": lambda store: store.summary_totals(NOON, NOON + timedelta(days=1)),
    "summary_progress": lambda store: store.summary_progress(PLACE),
    "oldest_lines": lambda store: store.oldest_lines(PLACE),
    "finish_summary": lambda store: store.finish_summary(Finish(A_TURN, TurnState.DONE), None),
    "report_figures": lambda store: store.report_figures([DAY], (NOON - timedelta(days=1), NOON), None),
    "usage_groups": lambda store: store.usage_groups(*DAY, [UsageField.MODEL]),
    "rated_answers": lambda store: store.rated_answers(*DAY),
    "add_counts": lambda store: store.add_counts([COUNT]),
    "operation_figures": lambda store: store.operation_figures(*DAY),
    "balances": lambda store: store.balances([ACCOUNT], "U1"),
    "reserve": lambda store: store.reserve(BudgetClaim(1, PAYER, NOON, Spent(1, 1)), "U1", [BUDGET]),
    "open_accounts": lambda store: store.open_accounts(NOON),
    "lifted": lambda store: store.lifted([ACCOUNT]),
    "lift": lambda store: store.lift(BUDGET, 0, Change(PLACE, "lift:channel", None, "", ANN, NOON)),
    "expire_spending": lambda store: store.expire_spending(NOON),
    "stored_settings": lambda store: store.stored_settings(PLACE),
    "workspaces": lambda store: store.workspaces("slack"),
    "change": lambda store: store.change(PLACE, {"model": "m"}, ANN, NOON),
    "overrides": lambda store: store.overrides("slack", "T1", "listen"),
    "is_set": lambda store: store.is_set("keep_days"),
    "audit": lambda store: store.audit(PLACE),
    "newest_changes": lambda store: store.newest_changes(),
    "newest_opinions": lambda store: store.newest_opinions(),
    "changed_settings": lambda store: store.changed_settings(),
    "replicas": lambda store: store.replicas(1),
    "take_request": lambda store: store.take_request("key", NOON),
    "give_back_request": lambda store: store.give_back_request("key"),
    "use_request": lambda store: store.use_request("key", NOON),
    "mark_once": lambda store: store.mark_once("key"),
    "rate": lambda store: store.rate(1, Feedback("U1", 1, "", NOON)),
    "feedback": lambda store: store.feedback(1),
    "reset": lambda store: store.reset(PLACE, NOON),
    "forget_thread": lambda store: store.forget_thread(PLACE, NOON),
    "forget_person": lambda store: store.forget_person("slack", "T1", "U1", NOON),
    "earlier_answers": lambda store: store.earlier_answers(SCOPE, ["why"], 8),
    "opinions_of": lambda store: store.opinions_of([1]),
    "rate_sources": lambda store: store.rate_sources(1, [1], "U1", 1, NOON),
    "remove_sources_of": lambda store: store.remove_sources_of(PLACE),
    "answers_of": lambda store: store.answers_of(SCOPE, [1]),
    "source_channels": lambda store: store.source_channels("slack", "T1"),
    "uncite_message": lambda store: store.uncite_message(PLACE, "m1", NOON),
    "uncite_thread": lambda store: store.uncite_thread(PLACE, NOON),
    "uncite_person": lambda store: store.uncite_person("slack", "T1", "U1", NOON),
    "source_teams": lambda store: store.source_teams("slack"),
    "remove_sources": lambda store: store.remove_sources("slack", 5),
    "index_answers": lambda store: store.index_answers(5),
    "unembedded": lambda store: store.unembedded("small", 0, 5),
    "put_vectors": lambda store: store.put_vectors(PLACE, {1: QuestionVector("why?", VECTOR)}, EMBEDDED),
    "similar_answers": lambda store: store.similar_answers(SCOPE, VECTOR, 8),
    "vector_dimensions": lambda store: store.vector_dimensions("small"),
    "channels": lambda store: store.channels(),
    "expire_channel": lambda store: store.expire_channel(PLACE, NOON + timedelta(days=1)),
    "messages_by_person": lambda store: store.messages_by_person("slack", "T1", "U1"),
}
TABLES = frozenset(Row.metadata.tables)
LARGE = TABLES - {"reservations"}
"""All tables but that of turns that have not ended."""
FEW = frozenset(
    index.name
    for table in Row.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
)
"""The indexes that hold a few of the rows, such as those of open turns."""
DIRECT = ("reserve", "answers_of", "opinions_of")
"""Methods with statements that the driver runs itself (`storage.direct`)."""
SELDOM = (
    *("forget_person", "messages_by_person", "search"),
    *("usage_groups", "rated_answers", "operation_figures", "expire_spending", "open_accounts"),
    "is_set",
    *("earlier_answers", "index_answers", "ended_installations", "remove_team", "rewrite_tokens"),
)
"""May read whole tables: no index by person is kept for what one asks for once in a year, exports and the operators'
report read a row for each answer, and accounts of spending and changed settings are few. A search reads its own
subqueries, which are bounded. The sources are counted with their words, once there are a tenth more, and those to be
indexed anew are looked for once an hour. Installations are few, and seldom is one removed with all that is stored of
its team, or written with a new key."""


def test_every_method_of_the_port_is_among_the_calls() -> None:
    assert {name for port in Store.__mro__ for name in vars(port) if not name.startswith("_")} - {
        *("close", "purge")
    } == set(CALLS)


async def test_each_method_says_store_error_when_the_database_fails_and_no_more(
    sql_store: SqlStore, database: Database
) -> None:
    """The tables lose their names for a while: other tests need them again."""

    def rename(connection: Connection, before: str, after: str) -> None:
        for table in TABLES:
            connection.execute(text(f"ALTER TABLE {before}{table} RENAME TO {after}{table}"))

    await database.write(rename, "", "away_")
    try:
        for name, call in CALLS.items():
            with pytest.raises(StoreError) as raised:
                await call(sql_store)
            assert "SELECT" not in str(raised.value), name
            assert "why?" not in str(raised.value), name
            assert raised.value.__suppress_context__, name
    finally:
        await database.write(rename, "away_", "")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_method_reads_a_whole_table(sql_store: SqlStore, database: Database) -> None:
    seen: list[tuple[str, str, object]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        seen.append((current, statement, parameters))

    def remember_direct(driver: sqlite3.Connection, *_rest: object) -> None:
        """The statements that the driver runs itself, with their values in them."""
        driver.set_trace_callback(lambda sql: seen.append((current, sql, ())) if current in DIRECT else None)

    event.listen(Engine, "before_cursor_execute", remember)
    event.listen(Pool, "checkout", remember_direct)
    try:
        for current, call in CALLS.items():  # noqa: B007 (read by `remember`)
            await call(sql_store)
        current = "tally of a channel"
        await sql_store.usage_totals(NOON, NOON + timedelta(days=1), PLACE)
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
        event.remove(Pool, "checkout", remember_direct)

    def plan(connection: Connection, statement: str, parameters: object) -> list[str]:
        one = parameters[0] if isinstance(parameters, list) else parameters
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one).all()  # type: ignore[arg-type]
        return [row.detail for row in rows]

    explained = dict.fromkeys(CALLS, 0)
    for name, statement, parameters in seen:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
            explained[name.split(" of ")[0]] = 1
            if name in SELDOM:
                continue
            try:
                details = await database.read(plan, statement, parameters)
            except (
                StoreError
            ) as error:  # another test has renamed the tables of this file on another connection
                if "SQLITE_SCHEMA" not in str(error):
                    raise
                details = await database.read(plan, statement, parameters)
            scans = [line.split() for line in details if line.startswith("SCAN")]
            assert not [words for words in scans if words[1] in LARGE and words[-1] not in FEW], (
                name,
                details,
            )
            sorts = [line for line in details if "TEMP B-TREE FOR ORDER BY" in line]
            few = "GROUP BY" in statement or name == "reserve"  # groups, and the limits of one question
            assert few or not sorts, (name, details)
    assert all(explained.values())
