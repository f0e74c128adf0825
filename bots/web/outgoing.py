"""Messages of the store and pages of answers -> JSON and events for the browser. Pure.

The page gets the Markdown of a message and its blocks as HTML (`html`).
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from operator import itemgetter
from urllib.parse import quote

from bots.web.errors import FILE_LIMIT_BYTES, FILES_LIMIT, PICTURE_LIMIT_BYTES
from bots.web.html import Rendering, rendered
from bots.web.incoming import TOP
from core.commands.parser import command_of
from core.conversation.file_content import is_picture, is_sound
from core.i18n import SPOKEN, TAGS, language_of, phrase, tools_used, variant
from core.ports.store.threads import Thread
from core.turns.approval_view import approval_buttons, approval_notice
from core.values.conversation import ThreadMessage, Turn
from core.values.events import Receipt
from core.values.outgoing import NO_SOURCES, AnswerPicture, Limits, Page, Sources, UploadFile
from core.values.parts import Attached, File, Quote, Text, ToolsUsed, Unread
from core.values.places import Place
from core.values.platform import PlatformTraits
from core.values.steps import ApprovalAsked
from core.values.tasks import ContinueAnswer
from core.values.turn_ends import Announcement, AnswerFooter
from core.values.ui import Button, Form

LIMITS = Limits(page_size=1_000_000, page_unit="utf16", min_gap_s=0.05, renders_halves=True)
"""The page has no limit of its own; 20 views a second are as smooth as reading needs."""

TRAITS = PlatformTraits(returns_refused=True, label="Web")


_QUOTED = re.compile(r"(?:> ?.*(?:\n+|\Z))*")
_QUOTE_MARK = re.compile(r"^> ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AttachedView:
    """Other content of a message: a file, a quote, a text, or something that can't be shown.

    `name` is that of the file or of the quote's author, `text` what is shown below it. `size` is in bytes, 0 where it
    is not known. `picture` is the path of a small copy, or empty. `problem` says why a file was not read.
    """

    kind: str
    name: str = ""
    text: str = ""
    size: int = 0
    picture: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message as the page shows it now. `after` is the id of the question that it answers, or empty. `anew`: that
    had been answered before (`replaces`)."""

    id: str
    mine: bool
    text: str
    at: str = ""
    after: str = ""
    notice: str = ""
    buttons: tuple[Button, ...] = ()
    anew: bool = False
    attached: tuple[AttachedView, ...] = ()
    sources: Sources = NO_SOURCES


def replaces(view: MessageView, older: MessageView) -> bool:
    """True if an answer takes the place of an older one: once it has words, or where that has none. Until then, and
    should no word come, what was answered before stays."""
    return view.anew and older.mine and older.after == view.after and bool(view.text or not older.text)


def answers_anew(turn: Turn) -> bool:
    """True if a turn answers a question that was answered before."""
    return turn.again_of is not None and not isinstance(turn.ask.task, ContinueAnswer)


def new_message_id(answers: str) -> str:
    """The id names the question, so that an answer finds its place on the page after a restart too."""
    return f"{answers}.{secrets.token_hex(4)}"


def page_to_view(message_id: str, page: Page, at: datetime) -> MessageView:
    """The view of a message of ours that was posted at `at`."""
    after = message_id.rpartition(".")[0]
    words = (page.text, at.isoformat(), after, page.notice, page.buttons)
    return MessageView(message_id, True, *words, sources=page.sources)


def turn_to_view(turn: Turn, at: datetime, language: str, asked: ApprovalAsked | None = None) -> MessageView:
    """An answer that is to go on: by itself, or once a person has approved what is `asked`."""
    notice = approval_notice(turn, asked, language) if asked else ""
    stop = Button("stop", phrase("stop", language), turn.id)
    buttons = approval_buttons(turn, asked, language) if asked else (stop,)
    anew = answers_anew(turn)
    return MessageView(turn.posted[0], True, turn.text, at.isoformat(), turn.ask.id, notice, buttons, anew=anew)


def announcement_to_view(announcement: Announcement) -> MessageView:
    """The view of an alert or a report that is stored."""
    after = announcement.message_id.rpartition(".")[0]
    files = attached_to_views(announcement.message_id, announcement.files, "en")
    at = announcement.at.isoformat()
    words = (announcement.notice, announcement.buttons)
    return MessageView(announcement.message_id, True, announcement.text, at, after, *words, attached=files)


def entry_to_view(entry: ThreadMessage, language: str = "en") -> MessageView:
    """The view of a stored message."""
    text = entry.text if entry.mine else question_words(entry.text, language)
    attached = attached_to_views(entry.id, entry.attached, language)
    return MessageView(entry.id, entry.mine, text, entry.at.isoformat(), entry.anchor, attached=attached)


def attached_to_views(message_id: str, attached: Iterable[Attached], language: str) -> tuple[AttachedView, ...]:
    """The other content of a message, as the page shows it."""
    return tuple(_attached_to_view(message_id, one, language) for one in attached)


def _attached_to_view(message_id: str, one: Attached, language: str) -> AttachedView:
    match one:
        case File():
            return _file_to_view(message_id, one, language)
        case Quote():
            return AttachedView("quote", " · ".join(filter(None, (one.author, one.place))), one.text)
        case Text():
            return AttachedView("text", text=one.text)
        case ToolsUsed(names):
            return AttachedView("unread", tools_used(names, language))
        case Unread():
            return AttachedView("unread", phrase(f"unread_{one.kind}", language))


def _file_to_view(message_id: str, file: File, language: str) -> AttachedView:
    """A picture has the URL of its copy, and a sound its transcript, so that people see mistakes in it."""
    picture = f"/api/files/{quote(message_id, '')}/{quote(file.source, '')}"
    return AttachedView(
        "file",
        file.name or phrase("file_unnamed", language),
        file.text if is_sound(file) else "",
        file.size,
        picture if file.source and is_picture(file) else "",
        phrase(f"file_problem_{file.problem}", language) if file.problem else "",
    )


def with_picture(view: MessageView, picture: UploadFile | AnswerPicture) -> MessageView:
    """An answer with one more picture, unless it has that already."""
    file = File(picture.title, picture.media_type, size=len(picture.content), source=picture.name)
    shown = _file_to_view(view.id, file, "en")
    return view if shown in view.attached else replace(view, attached=(*view.attached, shown))


def ending_to_view(ending: AnswerFooter) -> MessageView:
    """An answer of which no word came."""
    return MessageView(
        ending.message_id, True, "", ending.at.isoformat(), ending.question, ending.notice, ending.buttons
    )


def question_words(text: str, language: str) -> str:
    """A question as its asker wrote it: without the time that a menu's command adds."""
    typed = command_of(text) if " since:" in text else None
    return phrase("menu_summarize", language) if typed and typed[0] == "summarize" else text


def views(
    entries: Iterable[ThreadMessage],
    live: Sequence[MessageView],
    answer_footers: Iterable[AnswerFooter] = (),
    language: str = "en",
    sources: Mapping[str, Sources] | None = None,
) -> list[MessageView]:
    """The whole thread, each message once: an answer that is still live is shown as such, behind its question
    and what else answers it, or where it answers nothing, by its time. `sources`: those of answers, as they are now, by
    the id of the answer's message."""
    cited = sources or {}
    live = [replace(view, sources=cited.get(view.id, NO_SOURCES)) if view.sources else view for view in live]
    live_ids = {view.id for view in live}
    entries = list(entries)
    said = {entry.id for entry in entries}
    under = {ending.message_id: ending for ending in answer_footers if ending.question in said}
    shown = []
    for entry in entries:
        view, ending = entry_to_view(entry, language), under.get(entry.id)
        if entry.id not in live_ids and (entry.mine or not entry.wordless):
            view = replace(view, sources=cited.get(entry.id, NO_SOURCES))
            shown.append(replace(view, notice=ending.notice, buttons=ending.buttons) if ending else view)
    wordless = [ending_to_view(one) for id_, one in under.items() if id_ not in said and id_ not in live_ids]
    for view in (*wordless, *live):
        shown = [older for older in shown if not replaces(view, older)]
        behind = [i for i, other in enumerate(shown) if view.after and view.after in (other.id, other.after)]
        later = [i for i, other in enumerate(shown) if not other.mine and other.at > view.at]
        shown.insert(behind[-1] + 1 if behind else min(later, default=len(shown)), view)
    return shown


def place_to_thread(place: Place) -> str:
    """The name of a place's thread in addresses of the page."""
    return place.thread or TOP


def view_to_json(view: MessageView, rendering: Rendering | None = None) -> dict[str, object]:
    """A view as the page's scripts read it (`View` in types.d.ts): `html` is an answer in blocks, as in `rendering`
    where that is given, or what a question quotes at its start."""
    if view.mine:
        html = (rendering or rendered(view.text)).blocks
    else:
        html = rendered(_QUOTE_MARK.sub("", _QUOTED.match(view.text)[0])).blocks  # type: ignore[index]
    return asdict(view) | {"html": html, "sources": sources_to_json(view.sources)}


def sources_to_json(sources: Sources) -> dict[str, object] | None:
    """The sources as the page's scripts read them: each leads to a thread of the page. None where there are none."""
    links = [
        {name: getattr(one, name) for name in ("number", "title", "date", "asker", "old")}
        | {"thread": one.thread or TOP}
        for one in sources.links
    ]
    return {"head": sources.head, "links": links} if links else None


def grows(view: MessageView) -> bool:
    """True if more may come, or the answer broke off."""
    return bool(view.notice) or any(button.action == "stop" for button in view.buttons)


def receipt_to_json(receipt: Receipt) -> dict[str, object]:
    """The immediate reply, if any. The page shows it where the event began, and it is stored nowhere."""
    reply = receipt.reply
    if reply is None:
        return {}
    file = reply.file and {
        "name": reply.file.name,
        "type": reply.file.type,
        "base64": b64encode(reply.file.content).decode("ascii"),
    }
    return {
        "told": {
            "text": reply.text,
            "html": rendered(reply.captioned).blocks,
            "whisper": reply.whisper,
            "refused": reply.refused,
            "file": file,
            "picture": reply.picture and picture_to_json(reply.picture),
            "form": reply.form and form_to_json(reply.form),
            "buttons": [asdict(button) for button in reply.buttons],
            "sources": reply.sources and sources_to_json(reply.sources),
        },
    }


def picture_to_json(picture: AnswerPicture) -> dict[str, str]:
    """A picture that is stored nowhere; its name are the words for those who can't see it."""
    content = b64encode(picture.content).decode("ascii")
    return {"name": picture.title, "type": picture.media_type, "base64": content}


def form_to_json(form: Form) -> dict[str, object]:
    """`asdict`, but for mappings that it can't copy. A value that is no longer offered stays until it is changed."""
    fields = [asdict(field) for field in form.fields]
    return asdict(replace(form, fields=(), fixed={})) | {"fields": fields, "fixed": dict(form.fixed)}


def threads_to_json(threads: Iterable[Thread], posts: Sequence[MessageView] = ()) -> list[dict[str, str]]:
    """Newest first, without empty ones. `posts` were made at the top level, which the store lists only after a question
    there."""
    listed = [
        {"id": place_to_thread(t.place), "title": t.title, "at": t.at.isoformat()}
        for t in threads
        if t.title or t.place.thread == ""
    ]
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


_SHARED = {
    "ask": "menu_ask",
    "meaning": "about_default",
    "question": "menu_ask_question",
    "stop": "stop",
    "summarize": "menu_summarize",
}
"""Phrases that the page shares with other platforms, by their names in its scripts. Its own begin with `page_`."""


def page_words(locale: str) -> dict[str, object]:
    """The page's sentences as JSON, in the language of the BCP 47 tag `locale`, the locale of its dates, and how many
    files of how many bytes a message holds."""
    language = language_of(locale)
    phrases = SPOKEN[variant(language, "web")]
    own = {key.removeprefix("page_"): entry for key, entry in phrases.items() if key.startswith("page_")}
    words = own | {name: phrases[key] for name, key in _SHARED.items()}
    limits = {"files": FILES_LIMIT, "file": FILE_LIMIT_BYTES, "picture": PICTURE_LIMIT_BYTES}
    shown = locale if language_of(locale, "") else language
    return {"locale": shown, "tag": TAGS[language], "words": words, "limits": limits}
