"""Long threads in the real program: their beginning is summed up in the background, once, and stays true."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.conversation.thread_summary import LONG_LINES, RETRY_LINES, STRETCH_LINES, SYSTEM, WHOLE_LINES
from core.i18n import phrase, variant
from core.llm.prompt_fitting import LEFT_OUT
from core.values.conversation import Ask
from core.values.places import Person, Place
from storage import DatabaseSettings, open_store
from tests.e2e.conftest import model_settings, slack_settings, talk_on
from tests.e2e.program import Program
from tests.e2e.sides import Discord, Side, Slack, Talk
from tests.e2e.test_budgets import FINE
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions, Reply, Status, Words, echo
from tests.fakes.discord import BOT
from tests.fakes.slack import BOT_USER, FakeSlack, Message
from tests.waiting import HANG_S

DECIDED = "It had been decided that Zanzibar was to be the code name, for 4,711 EUR."
SEEDED = LONG_LINES + 10
Body = dict[str, Any]


def sums_up(body: Body) -> bool:
    return str(body["messages"][0]["content"]).startswith(SYSTEM[:40])


def summing(summary: Words) -> Callable[[Body], Words]:
    """Answers questions with their echo, and requests for a summary with `summary`."""
    return lambda body: summary if sums_up(body) else echo(body)


def summaries(endpoint: FakeCompletions) -> list[str]:
    """The requests for a summary."""
    return [str(one.body["messages"][-1]["content"]) for one in endpoint.requests if sums_up(one.body)]


def prompt(endpoint: FakeCompletions) -> list[str]:
    """The messages of the last question."""
    asked = [one.body for one in endpoint.requests if not sums_up(one.body)]
    return [str(message["content"]) for message in asked[-1]["messages"]]


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
        return database.execute(query).fetchall()


async def until_rows(folder: Path, query: str, wanted: list[tuple[Any, ...]]) -> None:
    async with asyncio.timeout(HANG_S):
        while rows(folder, query) != wanted:  # noqa: ASYNC110 (another process's file)
            await asyncio.sleep(0.02)


OVERFLOW = Status(
    400,
    {
        "error": {
            "message": "This model's maximum context length is 4096 tokens, your messages resulted in 6144 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
)
SUMMED = "SELECT count(*) FROM thread_summaries WHERE state = 'done'"
VOID = "SELECT count(*) FROM thread_summaries WHERE state = 'void'"
FAILED = "SELECT error FROM thread_summaries WHERE state = 'failed'"
OPEN = "SELECT count(*) FROM turns WHERE state IN ('waiting', 'running')"


async def seeded(folder: Path, count: int = SEEDED) -> None:
    """Have the only thread continue with so many messages of others, of which the second has a secret."""
    url = f"sqlite:///{folder / 'data' / 'parley.db'}"
    store = await open_store(DatabaseSettings(_env_file=None, database_url=url), SystemClock())
    try:
        query = "SELECT platform, team, channel, thread, direct FROM threads WHERE joined"
        ((platform, team, channel, thread, direct),) = rows(folder, query)
        place = Place(platform, team, channel, thread, bool(direct))
        (last,) = await store.lines(place, limit=1)
        for number in range(count):
            at = last.at + timedelta(microseconds=number + 1)
            words = f"message {number} of {count}" + (", the key is Xylophone" if number == 1 else "")
            by = Person(f"U{70 + number % 3}", f"Person {number % 3}")
            assert await store.note(Ask(f"seed-{count}-{number}", place, by, words, at))
    finally:
        await store.close()


async def grown(talk: Talk, folder: Path) -> None:
    """A first question, and many messages behind it."""
    await talk.ask("what is the plan?")
    await talk.answered("what is the plan?")
    await until_rows(folder, OPEN, [(0,)])
    await seeded(folder)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("platform", ["slack", "discord", "web"])
async def test_the_beginning_is_summed_up_once_and_said_once(
    tmp_path: Path, endpoint: FakeCompletions, platform: str, language: str
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    told = phrase("summed_up", variant(language, platform))
    async with talk_on(platform, language) as talk:
        prices = {"PARLEY_PRICE_INPUT": "2", "PARLEY_PRICE_OUTPUT": "8"}
        settings = talk.settings | model_settings(endpoint) | prices
        async with Program(tmp_path, **settings):
            await grown(talk, tmp_path)
            await talk.ask("second?")
            await talk.answered("second?", 2)
            assert len(prompt(endpoint)) > SEEDED
            await until_rows(tmp_path, SUMMED, [(1,)])
            await talk.ask("third?")
            assert "third?" in (await talk.answered(told, 3)).text
            await talk.ask("fourth?")
            await talk.answered("fourth?", 4)
            await until_rows(tmp_path, OPEN, [(0,)])
            assert [told in answer.text for answer in talk.answers()] == [False, False, True, False]
    (request,) = summaries(endpoint)
    assert "what is the plan?" in request
    assert "Xylophone" in request
    system, note, *said = prompt(endpoint)
    assert "Zanzibar" not in system
    assert note.endswith(f"> {DECIDED}")
    assert "material" in note
    assert not any("Xylophone" in message for message in said)
    assert len(said) < WHOLE_LINES + 10
    ((kind, cost),) = rows(tmp_path, "SELECT kind, cost_micros FROM charges")
    assert kind == "summary"
    assert cost > 0
    assert rows(tmp_path, "SELECT person FROM usage WHERE state = 'summed'") == [("",)]


async def test_on_slack_usage_names_what_summaries_cost(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    talk = Slack(slack, slack_settings(slack))

    def told() -> list[Message]:
        return [message for message in slack.messages("C1") if message.ephemeral_to == "U1"]

    async with Program(tmp_path, **talk.settings, **model_settings(endpoint), PARLEY_PRICE_INPUT="2"):
        await grown(talk, tmp_path)
        await talk.ask("second?")
        await talk.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(1,)])
        shown = []
        for number, what in enumerate(("channel", "me")):
            await slack.slash("U1", "C1", "/parley", f"usage {what}")
            shown.append((await slack.wait_for(lambda: told()[number:]))[-1].visible)  # noqa: B023
    assert ["1 summary of a long thread is part of it" in one for one in shown] == [True, False]
    assert all("2 questions" in one for one in shown)


async def test_a_failed_summary_drops_nothing_and_is_not_paid_for_again(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words("It had been", finish="length")))
    settings = side.settings | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        await grown(side, tmp_path)
        await side.ask("second?")
        await side.answered("second?", 2)
        await until_rows(tmp_path, FAILED, [("empty",)])
    async with Program(tmp_path, **settings):  # a restart knows it too
        for number, question in enumerate(("third?", "fourth?"), 3):
            await side.ask(question)
            await side.answered(question, number)
            await until_rows(tmp_path, OPEN, [(0,)])
            assert len(prompt(endpoint)) > SEEDED
        assert len(summaries(endpoint)) == 1
        endpoint.reply_by(summing(Words(DECIDED)))
        await seeded(tmp_path, RETRY_LINES)
        await side.ask("fifth?")
        await side.answered("fifth?", 5)
        await until_rows(tmp_path, SUMMED, [(1,)])
    assert len(summaries(endpoint)) == 2
    assert rows(tmp_path, FAILED) == []


def an_hour_passes(folder: Path) -> None:
    """Have the summaries of the thread be an hour older."""
    with closing(sqlite3.connect(folder / "data" / "parley.db", timeout=HANG_S)) as database, database:
        database.execute("UPDATE thread_summaries SET at_us = at_us - 3600000000")


async def test_an_edit_of_an_early_line_has_only_its_own_stretch_summed_up_again(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    talk = Slack(slack, slack_settings(slack))
    async with Program(tmp_path, **talk.settings, **model_settings(endpoint)):
        await talk.ask("what is the plan?")
        await talk.answered("what is the plan?")
        await until_rows(tmp_path, OPEN, [(0,)])
        await seeded(tmp_path, 3 * STRETCH_LINES)
        await talk.ask("second?")
        await talk.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(3,)])
        await until_rows(tmp_path, OPEN, [(0,)])
        an_hour_passes(tmp_path)
        for number in range(3):
            await edit_first(talk, talk.thread, f"what is the better plan {number}?")
            await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
            await until_rows(tmp_path, VOID, [(1,)])
            await talk.ask(f"so {number}?")
            await talk.answered(f"so {number}?", 3 + number)
            assert f"better plan {number}" in "".join(prompt(endpoint)), "it is read as it is"
            assert prompt(endpoint)[1].count(DECIDED) == 2
            await until_rows(tmp_path, SUMMED, [(2 if number else 3,)])
    assert len(summaries(endpoint)) == 4, "once an hour"
    assert "better plan 0" in summaries(endpoint)[3]
    assert "Xylophone" in summaries(endpoint)[3]
    assert len(summaries(endpoint)[3].splitlines()) <= STRETCH_LINES + 10


async def edit_first(side: Side, first: str | int, text: str) -> None:
    if isinstance(side, Slack):
        await side.slack.edit(side.user, "C1", str(first), f"<@{BOT_USER}> {text}")
    elif isinstance(side, Discord):
        await side.discord.edit(int(first), f"<@{BOT}> {text}")


async def test_an_edit_of_what_is_summed_up_has_it_summed_up_anew(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await grown(side, tmp_path)
        await side.ask("second?")
        await side.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(1,)])
        assert isinstance(side, Slack | Discord)
        await edit_first(side, side.thread, "what is the better plan?")
        await until_rows(tmp_path, SUMMED, [(0,)])
        await side.ask("third?")
        await side.answered("third?", 3)
        assert len(prompt(endpoint)) > SEEDED
        assert DECIDED not in "".join(prompt(endpoint))
        await until_rows(tmp_path, OPEN, [(0,)])
        assert len(summaries(endpoint)) == 1, "it is paid for again after an hour at the earliest"
        an_hour_passes(tmp_path)
        await side.ask("fourth?")
        await side.answered("fourth?", 4)
        await until_rows(tmp_path, SUMMED, [(1,)])
        await side.ask("fifth?")
        await side.answered("fifth?", 5)
    assert "better plan" in summaries(endpoint)[1]
    assert DECIDED in "".join(prompt(endpoint))


async def test_nothing_of_a_forgotten_thread_is_left_in_a_summary(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    talk = Slack(slack, slack_settings(slack))
    slack.space.channels["C1"].creator = "U1"
    async with Program(tmp_path, **talk.settings, **model_settings(endpoint)):
        await grown(talk, tmp_path)
        await talk.ask("second?")
        await talk.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(1,)])
        await slack.say("U1", "C1", f"{AT} /forget thread", thread_ts=talk.thread)
        await until_rows(tmp_path, SUMMED, [(0,)])
    files = list((tmp_path / "data").iterdir())
    assert [file.name for file in files if b"Zanzibar" in file.read_bytes()] == []


async def test_a_forgotten_person_is_in_no_summary(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    talk = Slack(slack, slack_settings(slack))
    async with Program(tmp_path, **talk.settings, **model_settings(endpoint)):
        await grown(talk, tmp_path)
        await talk.ask("second?")
        await talk.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(1,)])
        await slack.slash("U1", "C1", "/parley", "forget me confirm")
        await until_rows(tmp_path, SUMMED, [(0,)])
    files = list((tmp_path / "data").iterdir())
    assert [file.name for file in files if b"Zanzibar" in file.read_bytes()] == []


async def test_killed_in_the_middle_of_a_summary_the_next_process_makes_it_once(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED * 20, per_s=1)))
    settings = side.settings | model_settings(endpoint) | {"PARLEY_BUDGET": "10m tokens a month"}
    program = Program(tmp_path, **settings)
    await program.start()
    await program.ready()
    await grown(side, tmp_path)
    await side.ask("second?")
    await side.answered("second?", 2)
    async with asyncio.timeout(HANG_S):
        while not summaries(endpoint):  # noqa: ASYNC110 (requests of another process)
            await asyncio.sleep(0.02)
    await program.kill()
    assert rows(tmp_path, OPEN) == [(1,)]
    endpoint.reply_by(summing(Words(DECIDED)))
    async with Program(tmp_path, **settings):
        await until_rows(tmp_path, SUMMED, [(1,)])
        await side.ask("third?")
        await side.answered("third?", 3)
        await until_rows(tmp_path, OPEN, [(0,)])
    assert len(summaries(endpoint)) == 2
    assert DECIDED in "".join(prompt(endpoint))
    assert rows(tmp_path, "SELECT count(*) FROM usage WHERE state = 'summed'") == [(1,)]
    assert rows(tmp_path, "SELECT sum(tokens) FROM reservations") == [(None,)]


async def test_a_question_in_the_middle_of_a_summary_does_not_wait_for_it(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED * 50, per_s=1)))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await grown(side, tmp_path)
        await side.ask("second?")
        await side.answered("second?", 2)
        async with asyncio.timeout(HANG_S):
            while not summaries(endpoint):  # noqa: ASYNC110 (requests of another process)
                await asyncio.sleep(0.02)
        await side.ask("third?")
        await side.answered("third?", 3)
        (request,) = [one for one in endpoint.requests if sums_up(one.body)]
        await asyncio.wait_for(request.over.wait(), HANG_S)
        assert request.closed_by_client_at is not None
        await until_rows(tmp_path, FAILED, [("",)])
        assert len(prompt(endpoint)) > SEEDED


async def test_a_budget_that_is_used_up_makes_no_summary(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.default = FINE
    settings = side.settings | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_BUDGET="150 tokens a month"):
        await side.ask("what is the plan?")
        await side.answered("Here I am.")
        await until_rows(tmp_path, OPEN, [(0,)])
        await seeded(tmp_path)
        await side.ask("second?")
        await side.answered("Here I am.", 2)
        await until_rows(tmp_path, OPEN, [(0,)])
    assert summaries(endpoint) == []
    assert rows(tmp_path, FAILED) == []
    assert rows(tmp_path, "SELECT count(*) FROM messages") == [(SEEDED + 4,)]


async def test_a_thread_that_was_long_before_parley_came_is_summed_up_too(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    root = await slack.say("U2", "C1", "Zanzibar is the name, I say")
    for number in range(SEEDED):
        await slack.say("U2", "C1", f"reply {number}", thread_ts=root)
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.say("U1", "C1", f"{AT} what name?", thread_ts=root)
        await answered(slack, "C1", root, "what name?")
        await until_rows(tmp_path, SUMMED, [(1,)])
        await slack.say("U1", "C1", "sure?", thread_ts=root)
        await answered(slack, "C1", root, "sure?", count=2)
    (request,) = summaries(endpoint)
    assert "Zanzibar is the name, I say" in request
    assert DECIDED in prompt(endpoint)[1]


async def test_a_prompt_with_a_summary_that_is_too_long_is_cut_once_behind_the_summary(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(summing(Words(DECIDED)))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await grown(side, tmp_path)
        await side.ask("second?")
        await side.answered("second?", 2)
        await until_rows(tmp_path, SUMMED, [(1,)])
        before = len(endpoint.requests)

        def short_window(body: Body) -> Reply:
            return OVERFLOW if len(body["messages"]) > 80 else echo(body)

        endpoint.reply_by(short_window)
        await side.ask("third?")
        await side.answered("third?", 3)
        refused, taken = (one.body["messages"] for one in endpoint.requests[before:])
    assert len(refused) > WHOLE_LINES
    assert LEFT_OUT in taken[0]["content"]
    assert taken[1] == refused[1], "the summary stays"
    assert DECIDED in taken[1]["content"]
    assert taken[2:] == refused[2:][-len(taken[2:]) :]
