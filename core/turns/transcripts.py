"""Transcripts of voice clips as a quote above the answer, so that people see the text that the model was given.
Pure."""

from __future__ import annotations

from collections.abc import Iterable

from core.files.names import safe_name
from core.i18n import phrase
from core.text import TRANSCRIPT_MARK
from core.values.parts import File

LONGEST = 12_000
"""Characters of one transcript that are quoted: about a quarter of an hour of speech."""


def transcripts_to_quote(heard: Iterable[File], language: str) -> str:
    """The Markdown quote of the transcripts with a blank line under it; empty where there are none.

    Each transcript is one line. Its mark shows code that reads our own messages that it is not part of the
    answer.
    """
    lines = [TRANSCRIPT_MARK + _one(file, language) for file in heard]
    return "\n>\n".join(lines) + "\n\n" if lines else ""


def _one(file: File, language: str) -> str:
    name = safe_name(file.name) or phrase("file_unnamed", language)
    text = " ".join(file.text.split())
    key = "file_heard_cut" if len(text) > LONGEST else "file_heard"
    return phrase(key, language, name=name, text=text[:LONGEST])
