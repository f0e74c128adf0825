"""Child processes that read files: what they reply, how they end, and what they may not do."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.clock import SystemClock
from core.conversation.file_content import ContentReader
from core.files.extractor import AT_ONCE, LARGEST_FILE, WALL_S, ProcessExtractor
from core.ports.files import Extracted, ExtractedText, FileError, Picture
from core.values.parts import File, FileProblem
from tests.core.files.made import (
    docx,
    flat_png,
    kinds_of_pictures,
    paragraph,
    pdf,
    pptx,
    quarters,
    saved,
    xlsx,
)
from tests.fakes.clock import FakeClock
from tests.waiting import until

COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
GATED = """
import os, pathlib, sys, time
from core.files.replies import reply_to_bytes
from core.ports.files import ExtractedText
gate = pathlib.Path(sys.stdin.read())
gate.with_suffix(".started").write_text(str(os.getpid()))
while not gate.exists():
    time.sleep(0.005)
sys.stdout.buffer.write(reply_to_bytes(ExtractedText(sys.argv[1])))
"""
"""Waits until the file that its input names is there."""


@pytest.fixture
async def extractor() -> AsyncIterator[ProcessExtractor]:
    made = ProcessExtractor(SystemClock())
    yield made
    await made.close()


def running(script: str, clock: FakeClock | None = None) -> ProcessExtractor:
    return ProcessExtractor(clock or SystemClock(), (sys.executable, "-c", script))


async def problem_of(extracting: Awaitable[Extracted]) -> FileProblem:
    with pytest.raises(FileError) as raised:
        await extracting
    return raised.value.problem


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_text_and_pictures_are_read_in_a_child(extractor: ProcessExtractor) -> None:
    assert await extractor.extract("notes.txt", "grüße\r\n".encode()) == ExtractedText("grüße\n")
    assert await extractor.extract("x.png", saved(quarters(), "PNG")) == Picture(
        saved(quarters(), "PNG"), "image/png", 40, 20
    )


async def test_a_photo_with_damaged_metadata_is_read(extractor: ProcessExtractor) -> None:
    data = saved(quarters(), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40)
    assert isinstance(await extractor.extract("a.jpg", data), Picture)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (docx(paragraph("käse")), "käse"),
        (xlsx({"S": "<row><c><v>45992.5</v></c></row>"}), "[sheet S]\n45992.5"),
        (pptx(["<a:p><a:r><a:t>words</a:t></a:r></a:p>"], [1]), "[slide 1]\nwords"),
        (pdf(["käse"]), "[page 1]\nkäse"),
        ("会议纪要".encode("gb18030"), "会议纪要"),
        ("für".encode("latin-1"), "für"),
        ("words".encode("utf-16"), "words"),
        ("words".encode("utf-32"), "words"),
    ],
    ids=["docx", "xlsx", "pptx", "pdf", "gb18030", "latin-1", "utf-16", "utf-32"],
)
async def test_every_kind_of_text_is_read_in_a_child(
    extractor: ProcessExtractor, data: bytes, text: str
) -> None:
    assert await extractor.extract("a", data) == ExtractedText(text)


async def test_a_picture_of_every_format_is_read_in_a_child(extractor: ProcessExtractor) -> None:
    """A sealed child loads no decoder that it has not loaded before."""
    for format, data in {format: data for format, _, data in kinds_of_pictures()}.items():
        assert isinstance(await extractor.extract("a", data), Picture), format


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("empty.txt", b"", FileProblem.EMPTY),
        ("blank.txt", b" \r\n\t", FileProblem.EMPTY),
        ("login.png", b"<!doctype html><title>Sign in</title>", FileProblem.MISMATCH),
        ("tool.exe", b"MZ\x90\0\x03\0\0\0", FileProblem.UNKNOWN_TYPE),
        ("sound.mp3", b"ID3\x04\0\0", FileProblem.UNKNOWN_TYPE),
        ("photo.heic", b"\0\0\0\x1cftypheic" + bytes(20), FileProblem.UNKNOWN_TYPE),
        ("cut.jpg", saved(quarters(400, 400), "JPEG")[:1_500], FileProblem.DAMAGED),
        ("old.doc", COMPOUND + bytes(600), FileProblem.UNKNOWN_TYPE),
        ("secret.docx", COMPOUND + bytes(600) + "EncryptedPackage".encode("utf-16-le"), FileProblem.ENCRYPTED),
        ("letter.docx", b"PK\x03\x04word/document.xml", FileProblem.DAMAGED),
        ("head.jpg", b"\xff\xd8\xff\xe0", FileProblem.DAMAGED),
        ("wall.png", flat_png(9_000, 9_000), FileProblem.TOO_MANY_PIXELS),
        ("large.txt", b"a" * (LARGEST_FILE + 1), FileProblem.TOO_LARGE),
        ("large.bmp", saved(quarters(), "BMP") + bytes(20_000_000), FileProblem.TOO_LARGE),
    ],
)
async def test_files_that_are_refused_have_a_reason(
    extractor: ProcessExtractor, name: str, data: bytes, problem: FileProblem
) -> None:
    assert await problem_of(extractor.extract(name, data)) is problem


@pytest.mark.parametrize(
    ("script", "problem", "why"),
    [
        ("import os; os.abort()", FileProblem.CRASHED, "SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", FileProblem.CRASHED, "SIGKILL"),
        ("import os; os.kill(os.getpid(), 24)", FileProblem.TOO_SLOW, "CPU time"),
        ("raise SystemExit(3)", FileProblem.CRASHED, "status 3"),
        ("pass", FileProblem.CRASHED, "malformed reply: JSONDecodeError"),
        ("import os\nwhile True: os.write(1, bytes(65_536))", FileProblem.CRASHED, "endless reply"),
        ("import os; os.close(0); os.write(1, b'no')", FileProblem.CRASHED, "malformed reply: JSONDecodeError"),
    ],
)
async def test_a_child_that_ends_badly_is_one_line_of_the_log(
    script: str, problem: FileProblem, why: str
) -> None:
    with capture_logs() as logs:
        read, _ = await ContentReader(running(script)).read(File("secret.txt"), b"secret" * 100_000)
    assert read.problem is problem
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("file_not_read", "warning")]
    assert logs[0]["detail"] == f"{why} (text, 600000 bytes)"
    assert "secret" not in str(logs)


async def test_a_child_that_computes_for_too_long_is_too_slow() -> None:
    script = "from core.files import sandbox; sandbox.CPU_S = 1; sandbox.limit()\nwhile True: pass"
    assert await problem_of(running(script).extract("a", b"a")) is FileProblem.TOO_SLOW


async def test_a_command_that_is_missing_is_a_crash() -> None:
    extractor = ProcessExtractor(SystemClock(), ("/nowhere/python",))
    assert await problem_of(extractor.extract("a.txt", b"a")) is FileProblem.CRASHED


async def test_a_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    clock = FakeClock()
    reading = asyncio.create_task(running(GATED, clock).extract("a", str(tmp_path / "gate").encode()))
    pid = int(await until(_text(tmp_path / "gate.started")))
    await clock.advance(WALL_S)
    assert await problem_of(reading) is FileProblem.TOO_SLOW
    assert is_gone(pid)


def _text(path: Path) -> Callable[[], str]:
    return lambda: path.read_text() if path.exists() else ""


async def test_a_call_that_is_cancelled_ends_its_child(tmp_path: Path) -> None:
    reading = asyncio.create_task(running(GATED).extract("a", str(tmp_path / "gate").encode()))
    pid = int(await until(_text(tmp_path / "gate.started")))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert is_gone(pid)


async def test_closing_ends_the_children_and_refuses_the_calls(tmp_path: Path) -> None:
    extractor = running(GATED)
    gates = [tmp_path / f"gate{number}" for number in range(AT_ONCE + 1)]
    calls = [asyncio.create_task(extractor.extract("a", str(gate).encode())) for gate in gates]
    pids = [int(await until(_text(gate.with_suffix(".started")))) for gate in gates[:AT_ONCE]]
    await extractor.close()
    assert [await problem_of(call) for call in calls] == [FileProblem.CRASHED] * len(calls)
    assert all(map(is_gone, pids))
    assert await problem_of(extractor.extract("a", b"a")) is FileProblem.CRASHED


async def test_two_children_run_at_once_and_the_next_call_takes_the_first_free_place(tmp_path: Path) -> None:
    extractor = running(GATED)
    gates = [tmp_path / f"gate{number}" for number in range(AT_ONCE + 2)]
    calls = [asyncio.create_task(extractor.extract(gate.name, str(gate).encode())) for gate in gates]
    started = [gate.with_suffix(".started") for gate in gates]
    for one in started[:AT_ONCE]:
        await until(_text(one))
    assert not started[AT_ONCE].exists()
    gates[0].touch()
    assert await calls[0] == ExtractedText("gate0")
    await until(_text(started[AT_ONCE]))
    assert not started[AT_ONCE + 1].exists()
    for gate in gates:
        gate.touch()
    assert [await call for call in calls] == [ExtractedText(gate.name) for gate in gates]


SEALED = """
import json, os, socket, subprocess, sys
from core.files import sandbox
from core.files.replies import reply_to_bytes
from core.ports.files import ExtractedText

def attempt(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"

sandbox.limit()
found = {"environment": sorted({*os.environ} - {"LC_CTYPE"}), "folder": os.getcwd(), "nice": os.nice(0) >= 10}
found["inherited"] = [number for number in range(3, 64) if attempt(lambda: os.fstat(number)) == "done"]
found["memory"] = attempt(lambda: bytearray(600_000_000))
sandbox.seal()
found["file"] = attempt(lambda: open("/etc/hostname"))
found["socket"] = attempt(lambda: socket.socket())
found["process"] = attempt(lambda: os.posix_spawn("/bin/true", ["true"], {})) if os.getuid() else "BlockingIOError"
sys.stdin.buffer.read()
sys.stdout.buffer.write(reply_to_bytes(ExtractedText(json.dumps(found))))
"""


async def test_a_child_has_no_secrets_and_can_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with socket.socket() as ours:
        ours.set_inheritable(True)
        reply = await running(SEALED).extract("a", b"a")
    assert isinstance(reply, ExtractedText)
    assert json.loads(reply.text) == {
        "environment": [],
        "folder": "/",
        "nice": True,
        "inherited": [],
        "memory": "MemoryError",
        "file": "OSError",
        "socket": "OSError",
        "process": "BlockingIOError",
    }


def test_parley_itself_imports_nothing_that_its_children_need() -> None:
    script = """if True:
        import sys, bots.app, core.files.extractor, core.spend.chart_renderer
        print(*{'PIL', 'pypdfium2', 'matplotlib', 'numpy'} & {*sys.modules})
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
