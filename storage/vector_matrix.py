"""The vectors of a team in memory, as the rows of one matrix. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEWEST_ROWS = 64
_COPIED_SHARE = 0.25
"""The share of the rows below which those of a scope are copied and multiplied alone. To copy a row takes longer than
to multiply it."""
_NUMBERS = "<f4"


class VectorMatrix:
    """At most `most` vectors of one dimension: the newest that were added. A thread that ranks them sees those of the
    moment at which it began."""

    def __init__(self, dimension: int, most: int) -> None:
        import numpy as np  # only where vectors are searched: it takes 0.1 s and 25 MB

        self._np: Any = np
        self._most = most
        self._rows: NDArray[np.float32] = np.empty((0, dimension), np.float32)
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._channels: NDArray[np.int32] = np.empty(0, np.int32)
        self._numbers: dict[str, int] = {}
        """The number of each channel in `_channels`."""
        self._known: set[int] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Bytes of the vectors."""
        return int(self._rows.nbytes)

    @property
    def ids(self) -> set[int]:
        """The turns of the vectors."""
        return set(self._known)

    def add(self, vectors: Collection[tuple[int, str, bytes]]) -> None:
        """Add the vectors of turns of channels. Those of a turn that has one already are left out."""
        new = [one for one in vectors if one[0] not in self._known][-self._most :]
        if not new:
            return
        np = self._np
        if self._count + len(new) > self._most:
            self._take(np.arange(self._count + len(new) - self._most, self._count))
        end = self._count + len(new)
        if end > len(self._ids):
            self._grow(min(self._most, max(_FEWEST_ROWS, end, 2 * len(self._ids))))
        here = slice(self._count, end)
        joined = b"".join(values for _, _, values in new)
        self._rows[here] = np.frombuffer(joined, _NUMBERS).reshape(len(new), -1)
        self._ids[here] = [turn_id for turn_id, _, _ in new]
        self._channels[here] = [self._number(channel) for _, channel, _ in new]
        self._known.update(turn_id for turn_id, _, _ in new)
        self._count = end

    def remove(self, turn_ids: Iterable[int]) -> None:
        """Remove the vectors of these turns."""
        gone = self._known.intersection(turn_ids)
        if gone:
            np = self._np
            self._take(np.flatnonzero(~np.isin(self._ids[: self._count], list(gone))))

    def ranked(self, values: bytes, channels: Collection[str], count: int) -> list[int]:
        """The `count` turns of these channels whose vectors are the most similar, best first; of equal ones the newest
        is first."""
        np, known = self._np, self._count
        rows, ids, numbers = self._rows[:known], self._ids[:known], self._channels[:known]
        wanted = [number for channel, number in list(self._numbers.items()) if channel in channels]
        among = np.flatnonzero(np.isin(numbers, wanted))
        if not len(among):
            return []
        vector = np.frombuffer(values, _NUMBERS).astype(np.float32)
        # Not `@`: its threads wait for each other in loops, and take several times as long where a processor is busy.
        if len(among) < _COPIED_SHARE * known:
            scores = np.vecdot(rows[among], vector)
        else:
            scores = np.vecdot(rows, vector)[among]
        if len(among) > count:
            best = np.argpartition(scores, len(scores) - count)[-count:]
            among, scores = among[best], scores[best]
        order = np.lexsort((-ids[among], -scores))
        return [int(turn_id) for turn_id in ids[among][order]]

    def _number(self, channel: str) -> int:
        return self._numbers.setdefault(channel, len(self._numbers))

    def _grow(self, room: int) -> None:
        np, known = self._np, self._count
        for name in ("_rows", "_ids", "_channels"):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), old.dtype)
            new[:known] = old[:known]
            setattr(self, name, new)

    def _take(self, kept: Any) -> None:
        """Keep these rows alone, in new arrays: threads may still read the old ones."""
        self._rows, self._ids, self._channels = self._rows[kept], self._ids[kept], self._channels[kept]
        self._count = len(kept)
        self._known = {int(turn_id) for turn_id in self._ids}
