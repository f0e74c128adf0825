"""Pictures and voice clips of the running program, at endpoints that refuse or take them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from core.i18n import phrase
from core.text import TRANSCRIPT_MARK
from tests.core.files.made import pdf, quarters, saved
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack_content import WAIT_S, asked_times, last, png, told
from tests.fakes.completions import Citing, FakeCompletions, PictureRules, Status, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.discord import File as Upload
from tests.fakes.slack import FakeSlack

SCAN = pdf(["", ""], jpeg=saved(quarters(), "JPEG"))
DOT = ("dot.png", "image/png", png())
QUOTED = TRANSCRIPT_MARK + "{}: Ship it at noon."
NOTED = Words("Noted.", first_after_s=1.5)


def said_by_the_model(endpoint: FakeCompletions) -> list[str]:
    """The model's own answers, as it is given them with the newest question."""
    messages = endpoint.requests[-1].body["messages"]
    return [message["content"] for message in messages if message["role"] == "assistant"]


@pytest.mark.parametrize("vendor", ["openrouter", "llamacpp"])
async def test_a_model_that_does_not_see_answers_and_the_person_is_told(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, vendor: str
) -> None:
    endpoint.pictures = PictureRules(sees=False, vendor=vendor)
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.direct("U1", "what is it?", files=[DOT])
        await slack.wait_for(partial(told, slack, phrase("file_problem_unseen", "en")), WAIT_S)
        assert asked_times(endpoint, 2), "with the picture, then without"
        assert "The picture dot.png was attached, but you cannot see it." in last(endpoint)
        await slack.direct("U1", "and now?", root)
        await slack.wait_for(partial(asked_times, endpoint, 3), WAIT_S)
        assert "image_url" not in str(endpoint.requests[-1].body)


async def test_a_refused_picture_does_not_fail_its_thread(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Status(400, {"error": {"message": "Could not process image"}}))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        root = await slack.direct("U1", "what is it?", files=[DOT])
        await slack.wait_for(partial(told, slack, phrase("file_problem_refused", "en")), WAIT_S)
        await slack.direct("U1", "and now?", root)
        await slack.wait_for(partial(asked_times, endpoint, 3), WAIT_S)
        assert "image_url" not in str(endpoint.requests[-1].body)


async def test_a_refused_picture_does_not_fail_its_conversation_on_discord(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Status(400, {"error": {"message": "Could not process image"}}))
    picture, channel = Upload("dot.png", png(), "image/png"), discord.dm(ADA)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.direct(ADA, "what is it?", files=[picture])
        refused = phrase("file_unread", "en", name="dot.png", why=phrase("file_problem_refused", "en"))
        await answered(discord, channel, refused)
        await discord.direct(ADA, "and now?")
        await answered(discord, channel, "and now?", count=2)
        assert asked_times(endpoint, 3), "with the picture, without it, and the next question"
        assert "image_url" not in str(endpoint.requests[-1].body)


async def test_a_voice_clip_is_written_down_for_the_model_and_the_person(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.transcription = Status(200, {"text": "Ship it at noon."})
    endpoint.script(NOTED)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_TRANSCRIBE_MODEL": "whisper-1"}
    clip = ("clip.m4a", "audio/mp4", b"\x00\x00\x00\x1cftypM4A " + b"\x00" * 40)
    async with Program(tmp_path, **settings):
        root = await slack.direct("U1", "", files=[clip])
        await slack.wait_for(partial(told, slack, QUOTED.format("clip.m4a")), WAIT_S)
        assert not told(slack, "Noted."), "before the first word"
        await slack.wait_for(partial(told, slack, QUOTED.format("clip.m4a") + "\n\nNoted."), WAIT_S)
        sound, question = (request.body for request in endpoint.requests)
        await slack.direct("U1", "and now?", root)
        await slack.wait_for(partial(asked_times, endpoint, 3), WAIT_S)
        assert said_by_the_model(endpoint) == ["Noted."]
        assert (sound["model"], sound["filename"]) == ("whisper-1", "sound.m4a")
        assert "Ship it at noon." in str(question["messages"][-1])
        await slack.wait_for(partial(told, slack, "and now?"), WAIT_S)
        await slack.delete("U1", "D1", root)
        await slack.wait_for(lambda: not told(slack, QUOTED.format("clip.m4a")), WAIT_S)
        assert told(slack, "Noted."), "the answer stays"


async def test_discord_shows_pictures_to_the_model_and_says_which_it_could_not_see(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    picture, channel = Upload("dot.png", png(), "image/png"), discord.dm(ADA)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.direct(ADA, "what is it?", files=[picture])
        await answered(discord, channel, "")
        words, image = endpoint.requests[0].body["messages"][-1]["content"]
        assert words == {"type": "text", "text": "what is it?"}
        assert image["image_url"]["url"].startswith("data:image/png;base64,")
        endpoint.pictures = PictureRules(sees=False)
        await discord.direct(ADA, "and this?", files=[picture])
        unseen = phrase("file_unread", "en", name="dot.png", why=phrase("file_problem_unseen", "en"))
        await answered(discord, channel, unseen, count=2)
        assert "image_url" not in str(endpoint.requests[-1].body)


def shown_pages(endpoint: FakeCompletions) -> int:
    """The pictures of the newest question, behind its words."""
    words, *images = endpoint.requests[-1].body["messages"][-1]["content"]
    assert words["text"].startswith("what was signed?")
    assert all(image["image_url"]["url"].startswith("data:image/") for image in images)
    return len(images)


async def test_the_pages_of_a_scan_are_shown_to_the_model_on_slack(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.direct("U1", "what was signed?", files=[("deed.pdf", "application/pdf", SCAN)])
        await slack.wait_for(partial(asked_times, endpoint, 1), WAIT_S)
        assert shown_pages(endpoint) == 2


async def test_the_pages_of_a_scan_are_shown_to_the_model_on_discord(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.direct(ADA, "what was signed?", files=[Upload("deed.pdf", SCAN, "application/pdf")])
        await answered(discord, discord.dm(ADA), "")
        assert shown_pages(endpoint) == 2


async def test_a_voice_message_on_discord_is_written_down_for_the_model_and_the_person(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.transcription = Status(200, {"text": "Ship it at noon."})
    endpoint.script(NOTED)
    settings = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_TRANSCRIBE_MODEL": "whisper-1"}
    clip, channel = Upload("voice-message.ogg", b"OggS" + bytes(60), "audio/ogg"), discord.dm(ADA)
    async with Program(tmp_path, **settings):
        said = await discord.direct(ADA, "", files=[clip], flags=8192)
        quoted = QUOTED.format("voice-message.ogg")
        assert "Noted." not in (await answered(discord, channel, quoted)).text, "before the first word"
        answer = await answered(discord, channel, quoted + "\n\nNoted.")
        sound, question = (request.body for request in endpoint.requests)
        await discord.direct(ADA, "and now?", reply_to=answer.id)
        await discord.wait_for(partial(asked_times, endpoint, 3))
        assert said_by_the_model(endpoint) == ["Noted."]
        assert QUOTED[2:].format("voice-message.ogg") not in str(endpoint.requests[-1].body)
        assert sound["filename"] == "sound.ogg"
        assert "Ship it at noon." in str(question["messages"][-1])
        await answered(discord, channel, "and now?", count=2)
        await discord.delete(said)
        await discord.wait_for(lambda: discord.from_bot(channel)[0].text == "Noted.")


async def test_a_transcript_above_an_answer_stays_when_a_source_under_it_is_deleted(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.transcription = Status(200, {"text": "Ship it at noon."})
    settings = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_TRANSCRIBE_MODEL": "whisper-1"}
    clip = Upload("clip.ogg", b"OggS" + bytes(60), "audio/ogg")
    async with Program(tmp_path, **settings):
        endpoint.script(Words("Every day."))
        source = await discord.say(ADA, GENERAL, f"{AT} when do we ship the loom?")
        await answered(discord, source, "Every day.")
        await discord.wait_for(lambda: discord.from_bot(source)[-1].buttons)
        endpoint.script(Citing("Noted [1]."))
        asked = await discord.say(ADA, GENERAL, f"{AT} ship the loom as I say here", files=[clip])
        before = await answered(discord, asked, "Asked before:")
        assert QUOTED.format("clip.ogg") in before.text
        await discord.delete(source)
        await discord.wait_for(lambda: "Asked before:" not in discord.from_bot(asked)[-1].text)
        shown = discord.from_bot(asked)[-1]
    assert shown.text == QUOTED.format("clip.ogg") + "\n\nNoted [\u20601]\u2060."
