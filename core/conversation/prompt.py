"""The messages of one answer: the thread of a question as a model reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from core.llm.tokens import estimate
from core.ports.model import CountedPrompt
from core.speakers import label_of, labels_of, set_off
from core.text import is_blank
from core.values.conversation import Ask, Message, ThreadMessage, text_message
from core.values.usage import LastUsage

SEVERAL_PEOPLE = (
    "Several people may write here; each of their messages begins with its author's name and a colon."
)
UNREAD = "Earlier messages of this thread could not be read. If they matter, say that you can't see them."
GO_ON = "Go on exactly where you stopped. Do not repeat anything and do not comment on it."
WORDLESS = "({name} addressed you without writing anything.)"
WORDLESS_DIRECT = "(A message without words.)"


def situation(ask: Ask, zone: tzinfo) -> str:
    """When and where the question was asked, for the model. No time of day: endpoints cache equal beginnings."""
    where = "in a direct conversation" if ask.place.direct else "in a channel"
    day = f"{ask.at.astimezone(zone):%A, %d %B %Y}"
    return f"The last message was written on {day} (time zone {zone}), {where} on {ask.place.platform}."


def build(
    lines: Sequence[ThreadMessage], ask: Ask, *, system: str, complete: bool = True
) -> tuple[Message, ...]:
    """The messages of `ask`'s turn, ending with its question.

    `complete` is False where older messages could not be read: the model is told. No message is blank, because strict
    endpoints refuse a list with an empty one: a line without words is left out, or says so where it was a question.
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
    head = "\n\n".join(note for note in notes if not is_blank(note))
    return (text_message("system", head), *said) if head else tuple(said)


def counted_prompt(lines: Sequence[ThreadMessage], usage: LastUsage | None, model: str) -> CountedPrompt | None:
    """`usage`, which `model` reported for a prompt that `lines` go on from; None where there is none."""
    if usage is None:
        return None
    asked = any(line.id == usage.anchor for line in lines)
    answers = (line.text for line in reversed(lines) if line.mine and line.anchor == usage.anchor and asked)
    answer = next(answers, None)
    return CountedPrompt(model, usage, None if answer is None else estimate(answer))


def line_to_message(line: ThreadMessage, ask: Ask, known: Mapping[str, str]) -> Message:
    """A line of the thread as the model sees it: people apart by their labels (`known`), except where there is only
    one. Neighbours may be joined for endpoints that want it, and are told apart then too."""
    if line.mine:
        return text_message("assistant", line.text)
    if is_blank(line.text):
        label = label_of(line, known)
        return text_message("user", WORDLESS_DIRECT if ask.place.direct else WORDLESS.format(name=label))
    if ask.place.direct:
        return text_message("user", line.text)
    return text_message("user", f"{label_of(line, known)}: {set_off(line.text, known.values())}")
