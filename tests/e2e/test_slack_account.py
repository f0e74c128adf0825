"""The form of a workspace's own model account in Slack, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.workspace import ADA, BO, Team, text_of
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import FakeSlack

KEY, WRONG = (
    "sk-of-the-workspace-of-ada-4321",
    "sk-that-is-wrong-and-is-long-enough-to-be-given-back-in-a-refusal-0000",
)


@pytest.fixture
def team(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, language: str) -> Team:
    return Team(tmp_path, slack, endpoint, language)


async def test_an_admin_sets_and_removes_the_account_in_a_form_and_nobody_reads_the_key(
    team: Team, slack: FakeSlack
) -> None:
    words = team.words
    team.endpoint.default = Words("The operator's.")
    async with FakeCompletions(keys=(KEY,)) as own:
        own.default = Words("The workspace's.")
        entered = {"set_account_url": own.base_url, "set_account_models": "large, small"}
        async with team.working(PARLEY_SECRET_KEY="cd" * 32, PARLEY_ACCOUNT_HOSTS="127.0.0.1") as program:
            await team.parley(BO, "C1", "settings account", words("settings_by_admin"))
            line = words("account_line", models=words("origin_default"), prefix="/parley ")
            await team.parley(ADA, "C1", "settings", line)
            shown = await team.parley(ADA, "C1", "settings account", words("account_none"))
            assert shown.ephemeral_to == ADA
            await slack.press(ADA, "C1", shown.ts, "parley:change")
            form = text_of(await team.modal(ADA, 1))
            assert words("account_key_hint") in form
            await team.submit(ADA, **entered, set_account_key=WRONG)
            assert team.errors == {"set_account_key": words("account_wrong_key")}
            await team.submit(ADA, **entered, set_account_key=KEY)
            said = text_of(team.shown)
            assert words("account_stored") in said
            assert words("account_key_end", end="4321") in said
            await team.ask(BO, "C1", "why?", "The workspace's.")
            await team.parley(BO, "C1", "model", "`large`, `small`")
            again = await team.parley(ADA, "C1", "settings account", words("account_means"))
            await team.parley(ADA, "C1", "settings history", own.base_url)
            await slack.press(ADA, "C1", again.ts, "parley:change")
            form = text_of(await team.modal(ADA, 2))
            assert words("account_key_kept") in form
            await team.submit(ADA, set_account_url="", set_account_models="", set_account_key="")
            assert words("account_removed") in text_of(team.shown)
            await team.ask(BO, "C1", "and now?", "The operator's.")
        sent = repr([(call.method, call.args) for call in slack.calls]) + repr(slack.responses) + program.output
        for key in (KEY, WRONG):
            assert key not in sent
            assert key.encode() not in b"".join(file.read_bytes() for file in (team.folder / "data").iterdir())
