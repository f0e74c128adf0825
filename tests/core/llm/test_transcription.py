"""The words of voice clips, from endpoints that take sounds and from those that don't."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import structlog

from core.clock import Clock
from core.errors import BotError, Code
from core.llm import create_transcriber
from core.llm.catalog import ModelCatalog, environment_to_catalog, toml_to_catalog
from core.llm.sounds import extension_of
from core.llm.tokens import estimate
from core.llm.transcription import LEARNT_S, LIMIT_S, MAX_BYTES, EndpointTranscriber
from core.ports.files import FileError
from core.settings.environment import CoreSettings
from core.settings.urls import transcriptions_url
from core.values.deltas import Usage
from core.values.parts import FileProblem
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, Raw, Refused, Reply, Status, Words
from tests.waiting import HANG_S, until

OGG = b"OggS\x00\x02" + b"\x00" * 40
MP4 = b"\x00\x00\x00\x1cftypmp42" + b"\x00" * 40
HEARD = Status(200, {"text": " Ship it at noon. "})


class Observer:
    """Remembers the alerts to operators."""

    def __init__(self) -> None:
        self.causes: list[tuple[str, Code]] = []

    def count(self, name: str, **labels: str) -> None: ...

    def report_failure(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        self.causes.append((what, error.code))

    def report_recovery(self, *whats: str) -> None: ...

    def is_reported(self, what: str, code: Code) -> bool:
        return False


class Rig:
    def __init__(self, transcriber: EndpointTranscriber, clock: FakeClock, observer: Observer) -> None:
        self.transcriber, self.clock, self.observer = transcriber, clock, observer

    async def hear(self, data: bytes = OGG, name: str = "clip.ogg", media_type: str = "audio/ogg") -> str:
        self.transcript = await self.transcriber.transcribe(name, media_type, data)
        return self.transcript.text

    async def fail(
        self, data: bytes = OGG, name: str = "clip.ogg", media_type: str = "audio/ogg"
    ) -> FileProblem:
        with pytest.raises(FileError) as caught:
            await self.hear(data, name, media_type)
        assert "sk-" not in caught.value.detail
        return caught.value.problem


def settings(**values: object) -> CoreSettings:
    return CoreSettings(_env_file=None, **values)  # type: ignore[arg-type]


def alone(fake: FakeCompletions) -> ModelCatalog:
    return environment_to_catalog(
        settings(openai_base_url=fake.base_url, openai_api_key="sk-test", parley_transcribe_model="whisper-1")
    )


@asynccontextmanager
async def at_rig(catalog: ModelCatalog, clock: FakeClock | None = None) -> AsyncIterator[Rig]:
    clock, observer = clock or FakeClock(), Observer()
    transcriber = create_transcriber(catalog, clock, observer)
    assert transcriber is not None
    try:
        yield Rig(transcriber, clock, observer)
    finally:
        await transcriber.close()


async def test_a_clip_is_sent_under_the_extension_of_its_content_and_its_words_come_back() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = HEARD
        assert await rig.hear() == "Ship it at noon."
        assert await rig.hear(MP4, "audio_message.ogg", "video/mp4") == "Ship it at noon."
        first, second = (received.body for received in fake.requests)
        assert (first["model"], first["filename"], first["type"], first["data"]) == (
            "whisper-1",
            "sound.ogg",
            "audio/ogg",
            OGG,
        )
        assert (second["filename"], second["type"]) == ("sound.m4a", "audio/mp4")
        assert fake.requests[0].headers["authorization"] == "accepted"


@pytest.mark.parametrize(
    ("name", "media_type", "data", "extension"),
    [
        ("a.mp3", "audio/mp4", OGG, "ogg"),
        ("audio_message.m4a", "audio/mp4", b"\x00" * 20, "m4a"),
        ("voice-message.ogg", "audio/ogg; codecs=opus", b"\x00" * 20, "ogg"),
        ("a.webm", "", b"\x1aE\xdf\xa3" + b"\x00" * 20, "webm"),
        ("a.WAV", "application/octet-stream", b"", "wav"),
        ("a.mp3", "audio/mpeg", b"\xff\xfb\x90\x00", "mp3"),
        ("a.flac", "", b"fLaC", "flac"),
        ("a.amr", "audio/amr", b"#!AMR\n", ""),
        ("a", "", b"", ""),
    ],
)
def test_the_kind_of_a_sound_is_told_by_its_content_first(
    name: str, media_type: str, data: bytes, extension: str
) -> None:
    assert extension_of(name, media_type, data) == extension


NOON = "Ship it at noon."
WORDS = Usage(0, estimate(NOON), estimated=True)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({}, WORDS),
        ({"usage": None}, WORDS),
        ({"usage": {"type": "duration", "seconds": 9}}, Usage(sound_s=9)),
        ({"usage": {"type": "duration", "seconds": 9, "cost": 0.0009}}, Usage(sound_s=9, cost_micros=900)),
        ({"usage": {"type": "tokens", "input_tokens": 90, "output_tokens": 12}}, Usage(90, 12)),
        ({"task": "transcribe", "duration": 8.47}, Usage(sound_s=8.47)),
        ({"duration": True}, WORDS),
        ({"duration": "8.47"}, WORDS),
        ({"usage": {"seconds": -1}}, WORDS),
    ],
)
async def test_the_usage_of_a_transcript_is_read_where_it_is_reported_else_its_words_are_estimated(
    body: dict[str, object], usage: Usage
) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = Status(200, {"text": NOON} | body)
        await rig.hear()
        assert rig.transcript.usage == usage
        assert rig.transcript.model_info.name == "whisper-1"


async def test_of_a_clip_without_words_nothing_is_estimated() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = Status(200, {"text": ""})
        await rig.hear()
        assert rig.transcript.usage == Usage(estimated=True)


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_an_endpoint_that_takes_no_sounds_is_not_asked_for_a_day(status: int) -> None:
    clock = FakeClock()
    async with FakeCompletions() as fake, at_rig(alone(fake), clock) as rig:
        fake.transcription = Status(status, "404 page not found")
        assert await rig.fail() is FileProblem.UNHEARD
        fake.transcription = HEARD
        assert await rig.fail() is FileProblem.UNHEARD
        assert len(fake.requests) == 1
        await clock.advance(LEARNT_S)
        assert await rig.hear() == "Ship it at noon."
        assert rig.observer.causes == [], "that is no fault"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Status(400, {"error": {"message": "The audio file could not be decoded."}}), FileProblem.DAMAGED),
        (Status(413, {"error": {"message": "Maximum content size limit exceeded"}}), FileProblem.TOO_LARGE),
        (Status(429, {"error": {"message": "slow down"}}), FileProblem.UNAVAILABLE),
        (Status(502, "bad gateway"), FileProblem.UNAVAILABLE),
        (Status(504, "timeout"), FileProblem.TOO_SLOW),
        (Status(200, "<html>Sign in</html>"), FileProblem.UNHEARD),
        (Status(200, "words"), FileProblem.UNAVAILABLE),
        (Status(200, {"words": []}), FileProblem.UNAVAILABLE),
        (Status(200, {"error": {"message": "overloaded"}}), FileProblem.UNAVAILABLE),
        (Raw((b"x" * 65_536,) * 20), FileProblem.UNAVAILABLE),
        (Raw((b'{"text": "Shi',), framing="length", end="cut"), FileProblem.UNAVAILABLE),
        (Refused(), FileProblem.UNAVAILABLE),
        (Status(302, "", (("Location", "https://example.com/login"),)), FileProblem.UNHEARD),
    ],
)
async def test_every_failure_ends_in_a_problem_of_the_file(reply: Reply, problem: FileProblem) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = reply
        with structlog.testing.capture_logs() as logs:
            assert await rig.fail() is problem
    assert [line["event"] for line in logs] == ["transcription_failed"]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Status(401, {"error": {"code": "invalid_api_key"}}), "account OPENAI_API_KEY"),
        (Status(402, {"error": {"message": "Insufficient Balance"}}), "account OPENAI_API_KEY"),
        (Status(404, {"error": {"code": "model_not_found"}}), "model whisper-1@"),
    ],
)
async def test_what_an_operator_has_to_mend_is_reported(reply: Status, cause: str) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = reply
        assert await rig.fail() is FileProblem.UNHEARD
        [(what, _)] = rig.observer.causes
        assert what.startswith(cause)
        fake.transcription = HEARD
        assert await rig.hear(), "it is asked again: it may be mended by now"


async def test_a_silent_endpoint_is_given_up_after_a_while() -> None:
    clock = FakeClock()
    async with FakeCompletions() as fake, at_rig(alone(fake), clock) as rig:
        fake.transcription = Raw((b'{"text": "',), end="hang")
        hearing = asyncio.create_task(rig.fail())
        await until(lambda: bool(fake.requests))
        await asyncio.wait_for(clock.advance(LIMIT_S), HANG_S)
        assert await asyncio.wait_for(hearing, HANG_S) is FileProblem.TOO_SLOW


async def test_what_no_endpoint_could_take_is_not_sent() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.transcription = HEARD
        assert await rig.fail(b"OggS" + b"\x00" * MAX_BYTES) is FileProblem.TOO_LARGE
        assert await rig.fail(b"#!AMR\n", "a.amr", "audio/amr") is FileProblem.UNKNOWN_TYPE
        assert fake.requests == []


ROSTER = """
[endpoints.one]
base_url = "{one}"
accounts = [{{ name = "a", key = "sk-a" }}, {{ name = "b", key = "sk-b" }}]
models = {{ large = {{}} }}
[endpoints.two]
base_url = "{two}"
accounts = [{{ name = "c", key = "sk-c" }}]
transcribe = "voxtral"
models = {{ small = {{}} }}
"""


async def test_the_next_account_is_asked_where_one_fails_and_an_endpoint_may_have_its_own_model() -> None:
    async with FakeCompletions(keys=("sk-a", "sk-b")) as one, FakeCompletions(keys=("sk-c",)) as two:
        toml = ROSTER.format(one=one.base_url, two=two.base_url)
        catalog = toml_to_catalog(toml, settings(parley_transcribe_model="whisper-1"), {}, "parley.toml")
        async with at_rig(catalog) as rig:
            two.transcription = HEARD
            assert await rig.hear() == "Ship it at noon."
            assert await rig.hear() == "Ship it at noon."
            assert len(one.requests) == 1, "both accounts of an endpoint without sounds are left alone"
            assert [received.body["model"] for received in two.requests] == ["voxtral", "voxtral"]
    assert [route.model_at for route in catalog.transcriptions] == [
        "PARLEY_TRANSCRIBE_MODEL",
        "PARLEY_TRANSCRIBE_MODEL",
        "parley.toml: endpoints.two.transcribe",
    ]


def test_without_a_model_nothing_is_transcribed() -> None:
    clock: Clock = FakeClock()
    plain = environment_to_catalog(settings(openai_api_key="sk-test"))
    keyless = environment_to_catalog(settings(openai_api_key=None, parley_transcribe_model="whisper-1"))
    assert create_transcriber(plain, clock, Observer()) is None
    assert create_transcriber(keyless, clock, Observer()) is None


def test_the_query_of_a_base_url_stays_last() -> None:
    assert transcriptions_url("https://a/v1?api-version=1") == "https://a/v1/audio/transcriptions?api-version=1"


async def test_the_fake_takes_only_a_form_whose_extension_tells_the_truth() -> None:
    async with FakeCompletions(default=Words("")) as fake, at_rig(alone(fake)) as rig:
        fake.transcription = HEARD
        (route,) = alone(fake).transcriptions
        client = rig.transcriber._clients[0][1]
        files = {"file": ("a.mp3", OGG, "audio/mpeg")}
        headers = {"Authorization": f"Bearer {route.account.key.get_secret_value()}"}
        url = transcriptions_url(fake.base_url)
        wrong = await client.post(url, data={"model": "m"}, files=files, headers=headers)
        without = await client.post(url, files=files, headers=headers)
        assert (wrong.status_code, without.status_code) == (400, 400)
        assert "Invalid file format" in json.dumps(wrong.json())
