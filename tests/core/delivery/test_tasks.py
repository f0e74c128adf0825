"""The tool calls of an answer beside its words: tasks of a message that grows, a line under any other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery.page_layout import PageLayout
from core.delivery.shown_tasks import task_length
from core.values.outgoing import (
    Activity,
    AppendStream,
    EditMessage,
    Growth,
    Limits,
    OutgoingCall,
    Page,
    Phase,
    PostMessage,
    Reply,
    StartStream,
    StopStream,
    TaskState,
    ToolTask,
)
from core.values.ui import Button
from tests.core.delivery.rig import Paper, studio
from tests.fakes.clock import FakeClock

STOP = (Button("stop", "Stop", 1),)
GROWING = Limits(page_size=400, page_unit="utf8", growth=Growth(size=2_000, life_s=60.0))
STILL = replace(GROWING, growth=None)
LOOKING = ToolTask("0-0", "wiki: search")
LOOKED = replace(LOOKING, state=TaskState.DONE)
MAILING = ToolTask("3-0", "mail: send")
MAILED = replace(MAILING, state=TaskState.FAILED)


def working(text: str, *tasks: ToolTask) -> Reply:
    line = "Using tools" if any(task.state is TaskState.RUNNING for task in tasks) else ""
    return Reply(text, Phase.WRITING, buttons=STOP, activity=Activity(line, tasks))


def sent_tasks(calls: list[tuple[float, OutgoingCall]]) -> list[tuple[str, tuple[ToolTask, ...]]]:
    return [
        (type(call).__name__, call.tasks)
        for _, call in calls
        if isinstance(call, StartStream | AppendStream | StopStream) and call.tasks
    ]


async def test_a_growing_message_shows_the_tasks_as_they_begin_and_end() -> None:
    paper = Paper(FakeClock(), limits=GROWING)
    async with studio(paper) as made:
        delivery = made.delivery()
        for reply in (
            working("I look.\n\n", LOOKING),
            working("I look.\n\n", LOOKED),
            working("I look.\n\nI mail.\n\n", LOOKED, MAILING),
            working("I look.\n\nI mail.\n\nDone.\n\n", LOOKED, MAILED),
        ):
            delivery.show(reply, made.clock.monotonic())
            await made.pass_s(5)
        delivery.show(Reply("I look.\n\nI mail.\n\nDone.\n\nBye.", Phase.ENDED), made.clock.monotonic())
        await made.finish(delivery)
    assert sent_tasks(paper.calls) == [
        ("StartStream", (LOOKING,)),
        ("AppendStream", (LOOKED,)),
        ("AppendStream", (MAILING,)),
        ("AppendStream", (MAILED,)),
    ]
    (sheet,) = paper.sheets.values()
    assert (sheet.page.text, sheet.page.tasks) == ("I look.\n\nI mail.\n\nDone.\n\nBye.", (LOOKED, MAILED))
    assert paper.forbidden == []


async def test_tasks_begin_a_message_before_the_first_word() -> None:
    paper = Paper(FakeClock(), limits=GROWING)
    async with studio(paper) as made:
        delivery = made.delivery()
        delivery.show(working("", LOOKING), made.clock.monotonic())
        await made.pass_s(2)
        assert [(sheet.page.text, sheet.page.tasks) for sheet in paper.sheets.values()] == [("", (LOOKING,))]
        delivery.show(Reply("Found.", Phase.ENDED), made.clock.monotonic())
        await made.finish(delivery)
    (sheet,) = paper.sheets.values()
    assert (sheet.page.text, sheet.page.tasks[0].state) == ("Found.", TaskState.FAILED), "it has no result"


async def test_elsewhere_a_line_says_what_runs_until_the_answer_goes_on() -> None:
    paper = Paper(FakeClock(), limits=STILL)
    async with studio(paper) as made:
        delivery = made.delivery()
        seen = []
        for reply in (
            working("", LOOKING),
            working("", LOOKED),
            working("Found.\n\n", LOOKED),
            working("Found.\n\n", LOOKED, MAILING),
        ):
            delivery.show(reply, made.clock.monotonic())
            await made.pass_s(5)
            (sheet,) = paper.sheets.values()
            seen.append((sheet.page.text.strip(), sheet.page.notice, sheet.page.buttons))
        delivery.show(Reply("Found.", Phase.ENDED, "Stopped."), made.clock.monotonic())
        await made.finish(delivery)
    assert seen == [
        ("", "Using tools", STOP),
        ("", "", STOP),
        ("Found.", "", STOP),
        ("Found.", "Using tools", STOP),
    ]
    (sheet,) = paper.sheets.values()
    assert (sheet.page, paper.forbidden) == (Page("Found.", "Stopped."), [])
    assert all(isinstance(call, PostMessage | EditMessage) for _, call in paper.calls)


@pytest.mark.parametrize("limits", [GROWING, STILL], ids=["grows", "still"])
async def test_a_notice_that_is_to_be_read_now_is_under_the_words_until_the_answer_goes_on(
    limits: Limits,
) -> None:
    paper = Paper(FakeClock(), limits=limits)
    async with studio(paper) as made:
        delivery = made.delivery()
        seen = []
        for reply in (
            working("I look.\n\n", LOOKED),
            Reply("I look.\n\n", Phase.WAITING, "Waiting.", STOP, Activity(tasks=(LOOKED,))),
            working("I look.\n\n", LOOKED),
            working("I look.\n\nFound.\n\n", LOOKED),
        ):
            delivery.show(reply, made.clock.monotonic())
            await made.pass_s(5)
            (sheet,) = paper.sheets.values()
            seen.append((sheet.page.text.strip(), sheet.page.notice))
        assert sheet.page.buttons == STOP
        delivery.show(Reply("I look.\n\nFound. Bye.", Phase.ENDED), made.clock.monotonic())
        await made.finish(delivery)
    assert seen == [("I look.", ""), ("I look.", "Waiting."), ("I look.", ""), ("I look.\n\nFound.", "")]
    (sheet,) = paper.sheets.values()
    assert (sheet.page, sheet.growing) == (Page("I look.\n\nFound. Bye."), False)
    assert paper.forbidden == []


TITLES = st.sampled_from(["wiki: search", "查找" * 20, "x" * 100])
STEPS = st.lists(st.tuples(st.integers(0, 700), st.lists(TITLES, max_size=8), st.integers(1, 30)), max_size=6)


@given(STEPS)
async def test_no_message_holds_more_than_it_may_and_no_task_is_left_running(
    steps: list[tuple[int, list[str], int]],
) -> None:
    paper = Paper(FakeClock(), limits=GROWING)
    text, tasks = "", list[ToolTask]()
    async with studio(paper) as made:
        delivery = made.delivery()
        for number, (words, titles, wait_tenths) in enumerate(steps):
            text += "weft " * (words // 5)
            new = [ToolTask(f"{number}-{index}", title) for index, title in enumerate(titles)]
            delivery.show(working(text, *tasks, *new), made.clock.monotonic())
            await made.pass_s(wait_tenths / 10)
            tasks += [replace(task, state=TaskState.DONE) for task in new]
            delivery.show(working(text, *tasks), made.clock.monotonic())
        text += "end"
        delivery.show(Reply(text, Phase.ENDED), made.clock.monotonic())
        await made.finish(delivery)
    assert paper.forbidden == []
    assert "".join(paper.shown.split()) == "".join(text.split())
    assert TaskState.RUNNING not in {task.state for sheet in paper.sheets.values() for task in sheet.page.tasks}
    taken: dict[str, int] = {}
    numbers = {sheet.key: message_id for message_id, sheet in paper.sheets.items()}
    for _, call in paper.calls:
        if isinstance(call, StartStream | AppendStream | StopStream):
            message = numbers[call.key] if isinstance(call, StartStream) else call.message_id
            cost = sum(task_length(task, GROWING) for task in call.tasks)
            taken[message] = taken.get(message, 0) + cost + len(call.text)
    assert all(length <= 2_000 for length in taken.values())


def test_a_message_without_room_shows_no_new_task_and_takes_the_next_words() -> None:
    layout = PageLayout(GROWING, can_grow=True)
    layout.lay(working("weft " * 390))
    page_state = layout.begin(grows=True)
    layout.shows(layout.page_posted("m0"), layout.view(page_state).page)
    layout.lay(working("weft " * 390, LOOKING))
    assert layout.view(page_state).page.tasks == ()
    assert layout.room(page_state) == 2_000
