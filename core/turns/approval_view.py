"""The request of an ASKING turn as people see it: the notice, its buttons, and the whole arguments. Pure."""

from __future__ import annotations

import json
import re
import unicodedata

import regex
from yarl import URL

from core.i18n import phrase, tool_label
from core.speakers import label
from core.text import is_unseen, shortened
from core.values.conversation import Turn
from core.values.parts import ToolCall
from core.values.steps import ApprovalAsked
from core.values.ui import Attachment, Button, ImmediateReply

APPROVE, DENY, ALWAYS, ARGUMENTS = "approve", "deny", "always", "arguments"
"""The actions of the buttons, each before the key of the request."""

_MOST_CALLS, _MOST_ARGUMENTS = 4, 4
_CALL_LENGTH, _NAME_LENGTH, _VALUE_LENGTH = 240, 40, 60
"""Characters of a call, of an argument's name and of its value in a notice, which has to fit one message."""
_MESSAGE_LENGTH = 3_000
"""Characters of arguments that are shown in a message; longer ones are a file."""
_EMOJI = regex.compile(
    r"\p{Extended_Pictographic}\ufe0f?[\U0001f3fb-\U0001f3ff]?(?:\u200d(?=\p{Extended_Pictographic}))?"
)
"""An emoji with what may change or join it: https://www.unicode.org/reports/tr51/#Emoji_Sequences"""
_AUTHORITY = re.compile(r"(?<=://)[^\s/?#\\\"]+")
"""The host of a URL, with its port."""
_FENCE = "```"


def approval_notice(turn: Turn, asked: ApprovalAsked, language: str) -> str:
    """The notice of a request: one line with the people who may approve it, and one for each call with its tool
    and the beginning of its arguments."""
    name = label(turn.ask.author.name) or turn.ask.author.id
    head = phrase("asking_named" if asked.approvers else "asking", language, name=name)
    lines = [f"• {_call_line(call, language)}" for call in asked.calls[:_MOST_CALLS]]
    if (more := len(asked.calls) - _MOST_CALLS) > 0:
        lines.append(phrase("asking_more", language, n=more))
    return "\n".join((head, *lines))


def approval_buttons(turn: Turn, asked: ApprovalAsked, language: str) -> tuple[Button, ...]:
    """The buttons of the request. Its key is part of each: a press for an earlier request counts for no later one."""
    actions = (APPROVE, DENY, *((ALWAYS,) if asked.reading else ()), ARGUMENTS)
    return tuple(Button(f"{one}-{asked.key}", phrase(f"approval_{one}", language), turn.id) for one in actions)


def action_and_key(action: str) -> tuple[str, str] | None:
    """The action of a button of a request, and the key of the request; None of every other button."""
    name, dash, key = action.partition("-")
    return (name, key) if dash and name in (APPROVE, DENY, ALWAYS, ARGUMENTS) else None


def arguments_reply(asked: ApprovalAsked, language: str) -> ImmediateReply:
    """The whole arguments of the calls, for one person: in the message, or as a file where they are long."""
    head = phrase("approval_whole", language)
    shown = [(tool_label(call.name, language), _whole(call)) for call in asked.calls]
    if sum(len(arguments) for _, arguments in shown) <= _MESSAGE_LENGTH:
        blocks = (f"`{tool}`\n{_FENCE}json\n{arguments}\n{_FENCE}" for tool, arguments in shown)
        return ImmediateReply("\n\n".join((head, *blocks)))
    text = "\n\n".join(f"{tool}\n{arguments}" for tool, arguments in shown)
    return ImmediateReply(head, file=Attachment("arguments.txt", "text/plain", text.encode("utf-8", "replace")))


def _call_line(call: ToolCall, language: str) -> str:
    """The tool with its arguments, as JSON so that no value can pass for another argument."""
    tool, arguments = tool_label(call.name, language), call.parsed
    if not isinstance(arguments, dict):
        return shortened(f"{tool} ({_visible(call.arguments)})", _CALL_LENGTH)
    named = [
        f"{shortened(_visible(name), _NAME_LENGTH)}: {shortened(_json(value), _VALUE_LENGTH)}"
        for name, value in list(arguments.items())[:_MOST_ARGUMENTS]
    ]
    listed = ", ".join([*named, *(["…"] if len(arguments) > _MOST_ARGUMENTS else [])])
    return shortened(f"{tool} ({listed})" if listed else tool, _CALL_LENGTH)


def _whole(call: ToolCall) -> str:
    arguments = call.parsed
    text = call.arguments if arguments is None else json.dumps(arguments, indent=2, ensure_ascii=False)
    return "\n".join(_visible(line) for line in text.split("\n"))


def _json(value: object) -> str:
    return _visible(json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> str:
    """`text` with an escape in place of what a reader would not see, such as a mark of direction, and of backticks that
    would end a code block. The hosts of URLs have their ASCII form: letters of other scripts look like Latin ones."""
    text = _AUTHORITY.sub(lambda found: _to_ascii(found[0]), text)
    pieces, at = list[str](), 0
    for emoji in _EMOJI.finditer(text):
        pieces += [*map(_shown, text[at : emoji.start()]), emoji[0]]
        at = emoji.end()
    return "".join((*pieces, *map(_shown, text[at:]))).replace(_FENCE, 3 * "\\u0060")


def _to_ascii(host: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc5891#section-4.4"""
    if host.isascii():
        return host
    try:
        return URL(f"http://{host}").raw_authority
    except ValueError:
        return json.dumps(host)[1:-1]


def _shown(character: str) -> str:
    hidden = is_unseen(character) and unicodedata.category(character) != "Zs"
    hidden = hidden or unicodedata.category(character) in ("Cs", "Co")
    return json.dumps(character)[1:-1] if hidden else character
