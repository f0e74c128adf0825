"""The files of `deploy`, read by the programs that they are for. `make tools` installs most of these."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.house.guides import TOP
from tests.house.tools import run_tool

DEPLOY = TOP / "deploy"
ALERTS = Path(__file__).with_name("alerts.test.yml")


def test_promtool_finds_no_mistake_in_the_rules() -> None:
    checked = run_tool("promtool", "check", "rules", DEPLOY / "prometheus-rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_is_raised_when_it_should_be_and_not_before() -> None:
    checked = run_tool("promtool", "test", "rules", ALERTS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_alert_is_untried() -> None:
    (group,) = yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"]
    tried = [one for test in yaml.safe_load(ALERTS.read_text())["tests"] for one in test["alert_rule_test"]]
    raised = {one["alertname"] for one in tried if one.get("exp_alerts")}
    quiet = {one["alertname"] for one in tried if not one.get("exp_alerts")}
    assert raised == quiet == {rule["alert"] for rule in group["rules"]}


def test_hadolint_finds_no_mistake_in_the_dockerfile() -> None:
    checked = run_tool("hadolint", "--no-color", DEPLOY / "Dockerfile")
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What compose reads of a clone, as the guide has it set up, but for the files of secrets."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "compose.yaml", tmp_path / "deploy")
    shutil.copy(TOP / ".env.example", tmp_path / ".env")
    return tmp_path


def test_compose_reads_its_file_and_env(clone: Path) -> None:
    checked = run_tool("docker-compose", "-f", "deploy/compose.yaml", "config", folder=clone)
    assert (checked.returncode, checked.stderr) == (0, "")
    services = yaml.safe_load(checked.stdout)["services"]
    assert services["parley"]["build"]["context"] == str(clone)
    assert services["parley"]["environment"]["DATABASE_URL_FILE"] == "/run/secrets/database_url"
    (port,) = services["parley"]["ports"]
    assert (port["host_ip"], port["published"]) == ("127.0.0.1", "8080")


def test_compose_notices_a_mistake(clone: Path) -> None:
    file = clone / "deploy" / "compose.yaml"
    file.write_text(file.read_text().replace("pids_limit: 512", "pids_limits: 512"))
    checked = run_tool("docker-compose", "-f", "deploy/compose.yaml", "config", folder=clone)
    assert checked.returncode != 0
    assert "pids_limits" in checked.stderr


@pytest.mark.parametrize("name", ["parley.yaml", "secret.example.yaml"])
@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_kubernetes_knows_every_field_of_its_objects(name: str, version: str) -> None:
    file = DEPLOY / "kubernetes" / name
    checked = run_tool("kubernetes-validate", "--strict", "--kubernetes-version", version, file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    objects = [one for one in yaml.safe_load_all(file.read_text()) if one]
    assert (checked.stdout + checked.stderr).count(" passed for resource ") == len(objects)


def test_kubernetes_notices_a_field_that_there_is_not(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    text = (DEPLOY / "kubernetes" / "parley.yaml").read_text()
    file.write_text(text.replace("periodSeconds: 10", "periodSecond: 10"))
    checked = run_tool("kubernetes-validate", "--strict", "--kubernetes-version", "1.37", file)
    assert checked.returncode != 0
    assert "periodSecond" in checked.stdout + checked.stderr


def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path) -> None:
    """Its program is another one here: that of the unit is there only where Parley is installed as the guide says."""
    unit = tmp_path / "parley.service"
    text = (DEPLOY / "parley.service").read_text()
    unit.write_text(
        text.replace("ExecStart=/opt/parley/.venv/bin/parley run", f"ExecStart={sys.executable} run")
    )
    checked = run_tool("systemd-analyze", "verify", unit)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_is_exposed_to_little() -> None:
    analyze = ("security", "--offline=true", "--threshold=30", DEPLOY / "parley.service")
    checked = run_tool("systemd-analyze", *analyze)
    assert checked.returncode == 0, checked.stdout + checked.stderr
