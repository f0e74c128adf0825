"""Questions in a busy thread: after a while a notice appears, once, in the place of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from core.i18n import phrase
from core.settings.environment import CoreSettings
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answers as answers_in_discord
from tests.e2e.test_slack import AT, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S

LONG = Words("one two three four five six seven eight nine ten eleven twelve " * 2, per_s=0.1)
"""Its second word comes after 10 s and its twelfth after 110 s, unless the endpoint hurries."""


@dataclass
class Talk:
    """A thread: `say` asks in it, `shown` are the bot's messages there as they can be read now. `waiting`: what
    those
    who ask after the first are told, in their language."""

    settings: dict[str, str]
    waiting: str
    say: Callable[[str], Awaitable[None]]
    shown: Callable[[], list[str]]

    async def until(self, condition: Callable[[list[str]], bool], timeout_s: float = HANG_S) -> list[str]:
        give_up_at = monotonic() + timeout_s
        while not condition(shown := self.shown()):
            assert monotonic() < give_up_at, f"it never came to that: {shown}"
            await asyncio.sleep(0.02)
        return shown


@pytest.fixture(params=["slack", "discord"])
def talk(
    request: pytest.FixtureRequest, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> Talk:
    root = ""

    async def say_in_slack(text: str) -> None:
        nonlocal root
        root_before, words = root, text if root else f"{AT} {text}"
        root = root_before or await slack.say("U1", "C1", words)
        if root_before:
            await slack.say("U2", "C1", words, thread_ts=root)

    async def say_in_discord(text: str) -> None:
        nonlocal root
        if root:
            await discord.wait_for(lambda: discord.thread_of(int(root)))
            await discord.say(BO, int(root), text)
        else:
            root = str(await discord.say(ADA, GENERAL, f"{DISCORD_AT} {text}"))

    own = {"PARLEY_PATIENCE_S": "0.5"} | model_settings(endpoint)
    if request.param == "slack":
        return Talk(
            own | slack_settings(slack),
            phrase("waiting", "zh"),
            say_in_slack,
            lambda: [m.visible for m in answers(slack, "C1", root) if not m.deleted],
        )
    return Talk(
        own | discord_settings(discord),
        phrase("waiting", "en"),
        say_in_discord,
        lambda: [m.text for m in answers_in_discord(discord, int(root))],
    )


def test_people_wait_ten_seconds_before_they_are_told() -> None:
    assert CoreSettings(_env_file=None).parley_patience_s == 10


async def test_who_waits_is_told_so_and_the_words_become_the_answer(
    tmp_path: Path, talk: Talk, endpoint: FakeCompletions
) -> None:
    endpoint.script(LONG, Words("Second."), Words("Third."))
    async with Program(tmp_path, **talk.settings):
        await talk.say("first?")
        await talk.until(lambda shown: "one" in "".join(shown))
        await talk.say("second?")
        await talk.say("third?")
        shown = await talk.until(lambda shown: len(shown) == 3)
        assert "twelve" not in shown[0], "told while the first one is still being answered"
        assert [talk.waiting in one for one in shown] == [False, True, True]
        endpoint.hurry()
        shown = await talk.until(lambda shown: "Third." in shown[-1])
    assert len(shown) == 3
    assert ["twelve" in shown[0], "Second." in shown[1], "Third." in shown[2]] == [True] * 3
    assert talk.waiting not in "".join(shown)


async def test_who_does_not_wait_long_is_told_nothing(
    tmp_path: Path, talk: Talk, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("First.", per_s=20), Words("Second."))
    async with Program(tmp_path, **talk.settings | {"PARLEY_PATIENCE_S": str(HANG_S)}):
        await talk.say("first?")
        await talk.say("second?")
        seen: set[str] = set()

        def done(shown: list[str]) -> bool:
            seen.update(shown)
            return "Second." in "".join(shown)

        shown = await talk.until(done)
    assert len(shown) == 2
    assert talk.waiting not in "".join(seen)


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_restart_while_the_words_stand_neither_loses_nor_doubles_the_answer(
    tmp_path: Path, talk: Talk, endpoint: FakeCompletions, end: str
) -> None:
    endpoint.script(LONG, Words("First."), Words("Second."))
    settings = talk.settings | {"PARLEY_GRACE_S": "0.2"}
    program = Program(tmp_path, **settings)
    await program.start()
    await program.ready()
    await talk.say("first?")
    await talk.until(lambda shown: "one" in "".join(shown))
    await talk.say("second?")
    await talk.until(lambda shown: talk.waiting in shown[-1])
    await (program.kill() if end == "kill" else program.stop())
    async with Program(tmp_path, **settings):
        shown = await talk.until(lambda shown: "Second." in shown[-1])
        await asyncio.sleep(0.5)
        assert talk.shown() == shown, "and nothing comes behind it"
    assert len(shown) == 2
    assert "First." in shown[0]
    assert talk.waiting not in "".join(shown)
