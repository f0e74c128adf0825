"""Markdown set for platforms that know less of it. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from core.delivery.markdown.parser import Leaf, Span, inline, is_closed, lead, leaves

DELIMITER_ROW = re.compile(
    r"[ \t]*+(?:\|[ \t]*+)?+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-++:?+[ \t]*+)*+(?:\|[ \t]*+)?+$"
)
_CELL_END = re.compile(r"(?<!\\)\|")
_CELL_MARKS = re.compile(r"\*\*|__|(?<!`)`(?!`)")
_DEEP_HEADING = re.compile(r"([-*+>\d.) \t]*?)#{4,6}+[ \t]++(?=.)")
TASK = re.compile(r"\[([ xX])\](?=[ \t])")
"""The mark of a task, at the beginning of a list item."""
_RULE = re.compile(r"([-*_])(?:[ \t]*+\1){2,}+(?=[ \t]*+$)", re.MULTILINE)
"""A horizontal rule: https://spec.commonmark.org/0.31.2/#thematic-breaks"""
_DRAWN_RULE = "─" * 12
_RULE_LINE = re.compile(rf"\n[-*+>\d.) \t]{{0,20}}?{_RULE.pattern}", re.MULTILINE)
_SIGNS = ("|", "####", "~~~", "[ ]", "[x]", "[X]", "![", "\\(", "\\[", "\\begin", "$", "<")
"""Text without any of these, and without a rule, needs no change."""
_LONGEST_FENCE = 8
"""Tildes; a longer run is a line that was drawn."""
_WIDEST = 120
"""Columns of text beyond which a table in code is harder to read than its Markdown."""


class Edit(NamedTuple):
    """`source[start:end]` becomes `text`."""

    start: int
    end: int
    text: str


def edited(source: str, edits: Iterable[Edit], between: Callable[[str], str] = str) -> str:
    """`source` with edits that do not overlap, and the text between them converted by `between`."""
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [between(source[at : edit.start]), edit.text]
        at = edit.end
    return "".join(parts) + between(source[at:])


def width(text: str) -> int:
    """Columns that `text` takes in a fixed-width font: wide East Asian characters and emoji two, marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200b\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def typeset(text: str, *, tables: bool = False) -> str:
    """`text` with formulas as code, tasks as boxes, pictures as links and `<br>` as line ends; unless `tables`, also
    with each table as a code block of aligned columns, deep headings in bold, rules as lines and every fence of
    backticks.

    `tables`: the platform has them, and all of CommonMark."""
    if not (any(sign in text for sign in _SIGNS) or _RULE_LINE.search("\n" + text)):
        return text
    edits: list[Edit] = []
    for leaf in leaves(text)[1]:
        source = text[leaf.start : leaf.end]
        if leaf.kind == "inline":
            edits += _inline_edits(source, leaf, headings=not tables)
        elif leaf.kind == "math_block":
            before = lead(source[: len(source) - len(source.lstrip(" \t>"))])
            edits.append(
                Edit(leaf.start, leaf.end, _code(leaf.token.content.split("\n"), before) + _ending(source))
            )
        elif not tables and leaf.kind == "table":
            edits += _table(source, leaf)
        elif not tables and leaf.kind == "fence":
            edits += _backticks(source, leaf)
        elif not tables and leaf.kind == "hr" and (rule := _RULE.search(source)):
            edits.append(Edit(leaf.start + rule.start(), leaf.start + rule.end(), _DRAWN_RULE))
    return edited(text, edits)


def _ending(source: str) -> str:
    return "\n" if source.endswith("\n") else ""


def _code(lines: list[str], before: str) -> str:
    return "\n".join(f"{before}{line}" for line in ("```", *lines, "```"))


def task_box(task: re.Match[str]) -> str:
    """The character for a match of `TASK`: an empty or a ticked box."""
    return "☐" if task[1] == " " else "☑"


def _inline_edits(source: str, leaf: Leaf, *, headings: bool) -> Iterator[Edit]:
    task = TASK.match(leaf.token.content) if leaf.lists else None
    if task and (at := source.find(task[0])) >= 0:
        yield Edit(leaf.start + at, leaf.start + at + len(task[0]), task_box(task))
    deep = _DEEP_HEADING.match(source) if headings else None
    if deep is not None and (words := source[deep.end() :].rstrip(" \t#\n")):
        bold = words.replace("**", "")
        yield Edit(leaf.start + deep.end(1), leaf.end, f"**{bold}**{_ending(source)}")
        return
    taken = 0
    for span in sorted(inline(source).spans, key=lambda span: span.start):
        if span.start >= taken and (text := _span(source, span)) is not None:
            yield Edit(leaf.start + span.start, leaf.start + span.end, text)
            taken = span.end


def _span(source: str, span: Span) -> str | None:
    written = source[span.start : span.end]
    match span.kind:
        case "image" if "](" in written:
            return written[1:] if not written.startswith("![]") else f"[🖼]{written[3:]}"
        case "math":
            return f"`{written.strip('$') if written[0] == '$' else written[2:-2]}`".replace("` ", "`").replace(
                " `", "`"
            )
        case "break":
            line = source.rfind("\n", 0, span.start) + 1
            quoted = source[line : span.start]
            marks = quoted[: len(quoted) - len(quoted.lstrip(" \t>"))]
            return f"\n{lead(marks)}" if source[span.end : span.end + 1] not in ("", "\n") else ""
    return None


def _backticks(source: str, leaf: Leaf) -> Iterator[Edit]:
    """The marks of a fence of tildes."""
    marks = leaf.token.markup
    if marks[0] != "~" or len(marks) > _LONGEST_FENCE or "```" in leaf.token.content:
        return
    at = leaf.start + source.find(marks)
    yield Edit(at, at + len(marks), "```")
    if is_closed(leaf.token):
        end = source.rstrip().rfind("\n") + 1
        begin = leaf.start + source.find("~", end)
        yield Edit(begin, leaf.start + len(source.rstrip()), "```")


def _table(source: str, leaf: Leaf) -> Iterator[Edit]:
    rows = source.removesuffix("\n").split("\n")
    before = lead(rows[0][: len(rows[0]) - len(rows[0].lstrip(" \t>"))])
    table = _aligned([row.lstrip(" \t>") if leaf.quotes else row for row in rows])
    if table:
        yield Edit(leaf.start, leaf.end, _code(table, before) + _ending(source))


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    parts = _CELL_END.split(inner)
    if inner.endswith("|") and not inner.endswith("\\|"):
        parts.pop()
    return [_CELL_MARKS.sub("", part).replace("\\|", "|").replace("<br>", " ").strip() for part in parts]


def _aligned(rows: list[str]) -> list[str]:
    """The rows in columns; nothing where they would be too wide, or would end the code."""
    head, marks, *body = map(_cells, rows)
    columns = max(map(len, (head, *body)))
    if 3 * columns > _WIDEST:
        return []
    table = [(row + [""] * columns)[:columns] for row in (head, *body)]
    widths = [max(width(row[column]) for row in table) for column in range(columns)]
    if sum(widths) + 3 * columns > _WIDEST or any("```" in cell for row in table for cell in row):
        return []
    right = [mark.endswith(":") and not mark.startswith(":") for mark in (marks + [""] * columns)[:columns]]

    def line(row: list[str]) -> str:
        return " | ".join(
            " " * (widths[i] - width(cell)) + cell if right[i] else cell + " " * (widths[i] - width(cell))
            for i, cell in enumerate(row)
        ).rstrip()

    rule = "-+-".join("-" * size for size in widths)
    return [line(table[0]), rule, *map(line, table[1:])]
