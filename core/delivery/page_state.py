"""The messages of an answer: what each shows, and how it can still change. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from core.delivery.page_view import PageView
from core.values.outgoing import Page, ToolTask

_NO_SPACES = "\u2e80"
"""Chinese and Japanese characters come from here on."""
NOTHING = PageView(Page(""), 0)
"""The view of a message before it is computed."""


class Life(Enum):
    """The ways in which a message can still change.

    `STILL`: by edits. `GROWS`: it is an open stream. `ENDS`: the stream has to be stopped without further words.
    `DOUBTED`: as `ENDS`, and the message may show more than is known.
    """

    STILL = auto()
    GROWS = auto()
    ENDS = auto()
    DOUBTED = auto()


@dataclass(slots=True, eq=False)
class PageState:
    """One message of the answer, the `number`th that was begun. It shows `opens` and the words from `start` on.

    `size` is its limit, in the platform's unit. `start` and `end` are offsets into the reply's text: `start` is None
    while the page before it is not full, `end` is set once the next page has begun. `shown` is the page that the
    message shows, or None where that is unknown. `upto` is the offset behind the last word that is shown. `version` is
    the layout's version at its last update. `left`: it keeps its words and loses its notice and buttons. `final`: it
    does not change any more. `stop_by`: when its stream has to be stopped, in the clock's seconds. `seen` is its
    newest view, computed of `seen_of`. `tasks_length`: what the updates of tasks have taken of `size`. `replaces`: an
    earlier message with the beginning of the same page, which is deleted next.
    """

    number: int
    size: int
    id: str = ""
    start: int | None = 0
    opens: str = ""
    end: int | None = None
    shown: Page | None = None
    upto: int = 0
    version: int = -1
    left: bool = False
    final: bool = False
    life: Life = Life.STILL
    stop_by: float = 0.0
    tasks_length: int = 0
    seen: PageView = NOTHING
    seen_of: tuple[int, int | None, Life, int, bool] | None = None
    replaces: PageState | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its messages, oldest first. A later process shows the page in the first one."""
        return (*(self.replaces.ids if self.replaces is not None else ()), self.id)

    @property
    def text(self) -> str:
        """The text that the message shows; empty if unknown."""
        return self.shown.text if self.shown else ""

    @property
    def tasks(self) -> tuple[ToolTask, ...]:
        """The tasks that the message shows; empty if unknown."""
        return self.shown.tasks if self.shown else ()

    @property
    def growing(self) -> bool:
        return self.life is not Life.STILL

    @property
    def must_stop(self) -> bool:
        return self.life in (Life.ENDS, Life.DOUBTED)


def in_word(text: str, at: int) -> bool:
    """True if `at` is within a word. Scripts without spaces, such as Chinese, have no words here."""
    around = text[at - 1 : at + 1] if at else ""
    return len(around) == 2 and around.isalnum() and around < _NO_SPACES
