"""The pictures of an answer, posted one by one behind its text. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import Code, PlatformError
from core.values.outgoing import AnswerPicture

MOST_TRIES = 5
"""Failed uploads of one picture in a row, rate limits apart, after which the answer stays without it."""


@dataclass(slots=True)
class PictureQueue:
    """Pictures in the order in which they are posted. `shown` are those that people can see; `refused` has the reason
    of each that they can't."""

    shown: list[AnswerPicture] = field(default_factory=list)
    refused: list[Code] = field(default_factory=list)

    def next(self, pictures: Sequence[AnswerPicture]) -> AnswerPicture | None:
        """The first of the answer's `pictures` that is neither shown nor refused."""
        return next(iter(pictures[len(self.shown) + len(self.refused) :]), None)

    def more(self, pictures: Sequence[AnswerPicture]) -> bool:
        """True if another of `pictures` follows the next one."""
        return len(pictures) > len(self.shown) + len(self.refused) + 1

    def gives_up(self, error: PlatformError, failures: int, *, heals: bool = False) -> bool:
        """True if the next picture is left out for `error`, its `failures`th in a row. `heals`: the cause may end."""
        if (error.retryable or heals) and failures < MOST_TRIES:
            return False
        self.refused.append(error.code)
        return True
