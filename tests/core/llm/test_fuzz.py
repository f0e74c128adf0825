"""The short form of `make fuzz`, the same streams every time."""

from __future__ import annotations

from tests.fuzz.__main__ import fuzz


async def test_no_stream_breaks_the_reader() -> None:
    outcomes = await fuzz(3_000, seed=4)
    assert outcomes["answered"] > 300
    assert len(outcomes) > 8, "the streams are too much alike"
