"""A picture that a tool gives back is shown to people too: in the thread on Slack and Discord, under the answer on the
page, once also where the program was killed while it was posted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from core.i18n import phrase
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import (
    discord_guild,
    discord_settings,
    model_endpoint,
    model_settings,
    slack_settings,
    slack_workspace,
)
from tests.e2e.program import Program, free_port
from tests.e2e.sides import Discord, Slack
from tests.e2e.test_web import answers, ask
from tests.fakes.completions import FakeCompletions
from tests.fakes.completions.tools import call_tools
from tests.fakes.discord import GENERAL, RANDOM, Permission
from tests.fakes.mcp import HttpServers
from tests.waiting import HANG_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLE = phrase("picture_title", "en", tool="plots: picture")
REFUSED = phrase("pictures_not_allowed", "en", n=1)
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServers]:
    servers = HttpServers(tmp_path_factory.mktemp("mcp"), free_port())
    servers.start()
    servers.wait()
    yield servers
    servers.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    async with model_endpoint() as endpoint:
        endpoint.reply_by(call_tools([("picture", {})], answer="Here is the chart."))
        yield endpoint


async def started(program: Program) -> None:
    """Wait until the tools are known."""
    await program.ready()
    async with asyncio.timeout(HANG_S):
        while 'parley_tool_server_up{server="plots"} 1.0' not in await program.page("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def with_plots(folder: Path, plots: HttpServers) -> None:
    (folder / "parley.toml").write_text(f'[[tools]]\nname = "plots"\nurl = "{plots.url("/json")}"\n')


async def test_slack_shows_it_once_although_the_program_is_killed_and_says_when_it_may_not(
    tmp_path: Path, endpoint: FakeCompletions, plots: HttpServers
) -> None:
    with_plots(tmp_path, plots)
    async with slack_workspace() as slack:
        side = Slack(slack, slack_settings(slack))
        settings = side.settings | model_settings(endpoint) | {"PARLEY_ALERT_CHANNEL": side.operators}

        def shown() -> list[str]:
            return [
                file["title"] for one in slack.thread("C1", side.thread) for file in one.files if file["id"]
            ]

        killed = Program(tmp_path, **settings)
        await killed.start()
        await started(killed)
        slack.fail("files.completeUploadExternal", delay_s=30)
        await side.ask("draw it")
        await slack.wait_for(shown)
        await killed.kill()
        async with Program(tmp_path, **settings) as program:
            await slack.wait_for(lambda: len(side.answers()[0].buttons) == 3)
            assert shown() == [TITLE]
            (file,) = slack.space.files.values()
            assert (file.alt_txt, (file.content or b"")[:8]) == (TITLE, PNG_HEAD)
            await started(program)
            slack.web.scopes = slack.web.scopes.replace("files:write,", "")
            for count in (3, 4):
                await side.ask("draw it again")
                assert (await side.answered(REFUSED, count)).text.startswith("Here is the chart.")
            assert len(shown()) == 1
            (alert,) = await side.alerted(1)
            assert phrase("alert_uploads", "en", name="slack") in alert


async def test_discord_shows_it_once_although_the_program_is_killed_and_says_when_it_may_not(
    tmp_path: Path, endpoint: FakeCompletions, plots: HttpServers
) -> None:
    with_plots(tmp_path, plots)
    async with discord_guild() as discord:
        side = Discord(discord, discord_settings(discord))
        settings = side.settings | model_settings(endpoint) | {"PARLEY_ALERT_CHANNEL": side.operators}

        def shown() -> list[str]:
            thread = discord.from_bot(side.thread) if discord.thread_of(side.thread) else []
            return [str(file.description) for one in thread for file in one.attachments]

        killed = Program(tmp_path, **settings)
        await killed.start()
        await started(killed)
        discord.fail("POST", "/channels/*/messages", status=0, delay_s=30, containing="picture-1")
        await side.ask("draw it")
        await discord.wait_for(shown)
        await killed.kill()
        discord.world.nonces.clear()  # they are known for minutes alone
        async with Program(tmp_path, **settings) as program:
            await discord.wait_for(lambda: len(side.answers()[0].buttons) == 3)
            assert shown() == [TITLE]
            await started(program)
            await discord.deny(GENERAL, Permission.ATTACH_FILES)
            for count in (3, 4):
                await side.ask("draw it again")
                assert (await side.answered(REFUSED, count)).text.startswith("Here is the chart.")
            assert len(shown()) == 1
            await discord.wait_for(lambda: discord.from_bot(RANDOM))
            (alert,) = discord.from_bot(RANDOM)
            assert phrase("alert_uploads", "en", name="discord") in alert.text


@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
async def test_the_page_shows_it_under_the_answer_until_it_is_forgotten(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, plots: HttpServers
) -> None:
    with_plots(tmp_path, plots)
    settings = model_settings(endpoint)
    async with window(chromium) as page:
        async with Program(tmp_path, **settings) as program:
            await started(program)
            await page.goto(program.url)
            await ask(page, "draw it")
            picture = answers(page).get_by_role("img", name=TITLE)
            await expect(picture).to_be_visible()
            await page.reload()
            await expect(picture).to_be_visible()
            path = str(await picture.get_attribute("src"))
            words = await answers(page).get_by_text("Here is the chart.").bounding_box()
            drawn = await picture.bounding_box()
            assert words
            assert drawn
            assert words["y"] < drawn["y"], "the picture is under the words"
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(program.port)):
            await page.reload()
            await expect(picture).to_be_visible()
            assert (await page.request.get(program.url + path)).status == 200
            await ask(page, "/forget thread")
            await expect(answers(page).get_by_role("img")).to_have_count(0)
            assert (await page.request.get(program.url + path)).status == 404
