"""The content of attachments, through the real discord.py from a Discord whose links run out."""

from __future__ import annotations

import math

import pytest

from bots.discord.files import url_to_expiry
from core.ports.files import FileContent, FileError, FileSource
from core.values.conversation import Ask
from core.values.events import Command
from core.values.parts import File, FileProblem
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import ADA, BO, BOT, GENERAL, RANDOM, FakeDiscord, Permission
from tests.fakes.discord import File as Upload
from tests.fakes.discord.wire import LINK_LIFE_S
from tests.waiting import until

LIMIT = 1_000
NOTES = Upload("notes.txt", b"two and two", "text/plain")


async def asked(bot: Bot, *files: Upload) -> Ask:
    """A question with files, as the inbox got it."""
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> what is this?", files=list(files))
    return (await until(lambda: bot.inbox.of(Ask)))[-1]


def file_of(event: Ask | Command) -> File:
    (file,) = event.attached
    assert isinstance(file, File)
    return file


async def fetch(bot: Bot, ask: Ask, file: File | None = None, limit: int = LIMIT) -> FileContent:
    installation = bot.platform.installation
    assert isinstance(installation, FileSource)
    return await installation.fetch(ask.place, ask.id, file or file_of(ask), limit)


async def problem(bot: Bot, ask: Ask, file: File | None = None, limit: int = LIMIT) -> FileProblem:
    with pytest.raises(FileError) as caught:
        await fetch(bot, ask, file, limit)
    assert "http" not in caught.value.detail
    return caught.value.problem


def reads(fake: FakeDiscord) -> int:
    return sum("/messages/" in call.path and call.method == "GET" for call in fake.calls)


async def test_a_file_is_fetched_by_the_link_that_came_with_its_message(bot: Bot) -> None:
    ask = await asked(bot, Upload("报告.txt", b"two and two", "text/plain"))
    assert await fetch(bot, ask) == FileContent("报告.txt", "text/plain", b"two and two")
    assert reads(bot.fake) == 0


async def test_a_link_that_has_run_out_is_renewed_by_reading_the_message(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    assert (await fetch(bot, ask)).data == NOTES.data
    assert reads(bot.fake) == 1
    assert len(bot.fake.cdn.served) == 1


async def test_a_file_of_a_forward_is_found_again_in_the_forward(bot: Bot) -> None:
    original = await bot.fake.say(BO, RANDOM, "the figures", files=[NOTES])
    await bot.fake.forward(ADA, original, bot.fake.dm(ADA))
    ask = (await until(lambda: [one for one in bot.inbox.of(Ask) if one.place.direct]))[-1]
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    (file,) = (part for part in ask.attached if isinstance(part, File))
    assert (await fetch(bot, ask, file)).data == NOTES.data


async def test_a_file_that_is_gone_is_not_found(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    bot.fake.message(int(ask.id)).attachments = []
    assert await problem(bot, ask) is FileProblem.NOT_FOUND
    await bot.fake.delete(int(ask.id))
    assert await problem(bot, ask) is FileProblem.NOT_FOUND


@pytest.mark.parametrize("denied", [Permission.VIEW_CHANNEL, Permission.READ_MESSAGE_HISTORY])
async def test_a_channel_that_the_bot_may_not_read_is_not_allowed(bot: Bot, denied: Permission) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    await bot.fake.deny(GENERAL, denied)
    assert await problem(bot, ask) is FileProblem.NOT_ALLOWED


async def test_a_discord_that_fails_is_unavailable(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    bot.fake.fail("GET", f"/channels/{GENERAL}/messages/*", times=None, status=400)
    assert await problem(bot, ask) is FileProblem.UNAVAILABLE


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:1/secret", "http://169.254.169.254/latest", "https://cdn.discordapp.com.evil.test/a"],
)
async def test_a_redirect_to_another_host_is_not_followed(bot: Bot, target: str) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.cdn.redirects[NOTES.filename] = target
    assert await problem(bot, ask) is FileProblem.UNAVAILABLE


async def test_another_length_than_announced_and_too_much_are_refused(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    assert await problem(bot, ask, limit=5) is FileProblem.TOO_LARGE
    assert bot.fake.cdn.served == [], "it was announced"
    bot.fake.cdn.instead[NOTES.filename] = b"two"
    assert await problem(bot, ask) is FileProblem.MISMATCH
    bot.fake.cdn.instead[NOTES.filename] = b"x" * (LIMIT + 1)
    assert await problem(bot, ask) is FileProblem.TOO_LARGE


async def test_a_file_that_drips_is_given_up(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    bot.fake.cdn.drips.add(NOTES.filename)
    bot.platform.installation.files.deadline_s = 0.3
    assert await problem(bot, ask) is FileProblem.UNAVAILABLE
    assert bot.fake.cdn.served, "it began"


async def test_a_source_that_is_none_of_discord_is_not_found(bot: Bot) -> None:
    ask = await asked(bot, NOTES)
    for source in ("", "F1", "a/b/c", "1/2", f"{GENERAL}/1/2"):
        assert await problem(bot, ask, File("x", source=source)) is FileProblem.NOT_FOUND


async def test_a_file_of_a_command_is_fetched_by_its_link_alone(bot: Bot) -> None:
    await bot.fake.slash(ADA, GENERAL, "ask", question="what is this?", file=bot.fake.upload(NOTES))
    (command,) = await until(lambda: bot.inbox.of(Command))
    assert command.options == {"question": "what is this?"}
    file = file_of(command)
    assert (file.name, file.size) == ("notes.txt", len(NOTES.data))
    ask = bot.inbox.of(Ask)[0]
    assert (await fetch(bot, ask, file)).data == NOTES.data
    bot.fake.clock.advance(LINK_LIFE_S + 1)
    assert await problem(bot, ask, file) is FileProblem.NOT_FOUND


async def test_a_message_with_files_is_asked_about_with_its_files(bot: Bot) -> None:
    said = await bot.fake.say(BO, RANDOM, "", files=[NOTES])
    opened = await bot.fake.context_menu(ADA, RANDOM, said, "Ask about this")
    form = await until(lambda: bot.fake.interaction(opened).modal)
    assert form["components"][1]["component"]["value"] == "(file: notes.txt)"
    await bot.fake.submit_modal(opened, question="what is this?")
    (command,) = await until(lambda: bot.inbox.of(Command))
    file = file_of(command)
    assert file.source.startswith(f"{RANDOM}/{said}/")
    assert (await fetch(bot, bot.inbox.of(Ask)[-1], file)).data == NOTES.data


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_form_that_names_a_message_of_another_channel_has_none_of_its_files(
    fake: FakeDiscord, restarted: bool
) -> None:
    async with running(fake) as bot:
        said = await fake.say(BO, GENERAL, "look", files=[NOTES])
        opened = await fake.context_menu(ADA, GENERAL, said, "Ask about this")
        await until(lambda: fake.interaction(opened).modal)
        here = await fake.say(BO, RANDOM, "look here")
        form = await fake.context_menu(ADA, RANDOM, here, "Ask about this")
        modal = await until(lambda: fake.interaction(form).modal)
        modal["custom_id"] = modal["custom_id"].replace(f"{RANDOM}/{here}", f"{GENERAL}/{said}")
        assert str(GENERAL) in modal["custom_id"]
        if not restarted:
            await fake.submit_modal(form, question="what is this?")
            (command,) = await until(lambda: bot.inbox.of(Command))
    if restarted:
        async with running(fake) as bot:
            await fake.submit_modal(form, question="what is this?")
            (command,) = await until(lambda: bot.inbox.of(Command))
    assert command.attached == ()


@pytest.mark.parametrize("readable", [True, False])
async def test_after_a_restart_the_files_of_the_message_are_read_again(
    fake: FakeDiscord, readable: bool
) -> None:
    async with running(fake) as bot:
        said = await fake.say(BO, RANDOM, "look", files=[NOTES])
        opened = await fake.context_menu(ADA, RANDOM, said, "Ask about this")
        await until(lambda: fake.interaction(opened).modal)
    if not readable:
        await fake.deny(RANDOM, Permission.VIEW_CHANNEL)
    async with running(fake) as bot:
        await fake.submit_modal(opened, question="what is this?")
        (command,) = await until(lambda: bot.inbox.of(Command))
    assert command.options == {"question": "what is this?", "about": "look\n\n(file: notes.txt)"}
    assert bool(command.attached) is readable


@pytest.mark.parametrize(
    ("url", "expiry"),
    [
        ("https://cdn.discordapp.com/attachments/1/2/a?ex=66000000&is=1&hm=1", float(0x66000000)),
        ("https://cdn.discordapp.com/attachments/1/2/a", math.inf),
        ("https://cdn.discordapp.com/attachments/1/2/a?ex=soon", math.inf),
        (f"https://cdn.discordapp.com/a?ex={'f' * 400}", math.inf),
    ],
)
def test_a_link_says_when_it_runs_out(url: str, expiry: float) -> None:
    assert url_to_expiry(url) == expiry
