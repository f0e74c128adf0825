"""Texts of any length that are hard to read quickly: each shape repeats what sends a careless scanner back."""

from __future__ import annotations

from collections.abc import Callable

_REPEATED = {
    "bars": "|",
    "spaces": " ",
    "tabs": "\t",
    "lines": "\n",
    "letters": "x",
    "words": "word ",
    "chinese": "世",
    "families": "👨‍👩‍👧‍👦",
    "flags": "🇩🇪",
    "accents": "e\u0301",
    "NUL": "\x00",
    "halves": "\ud800",
    "quotes": "> ",
    "nested quotes": ">",
    "items": "- ",
    "numbers": "1. ",
    "backticks": "`",
    "tildes": "~",
    "stars": "*",
    "underscores": "_",
    "brackets": "[",
    "closed brackets": "[]",
    "angles": "<",
    "hashes": "#",
    "backslashes": "\\",
    "spoilers": "||",
    "spoiler words": "||a ",
    "emphasis": "*a ",
    "strong and emphasis": "**a*_",
    "marks in words": "a*b",
    "half links": "[a](b",
    "half labels": "[a ",
    "half titles": '[a](b "c',
    "half addresses": "[a](",
    "pictures": "![a",
    "bare addresses": "http://a.test ",
    "joined addresses": "http://",
    "mentions": "<@U1> ",
    "half mentions": "<@U",
    "half commands": "</a",
    "dates": "<!date^",
    "tags": "<br ",
    "entities": "&amp;",
    "headings": "# # ",
    "lone fences": "```\n",
    "fences": "```py\nx\n```\n",
    "tilde fences": "~~~\n`\n",
    "fences in items": "- a\n\n      ```\n      x\n      ```\n",
    "deep fences": "    ```\n",
    "code": "`a` ",
    "rows": "| a | b |\n",
    "tables": "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
    "delimiters": "|---",
    "half delimiters": "a|b\n|-",
    "blank paragraphs": "a\n \n",
    "carriage returns": "\r",
    "separators": "\u2028",
}
_RUNS = {
    "one row": ("|", "x", "|"),
    "one cell": ("| a |\n|---|\n| ", "c", " |"),
    "delimiter of spaces": ("a|b\n", " ", "-x|"),
    "heading of spaces": ("# ", " ", "x"),
    "heading of hashes": ("#### ", "# ", "x"),
    "item of spaces": ("- ", " ", "\u2028"),
    "fence line of spaces": ("```", " ", "`x"),
    "fence line": ("```py ", "x", "\ny"),
    "marks and a letter": ("", "*", "x"),
    "marks after words": ("a *b", "_", "x"),
    "code of spaces": ("` ", " ", "x`"),
    "code with a blank": ("` ", "x ", "x`"),
    "address of dots": ("http://", ".", "x"),
    "bold": ("**", "word ", "**"),
    "open bold": ("**", "word ", ""),
    "open code": ("`", "word ", ""),
    "open spoiler": ("||", "word ", ""),
    "open fence": ("```\n", "word\n", ""),
    "label": ("[", "word ", "](http://a.test)"),
    "target": ("[a](", "(b)", ")"),
    "head of a table": ("", "| a ", "|\n" + "|-|\n"),
    "row of a table": ("| a |\n|---|\n", "| b ", "|\n"),
    "short rows under a long one": ("| " + "c" * 90 + " |\n|---|\n", "|a\n", ""),
    "item and blank lines": ("- a", "\n", "x"),
    "quoted fence": ("> ```\n", "> x\n", ""),
}


def _nested_lists(length: int) -> str:
    lines = [" " * (2 * (depth % 150)) + "- x" for depth in range(length // 150)]
    return "\n".join(lines)[:length]


def _backtick_runs(length: int) -> str:
    """Runs of all lengths, so that none has its pair."""
    runs, size = [], 1
    while length > 0:
        runs.append("`" * size + "a")
        length -= size + 1
        size += 1
    return "".join(runs)


def _repeated(part: str) -> Callable[[int], str]:
    return lambda length: (part * (length // len(part) + 1))[:length]


def _run(parts: tuple[str, str, str]) -> Callable[[int], str]:
    before, part, after = parts
    return lambda length: before + _repeated(part)(max(0, length - len(before) - len(after))) + after


SHAPES: dict[str, Callable[[int], str]] = {
    **{name: _repeated(part) for name, part in _REPEATED.items()},
    **{name: _run(parts) for name, parts in _RUNS.items()},
    "nested lists": _nested_lists,
    "runs of backticks": _backtick_runs,
}
"""From a length to a text of about that many characters."""
