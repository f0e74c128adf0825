"""The short form of `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

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
