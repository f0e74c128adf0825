"""The methods of the port that the suite covers, and the calls that its tests make."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import pytest

from core.errors import Code, PlatformError
from core.values.conversation import Ask
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    StartStream,
    StopStream,
    UploadFile,
    page_length,
)
from core.values.places import Place
from core.values.ui import Button
from tests.contract.rigs.rig import PageCall, Rig, post

F = TypeVar("F", bound=Callable[..., object])

TESTED: Final[set[str]] = set()
"""The methods of the port that tests of this package are about."""


def holds(*methods: str) -> Callable[[F], F]:
    """Marks a test as one of these methods of the port."""
    TESTED.update(methods)
    return lambda test: test


FULL = Page("A **loom** is a machine.", "Stopped.", (Button("again", "Try again", 7),))
CODES = (Code.SLOW_DOWN, Code.GONE, Code.NOT_ALLOWED, Code.REJECTED, Code.EXPIRED, Code.UNAVAILABLE)
OTHER_CODES = (Code.APP_SETUP, Code.UNCERTAIN, Code.UNSUPPORTED, Code.GROWING, Code.GROWN, Code.HALTED)
NAMED = re.compile(r"\b[A-Z][A-Z_]{2,}\b")
KINDS = ("post", "edit")
OTHER_KINDS = ("start", "append", "stop", "delete", "upload")
SCRIPTS = {"ascii": "x", "cjk": "界", "emoji": "🧵", "escapes": "&<>", "lines": "weft\n", "markdown": "*_`~|#"}


async def refusal(rig: Rig, call: Awaitable[object]) -> PlatformError:
    """The error of a call that must fail: a PlatformError, without a secret in it."""
    with pytest.raises(PlatformError) as raised:
        await call
    error = raised.value
    assert not [secret for secret in rig.secrets if secret in f"{error} {error.detail} {error!r}"]
    assert len(error.detail) <= 500
    assert "\n" not in error.detail
    return error


async def fault(call: Awaitable[object]) -> PlatformError | None:
    try:
        await call
    except PlatformError as error:
        return error
    return None


async def page_call(rig: Rig, kind: str, page: Page = FULL) -> PageCall:
    """A post or an edit in a conversation that has begun: one question, one message of the answer."""
    ask = await rig.ask()
    first = await rig.installation.perform(post(ask, Page("A first page.")))
    return post(ask, page) if kind == "post" else EditMessage(ask.place, first, page, ask.interaction_token)


async def call_of(rig: Rig, kind: str) -> OutgoingCall:
    """Any other call in such a conversation. What can grow there has begun to."""
    edit = await page_call(rig, "edit")
    assert isinstance(edit, EditMessage)
    place, growing, ask = edit.place, edit.message_id, rig.inbox.of(Ask)[0]
    start = StartStream(place, "A loom ", "turn-9/0", ask.id, ask.author.id)
    if kind in ("append", "stop") and rig.installation.limits.growth is not None:
        growing = await rig.installation.perform(start)
    calls: dict[str, OutgoingCall] = {
        "start": start,
        "append": AppendStream(place, growing, "is a machine."),
        "stop": StopStream(place, growing, "turn-9/0", "is a machine.", FULL.notice, FULL.buttons),
        "delete": DeleteMessage(place, growing, ask.interaction_token),
        "upload": UploadFile(place, "loom.md", FULL.text.encode(), ask.id, ask.interaction_token),
    }
    return calls[kind]


async def taken(rig: Rig, kind: str) -> OutgoingCall:
    """A call of this kind, where the platform has it. Where it has not, it says so, and does nothing."""
    call, limits = await call_of(rig, kind), rig.installation.limits
    has = {"delete": rig.deletes, "upload": limits.files}.get(kind, limits.growth is not None)
    if not has:
        before = await texts(rig, call.place)
        error = await refusal(rig, rig.installation.perform(call))
        assert (error.code, error.certain, error.retryable) == (Code.UNSUPPORTED, True, False)
        assert await texts(rig, call.place) == before
        rig.cannot(f"it takes no {kind}, and says so")
    return call


async def texts(rig: Rig, place: Place) -> list[str]:
    return [shown.text for shown in await rig.shown(place)]


def filled(sample: str, size: int, unit: Any) -> str:
    """Text of exactly `size`, most of it `sample`."""
    text = sample * (size // page_length(sample, unit))
    return text + "x" * (size - page_length(text, unit))
