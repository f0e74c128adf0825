from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from core.conversation.file_content import ContentReader
from core.conversation.files import (
    FAILED_S,
    MOST_FILES,
    MOST_PICTURES,
    PICTURES_S,
    FileNews,
    FileReader,
    choose,
    unseen,
)
from core.files.extractor import LARGEST_FILE
from core.platform_calls import PlatformCalls
from core.ports.files import (
    Extracted,
    FileContent,
    Picture,
    ScannedPages,
    Transcriber,
    Transcript,
    TranscriptHooks,
)
from core.values.conversation import Ask, History, ThreadMessage
from core.values.deltas import ModelInfo
from core.values.parts import Attached, File, FileProblem, Quote
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock
from tests.fakes.files import PICTURE, FilePlatform, PlainExtractor
from tests.fakes.memory import MemoryStore
from tests.waiting import HANG_S

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
ADA = Person("U1", "Ada")
NOTES = File("notes.txt", "text/plain", source="F1")
CAT = File("cat.png", "image/png", source="F2")
CLIP = File("clip.m4a", "audio/mp4", source="F3")


def line(number: int, *attached: Attached) -> ThreadMessage:
    return ThreadMessage(f"m{number}", ADA, "", NOON + timedelta(seconds=number), attached=attached)


def question(number: int = 9, *attached: Attached) -> Ask:
    return Ask(f"m{number}", THREAD, ADA, "why?", NOON, addressed=True, attached=attached)


class Hears:
    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        return Transcript(data.decode(), ModelInfo("whisper"))


class Scanner(PlainExtractor):
    async def extract(self, name: str, data: bytes) -> Extracted:
        if data.startswith(PICTURE):
            return await super().extract(name, data)
        return ScannedPages(tuple(Picture(b"page", "image/png", 1, 1) for _ in data))


class Rig:
    def __init__(
        self,
        transcriber: Transcriber | None = None,
        extractor: PlainExtractor | None = None,
        /,
        **files: bytes | FileProblem,
    ) -> None:
        self.platform = FilePlatform(**files)
        self.store, self.clock = MemoryStore(), FakeClock(NOON)
        content = ContentReader(extractor or PlainExtractor(), transcriber)
        self.reader = FileReader(self.store, content, self.clock)
        self.transcripts: list[Transcript] = []

    async def read(
        self, lines: Sequence[ThreadMessage], ask: Ask | None = None
    ) -> tuple[list[tuple[Attached, ...]], list[tuple[str, str]], tuple[FileNews, ...]]:
        for one in lines:
            await self.store.note(
                replace(question(), id=one.id, text=one.text, at=one.at, attached=one.attached)
            )
        stored = await self.store.lines(THREAD)
        files = self.files = await self.reader.read(
            ask or question(), stored, PlatformCalls(self.platform), TranscriptHooks(self.transcripts.append)
        )
        return [one.attached for one in files.lines], list(files.pictures), files.news

    async def heard(self, *lines: ThreadMessage) -> tuple[File, ...]:
        await self.read(lines)
        return tuple(one.file for one in self.files.heard)


async def test_the_text_of_a_file_is_read_once_and_stored_with_its_message() -> None:
    rig = Rig(F1=b"buy milk")
    read, _, news = await rig.read([line(1, Quote("hm", "Bo"), NOTES)])
    assert read == [(Quote("hm", "Bo"), replace(NOTES, text="buy milk"))]
    assert [one.attached for one in await rig.store.lines(THREAD)] == read
    assert await rig.read([]) == (read, [], ())
    assert (rig.platform.fetched, news) == (["F1"], ())


async def test_a_picture_is_kept_for_a_while_and_fetched_again_after_it() -> None:
    rig = Rig(F2=PICTURE)
    for _ in range(2):
        read, pictures, news = await rig.read([line(1, CAT)])
        assert (read, pictures, news) == ([(CAT,)], [("m1", "F2")], ())
    await rig.clock.advance(PICTURES_S + 1)
    await rig.read([])
    assert rig.platform.fetched == ["F2", "F2"]


async def test_what_is_certain_of_a_file_is_stored_and_told_once() -> None:
    rig = Rig(F1=b"\xff\xfe\xfd")
    problem = FileProblem.UNKNOWN_TYPE
    unknown = replace(NOTES, problem=problem)
    assert await rig.read([line(1, NOTES)]) == ([(unknown,)], [], (FileNews("notes.txt", problem),))
    assert await rig.read([]) == ([(unknown,)], [], ())


async def test_what_may_pass_is_told_with_its_own_question_only_and_tried_again() -> None:
    rig = Rig(F1=FileProblem.UNAVAILABLE)
    away = (replace(NOTES, problem=FileProblem.UNAVAILABLE),)
    assert await rig.read([line(1, NOTES)]) == ([away], [], ())
    assert await rig.read([], question(1)) == ([away], [], (FileNews("notes.txt", FileProblem.UNAVAILABLE),))
    rig.platform.files["F1"] = b"here"
    assert await rig.read([]) == ([(replace(NOTES, text="here"),)], [], ())


@pytest.mark.parametrize("content", [FileProblem.NOT_ALLOWED, b"\xff\xfe\xfd"], ids=str)
async def test_a_file_that_is_not_read_is_one_line_of_the_log_without_its_name(
    content: bytes | FileProblem,
) -> None:
    rig = Rig(F1=content)
    with capture_logs() as logs:
        await rig.read([line(1, NOTES)])
    assert [entry["event"] for entry in logs] == ["file_not_read"]
    assert "notes" not in str(logs)


async def test_a_file_that_takes_too_long_is_not_tried_again_with_each_question() -> None:
    rig = Rig(F1=FileProblem.TOO_SLOW)
    slow = (replace(NOTES, problem=FileProblem.TOO_SLOW),)
    for lines in ([line(1, NOTES)], [], []):
        assert (await rig.read(lines))[0] == [slow]
    assert rig.platform.fetched == ["F1"]
    await rig.clock.advance(FAILED_S + 1)
    await rig.read([])
    assert rig.platform.fetched == ["F1", "F1"]


async def test_a_file_that_is_announced_as_too_large_is_not_fetched() -> None:
    rig = Rig()
    _, _, (news,) = await rig.read([line(1, replace(NOTES, size=LARGEST_FILE + 1))])
    assert (news.problem, rig.platform.fetched) == (FileProblem.TOO_LARGE, [])


async def test_one_file_that_can_not_be_read_takes_nothing_from_the_others() -> None:
    rig = Rig(F1=b"one", F9=FileProblem.ENCRYPTED, F2=PICTURE)
    read, pictures, news = await rig.read([line(1, NOTES, replace(NOTES, source="F9"), CAT)])
    assert [getattr(one, "text", "") for one in read[0]] == ["one", "", ""]
    assert (pictures, [one.problem for one in news]) == ([("m1", "F2")], [FileProblem.ENCRYPTED])


async def test_a_problem_that_was_known_when_the_question_came_is_told_with_it() -> None:
    rig, broken = Rig(), replace(CAT, source="", problem=FileProblem.DAMAGED)
    known = (FileNews("cat.png", FileProblem.DAMAGED),)
    assert await rig.read([line(1, broken)], question(1, broken)) == ([(broken,)], [], known)
    assert (await rig.read([], question(2)))[2] == ()


async def test_what_was_heard_is_quoted_until_an_answer_follows_it_also_after_a_restart() -> None:
    rig, heard = Rig(Hears(), F3=b"call me back"), (replace(CLIP, text="call me back"),)
    assert await rig.heard(line(1, CLIP)) == heard
    assert await rig.heard() == heard, "read from the store"
    assert [one.text for one in rig.transcripts] == ["call me back"], "and charged for once"
    await rig.store.import_history(THREAD, History((replace(line(2), mine=True, text="Sure."),)))
    assert await rig.heard() == ()


async def test_what_is_heard_only_after_an_answer_is_quoted_above_the_next_one() -> None:
    rig, answer = Rig(Hears(), F3=b"call me back"), replace(line(2), mine=True, text="Sure.")
    await rig.store.import_history(THREAD, History((answer,)))
    assert await rig.heard(line(1, CLIP)) == (replace(CLIP, text="call me back"),)


async def test_a_sound_is_not_fetched_where_nobody_listens() -> None:
    rig = Rig()
    _, _, (news,) = await rig.read([line(9, CLIP)])
    assert (news.problem, rig.platform.fetched) == (FileProblem.UNHEARD, [])


async def test_of_scans_and_pictures_together_a_question_has_no_more_than_the_limit() -> None:
    rig = Rig(None, Scanner(), F1=b"12345", F2=b"12345")
    await rig.read([line(1, NOTES), line(2, replace(NOTES, source="F2"))])
    assert {key: len(images) for key, images in rig.files.pictures.items()} == {
        ("m2", "F2"): 5,
        ("m1", "F1"): 1,
    }


async def test_a_refused_picture_is_no_part_of_later_questions() -> None:
    rig = Rig(F2=PICTURE)
    await rig.read([line(1, CAT)])
    images = rig.files.pictures["m1", "F2"]
    assert await rig.reader.refused(question(), rig.files, images) == (
        FileNews("cat.png", FileProblem.REFUSED),
    )
    read, pictures, news = await rig.read([])
    assert (read, pictures, news) == ([(replace(CAT, problem=FileProblem.REFUSED),)], [], ())


async def test_that_the_model_is_blind_is_told_of_the_pictures_in_the_question_alone() -> None:
    rig = Rig(F2=PICTURE)
    await rig.read([line(1, CAT)])
    images = rig.files.pictures["m1", "F2"]
    assert unseen(question(1), rig.files, images) == (FileNews("cat.png", FileProblem.UNSEEN),)
    assert unseen(question(9), rig.files, images) == ()


async def test_of_many_files_that_are_stored_the_newest_have_their_text_and_the_others_their_name() -> None:
    rig = Rig()
    stored = [replace(NOTES, source="", text=f"text {number}") for number in range(MOST_FILES + 2)]
    read, _, _ = await rig.read([line(1, *stored[:2]), line(2, *stored[2:])])
    assert [[getattr(one, "text", "") for one in attached] for attached in read] == [
        ["", ""],
        [one.text for one in stored[2:]],
    ]


@pytest.mark.parametrize(("file", "most"), [(CAT, MOST_PICTURES), (NOTES, MOST_FILES)])
def test_the_newest_files_come_first(file: File, most: int) -> None:
    lines = [line(number, replace(file, source=f"F{number}")) for number in range(20)]
    chosen = choose([*lines, line(30, replace(file, problem=FileProblem.DAMAGED), Quote("hm"))])
    assert [one.file.source for one in chosen] == [f"F{number}" for number in range(19, 19 - most, -1)]


async def test_the_asker_reads_which_of_many_files_were_left_out() -> None:
    pictures = [replace(CAT, name=f"{number}.png", source=f"P{number}") for number in range(MOST_PICTURES + 1)]
    texts = [replace(NOTES, name=f"{number}.txt", source=f"T{number}") for number in range(MOST_FILES + 1)]
    contents = {one.source: PICTURE for one in pictures} | {one.source: b"words" for one in texts}
    rig = Rig(**contents)
    _, shown, news = await rig.read([line(1, *pictures, *texts)], question(1))
    assert len(shown) == MOST_PICTURES
    assert news == tuple(FileNews(one.name, FileProblem.TOO_MANY) for one in (pictures[-1], texts[-1]))
    _, _, news = await rig.read([line(2, CAT)], question(9))
    assert news == (), "those of earlier questions"


async def test_a_scan_for_which_pictures_left_no_room_is_named() -> None:
    pictures = [replace(CAT, name=f"{number}.png", source=f"P{number}") for number in range(MOST_PICTURES)]
    scan = File("scan.pdf", "application/pdf", source="S1")
    rig = Rig(None, Scanner(), S1=b"1", **{one.source: PICTURE for one in pictures})
    _, shown, news = await rig.read([line(1, *pictures, scan)], question(1))
    assert (len(shown), news) == (MOST_PICTURES, (FileNews("scan.pdf", FileProblem.TOO_MANY),))


async def test_a_scan_that_the_model_does_not_see_is_said_to_have_no_text() -> None:
    scan = File("scan.pdf", "application/pdf", source="S1")
    rig = Rig(None, Scanner(), S1=b"1", F2=PICTURE)
    await rig.read([line(1, CAT, scan)], question(1))
    images = [image for some in rig.files.pictures.values() for image in some]
    told = unseen(question(1), rig.files, images)
    assert [one.problem for one in told] == [FileProblem.UNSEEN, FileProblem.NO_TEXT]


async def test_the_slow_files_of_one_person_leave_room_for_those_of_others() -> None:
    class Stuck(FilePlatform):
        async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
            if file.source.startswith("slow"):
                await asyncio.Event().wait()
            return await super().fetch(place, message_id, file, limit)

    rig = Rig()
    platform_calls = PlatformCalls(Stuck(F1=b"words"))
    many = [line(number, replace(NOTES, source=f"slow{number}")) for number in range(5)]
    stuck = [
        asyncio.create_task(
            rig.reader.read(question(9), many, platform_calls, TranscriptHooks(rig.transcripts.append))
        )
        for _ in range(2)
    ]
    await asyncio.sleep(0)
    other = replace(question(8), author=Person("U2", "Bo"))
    async with asyncio.timeout(HANG_S):
        files = await rig.reader.read(
            other, [line(8, NOTES)], platform_calls, TranscriptHooks(rig.transcripts.append)
        )
    assert files.lines[0].attached == (replace(NOTES, text="words"),)
    for one in stuck:
        one.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
