"""The consequences of a failed call for its answer: the next step, and the messages' new layout. No I/O, no clock."""

from __future__ import annotations

from enum import Enum, auto

from core.delivery.next_call import FindMessage, page_of
from core.delivery.page_layout import PageLayout
from core.delivery.page_state import Life, PageState
from core.errors import Code, PlatformError
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    PostMessage,
    StartStream,
    StopStream,
    UploadFile,
)

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_LOOKS = 3
_GIVE_UP_AFTER = 20
"""Refused calls in a row after which the delivery ends. The answer stays in the store."""
_GIVE_UP_AWAY_AFTER = 180
"""The same where the platform can't be reached: about an hour."""
_PICTURE_TRIES = 5
"""Failed calls for one picture behind an answer, rate limits apart, after which the answer stays without it."""
_STREAMS = (Code.GROWING, Code.GROWN, Code.HALTED)
"""Refusals because of the state of a stream."""
_HEALS = (Code.BAD_TOKEN,)
"""Refusals that an operator can mend, after which the same call succeeds."""


class NextStep(Enum):
    """The step after a failed call."""

    WAIT = auto()  # the rate limits delay the next call
    RETRY = auto()  # the same call after `backoff_s`
    CHANGE = auto()  # another call after `backoff_s`, if `change_layout` leaves any
    DROP_TOKEN = auto()  # the same call without its interaction token
    LOSE_PAGE = auto()  # the message was deleted
    LOOK_AGAIN = auto()
    LOOK_NO_MORE = auto()
    SKIP_PICTURE = auto()
    DROP_EMBEDDED = auto()  # the same message without the picture within it
    GIVE_UP = auto()  # no more of the answer can be shown


def is_picture(call: OutgoingCall) -> bool:
    """True if `call` uploads a picture of the answer, and not its text."""
    return isinstance(call, UploadFile) and bool(call.under)


def embeds_picture(call: OutgoingCall) -> bool:
    """True if `call` shows a message that has a picture."""
    return isinstance(call, PostMessage | EditMessage) and call.page.picture is not None


def next_step(call: OutgoingCall, error: PlatformError, failures: int, *, has_token: bool) -> NextStep:
    """The step after the `failures`th failed call in a row. `has_token`: the answer has an interaction token."""
    code, picture = error.code, is_picture(call)
    heals = error.retryable or code in _HEALS
    if code is Code.GONE and not picture and not isinstance(call, DeleteMessage):
        return NextStep.LOSE_PAGE
    if isinstance(call, FindMessage):  # everything is shown already
        again = error.retryable and code is not Code.SLOW_DOWN and failures < _LOOKS
        return NextStep.LOOK_AGAIN if again else NextStep.LOOK_NO_MORE
    if code is Code.SLOW_DOWN:
        return NextStep.WAIT
    if code is Code.EXPIRED and has_token:
        return NextStep.DROP_TOKEN
    if picture:
        return NextStep.RETRY if heals and failures < _PICTURE_TRIES else NextStep.SKIP_PICTURE
    if embeds_picture(call):  # it may be refused for the picture, or for its text; nobody waits for it
        return NextStep.RETRY if heals and failures <= _GIVE_UP_AWAY_AFTER else NextStep.DROP_EMBEDDED
    if failures > (_GIVE_UP_AWAY_AFTER if heals else _GIVE_UP_AFTER):
        return NextStep.GIVE_UP
    return NextStep.RETRY if heals else NextStep.CHANGE


def backoff_s(failures: int) -> float:
    """Seconds before the next call after `failures` in a row."""
    return _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]


def doubt(layout: PageLayout, call: OutgoingCall) -> None:
    """Mark the message that `call` may have changed: it is stopped, or edited as a whole."""
    match call:
        case AppendStream() | StopStream():
            page_of(layout, call).life = Life.DOUBTED
        case EditMessage():
            page_of(layout, call).shown = None


def change_layout(layout: PageLayout, call: OutgoingCall, code: Code, *, ended: bool, concludes: bool) -> bool:
    """Change the layout after a lasting refusal of `call`. False where nothing more can be shown.

    `ended`: the reply is the whole answer. `concludes`: its writer shows a shorter text where this one is refused.
    """
    match call:
        case StartStream():
            layout.can_grow = False
            return True
        case PostMessage() if layout.reposts:
            layout.can_repost = False
            return True
        case PostMessage():
            layout.wait()  # another text may be accepted
            if code is Code.UNSUPPORTED and layout.page_states and layout.limits.files:
                layout.sealed = True
                return True
            return code is Code.REJECTED and not ended
        case UploadFile():
            layout.file_chars = 0
            return not layout.sealed
        case DeleteMessage() if code is Code.GONE:
            layout.deleted(call.message_id)
            return True
        case DeleteMessage() if code not in _STREAMS:
            layout.keep(call.message_id)
            return True
    page_state = page_of(layout, call)
    if code is Code.GROWING:
        page_state.life = Life.DOUBTED
    elif code is Code.HALTED and isinstance(call, AppendStream):
        page_state.life = Life.ENDS
    elif code in (Code.GROWN, Code.HALTED):
        layout.grown(page_state)
    elif isinstance(call, EditMessage):
        return not concludes and _edit_refused(layout, page_state, code, ended=ended)
    elif code is Code.REJECTED and not page_state.must_stop:
        page_state.life = Life.ENDS
    else:
        layout.cut(page_state)
    return True


def _edit_refused(layout: PageLayout, page_state: PageState, code: Code, *, ended: bool) -> bool:
    if code is not Code.REJECTED or page_state.shown is None:
        layout.cut(page_state)
    elif ended or page_state.seen.full:
        layout.leave(page_state)
    else:
        layout.wait(page_state)  # another text may be accepted
    return True
