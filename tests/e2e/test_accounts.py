"""Accounts and models of parley.toml in the real program: who answers when somebody can't, and who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import Code
from core.model.faults import ADVICE
from tests.e2e.conftest import discord_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import answered
from tests.fakes.completions import FakeCompletions, Reply, Status, Words
from tests.fakes.discord import ADA, GENERAL, RANDOM, FakeDiscord

FINE = Words("Here I am.")
NO_MONEY = Status(402, {"error": {"message": "UPSTREAM-TEXT Insufficient Balance"}})
NO_MODEL = Status(404, {"error": {"message": "no such model", "code": "model_not_found"}})
LATER = Status(429, {"error": {"message": "slow down"}}, (("Retry-After", "3600"),))
ROSTER = """
models = ["large", "small"]
[endpoints.one]
base_url = "{url}"
accounts = [{{ name = "first", key_env = "KEY_ONE" }}, {{ name = "second", key = "sk-test-two" }}]
[endpoints.one.models.large]
price_input = 1000
[endpoints.one.models.small]
"""
KEYS = ("sk-test-one", "sk-test-two")


class Accounts:
    """An endpoint with two accounts, each with its own reply, and a model that may be missing."""

    def __init__(self, endpoint: FakeCompletions) -> None:
        self.endpoint = endpoint
        self.first: Reply = FINE
        self.second: Reply = FINE
        self.missing: str = ""
        endpoint.default = self._reply

    def _reply(self, body: dict[str, str]) -> Reply:
        if body["model"] == self.missing:
            return NO_MODEL
        return self.second if self.endpoint.requests[-1].account else self.first

    def asked(self) -> list[tuple[int | None, str]]:
        """Who was asked for what since this was asked last."""
        found = [(request.account, request.body["model"]) for request in self.endpoint.requests]
        self.endpoint.requests.clear()
        return found


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    async with FakeCompletions(keys=KEYS) as endpoint:
        yield Accounts(endpoint)
    assert endpoint.problems == []


@pytest.fixture
def settings(tmp_path: Path, discord: FakeDiscord, accounts: Accounts) -> dict[str, str]:
    (tmp_path / "parley.toml").write_text(ROSTER.format(url=accounts.endpoint.base_url))
    return discord_settings(discord) | {"KEY_ONE": KEYS[0], "PARLEY_RETRY_LIMIT_S": "3"}


class Asking:
    """One question after another, and what came of each."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._count = 0

    async def __call__(self, words: str) -> str:
        self._count += 1
        await self._discord.slash(ADA, GENERAL, "ask", question=f"question {self._count}")
        return (await answered(self._discord, GENERAL, words, self._count)).text


async def test_whoever_can_answers_and_what_was_mended_answers_the_next_question(
    tmp_path: Path, discord: FakeDiscord, accounts: Accounts, settings: dict[str, str]
) -> None:
    ask = Asking(discord)
    async with Program(tmp_path, **settings) as program:
        assert "large, then small at parley.toml" in program.output
        accounts.first = NO_MONEY
        await ask("Here I am.")
        assert accounts.asked() == [(0, "large"), (1, "large")]
        accounts.second = LATER
        text = await ask("The AI service asks for a break")
        assert "UPSTREAM" not in text
        assert accounts.asked() == [(1, "large"), (0, "large"), (1, "small")], "each once"
        accounts.first = FINE
        await ask("Here I am.")
        assert accounts.asked() == [(0, "large")]
        accounts.missing = "large"
        await ask("Here I am.")
        assert accounts.asked() == [(0, "large"), (0, "small")]
        assert ADVICE[Code.NO_MODEL] in program.output
    assert not any(key in program.output for key in KEYS)


async def test_operators_are_told_in_their_channel_once_and_when_it_is_over(
    tmp_path: Path, discord: FakeDiscord, accounts: Accounts, settings: dict[str, str]
) -> None:
    ask = Asking(discord)
    settings["PARLEY_ALERT_CHANNEL"] = f"discord:{RANDOM}"
    accounts.first = accounts.second = NO_MONEY
    async with Program(tmp_path, **settings):
        for _ in range(2):
            assert "have been told" in await ask("I can't reach the AI service")
        alerts = [message.text for message in discord.from_bot(RANDOM)]
        assert len(alerts) == 2
        assert all(ADVICE[Code.NO_MONEY] in alert for alert in alerts)
        assert "account one/first" in alerts[0]
        assert "account one/second" in alerts[1]
        accounts.first = FINE
        await ask("Here I am.")
        await discord.wait_for(lambda: len(discord.from_bot(RANDOM)) == 3)
        over = discord.from_bot(RANDOM)[-1].text
    assert "account one/first" in over
    assert "works again" in over
    assert "UPSTREAM" not in "".join(alerts)


async def test_without_a_channel_of_the_operators_nobody_claims_that_they_know(
    tmp_path: Path, discord: FakeDiscord, accounts: Accounts, settings: dict[str, str]
) -> None:
    accounts.first = accounts.second = NO_MONEY
    async with Program(tmp_path, **settings) as program:
        assert "told" not in await Asking(discord)("I can't reach the AI service")
    assert "the operators are needed" in program.output


@pytest.mark.parametrize(
    ("toml", "more", "line"),
    [
        ("models = [", {}, "parley: parley.toml: Invalid value"),
        ("colour = 1", {}, "parley: parley.toml: endpoints: Field required"),
        (ROSTER.format(url="http://127.0.0.1:9"), {}, "endpoints.one.accounts.0.key_env: KEY_ONE is not set"),
        ("", {"PARLEY_CONFIG": "gone.toml"}, "parley: PARLEY_CONFIG: gone.toml can't be read"),
        (
            ROSTER.format(url="http://127.0.0.1:9"),
            {"KEY_ONE": "sk-test-one", "PARLEY_ALERT_CHANNEL": "slack:C1"},
            "parley: PARLEY_ALERT_CHANNEL: names slack:C1, but slack is off",
        ),
    ],
)
async def test_a_wrong_file_is_one_line_and_status_2(
    tmp_path: Path, toml: str, more: dict[str, str], line: str
) -> None:
    (tmp_path / "parley.toml").write_text(toml)
    program = Program(tmp_path, **more)
    await program.start()
    assert await program.end() == 2
    [said] = program.output.splitlines()
    assert line in said
    program.check_output()
