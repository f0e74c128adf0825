"""The files of an SQLite database: for their owner alone, and without what was forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.clock import SystemClock
from core.ports.files import FileContent
from core.values.conversation import Ask, TurnState, announcement
from core.values.memory import QuestionVector, Vector
from core.values.parts import File
from core.values.places import Person, Place
from core.values.summaries import BEGINNING, FoldedSummary, StretchSummary, ThreadSummary
from core.values.tasks import SumUpThread
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from storage.lock import RunLock

PLACE = Place("slack", "T1", "C1", "1.1")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RARE = "zyxwordthatnobodysaid"
"""A word that is its own stem, so that the index of words has it too."""


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def settings(file: Path) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=f"sqlite:///{file}")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def asked(store: SqlStore, id: str, text: str) -> None:
    """A question with a picture and two files, one of which was read when it came."""
    attached = (File(text, text=text), File(text, source="F1"))
    ask = Ask(id, PLACE, Person("U1", "Ann"), text, NOON, addressed=True, attached=attached)
    await store.put_uploads(PLACE, id, NOON, {"1": FileContent(text, "image/png", text.encode())})
    turn = await store.accept(ask)
    assert turn is not None
    await store.put_file(PLACE, id, File(text, text=text, source="F1"))
    turn = await store.begin(turn.id)
    await store.checkpoint([(turn.id, f"half of {text}", ("p1",))])
    meaning = QuestionVector(text, Vector("m", RARE.encode().ljust(64)))  # the bytes of a vector say as much
    await store.finish(Finish(turn, TurnState.DONE, f"answer to {text} " * 50, posted=("p1",), meaning=meaning))


async def summed_up(store: SqlStore) -> None:
    """Have lines summed up in two stretches, and these folded into one summary."""
    after, parts = BEGINNING, list[ThreadSummary]()
    for number in range(3):
        if number < 2:
            stretch = tuple(await store.oldest_lines(PLACE, after, 10))
            words = " ".join(line.text for line in stretch)
            parts.append(ThreadSummary(stretch[-1].position, 10, words, "m", NOON, after))
            after = parts[-1].until
            new: StretchSummary | FoldedSummary = StretchSummary(parts[-1], stretch)
        else:
            new = FoldedSummary(replace(parts[-1], after=BEGINNING, level=1), tuple(parts))
        turn = await store.accept(announcement(f"sum-up:{number}", PLACE, SumUpThread(), NOON))
        assert turn is not None
        assert await store.finish_summary(Finish(turn, TurnState.DONE), new)


@pytest.mark.usefixtures("usual_umask")
async def test_a_first_start_makes_the_folder_and_every_file_private(tmp_path: Path) -> None:
    file = tmp_path / "data" / "parley.db"
    async with RunLock(settings(file)) as lock:
        assert await lock.acquire()
        store = await open_store(settings(file), SystemClock())
        await asked(store, "m1", "why?")
        assert mode(file.parent) == 0o700
        found = {path.name: oct(mode(path)) for path in file.parent.iterdir()}
        assert found == dict.fromkeys(found, oct(0o600))
        assert {"parley.db", "parley.db-wal", "parley.db.lock"} <= set(found)
        await store.close()


@pytest.mark.usefixtures("usual_umask")
async def test_every_folder_that_is_made_is_private(tmp_path: Path) -> None:
    file = tmp_path / "var" / "lib" / "parley.db"
    await (await open_store(settings(file), SystemClock())).close()
    assert [mode(folder) for folder in (file.parent, file.parent.parent)] == [0o700, 0o700]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A database file that others may read, in a folder that was there."""
    tmp_path.chmod(0o755)
    file = tmp_path / "parley.db"
    file.touch(0o644)
    return file


@pytest.mark.usefixtures("usual_umask")
async def test_a_folder_that_was_there_stays_as_it_is_and_an_open_file_is_made_private(
    tmp_path: Path, earlier: Path
) -> None:
    file = earlier
    await (await open_store(settings(file), SystemClock())).close()
    assert mode(tmp_path) == 0o755
    assert mode(file) == 0o600


@pytest.mark.parametrize("what", ["person", "thread"])
async def test_a_forgotten_word_is_in_no_file_of_the_database(tmp_path: Path, what: str) -> None:
    file = tmp_path / "data" / "parley.db"
    store = await open_store(settings(file), SystemClock())
    for number in range(30):
        await asked(store, f"m{number}", f"{RARE} {number}")
    await summed_up(store)
    assert words_in(file.parent)
    assert set(await store.vector_dimensions("m")) == {16}
    if what == "person":
        await store.forget_person("slack", "T1", "U1", NOON)
    else:
        await store.forget_thread(PLACE, NOON)
    for _ in range(100):
        if not words_in(file.parent):
            break
        await asyncio.sleep(0.1)
    assert words_in(file.parent) == []
    await store.close()


async def test_a_forgotten_word_is_gone_from_an_index_of_many_words(tmp_path: Path) -> None:
    """It was merged with others, and is read back from the pages of the index alone."""
    file = tmp_path / "data" / "parley.db"
    store = await open_store(settings(file), SystemClock())
    rare = [f"{RARE}{number}" for number in range(3)]
    for number in range(150):
        by = Person("U2", "Ben") if number % 10 else Person("U1", "Ann")
        place = Place("slack", "T1", "C1", f"{number}.1")
        words = " ".join(f"common{number * 7 + one}" for one in range(60))
        text = words if number % 10 else f"{rare[number % 3]} {words}"
        turn = await store.accept(Ask(f"m{number}", place, by, text, NOON, addressed=True))
        assert turn is not None
        await store.finish(Finish(turn, TurnState.DONE, "so", posted=(f"p{number}",)))
    assert [_indexed(file, word) for word in rare] == [5, 5, 5]
    await store.forget_person("slack", "T1", "U1", NOON)
    await store.close()
    assert words_in(file.parent) == []
    assert [_indexed(file, word) for word in (*rare, "common8")] == [0, 0, 0, 1]


def _indexed(file: Path, word: str) -> int:
    """The number of entries that the index has for a word, with its mark."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO source_words(source_words) VALUES ('integrity-check')")
        query = "SELECT count(*) FROM source_words WHERE source_words MATCH ?"
        return int(connection.execute(query, (f'"?{word}"',)).fetchone()[0])


async def test_what_is_forgotten_just_before_the_end_is_gone_too(tmp_path: Path) -> None:
    file = tmp_path / "data" / "parley.db"
    store = await open_store(settings(file), SystemClock())
    await asked(store, "m1", RARE)
    await store.forget_person("slack", "T1", "U1", NOON)
    await store.close()
    assert words_in(file.parent) == []


def words_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if RARE.encode() in path.read_bytes()]


def test_of_an_address_only_its_passwords_are_secret() -> None:
    """An ordinary text about databases shares many of a URL's other parts, such as the name of the host."""

    def secrets(url: str) -> list[str]:
        return DatabaseSettings(_env_file=None, database_url=url).secrets

    assert secrets("sqlite:///data/parley.db") == []
    assert secrets("postgresql://localhost/parley") == []
    assert secrets("postgresql://me:first-secret@host/db?password=other-secret&sslmode=require") == [
        "first-secret",
        "other-secret",
    ]


async def test_a_password_that_sqlite_does_not_know_is_no_warning(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/parley.db?password=never-said"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = await open_store(DatabaseSettings(_env_file=None, database_url=SecretStr(url)), SystemClock())
        await store.close()
