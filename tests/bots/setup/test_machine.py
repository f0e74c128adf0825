"""The language and the time zone that a machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.setup.machine import machine_language, machine_zone


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, ""),
        ({"LANG": "fr_FR.UTF-8"}, ""),
        ({}, ""),
    ],
)
def test_the_language_is_that_of_the_locale_where_parley_speaks_it(
    environment: dict[str, str], language: str
) -> None:
    assert machine_language(environment) == language


def test_the_zone_is_named_by_a_variable_or_by_a_link(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Asia/Kathmandu")
    assert machine_zone({}, link) == "Asia/Kathmandu"
    assert machine_zone({"TZ": ":Europe/Berlin"}, link) == "Europe/Berlin"
    assert machine_zone({"TZ": "CET-1CEST"}, link) == ""
    assert machine_zone({}, tmp_path / "missing") == ""
