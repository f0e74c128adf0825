"""The pictures of an answer, posted one by one behind its text, or within its first message. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import Code
from core.values.outgoing import AnswerPicture


@dataclass(slots=True)
class PictureQueue:
    """Pictures in the order in which they are posted. `shown` are those that people can see; `refused` has the reason
    of each that they can't. `not_embedded` is the reason why the last message is shown without its picture, None where
    there is none."""

    shown: list[AnswerPicture] = field(default_factory=list)
    refused: list[Code] = field(default_factory=list)
    not_embedded: Code | None = None

    def next(self, pictures: Sequence[AnswerPicture]) -> AnswerPicture | None:
        """The first of the answer's `pictures` that is neither shown nor refused."""
        return next(iter(pictures[len(self.shown) + len(self.refused) :]), None)

    def more(self, pictures: Sequence[AnswerPicture]) -> bool:
        """True if another of `pictures` follows the next one."""
        return len(pictures) > len(self.shown) + len(self.refused) + 1
