"""The list of messages for one turn. Pure: a thread's lines in, what the model is given out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.conversation.tokens import correction, estimate, reckon
from core.ports.store import LastUsage
from core.speakers import label_of, labels_of, set_off
from core.text import is_blank
from core.values.conversation import Ask, Message, ThreadMessage

HEADROOM = 0.9
"""Share of the window that is filled: the estimate is off by less than a tenth in 99 of 100 cases."""

SEVERAL_PEOPLE = (
    "Several people may write here; each of their messages begins with its author's name and a colon."
)
UNREAD = "Earlier messages of this thread could not be read. If they matter, say that you can't see them."
GO_ON = "Go on exactly where you stopped. Do not repeat anything and do not comment on it."
WORDLESS = "({name} addressed you without writing anything.)"
WORDLESS_DIRECT = "(A message without words.)"
LEFT_OUT = "The oldest messages of this conversation were left out, because it has grown long."


@dataclass(frozen=True, slots=True)
class Prompt:
    """`estimate_tokens` is our own, uncorrected count of `messages`."""

    messages: tuple[Message, ...]
    estimate_tokens: int


def build(
    lines: list[ThreadMessage],
    ask: Ask,
    *,
    system: str,
    complete: bool,
    window_tokens: int,
    answer_tokens: int,
    spent: LastUsage | None = None,
    share: float = 1.0,
) -> Prompt:
    """The messages of `ask`'s turn, ending with its question, cut from the oldest on to fit the window.

    `complete` is False where older messages could not be read: the model is told. The question itself is
    never left out, however long. No message is blank, for strict endpoints refuse a list with an empty one: a line
    without words is left out, or says so where it was a question. `answer_tokens` of the window are kept free for the
    answer. `share`: how much of what would fit is kept, for an endpoint that found it too long.
    """
    ids = {line.id for line in lines}
    lines = [line for line in lines if not line.anchor or line.anchor in ids]  # no answers without a question
    if ask.id not in ids:
        lines = [*lines, ThreadMessage(ask.id, ask.author, ask.text, ask.at)]
    known = labels_of(lines)
    questions = {line.anchor for line in lines if line.anchor} | {ask.id}
    said = [
        line_to_message(line, ask, known)
        for line in lines
        if not is_blank(line.text) or (line.id in questions and not line.mine)
    ]
    notes = [system] if ask.place.direct else [system, SEVERAL_PEOPLE]
    if not complete:
        notes.append(UNREAD)
    head = estimate("\n\n".join(notes))
    tokens = reckon(head + sum(estimate(message.content) for message in said), spent, _answer(lines, spent))
    room = (window_tokens - answer_tokens) * HEADROOM
    room = min(room, tokens) * share if share < 1 else room
    kept = _newest(said, tokens - room, correction(spent))
    if len(kept) < len(said):
        notes.append(LEFT_OUT)
    head_text = "\n\n".join(note for note in notes if not is_blank(note))
    messages = (*((Message("system", head_text),) if head_text else ()), *kept)
    return Prompt(messages, sum(estimate(message.content) for message in messages))


def _answer(lines: list[ThreadMessage], spent: LastUsage | None) -> int | None:
    """The estimate of the answer that the last usage ended in, if it is in the list."""
    for line in reversed(lines):
        if spent is not None and line.mine and line.anchor == spent.anchor:
            return estimate(line.text)
    return None


def line_to_message(line: ThreadMessage, ask: Ask, known: Mapping[str, str]) -> Message:
    """A line of the thread as the model sees it: people apart by their labels (`known`), except where there is only
    one. Neighbours may be joined for endpoints that want it, and are told apart then too."""
    if line.mine:
        return Message("assistant", line.text)
    if is_blank(line.text):
        label = label_of(line, known)
        return Message("user", WORDLESS_DIRECT if ask.place.direct else WORDLESS.format(name=label))
    if ask.place.direct:
        return Message("user", line.text)
    return Message("user", f"{label_of(line, known)}: {set_off(line.text, known.values())}")


def _newest(messages: list[Message], excess: float, correction: float) -> list[Message]:
    """`messages` without the oldest ones, until `excess` tokens are gone; the last one always stays."""
    first = 0
    while excess > 0 and first < len(messages) - 1:
        excess -= estimate(messages[first].content) * correction
        first += 1
    while 0 < first < len(messages) - 1 and messages[first].role == "assistant":
        first += 1  # nor here
    return messages[first:]
