"""What the browser sends -> Ask or Press. Pure; whatever is not right raises RequestError."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b32encode
from datetime import datetime
from typing import Any
from uuid import UUID

from bots.web.faults import TEXT_LIMIT, Reason, RequestError
from core.types import Ask, Person, Place, Press

BODY_LIMIT_BYTES = 13 * TEXT_LIMIT
"""JSON needs up to 12 bytes for a character (an escaped surrogate pair), and a little for the rest."""

TOP = "board"
"""What the page calls the channel's top level, which has no thread of its own."""

_THREAD = re.compile(rf"{TOP}|[a-z2-7]{{12}}")
_ACTION = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def body_to_ask(body: bytes, at: datetime, locale: str = "") -> Ask:
    """`{thread?, text, client_id}`. Without a thread the ask opens one.

    The new thread's name is made from the browser's UUID: the same ask sent again lands in the same thread,
    also after a restart.
    """
    fields = _fields(body)
    ask_id = _uuid(fields.get("client_id"))
    thread = fields.get("thread")
    place = thread_to_place(ask_id_to_thread(ask_id) if thread is None else thread)
    text = fields.get("text")
    if not isinstance(text, str):
        raise RequestError(Reason.MALFORMED)
    if len(text) > TEXT_LIMIT:
        raise RequestError(Reason.TOO_LONG)
    text = _storable(text).strip()
    if not text:
        raise RequestError(Reason.EMPTY)
    return Ask(ask_id, place, person(locale), text, at, addressed=True)


def body_to_press(body: bytes, locale: str = "") -> Press:
    """`{action, turn_id, thread, text?}`: `text` is what was written into a button's form."""
    fields = _fields(body)
    action, turn_id = fields.get("action"), fields.get("turn_id")
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        raise RequestError(Reason.MALFORMED)
    if not isinstance(turn_id, int) or isinstance(turn_id, bool) or not 0 < turn_id < 2**63:
        raise RequestError(Reason.MALFORMED)
    text = fields.get("text", "")
    if not isinstance(text, str):
        raise RequestError(Reason.MALFORMED)
    if len(text) > TEXT_LIMIT:
        raise RequestError(Reason.TOO_LONG)
    place = thread_to_place(fields.get("thread"))
    return Press(action, turn_id, place, person(locale), text=_storable(text).strip())


def thread_to_place(thread: object) -> Place:
    if not isinstance(thread, str) or not _THREAD.fullmatch(thread):
        raise RequestError(Reason.NO_THREAD)
    return Place("web", "local", "web", "" if thread == TOP else thread, direct=True)


def ask_id_to_thread(ask_id: str) -> str:
    return b32encode(hashlib.sha256(ask_id.encode()).digest())[:12].decode().lower()


def person(locale: str = "") -> Person:
    """Nobody is asked who they are: whoever reaches the page runs it."""
    return Person("you", "You", locale, admin=True)


def accept_language_to_locale(header: str) -> str:
    """The tag that is wanted most, or empty. `zh-CN,zh;q=0.9,en;q=0.8` -> `zh-CN`."""
    best, best_weight = "", 0.0
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > best_weight and _TAG.fullmatch(tag.strip()):
            best, best_weight = tag.strip(), weight
    return best


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


def _storable(text: str) -> str:
    """Without what databases and UTF-8 do not hold: NUL, and halves of surrogate pairs."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\r\n", "\n").replace("\x00", "")
