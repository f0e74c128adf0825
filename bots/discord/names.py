"""The name of a thread, made of the question that opens it. Pure.

A name shows no Markdown, so what Discord would format loses its marks, and signs that format nothing stay. What is
hidden in the message, between `||`, stays hidden:
https://support.discord.com/hc/en-us/articles/210298617 (Markdown),
https://support.discord.com/hc/en-us/articles/360022320632 (spoilers).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from core.text import is_blank

NAME_LIMIT = 90
"""Characters of a thread's name; Discord allows 100."""
HIDDEN = "▇▇▇"
"""The text in place of a spoiler."""

_SPOILER = "||"
_HELD, _OVER = "\ue000", "\ue001"
"""Around the number of a text that is taken as it is: private characters, which no name needs."""
_PIECE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<ticks>`+)|(?P<spoiler>\|\|)"
    r"|<(?P<quiet>https?://[^\s>]+)>|(?P<url>https?://[^\s()<>|]*[^\s()<>|*_~.,;:!?])"
)
_RESTORED = re.compile(rf"{_HELD}(\d+){_OVER}")
_LINK = re.compile(rf"\[([^\[\]\n]+)\]\({_HELD}\d+{_OVER}\)")
_LANGUAGE = re.compile(r"\A[\w+#.-]*\n")
_LINE_MARK = re.compile(r"^(?:[ \t]*+(?:#{1,3}|-#|>>>|>)[ \t]++)+", re.MULTILINE)
_EMPHASIS = re.compile(r"\*{1,3}|_{1,3}|~~")


def question_to_name(question: str, otherwise: str) -> str:
    """The question in one line, at most `NAME_LIMIT` characters; `otherwise` where it shows nothing."""
    line = " ".join(_plain(question).split())
    if len(line) > NAME_LIMIT:
        head = line[: NAME_LIMIT - 1]
        line = (head.rsplit(" ", 1)[0] if " " in head[NAME_LIMIT // 2 :] else head).rstrip() + "…"
    return otherwise[:NAME_LIMIT] if is_blank(line) else line


def _plain(text: str) -> str:
    """`text` without formatting. Code, links and escaped signs are held back while marks are looked for."""
    shown, held = _held_back(text.replace(_HELD, "").replace(_OVER, ""))
    shown = _without_marks(_LINE_MARK.sub("", _LINK.sub(r"\1", shown)))
    return _RESTORED.sub(lambda found: held[int(found[1])], shown)


def _held_back(text: str) -> tuple[str, list[str]]:
    """`text` with a number for each part that is taken as it is, and those parts. Goes forward only."""
    runs, last_spoiler = _runs_of_ticks(text), text.rfind(_SPOILER)
    shown: list[str] = []
    held: list[str] = []
    at = 0
    while found := _PIECE.search(text, at):
        shown.append(text[at : found.start()])
        at, kept = found.end(), found["escaped"] or found["quiet"] or found["url"] or found[0]
        if found["ticks"] and (end := _next_run(runs, len(found["ticks"]), at)):
            kept, at = _LANGUAGE.sub("", text[at:end]), end + len(found["ticks"])
        elif found["spoiler"] and at < last_spoiler:
            kept, at = HIDDEN, text.find(_SPOILER, at + 1) + len(_SPOILER)
        shown.append(f"{_HELD}{len(held)}{_OVER}")
        held.append(kept)
    return "".join([*shown, text[at:]]), held


def _runs_of_ticks(text: str) -> dict[int, Iterator[int]]:
    """The starts of the backtick runs, by their length."""
    runs: dict[int, list[int]] = defaultdict(list)
    for found in re.finditer("`+", text):
        runs[len(found[0])].append(found.start())
    return {length: iter(starts) for length, starts in runs.items()}


def _next_run(runs: dict[int, Iterator[int]], length: int, after: int) -> int:
    """The start of the next run of this length, or 0."""
    return next((start for start in runs.get(length, ()) if start >= after), 0)


def _without_marks(text: str) -> str:
    """The text without the pairs of marks that emphasise: each closes the newest open one of its kind."""
    marks = list(_EMPHASIS.finditer(text))
    opened: list[int] = []
    kinds: Counter[str] = Counter()
    paired: set[int] = set()
    for number, mark in enumerate(marks):
        before, after = text[max(0, mark.start() - 1) : mark.start()], text[mark.end() : mark.end() + 1]
        if kinds[mark[0]] and _ends(before, after):
            while marks[other := opened.pop()][0] != mark[0]:
                kinds[marks[other][0]] -= 1
            kinds[mark[0]] -= 1
            paired |= {other, number}
        elif _ends(after, before):
            opened.append(number)
            kinds[mark[0]] += 1
    numbers = iter(range(len(marks)))
    return _EMPHASIS.sub(lambda mark: "" if next(numbers) in paired else mark[0], text)


def _ends(inside: str, outside: str) -> bool:
    """True if a mark between these two characters ends (or begins) a word: `snake_case` and `a*b` have none."""
    return bool(inside) and not inside.isspace() and not (outside.isalnum() or outside == "_")
