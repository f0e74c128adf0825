"""What the core relies on of every chat platform: one suite, each platform through its real SDK on loopback.

The docstrings of `Connector` and `Installation` in `core.ports.connector` are the contract. A method, a call or a
failure that is added there and not held here fails `test_the_whole_boundary_is_held`. What a platform cannot do is
skipped, and says why.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, get_args

import pytest

from core.errors import Code, PlatformError, StoreError
from core.ports.connector import Connector, Installation
from core.values.conversation import Ask, History
from core.values.events import ButtonPress, Command, Deleted, Edited
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    PostMessage,
    RateLimit,
    StartStream,
    StopStream,
    TaskState,
    ToolTask,
    UploadFile,
    page_length,
)
from core.values.places import Place
from core.values.ui import Button, ImmediateReply
from tests.contract.rigs import CUT, LOST, RIGS, Painting, Rig, post
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits, until

F = TypeVar("F", bound=Callable[..., object])

TESTED: Final[set[str]] = set()
"""The methods of the port that tests of this file are about."""


def holds(*methods: str) -> Callable[[F], F]:
    """Marks a test as one of these methods of the port."""
    TESTED.update(methods)
    return lambda test: test


FULL = Page("A **loom** is a machine.", "Stopped.", (Button("again", "Try again", 7),))
CODES = (
    Code.SLOW_DOWN,
    Code.GONE,
    Code.NOT_ALLOWED,
    Code.REJECTED,
    Code.EXPIRED,
    Code.UNAVAILABLE,
)
OTHER_CODES = (Code.UNCERTAIN, Code.UNSUPPORTED, Code.GROWING, Code.GROWN, Code.HALTED)
NAMED = re.compile(r"\b[A-Z][A-Z_]{2,}\b")
KINDS = ("post", "edit")
OTHER_KINDS = ("start", "append", "stop", "delete", "upload")
SCRIPTS = {"ascii": "x", "cjk": "界", "emoji": "🧵", "escapes": "&<>", "lines": "weft\n", "markdown": "*_`~|#"}


@pytest.fixture(params=RIGS)
async def idle(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A platform that does not run yet."""
    rig = RIGS[request.param]()
    await rig.open()
    try:
        yield rig
    finally:
        await rig.stop()
        await rig.close()


@pytest.fixture
async def rig(idle: Rig) -> Rig:
    await idle.start()
    return idle


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


async def painting(rig: Rig, kind: str, page: Page = FULL) -> Painting:
    """A post or an edit in a conversation that has begun: one question, one message of the answer."""
    ask = await rig.ask()
    first = await rig.installation.perform(post(ask, Page("A first page.")))
    return post(ask, page) if kind == "post" else EditMessage(ask.place, first, page, ask.interaction_token)


async def stroke_of(rig: Rig, kind: str) -> OutgoingCall:
    """Any other call in such a conversation. What can grow there has begun to."""
    edit = await painting(rig, "edit")
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
        "upload": UploadFile(place, "loom.md", FULL.text, "turn-9/file", ask.id, ask.interaction_token),
    }
    return calls[kind]


async def taken(rig: Rig, kind: str) -> OutgoingCall:
    """A call of this kind, where the platform has it. Where it has not, it says so, and does nothing."""
    call, limits = await stroke_of(rig, kind), rig.installation.limits
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


# The boundary itself.


def test_the_whole_boundary_is_held() -> None:
    members = vars(Connector) | vars(Installation)
    methods = {name for name, value in members.items() if callable(value) and not name.startswith("_")}
    assert methods == TESTED
    assert set(KINDS + OTHER_KINDS) == {
        re.sub("message|stream|file", "", call.__name__.lower()) for call in get_args(OutgoingCall)
    }
    assert {code.name for code in (*CODES, *OTHER_CODES)} == set(
        NAMED.findall(Installation.perform.__doc__ or "")
    )


# serving: whose a place is.


@holds("serving")
async def test_an_installation_is_found_by_a_place_of_its_teams(rig: Rig) -> None:
    ask = await rig.ask()
    assert rig.platform.serving(ask.place) is rig.installation
    assert rig.installation.id
    assert (rig.installation.name, rig.installation.traits) == (rig.platform.name, rig.platform.traits)
    spans = rig.platform.traits.spans_teams
    assert (rig.platform.serving(rig.elsewhere(ask.place)) is rig.installation) is spans
    assert spans or ask.place.team == rig.installation.id


# run: what the inbox is told.


@holds("run")
async def test_a_question_comes_as_it_was_asked(rig: Rig) -> None:
    ask = await rig.ask("is a < b && c > d?")
    assert (ask.addressed, ask.to_others, ask.author.bot, ask.replies_to) == (True, False, False, "")
    assert (ask.place.platform, ask.author.id != "") == (rig.platform.name, True)
    assert all((ask.id, ask.place.team, ask.place.channel, ask.author.name))
    assert abs(datetime.now(UTC) - ask.at) < timedelta(minutes=1)


@holds("run")
async def test_a_follow_up_is_in_the_same_place(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    later = await rig.inbox.ask("who made it?")
    assert (later.place, later.at > ask.at) == (ask.place, True)
    assert later.key != ask.key


@holds("run")
async def test_an_edit_comes_with_its_new_words(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.edit(ask, "what is a spindle?")
    edited = await rig.inbox.first(Edited)
    assert (edited.place.channel_key, edited.message_id) == (ask.place.channel_key, ask.id)
    assert edited.text == "what is a spindle?"


@holds("run")
async def test_a_deletion_comes_with_the_id_of_what_is_gone(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.delete(ask)
    deleted = await rig.inbox.first(Deleted)
    assert (deleted.place.channel_key, deleted.message_id) == (ask.place.channel_key, ask.id)


@holds("run")
async def test_a_press_comes_back_with_its_action_and_turn(rig: Rig) -> None:
    ask = await rig.ask()
    button = Button("again", "Try again", 2**40)
    posted = await rig.installation.perform(post(ask, Page("A machine.", buttons=(button,))))
    await rig.press(ask, posted, button)
    press = await rig.inbox.first(ButtonPress)
    assert (press.action, press.turn_id) == ("again", 2**40)
    assert (press.place.platform, press.place.team) == (ask.place.platform, ask.place.team)
    assert press.author.id
    assert not press.author.bot


@holds("run")
async def test_a_command_comes_with_its_words(rig: Rig) -> None:
    await rig.command("what is a loom?")
    command = await rig.inbox.first(Command)
    assert (command.name, command.argument or command.options.get("question")) == ("ask", "what is a loom?")
    assert (command.place.platform, command.place.channel) == (rig.platform.name, rig.channel())
    assert command.author.id
    assert not command.author.bot
    assert command.id


@holds("run")
async def test_what_bots_say_is_nobodys_question(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, Page("A machine.")))
    await rig.installation.perform(
        EditMessage(ask.place, posted, Page("A machine that weaves."), ask.interaction_token)
    )
    await rig.bot_says(ask, "beep")
    await rig.follow_up(ask, "thanks")
    await rig.inbox.ask("thanks")
    said = {event.text: event.author.bot for event in rig.inbox.of(Ask)}
    assert said.items() <= {ask.text: False, "beep": True, "thanks": False}.items()
    assert not rig.inbox.of(Edited)


@holds("run")
async def test_a_question_is_in_the_inbox_before_it_is_acknowledged(rig: Rig) -> None:
    rig.inbox.open.clear()
    await rig.say("what is a loom?")
    await until(lambda: rig.inbox.came)
    await asyncio.sleep(0.02)
    assert not rig.acknowledged()
    rig.inbox.open.set()
    await until(rig.acknowledged)
    assert rig.inbox.of(Ask)


@holds("run")
async def test_what_cannot_be_stored_comes_again_or_its_author_is_told(rig: Rig) -> None:
    rig.inbox.error = StoreError("the disk of secret-host is full")
    await rig.say("what is a loom?")
    words = await rig.told()
    assert rig.inbox.events == []
    assert "secret-host" not in words
    if words:
        rig.inbox.error = None
    else:
        assert not rig.acknowledged()
        rig.inbox.error = None
        await rig.inbox.ask("what is a loom?")
    await rig.ask("and are you still there?")


@holds("run")
@pytest.mark.parametrize("whisper", [True, False], ids=("for one", "for all"))
@pytest.mark.parametrize("kind", ["question", "command", "press"])
async def test_an_immediate_reply_is_shown_once_and_to_one_person_where_that_can_be(
    rig: Rig, kind: str, whisper: bool
) -> None:
    ask = await rig.ask()
    button = Button("again", "Try again", 7)
    posted = await rig.installation.perform(post(ask, Page("A machine.", buttons=(button,))))
    rig.inbox.reply = ImmediateReply("Not **here**.", whisper, buttons=(Button("settings", "Settings", 1),))
    if kind == "question":
        await rig.say("may I?")
    elif kind == "command":
        await rig.command("may I?")
    else:
        await rig.press(ask, posted, button)
    (reply,) = await rig.replies("Not ")
    assert "here" in reply.text
    assert reply.buttons == ("Settings",)
    if kind == "question" and not rig.whispers_to_messages:
        assert not reply.alone
    elif whisper or rig.has_others:
        assert reply.alone == whisper


# run: its life.


@holds("run", "ready")
async def test_it_is_ready_while_it_runs(idle: Rig) -> None:
    assert not idle.platform.ready()
    await idle.start()
    assert idle.platform.ready()
    await idle.stop()
    assert not idle.platform.ready()


@holds("ready")
async def test_it_is_not_ready_while_it_hears_nothing(rig: Rig) -> None:
    await rig.lose()
    await until(lambda: not rig.platform.ready())
    assert rig.running is not None
    assert not rig.running.done()


@holds("run")
@pytest.mark.parametrize("line", ["busy", "dead", "gone"])
async def test_it_ends_at_once_and_leaves_no_task(idle: Rig, line: str) -> None:
    made = tasks_made_by(idle)
    await idle.start()
    if line == "dead":
        await idle.hang()
    elif line == "gone":
        await idle.vanish()
        place = Place(idle.platform.name, "1", idle.channel())
        await refusal(idle, idle.installation.perform(PostMessage(place, FULL, "digest/1")))  # by when it knows
    else:
        await idle.say("one last thing?")
    assert idle.running is not None
    idle.running.cancel()
    waited_s = timer_waits()
    await asyncio.wait([idle.running])
    assert waited_s() < AT_ONCE_S
    assert idle.running.cancelled()
    assert idle.running in made
    assert [task for task in made if not task.done()] == []


def tasks_made_by(rig: Rig) -> list[asyncio.Task[Any]]:
    """Every task that comes from `rig.running`, the task itself too, and none of the other side's."""
    made: list[asyncio.Task[Any]] = []
    inside: ContextVar[bool] = ContextVar("inside", default=False)

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **more)
        if more.get("context", contextvars.copy_context()).get(inside):
            made.append(task)
        return task

    asyncio.get_running_loop().set_task_factory(make)
    rig.context = contextvars.copy_context()
    rig.context.run(inside.set, True)
    return made


@holds("run")
async def test_credentials_that_are_refused_end_it_and_are_named(idle: Rig) -> None:
    for variable, platform in idle.refused():
        async with asyncio.timeout(HANG_S):
            error = await refusal(idle, platform.run(idle.inbox))
        assert (error.code, error.retryable) == (Code.BAD_TOKEN, False)
        assert variable in error.detail


# perform: what is posted is what is shown.


@holds("perform")
async def test_what_is_posted_is_what_is_shown(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, FULL))
    (shown,) = await rig.shown(ask.place)
    assert (shown.id, shown.text, shown.notice) == (posted, FULL.text, FULL.notice)
    assert shown.buttons == ("Try again",)


@holds("perform")
async def test_an_edit_shows_the_complete_new_view(rig: Rig) -> None:
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, FULL))
    views = (Page("A machine."), Page("", "Something went wrong."), FULL, replace(FULL, buttons=()))
    for page in views:
        assert (
            await rig.installation.perform(EditMessage(ask.place, posted, page, ask.interaction_token))
            == posted
        )
        (shown,) = await rig.shown(ask.place)
        assert (shown.text, shown.notice, len(shown.buttons)) == (page.text, page.notice, len(page.buttons))


@holds("perform")
async def test_pages_stand_in_the_order_in_which_they_were_posted(rig: Rig) -> None:
    ask = await rig.ask()
    ids = [await rig.installation.perform(post(ask, Page(text))) for text in ("one", "two", "three")]
    assert [(shown.id, shown.text) for shown in await rig.shown(ask.place)] == list(
        zip(ids, ("one", "two", "three"), strict=True)
    )


@holds("perform")
@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_full_page_is_taken_whole(rig: Rig, script: str) -> None:
    limits = rig.installation.limits
    text = filled(SCRIPTS[script], limits.page_size, limits.page_unit)
    assert page_length(text, limits.page_unit) == limits.page_size
    ask = await rig.ask()
    page = Page(text, "Stopped.", FULL.buttons)
    posted = await rig.installation.perform(post(ask, page))
    assert [(m.text, m.notice) for m in await rig.shown(ask.place)] == [(text, "Stopped.")]
    await rig.installation.perform(EditMessage(ask.place, posted, Page("…"), ask.interaction_token))
    await rig.installation.perform(EditMessage(ask.place, posted, page, ask.interaction_token))
    assert [(m.text, m.notice) for m in await rig.shown(ask.place)] == [(text, "Stopped.")]


@holds("perform")
async def test_no_mention_fires(rig: Rig) -> None:
    words = " and ".join(rig.mentions)
    ask = await rig.ask()
    posted = await rig.installation.perform(post(ask, Page(words, words)))
    await rig.installation.perform(
        EditMessage(ask.place, posted, Page(f"{words}!", words), ask.interaction_token)
    )
    assert rig.alerts() == []


@holds("perform", "channel")
async def test_a_channel_itself_can_be_posted_to(rig: Rig) -> None:
    place = await rig.installation.channel(rig.channel())
    assert (place.platform, place.channel, place.thread) == (rig.platform.name, rig.channel(), "")
    posted = await rig.installation.perform(PostMessage(place, Page("12 questions"), "digest/1"))
    assert [(shown.id, shown.text) for shown in await rig.shown(place)] == [(posted, "12 questions")]


@holds("perform", "channel")
async def test_a_channel_that_is_not_there_is_refused_at_the_latest_when_it_is_posted_to(rig: Rig) -> None:
    async def post_there() -> None:
        place = await rig.installation.channel("404404")
        await rig.installation.perform(PostMessage(place, Page("12 questions"), "digest/1"))

    assert (await refusal(rig, post_there())).code is Code.GONE


# perform: how it fails.


@holds("perform")
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stroke_that_is_refused_says_why_and_is_not_done(rig: Rig, kind: str, code: Code) -> None:
    call = await rig.failing(await painting(rig, kind), code)
    calls = rig.calls()
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain) == (code, True)
    assert error.retryable == (code in (Code.SLOW_DOWN, Code.UNAVAILABLE))
    assert (error.retry_after_s is not None) == (code is Code.SLOW_DOWN)
    assert rig.calls() - calls <= 3  # nothing is tried again and again, though whoever asked may be told
    if code is not Code.EXPIRED:
        assert FULL.text not in await texts(rig, call.place)


@holds("perform")
@pytest.mark.parametrize("way", [LOST, CUT])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_uncertain_stroke_says_so_and_is_not_repeated(rig: Rig, kind: str, way: str) -> None:
    call = await painting(rig, kind)
    await rig.uncertain(call, way)
    calls = rig.calls()
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain, error.retryable) == (Code.UNCERTAIN, False, True)
    assert rig.calls() == calls + 1
    assert (await texts(rig, call.place)).count(FULL.text) == (way == LOST)


@holds("perform")
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_it_is_answered_it_raises_nothing_else(rig: Rig, kind: str) -> None:
    call = await painting(rig, kind)
    for spoil in rig.strange():
        spoil(call)
        error = await refusal(rig, rig.installation.perform(call))
        assert error.certain == (error.code is not Code.UNCERTAIN)
        rig.mend()
    await rig.installation.perform(call)


@holds("perform")
@pytest.mark.parametrize(
    "page",
    [
        Page(""),
        Page("", "", (Button("stop", "Stop", 1),)),
        Page("half a \ud83e pair"),
        Page("nul \x00 in it"),
        Page(" \n "),
        Page("x", "y" * 500),
        Page("x", "", (Button("a", "label " * 40, 1), Button("b", "L", 2**62))),
    ],
    ids=("empty", "only a button", "surrogate", "nul", "blank", "long notice", "long labels"),
)
async def test_whatever_a_page_holds_it_is_shown_or_refused(rig: Rig, page: Page) -> None:
    """Models write anything; what the platform does not take is a PlatformError and never another."""
    ask = await rig.ask()
    refused = await fault(rig.installation.perform(post(ask, page)))
    stands = len(await rig.shown(ask.place))
    assert (stands == 1) if refused is None else (stands, refused.code) == (0, Code.REJECTED)


@holds("perform")
async def test_before_it_runs_a_stroke_is_done_or_surely_not(idle: Rig) -> None:
    place = Place(idle.platform.name, "T1", idle.channel())
    refused = await fault(idle.installation.perform(PostMessage(place, Page("12 questions"), "digest/1")))
    assert await texts(idle, place) == (["12 questions"] if refused is None else [])
    assert refused is None or (refused.code, refused.certain) == (Code.UNAVAILABLE, True)


# perform: what grows, what goes, and files.


@holds("perform")
@pytest.mark.parametrize("kind", OTHER_KINDS)
async def test_every_other_stroke_is_done_or_unsupported(rig: Rig, kind: str) -> None:
    call = await taken(rig, kind)
    done = await rig.installation.perform(call)
    assert done
    stands = await texts(rig, call.place)
    match call:
        case StartStream():
            assert stands == ["A first page.", "A loom "]
        case AppendStream():
            assert (stands, done) == (["A first page.", "A loom is a machine."], call.message_id)
        case StopStream():
            shown = (await rig.shown(call.place))[-1]
            assert (shown.id, shown.text) == (done, "A loom is a machine.")
            assert (shown.notice, shown.buttons) == (FULL.notice, ("Try again",))
            await rig.installation.perform(EditMessage(call.place, done, Page("A machine.")))
            assert await texts(rig, call.place) == ["A first page.", "A machine."]
        case DeleteMessage():
            assert stands == []
        case UploadFile():
            assert await rig.files(call.place) == [("loom.md", FULL.text)]


@holds("perform")
@pytest.mark.parametrize("kind", OTHER_KINDS)
async def test_every_other_stroke_is_slowed_down_with_a_time(rig: Rig, kind: str) -> None:
    call = await taken(rig, kind)
    wait_s = rig.slow(call)
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain, error.retry_after_s) == (Code.SLOW_DOWN, True, wait_s)


@holds("perform", "find")
@pytest.mark.parametrize("way", [LOST, CUT])
@pytest.mark.parametrize("kind", ["start", "upload"])
async def test_after_an_uncertain_start_or_upload_one_stands(rig: Rig, kind: str, way: str) -> None:
    call = await taken(rig, kind)
    await rig.uncertain(call, way)
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain, error.retryable) == (Code.UNCERTAIN, False, True)
    assert await rig.installation.find(call) or await rig.installation.perform(call)
    if kind == "upload":
        assert await rig.files(call.place) == [("loom.md", FULL.text)]
    else:
        assert await texts(rig, call.place) == ["A first page.", "A loom "]


@holds("perform")
@pytest.mark.parametrize("way", [LOST, CUT])
@pytest.mark.parametrize("kind", ["append", "stop"])
async def test_words_are_added_once_or_uncertain(rig: Rig, kind: str, way: str) -> None:
    call = await taken(rig, kind)
    await rig.uncertain(call, way)
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain, error.retryable) == (Code.UNCERTAIN, False, True)
    assert (await texts(rig, call.place))[-1] == ("A loom is a machine." if way == LOST else "A loom ")


@holds("perform")
@pytest.mark.parametrize("way", [LOST, CUT])
async def test_a_delete_can_be_repeated_until_it_is_gone(rig: Rig, way: str) -> None:
    call = await taken(rig, "delete")
    await rig.uncertain(call, way)
    for _ in range(2):
        error = await fault(rig.installation.perform(call))
        assert error is None or error.code in (Code.UNCERTAIN, Code.GONE)
    assert await texts(rig, call.place) == []


@holds("perform")
@pytest.mark.parametrize("script", ["ascii", "cjk", "escapes"])
async def test_what_grows_holds_all_that_it_may(rig: Rig, script: str) -> None:
    start = await taken(rig, "start")
    limits = rig.installation.limits
    assert isinstance(start, StartStream)
    assert limits.growth is not None
    text = filled(SCRIPTS[script], limits.growth.size, limits.page_unit)
    grown = await rig.installation.perform(replace(start, text=text[:100]))
    for at in range(100, len(text), 1000):
        await rig.installation.perform(AppendStream(start.place, grown, text[at : at + 1000]))
    await rig.installation.perform(StopStream(start.place, grown, start.key, "", "Stopped."))
    (_, shown) = await rig.shown(start.place)
    whole = shown.text.replace("\u200b", "")  # which breaks mentions
    assert (whole, shown.notice) == (text, "Stopped.")


@holds("perform")
async def test_what_grows_takes_tasks_with_words_and_without(rig: Rig) -> None:
    start = await taken(rig, "start")
    assert isinstance(start, StartStream)
    looking = ToolTask("0-0", f"wiki: search {rig.mentions[0]}")
    looked, mailing = replace(looking, state=TaskState.DONE), ToolTask("3-0", "mail: send")
    grown = await rig.installation.perform(replace(start, text="", tasks=(looking,)))
    await rig.installation.perform(AppendStream(start.place, grown, "A loom ", tasks=(looked, mailing)))
    await rig.installation.perform(AppendStream(start.place, grown, "is a machine."))
    failed = replace(mailing, state=TaskState.FAILED)
    await rig.installation.perform(
        StopStream(start.place, grown, start.key, "", FULL.notice, FULL.buttons, tasks=(failed,))
    )
    shown = (await rig.shown(start.place))[-1]
    assert (shown.text, shown.notice, shown.buttons) == ("A loom is a machine.", FULL.notice, ("Try again",))
    tasks = [(title.replace("\u200b", ""), state) for title, state in rig.tasks(grown)]
    assert tasks == [(looking.title, "complete"), (mailing.title, "error")]
    assert rig.alerts() == []
    await rig.installation.perform(EditMessage(start.place, grown, FULL))


@holds("perform")
async def test_no_mention_fires_where_words_grow_together(rig: Rig) -> None:
    start = await taken(rig, "start")
    assert isinstance(start, StartStream)
    grown = await rig.installation.perform(replace(start, text="look: "))
    for mention in rig.mentions:
        for piece in (mention[:1], mention[1:3], mention[3:], " "):
            await rig.installation.perform(AppendStream(start.place, grown, piece or " "))
    await rig.installation.perform(StopStream(start.place, grown, start.key, "<!here>", rig.mentions[0]))
    assert rig.alerts() == []


@holds("perform")
async def test_what_grows_cannot_be_edited_and_what_has_grown_grows_no_more(rig: Rig) -> None:
    append = await taken(rig, "append")
    assert isinstance(append, AppendStream)
    edit = EditMessage(append.place, append.message_id, FULL)
    assert (await refusal(rig, rig.installation.perform(edit))).code is Code.GROWING
    await rig.installation.perform(StopStream(append.place, append.message_id, "turn-9/0"))
    assert (await refusal(rig, rig.installation.perform(append))).code is Code.GROWN
    await rig.installation.perform(edit)


@holds("perform")
async def test_what_a_person_has_halted_says_so(rig: Rig) -> None:
    append = await taken(rig, "append")
    assert isinstance(append, AppendStream)
    await rig.halt(rig.inbox.of(Ask)[0])
    error = await refusal(rig, rig.installation.perform(append))
    assert (error.code, error.certain, error.retryable) == (Code.HALTED, True, False)


# find.


@holds("find", "perform")
@pytest.mark.parametrize("restarted", [False, True], ids=("same process", "restarted"))
@pytest.mark.parametrize("way", [LOST, CUT])
async def test_after_an_uncertain_post_one_message_stands(rig: Rig, way: str, restarted: bool) -> None:
    lost = await painting(rig, "post")
    assert isinstance(lost, PostMessage)
    await rig.uncertain(lost, way)
    await refusal(rig, rig.installation.perform(lost))
    if restarted:
        await rig.restart()
    found = await rig.installation.find(lost)
    assert (found is not None) == (way == LOST)
    posted = found or await rig.installation.perform(lost)
    assert [shown.text for shown in await rig.shown(lost.place)] == ["A first page.", FULL.text]
    assert (await rig.shown(lost.place))[-1].id == posted
    assert await rig.installation.find(lost) == posted


@holds("find")
async def test_a_post_of_another_key_is_not_taken_for_it(rig: Rig) -> None:
    ask = await rig.ask()
    one, two = post(ask, Page("one"), "turn-1/0"), post(ask, Page("two"), "turn-1/1")
    first = await rig.installation.perform(one)
    assert await rig.installation.find(two) is None
    second = await rig.installation.perform(two)
    assert [await rig.installation.find(call) for call in (one, two)] == [first, second]


@holds("find", "channel")
async def test_a_post_to_a_channel_is_found_too(rig: Rig) -> None:
    place = await rig.installation.channel(rig.channel())
    call = PostMessage(place, Page("12 questions"), "digest/1")
    assert await rig.installation.find(call) is None
    posted = await rig.installation.perform(call)
    assert await rig.installation.find(call) == posted


# rate_limits.


@holds("question_exists")
async def test_a_question_stands_until_it_is_deleted(rig: Rig) -> None:
    ask = await rig.ask()
    assert await rig.installation.question_exists(ask)
    await rig.installation.perform(post(ask, Page("An answer.")))
    assert await rig.installation.question_exists(ask)
    await rig.delete(ask)
    assert not await rig.installation.question_exists(ask)
    assert await rig.installation.question_exists(replace(ask, id="no-message"))


@holds("rate_limits")
async def test_rate_limits_name_the_installation_that_they_are_of(rig: Rig) -> None:
    prefix = f"{rig.platform.name}/{rig.installation.id}/"
    ask = await rig.ask()
    for limit in rig.installation.rate_limits(post(ask, FULL)):
        assert limit.scope.startswith(prefix)


@holds("rate_limits")
async def test_budgets_are_pure_and_can_be_lived_on(rig: Rig) -> None:
    for kind in KINDS:
        call = await painting(rig, kind)
        calls, rate_limits = rig.calls(), rig.installation.rate_limits(call)
        assert rate_limits
        assert rate_limits == rig.installation.rate_limits(call)
        assert rig.calls() == calls
        assert all(
            isinstance(budget, RateLimit) and budget.burst >= 1 and budget.per_s > 0 for budget in rate_limits
        )
        assert len({budget.scope for budget in rate_limits}) == len(rate_limits)
        assert all(budget.scope.startswith(f"{rig.platform.name}/") for budget in rate_limits)
        assert not [secret for secret in rig.secrets for budget in rate_limits if secret in budget.scope]


@holds("rate_limits")
async def test_posts_and_edits_draw_on_budgets_of_their_own(rig: Rig) -> None:
    if not rig.posts_and_edits_are_limited_apart:
        rig.cannot("the page limits nothing")
    posts, edits = [_scopes(rig, await painting(rig, kind)) for kind in KINDS]
    assert posts - edits
    assert edits - posts


@holds("rate_limits")
async def test_what_one_team_spends_is_not_taken_from_another(rig: Rig) -> None:
    for kind in KINDS:
        call = await painting(rig, kind)
        there = _elsewhere(rig, call)
        assert _scopes(rig, call) & _scopes(rig, there) <= rig.limited_for_all_teams


def _elsewhere(rig: Rig, call: OutgoingCall) -> OutgoingCall:
    """The same call for another team, on another message: no message is in two channels."""
    place = rig.elsewhere(call.place)
    if isinstance(call, EditMessage | DeleteMessage | AppendStream | StopStream):
        return replace(call, place=place, message_id=f"{call.message_id}9")
    return replace(call, place=place)


def _scopes(rig: Rig, call: OutgoingCall) -> set[str]:
    return {budget.scope for budget in rig.installation.rate_limits(call)}


# Reading.


@holds("history")
async def test_history_is_what_was_said_before_the_question_in_its_order(rig: Rig) -> None:
    first = await rig.ask("what is a loom?")
    posted = await rig.installation.perform(post(first, FULL))
    await rig.follow_up(first, "who made it?")
    await rig.follow_up(first, "and when?")
    last = await rig.inbox.ask("and when?")
    await rig.follow_up(first, "too late")
    await rig.inbox.ask("too late")
    history = await rig.installation.history(last.place, last)
    if not rig.calls():
        assert history.entries == ()
        rig.cannot("all history is in the store")
    assert history.complete
    assert [entry.text for entry in history.entries] == ["what is a loom?", FULL.text, "who made it?"]
    assert [(entry.id, entry.mine) for entry in history.entries][:2] == [(first.id, False), (posted, True)]
    assert [entry.author.bot for entry in history.entries] == [False, True, False]
    assert history.entries[0].at == first.at
    assert history.entries[0].author.id == first.author.id


@holds("history")
async def test_there_is_nothing_before_the_first_question_and_nobody_is_asked(rig: Rig) -> None:
    ask = await rig.ask()
    calls = rig.calls()
    history = await rig.installation.history(ask.place, ask)
    assert (history.entries, history.complete, rig.calls()) == ((), True, calls)


@holds("history", "missed")
@pytest.mark.parametrize("read", ["history", "missed"])
async def test_a_read_that_is_refused_for_a_while_says_for_how_long(rig: Rig, read: str) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    later = await rig.inbox.ask("who made it?")
    wait_s = rig.read_slowly()
    call = (
        rig.installation.history(later.place, later)
        if read == "history"
        else rig.installation.missed(ask.place, ask.at)
    )
    error = await refusal(rig, call)
    assert (error.code, error.retryable, error.retry_after_s) == (Code.SLOW_DOWN, True, wait_s)


@holds("recent", "channel")
async def test_the_most_recent_lines_are_read_oldest_first(rig: Rig) -> None:
    ask = await rig.ask("what is a loom?")
    posted = await rig.installation.perform(post(ask, FULL))
    later = [f"and {n}?" for n in range(13)]
    for text in later:
        await rig.follow_up(ask, text)
        await rig.inbox.ask(text)
    whole = await rig.installation.recent(ask.place, 100)
    assert [line.text for line in whole.entries if not line.mine] == ["what is a loom?", *later]
    assert whole.entries[0].id == ask.id
    ours = [(posted, FULL.text)] if rig.keeps_posts else []
    assert [(line.id, line.text) for line in whole.entries if line.mine] == ours
    assert whole.complete
    newest = await rig.installation.recent(ask.place, 2)
    assert (newest.entries, newest.complete) == (whole.entries[-2:], False)
    assert await rig.installation.recent(ask.place, 100, whole.entries[-3].at) == History(whole.entries[-3:])


@holds("recent", "channel")
async def test_of_a_channel_its_top_level_is_read_with_what_the_bot_posted_there(rig: Rig) -> None:
    ask = await rig.ask("what is a loom?")
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    await rig.inbox.ask("who made it?")
    channel = await rig.installation.channel(rig.channel())
    posted = await rig.installation.perform(PostMessage(channel, Page("12 questions"), "digest/1"))
    top = (await rig.installation.recent(channel, 100)).entries
    in_threads = ["who made it?"] if rig.only_threads_stand_in_the_channel else []
    assert [line.text for line in top if not line.mine] == ["what is a loom?", *in_threads]
    ours = [(posted, "12 questions")] if rig.keeps_posts else []
    assert [(line.id, line.text) for line in top if line.mine] == ours


@holds("channels")
async def test_channels_are_told_without_a_call(idle: Rig) -> None:
    assert idle.installation.channels() == []
    await idle.start()
    calls, channels = idle.calls(), idle.installation.channels()
    assert idle.calls() == calls
    assert len({place.key for place in channels}) == len(channels)
    assert all(place.platform == idle.platform.name for place in channels)
    assert not channels or idle.channel() in [place.channel for place in channels]


@holds("missed")
async def test_what_was_missed_in_a_thread_comes_as_it_would_have_come(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    for text in ("who made it?", "and when?", "and why?"):
        await rig.follow_up(ask, text)
        await rig.inbox.ask(text)
    calls, heard = rig.calls(), [event for event in rig.inbox.of(Ask) if event.place == ask.place]
    missed = await rig.installation.missed(ask.place, ask.at)
    if rig.calls() == calls:
        assert missed == []
        rig.cannot("nothing can be missed")
    assert missed == [event for event in heard if event.id != ask.id]
    assert await rig.installation.missed(ask.place, missed[1].at) == missed[2:]
    assert await rig.installation.missed(ask.place, missed[2].at) == []


@holds("missed")
async def test_what_was_missed_in_a_channel_is_what_was_said_in_the_channel_itself(rig: Rig) -> None:
    first = await rig.ask("one?")
    await rig.follow_up(first, "in its thread")
    second = await rig.ask("two?")
    calls = rig.calls()
    missed = await rig.installation.missed(await rig.installation.channel(rig.channel()), first.at)
    if rig.calls() == calls:
        assert missed == []
        rig.cannot("nothing can be missed")
    assert missed == [second]


@holds("typing")
async def test_typing_is_shown(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.typing(ask.place)
    assert await rig.typed(ask.place)


@holds("typing")
async def test_typing_that_fails_is_no_error(rig: Rig) -> None:
    ask = await rig.ask()
    rig.break_typing()
    await rig.installation.typing(ask.place)
    assert not await rig.typed(ask.place)


@holds("typing")
async def test_typing_without_a_connection_is_no_error(idle: Rig) -> None:
    await idle.installation.typing(Place(idle.platform.name, "1", idle.channel(), "1"))
