"""The records of `parley export`, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bots.company_export import lines
from core.clock import SystemClock
from core.errors import Code
from core.ports.store.privacy import Feedback
from core.settings.environment import CoreSettings
from core.values.conversation import TurnState
from core.values.deltas import EndReason, Usage
from core.values.failures import Failure
from core.values.parts import Image, Opaque, Text, ToolResult
from core.values.places import Place
from core.values.steps import ModelRound, ToolResults
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore
from storage.records import NOT_EXPORTED, PAGE, RECORDS
from storage.tables import Row
from tests.contract.stored import ANN, BEN, CALL, FILE, NOON, PICTURE, PLACE, QUOTE, accepted, answered, ask

README = Path(__file__).parents[2] / "deploy" / "README.md"


async def exported(database_url: str) -> list[dict[str, Any]]:
    database = DatabaseSettings(_env_file=None, database_url=database_url)
    core = CoreSettings(_env_file=None)
    return [json.loads(line) async for line in lines(database, core, SystemClock())]


async def fill(store: SqlStore) -> int:
    """A question with files, a tool, a picture, opinions and settings; one that failed. Returns the turn."""
    turn = await store.begin((await accepted(store, replace(ask(), attached=(QUOTE, FILE)))).id)
    shown = ToolResult("call_1", "a chart", Image(f"data:image/png;base64,{'A' * 999}", "chart"))
    opaque = Opaque('{"signature": "SIGNED"}', "m@host")
    first = ModelRound((Text("Let me look."), CALL, opaque), EndReason.TOOLS, Usage(10, 5), "m")
    await store.put_steps(turn.id, 0, [first, ToolResults((shown,))])
    await store.put_uploads(PLACE, "m1", NOON, {"a": PICTURE})
    usage = Usage(30, 10, cost_micros=1_500_000)
    await store.finish(Finish(turn, TurnState.DONE, "because", posted=("p1", "p2"), model="m", usage=usage))
    await store.rate(turn.id, Feedback(BEN.id, -1, "it is wrong", NOON))
    await store.change(Place("slack", "T1", "C1"), {"model": "m"}, ANN, NOON)
    failed = await store.begin((await accepted(store, ask("m2", after_s=5))).id)
    failure = Failure("ABC234", Code.NO_MONEY, "no balance", account="main", model="m", status=402)
    await store.finish(Finish(failed, TurnState.FAILED, error="no_money", ref="ABC234", failure=failure))
    return turn.id


async def test_a_company_finds_all_that_was_said_done_and_paid(sql_store: SqlStore, database_url: str) -> None:
    turn = await fill(sql_store)
    head, *found, end = await exported(database_url)
    assert (head["type"], head["format"], head["currency"]) == ("export", 1, "USD")
    by_type: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        by_type.setdefault(record["type"], []).append(record)
    assert end == {
        "type": "end",
        "at": end["at"],
        "records": {name: len(some) for name, some in by_type.items()},
    }
    assert set(by_type) == {
        *("thread", "message", "turn", "step", "usage", "feedback", "file", "setting", "change", "failure"),
    }
    question, second, answer = by_type["message"]
    where = {"platform": "slack", "team": "T1", "channel": "C1", "thread": "100.1"}
    assert where.items() <= question.items()
    assert (question["id"], question["text"], question["by_parley"]) == ("m1", "why?", False)
    assert (question["author"], question["author_name"]) == ("U1", "Ann")
    assert question["at"] == NOON.isoformat()
    assert [part["kind"] for part in question["attached"]] == ["quote", "file"]
    assert question["attached"][1]["name"] == "loom.pdf"
    assert (answer["text"], answer["by_parley"], answer["answers"]) == ("because", True, "m1")
    assert second["id"] == "m2"
    done, failed = by_type["turn"]
    assert (done["id"], done["state"], done["answer"], done["posts"]) == (turn, "done", "because", ["p1", "p2"])
    assert (failed["state"], failed["ref"]) == ("failed", "ABC234")
    [usage, *_] = by_type["usage"]
    assert (usage["turn"], usage["person"], usage["cost_micros"]) == (turn, "U1", 1_500_000)
    [opinion] = by_type["feedback"]
    assert (opinion["turn"], opinion["value"], opinion["reason"]) == (turn, -1, "it is wrong")
    [file] = by_type["file"]
    assert (file["name"], file["size"]) == (PICTURE.name, len(PICTURE.data))
    assert by_type["setting"][0]["value"] == "m"
    assert by_type["change"][0]["new"] == "m"
    assert by_type["failure"][0]["detail"] == "no balance"
    calls, results = by_type["step"]
    assert "search" in json.dumps(calls)
    assert "a chart" in json.dumps(results)


async def test_no_bytes_of_files_no_tokens_and_no_signatures_are_in_it(
    sql_store: SqlStore, database_url: str
) -> None:
    await accepted(sql_store, replace(ask("m0"), interaction_token="SECRET-TOKEN"))
    await fill(sql_store)
    text = json.dumps(await exported(database_url))
    assert "SECRET-TOKEN" not in text
    assert "SIGNED" not in text
    assert "base64" not in text


async def test_many_pages_have_each_record_once_and_in_order(sql_store: SqlStore, database_url: str) -> None:
    number = 2 * PAGE + 1
    for one in range(number):
        await sql_store.note(ask(f"m{one:04}", after_s=one, place=replace(PLACE, thread=f"{one % 7}")))
    for one in range(20):
        turn = await answered(sql_store, ask(f"t{one}", after_s=one, place=Place("web", "w", "c", "1")))
        assert turn.id == one + 1
    found = await exported(database_url)
    messages = [
        record["id"] for record in found if record["type"] == "message" and record["platform"] == "slack"
    ]
    assert messages == [f"m{one:04}" for one in range(number)]
    assert [record["id"] for record in found if record["type"] == "turn"] == list(range(1, 21))
    assert found[-1]["records"]["message"] == number + 40


async def test_what_is_stored_meanwhile_disturbs_no_page(sql_store: SqlStore, database_url: str) -> None:
    for one in range(PAGE + 5):
        await sql_store.note(ask(f"m{one:04}", after_s=one))
    seen = []
    async for line in lines(
        DatabaseSettings(_env_file=None, database_url=database_url), CoreSettings(), SystemClock()
    ):
        record = json.loads(line)
        if record["type"] == "message":
            seen.append(record["id"])
            if len(seen) == 1:
                await sql_store.note(ask("a-new-one"))
                await sql_store.forget_thread(replace(PLACE, thread="9"), NOON + timedelta(days=1))
    assert seen == [f"m{one:04}" for one in range(PAGE + 5)]


def test_every_table_and_column_is_exported_or_left_out_for_a_reason() -> None:
    tables = {record.table.name for record in RECORDS}
    assert tables | set(NOT_EXPORTED) == set(Row.metadata.tables)
    assert tables.isdisjoint(NOT_EXPORTED)
    for record in RECORDS:
        columns = {column.name for column in record.table.columns}
        assert set(record.without) | set(record.renamed) <= columns, record.name


def test_the_documentation_names_every_field() -> None:
    section = README.read_text().partition("## Exporting everything")[2].partition("\n## ")[0]
    rows = dict(line.strip("|").split("|", 2)[:2] for line in section.splitlines() if line.startswith("| `"))
    documented = {name.strip(" `"): fields.strip() for name, fields in rows.items()}
    assert documented == {record.name: ", ".join(f"`{one}`" for one in record.fields) for record in RECORDS}
