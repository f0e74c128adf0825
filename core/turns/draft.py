"""An answer that is being written: its steps so far, and their text as readers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.conversation.files import FileNews, ThreadFiles
from core.errors import BotError
from core.settings.channel import ChannelSettings
from core.turns.interrupts import Interrupt
from core.values.deltas import ChargeKind, Ended, ModelInfo, Usage
from core.values.memory import FoundMessage, QuestionVector
from core.values.outgoing import Activity
from core.values.parts import Opaque, Text, ToolCall, ToolsUsed
from core.values.steps import ApprovalAnswered, ApprovalAsked, Decision, ModelRound, Step, pending_calls
from core.values.usage import Charge

BETWEEN_ROUNDS = "\n\n---\n\n"
"""Markdown that sets the words of a round apart from the remarks that the model made before its calls. It is written
behind them, because a message that grows can't change what it shows."""
MOST_ROUNDS = 8
"""Rounds of one answer. In the last one the model may not call tools."""


@dataclass(slots=True)
class Draft:
    """The answer of one turn so far: its text, rounds, usage and end."""

    text: str = ""
    """The model's text of all rounds."""
    steps: list[Step] = field(default_factory=list)
    round_start: int = 0
    """The offset of the current round in `text`, with its separator from the one before."""
    ended: Ended | None = None
    """The end of the last round; None from the beginning of the next one to its end."""
    error: BotError | None = None
    interrupt: Interrupt | None = None
    prompt_tokens: int = 0
    """Our own estimate of the messages that the model was given; 0 where none was asked."""
    reads: bool = False
    """A model has the request of the current round, and has not ended its answer or failed."""
    pictures: int = 0
    """The pictures that the model was given."""
    model_info: ModelInfo | None = None
    settings: ChannelSettings | None = None
    began_s: float = 0.0
    """Monotonic time at which the turn began to run."""
    first_word_s: float | None = None
    """Seconds from then to the model's first word."""
    charged: list[Charge] = field(default_factory=list)
    """The charges for tries that gave no round, and for other work than the rounds."""
    files: ThreadFiles = field(default_factory=ThreadFiles)
    """The files that the model was given."""
    file_news: tuple[FileNews, ...] = ()
    activity: Activity = field(default_factory=Activity)
    """The tool calls so far, as readers see them."""
    reasoning: list[str] = field(default_factory=list)
    """The pieces of the current try's reasoning."""
    arguments: list[str] = field(default_factory=list)
    """The pieces of the arguments of its tool calls."""
    paid_by_two: bool = False
    """Another person has paid for what it has spent before its question was edited."""
    near_limit: bool = False
    """The current round is the last one, since a limit of spending is nearly used up."""
    summed_up: bool = False
    """A summary stands for the beginning of the thread in the prompt."""
    tells_summary: bool = False
    """The answer is the first one to say so."""
    offered: tuple[int, ...] = ()
    """The turns whose answers the model was offered, in the order of the numbers by which it may cite them."""
    found: tuple[FoundMessage, ...] = ()
    """The messages of the platform's search that it was offered in place of answers. They are never stored."""
    meaning: QuestionVector | None = None
    """The vector of the question."""
    unseen: tuple[FileNews, ...] = ()
    """Pictures of the question that the selected model does not see."""

    @property
    def rounds(self) -> list[ModelRound]:
        return [step for step in self.steps if isinstance(step, ModelRound)]

    @property
    def charges(self) -> list[Charge]:
        """All charges so far."""
        return [*self.charged, *self.charges_of_steps]

    @property
    def charges_of_steps(self) -> list[Charge]:
        """The charges that are part of its steps."""
        return [Charge(ChargeKind.ANSWER, one.model, one.usage) for one in self.rounds]

    @property
    def numbers(self) -> range:
        """The numbers by which the model may cite what it was offered."""
        return range(1, len(self.offered or self.found) + 1)

    @property
    def asked(self) -> ApprovalAsked | None:
        """The request that a person has to decide before the turn goes on."""
        last = self.steps[-1] if self.steps else None
        return last if isinstance(last, ApprovalAsked) else None

    @property
    def declined(self) -> Decision | None:
        """The reason why the turn ends, or begins anew, without an answer to its request."""
        match self.steps[-1:]:
            case [ApprovalAnswered(decision=decision)] if decision is not Decision.ANSWERED:
                return decision
        return None

    @property
    def exhausted(self) -> bool:
        """True if the answer has as many rounds as it may have, all but the last one with tool calls."""
        return len(self.rounds) >= MOST_ROUNDS

    @property
    def may_go_on(self) -> bool:
        """True if the model was not free to call more tools in its last round."""
        return self.exhausted or self.near_limit

    @property
    def tools_used(self) -> ToolsUsed:
        """The tools whose calls have a result, and how much of the text is remarks before the last round's words."""
        pending = pending_calls(self.steps)
        calls = (call for one in self.rounds for call in one.calls if call not in pending)
        names = dict.fromkeys(call.name for call in calls)
        return ToolsUsed(tuple(names), len(self.text) - len(self.round_text) if self.round_text else 0)

    @property
    def own_account(self) -> bool:
        """True if the workspace's own model account writes it."""
        return self.settings is not None and self.settings.account is not None

    @property
    def round_text(self) -> str:
        """The text of the current round."""
        return self.text[self.round_start :].removeprefix(BETWEEN_ROUNDS)

    def resume(self, steps: Sequence[Step]) -> None:
        """Go on behind the steps of an earlier run."""
        self.steps = list(steps)
        texts = [one.text for one in self.rounds if one.text]
        self.text = BETWEEN_ROUNDS.join(texts)
        if steps and (isinstance(steps[-1], ModelRound) or self.declined):
            last = self.rounds[-1]
            self.ended = Ended(last.reason, last.usage, last.model)
            self.round_start = len(BETWEEN_ROUNDS.join(texts[:-1])) if last.text else len(self.text)

    def restart(self) -> None:
        """Begin again without steps. Their usage stays charged."""
        self.charged = self.charges
        self.text, self.steps, self.ended, self.error, self.first_word_s = "", [], None, None, None
        self.activity, self.offered, self.found, self.meaning = Activity(), (), (), None

    def begin_round(self) -> None:
        self.round_start, self.ended = len(self.text), None
        self.begin_try()

    def begin_try(self) -> None:
        """A model is asked for the current round."""
        self.reasoning, self.arguments = [], []

    def add(self, text: str) -> None:
        """Add a piece of the current round's text."""
        if len(self.text) == self.round_start:
            text = text.lstrip()
            text = BETWEEN_ROUNDS + text if text and self.text else text
        self.text += text

    def end_round(self, ended: Ended, calls: Sequence[ToolCall | Opaque], usage: Usage) -> ModelRound:
        texts = (Text(self.round_text),) if self.round_text else ()
        return ModelRound(
            (*texts, *calls), ended.reason, usage, self.model_info.name if self.model_info else ""
        )
