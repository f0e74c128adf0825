"""The next calls of an answer: which kinds would show more of it, and how each is made. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from core.delivery.page_layout import PageLayout
from core.delivery.page_state import PageState, in_word
from core.delivery.shown_tasks import changed_tasks
from core.text import is_blank
from core.values.conversation import Ask
from core.values.outgoing import (
    AnswerPicture,
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
from core.values.tasks import ANSWER

_EMPTY = Page("")
_SHORT_PAGES = 0.25
"""Pages. A shorter answer is never split only to show its end earlier."""


class NextCall(Enum):
    """Kinds of calls.

    `REST`: a further message, where the next edit would come too late. `REPOST`: a new message in the place of one
    whose next edit would come too late, and which is then deleted. `PICTURE`: a picture behind the ended text. `LOOK`:
    a look-up of a message that an earlier process may have posted without storing its id.
    """

    POST = auto()
    START = auto()
    EDIT = auto()
    APPEND = auto()
    STOP = auto()
    REST = auto()
    REPOST = auto()
    DELETE = auto()
    UPLOAD = auto()
    PICTURE = auto()
    LOOK = auto()


class FindMessage(PostMessage):
    """A look-up of the message that such a post would have made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Address:
    """The common fields of all calls of one answer. `turn_id`: the answered turn."""

    ask: Ask
    key: str
    interaction_token: str
    turn_id: int | None = None

    @property
    def quote(self) -> str:
        """The question of a command in one line, without its quotes; empty for a question that is a message."""
        if not self.ask.interaction_token or self.ask.task != ANSWER:
            return ""
        lines = (line for line in self.ask.text.splitlines() if not line.startswith(">"))
        return " ".join(" ".join(lines).split())


def next_calls(layout: PageLayout, now: float) -> tuple[NextCall, ...]:
    """Preferred kind first; empty where all is shown."""
    if layout.filing:
        return (NextCall.UPLOAD,)
    if layout.replaced is not None:
        return (NextCall.DELETE,)
    page_state = layout.behind()
    another = layout.wants_another()
    if page_state is not None and not (page_state.left and another):
        return _calls_for(layout, page_state, now)
    if another:
        still = layout.ended or layout.waits
        grows = layout.can_grow and not still and (not is_blank(layout.reply.text) or layout.runs_tools)
        return (NextCall.POST, NextCall.START) if grows else (NextCall.POST,)
    if layout.ended and layout.surplus():
        return (NextCall.DELETE,)
    return (NextCall.PICTURE,) if layout.picture is not None else ()


def _calls_for(layout: PageLayout, page_state: PageState, now: float) -> tuple[NextCall, ...]:
    text = layout.reply.text
    unread = layout.ended and len(text) > page_state.upto
    if not page_state.growing:
        rest = (NextCall.REST,) if unread and _may_split(layout, page_state) else ()
        repost = (NextCall.REPOST,) if _may_repost(layout, page_state) else ()
        return (NextCall.EDIT, *rest, *repost)
    full = page_length(text[page_state.start :], layout.limits.page_unit) > layout.room(page_state)
    if page_state.must_stop or full or layout.ended or layout.waits or now >= page_state.stop_by:
        plain = unread and not page_state.must_stop and not full
        return (NextCall.STOP, NextCall.APPEND) if plain else (NextCall.STOP,)
    return (NextCall.APPEND,)


def _may_split(layout: PageLayout, page_state: PageState) -> bool:
    """True if the rest may be posted as a message of its own: behind whole words that stay."""
    stays = not is_blank(page_state.text) and page_state.upto > (page_state.start or 0)
    whole = stays and not in_word(layout.reply.text, page_state.upto)
    return (
        _is_last(layout, page_state)
        and whole
        and len(layout.reply.text) > _SHORT_PAGES * layout.limits.page_size
    )


def _may_repost(layout: PageLayout, page_state: PageState) -> bool:
    """True if a new message may show the page: the rest of the answer, or the first words in place of a notice."""
    text, can = layout.reply.text, layout.can_repost and not (layout.sealed or layout.fixed)
    if not can or page_state.replaces is not None or len(text) <= page_state.upto:
        return False
    notice_alone = is_blank(page_state.text) and not is_blank(text[page_state.start :])
    return _is_last(layout, page_state) and (layout.ended or notice_alone)


def _is_last(layout: PageLayout, page_state: PageState) -> bool:
    return page_state is layout.page_states[-1] and not (layout.filed or layout.closed or page_state.left)


def fulfil(next_call: NextCall, layout: PageLayout, address: Address) -> OutgoingCall | None:
    """The call of that kind with the text as it is now, or None if it is not needed any more."""
    match next_call:
        case NextCall.UPLOAD:
            return call(next_call, address, text=layout.reply.answer)
        case NextCall.PICTURE:
            assert layout.picture is not None
            return _post_picture(layout.picture, layout.page_states[0].id, address)
        case NextCall.DELETE:
            return call(next_call, address, layout.replaced or layout.surplus())
        case NextCall.LOOK:
            return call(next_call, address, layout.expect())
        case NextCall.POST | NextCall.START:
            return _first_words(next_call, layout, address, layout.begin(grows=next_call is NextCall.START))
    page_state = layout.behind()
    assert page_state is not None
    if next_call is NextCall.REST:
        layout.leave(page_state)
        return _first_words(next_call, layout, address, layout.begin())
    if next_call is NextCall.REPOST:
        return _first_words(next_call, layout, address, layout.begin(replaces=page_state))
    if page_state.must_stop:
        return call(next_call, address, page_state, Page("", tasks=layout.tasks(page_state)))
    page = layout.view(page_state).page
    if next_call is NextCall.EDIT:
        return call(next_call, address, page_state, page)
    suffix = page.text[len(page_state.text) :] if page.text.startswith(page_state.text) else ""
    if next_call is NextCall.APPEND and not suffix and not changed_tasks(page.tasks, page_state.tasks):
        layout.wait(page_state)
        return None
    return call(next_call, address, page_state, page, suffix)


def _first_words(
    next_call: NextCall, layout: PageLayout, address: Address, page_state: PageState
) -> OutgoingCall | None:
    page = layout.view(page_state).page
    if is_blank(page.text) and not (page.notice or page.sources or page.tasks):
        layout.wait(page_state.replaces)
        return None
    return call(next_call, address, page_state, page, page.text)


def page_of(layout: PageLayout, call: EditMessage | AppendStream | StopStream | DeleteMessage) -> PageState:
    """The message that `call` changes."""
    return next(page_state for page_state in layout.page_states if page_state.id == call.message_id)


def call(
    next_call: NextCall,
    address: Address,
    page_state: PageState | None = None,
    page: Page = _EMPTY,
    text: str = "",
) -> OutgoingCall:
    """A call of that kind. Without a page state and text it is only good for its rate limits."""
    place, ask, interaction_token = address.ask.place, address.ask, address.interaction_token
    turn_id = address.turn_id
    id_, key = (page_state.id, f"{address.key}-{page_state.number}") if page_state else ("", "")
    after = page_state.text if page_state else ""
    tasks = changed_tasks(page.tasks, page_state.tasks) if page_state else ()
    quote = address.quote if page_state and page_state.number == 0 else ""
    match next_call:
        case NextCall.POST | NextCall.REST | NextCall.REPOST:
            return PostMessage(place, page, key, ask.id, interaction_token, turn_id, quote)
        case NextCall.LOOK:
            return FindMessage(place, page, key, ask.id, turn_id=turn_id, quote=quote)
        case NextCall.START:
            return StartStream(place, text, key, ask.id, ask.author.id, turn_id, tasks)
        case NextCall.EDIT:
            return EditMessage(place, id_, page, interaction_token, key, turn_id, quote)
        case NextCall.APPEND:
            return AppendStream(place, id_, text, after, turn_id, tasks)
        case NextCall.STOP:
            begun = {task.id for task in page_state.tasks} if page_state else set()
            tasks = tuple(task for task in tasks if task.id in begun)
            ends = (page.notice, page.buttons, after, turn_id, tasks, page.sources)
            return StopStream(place, id_, key, text, *ends)
        case NextCall.DELETE:
            return DeleteMessage(place, id_, interaction_token, turn_id)
        case NextCall.UPLOAD | NextCall.PICTURE:
            name, content = f"{address.key}-answer.md", text.encode("utf-8", "replace")
            return UploadFile(place, name, content, ask.id, interaction_token, turn_id, "answer.md")


def _post_picture(picture: AnswerPicture, under: str, address: Address) -> UploadFile:
    return UploadFile(
        address.ask.place,
        picture.name,
        picture.content,
        address.ask.id,
        address.interaction_token,
        address.turn_id,
        picture.title,
        picture.media_type,
        under,
    )
