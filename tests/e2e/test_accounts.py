"""Accounts and models of parley.toml in the real program: the one that answers in place of another, and the
alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.e2e.sides import Side
from tests.fakes.completions import FakeCompletions, Reply, Status, Words
from tests.waiting import until

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
        """The accounts and models that were asked since the last call."""
        found = [(request.account, request.body["model"]) for request in self.endpoint.requests]
        self.endpoint.requests.clear()
        return found


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    async with FakeCompletions(keys=KEYS) as endpoint:
        yield Accounts(endpoint)
    assert endpoint.problems == []


@pytest.fixture
def settings(tmp_path: Path, side: Side, accounts: Accounts) -> dict[str, str]:
    (tmp_path / "parley.toml").write_text(ROSTER.format(url=accounts.endpoint.base_url))
    return side.settings | {"KEY_ONE": KEYS[0]}


class Asking:
    """One question after another in one thread, and what came of each."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._count = 0

    async def __call__(self, words: str) -> str:
        self._count += 1
        await self._side.ask(f"question {self._count}")
        return (await self._side.answered(words, self._count)).text


async def test_whoever_can_answers_and_what_was_mended_answers_the_next_question(
    tmp_path: Path, side: Side, accounts: Accounts, settings: dict[str, str]
) -> None:
    ask = Asking(side)
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
    assert "Top up the account (KEY_ONE, account one/first) at 127.0.0.1" in program.output
    assert "Check the model (parley.toml: endpoints.one.models.large)" in program.output
    assert "OPENAI_" not in program.output, "that is not where these accounts are from"
    assert not any(key in program.output for key in KEYS)


ADVISED = {
    "en": (
        "Parley needs attention: account one/",
        "Top up the account (KEY_ONE, account one/first)",
        "works again",
    ),
    "zh": ("Parley 需要处理：账户 one/", "为账户（KEY_ONE, account one/first）充值", "已恢复"),
}
NOT_TOLD = {
    "en": "I can't reach the AI service right now. Ask again later;",
    "zh": "我现在连不上 AI 服务。请稍后再问；",
}
TOLD = {
    "en": "I can't reach the AI service right now. The people who run me have been told. Ask me later.",
    "zh": "我现在连不上 AI 服务，已通知管理员。请稍后再问。",
}


async def test_operators_are_told_in_their_channel_and_language_once_and_when_it_is_over(
    tmp_path: Path, side: Side, accounts: Accounts, settings: dict[str, str], language: str
) -> None:
    ask = Asking(side)
    settings |= {"PARLEY_ALERT_CHANNEL": side.operators, "PARLEY_LANGUAGE": language}
    needed, advice, over = ADVISED[language]
    accounts.first = accounts.second = NO_MONEY
    async with Program(tmp_path, **settings) as program:
        seen = "en" if side.knows_language else language
        await ask(NOT_TOLD[seen])
        alerts = await side.alerted(2)
        await until(lambda: program.output.count("alert_posted") == 2)
        await ask(TOLD[seen])
        assert len(alerts) == 2
        assert all(f"{needed}{name}" in alert for name, alert in zip(("first", "second"), alerts, strict=True))
        assert advice in alerts[0]
        accounts.first = FINE
        await ask("Here I am.")
        alerts = await side.alerted(3)
        assert over in alerts[2]
        assert "one/first" in alerts[2]
        await until(lambda: program.output.count("answer_finished") == 3)
        counted = await program.page("/metrics")
    assert "UPSTREAM" not in "".join(alerts)
    assert "Top up the account (KEY_ONE, account one/first)" in program.output, "the log is English"
    assert 'parley_alerts_total{code="no_money",what="account one/first"} 1' in counted
    assert 'parley_alerts_total{code="no_money",what="account one/second"} 1' in counted
    assert 'parley_recoveries_total{code="no_money",what="account one/first"} 1' in counted
    platform = side.operators.partition(":")[0]
    for duration in ("staleness", "queue_wait", "acknowledgement"):
        assert f'parley_{duration}_seconds_count{{platform="{platform}"}}' in counted
    assert "parley_running_answers" in counted


async def test_operators_hear_that_it_is_over_also_when_mending_it_took_a_restart(
    tmp_path: Path, side: Side, accounts: Accounts, settings: dict[str, str]
) -> None:
    ask = Asking(side)
    settings |= {"PARLEY_ALERT_CHANNEL": side.operators}
    accounts.first = accounts.second = NO_MONEY
    async with Program(tmp_path, **settings) as program:
        await ask(NOT_TOLD["en"])
        await until(lambda: program.output.count("alert_posted") == 2)
    async with Program(tmp_path, **settings):
        await ask(TOLD["en"])
        accounts.first = FINE
        await ask("Here I am.")
        alerts = await side.alerted(3)
    assert len(alerts) == 3, "the same hour's alerts are not posted again"
    assert "account one/first works again" in alerts[2].replace("*", "")


async def test_without_a_channel_of_the_operators_nobody_claims_that_they_know(
    tmp_path: Path, side: Side, accounts: Accounts, settings: dict[str, str]
) -> None:
    accounts.first = accounts.second = NO_MONEY
    async with Program(tmp_path, **settings) as program:
        assert "told" not in await Asking(side)("I can't reach the AI service")
    assert "alert_raised" in program.output


async def test_where_their_channel_can_not_be_written_to_nobody_claims_that_they_know(
    tmp_path: Path, side: Side, accounts: Accounts, settings: dict[str, str]
) -> None:
    accounts.first = accounts.second = NO_MONEY
    settings["PARLEY_ALERT_CHANNEL"] = side.nowhere
    async with Program(tmp_path, **settings):
        assert "told" not in await Asking(side)("I can't reach the AI service")


@pytest.mark.parametrize(
    ("toml", "more", "line"),
    [
        ("models = [", {}, "parley: parley.toml: end of document: is not TOML"),
        ("[endpoint]", {}, "parley: parley.toml: endpoint: is no key of Parley; did you mean endpoints?"),
        (ROSTER.format(url="http://127.0.0.1:9"), {}, "endpoints.one.accounts.0.key_env: KEY_ONE is not set"),
        ("", {"PARLEY_CONFIG": "gone.toml"}, "parley: PARLEY_CONFIG: gone.toml can't be read"),
        (
            ROSTER.format(url="http://127.0.0.1:9"),
            {"KEY_ONE": "sk-test-one", "PARLEY_ALERT_CHANNEL": "slack:C1"},
            "parley: PARLEY_ALERT_CHANNEL: names slack:C1, but slack is off",
        ),
    ],
)
async def test_a_wrong_file_is_named_by_a_line_and_status_2(
    tmp_path: Path, toml: str, more: dict[str, str], line: str
) -> None:
    (tmp_path / "parley.toml").write_text(toml)
    program = Program(tmp_path, **more)
    await program.start()
    assert await program.end() == 2
    assert any(line in one for one in program.output.splitlines())
    program.check_output()
