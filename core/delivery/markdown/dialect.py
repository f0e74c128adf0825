"""Markdown set for platforms that know less of it: tables as aligned code, deep headings as bold. Pure."""

from __future__ import annotations

import re
import unicodedata

from core.delivery.markdown.fences import outside_fences

DELIMITER_ROW = re.compile(
    r"[ \t]*+(?:\|[ \t]*+)?+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-++:?+[ \t]*+)*+(?:\|[ \t]*+)?+$"
)
_CELL_END = re.compile(r"(?<!\\)\|")
_MARKS = re.compile(r"\*\*|__|(?<!`)`(?!`)")
_DEEP_HEADING = re.compile(r"#{4,6}+[ \t]++(?=.)")
_WIDEST = 120
"""Columns of text beyond which a table in code is harder to read than its Markdown."""


def width(text: str) -> int:
    """Columns that `text` takes in a fixed-width font: wide East Asian characters and emoji two, marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200b\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def typeset(text: str) -> str:
    """`text` with each table, outside code, as a code block whose columns stand under each other."""
    if "|" not in text and "####" not in text:
        return text
    return outside_fences(text, _typeset)


def _typeset(words: str) -> str:
    lines = words.split("\n")
    out: list[str] = []
    at = 0
    while at < len(lines):
        if _begins_table(lines, at):
            end = at + 2
            while end < len(lines) and "|" in lines[end] and lines[end].strip():
                end += 1
            out += _block(lines[at:end])
            at = end
        else:
            out.append(_heading(lines[at]))
            at += 1
    return "\n".join(out)


def _heading(line: str) -> str:
    deep = _DEEP_HEADING.match(line)
    if deep is None:
        return line
    words = line[deep.end() :].rstrip(" \t#")
    return f"**{words}**" if words else line


def _begins_table(lines: list[str], at: int) -> bool:
    head = lines[at]
    return (
        "|" in head
        and at + 1 < len(lines)
        and "|" in lines[at + 1]
        and DELIMITER_ROW.match(lines[at + 1]) is not None
    )


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    parts = _CELL_END.split(inner)
    if inner.endswith("|") and not inner.endswith("\\|"):
        parts.pop()
    return [_MARKS.sub("", part).replace("\\|", "|").replace("<br>", " ").strip() for part in parts]


def _block(rows: list[str]) -> list[str]:
    head, marks, *body = map(_cells, rows)
    columns = max(map(len, (head, *body)))
    if 3 * columns > _WIDEST:
        return rows
    table = [(row + [""] * columns)[:columns] for row in (head, *body)]
    widths = [max(width(row[column]) for row in table) for column in range(columns)]
    if sum(widths) + 3 * columns > _WIDEST or any("```" in cell for row in table for cell in row):
        return rows
    right = [mark.endswith(":") and not mark.startswith(":") for mark in (marks + [""] * columns)[:columns]]

    def line(row: list[str]) -> str:
        return " | ".join(
            " " * (widths[i] - width(cell)) + cell if right[i] else cell + " " * (widths[i] - width(cell))
            for i, cell in enumerate(row)
        ).rstrip()

    rule = "-+-".join("-" * size for size in widths)
    return ["```", line(table[0]), rule, *map(line, table[1:]), "```"]
