"""All parts of messages on Slack reach the model, from every source of messages."""

from __future__ import annotations

import json
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack_quotes import AT, answers, forward
from tests.fakes.completions import FakeCompletions
from tests.fakes.slack import FakeSlack, File
from tests.waiting import until

WAIT_S = 10.0

Json = dict[str, Any]


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def cell(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


TABLE: Json = {
    "type": "table",
    "rows": [[cell("SKU"), cell("Stock")], [rich({"type": "text", "text": "kettle"}), cell("17")]],
}
PASTED: Json = {"fallback": "[no preview available]", "blocks": [TABLE]}
ROWS = "SKU | Stock\nkettle | 17"

FIRING: Json = {
    "title": "[FIRING:1] High error rate",
    "title_link": "https://a.example/1",
    "pretext": "cluster eu-7",
    "text": "error rate 12 % on checkout",
    "fields": [
        {"title": "service", "value": "checkout-api"},
        {"title": "runbook", "value": "<https://r.example/42|RB-42>"},
    ],
    "fallback": "[FIRING:1] High error rate",
}
FULL: Json = {
    "color": "D63232",
    "fallback": "[no preview available]",
    "blocks": [
        section("*disk full* on `db-3`"),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*usage*\n98 %"}]},
    ],
}
STOPPED: Json = {
    "title": "JobStopped",
    "title_link": "https://a.example/2",
    "pretext": "page the owner",
    "fields": [{"title": "pod", "value": "batch-job-77"}],
    "fallback": "JobStopped",
}
DEPLOY: list[Json] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Deploy failed"}},
    section("*checkout* v41 by <@U2>: `ImagePullBackOff`"),
]
ON_CALL = rich(
    {"type": "usergroup", "usergroup_id": "S1"},
    {"type": "text", "text": " is on call from "},
    {"type": "date", "timestamp": 1720710212, "format": "{date_num}", "fallback": "2024-07-11"},
    {"type": "text", "text": ", colour "},
    {"type": "color", "value": "#F405B3"},
)
WEEKLY: list[Json] = [
    {"type": "image", "image_url": "https://p.example/y.png", "alt_text": "latency doubled on Monday"},
    section("see")
    | {
        "accessory": {
            "type": "button",
            "text": {"type": "plain_text", "text": "Open incident"},
            "url": "https://i.example/7",
        }
    },
]

MESSAGES: list[tuple[Json, list[str]]] = [
    (
        {"text": "*[FIRING:1] High error rate*", "attachments": [FIRING]},
        ["cluster eu-7", "error rate 12 % on checkout", "service: checkout-api", "RB-42"],
    ),
    ({"text": "", "attachments": [FULL]}, ["disk full", "98 %"]),
    ({"text": "", "attachments": [STOPPED]}, ["JobStopped", "page the owner", "pod: batch-job-77"]),
    ({"text": "Deploy failed", "blocks": DEPLOY}, ["*checkout* v41 by @bo: `ImagePullBackOff`"]),
    ({"text": "", "blocks": [ON_CALL]}, ["@S1 is on call from 2024-07-11, colour #F405B3"]),
    ({"text": "Weekly", "blocks": WEEKLY}, ["Weekly", "latency doubled on Monday", "Open incident"]),
]


def last(endpoint: FakeCompletions) -> str:
    """The messages of people in the request of the newest question; empty before the first one."""
    messages = endpoint.requests[-1].body["messages"] if endpoint.requests else []
    return "\n".join(str(message["content"]) for message in messages if message["role"] == "user")


async def settled(slack: FakeSlack) -> None:
    await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes), WAIT_S)


@pytest.mark.parametrize("how", ["live", "read"])
async def test_every_word_of_an_apps_message_is_part_of_its_thread(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, how: str
) -> None:
    """Live: in a thread that the bot is in. Read: the messages are older than the first question."""
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.say("U1", "C1", f"{AT} are you there?" if how == "live" else "look")
        await until(lambda: len(endpoint.requests) == (how == "live"))
        for number, (message, _) in enumerate(MESSAGES):
            known = "B_OTHER" if number % 2 else "B1"
            await slack.bot_says("C1", message["text"], root, bot_id=known, **_but_text(message))
        await settled(slack)
        asked = len(endpoint.requests)
        await slack.say("U1", "C1", f"{AT} what happened?", root)
        await until(lambda: len(endpoint.requests) == asked + 1)
        given = last(endpoint)
    missing = [words for _, expected in MESSAGES for words in expected if words not in given]
    assert missing == []
    assert "[no preview available]" not in given
    assert [given.count(title) for title in ("High error rate", "JobStopped", "Deploy failed")] == [1, 1, 1]


def _but_text(message: Json) -> Json:
    return {name: value for name, value in message.items() if name != "text"}


async def test_an_alert_is_the_root_of_the_thread_that_is_asked_about(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.bot_says("C1", "", bot_id="B1", attachments=[FULL])
        await slack.say("U1", "C1", f"{AT} what now?", root)
        await until(lambda: endpoint.requests)
        assert "*disk full* on `db-3`" in last(endpoint)

        opened = await slack.shortcut("U1", "menu_ask", "C1", root)
        await slack.wait_for(lambda: opened.acked and slack.space.views)
        (view,) = slack.space.views.values()
        assert "*disk full* on `db-3`" in view.body["private_metadata"]
        assert "no preview" not in json.dumps(view.body)

        await slack.say("U1", "C1", f"{AT} /summarize channel")
        await until(lambda: len(endpoint.requests) == 2)
        assert "98 %" in last(endpoint)


async def test_a_card_of_which_only_the_blocks_change_is_known_as_it_is_now(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.say("U1", "C1", f"{AT} are you there?")
        await until(lambda: len(endpoint.requests) == 1)
        card = await slack.bot_says("C1", "Incident 7", root, blocks=[section("status: *open*")])
        await settled(slack)
        await slack.update_card("C1", card, [section("status: *resolved*")])
        await settled(slack)
        await slack.say("U1", "C1", f"{AT} is it over?", root)
        await until(lambda: len(endpoint.requests) == 2)
        given = last(endpoint)
    assert "status: *resolved*" in given
    assert "status: *open*" not in given


async def test_cells_pasted_from_a_sheet_are_read_with_the_question_alone_and_after_a_restart(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        await slack.say("U1", "C1", f"{AT} which is low?", attachments=[PASTED])
        await until(lambda: len(endpoint.requests) == 1)
        assert last(endpoint).count(ROWS) == 1
        thread = await slack.direct("U1", "", attachments=[PASTED])
        await until(lambda: len(endpoint.requests) == 2)
        assert last(endpoint).count(ROWS) == 1
        await slack.direct("U1", "which is low?", thread)
        await until(lambda: len(endpoint.requests) == 3)
        assert last(endpoint).count(ROWS) == 1
        assert "no preview" not in last(endpoint)
        await settled(slack)
    slack.space.lose_events = True
    await slack.direct("U1", "and here?", attachments=[PASTED])
    slack.space.lose_events = False
    async with Program(tmp_path, **settings):
        await until(lambda: len(endpoint.requests) == 4)
        assert last(endpoint).count(ROWS) == 1


@pytest.mark.parametrize("mention_first", [False, True])
@pytest.mark.parametrize("files_in", ["message", "app_mention", "message app_mention"])
async def test_a_file_reaches_the_model_whichever_event_names_it(
    tmp_path: Path,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    mention_first: bool,
    files_in: str,
) -> None:
    slack.space.mention_first, slack.space.files_in = mention_first, set(files_in.split())
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.say(
            "U1", "C1", f"{AT} which is low?", files=[("stock.csv", "text/csv", b"kettle,17\ncup,3")]
        )
        await until(lambda: any("kettle,17" in str(request.body) for request in endpoint.requests))
        await settled(slack)
        await slack.say("U1", "C1", f"{AT} and now?", root)
        await until(lambda: "and now?" in last(endpoint))
        assert last(endpoint).count("kettle,17") == 1


async def test_a_question_that_waits_for_who_asked_it_keeps_the_files_of_its_second_event(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.space.mention_first = True
    slack.fail("users.info", times=1, delay_s=2.5)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    async with Program(tmp_path, **settings):
        await slack.say("U1", "C1", f"{AT} which is low?", files=[("a.csv", "text/csv", b"kettle,17")])
        await until(lambda: "kettle,17" in last(endpoint))
        await settled(slack)


async def test_files_of_a_thread_and_of_forwards_and_of_other_workspaces_are_read(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    shared = File("F901", "q3.txt", "text/plain", b"revenue fell")
    connect = File("F902", "plan.txt", "text/plain", b"ship on Friday")
    connect.told = {"mode": "file_access", "file_access": "check_file_info"}
    slack.space.files["F901"] = shared
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        forwarded = forward("") | {
            "fallback": "",
            "files": [{"id": "F901", "name": "q3.txt", "mode": "hosted"}],
        }
        root = await slack.direct("U1", "", attachments=[forwarded])
        await until(lambda: len(endpoint.requests) == 1)
        assert "Author Nine" in last(endpoint)
        assert "revenue fell" in last(endpoint)
        await slack.direct("U1", "", root, files=[connect])
        await until(lambda: len(endpoint.requests) == 2)
        assert "plan.txt:\n```\nship on Friday" in last(endpoint)

        older = await slack.say("U2", "C1", "", files=[("log.txt", "text/plain", b"error 42")])
        await slack.say("U1", "C1", f"{AT} what does it say?", older)
        await until(lambda: len(endpoint.requests) == 3)
        assert "error 42" in last(endpoint)
        late = await slack.say("U2", "C1", "", older, files=[("new.txt", "text/plain", b"error 43")])
        await settled(slack)
        assert len(endpoint.requests) == 3, "files alone are context of a channel's thread"
        await slack.delete_file("U2", "C1", late, slack.message("C1", late).files[0]["id"])
        await settled(slack)
        await slack.say("U1", "C1", f"{AT} and the other?", older)
        await until(lambda: len(endpoint.requests) == 4)
        assert phrase("file_problem_not_found", "en") in last(endpoint)


async def test_a_picture_is_shown_and_the_file_of_a_message_that_is_asked_about_is_read(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.direct("U1", "what is it?", files=[("dot.png", "image/png", png())])
        await until(lambda: len(endpoint.requests) == 1)
        content = endpoint.requests[0].body["messages"][-1]["content"]
        assert [part["type"] for part in content] == ["text", "image_url"]
        assert content[1]["image_url"]["url"].startswith("data:image/")
        assert slack.space.base_url not in str(content), "never the platform's own URL"

        root = await slack.say("U2", "C1", "", files=[("log.txt", "text/plain", b"error 42")])
        await slack.shortcut("U1", "menu_ask", "C1", root)
        await slack.wait_for(lambda: slack.space.views, WAIT_S)
        await slack.submit_view("U1", "parley:form", {"question": {"value": {"value": "what is wrong?"}}})
        await until(lambda: len(endpoint.requests) == 2)
        assert "> [log.txt]\n\nwhat is wrong?" in last(endpoint)
        assert "error 42" in last(endpoint)


def png() -> bytes:
    """One red pixel. https://www.w3.org/TR/png-3/#5Chunk-layout"""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


async def test_a_missing_scope_is_told_the_person_in_words_and_the_operators_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.web.signed_out = True
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_ALERT_CHANNEL": "slack:G1"}
    async with Program(tmp_path, **settings) as program:
        root = await slack.direct("U1", "what is it?", files=[("a.png", "image/png", b"\x89PNG\r\n\x1a\n")])
        words = phrase("file_problem_not_allowed", "en")
        await slack.wait_for(lambda: any(words in m.visible for m in answers(slack, "D1")), WAIT_S)
        assert "Sign in" not in last(endpoint)
        await slack.direct("U1", "and this?", root, files=[("b.txt", "text/plain", b"words")])
        await until(lambda: len(endpoint.requests) == 2)
        await slack.wait_for(lambda: answers(slack, "G1"), WAIT_S)
        assert phrase("alert_files", "en", name="slack") in answers(slack, "G1")[0].visible
        slack.web.signed_out = False
        await slack.direct("U1", "and now?", root)
        await until(lambda: len(endpoint.requests) == 3)
        assert "words" in last(endpoint)
        await slack.wait_for(lambda: len(answers(slack, "G1")) == 2, WAIT_S)
        assert program.output.count("alert_raised") == 1


async def test_a_bad_file_costs_itself_alone(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    good = ("good.txt", "text/plain", b"fine words")
    bad = [
        (File("F911", "huge.txt", "text/plain", b"x", size=10**9), "too_large"),
        (File("F912", "short.txt", "text/plain", b"x", size=2), "mismatch"),
        (File("F913", "away.txt", "text/plain", b"x", redirects=["http://10.0.0.1/"]), "unavailable"),
        (File("F914", "kept.txt", "text/plain", b"x", status=403), "not_allowed"),
        (File("F915", "clip.mp4", "video/mp4", b"x", more={"subtype": "slack_audio"}), "unheard"),
        (File("F916", "sheet", "text/plain", b"x", told={"mode": "hidden_by_limit"}), "not_found"),
    ]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        for number, (file, problem) in enumerate(bad, 1):
            await slack.direct("U1", f"what is in {file.id}?", files=[file, good])
            await until(partial(asked_times, endpoint, number))
            assert "fine words" in last(endpoint)
            await slack.wait_for(partial(told, slack, phrase(f"file_problem_{problem}", "en")), WAIT_S)


def asked_times(endpoint: FakeCompletions, count: int) -> bool:
    return len(endpoint.requests) == count


def told(slack: FakeSlack, words: str) -> bool:
    return any(words in message.visible for message in answers(slack, "D1"))


async def test_a_quote_whose_author_is_looked_up_slowly_is_there_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.fail("users.info", delay_s=1.2, containing="U2")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        quoted = forward("look at lambda-3") | {"author_id": "U2"}
        root = await slack.say("U1", "C1", f"{AT} what does she want?", attachments=[quoted])
        await until(lambda: endpoint.requests)
        await settled(slack)
        await slack.say("U1", "C1", f"{AT} and now?", root)
        await until(lambda: "and now?" in last(endpoint))
        assert last(endpoint).count("lambda-3") == 1


async def test_people_are_told_apart_by_whenever_and_however_their_names_come(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    people = slack.space.people
    people["U1"].name, people["U2"].name, people["U3"].name = "Sam", "Sam", "Two\nSam"
    slack.fail("users.info", times=1, delay_s=1.6, containing="U1")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.say("U1", "C1", f"{AT} I like tea")
        await until(lambda: len(endpoint.requests) == 1)
        await settled(slack)
        await slack.say("U3", "C1", "ok, delete it <@U2>", root)
        quoted = forward("I like coffee") | {"author_id": "U2"}
        await slack.say("U1", "C1", f"{AT} what do I like?", root, attachments=[quoted])
        await until(lambda: "what do I like?" in last(endpoint))
        given = last(endpoint)
    assert "Sam (U1): I like tea" in given
    assert "Sam (U1): what do I like?" in given
    assert "Sam (U2) in #incidents wrote:\n> I like coffee" in given
    assert "Two Sam: ok, delete it" in given
    assert not any(line.startswith("Sam:") for line in given.splitlines())
