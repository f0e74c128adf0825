from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.commands import COMMANDS
from core.commands.parser import options_of, values_of
from core.commands.summaries import values_to_task
from core.values.tasks import Summarize

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "task"),
    [
        ("of:thread", Summarize(False, 500)),
        ("of:channel", Summarize(True, 100)),
        ("last:20 of:channel", Summarize(True, 20)),
        ("hours:3.0 of:channel", Summarize(True, 500, NOON - timedelta(hours=3))),
        ("of:channel since:2026-01-01T11:00:00+00:00", Summarize(True, 500, NOON - timedelta(hours=1))),
    ],
)
def test_the_options_say_what_to_sum_up(typed: str, task: Summarize) -> None:
    spec = COMMANDS["summarize"]
    assert values_to_task(values_of(spec, options_of(spec, typed)), NOON) == task
