"""Gives the words of a refused command or form back to their author, where a platform keeps neither. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.commands import COMMANDS, SECRET
from core.commands.parser import CommandError, options_of
from core.i18n import phrase
from core.text import quoted, shortened
from core.values.events import ButtonPress, Command
from core.values.ui import ImmediateReply

_LONG = 60
"""The length from which the text of an option other than a question is given back."""
_MOST = 6_000
"""The most characters that are given back: each limit of a form or a command that a platform has is lower."""


def with_words(reply: ImmediateReply, event: Command | ButtonPress, language: str) -> ImmediateReply:
    """`reply` itself, or the refusal of `event` with what was written: each question, and other texts that are long."""
    words = "\n\n".join(_written(event)) if reply.refused and reply.whisper else ""
    if not words.strip():
        return reply
    kept = quoted(shortened(words, _MOST, ""))
    cut = phrase("text_cut", language, n=len(words)) if len(words) > _MOST else ""
    return replace(reply, text=f"{reply.text}\n\n{phrase('words_given_back', language)}\n{kept}{cut}")


def _written(event: Command | ButtonPress) -> Iterator[str]:
    if isinstance(event, ButtonPress):
        yield event.text
        return
    spec = COMMANDS.get(event.name)
    try:
        typed = options_of(spec, event.argument) if spec is not None else {}
    except CommandError:
        typed = {"": event.argument}
    for name, text in (typed | dict(event.options)).items():
        if name != SECRET and (name == "question" or (name != "about" and len(text) >= _LONG)):
            yield text
