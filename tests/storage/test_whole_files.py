"""Files that are written in the place of what is there: links, what is no file, and what killed processes leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import SettingsError
from storage.whole_files import check_new, part_beside, parts_left, real_file, save, size_left

WRITES = """
import sys
from pathlib import Path
from storage.whole_files import part_beside
with part_beside(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    part.with_name(part.name + "-journal").write_bytes(b"pages")
    print(part, flush=True)
    sys.stdin.read()
"""


def writer(file: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that has a part of `file` open, and that part."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_the_same_file(tmp_path: Path) -> None:
    killed, part = writer(tmp_path / "b.db")
    kill(killed)
    assert parts_left(tmp_path) == [part]
    assert size_left(part) == len("half" + "pages")
    with part_beside(tmp_path / "other.db"):
        assert parts_left(tmp_path, "b.db") == [part]
    with part_beside(tmp_path / "b.db") as mine:
        assert names(tmp_path) == [mine.name, f"{mine.name}.lock"]
    assert names(tmp_path) == []


def test_a_part_of_a_process_that_still_writes_is_left_alone(tmp_path: Path) -> None:
    running, part = writer(tmp_path / "b.db")
    try:
        assert parts_left(tmp_path) == []
        with part_beside(tmp_path / "b.db") as mine:
            assert mine != part
        assert part.read_bytes() == b"half"
    finally:
        kill(running)


def test_a_part_of_an_older_version_has_no_lock_file_and_is_removed_too(tmp_path: Path) -> None:
    for name in ("b.db.part-0a5a8544", "b.db.part-0a5a8544-journal", "b.db.part-mine", "b.db.party"):
        (tmp_path / name).touch()
    with part_beside(tmp_path / "b.db"):
        pass
    assert names(tmp_path) == ["b.db.part-mine", "b.db.party"]


def test_a_link_is_written_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    real = tmp_path / "big" / "real.db"
    (tmp_path / "second").symlink_to(real)
    link = tmp_path / "link.db"
    link.symlink_to("second")
    with pytest.raises(SettingsError, match=f"link.db exists as a link to {real}: name another file"):
        check_new(link, force=False)
    assert check_new(link, force=True) == real
    real.write_text("there")
    assert real_file(link) == real
    assert real_file(real) == real


def test_a_link_into_a_folder_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "unmounted" / "real.db")
    with pytest.raises(SettingsError, match=r"a link to .*: the folder .*unmounted does not exist"):
        real_file(link)
    assert names(tmp_path) == ["link.db"]


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "link to itself"])
def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "b.db"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/null" if "device" in kind else file)
    with pytest.raises(SettingsError, match="is no regular file: name another one"):
        check_new(file, force=True)


def test_a_file_is_saved_whole_and_replaces_another_only_where_that_is_said(tmp_path: Path) -> None:
    file, database = tmp_path / "chart.png", tmp_path / "parley.db"
    database.write_bytes(b"rows")
    save(file, b"one", database, force=False)
    with pytest.raises(SettingsError, match="exists: name another file, or say --force to replace it"):
        save(file, b"two", database, force=False)
    assert file.read_bytes() == b"one"
    save(file, b"two", database, force=True)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"two", 0o600)
    with pytest.raises(SettingsError, match="belongs to the database itself"):
        save(database, b"two", database, force=True)
    assert sorted(os.listdir(tmp_path)) == ["chart.png", "parley.db"]
