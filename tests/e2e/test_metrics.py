"""The dashboard and the alerts of `deploy/`, held to the metrics of the running program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from core.operators.metrics import COUNTERS, GAUGES, HISTOGRAMS, SAMPLES
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions
from tests.fakes.slack import FakeSlack
from tests.waiting import until

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
RULES = (DEPLOY / "prometheus-rules.yml").read_text()
README = (DEPLOY / "README.md").read_text()

LABELS = {name: set(labels) for name, (_, *labels) in (COUNTERS | GAUGES | SAMPLES | HISTOGRAMS).items()}
OF_PROMETHEUS = {"job", "instance", "le"}
"""Labels that Prometheus sets, and that of a histogram's buckets."""
ENDINGS = {"_bucket": HISTOGRAMS, "_sum": HISTOGRAMS, "_count": HISTOGRAMS}

_METRIC = re.compile(r"\b(?:parley|process)_[a-z_]+\b")
_SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
_ALERT = re.compile(
    r"      - alert: (?P<name>[A-Z]\w+)\n"
    r"        expr: (?P<expression>[^\n]+)\n"
    r"        for: \d+m\n"
    r"        labels:\n          severity: (?:critical|warning)\n"
    r"        annotations:\n"
    r"          summary: (?P<summary>[^\n]+)\n"
    r"          description: (?P<description>[^\n]+)\n"
    r"          runbook: deploy/README\.md#(?P<anchor>[a-z-]+)\n"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query of PromQL, and the labels that are shown of its result."""

    title: str
    expression: str
    shown: frozenset[str]

    @property
    def metrics(self) -> set[str]:
        """The metrics as they are named in the tables, without the endings of a histogram."""
        return {plain(name) for name in _METRIC.findall(self.expression)}

    @property
    def labels(self) -> set[str]:
        named = {
            label for _, inside in _SELECTOR.findall(self.expression) for label in _MATCHER.findall(inside)
        }
        grouped = {one.strip() for inside in _GROUPED.findall(self.expression) for one in inside.split(",")}
        return (named | grouped | self.shown) - OF_PROMETHEUS


def plain(name: str) -> str:
    base, ending, rest = next((name.partition(one) for one in ENDINGS if name.endswith(one)), (name, "", ""))
    return base if ending and not rest and base in HISTOGRAMS else name


def alerts() -> list[re.Match[str]]:
    return list(_ALERT.finditer(RULES))


def queries() -> Iterator[Query]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            yield Query(panel["title"], target["expr"], frozenset(shown))
    for alert in alerts():
        text = alert["summary"] + alert["description"]
        shown = re.findall(r"\$labels\.(\w+)", text)
        yield Query(alert["name"], alert["expression"], frozenset(shown))


@pytest.mark.parametrize("query", [*queries()], ids=lambda query: query.title)
def test_a_query_names_metrics_and_labels_that_there_are(query: Query) -> None:
    assert query.metrics or query.expression.startswith("up{"), "it asks for something"
    for name in query.metrics:
        if name.startswith("parley_"):
            assert name in LABELS, name
    known = [LABELS.get(name, set()) for name in query.metrics]
    for label in query.labels:
        assert all(label in labels for labels in known), label


@pytest.mark.parametrize("query", [*queries()], ids=lambda query: query.title)
def test_what_a_query_shows_of_its_result_is_left_in_it(query: Query) -> None:
    grouped = _GROUPED.findall(query.expression)
    left = {one.strip() for inside in grouped for one in inside.split(",")} | OF_PROMETHEUS
    assert not grouped or query.shown <= left
    whole = re.search(r"\b(?:sum|max|min)\(", query.expression)
    assert grouped or not whole or not query.shown, "an aggregate over everything has no labels"
    assert "histogram_quantile" not in query.expression or any("le" in inside for inside in grouped)


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    assert LABELS.keys() - {name for query in queries() for name in query.metrics} == set()


async def test_the_running_program_exposes_each_of_them_with_its_labels(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)) as program:
        ts = await slack.say("U1", "C1", f"{AT} how much?")
        await answered(slack, "C1", ts, "how much?")
        await until(lambda: "answer_finished" in program.output)
        exposed = {
            family.name: family for family in text_string_to_metric_families(await program.page("/metrics"))
        }
    for name in {name for query in queries() for name in query.metrics}:
        assert name.removesuffix("_total") in exposed, name
    for name, labels in LABELS.items():
        for sample in exposed[name.removesuffix("_total")].samples:
            assert set(sample.labels) - {"le"} == labels, name
    counted = {sample.name: sample.value for family in exposed.values() for sample in family.samples}
    for name in ("answer", "first_word", "queue_wait", "acknowledgement", "transaction", "staleness"):
        assert counted[f"parley_{name}_seconds_count"] >= 1, name
    for name in ("parley_disk_free_bytes", "parley_account_slots", "process_resident_memory_bytes"):
        assert counted[name] > 0, name
    assert counted["parley_platform_connections"] == 2
    assert counted["parley_oldest_waiting_seconds"] == 0


# -- the alerts


def test_the_file_of_alerts_has_the_shape_that_prometheus_reads() -> None:
    """https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"""
    head, *_ = RULES.partition("      - alert:")
    assert re.fullmatch(r"(?:#[^\n]*\n)+groups:\n  - name: parley\n    rules:\n", head)
    assert head + "".join(alert[0] for alert in alerts()) == RULES, "each rule has all its parts, and no other"
    assert len(alerts()) == len({alert["name"] for alert in alerts()}) > 10
    (group,) = yaml.safe_load(RULES)["groups"]
    for rule, alert in zip(group["rules"], alerts(), strict=True):
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert (rule["alert"], rule["expr"]) == (alert["name"], alert["expression"])
        assert all(isinstance(text, str) for text in rule["annotations"].values())


def test_every_alert_says_what_to_do() -> None:
    rows = dict(re.findall(r"^\| `(Parley\w+)` \| [^|]+ \| ([^|]+) \|$", README, re.MULTILINE))
    assert rows.keys() == {alert["name"] for alert in alerts()}
    assert all(len(words) > 20 for words in rows.values())
    assert {alert["anchor"] for alert in alerts()} == {"alerts-of-prometheus"}
    assert "### Alerts of Prometheus" in README


def test_the_dashboard_can_be_imported() -> None:
    """https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"""
    panels = DASHBOARD["panels"]
    assert DASHBOARD["uid"] == "parley"
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job"}
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        taken = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells, panel["title"]
        cells |= taken
        assert panel["type"] == "row" or panel["description"].endswith(".")
        for target in panel.get("targets", ()):
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= {"job", "__rate_interval"}
