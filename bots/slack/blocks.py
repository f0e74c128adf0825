"""The words in blocks, in Slack's notation. Pure.

https://docs.slack.dev/reference/block-kit/blocks and /block-elements,
https://docs.slack.dev/reference/block-kit/blocks/rich-text-block#element-types
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bots.slack.mrkdwn import escaped

Block = Mapping[str, Any]

_CHOICES = ("options", "option_groups")
"""Fields with the choices of a menu, which are hidden until it opens."""
_OPEN_CHOICES = ("checkboxes", "radio_buttons")


def blocks_to_mrkdwn(blocks: Iterable[Block]) -> str:
    """The words in blocks as people see them: texts, alternative texts, labels of buttons with their addresses."""
    return _lines(_words(block) for block in blocks)


def table_to_mrkdwn(table: Block) -> str:
    """A line for each row: `a | b`. https://docs.slack.dev/reference/block-kit/blocks/table-block"""
    return "\n".join(" | ".join(" ".join(_words(cell).split()) for cell in row) for row in table["rows"])


def _words(part: Any) -> str:
    match part:
        case {"type": "mrkdwn", "text": str(text)}:
            return text
        case {"type": "plain_text" | "text" | "raw_text" | "markdown", "text": str(text)}:
            return escaped(text)
        case {"type": "table", "rows": list()}:
            return table_to_mrkdwn(part)
        case {"type": "image" | "video"}:
            return _picture(part)
        case {"type": "button" | "workflow_button", "text": label}:
            return linked(part.get("url"), f"[{_words(label)}]")
        case {"type": "call", "call": {"v1": Mapping() as call}}:
            return linked(call.get("join_url"), escaped(str(call.get("name") or "")))
        case {"type": "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" | "rich_text_list"}:
            return _rich_text(part)
        case {"type": "context" | "actions" | "context_actions", "elements": list(elements)}:
            return "\n".join(filter(None, map(_words, elements)))
        case {"type": str(kind)} if kind in _INLINE:
            return _inline(kind, part)
        case Mapping():
            unseen = () if part.get("type") in _OPEN_CHOICES else _CHOICES
            return _lines(_words(inner) for name, inner in part.items() if name not in {"confirm", *unseen})
        case list():
            return _lines(map(_words, part))
    return ""


def _inline(kind: str, part: Block) -> str:
    """The text of an inline element; empty for one without the fields of its kind, or with a time out of
    range."""
    try:
        return _INLINE[kind](part)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return ""


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(text for one in texts if (text := one.strip("\n")))


def _picture(part: Block) -> str:
    """The title of a video, its URL, its description, and the alternative text of its picture."""
    title = linked(part.get("title_url"), _words(part.get("title")))
    more = (_words(part.get("description")), escaped(str(part.get("alt_text") or "")))
    return _lines([title, *(text for text in more if text != title)])


def _rich_text(part: Block) -> str:
    elements: list[Any] = part["elements"]
    if part["type"] == "rich_text_list":
        return "\n".join(_items(part))
    text = "".join(map(_words, elements))
    if part["type"] == "rich_text_quote":
        return "\n".join(f"&gt; {line}" for line in text.split("\n"))
    return f"```\n{text}\n```" if part["type"] == "rich_text_preformatted" else text


def _items(part: Block) -> Iterator[str]:
    first = int(part.get("offset") or 0) + 1
    for number, item in enumerate(part["elements"], first):
        mark = f"{number}." if part.get("style") == "ordered" else "•"
        yield "  " * int(part.get("indent") or 0) + f"{mark} {_words(item)}"


def linked(url: Any, label: str) -> str:
    """`label` as a link to `url`, if there is one."""
    return f"<{escaped(url)}|{label}>" if isinstance(url, str) and url and label else label


def _date(part: Block) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text/#date-formatting"""
    if part.get("fallback"):
        return escaped(str(part["fallback"]))
    return f"{datetime.fromtimestamp(int(part['timestamp']), UTC):%Y-%m-%d %H:%M} UTC"


_INLINE: Mapping[str, Callable[[Block], str]] = {
    "user": lambda part: f"<@{part['user_id']}>",
    "usergroup": lambda part: f"<!subteam^{part['usergroup_id']}>",
    "channel": lambda part: f"<#{part['channel_id']}>",
    "broadcast": lambda part: f"<!{part['range']}>",
    "link": lambda part: linked(part["url"], escaped(str(part.get("text") or part["url"]))),
    "emoji": lambda part: f":{part['name']}:",
    "color": lambda part: escaped(str(part["value"])),
    "date": _date,
}
"""Elements of rich text that have no `text`."""
