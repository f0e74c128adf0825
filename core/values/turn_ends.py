"""The end of a turn, and what is shown of an ended turn: the footer of an answer, an alert or a report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.values.conversation import Turn, TurnState
from core.values.deltas import Usage
from core.values.failures import Failure
from core.values.memory import QuestionVector
from core.values.outgoing import NO_SOURCES, AnswerPicture, Sources
from core.values.parts import Attached, File, ToolsUsed
from core.values.steps import ApprovalAsked
from core.values.tasks import UpdateAlert
from core.values.ui import Button
from core.values.usage import Charge


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a turn. The store keeps it, the answer's message and the usage in one transaction.

    `posted` are the ids of the answer's messages, in order. `error` is a `Code`, `ref` the reference that the log has
    too. `estimate_tokens` is our own estimate of the prompt that `usage` counts; None where `usage` counts no prompt,
    or those of several tries. `latency_ms` runs from the beginning of the turn.
    `first_word_s`: seconds from there to the model's first word, None where none came.
    """

    turn: Turn
    state: TurnState
    text: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    posted: tuple[str, ...] = ()
    error: str = ""
    ref: str = ""
    failure: Failure | None = None
    """The cause of `error`, for the operators."""
    model: str = ""
    own_account: bool = False
    """True if the workspace's own model account wrote it in this run."""
    usage: Usage | None = None
    charges: tuple[Charge, ...] = ()
    """The parts of `usage`, one for each kind and model. In the state ASKING those that are not part of its steps."""
    of_steps: tuple[Charge, ...] = ()
    """The other parts of `usage` in the state ASKING."""
    estimate_tokens: int | None = None
    latency_ms: int = 0
    first_word_s: float | None = None
    tools: ToolsUsed = field(default_factory=ToolsUsed)
    rounds: int = 0
    """Rounds of the model that have ended; it is logged, not stored."""
    asked: tuple[int, ApprovalAsked] | None = None
    """The request of a turn in the state ASKING, behind its number as a step."""
    quoted: tuple[tuple[str, str], ...] = ()
    """The clips whose transcripts are quoted above the text (`core.turns.transcripts`): the id of the message of each,
    and its `File.source`."""
    cited: tuple[tuple[int, int], ...] = ()
    """The earlier answers that it cites: the number of each, and the turn that gave it."""
    sources: Sources = NO_SOURCES
    """Those of them that its readers may read, as they are shown under it. They are not stored: what is shown of one
    later is read then."""
    pictures: tuple[AnswerPicture, ...] = ()
    """Pictures that follow the text; once it is shown, those that people can see."""
    embedded: AnswerPicture | None = None
    """The picture within the last message; None once that is shown without it."""
    indexed: bool = True
    """False for an answer that is no source of a memory, since there may be none where it was asked for."""
    meaning: QuestionVector | None = None
    """The vector of the question, as it was when it was asked for."""
    anonymous: str | None = None
    """The text of a report without the names and the words of people, which takes its place once a person is
    forgotten. None where the text is no report."""

    def captioned(self, text: str) -> str:
        """`text`, and under it the caption of the picture within the last message."""
        return "\n\n".join(filter(None, (text, self.embedded.caption if self.embedded else "")))

    @property
    def attached(self) -> tuple[Attached, ...]:
        """The other content of the answer's message. A picture is named; its content is not kept with it."""
        within = (self.embedded,) if self.embedded else ()
        pictures = (
            File(one.title, one.media_type, size=len(one.content), source=one.name)
            for one in (*within, *self.pictures)
        )
        return (*((self.tools,) if self.tools.names else ()), *pictures)


@dataclass(frozen=True, slots=True)
class AnswerFooter:
    """The notice and buttons under an answer whose turn has ended.

    `message_id` is the answer's message. Where the answer has no text there is no such message, and the footer is
    shown alone. `question` is the id of the message that was answered, `at` its time. `cited` and `quoted` as in
    `Finish`.
    """

    message_id: str
    question: str
    at: datetime
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    cited: tuple[tuple[int, int], ...] = ()
    quoted: tuple[tuple[str, str], ...] = ()


MOST_ANNOUNCEMENTS, ANNOUNCED_FOR = 200, timedelta(days=90)
"""The most announcements that a platform without a history of its own shows, and the time for which it does."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An alert or a report at the top of a channel, as its message shows it now.

    `at` is the time at which it was posted. `files` are the pictures within it that are stored.
    """

    turn_id: int
    message_id: str
    at: datetime
    text: str
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()

    def updated(self, task: UpdateAlert, text: str) -> Announcement:
        """The alert after `task`, whose ask has `text`, or none once the person in it is forgotten."""
        return replace(self, text=text or task.anonymous or self.text, notice="", buttons=())
