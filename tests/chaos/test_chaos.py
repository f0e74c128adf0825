"""The short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.storm import Storm, Weather

SEED = 1
"""The same storm in every run; `make chaos` makes new ones."""
SHORT = Weather(questions=30, threads=8, kills=2, kill_every_s=4.0, settle_s=30.0)


@pytest.mark.chaos
async def test_every_question_is_answered_once_whole_and_in_order(tmp_path: Path) -> None:
    storm = Storm(tmp_path, SHORT, SEED, {})
    report = await storm.blow()
    assert report.good, (report, storm.output)
    assert report.asked == 30
