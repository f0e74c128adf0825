"""The files of `deploy` keep what they promise, as far as that can be read from them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.settings.environment import CoreSettings

DEPLOY = Path(__file__).parents[2] / "deploy"


def instructions() -> list[str]:
    """The Dockerfile's instructions of its last stage, continued lines joined."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]


def test_the_volume_is_made_for_its_user_before_it_is_named() -> None:
    lines = instructions()
    user = next(at for at, line in enumerate(lines) if line.startswith("USER "))
    volume = next(at for at, line in enumerate(lines) if line.startswith("VOLUME "))
    (folder,) = lines[volume].split()[1:]
    made = next(at for at, line in enumerate(lines) if re.search(rf"install -d .*-o 10001 .*{folder}$", line))
    assert made < user < volume
    assert re.fullmatch(r"USER \d+:\d+", lines[user]), "a number, which Kubernetes can check"


def test_the_health_check_follows_the_port() -> None:
    (check,) = (line for line in instructions() if line.startswith("HEALTHCHECK"))
    assert "PARLEY_HTTP_PORT" in check


def test_compose_starts_it_again_after_the_daemon_too() -> None:
    assert "restart: unless-stopped" in (DEPLOY / "compose.yaml").read_text()


@pytest.fixture
def unit() -> configparser.SectionProxy:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(DEPLOY / "parley.service")
    return parsed["Service"]


def test_the_unit_is_started_again_but_on_a_settings_error(unit: configparser.SectionProxy) -> None:
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == ("always", "2")


def test_the_unit_waits_longer_than_parley_itself(unit: configparser.SectionProxy) -> None:
    fields = CoreSettings.model_fields
    assert int(unit["WatchdogSec"]) > fields["parley_watchdog_s"].default
    assert int(unit["TimeoutStopSec"]) > fields["parley_grace_s"].default
    assert unit["Type"] == "notify"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit() -> None:
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / "parley.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Unknown" not in checked.stderr, checked.stderr
