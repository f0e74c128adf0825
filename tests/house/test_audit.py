"""`make audit` against advisory services on loopback: what is known is said, and so is what can't be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.program import free_port
from tests.house.audit import locks, main
from tests.house.guides import TOP
from tests.house.tools import tool

NPM_ADVISORIES = "/-/npm/v1/security/advisories/bulk"
BY_NPM = {
    "title": "a hole",
    "severity": "high",
    "vulnerable_versions": "*",
    "id": 1,
    "url": "https://a.example/1",
}
BY_OSV = {
    "id": "PYSEC-2026-1",
    "summary": "a hole",
    "affected": [
        {
            "package": {"name": "typing-extensions", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
        }
    ],
}


class Advisories(ThreadingHTTPServer):
    """Answers as osv.dev and npm do. `known`: what it says of every package; `broken`: it says nothing that is JSON."""

    known: dict[str, object]
    broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Advisories

    def do_GET(self) -> None:
        self.send_error(405)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<html>" if self.server.broken else json.dumps(self.server.known.get(self.path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with Advisories(("127.0.0.1", 0), _Answers) as server:
        server.known = {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(f"typing-extensions==4.15.0 --hash=sha256:{'0' * 64}\n")
    return file


def audit(osv: str, npm: str, lock: Path) -> int:
    """The status of `make audit` where the advisories are at `osv` and `npm`."""
    program = ["--pip-audit", str(tool("pip-audit"))]
    return main([*program, "--osv-url", f"{osv}/v1/query", "--npm-registry", npm, "--lock", str(lock)])


def test_it_reads_every_lock() -> None:
    named = {f"requirements{kind}.txt" for kind in ("", "-audit", "-bench", "-dev", "-docs", "-tools")}
    assert {file.name for file in locks()} == named == {one.name for one in (TOP / "deploy").glob("*.txt")}


def test_packages_of_which_nothing_is_known_are_well(
    advisories: Advisories, lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert audit(advisories.url, advisories.url, lock) == 0
    assert capfd.readouterr().out.splitlines() == [
        "packages of Python: nothing is known of those in requirements.txt",
        "packages of npm: nothing is known of those in tests/page/package-lock.json",
    ]


def test_a_known_vulnerability_of_either_kind_is_named(
    advisories: Advisories, lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    advisories.known = {"/v1/query": {"vulns": [BY_OSV]}, NPM_ADVISORIES: {"typescript": [BY_NPM]}}
    assert audit(advisories.url, advisories.url, lock) == 1
    said = capfd.readouterr().out
    assert "PYSEC-2026-1" in said
    assert "typescript: high: a hole" in said


def test_a_service_that_can_not_be_reached_is_one_line_and_no_success(
    advisories: Advisories, lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert audit(f"http://127.0.0.1:{free_port()}", advisories.url, lock) == 2
    said = capfd.readouterr()
    refused = "127.0.0.1 can't be reached: the connection is refused"
    assert said.err == f"make audit: packages of Python were not checked: {refused}\n"
    assert audit(advisories.url, f"http://127.0.0.1:{free_port()}", lock) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(
        "make audit: packages of npm were not checked: npm's advisory service gave no answer: "
    )


def test_a_vulnerability_counts_more_than_a_service_that_is_away(advisories: Advisories, lock: Path) -> None:
    advisories.known = {"/v1/query": {"vulns": [BY_OSV]}}
    assert audit(advisories.url, f"http://127.0.0.1:{free_port()}", lock) == 1


def test_an_answer_that_is_none_is_one_line_and_no_success(
    advisories: Advisories, lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    advisories.broken = True
    assert audit(advisories.url, advisories.url, lock) == 2
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["make audit", "make audit"]
    assert "127.0.0.1 gave no answer: " in lines[0]
