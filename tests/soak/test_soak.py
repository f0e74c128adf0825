"""The short form of `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.crowd import Pace, crowd
from tests.soak.soak import soak
from tests.waiting import HANG_S

SEED = 1
"""The same answers in every run; `make soak` makes new ones."""


@pytest.mark.chaos
async def test_hostile_answers_hold_up_neither_the_health_page_nor_the_end(tmp_path: Path) -> None:
    report, output = await soak(tmp_path, 8.0, 0.4, SEED)
    assert report.answered >= report.asked, output
    assert report.longest_wait_s < HANG_S
    assert report.ended == 0, output
    assert "Traceback" not in output, output


@pytest.mark.chaos
async def test_no_word_of_many_answers_at_once_is_lost(tmp_path: Path) -> None:
    report = await crowd(tmp_path, 6.0, Pace(live=12, words_per_s=10.0, events_per_s=20.0, questions_per_s=3.0))
    assert (report.asked, report.lost, report.ended) == (18, [], 0), report.output
    assert report.events == 120
    assert max(report.live) > 1
    assert len(report.acks_s) >= 60
    assert "Traceback" not in report.output, report.output
