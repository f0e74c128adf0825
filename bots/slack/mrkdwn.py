"""Slack's notation of text: read into plain words, and written so that no mention ever fires. Pure.

https://docs.slack.dev/messaging/formatting-message-text/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from core.delivery.markdown.code_ranges import code_ranges, within
from core.delivery.markdown.dialect import Edit, edited
from core.delivery.markdown.parser import Mark, inline, leaves
from core.speakers import label as one_line

_ENTITY = re.compile(r"<([^<>\n]+)>")
_PERSON = re.compile(r"<@([UW]\w+)(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!(?:subteam\^|here\b|channel\b|everyone\b|group\b)")

# Slack reads these as mentions: <@U1>, <#C1>, <!here>, <!subteam^S1>, <!date^...>. Other uses of "<", as in
# `a < b`, `<div>` or `<!-- -->`, are left alone, so that code can be copied.
_FIRES = re.compile(r"<(?=@[UWB]\w|#[CGD]\w|!(?i:here|channel|everyone|group|subteam|date)\b)")
_FIRES_OR_MAY = re.compile(rf"{_FIRES.pattern}|<(?=(?:[@#!]\w*)?\Z)")
_HARMLESS = "<\u200b"

_LINE_START = re.compile(r"^(?P<quote>[ \t>]*+)(?P<item>[-*+](?=[ \t]))?", re.MULTILINE)
_FIRST = re.compile(r"[ \t>]*+(?:[-*+][ \t]++)?+")
_HEADING = re.compile(r"(?P<marks>#{1,6}[ \t]+)(?P<words>[^\n]*?)[ \t]*#*[ \t]*\n?\Z")
_LINK = re.compile(r"\[((?:\\.|[^\[\]\\\n])+)\]\((https?://[^\s()<>|]+)\)")
_BACKSLASH = re.compile(r"\\([!-/:-@\[-`{-~])")
_CHANNEL = re.compile(r"<#[CG][A-Z0-9]+>")


def mrkdwn_to_text(mrkdwn: str, name_of: Callable[[str], str]) -> str:
    """Plain text: mentions by name, links as `label (address)`, entities decoded. `name_of` takes a user id. A name
    can't change the structure of its line."""
    text = _ENTITY.sub(lambda found: _entity(found[1], name_of), mrkdwn)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def people_mentioned(mrkdwn: str) -> tuple[str, ...]:
    """The user ids mentioned, in order."""
    return tuple(_PERSON.findall(mrkdwn))


def calls_a_group(mrkdwn: str) -> bool:
    """True if a user group or everybody in the channel is called."""
    return _GROUP.search(mrkdwn) is not None


def without_greeting(mrkdwn: str, user_id: str) -> str:
    """The text without mentions of `user_id` at its start, as in `<@U1>: hello`."""
    return re.sub(rf"^\s*(?:<@{re.escape(user_id)}(?:\|[^<>]*)?>(?:[,:](?=\s|$))?\s*)+", "", mrkdwn)


def escaped(text: str) -> str:
    """`text` for a field that Slack reads as mrkdwn: it shows as it is, and nothing in it is a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def disarmed(text: str, after: str = "") -> str:
    """`text` for a Markdown field, with a zero-width space in everything that would be a mention.

    Code is unchanged: Slack reads no mention in it. `after` is the text before `text`, in which a code block may be
    open.
    """
    return _broken(_FIRES, after + text, len(after))


def disarmed_mrkdwn(text: str) -> str:
    """`text` for a field that Slack reads as mrkdwn, no longer than need be: mentions are broken in code too."""
    return _FIRES.sub(_HARMLESS, text)


def mentions_channels(markdown: str) -> bool:
    """True if Parley's own Markdown mentions a channel: no backslash is before the mention."""
    return any(_CHANNEL.fullmatch(edit.text) for edit in _edits(markdown, own=True))


def markdown_to_mrkdwn(markdown: str, *, own: bool = False) -> str:
    """Markdown for where Slack reads only its own notation: emphasis, headings, lists and links are turned into it,
    and code stays. Nothing is a mention, but with `own` those of channels that no backslash escapes."""
    return edited(markdown, _edits(markdown, own=own), escaped)


def _edits(markdown: str, *, own: bool) -> list[Edit]:
    edits: list[Edit] = []
    for leaf in leaves(markdown)[1]:
        if leaf.kind == "inline":
            source = markdown[leaf.start : leaf.end]
            edits += (
                Edit(leaf.start + at, leaf.start + end, text) for at, end, text in _mrkdwn(source, own=own)
            )
    return edits


def _mrkdwn(source: str, *, own: bool) -> Iterator[Edit]:
    """The mrkdwn of a paragraph or heading, with the marks before its lines."""
    for start in _LINE_START.finditer(source):
        yield Edit(*start.span(), start["quote"] + ("•" if start["item"] else ""))
    begin = _FIRST.match(source).end()  # type: ignore[union-attr]
    heading = _HEADING.match(source, begin)
    if heading is not None:
        yield Edit(begin, heading.start("words"), "*")
        yield Edit(heading.end("words"), heading.end("words"), "*")
    found = inline(source)
    taken: list[tuple[int, int]] = []
    for span in sorted(found.spans, key=lambda span: (span.start, -span.end)):
        if taken and span.start < taken[-1][1]:
            continue
        if link := _LINK.fullmatch(source, span.start, span.end):
            label = _BACKSLASH.sub(r"\1", link[1])
            yield Edit(span.start, span.end, f"<{link[2]}|{escaped(label)}>")
        elif span.kind == "escape":
            yield Edit(span.start, span.end, escaped(_BACKSLASH.sub(r"\1", source[span.start : span.end])))
        elif span.kind != "backticks":
            continue
        taken.append((span.start, span.end))
    if own:
        for mention in _CHANNEL.finditer(source):
            if not any(start < mention.end() and mention.start() < end for start, end in taken):
                yield Edit(*mention.span(), mention[0])
    yield from _emphasis(source, found.marks, heading is not None)


def _emphasis(source: str, marks: Sequence[Mark], heading: bool) -> Iterator[Edit]:
    paired = [mark for mark in marks if mark.paired]
    while paired:
        first, *rest = paired
        two = bool(rest) and rest[0].at == first.at + len(first.text) and rest[0].text == first.text
        paired = rest[1:] if two and first.text != "~~" else rest
        if first.text == "~~":
            yield Edit(first.at, first.at + 2, "~")
        elif two:
            yield Edit(first.at, first.at + 2, "" if heading else "*")
        else:
            yield Edit(first.at, first.at + 1, "_")


def disarmed_piece(text: str, after: str = "") -> str:
    """`disarmed`, for words that more words follow: nothing at the end can become a mention with them."""
    return _broken(_FIRES_OR_MAY, after + text, len(after))


def _broken(pattern: re.Pattern[str], text: str, start: int) -> str:
    """`text` from `start` on, with every match outside of code broken."""
    code = code_ranges(text) if pattern.search(text, start) else []
    parts, at = [], start
    for found in pattern.finditer(text, start):
        if not within(code, found.start()):
            parts += [text[at : found.start()], _HARMLESS]
            at = found.end()
    return "".join(parts) + text[at:]


def _entity(entity: str, name_of: Callable[[str], str]) -> str:
    target, _, label = entity.partition("|")
    if not target.strip():  # no markup of Slack's, such as a model's `<|im_end|>`
        return f"<{entity}>"
    match target[:1]:
        case "@":
            return "@" + one_line(name_of(target[1:]))
        case "#":
            return "#" + (label or target[1:])
        case "!":
            return label or "@" + target[1:].rpartition("^")[2] if "^" in target else "@" + target[1:]
    address = target.removeprefix("mailto:").removeprefix("tel:")
    same = label.rstrip("/") in (address.rstrip("/"), address.partition("://")[2].rstrip("/"))
    return address if same or not label else f"{label} ({address})"
