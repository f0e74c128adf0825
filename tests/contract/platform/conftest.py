"""Each platform, before it runs and while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.rigs import RIGS
from tests.contract.rigs.rig import Rig


@pytest.fixture(params=RIGS)
async def idle(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A platform that does not run yet."""
    rig = RIGS[request.param]()
    await rig.open()
    try:
        yield rig
    finally:
        await rig.stop()
        await rig.close()


@pytest.fixture
async def rig(idle: Rig) -> Rig:
    await idle.start()
    return idle
