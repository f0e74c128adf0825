"""What could bring the messages of an answer closer to its words, and the calls that do it. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from core.delivery.page_layout import PageLayout, PageState, in_word
from core.text import is_blank
from core.values.conversation import Ask
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    PostMessage,
    StartStream,
    StopStream,
    UploadFile,
    page_length,
)

_EMPTY = Page("")
_SHORT_PAGES = 0.25
"""An answer up to this long, in pages, is never split only so that its end can be read earlier."""


class NextCall(Enum):
    """The ways to go on. `REST`: a further message for the words that an edit can't show. `LOOK`: for a message that
    an earlier process made and could not write down."""

    POST = auto()
    START = auto()
    EDIT = auto()
    APPEND = auto()
    STOP = auto()
    REST = auto()
    DELETE = auto()
    UPLOAD = auto()
    LOOK = auto()


class FindMessage(PostMessage):
    """A post that is only looked for, never made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Address:
    """Whose answer it is: what its calls carry beside words."""

    ask: Ask
    key: str
    interaction_token: str


def next_calls(layout: PageLayout, now: float) -> tuple[NextCall, ...]:
    """The best way first; nothing where all is shown."""
    if layout.filing:
        return (NextCall.UPLOAD,)
    frame = layout.behind()
    another = layout.wants_another()
    if frame is not None and not (frame.left and another):
        return _wishes_for(layout, frame, now)
    if another:
        grows = layout.can_grow and not layout.ended and not is_blank(layout.reply.text)
        return (NextCall.POST, NextCall.START) if grows else (NextCall.POST,)
    return (NextCall.DELETE,) if layout.ended and layout.surplus() else ()


def _wishes_for(layout: PageLayout, frame: PageState, now: float) -> tuple[NextCall, ...]:
    text = layout.reply.text
    unread = layout.ended and len(text) > frame.upto
    if not frame.growing:
        return (NextCall.EDIT, NextCall.REST) if unread and _may_split(layout, frame) else (NextCall.EDIT,)
    full = page_length(text[frame.start :], layout.limits.page_unit) > frame.size
    if frame.must_stop or full or layout.ended or now >= frame.stop_by:
        plain = unread and not frame.must_stop and not full
        return (NextCall.STOP, NextCall.APPEND) if plain else (NextCall.STOP,)
    return (NextCall.APPEND,)


def _may_split(layout: PageLayout, frame: PageState) -> bool:
    """Whether the rest may stand in a message of its own, behind whole words of this answer that stay."""
    stays = not is_blank(frame.text) and frame.upto > (frame.start or 0)
    whole = stays and not in_word(layout.reply.text, frame.upto)
    last = frame is layout.frames[-1] and not (layout.filed or layout.closed or frame.left)
    return last and whole and len(layout.reply.text) > _SHORT_PAGES * layout.limits.page_size


def fulfil(next_call: NextCall, layout: PageLayout, address: Address) -> OutgoingCall | None:
    """The call for one of the `next_calls`, with the words as they are now; None if it is not needed after all."""
    match next_call:
        case NextCall.UPLOAD:
            return call(next_call, address, text=layout.reply.text)
        case NextCall.DELETE:
            return call(next_call, address, layout.surplus())
        case NextCall.LOOK:
            return call(next_call, address, layout.expect())
        case NextCall.POST | NextCall.START:
            return _first_words(next_call, layout, address)
    frame = layout.behind()
    assert frame is not None
    if next_call is NextCall.REST:
        layout.leave(frame)
        return _first_words(next_call, layout, address)
    if frame.must_stop:
        return call(next_call, address, frame)
    page = layout.view(frame).page
    if next_call is NextCall.EDIT:
        return call(next_call, address, frame, page)
    suffix = page.text[len(frame.text) :] if page.text.startswith(frame.text) else ""
    if next_call is NextCall.APPEND and not suffix:
        layout.wait(frame)
        return None
    return call(next_call, address, frame, page, suffix)


def _first_words(next_call: NextCall, layout: PageLayout, address: Address) -> OutgoingCall | None:
    frame = layout.begin(grows=next_call is NextCall.START)
    page = layout.view(frame).page
    if is_blank(page.text) and not page.notice:
        layout.wait()
        return None
    return call(next_call, address, frame, page, page.text)


def call(
    next_call: NextCall, address: Address, frame: PageState | None = None, page: Page = _EMPTY, text: str = ""
) -> OutgoingCall:
    """The call that fulfils a next call. Without a frame and words it only tells what it draws on."""
    place, ask, interaction_token = address.ask.place, address.ask, address.interaction_token
    id_, key = (frame.id, f"{address.key}-{frame.number}") if frame else ("", "")
    match next_call:
        case NextCall.POST | NextCall.REST:
            return PostMessage(place, page, key, ask.id, interaction_token)
        case NextCall.LOOK:
            return FindMessage(place, page, key, ask.id)
        case NextCall.START:
            return StartStream(place, text, key, ask.id, ask.author.id)
        case NextCall.EDIT:
            return EditMessage(place, id_, page, interaction_token, key)
        case NextCall.APPEND:
            return AppendStream(place, id_, text, frame.text if frame else "")
        case NextCall.STOP:
            return StopStream(place, id_, key, text, page.notice, page.buttons, frame.text if frame else "")
        case NextCall.DELETE:
            return DeleteMessage(place, id_, interaction_token)
        case NextCall.UPLOAD:
            return UploadFile(place, "answer.md", text, f"{address.key}-file", ask.id, interaction_token)
