"""Converts browser requests to Ask, Command or ButtonPress. Pure; invalid input raises RequestError.

`alone`: the page is open to this machine only, so its reader is an operator.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b32encode
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from bots.web.errors import TEXT_LIMIT, Reason, RequestError
from core.commands import COMMANDS, FORGET_ME
from core.commands.parser import command_of
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command
from core.values.places import Person, Place

BODY_LIMIT_BYTES = 13 * TEXT_LIMIT
"""JSON needs up to 12 bytes for a character (an escaped surrogate pair), and a little for the rest."""

TOP = "board"
"""The page's name of the channel's top level, which has no thread of its own."""

TEAM = "local"
"""The one team of the page."""

YOU = "you"

_THREAD = re.compile(rf"{TOP}|[a-z2-7]{{12}}")
_ACTION = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def body_to_ask(body: bytes, at: datetime, locale: str = "", *, alone: bool = True, files: bool = False) -> Ask:
    """`{thread?, text, client_id}`. Without a thread the ask opens one. With `files` it may have no words, and be no
    command but `/ask`.

    The new thread's name is made from the browser's UUID: the same ask sent again lands in the same thread,
    also after a restart.
    """
    fields = _fields(body)
    ask_id = _uuid(fields.get("client_id"))
    thread = fields.get("thread")
    place = thread_to_place(ask_id_to_thread(ask_id) if thread is None else thread, alone=alone)
    text = _text(fields.get("text"))
    if not text and not files:
        raise RequestError(Reason.EMPTY)
    typed = command_of(text) if files else None
    if typed is not None and typed[0] != "ask":
        raise RequestError(Reason.COMMAND_FILES)
    return Ask(ask_id, place, person(locale, alone=alone), text, at, addressed=True)


def ask_to_command(ask: Ask) -> Command | None:
    """A typed command that opens the thread it is in: what it is about is the channel. Else the inbox reads it."""
    typed = command_of(ask.text)
    if typed is None or not COMMANDS[typed[0]].turn or ask.place.thread != ask_id_to_thread(ask.id):
        return None
    top = replace(ask.place, thread="")
    opens = ask.place.thread
    return Command(
        typed[0],
        top,
        ask.author,
        ask.at,
        typed[1],
        id=ask.id,
        opens=opens,
        attached=ask.attached,
        charges=ask.charges,
    )


def body_to_command(body: bytes, at: datetime, locale: str = "", *, alone: bool = True) -> Command:
    """`{name, client_id, options?, thread?}`: a menu, a form or a link of the page. Without a thread it is given in
    a new one, which it opens if it becomes a question."""
    fields = _fields(body)
    command_id = _uuid(fields.get("client_id"))
    name, options, thread = fields.get("name"), fields.get("options", {}), fields.get("thread")
    spec = COMMANDS.get(name) if isinstance(name, str) else None
    if spec is None or not isinstance(options, dict):
        raise RequestError(Reason.MALFORMED)
    known = {option.name for option in spec.options}
    if any(option not in known or not isinstance(value, str) for option, value in options.items()):
        raise RequestError(Reason.MALFORMED)
    if sum(map(len, options.values())) > TEXT_LIMIT:
        raise RequestError(Reason.TOO_LONG)
    opens = ask_id_to_thread(command_id)
    place = thread_to_place(opens if thread is None else thread, alone=alone)
    if thread is None and spec.turn:
        place = replace(place, thread="")
    given = {option: _storable(value) for option, value in options.items()}
    return Command(spec.name, place, person(locale, alone=alone), at, options=given, id=command_id, opens=opens)


def body_to_press(body: bytes, locale: str = "", *, alone: bool = True) -> ButtonPress:
    """`{action, turn_id, thread?, text?}`: `text` is the input of a button's form. Without a thread the button
    belongs to a reply on the blank page."""
    fields = _fields(body)
    action, turn_id = fields.get("action"), fields.get("turn_id")
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        raise RequestError(Reason.MALFORMED)
    least = 0 if action == FORGET_ME else 1
    if not isinstance(turn_id, int) or isinstance(turn_id, bool) or not least <= turn_id < 2**63:
        raise RequestError(Reason.MALFORMED)
    text = _text(fields.get("text", ""))
    place = thread_to_place(fields.get("thread", TOP), alone=alone)
    return ButtonPress(action, turn_id, place, person(locale, alone=alone), text=text)


def thread_to_place(thread: object, *, alone: bool = True) -> Place:
    """The place of a thread of the page. Raises RequestError where there can be no such thread."""
    if not isinstance(thread, str) or not _THREAD.fullmatch(thread):
        raise RequestError(Reason.NO_THREAD)
    return Place("web", TEAM, "web", "" if thread == TOP else thread, direct=alone)


def ask_id_to_thread(ask_id: str) -> str:
    """The name of the thread that a question opens: 12 letters and digits."""
    return b32encode(hashlib.sha256(ask_id.encode()).digest())[:12].decode().lower()


def person(locale: str = "", *, alone: bool = True) -> Person:
    """The page knows one person: PARLEY_ADMINS calls them `web:you`."""
    return Person(YOU, "You", locale, admin=alone)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(Reason.MALFORMED) from None
    if not isinstance(fields, dict):
        raise RequestError(Reason.MALFORMED)
    return fields


def _uuid(value: object) -> str:
    try:
        return str(UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise RequestError(Reason.MALFORMED) from None


def _text(value: object) -> str:
    """A text of a request, without white space around it. Raises RequestError where it is too long or none."""
    if not isinstance(value, str):
        raise RequestError(Reason.MALFORMED)
    if len(value) > TEXT_LIMIT:
        raise RequestError(Reason.TOO_LONG)
    return _storable(value).strip()


def _storable(text: str) -> str:
    """The text without NUL and halves of surrogate pairs, which databases and UTF-8 do not hold."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\r\n", "\n").replace("\x00", "")
