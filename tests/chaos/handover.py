"""The time in which a program that ends hands over what is quiet, by PostgreSQL's locks and its open turns."""

from __future__ import annotations

import asyncio
from time import monotonic

import asyncpg  # type: ignore[import-untyped]

from core.values.places import Place
from storage.replicas.partitions import Partitions

_HELD = """
SELECT held.objid::BIGINT, activity.application_name
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.locktype = 'advisory' AND held.objsubid = 2 AND held.granted
    AND held.classid::BIGINT = (hashtext('parley partitions ' || current_schema())::BIGINT & 4294967295)
"""
_OPEN = "SELECT DISTINCT platform, team FROM turns WHERE state IN ('waiting', 'running')"
_LOOK_S = 0.02
_HANG_S = 30.0


class HandOver:
    """The partitions that one program holds, by its process id, when the context is entered. `shards`: the gateway
    shards of Discord."""

    def __init__(self, url: str, pid: int, shards: int) -> None:
        self._url = url
        self._pid = pid
        self._partitions = Partitions(shards)
        self._waits: set[int] = set()

    async def __aenter__(self) -> HandOver:
        self._connection = await asyncpg.connect(self._url)
        self._waits = {number for number, name in await self._connection.fetch(_HELD) if self._is_own(name)}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def quiet_moved_s(self) -> float:
        """Seconds from now until others hold every one of them that has no open turns meanwhile."""
        began = monotonic()
        async with asyncio.timeout(_HANG_S):
            while await self._is_moving():  # noqa: ASYNC110 (another process)
                await asyncio.sleep(_LOOK_S)
        return monotonic() - began

    async def _is_moving(self) -> bool:
        held, turns = await self._connection.fetch(_HELD), await self._connection.fetch(_OPEN)
        self._waits -= {number for number, name in held if not self._is_own(name)}
        self._waits -= {self._partitions.of(Place(platform, team, "")) for platform, team in turns}
        return bool(self._waits)

    def _is_own(self, name: str) -> bool:
        return name.endswith(f":{self._pid}")
