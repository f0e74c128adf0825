"""`perform`: streams, deletions and files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import Code
from core.values.conversation import Ask
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    Page,
    StartStream,
    StopStream,
    TaskState,
    ToolTask,
    UploadFile,
)
from tests.contract.platform.boundary import (
    FULL,
    OTHER_KINDS,
    SCRIPTS,
    fault,
    filled,
    holds,
    page_call,
    refusal,
    taken,
    texts,
)
from tests.contract.rigs.rig import CUT, LOST, Rig


@holds("perform")
@pytest.mark.parametrize("kind", OTHER_KINDS)
async def test_every_other_call_is_done_or_unsupported(rig: Rig, kind: str) -> None:
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
async def test_every_other_call_is_slowed_down_with_a_time(rig: Rig, kind: str) -> None:
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


@holds("perform", "find")
async def test_a_picture_is_shown_once_with_its_description_behind_an_edit_too(rig: Rig) -> None:
    edit = await page_call(rig, "edit")
    assert isinstance(edit, EditMessage)
    ask, title = rig.inbox.of(Ask)[0], "Picture from the tool <!channel> @everyone"
    upload = UploadFile(
        *(edit.place, "turn-9-picture-1.png", b"\x89PNG\r\n\x1a\n", ask.id, ask.interaction_token),
        title=title,
        media_type="image/png",
        under=edit.message_id,
    )
    await rig.installation.perform(upload)
    assert await rig.installation.find(upload) or await rig.installation.perform(upload)
    assert await rig.installation.find(replace(upload, name="turn-9-picture-2.png")) is None
    await rig.installation.perform(edit)
    assert await rig.pictures(edit.place) == [(title, upload.content)]


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
