"""A tool call that a person approves or denies, on every platform, in both languages: the message that asks, the wrong
person, a restart between the question and the press, and what the model, the audit and the readers get of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from core.i18n import SPOKEN, phrase
from tests.e2e.conftest import (
    discord_guild,
    discord_settings,
    model_settings,
    slack_settings,
    slack_workspace,
)
from tests.e2e.program import Program, free_port
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, BOT, CHEN, GENERAL, FakeDiscord
from tests.fakes.discord import Message as DiscordMessage
from tests.fakes.mcp import HttpServers
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.fakes.slack import Message as SlackMessage
from tests.waiting import HANG_S

URL = "http://localhost/plan"
"""Its host is not public, so what is approved fails at once; what is denied is not even tried."""
REMARK = "Let me look at that."
LINES = {"en": f'• read link (url: "{URL}")', "zh": f'• 读取链接 (url: "{URL}")'}
RUN, DENIED = "not on the public Internet", "Not approved"
"""What the model is told of a call that ran, and of one that did not."""


def calling(number: int = 1) -> Words:
    """A round of the model that reads a link."""
    return Words(
        REMARK, calls=((f"call_{number}", "read_link", json.dumps({"url": URL})),), finish="tool_calls"
    )


def result(endpoint: FakeCompletions, number: int) -> str:
    """What the model was told of its call in a request."""
    return str([m["content"] for m in endpoint.requests[number].body["messages"] if m["role"] == "tool"][-1])


class Room(Protocol):
    """One thread, in which one person asks and another one looks on. `settings` are the platform's."""

    settings: dict[str, str]

    async def open(self, program: Program) -> None:
        """See the thread in a program that has just started."""
        ...

    async def allow_links(self) -> None: ...
    async def ask(self, text: str) -> None: ...

    async def asks(self, *labels: str) -> str:
        """The newest answer, once it has these buttons."""
        ...

    async def press(self, label: str) -> None: ...
    async def told(self, label: str) -> str:
        """What the asker alone is told for a press."""
        ...

    async def refused(self, label: str) -> str:
        """What the other person alone is told for a press."""
        ...

    async def answered(self, words: str) -> str: ...
    async def history(self, words: str) -> str: ...


class OnSlack:
    def __init__(self, slack: FakeSlack, language: str) -> None:
        self.slack = slack
        self.settings = slack_settings(slack) | {"PARLEY_ADMINS": "slack:U3"}
        self.asker, self.other = ("U1", "U2") if language == "en" else ("U2", "U1")
        self.thread = ""

    async def open(self, program: Program) -> None:
        pass

    async def allow_links(self) -> None:
        await self._parley("settings read_links on", phrase("settings_changed", "en"))

    async def ask(self, text: str) -> None:
        words = text if self.thread else f"<@{BOT_USER}> {text}"
        ts = await self.slack.say(self.asker, "C1", words, self.thread or None)
        self.thread = self.thread or ts

    async def asks(self, *labels: str) -> str:
        await self.slack.wait_for(lambda: [one.buttons for one in self._answers()[-1:]] == [list(labels)])
        return self._answers()[-1].visible

    async def press(self, label: str) -> None:
        await self._press(self.asker, label)

    async def told(self, label: str) -> str:
        return await self._told(self.asker, label)

    async def refused(self, label: str) -> str:
        return await self._told(self.other, label)

    async def answered(self, words: str) -> str:
        def there() -> bool:
            last = self._answers()[-1]
            return words in last.visible and len(last.buttons) == 3

        await self.slack.wait_for(there)
        return self._answers()[-1].visible

    async def history(self, words: str) -> str:
        return await self._parley("settings history", words)

    async def _parley(self, text: str, words: str) -> str:
        before = len(self._whispers("U3"))
        await self.slack.slash("U3", "C1", "/parley", text)
        told = await self.slack.wait_for(lambda: self._whispers("U3")[before:])
        assert words in told[-1].visible
        return told[-1].visible

    async def _told(self, user: str, label: str) -> str:
        before = len(self._whispers(user))
        await self._press(user, label)
        return (await self.slack.wait_for(lambda: self._whispers(user)[before:]))[-1].visible

    async def _press(self, user: str, label: str) -> None:
        last = self._answers()[-1]
        buttons = [part for block in last.blocks for part in block.get("elements", ()) if "action_id" in part]
        action = next(one["action_id"] for one in buttons if one["text"]["text"] == label)
        await self.slack.press(user, "C1", last.ts, action)

    def _answers(self) -> list[SlackMessage]:
        found = self.slack.thread("C1", self.thread)
        return [one for one in found if one.user == BOT_USER and not one.ephemeral_to]

    def _whispers(self, user: str) -> list[SlackMessage]:
        return [one for one in self.slack.messages("C1") if one.ephemeral_to == user]


class OnDiscord:
    def __init__(self, discord: FakeDiscord, language: str) -> None:
        self.discord = discord
        self.settings = discord_settings(discord)
        self.asker, self.other = (BO, CHEN) if language == "en" else (CHEN, ADA)
        self.thread = 0

    async def open(self, program: Program) -> None:
        pass

    async def allow_links(self) -> None:
        interaction = await self.discord.slash(ADA, GENERAL, "settings", name="read_links", value="on")
        assert phrase("settings_changed", "en") in await self._reply(interaction, ADA)

    async def ask(self, text: str) -> None:
        where, words = (self.thread, text) if self.thread else (GENERAL, f"<@{BOT}> {text}")
        asked = await self.discord.say(self.asker, where, words)
        self.thread = self.thread or asked

    async def asks(self, *labels: str) -> str:
        def there() -> DiscordMessage | None:
            last = self._answers()[-1:]
            return next((one for one in last if [b.label for b in one.buttons] == list(labels)), None)

        return (await self.discord.wait_for(there)).text

    async def press(self, label: str) -> None:
        await self._press(self.asker, label)

    async def told(self, label: str) -> str:
        return await self._reply(await self._press(self.asker, label), self.asker)

    async def refused(self, label: str) -> str:
        return await self._reply(await self._press(self.other, label), self.other)

    async def answered(self, words: str) -> str:
        def there() -> DiscordMessage | None:
            return next(
                (one for one in self._answers()[-1:] if words in one.text and len(one.buttons) == 3), None
            )

        return (await self.discord.wait_for(there)).text

    async def history(self, words: str) -> str:
        interaction = await self.discord.slash(ADA, GENERAL, "settings", name="history")
        told = await self._reply(interaction, ADA)
        assert words in told
        return told

    async def _press(self, user: int, label: str) -> int:
        last = self._answers()[-1]
        button = next(one for one in last.buttons if one.label == label)
        return await self.discord.press(user, self.thread, last.id, str(button.custom_id))

    async def _reply(self, interaction: int, user: int) -> str:
        def there() -> DiscordMessage | None:
            happened = self.discord.interaction(interaction)
            reply = happened.followups[0] if happened.followups else happened.response
            waits = reply is None or reply.loading or reply is happened.source
            return None if waits else reply

        told = await self.discord.wait_for(there)
        assert told.ephemeral_to == user
        return told.text

    def _answers(self) -> list[DiscordMessage]:
        found = self.discord.from_bot(self.thread) if self.discord.thread_of(self.thread) else []
        return [one for one in found if one.ephemeral_to is None]


@asynccontextmanager
async def room_on(platform: str, language: str) -> AsyncIterator[Room]:
    if platform == "slack":
        async with slack_workspace() as slack:
            yield OnSlack(slack, language)
    else:
        async with discord_guild() as discord:
            yield OnDiscord(discord, language)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_a_call_runs_once_its_asker_has_approved_it_after_a_restart(
    tmp_path: Path, endpoint: FakeCompletions, platform: str, language: str
) -> None:
    def words(key: str, **values: Any) -> str:
        return phrase(
            key, f"{language}-x-{platform}" if f"{language}-x-{platform}" in SPOKEN else language, **values
        )

    approve, deny, show = (words(f"approval_{one}") for one in ("approve", "deny", "arguments"))
    labels = (approve, deny, show)
    endpoint.script(calling(), Words("It can't be read."), calling(2), Words("Then not."))
    async with room_on(platform, language) as room:
        settings = room.settings | model_settings(endpoint) | {"PARLEY_LANGUAGE": language}
        killed = Program(tmp_path, **settings)
        await killed.start()
        await killed.ready()
        await room.allow_links()
        await room.ask(f"what does {URL} say?")
        shown = await room.asks(*labels)
        assert REMARK in shown
        assert LINES[language] in shown.replace("\\", "")
        other = "zh" if language == "en" else "en"
        name = words("asking", name="\0").partition("\0")[0]
        assert name in shown
        assert phrase("not_approver", other, name="\0").partition("\0")[0] in await room.refused(approve)
        assert f'"url": "{URL}"' in await room.told(show)
        await killed.kill()
        async with Program(tmp_path, **settings):
            assert len(endpoint.requests) == 1
            await room.press(approve)
            assert LINES[language] not in await room.answered("It can't be read.")
            assert RUN in result(endpoint, 1)
            await room.ask("and now?")
            await room.asks(*labels)
            await room.press(deny)
            await room.answered("Then not.")
            assert DENIED in result(endpoint, 3)
            listed = await room.history(phrase("history_tool_approve", "en"))
    assert phrase("history_tool_deny", "en") in listed
    assert phrase("setting_read_links", "en") in listed


async def test_what_is_approved_does_not_run_where_the_question_was_deleted_while_the_program_was_down(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(calling())
    room = OnSlack(slack, "en")
    settings = room.settings | model_settings(endpoint)
    killed = Program(tmp_path, **settings)
    await killed.start()
    await killed.ready()
    await room.allow_links()
    await room.ask("Hello!")
    await slack.wait_for(lambda: any(one.buttons for one in slack.thread("C1", room.thread)))
    await killed.kill()
    await slack.delete("U1", "C1", room.thread)
    async with Program(tmp_path, **settings):
        await room.press(phrase("approval_approve", "en"))
        withdrawn = phrase("withdrawn", "en")
        await slack.wait_for(lambda: any(withdrawn in one.visible for one in slack.messages("C1")))
    assert len(endpoint.requests) == 1


async def reached(program: Program) -> None:
    """Wait until the tools of the server are known."""
    async with asyncio.timeout(HANG_S):
        while 'parley_tool_server_up{server="notes"} 1' not in await program.page("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_call_that_writes_is_made_once_by_a_person_whom_the_operators_named_after_a_restart(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    servers = HttpServers(tmp_path, free_port())
    (tmp_path / "parley.toml").write_text(
        f'[[tools]]\nname = "notes"\nurl = "{servers.url("/json")}"\nask = ["write"]\napprovers = ["slack:U2"]\n'
    )
    called = Words("", calls=(("call_1", "notes__write", '{"text": "once"}'),), finish="tool_calls")
    endpoint.script(called, Words("It is written."))
    room = OnSlack(slack, "en")
    room.other = "U3"
    settings = room.settings | model_settings(endpoint)
    approve, deny, show = (phrase(f"approval_{one}", "en") for one in ("approve", "deny", "arguments"))
    servers.start()
    try:
        servers.wait()
        killed = Program(tmp_path, **settings)
        await killed.start()
        await killed.ready()
        await reached(killed)
        await room.ask("write that down")
        assert '• notes: write (text: "once")' in await room.asks(approve, deny, show)
        assert "the people whom the admins named" in await room.refused(approve)
        await killed.kill()
        async with Program(tmp_path, **settings) as program:
            await reached(program)  # else, on a busy machine, the call may find its server absent
            room.asker = "U2"
            await room.press(approve)
            await room.answered("It is written.")
            listed = await room.history(phrase("history_tool_called", "en"))
    finally:
        servers.kill()
    assert servers.written == ["once"]
    assert phrase("history_tool_approve", "en") in listed
    assert "bo · `notes: write`" in listed
