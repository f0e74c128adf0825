"""Messages with files, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession, FormData

from bots.web import uploads
from bots.web.errors import FILES_LIMIT
from bots.web.incoming import TOP, thread_to_place
from core.i18n import phrase
from core.ports.files import Extracted, FileError, Picture, ScannedPages, Transcript
from core.values.budgets import SoundRules
from core.values.conversation import Ask
from core.values.deltas import ChargeKind, ModelInfo, Usage
from core.values.events import Command, Outcome, Receipt
from core.values.parts import File, FileProblem
from core.values.ui import ImmediateReply
from core.values.usage import Charge
from tests.bots.web.rig import App, serving_page
from tests.fakes.files import PICTURE, PlainExtractor
from tests.waiting import HANG_S, until

TEXT = ("notes.txt", "text/plain", b"seven boxes")
CAT = ("cat.png", "image/png", PICTURE)
Sent = tuple[str, str, bytes]


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


def form(*files: Sent, text: str = "", **fields: object) -> FormData:
    made = FormData(quote_fields=False)
    made.add_field("ask", json.dumps({"text": text, "client_id": str(uuid4()), **fields}))
    for name, media_type, content in files:
        made.add_field("file", content, filename=name, content_type=media_type)
    return made


async def post(client: ClientSession, home: App, data: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with client.post(f"{home.url}/api/asks", data=data, headers=headers) as response:
        return response.status, await response.json()


async def refused(client: ClientSession, home: App, data: Any, **headers: str) -> tuple[int, str]:
    status, answer = await post(client, home, data, **headers)
    assert answer["error"]["message"]
    return status, answer["error"]["code"]


async def send(client: ClientSession, home: App, *files: Sent, **fields: Any) -> dict[str, Any]:
    status, answer = await post(client, home, form(*files, **fields))
    assert status == 202, answer
    return answer


async def question(client: ClientSession, home: App, thread: str) -> dict[str, Any]:
    async with client.get(f"{home.url}/api/threads/{thread}") as response:
        messages: list[dict[str, Any]] = (await response.json())["messages"]
        return messages[0]


def attached(home: App) -> tuple[object, ...]:
    """The parts of the newest event beside its text."""
    event = home.inbox.events[-1]
    assert isinstance(event, Ask | Command)
    return event.attached


class Scan(PlainExtractor):
    """Finds two pages in everything."""

    async def extract(self, name: str, data: bytes) -> Extracted:
        page = Picture(PICTURE, "image/jpeg", 2, 2)
        return ScannedPages((page, page))


class Locked(PlainExtractor):
    """Finds everything encrypted."""

    async def extract(self, name: str, data: bytes) -> Extracted:
        raise FileError(FileProblem.ENCRYPTED)


class Hears:
    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        return Transcript(f"heard {media_type}", ModelInfo("whisper"))


class Fails:
    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        raise FileError(FileProblem.UNAVAILABLE)


class Waits(PlainExtractor):
    """Reads a text once `goes_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived, self.goes_on = asyncio.Event(), asyncio.Event()

    async def extract(self, name: str, data: bytes) -> Extracted:
        self.arrived.set()
        await self.goes_on.wait()
        return await super().extract(name, data)


async def test_the_text_of_a_file_goes_with_the_question(client: ClientSession) -> None:
    async with serving_page() as home:
        answer = await send(client, home, TEXT, text="How many?")
        read = File("notes.txt", "text/plain", "seven boxes", size=11)
        assert attached(home) == (read,)
        shown = await question(client, home, answer["thread"])
        assert shown["text"] == "How many?"
        (file,) = shown["attached"]
        assert (file["name"], file["size"], file["picture"], file["problem"]) == ("notes.txt", 11, "", "")


async def test_what_was_heard_in_a_sound_is_shown_with_it(client: ClientSession) -> None:
    clip: Sent = ("clip.ogg", "audio/ogg", b"OggS" + bytes(60))
    async with serving_page(transcriber=Hears()) as home:
        answer = await send(client, home, clip)
        assert attached(home) == (File("clip.ogg", "audio/ogg", "heard audio/ogg", size=64),)
        ask = home.inbox.events[-1]
        assert isinstance(ask, Ask)
        assert ask.charges == (Charge(ChargeKind.TRANSCRIPTION, "whisper", Usage(estimated=True)),)
        (shown,) = (await question(client, home, answer["thread"]))["attached"]
        assert (shown["name"], shown["text"], shown["problem"]) == ("clip.ogg", "heard audio/ogg", "")


async def test_a_sound_that_the_service_could_not_take_is_shown_with_its_problem(client: ClientSession) -> None:
    clip: Sent = ("clip.ogg", "audio/ogg", b"OggS" + bytes(60))
    async with serving_page(transcriber=Fails()) as home:
        answer = await send(client, home, clip)
        (shown,) = (await question(client, home, answer["thread"]))["attached"]
        assert (shown["name"], shown["text"]) == ("clip.ogg", "")
        assert shown["problem"] == phrase("file_problem_unavailable", "en")


async def test_a_picture_needs_no_words_and_its_small_copy_is_shown_and_read(client: ClientSession) -> None:
    async with serving_page() as home:
        answer = await send(client, home, CAT)
        (file,) = attached(home)
        assert isinstance(file, File)
        assert (file.name, file.media_type, file.text, bool(file.source)) == ("cat.png", "image/png", "", True)
        shown = await question(client, home, answer["thread"])
        async with client.get(home.url + shown["attached"][0]["picture"]) as response:
            assert await response.read() == PICTURE
            assert response.content_type == "image/png"
            assert response.headers["Content-Disposition"] == "inline; filename*=UTF-8''cat.png"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        place = thread_to_place(answer["thread"])
        fetched = await home.platform.installation.fetch(place, answer["id"], file, 1_000)
        assert fetched.data == PICTURE
        with pytest.raises(FileError, match="not_found"):
            await home.platform.installation.fetch(place, answer["id"], file, 10)
        async with client.get(f"{home.url}/api/threads") as response:
            assert [thread["title"] for thread in (await response.json())["threads"]] == ["cat.png"]


async def test_each_page_of_a_scan_is_a_picture_and_a_problem_is_said_at_once(client: ClientSession) -> None:
    async with serving_page(extractor=Scan()) as home:
        await send(client, home, ("deed.pdf", "application/pdf", b"%PDF-1.7"))
        names = [one.name for one in attached(home) if isinstance(one, File)]
        assert names == ["deed.pdf, page 1", "deed.pdf, page 2"]
        assert len({one.source for one in attached(home) if isinstance(one, File)}) == 2
    async with serving_page(extractor=Locked()) as home:
        answer = await send(client, home, ("deed.pdf", "application/pdf", b"%PDF-1.7"), text="What is it?")
        (file,) = (await question(client, home, answer["thread"]))["attached"]
        assert file["problem"] == phrase("file_problem_encrypted", "en")


async def test_a_scan_that_is_sent_as_a_picture_has_its_pages_too(client: ClientSession) -> None:
    async with serving_page(extractor=Scan()) as home:
        await send(client, home, ("deed.png", "image/png", b"%PDF-1.7"))
        names = [(one.name, one.source) for one in attached(home) if isinstance(one, File)]
        assert names == [("deed.png, page 1", "1-1"), ("deed.png, page 2", "1-2")]


async def test_sound_is_not_listened_to_here(client: ClientSession) -> None:
    async with serving_page() as home:
        await send(client, home, ("clip.ogg", "audio/ogg", b"OggS"))
        assert attached(home) == (File("clip.ogg", "audio/ogg", "", FileProblem.UNHEARD, 4),)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("<script>alert(1)</script>.txt", "script>.txt"),
        ("\u202efdp.exe", "fdp.exe"),
        ("", "a file without a name"),
    ],
)
async def test_a_name_is_only_a_name(client: ClientSession, name: str, shown: str) -> None:
    async with serving_page() as home:
        answer = await send(client, home, (name or "/", "text/plain", b"x"))
        assert (await question(client, home, answer["thread"]))["attached"][0]["name"] == shown


async def test_a_message_sent_again_is_one_message(client: ClientSession) -> None:
    async with serving_page() as home:
        client_id = str(uuid4())
        first = await send(client, home, CAT, TEXT, client_id=client_id)
        second = await send(client, home, CAT, TEXT, client_id=client_id)
        assert first["thread"] == second["thread"]
        assert len((await question(client, home, first["thread"]))["attached"]) == 2


async def test_forgetting_the_thread_removes_its_pictures(client: ClientSession) -> None:
    async with serving_page() as home:
        answer = await send(client, home, CAT)
        picture = (await question(client, home, answer["thread"]))["attached"][0]["picture"]
        await home.store.forget_thread(thread_to_place(answer["thread"]), datetime.now(UTC))
        async with client.get(home.url + picture) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "no_file"


async def test_the_pictures_of_a_refused_message_are_not_kept(client: ClientSession) -> None:
    async with serving_page() as home:
        home.inbox.refused = Receipt(Outcome.REFUSED)
        assert await refused(client, home, form(CAT, client_id=(message := str(uuid4())))) == (
            403,
            "unanswered",
        )
        assert await home.store.upload(thread_to_place(TOP), message, "1") is None


async def test_no_file_of_a_refused_question_is_read_and_its_author_is_told_why(client: ClientSession) -> None:
    heard: list[str] = []

    class Notes:
        async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
            heard.append(name)
            return Transcript("words", ModelInfo("whisper"))

    async with serving_page(transcriber=Notes()) as home:
        home.inbox.reply = ImmediateReply("used up", refused=True)
        answer = await send(client, home, ("clip.ogg", "audio/ogg", b"OggS" + bytes(60)), CAT)
        assert (answer["taken"], answer["told"]["text"]) == (False, "used up")
        assert (heard, home.inbox.events) == ([], [])


CLIP = ("clip.ogg", "audio/ogg", b"OggS" + bytes(60))


async def test_under_a_limit_a_clip_is_heard_once_the_one_before_it_is_counted(client: ClientSession) -> None:
    class Slow:
        def __init__(self) -> None:
            self.clips = 0
            self.go = asyncio.Event()

        async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
            self.clips += 1
            await self.go.wait()
            return Transcript("words", ModelInfo("whisper"))

    async with serving_page(transcriber=(slow := Slow())) as home:
        home.inbox.sound = SoundRules(limited=True)
        sending = [asyncio.create_task(send(client, home, CLIP)) for _ in range(3)]
        await until(lambda: slow.clips and home.platform.uploading == 3)
        assert slow.clips == 1
        home.inbox.reply = ImmediateReply("used up", refused=True)
        slow.go.set()
        answers = await asyncio.gather(*sending)
        assert (slow.clips, len(home.inbox.events)) == (1, 1)
        assert sorted(answer["taken"] for answer in answers) == [False, False, True]


async def test_under_a_limit_a_clip_that_is_sent_again_is_not_heard_again(client: ClientSession) -> None:
    class Counting(Hears):
        clips = 0

        async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
            self.clips += 1
            return await super().transcribe(name, media_type, data)

    async with serving_page(transcriber=(counting := Counting())) as home:
        home.inbox.sound = SoundRules(limited=True)
        message = str(uuid4())
        first = await send(client, home, CLIP, client_id=message)
        assert counting.clips == 1
        await home.store.note(home.inbox.of(Ask)[-1])
        again = await send(client, home, CLIP, client_id=message)
        assert (again["thread"], counting.clips) == (first["thread"], 1)


async def test_no_clip_is_heard_where_its_price_is_needed_and_not_known(client: ClientSession) -> None:
    async with serving_page(transcriber=Hears()) as home:
        home.inbox.sound = SoundRules(limited=True, problem=FileProblem.UNPRICED)
        await send(client, home, CLIP, TEXT)
        clip, text = attached(home)
        assert isinstance(clip, File)
        assert isinstance(text, File)
        assert (clip.problem, clip.text) == (FileProblem.UNPRICED, "")
        assert text.text, "other files are read"


async def test_a_command_takes_no_files_but_a_question_does(client: ClientSession) -> None:
    async with serving_page(transcriber=Hears()) as home:
        assert await refused(client, home, form(TEXT, text="/summarize")) == (400, "command_files")
        await send(client, home, TEXT, text="/ask how many boxes?")
        assert len(attached(home)) == 1
        assert isinstance(home.inbox.events[-1], Command)
        await send(client, home, ("clip.ogg", "audio/ogg", b"OggS" + bytes(60)), text="/ask what is said?")
        command = home.inbox.events[-1]
        assert isinstance(command, Command)
        assert [charge.model for charge in command.charges] == ["whisper"]


async def test_more_or_larger_files_than_a_message_holds_are_refused(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PICTURE_LIMIT_BYTES", 300_000)
    monkeypatch.setattr(uploads, "FILE_LIMIT_BYTES", 600_000)
    async with serving_page() as home:
        assert await refused(client, home, form(*[TEXT] * (FILES_LIMIT + 1))) == (413, "too_many_files")
        large = b"x" * 300_001
        await send(client, home, ("a.txt", "text/plain", large))
        status, answer = await post(client, home, form(("a.png", "image/png", large)))
        assert (status, answer["error"]["code"]) == (413, "file_too_large")
        assert "a.png" in answer["error"]["message"]
        assert await refused(client, home, form(("a.txt", "text/plain", 2 * large))) == (413, "file_too_large")
        assert await refused(client, home, form(TEXT, text="x" * 500_000)) == (413, "too_long")
        assert len(home.inbox.events) == 1


async def test_a_body_that_is_announced_too_long_is_refused_before_it_is_read(client: ClientSession) -> None:
    async with serving_page() as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(home.url.rpartition(":")[2]))
        writer.write(
            b"POST /api/asks HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 1000000000\r\n\r\n"
        )
        async with asyncio.timeout(HANG_S):
            assert b"413" in await reader.readline()
        writer.close()


async def test_a_body_that_drips_is_given_up(client: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.2)
    async with serving_page() as home:

        async def drip() -> AsyncIterator[bytes]:
            yield b"--x\r\nContent-Disposition: form-data; name=ask\r\n\r\n"
            for _ in range(1_000):
                yield b" "
                await asyncio.sleep(0.02)

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert await refused(client, home, drip(), **kind) == (408, "too_slow")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x--\r\n",
        b"no parts",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="ask"\r\n\r\n{"text": 1',
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n1\r\n--y--\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="ask"\r\n\r\n[]\r\n--x--\r\n',
    ],
)
async def test_a_body_that_is_no_form_is_malformed(client: ClientSession, body: bytes) -> None:
    async with serving_page() as home:
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert await refused(client, home, body, **kind) == (400, "malformed")


async def test_lines_without_end_before_the_first_part_are_refused(client: ClientSession) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="ask"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    async with serving_page() as home:
        for lines, expected in ((10, 202), (uploads.MOST_LINES, 400)):
            fields = json.dumps({"text": "Hello?", "client_id": str(uuid4())}).encode()
            body = b"\r\n" * lines + head + fields + b"\r\n--x--\r\n"
            assert (await post(client, home, body, **kind))[0] == expected


async def test_a_form_of_another_site_is_refused_and_only_messages_have_files(client: ClientSession) -> None:
    async with serving_page() as home:
        crossing = {"Sec-Fetch-Site": "cross-site"}
        assert await refused(client, home, form(TEXT), **crossing) == (403, "cross_site")
        async with client.post(f"{home.url}/api/commands", data=form(TEXT)) as response:
            assert response.status == 415


async def test_a_message_whose_sender_has_gone_while_its_files_were_read_is_not_taken(
    client: ClientSession,
) -> None:
    extractor = Waits()
    async with serving_page(extractor=extractor) as home:
        sending = asyncio.create_task(post(client, home, form(TEXT)))
        await extractor.arrived.wait()
        sending.cancel()
        await asyncio.wait([sending])
        await post(client, home, b"")  # the server has seen the end of the connection before this
        extractor.goes_on.set()
        await until(lambda: not home.platform.uploading)
        assert await send(client, home, CAT)
        assert len(home.inbox.events) == 1


async def test_no_more_messages_with_files_are_read_at_a_time_than_memory_is_for(
    client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    async with serving_page() as home:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"--x\r\nContent-Disposition: form-data; name=ask\r\n\r\n"
            await until(lambda: home.platform.uploading)
            arrived.set()
            await go_on.wait()

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        first = asyncio.create_task(post(client, home, slow(), **kind))
        await arrived.wait()
        assert await refused(client, home, form(TEXT)) == (503, "busy")
        go_on.set()
        await first
        await send(client, home, TEXT)
