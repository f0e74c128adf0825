"""The files of `deploy` keep what they promise, as far as that can be read from them."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bots import config
from bots.http import OPEN_PATHS
from bots.web import WebSettings
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


def test_both_stages_have_one_base_that_never_changes() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON}", "${PYTHON}"]
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim@sha256:[0-9a-f]{64}$", text, re.MULTILINE)


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def test_compose_starts_each_again_after_the_daemon_too_and_limits_what_each_takes(
    compose: dict[str, Any],
) -> None:
    for service in compose["services"].values():
        assert service["restart"] == "unless-stopped"
        assert {"mem_limit", "cpus", "pids_limit", "stop_grace_period"} <= service.keys()
    assert "@sha256:" in compose["services"]["postgres"]["image"]


def test_secrets_of_compose_are_files_that_a_setting_names(compose: dict[str, Any]) -> None:
    parley = compose["services"]["parley"]
    mounted = {f"/run/secrets/{name}" for name in parley["secrets"]}
    named = {name: path for name, path in parley["environment"].items() if name.endswith("_FILE")}
    assert set(named.values()) == mounted
    assert {name.removesuffix("_FILE") for name in named} <= names_of_secrets()
    assert {one for service in compose["services"].values() for one in service["secrets"]} == compose[
        "secrets"
    ].keys()


def names_of_secrets() -> set[str]:
    fields = [(name, field) for settings in config.SETTINGS for name, field in settings.model_fields.items()]
    return {name.upper() for name, field in fields if "SecretStr" in str(field.annotation)}


@pytest.fixture
def objects() -> dict[str, Any]:
    """The objects of Kubernetes by their kinds."""
    files = [DEPLOY / "kubernetes" / name for name in ("parley.yaml", "secret.example.yaml")]
    loaded = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    assert {one["metadata"]["name"] for one in loaded} == {"parley"}
    return {one["kind"]: one for one in loaded}


def test_the_pod_may_do_nothing_that_parley_does_not_need(objects: dict[str, Any]) -> None:
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert (
        f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in instructions()
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= container["resources"].keys()
    assert not pod["automountServiceAccountToken"]


def test_the_pods_probes_ask_what_parley_answers_under_any_name(objects: dict[str, Any]) -> None:
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert probes == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert set(probes.values()) <= set(OPEN_PATHS)
    assert {
        "name": "http",
        "containerPort": WebSettings.model_fields["parley_http_port"].default,
    } in container["ports"]


def test_a_pod_that_is_drained_finishes_its_answers_and_is_never_two(objects: dict[str, Any]) -> None:
    workload, budget = objects["StatefulSet"]["spec"], objects["PodDisruptionBudget"]["spec"]
    grace_s = CoreSettings.model_fields["parley_grace_s"].default
    assert workload["template"]["spec"]["terminationGracePeriodSeconds"] > grace_s
    assert workload["replicas"] == 1
    assert budget == {"maxUnavailable": 1, "selector": workload["selector"]}
    assert objects["Service"]["spec"]["selector"] == workload["selector"]["matchLabels"]


def test_the_pods_secrets_and_settings_are_known_to_parley(objects: dict[str, Any]) -> None:
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    every = {name.upper() for settings in config.SETTINGS for name in settings.model_fields}
    files = {one["name"]: one["value"] for one in container["env"] if one["name"].endswith("_FILE")}
    assert {name.removesuffix("_FILE") for name in files} <= names_of_secrets()
    (mount,) = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == "secrets"]
    assert set(files.values()) == {f"{mount}/{name}" for name in objects["Secret"]["stringData"]}
    plain = {one["name"] for one in container["env"] if "_FILE" not in one["name"]} - {"POD_IP"}
    assert plain | objects["ConfigMap"]["data"].keys() <= every


@pytest.fixture
def unit() -> configparser.SectionProxy:
    parsed = configparser.ConfigParser(
        interpolation=None, strict=False
    )  # a list is continued by its name once more
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(DEPLOY / "parley.service")
    return parsed["Service"]


def test_the_unit_is_started_again_but_on_a_settings_error(unit: configparser.SectionProxy) -> None:
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == ("always", "2")


def test_a_reload_of_the_unit_is_the_signal_that_parley_reloads_at(unit: configparser.SectionProxy) -> None:
    assert unit["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_unit_waits_longer_than_parley_itself(unit: configparser.SectionProxy) -> None:
    fields = CoreSettings.model_fields
    assert int(unit["WatchdogSec"]) > fields["parley_watchdog_s"].default
    assert int(unit["TimeoutStopSec"]) > fields["parley_grace_s"].default
    assert unit["Type"] == "notify"


def test_the_unit_lets_children_limit_themselves(unit: configparser.SectionProxy) -> None:
    """Files and charts are made by children that lower their priority and their limits (`core.files.sandbox`)."""
    assert unit["SystemCallFilter"] == "~@privileged @setuid"
