"""The report of `parley doctor`: all checks side by side, in a fixed order, each within its time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from bots.setup.doctor import once_each, run_checks
from bots.setup.report import exit_status, finding_to_lines, findings_to_json, summary
from bots.setup.settings_checks import right_settings, settings_sources, wrong_settings
from core.clock import Clock, SystemClock
from core.values.checks import Check, CheckStatus, Finding, failed, ok, warning
from tests.fakes.clock import FakeClock

FINE, ODD, BAD = ok("a", "fine"), warning("b", "odd", "look"), failed("c", "broken", "mend it")


def check(run: Callable[[], Awaitable[Sequence[Finding]]], name: str = "one") -> Check:
    return Check(name, run, 20.0)


async def found(
    checks: Sequence[Check], clock: Clock | None = None, notes: list[str] | None = None
) -> list[Finding]:
    note = (notes if notes is not None else []).append
    return [finding async for finding in run_checks(checks, clock or SystemClock(), note)]


async def test_checks_run_side_by_side_and_are_told_in_their_order() -> None:
    second_ran = asyncio.Event()

    async def first() -> list[Finding]:
        await second_ran.wait()
        return [FINE]

    async def second() -> list[Finding]:
        second_ran.set()
        return [ODD, BAD]

    assert await found([check(first), check(second)]) == [FINE, ODD, BAD]


async def test_a_check_that_takes_too_long_fails_and_the_others_are_told() -> None:
    clock, cancelled = FakeClock(), asyncio.Event()

    async def hangs() -> list[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return []

    async def works() -> list[Finding]:
        return [FINE]

    telling = asyncio.create_task(found([check(hangs, "slow"), check(works)], clock))
    await clock.advance(20.0)
    late, fine = await telling
    assert (late.check, late.status, late.detail) == ("slow", CheckStatus.FAILED, "no result within 20 s")
    assert fine == FINE
    assert cancelled.is_set()


async def test_what_takes_long_is_noted_with_the_time_that_it_may_take() -> None:
    clock, notes, answers = FakeClock(), list[str](), asyncio.Event()

    async def slow() -> list[Finding]:
        await answers.wait()
        return [FINE]

    async def quick() -> list[Finding]:
        return [ODD]

    checks = [Check("model m", slow, 200.0, "its first word may take 120 s"), check(quick, "disk")]
    telling = asyncio.create_task(found(checks, clock, notes))
    await clock.advance(9.0)
    assert notes == []
    await clock.advance(1.0)
    assert notes == ["still checking after 10 s: model m (its first word may take 120 s)"]
    answers.set()
    assert await telling == [FINE, ODD]


async def test_a_check_that_breaks_is_a_finding_too() -> None:
    async def breaks() -> list[Finding]:
        raise LookupError("sk-secret")

    (finding,) = await found([check(breaks)])
    assert (finding.status, finding.detail) == (CheckStatus.FAILED, "the check itself failed")


async def test_what_depends_on_a_host_that_is_not_reached_points_to_the_line_that_says_why() -> None:
    async def findings() -> AsyncIterator[Finding]:
        yield failed("host a.example", "its name can't be resolved (for models)", "check it", "a.example")
        yield failed("model one", "its name can't be resolved", "check the connection", "a.example")
        yield failed("model two", "no answer in time", "check the connection", "b.example")

    host, one, two = [finding async for finding in once_each(findings())]
    assert host.detail == "its name can't be resolved (for models)"
    assert (one.status, one.detail, one.todo) == (
        CheckStatus.FAILED,
        "could not be checked: see host a.example",
        "",
    )
    assert two.detail == "no answer in time"


def test_a_finding_is_a_line_with_what_to_do_below_it() -> None:
    assert finding_to_lines(FINE) == "ok       a: fine"
    assert finding_to_lines(ODD) == "warning  b: odd\n         -> look"


def test_warnings_leave_the_status_at_zero_and_are_counted() -> None:
    assert (exit_status([FINE, ODD]), summary([FINE, ODD])) == (0, "1 ok, 1 warning, 0 failed")
    assert (exit_status([FINE, BAD]), summary([FINE, BAD, ODD, ODD])) == (1, "1 ok, 2 warnings, 1 failed")


def test_json_is_an_array_of_checks() -> None:
    assert json.loads(findings_to_json([FINE, BAD])) == [
        {"check": "a", "status": "ok", "detail": "fine", "todo": ""},
        {"check": "c", "status": "failed", "detail": "broken", "todo": "mend it"},
    ]


def test_the_folder_and_the_files_that_are_read_are_told(tmp_path: Path) -> None:
    (tmp_path / ".env").touch()
    files = [Path(".env"), Path("parley.toml")]
    found = settings_sources(tmp_path, files, ["PARLEY_RATE"])
    assert (found.status, found.todo) == (CheckStatus.OK, "")
    assert found.detail == f"in {tmp_path}: read .env and 1 setting of the environment; no parley.toml there"


def test_settings_of_the_environment_alone_may_not_be_those_of_a_service(tmp_path: Path) -> None:
    found = settings_sources(tmp_path, [Path(".env"), Path("parley.toml")], ["PARLEY_RATE", "DATABASE_URL"])
    assert found.status is CheckStatus.OK
    assert (
        found.detail == f"in {tmp_path}: read 2 settings of the environment; no .env and no parley.toml there"
    )
    assert "`cd` to its working directory" in found.todo


def test_a_folder_where_nothing_is_configured_is_a_warning(tmp_path: Path) -> None:
    found = settings_sources(tmp_path, [Path(".env"), Path("parley.toml")], [])
    assert found.status is CheckStatus.WARNING
    assert found.detail.startswith(f"in {tmp_path} there is no .env and no parley.toml")
    assert "nothing is configured" in found.detail
    assert "`cd` to its working directory" in found.todo


def test_each_wrong_setting_is_a_finding_of_its_own() -> None:
    findings = wrong_settings(["PARLEY_RATE: must be a number", "SLACK_BOT_TOKEN: must begin with xoxb-"])
    assert [finding.detail.partition(":")[0] for finding in findings] == ["PARLEY_RATE", "SLACK_BOT_TOKEN"]
    assert {finding.status for finding in findings} == {CheckStatus.FAILED}


def test_a_file_with_keys_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    private, shared = tmp_path / ".env", tmp_path / "parley.toml"
    private.touch(0o600)
    shared.touch()
    shared.chmod(0o640)
    fine, odd = right_settings([private, shared, tmp_path / "missing.toml"])
    assert fine.detail == f"all are right (the environment, {private}, {shared})"
    assert (odd.status, odd.todo) == (CheckStatus.WARNING, f"chmod 600 {shared}")
