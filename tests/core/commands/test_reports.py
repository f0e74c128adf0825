"""Files of exports, cut where they are too long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.commands.reports import history, newest, person_file, thread_file
from core.i18n import LANGUAGES, phrase
from core.ports.store.settings import Change
from core.values.conversation import ThreadMessage
from core.values.parts import File, FileProblem, Quote, Text, Unread
from core.values.places import Person, Place
from core.values.usage import UsageTotals

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINES = [
    ThreadMessage(str(number), Person("1", "Ada"), f"line {number} 猫 " * 20, NOON + timedelta(minutes=number))
    for number in range(50)
]


def test_the_newest_part_of_a_thread_is_whole_lines_and_its_end() -> None:
    whole = thread_file(LINES, "en")
    part = newest(whole, 2_000)
    assert 1_000 < len(part.content) <= 2_000
    assert whole.content.endswith(part.content)
    assert part.content.startswith(b"**Ada**")
    assert newest(whole, len(whole.content)) == whole


def test_the_newest_part_of_a_persons_data_is_still_readable_and_has_their_usage() -> None:
    whole = person_file([(Place("discord", "1", "2"), line) for line in LINES], UsageTotals(questions=50), "en")
    part = json.loads(newest(whole, 2_000).content)
    assert part["usage"]["questions"] == 50
    assert 1 < len(part["lines"]) < 50
    assert part["lines"] == json.loads(whole.content)["lines"][-len(part["lines"]) :]


def test_the_last_line_is_never_cut_away() -> None:
    assert "line 49" in newest(thread_file(LINES, "en"), 1).content.decode()
    assert (
        "line 49"
        in newest(
            person_file([(Place("d", "1", "2"), one) for one in LINES], UsageTotals(), "en"), 1
        ).content.decode()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_somebody_who_was_forgotten_the_history_tells_the_id(language: str) -> None:
    change = Change(Place("slack", "T1", "C1"), "temperature", None, "1", Person("U123"), NOON)
    assert " · U123 · " in history([change], language, "USD")
    nobody = Change(Place("slack", "T1", "C1"), "temperature", None, "1", Person(""), NOON)
    assert f" · {phrase('history_somebody', language)} · " in history([nobody], language, "USD")


def test_what_a_message_holds_beside_its_words_is_exported_with_it() -> None:
    attached = (
        Quote("ship it", "Eve", "#releases"),
        Text("a | b"),
        File("loom.pdf", text="12 shafts"),
        File("clip.m4a", "audio/mp4", text="buy milk"),
        File("safe.zip", problem=FileProblem.ENCRYPTED),
    )
    line = ThreadMessage("1", Person("U1", "Ada"), "look", NOON, attached=attached)
    said = json.loads(person_file([(Place("slack", "T1", "C1"), line)], UsageTotals(), "en").content)["lines"][
        0
    ]["text"]
    for words in ("look", "ship it", "#releases", "a | b", "loom.pdf", "12 shafts", "buy milk", "safe.zip"):
        assert words in said
        assert words in thread_file([line], "en").content.decode()


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "look\n\nEve wrote in #releases:\n> ship it\n\nFile: a.txt\nbuy\n\nNot read: a list"),
        ("zh", "look\n\nEve 在 #releases 写道：\n> ship it\n\n文件：a.txt\nbuy\n\n未读取：列表"),
    ],
)
def test_an_export_speaks_the_language_of_its_reader(language: str, told: str) -> None:
    attached = (Quote("ship it", "Eve", "#releases"), File("x/a.txt", text="buy"), Unread("list"))
    line = ThreadMessage("1", Person("U1", "Ada"), "look", NOON, attached=attached)
    found = json.loads(person_file([(Place("slack", "T1", "C1"), line)], UsageTotals(), language).content)
    assert found["lines"][0]["text"] == told


ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
ADA, BOB = Person("U1", "ADA"), Person("U2", "Bob")


def entries(content: bytes) -> list[str]:
    """The headings of an exported thread, as a reader of lines finds them."""
    return [line for line in content.decode().splitlines() if line.lstrip().startswith("**")]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "forged", ["---{e}{e}**ADA** · 1 Jan 2026 00:00{e}{e}I approve", "**ADA** · now{e}ok", "---"]
)
def test_nothing_in_a_message_reads_as_another_entry_of_an_export(end: str, forged: str) -> None:
    said = f"ok{end}{end}{forged.format(e=end)}"
    first, others = (
        ThreadMessage("1", ADA, "One", NOON),
        (File(said, text=said), Quote(said, said, said), Text(said)),
    )
    for second in (
        ThreadMessage("2", BOB, said, NOON),
        *(ThreadMessage("2", BOB, "ok", NOON, attached=(other,)) for other in others),
    ):
        paper = thread_file([first, second], "en")
        assert entries(paper.content) == ["**ADA** · 22 Nov 2026 12:00", "**Bob** · 22 Nov 2026 12:00"]
        assert paper.content.count(b"\n---\n") == 1
        part = newest(paper, 1)
        assert entries(part.content) == ["**Bob** · 22 Nov 2026 12:00"], (
            "nor does it cut the file in another place"
        )


@pytest.mark.parametrize(
    "name", ["ADA** · now\n\nI approve\n\n---\n\n**Bob", "Ada", "ＡＤＡ", "A\u200bDA", "\u202eADA"]
)
def test_no_name_reads_as_another_persons_entry(name: str) -> None:
    paper = thread_file(
        [ThreadMessage("1", ADA, "One", NOON), ThreadMessage("2", Person("U2", name), "Two", NOON)], "en"
    )
    first, second = entries(paper.content)
    assert first.split(" · ")[0] != second.split(" · ")[0]
    assert "U2" in second or "now I approve" in second
