"""The vectors of teams, kept in memory for the search by meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field

import structlog

from core.errors import StoreError
from core.values.memory import SourceScope, Vector
from core.values.places import Place
from storage import source_vectors
from storage.engine import Database
from storage.vector_matrix import VectorMatrix

log = structlog.get_logger()

MOST_VECTORS = 100_000
"""The newest vectors of a team that are searched."""
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of the vectors of all teams together. Those of the team that was searched last stay."""
FEW = 2_000
"""Vectors that are read in some 20 ms: a search waits for that."""

Key = tuple[str, str, str, int]
"""A platform, a team, a model and the dimension of its vectors."""


def key_of(place: Place, vector: Vector) -> Key:
    """The key of the vectors that `vector`, of a question at `place`, is one of."""
    return place.platform, place.team, vector.model, vector.dimension


@dataclass(slots=True)
class _Loading:
    """A team whose vectors are being read, and what has happened since the read began."""

    added: list[tuple[int, str, bytes]] = field(default_factory=list)
    changed: bool = False


class KeptVectors:
    """Reads the vectors of a team at its first search: beside the searches, if there are many. A vector that is stored
    is added (`add`); `forget` drops those that are not stored any more. Vectors of other models leave the memory at the
    first search by a new one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._teams: dict[Key, VectorMatrix] = {}
        """The team that was searched last is the last one."""
        self._loading: dict[Key, _Loading] = {}
        self._due: set[tuple[str, str]] = set()
        """The teams whose vectors are about to be compared with those that are stored."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def ranked(self, scope: SourceScope, vector: Vector, count: int) -> list[int] | None:
        """The turns of the channels of `scope` whose vectors are the most similar, best first, at most `count`. None
        while the vectors are being read. Raises StoreError."""
        key = (scope.platform, scope.team, vector.model, vector.dimension)
        if key not in self._teams and not await self._load(key):
            return None
        matrix = self._teams.pop(key, None)
        if matrix is None:  # it was dropped meanwhile
            return None
        self._teams[key] = matrix
        return await asyncio.to_thread(matrix.ranked, vector.values, scope.channels, count)

    async def add(self, key: Key, turn_ids: Collection[int]) -> None:
        """Vectors of these turns may be stored now. Raises nothing."""
        if key not in self._teams and key not in self._loading:
            return
        try:
            rows = await self._database.read(source_vectors.some, key[2], turn_ids)
        except StoreError as error:
            log.warning("vectors_not_read", **error.log_keys)
            return
        if key in self._loading:
            self._loading[key].added += rows
        elif key in self._teams:
            self._teams[key].add(rows)

    async def forget(self, platform: str, team: str) -> None:
        """Drop the vectors of the team that are not stored any more; all of them where the database does not say.
        An empty `team` is every one of the platform."""
        for key, loading in self._loading.items():
            loading.changed = loading.changed or _is_of(key, platform, team)
        for key in [key for key in self._teams if _is_of(key, platform, team)]:
            await self._compare(key)

    def forget_later(self, place: Place) -> None:
        """`forget` in the background."""
        platform, team = place.platform, place.team
        loaded = any(_is_of(key, platform, team) for key in (*self._teams, *self._loading))
        if loaded and (platform, team) not in self._due:
            self._due.add((platform, team))
            self._start(self._forget_due(platform, team))

    async def _forget_due(self, platform: str, team: str) -> None:
        self._due.discard((platform, team))
        await self.forget(platform, team)

    def drop(self) -> None:
        """Have all vectors read again: teams have other ids now."""
        self._teams.clear()
        for loading in self._loading.values():
            loading.changed = True

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _compare(self, key: Key) -> None:
        matrix = self._teams[key]
        before = matrix.ids
        try:
            matrix.remove(before - await self._database.read(source_vectors.ids, *key))
        except StoreError as error:
            self._teams.pop(key, None)
            log.warning("vectors_dropped", **error.log_keys)

    async def _load(self, key: Key) -> bool:
        """Read the vectors of a team. False where that goes on in the background."""
        if key in self._loading:
            return False
        loading = self._loading[key] = _Loading()
        try:
            many = await self._database.read(source_vectors.has_more_than, *key, FEW)
        except BaseException:
            del self._loading[key]
            raise
        reading = self._start(self._read(key, loading))
        if not many:
            await asyncio.shield(reading)  # a search that is given up leaves it to the next one
        return key in self._teams

    async def _read(self, key: Key, loading: _Loading) -> None:
        try:
            most = max(1, min(MOST_VECTORS, MOST_BYTES // (4 * key[-1])))
            rows = await self._database.read(source_vectors.newest, *key, most)
            matrix = await asyncio.to_thread(_matrix, key[-1], most, rows)
        finally:
            del self._loading[key]
        matrix.add(loading.added)
        for other in [other for other in self._teams if other[2:] != key[2:]]:
            del self._teams[other]
        self._teams[key] = matrix
        self._make_room()
        if loading.changed:
            await self._compare(key)

    def _make_room(self) -> None:
        while len(self._teams) > 1 and sum(matrix.size for matrix in self._teams.values()) > MOST_BYTES:
            del self._teams[next(iter(self._teams))]

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _logged(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except StoreError as error:
        log.warning("vectors_not_read", **error.log_keys)


def _matrix(dimension: int, most: int, rows: source_vectors.Rows) -> VectorMatrix:
    matrix = VectorMatrix(dimension, most)
    matrix.add(rows)
    return matrix


def _is_of(key: Key, platform: str, team: str) -> bool:
    return key[0] == platform and team in ("", key[1])
