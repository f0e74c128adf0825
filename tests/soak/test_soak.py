"""The short form of `make soak`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.soak.soak import soak
from tests.waiting import HANG_S


@pytest.mark.chaos
async def test_hostile_answers_hold_up_neither_the_health_page_nor_the_end(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    report, output = await soak(tmp_path, 8.0, 0.4, seed)
    assert report.answered >= report.asked, (seed, output)
    assert report.longest_wait_s < HANG_S, seed
    assert report.ended == 0, (seed, output)
    assert "Traceback" not in output, (seed, output)
