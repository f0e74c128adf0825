"""The drawing of the architecture, `docs/architecture.svg`: parts of Parley and a question's way through them.

It has a light ground of its own, so that it can be read on dark and on light pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT = 960, 640
TITLE = "A question's way through Parley"
ABOUT = (
    "An event of a platform becomes a stored turn in core/inbox. core/turns answers it with what core/conversation, "
    "core/memory and core/tools give, by a model through core/llm. core/delivery shows the growing answer by calls to "
    "the platform. storage keeps each step."
)
LINE = 17
"""Pixels from one line of text to the next."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part, at (`x`, `y`) with its size. `outside`: it is no part of Parley."""

    title: str
    lines: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    outside: bool = False

    @property
    def paths(self) -> list[str]:
        """The folders and modules that the title names."""
        return [] if self.outside else self.title.split(", ")


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way along `points`, with a label at (`x`, `y`)."""

    points: tuple[tuple[int, int], ...]
    label: str = ""
    x: int = 0
    y: int = 0


BOXES = (
    Box("People", ("in Slack, in Discord, on the chat page",), 30, 24, 690, 52, outside=True),
    Box(
        "bots/slack, bots/discord, bots/web",
        ("a folder a platform: connector and incoming bring events, installation makes calls",),
        30,
        122,
        690,
        58,
    ),
    Box(
        "core/inbox",
        ("may this person ask?", "a question becomes a Turn: stored,", "then acknowledged"),
        30,
        226,
        300,
        84,
    ),
    Box(
        "core/platform_calls.py",
        ("each call once, in time:", "rate limits, retries, what is unsure"),
        420,
        226,
        300,
        84,
    ),
    Box(
        "core/turns",
        ("queues a thread, runs the turn step by", "step, goes on after a restart"),
        30,
        356,
        300,
        70,
    ),
    Box("core/delivery", ("pages of the growing answer,", "as fast as the platform allows"), 420, 356, 300, 70),
    Box("core/conversation", ("the thread as", "messages, files"), 30, 472, 160, 76),
    Box("core/memory", ("earlier answers that", "all there may read"), 206, 472, 160, 76),
    Box("core/tools", ("built-in and MCP,", "approvals"), 382, 472, 160, 76),
    Box("core/llm", ("accounts, models,", "retries, streams"), 558, 472, 162, 76),
    Box(
        "storage",
        ("SQLite or", "PostgreSQL", "", "questions,", "steps, answers,", "posted ids,", "settings, usage"),
        790,
        226,
        140,
        200,
    ),
    Box("Endpoints", ("OpenAI", "compatible"), 790, 472, 140, 76, outside=True),
    Box(
        "bots/app.py, bots/programs.py",
        (
            "compose, start and end it. core/operators has alerts and metrics, bots/operator the operator's page",
        ),
        30,
        576,
        900,
        48,
    ),
)
ARROWS = (
    Arrow(((180, 76), (180, 122)), "event", 190, 104),
    Arrow(((180, 180), (180, 226)), "Ask, Event", 190, 208),
    Arrow(((180, 310), (180, 356)), "Turn", 190, 338),
    Arrow(((330, 391), (420, 391)), "words", 355, 382),
    Arrow(((110, 426), (110, 472))),
    Arrow(((286, 426), (286, 472))),
    Arrow(((310, 426), (310, 449), (462, 449), (462, 472))),
    Arrow(((462, 449), (638, 449), (638, 472)), "Request", 648, 462),
    Arrow(((720, 510), (790, 510)), "HTTPS", 733, 501),
    Arrow(((570, 356), (570, 310)), "Reply", 580, 350),
    Arrow(((570, 226), (570, 180))),
    Arrow(((570, 122), (570, 76)), "message, edit, file", 580, 104),
    Arrow(((330, 268), (375, 268), (375, 330), (790, 330)), "transactions", 612, 322),
)


def drawing() -> str:
    """The drawing as SVG."""
    return "\n".join([*_head(), *(part for arrow in ARROWS for part in _arrow(arrow)), *_boxes(), "</svg>", ""])


def _head() -> Iterator[str]:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(TITLE)}>'
    yield f"<title>{escape(TITLE)}</title>"
    yield f"<desc>{escape(ABOUT)}</desc>"
    yield (
        "<style>text { font: 13px system-ui, sans-serif; fill: #1f2328 } .name { font-weight: 600; font-size: 14px } "
        ".label { fill: #57606a; font-size: 12px } path { fill: none; stroke: #57606a; stroke-width: 1.5 }</style>"
    )
    yield (
        '<marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#57606a"/></marker>'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#f6f8fa" stroke="#d0d7de"/>'


def _arrow(arrow: Arrow) -> Iterator[str]:
    way = " L".join(f"{x},{y}" for x, y in arrow.points)
    yield f'<path d="M{way}" marker-end="url(#end)"/>'
    if arrow.label:
        yield f'<text class="label" x="{arrow.x}" y="{arrow.y}">{escape(arrow.label)}</text>'


def _boxes() -> Iterator[str]:
    for box in BOXES:
        fill = 'fill="#fff8e6" stroke="#bf8700"' if box.outside else 'fill="#ffffff" stroke="#0969da"'
        yield f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8" {fill}/>'
        yield f'<text class="name" x="{box.x + 12}" y="{box.y + 21}">{escape(box.title)}</text>'
        for at, line in enumerate(box.lines, 1):
            if line:
                yield f'<text x="{box.x + 12}" y="{box.y + 21 + at * LINE}">{escape(line)}</text>'
