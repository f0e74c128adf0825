"""The health of the program as it reports it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bots.health import (
    FORGIVEN_S,
    LAG_ALERT_S,
    STEADY_S,
    DatabaseHealth,
    LoopHealth,
    PlatformHealth,
    ToolServerHealth,
    notify_systemd,
)
from core.errors import BotError, Code, PlatformError, StoreError
from core.operators.alert_turns import alert_to_text
from core.operators.metrics import Metrics
from tests.bots.test_supervisor import Operators
from tests.fakes.clock import FakeClock
from tests.waiting import HANG_S

STANDS_STILL = """
import asyncio, re
from bots.health import LoopHealth
from core.clock import SystemClock
from core.operators.alerts import OperatorAlerts

def stand_still():
    re.match("(a*)*b", "a" * 64)  # in C, with the interpreter's lock held

async def main():
    clock = SystemClock()
    health = LoopHealth(OperatorAlerts(clock), lambda *_: None, clock, lambda _: None)
    running = asyncio.create_task(health.run(1.0))
    await asyncio.sleep(0.1)
    stand_still()

asyncio.run(main())
"""


def test_a_process_whose_loop_stands_still_ends_with_the_stack_in_its_log() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STANDS_STILL], capture_output=True, text=True, timeout=2 * HANG_S
    )
    assert ended.returncode == 1
    assert "in stand_still" in ended.stderr


async def test_a_late_loop_is_measured_and_told_until_it_is_in_time_again() -> None:
    clock, slow_clock = FakeClock(), FakeClock()
    operators = Operators(clock)

    class Late:
        now = staticmethod(clock.now)
        monotonic = staticmethod(clock.monotonic)

        async def sleep(self, seconds: float) -> None:
            await slow_clock.sleep(seconds)

    health = LoopHealth(operators.operator_alerts, operators.metrics.gauge, Late(), lambda _: None)
    running = asyncio.create_task(health.run(0))
    await asyncio.sleep(0)
    await clock.advance(0.5 + LAG_ALERT_S)
    await slow_clock.advance(0.5)
    assert operators.metrics.registry.get_sample_value("parley_event_loop_lag_seconds") == LAG_ALERT_S
    assert operators.told == [("loop", Code.OVERLOADED, False)]
    for _ in range(140):
        await clock.advance(0.5)
        await slow_clock.advance(0.5)
    assert operators.told[-1] == ("loop", Code.OVERLOADED, True)
    running.cancel()


async def test_a_database_that_takes_nothing_is_counted_and_told_until_it_does_again() -> None:
    clock = FakeClock()
    operators = Operators(clock)
    health = DatabaseHealth(operators.operator_alerts, "sqlite:///data/parley.db", clock)
    health.failed(StoreError("OperationalError: disk is full", cause="disk is full"))
    health.failed(StoreError("OperationalError: disk is full", cause="disk is full"))
    await asyncio.sleep(0)
    assert health.reason == "OperationalError: disk is full"
    assert [alert.why for alert in operators.alerts] == ["store, disk is full"]
    assert operators.counted("parley_database_errors_total", cause="disk is full") == 2
    for _ in range(3):  # large writes fail, small ones work
        await clock.advance(STEADY_S - 1)
        health.worked()
        assert health.reason == ""
        health.failed(StoreError("OperationalError: disk is full", cause="disk is full"))
    await asyncio.sleep(0)
    assert not any(alert.over for alert in operators.alerts)
    await clock.advance(STEADY_S)
    health.worked()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert operators.alerts[-1].over


def test_a_row_that_the_schema_refuses_says_nothing_about_the_database() -> None:
    health = DatabaseHealth(Operators(FakeClock()).operator_alerts, "", FakeClock())
    health.failed(StoreError("IntegrityError: refused", retryable=False, cause="refused"))
    assert health.reason == ""


async def test_an_inactive_account_is_told_at_once_and_a_slow_platform_only_if_it_lasts() -> None:
    clock = FakeClock()
    operators = Operators(clock)
    health = PlatformHealth("slack", operators.operator_alerts, clock)
    health.called("perform", PlatformError(Code.UNAVAILABLE, retryable=True))
    await clock.advance(29)
    health.called("perform", PlatformError(Code.UNAVAILABLE, retryable=True))
    assert operators.told == []
    await clock.advance(1)
    health.called("perform", PlatformError(Code.UNAVAILABLE, retryable=True))
    health.called("perform", PlatformError(Code.BAD_TOKEN))
    await clock.advance(0)
    assert [code for _, code, _ in operators.told] == [Code.UNAVAILABLE, Code.BAD_TOKEN]
    health.called("history", None)
    await clock.advance(0)
    assert len(operators.told) == 2, "a read says nothing about posts"
    health.called("perform", None)
    await clock.advance(0)
    assert len([over for *_, over in operators.told if over]) == 2


async def test_a_platform_that_refuses_posts_is_not_ready_until_it_takes_one_or_none_was_tried_for_a_minute() -> (
    None
):
    clock = FakeClock()
    health = PlatformHealth("slack", Operators(clock).operator_alerts, clock)
    health.called("perform", PlatformError(Code.UNAVAILABLE, "503", retryable=True))
    assert health.reason == "", "one may fail"
    health.called("perform", PlatformError(Code.BAD_TOKEN, "account_inactive"))
    assert health.reason == "posts are refused (account_inactive)"
    health.called("history", None)
    assert health.reason, "a read says nothing about posts"
    health.called("perform", None)
    assert health.reason == ""
    health.called("perform", PlatformError(Code.BAD_TOKEN))
    await clock.advance(FORGIVEN_S - 1)
    assert health.reason == "posts are refused (bad_token)"
    await clock.advance(1)
    assert health.reason == "", "else nothing would be asked any more, and no call could show that it works"


async def test_a_missing_scope_is_told_once_until_a_file_can_be_fetched() -> None:
    clock = FakeClock()
    operators = Operators(clock)
    health = PlatformHealth("slack", operators.operator_alerts, clock)
    for _ in range(2):
        health.called("fetch", PlatformError(Code.APP_SETUP))
        health.called("fetch", PlatformError(Code.GONE))
        await clock.advance(1)
    assert operators.told == [("files slack", Code.APP_SETUP, False)]
    health.called("perform", None)
    health.called("fetch", None)
    await clock.advance(0)
    assert operators.told[1:] == [("files slack", Code.APP_SETUP, True)]


@pytest.mark.parametrize("code", [Code.SLOW_DOWN, Code.GONE, Code.NOT_ALLOWED, Code.REJECTED])
async def test_what_concerns_one_message_or_channel_is_counted_and_not_told(code: Code) -> None:
    clock = FakeClock()
    operators = Operators(clock)
    health = PlatformHealth("slack", operators.operator_alerts, clock)
    for _ in range(3):
        health.called("perform", PlatformError(code))
        await clock.advance(60)
    assert operators.told == []
    labels = {"platform": "slack", "call": "perform", "code": str(code)}
    assert operators.counted("parley_platform_refusals_total", **labels) == 3


def test_systemd_is_told_where_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = os.path.relpath(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(HANG_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str((tmp_path / "notify").absolute()))
        notify_systemd("READY=1")
        assert receiver.recv(64) == b"READY=1"
    notify_systemd("WATCHDOG=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify_systemd("WATCHDOG=1")


async def test_a_tool_server_that_is_removed_takes_its_gauge_and_its_alert_along() -> None:
    operators, metrics = Operators(FakeClock()), Metrics()
    one, two = (
        ToolServerHealth(name, operators.operator_alerts, metrics.gauge, metrics.drop)
        for name in ("one", "two")
    )
    for health in (one, two):
        health.tried(BotError(Code.UNAVAILABLE, "refused"))
    one.removed()
    await asyncio.sleep(0)
    assert metrics.registry.get_sample_value("parley_tool_server_up", {"server": "one"}) is None
    assert metrics.registry.get_sample_value("parley_tool_server_up", {"server": "two"}) == 0
    assert [alert.what for alert in operators.operator_alerts.standing()] == ["tools two"]
    last = operators.alerts[-1]
    assert alert_to_text(last, "en").startswith(
        "**tool server one** is no longer in the settings (it was unavailable)"
    )
    one.removed()  # it may have been reached all the time
    one.tried(None)
    assert metrics.registry.get_sample_value("parley_tool_server_up", {"server": "one"}) == 1
