"""Lines of the store and pages of answers -> what the browser gets. Pure.

Text stays Markdown all the way: the page builds its elements from it and never takes HTML.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import itemgetter

from bots.web.incoming import TOP
from core.ports import Thread
from core.types import Button, Entry, Limits, Outcome, Page, Place, Receipt

LIMITS = Limits(page_size=1_000_000, page_unit="utf16", min_gap_s=0.05)
"""The page has no limit of its own; 20 views a second are as smooth as reading needs."""


@dataclass(frozen=True, slots=True)
class View:
    """One message as the page shows it now. `after` is the id of the question that it answers, or empty."""

    id: str
    mine: bool
    text: str
    at: str = ""
    after: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()


def new_message_id(answers: str) -> str:
    """The id names the question, so that an answer finds its place on the page after a restart too."""
    return f"{answers}.{secrets.token_hex(4)}"


def page_to_view(message_id: str, page: Page, at: datetime) -> View:
    after = message_id.rpartition(".")[0]
    return View(message_id, True, page.text, at.isoformat(), after, page.notice, page.buttons)


def entry_to_view(entry: Entry) -> View:
    return View(entry.id, entry.mine, entry.text, entry.at.isoformat(), entry.anchor)


def views(entries: Iterable[Entry], live: Sequence[View]) -> list[View]:
    """The whole thread, each message once: an answer that is still live is shown as such, behind its question
    and what else answers it, or where it answers nothing, by its time."""
    painted = {view.id for view in live}
    shown = [
        entry_to_view(entry) for entry in entries if entry.id not in painted and (entry.text or entry.mine)
    ]
    for view in live:
        behind = [i for i, other in enumerate(shown) if view.after and view.after in (other.id, other.after)]
        later = [i for i, other in enumerate(shown) if not other.mine and other.at > view.at]
        shown.insert(behind[-1] + 1 if behind else min(later, default=len(shown)), view)
    return shown


def place_to_thread(place: Place) -> str:
    return place.thread or TOP


def view_to_json(view: View) -> dict[str, object]:
    return asdict(view)


def receipt_to_json(receipt: Receipt) -> dict[str, object]:
    """What the person is told at once, if anything: shown on the page where it was asked, and kept nowhere.

    `form` is left out: on the page, settings are changed by typing.
    """
    told = receipt.told
    if told is None:
        return {}
    file = told.file and {
        "name": told.file.name,
        "type": told.file.type,
        "base64": b64encode(told.file.content).decode("ascii"),
    }
    return {
        "told": {"text": told.text, "file": file, "buttons": [asdict(button) for button in told.buttons]},
        "turn": receipt.outcome is Outcome.TURN,
    }


def threads_to_json(threads: Iterable[Thread], posts: Sequence[View] = ()) -> list[dict[str, str]]:
    """Newest first. `posts` were made at the top level, which the store lists only once somebody asked there."""
    listed = [{"id": place_to_thread(t.place), "title": t.title, "at": t.at.isoformat()} for t in threads]
    if posts and all(thread["id"] != TOP for thread in listed):
        listed.append({"id": TOP, "title": "", "at": posts[-1].at})
    return sorted(listed, key=itemgetter("at"), reverse=True)


def to_bytes(value: object) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which models can write, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event(name: str, value: object) -> bytes:
    """One server-sent event. JSON holds no line break, so one data line is enough.
    https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), to_bytes(value))
