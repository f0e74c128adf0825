"""The notice under an answer about the files of its question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.clock import SystemClock
from core.delivery.markdown.pages import split
from core.i18n import phrase
from core.inbox.quotes import QuoteRemoval
from core.llm.messages import message_to_text
from core.ports.files import FileContent
from core.ports.model import Request
from core.text import TRANSCRIPT_MARK, without_transcripts
from core.turns.transcripts import LONGEST, transcripts_to_quote
from core.values.conversation import Ask, Turn
from core.values.deltas import Delta, Ended, EndReason, ImagesRefused, ModelInfo, ModelSelected
from core.values.events import Deleted, Edited
from core.values.outgoing import EditMessage, OutgoingCall, PostMessage, UploadFile
from core.values.parts import Attached, File, FileProblem, Image, Text, Unread
from core.values.places import Place, message_key
from core.values.tasks import ANSWER, ContinueAnswer
from tests.core.turns.test_runner import ADA, PLACE, Rig, until_over
from tests.fakes.files import PICTURE, FilePlatform
from tests.waiting import until

CAT = File("../cat.png", "image/png", source="F1")
NOTES = File("notes.pdf", "application/pdf", source="F2")
OF_ALL = (CAT, NOTES, Unread("list"))


class Shown:
    """A model that answers, and says what became of the pictures."""

    def __init__(self, *, sees: bool | None = None, refuses: bool = False, takes: bool = True) -> None:
        self.sees = sees
        self.refuses = refuses
        self.takes = takes and sees is not False and not refuses
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        images = tuple(
            part for message in request.messages for part in message.parts if isinstance(part, Image)
        )
        yield ModelSelected(ModelInfo("m", images=self.sees), 9, () if self.takes else images)
        if images and self.refuses:
            yield ImagesRefused(images)
        yield Text("A cat.")
        yield Ended(EndReason.STOP)


async def notices(model: Shown, *questions: tuple[Attached, ...]) -> list[str]:
    """The notice under the answer to each question."""
    rig = Rig(FilePlatform(F1=PICTURE, F2=FileProblem.ENCRYPTED), model=model)
    async with rig.delivering():
        for number, attached in enumerate(questions):
            at = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
            turn = await rig.store.accept(
                Ask(f"m{number}", PLACE, ADA, "what is it?", at, addressed=True, attached=attached)
            )
            assert turn is not None
            rig.place_queues.submit(turn)
            await rig.until_ended(turn)
    return [rig.views(f"p{number}")[-1][1] for number in range(len(questions))]


ENCRYPTED = "I couldn't read notes.pdf: it is protected by a password."


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Shown(), ["I couldn't read a list in your message.", ENCRYPTED]),
        (
            Shown(sees=False),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: the model can't see pictures.",
            ],
        ),
        (
            Shown(refuses=True),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: the AI service did not accept the picture.",
            ],
        ),
        (
            Shown(takes=False),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: there are more files than I can read for one question.",
            ],
        ),
    ],
    ids=["seen", "blind", "refused", "left out"],
)
async def test_what_was_not_read_is_told_once_and_the_question_is_answered(
    model: Shown, told: list[str]
) -> None:
    assert await notices(model, OF_ALL, ()) == ["\n".join(told), ""]


async def test_the_model_sees_the_picture_until_an_endpoint_refuses_it() -> None:
    model = Shown(refuses=True)
    await notices(model, OF_ALL, (), ())
    shown = [
        any(isinstance(part, Image) for one in request.messages for part in one.parts)
        for request in model.requests
    ]
    assert shown == [True, False, False]


async def test_files_that_could_not_be_read_are_told_by_their_reason_and_many_not_by_name() -> None:
    names = [f"{'n' * 70}{number}.pdf" for number in range(9)]
    files = tuple(File(name, "application/pdf", problem=FileProblem.ENCRYPTED) for name in names)
    (notice,) = await notices(Shown(), (*files, File("b.zip", problem=FileProblem.BOMB)))
    first, other = notice.splitlines()
    assert first.startswith("I couldn't read nnn")
    assert first.endswith("3.pdf and 5 more: it is protected by a password.")
    assert "b.zip" in other


async def test_all_that_is_told_of_files_fits_one_message() -> None:
    problems = [problem for problem in FileProblem for _ in range(9)]
    files = tuple(File(f"{'n' * 70}{number}", problem=problem) for number, problem in enumerate(problems))
    (notice,) = await notices(Shown(), files)
    assert len(notice) <= 1_200


CLIP = File("clip.ogg", "audio/ogg", "call me\nback")
GONE = File("clip.ogg", "audio/ogg", problem=FileProblem.NOT_FOUND)
QUOTE = f"{TRANSCRIPT_MARK}clip.ogg: call me back\n\n"


async def asked_by_voice(rig: Rig) -> Turn:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    turn = await rig.store.accept(Ask("m1", PLACE, ADA, "", at, addressed=True, attached=(CLIP,)))
    assert turn is not None
    rig.place_queues.submit(turn)
    return turn


def quoting_rig(*, quotes: bool = True) -> Rig:
    rig = Rig()
    rig.platform.limits = replace(rig.platform.limits, quotes=quotes)
    rig.model.silent = True
    return rig


@pytest.mark.parametrize("quotes", [True, False])
async def test_what_was_heard_is_quoted_before_the_first_word_and_is_no_part_of_the_answer(
    quotes: bool,
) -> None:
    rig, quote = quoting_rig(quotes=quotes), QUOTE if quotes else ""
    async with rig.delivering():
        turn = await asked_by_voice(rig)
        await asyncio.sleep(0.1)
        assert rig.views("p0")[:1] == ([(quote, "")] if quotes else [])
        rig.model.go.set()
        assert (await rig.until_ended(turn)).text == "All of it."
    assert rig.views("p0")[-1] == (quote + "All of it.", "")
    assert [line.text for line in await rig.store.lines(PLACE) if line.mine] == ["All of it."]


@pytest.mark.parametrize(
    ("how", "interrupt"),
    [
        ("withdrawn", lambda rig, turn: rig.live.withdraw(turn.ask.key)),
        ("forgotten", lambda rig, turn: rig.live.forget(lambda one: one.id == turn.id)),
    ],
)
async def test_the_quote_goes_with_the_question_while_it_is_answered(
    how: str, interrupt: Callable[[Rig, Turn], object]
) -> None:
    rig = quoting_rig()
    async with rig.delivering():
        turn = await asked_by_voice(rig)
        await asyncio.sleep(0.1)
        assert rig.views("p0") == [(QUOTE, "")]
        interrupt(rig, turn)
        await until_over(rig, turn)
    assert rig.views("p0")[-1] == ("", phrase(how, "en"))


@pytest.mark.parametrize("event", [Deleted(PLACE, "m0"), Edited(PLACE, "m0", "", (GONE,))])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "still written"])
async def test_the_quote_goes_with_a_clip_that_is_deleted_later_and_the_answer_stays(
    event: Deleted | Edited, ended: bool
) -> None:
    rig = quoting_rig()
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    async with rig.delivering():
        await rig.store.note(Ask("m0", PLACE, ADA, "", datetime(2026, 1, 1, tzinfo=UTC), attached=(CLIP,)))
        turn = await rig.ask(1, "what did I say?")
        await asyncio.sleep(0.1)
        assert rig.views("p0") == [(QUOTE, "")]
        if ended:
            rig.model.go.set()
            await rig.until_ended(turn)
            assert rig.views("p0")[-1] == (f"{QUOTE}All of it.", "")
        await quotes.receive(Edited(PLACE, "m0", "with words", (CLIP,)))
        for _ in range(2):
            await quotes.receive(event)
        assert rig.live.ids == (frozenset({2}) if ended else frozenset({1, 2})), "it is removed once"
        rig.model.go.set()
        await until_over(rig, Turn(2, turn.ask))
    assert rig.views("p0")[-1] == ("All of it.", "")
    assert list(rig.platform.shown) == ["p0"], "nothing is posted anew"
    assert [line.text for line in await rig.store.lines(PLACE) if line.mine] == ["All of it."]


@pytest.mark.parametrize(
    ("left", "quoted"),
    [
        (("F1", "F2"), True),
        (("F1",), False),
        ((), False),
    ],
)
@pytest.mark.parametrize("media_type", [CLIP.media_type, ""])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "still written"])
async def test_a_quote_goes_once_one_of_the_clips_of_a_message_is_removed(
    left: tuple[str, ...], quoted: bool, ended: bool, media_type: str
) -> None:
    """A platform may describe a file by its id alone, as Slack does in channels that workspaces share."""
    rig = quoting_rig()
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    clips = tuple(replace(CLIP, source=source) for source in ("F1", "F2"))
    async with rig.delivering():
        at = datetime(2026, 1, 1, tzinfo=UTC)
        await rig.store.note(Ask("m0", PLACE, ADA, "", at, attached=(*clips, replace(NOTES, source="F3"))))
        turn = await rig.ask(1, "what did I say?")
        await until(lambda: rig.views("p0"))
        if ended:
            rig.model.go.set()
            await rig.until_ended(turn)
        kept = tuple(File("", media_type, source=source) for source in (*left, "F3"))
        await quotes.receive(Edited(PLACE, "m0", "with words", kept))
        rig.model.go.set()
        await until(lambda: not rig.live.ids)
    assert rig.views("p0")[-1][0].count("call me back") == (2 if quoted else 0)


@pytest.mark.parametrize("said", ["", "All of"], ids=["before its first word", "with words"])
async def test_a_quote_leaves_an_answer_at_once_while_the_model_writes(said: str) -> None:
    rig = quoting_rig()
    rig.model.silent, rig.model.words = not said, ["All of ", "it."]
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    async with rig.delivering():
        await rig.store.note(Ask("m0", PLACE, ADA, "", datetime(2026, 1, 1, tzinfo=UTC), attached=(CLIP,)))
        await rig.ask(1, "what did I say?")
        await until(lambda: [text.strip() for text, _ in rig.views("p0")[-1:]] == [(QUOTE + said).strip()])
        await quotes.receive(Deleted(PLACE, "m0"))
        await until(lambda: rig.views("p0")[-1][0].strip() == said)
        assert [one.id for one in rig.live if one.writing] == [1]
        rig.model.go.set()
        await until(lambda: not rig.live.ids)
    assert rig.views("p0")[-1] == ("All of it.", "")
    assert list(rig.platform.shown) == ["p0"]


async def test_a_long_quote_goes_from_the_messages_that_are_left_when_the_first_one_was_deleted() -> None:
    rig = quoting_rig()
    rig.model.go.set()
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    long = replace(CLIP, text="call me back " * 800)
    async with rig.delivering():
        await rig.store.note(Ask("m0", PLACE, ADA, "", datetime(2026, 1, 1, tzinfo=UTC), attached=(long,)))
        turn = await rig.until_ended(await rig.ask(1, "what did I say?"))
        assert len(turn.posted) == 3
        for deleted in turn.posted[:2]:
            del rig.platform.shown[deleted]
        await quotes.receive(Deleted(PLACE, "m0"))
        await until_over(rig, Turn(2, turn.ask))
    assert {message: views[-1].text for message, views in rig.platform.shown.items()} == {"p2": "All of it."}


class SlowPlatform(FilePlatform):
    """Fetches files, and shows the last words of an answer, once it may."""

    def __init__(self) -> None:
        super().__init__(F1=b"notes")
        self.limits = replace(self.limits, quotes=True)
        self.fetches, self.shows = asyncio.Event(), asyncio.Event()

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        found = await super().fetch(place, message_id, file, limit)
        await self.fetches.wait()
        return found

    async def perform(self, call: OutgoingCall) -> str:
        if isinstance(call, PostMessage | EditMessage) and "it." in call.page.text:
            await self.shows.wait()
        return await super().perform(call)


SLOW_NOTES = File("notes.txt", "text/plain", source="F1")


async def test_a_clip_that_is_deleted_while_the_files_are_read_is_not_quoted() -> None:
    rig = Rig(platform := SlowPlatform())
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    async with rig.delivering():
        at = datetime(2026, 1, 1, tzinfo=UTC)
        await rig.store.note(Ask("m0", PLACE, ADA, "", at, attached=(CLIP, SLOW_NOTES)))
        turn = await rig.ask(1, "what did I say?")
        await until(lambda: platform.fetched == ["F1"])
        await quotes.receive(Deleted(PLACE, "m0"))
        platform.fetches.set()
        platform.shows.set()
        rig.model.go.set()
        await rig.until_ended(turn)
    assert not [text for text, _ in rig.views("p0") if "call me" in text]
    assert rig.views("p0")[-1] == ("All of it.", "")


@pytest.mark.parametrize("deleted", ["m0", "m1"], ids=["of another message", "of the question"])
async def test_a_clip_that_is_deleted_while_the_last_words_are_shown_leaves_the_answer(deleted: str) -> None:
    rig = Rig(platform := SlowPlatform())
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    async with rig.delivering():
        at = datetime(2026, 1, 1, tzinfo=UTC)
        if deleted == "m0":
            await rig.store.note(Ask("m0", PLACE, ADA, "", at, attached=(CLIP,)))
        turn = await (rig.ask(1, "what did I say?") if deleted == "m0" else asked_by_voice(rig))
        rig.model.go.set()
        await until(lambda: rig.model.closed == 1)
        await until(lambda: all(one.writing is None for one in rig.live))
        await quotes.receive(Deleted(PLACE, deleted))
        rig.live.withdraw(message_key(PLACE, deleted))
        platform.shows.set()
        await until_over(rig, Turn(2, turn.ask))
    assert rig.views("p0")[-1] == ("All of it.", "")


async def test_of_an_answer_whose_question_is_forgotten_while_its_last_words_are_shown_nothing_stays() -> None:
    rig = Rig(platform := SlowPlatform())
    async with rig.delivering():
        turn = await asked_by_voice(rig)
        rig.model.go.set()
        await until(lambda: rig.model.closed == 1)
        await until(lambda: all(one.writing is None for one in rig.live))
        await rig.store.forget_person("slack", "T1", ADA.id, datetime(2026, 1, 2, tzinfo=UTC))
        rig.live.forget(lambda one: one.id == turn.id)
        platform.shows.set()
        await until(lambda: not rig.live.ids)
    assert rig.views("p0")[-1] == ("", phrase("forgotten", "en"))
    assert list(rig.platform.shown) == ["p0"]


class FilingPlatform(FilePlatform):
    """Takes files once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = replace(self.limits, files=True)
        self.uploads: list[str] = []
        self.takes = asyncio.Event()

    async def perform(self, call: OutgoingCall) -> str:
        if not isinstance(call, UploadFile):
            return await super().perform(call)
        self.uploads.append(call.name)
        await self.takes.wait()
        return "f"


async def test_an_answer_that_became_a_file_is_not_uploaded_again_when_its_question_is_forgotten() -> None:
    rig = Rig(platform := FilingPlatform(), file_chars=3)
    async with rig.delivering():
        turn = await rig.ask(1)
        rig.model.go.set()
        await until(lambda: len(platform.uploads) == 1)
        await rig.store.forget_thread(PLACE, datetime(2026, 1, 2, tzinfo=UTC))
        rig.live.forget(lambda one: one.id == turn.id)
        platform.takes.set()
        await until(lambda: not rig.live.ids)
    assert rig.views("p0")[-1] == ("", phrase("forgotten", "en"))
    assert len(platform.uploads) == 1


async def test_a_question_that_is_edited_to_have_no_clip_loses_its_quote_before_it_is_answered_anew() -> None:
    rig = quoting_rig()
    quotes = QuoteRemoval(rig.store, rig.place_queues.submit, rig.live, SystemClock())
    async with rig.delivering():
        await asked_by_voice(rig)
        await until(lambda: rig.views("p0"))
        edited = Edited(PLACE, "m1", "typed instead")
        await quotes.receive(edited)
        await rig.store.edit(edited)
        (running, *_) = rig.live
        running.restart(SystemClock().monotonic() + 60.0)
        await until(lambda: rig.views("p0")[-1][1])
    (text, notice) = rig.views("p0")[-1]
    assert (text, notice[:6]) == ("", phrase("edited_wait", "en", wait="a minute")[:6])


async def test_an_answer_given_anew_reads_no_file_of_a_question_that_was_deleted() -> None:
    rig = quoting_rig()
    rig.model.go.set()
    async with rig.delivering():
        await rig.until_ended(first := await asked_by_voice(rig))
        await rig.store.delete(Deleted(PLACE, "m1"))
        again = await rig.store.retry_turn(first.id, ANSWER)
        assert again is not None
        rig.place_queues.submit(again)
        await rig.until_ended(again)
    assert rig.views("p1")[-1][0] == "All of it."
    first_said, said = (message_to_text(request.messages[-1]) for request in rig.model.requests)
    assert "call me" in first_said
    assert "call me" not in said
    assert "clip.ogg was attached, but you cannot read it" in said


async def test_a_continuation_repeats_neither_the_quote_nor_what_was_said_of_the_files() -> None:
    rig = quoting_rig()
    rig.model.reason = EndReason.LENGTH
    rig.model.go.set()
    async with rig.delivering():
        at = datetime(2026, 1, 1, tzinfo=UTC)
        asked = Ask("m1", PLACE, ADA, "", at, addressed=True, attached=(CLIP, GONE, Unread("list")))
        first = await rig.store.accept(asked)
        assert first is not None
        rig.place_queues.submit(first)
        await rig.until_ended(first)
        more = await rig.store.retry_turn(first.id, ContinueAnswer())
        assert more is not None
        rig.model.reason = EndReason.STOP
        rig.place_queues.submit(more)
        await rig.until_ended(more)
        assert await rig.store.quoting_turns(PLACE, "m1") == [await rig.store.turn(first.id)]
    text, notice = rig.views("p0")[-1]
    assert text == f"{QUOTE}All of it."
    assert "clip.ogg" in notice
    assert rig.views("p1")[-1] == ("All of it.", "")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_transcript_is_cut_only_far_beyond_a_spoken_message_and_the_cut_is_said(language: str) -> None:
    long, longer = "a" * LONGEST, "a" * (LONGEST + 1)
    whole = transcripts_to_quote([replace(CLIP, text=long)], language)
    cut = transcripts_to_quote([replace(CLIP, text=longer)], language)
    assert whole.endswith(f"{long}\n\n")
    assert cut == TRANSCRIPT_MARK + phrase("file_heard_cut", language, name="clip.ogg", text=long) + "\n\n"


@pytest.mark.parametrize("answer", ["Noted.", "> no quote of ours\n\nNoted.", ""])
def test_transcripts_are_taken_off_a_message_of_ours_and_the_models_own_quotes_are_not(answer: str) -> None:
    quote = transcripts_to_quote([CLIP, replace(CLIP, name="b.ogg", text="> *hm*")], "en")
    assert without_transcripts(quote + answer) == answer
    assert without_transcripts(answer) == answer


@pytest.mark.parametrize("size", range(150, 1_900, 61))
def test_transcripts_are_taken_off_each_of_the_messages_that_they_fill(size: int) -> None:
    clips = [replace(CLIP, text="call *me* back " * 90), replace(CLIP, name="b.ogg", text="喂，你好。" * 150)]
    answer = "Noted, as you said.\n\n> no transcript"
    pieces = split(transcripts_to_quote(clips, "en") + answer, size, "utf16")
    assert len(pieces) > 1
    assert all(len(piece.text) <= size for piece in pieces)
    read = [without_transcripts(piece.text.lstrip("\n")) for piece in pieces]
    assert "".join(read).split() == answer.split()
