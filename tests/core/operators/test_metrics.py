"""Metrics: what Prometheus reads, under which names and labels."""

from pathlib import Path

import pytest

from core.operators.metrics import BUCKETS_S, COUNTERS, GAUGES, HISTOGRAMS, MOST_VALUES, SAMPLES, Metrics

README = Path(__file__).parents[3] / "deploy" / "README.md"


def test_metrics_read_as_text() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.count("parley_alerts_total", {"what": 'say "hi"', "code": "a"})
    metrics.gauge("parley_platform_up", {"platform": "x"}, 1)
    metrics.gauge("parley_event_loop_lag_seconds", {}, 0.25)
    metrics.sample("parley_queued_turns", lambda: 3)
    lines = metrics.text().decode().splitlines()
    assert "# TYPE parley_alerts_total counter" in lines
    assert r'parley_alerts_total{code="a",what="say \"hi\""} 2.0' in lines
    assert 'parley_platform_up{platform="x"} 1.0' in lines
    assert "parley_event_loop_lag_seconds 0.25" in lines
    assert "parley_queued_turns 3.0" in lines


def test_a_duration_falls_into_its_bucket_and_all_wider_ones() -> None:
    metrics = Metrics()
    metrics.observe("parley_staleness_seconds", "x", 3)
    read = metrics.registry.get_sample_value
    for bound in BUCKETS_S:
        labels = {"platform": "x", "le": str(float(bound))}
        assert read("parley_staleness_seconds_bucket", labels) == (bound >= 3)
    assert read("parley_staleness_seconds_sum", {"platform": "x"}) == 3


def test_two_programs_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.count("parley_database_errors_total", {"cause": "x"})
    assert other.registry.get_sample_value("parley_database_errors_total", {"cause": "x"}) is None


def test_an_unknown_name_and_an_unknown_label_are_mistakes() -> None:
    with pytest.raises(KeyError):
        Metrics().count("parley_unheard_of_total", {})
    with pytest.raises(ValueError, match="label"):
        Metrics().count("parley_database_errors_total", {"reason": "x"})


def test_the_guide_for_operators_lists_every_metric_with_its_labels() -> None:
    described = COUNTERS | GAUGES | SAMPLES | HISTOGRAMS
    rows = [line.split("|")[1:4] for line in README.read_text().splitlines() if line.startswith("| `parley_")]
    listed = {name.strip(" `"): [label.strip(" `") for label in labels.split(",")] for name, labels, _ in rows}
    assert listed == {name: list(labels) or [""] for name, (_, *labels) in described.items()}


def test_a_label_that_people_fill_in_has_few_values() -> None:
    metrics = Metrics()
    for number in range(2 * MOST_VALUES):
        metrics.observe("parley_answer_seconds", ("x", f"model-{number}", "done"), 1)
    read = metrics.registry.get_sample_value
    labels = {"platform": "x", "outcome": "done"}
    assert read("parley_answer_seconds_count", labels | {"model": "model-7"}) == 1
    assert read("parley_answer_seconds_count", labels | {"model": "other"}) == MOST_VALUES
    metrics.observe("parley_answer_seconds", ("x", "model-7", "done"), 1)
    assert read("parley_answer_seconds_count", labels | {"model": "model-7"}) == 2, "a known one stays"


def test_alerts_about_turns_and_reports_are_told_apart_by_their_kind_alone() -> None:
    metrics = Metrics()
    for what in ("turn 17", "turn 18", "report weekly:2026-11-23 in slack:C1", "account one/first"):
        metrics.count("parley_alerts_total", {"what": what, "code": "internal"})
    read = metrics.registry.get_sample_value
    for what, number in (("turn", 2), ("report", 1), ("account one/first", 1)):
        assert read("parley_alerts_total", {"what": what, "code": "internal"}) == number


def test_gauges_are_read_when_the_metrics_are() -> None:
    metrics, loads = Metrics(), {"one": 3.0}
    metrics.sample_each("parley_breakers_open", lambda: [((name,), value) for name, value in loads.items()])
    read = metrics.registry.get_sample_value
    assert read("parley_breakers_open", {"account": "one"}) == 3
    loads["two"] = loads.pop("one")
    assert read("parley_breakers_open", {"account": "one"}) is None
    assert read("parley_breakers_open", {"account": "two"}) == 3
