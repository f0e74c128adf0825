"""The page at endpoints that refuse pictures, do not see, write sounds down, or can't."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, expect

from core.i18n import phrase
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.e2e.test_slack_content import png
from tests.e2e.test_web import SQUARE, answers, ask
from tests.fakes.completions import FakeCompletions, PictureRules, Status, Words

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]

SQUARE_PNG: FilePayload = {"name": "square.png", "mimeType": "image/png", "buffer": SQUARE}
DOT: FilePayload = {"name": "dot.png", "mimeType": "image/png", "buffer": png()}
CLIP: FilePayload = {"name": "clip.ogg", "mimeType": "audio/ogg", "buffer": b"OggS" + bytes(60)}


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    async with model_endpoint() as endpoint:
        yield endpoint


def why(problem: str) -> str:
    return phrase(f"file_problem_{problem}", "zh")


async def send(page: Page, file: FilePayload, text: str) -> None:
    await page.locator("#files").set_input_files([file])
    await expect(page.get_by_role("button", name=file["name"])).to_be_visible()
    await ask(page, text)


def asked(endpoint: FakeCompletions) -> list[str]:
    """The messages of each request for an answer."""
    return [str(one.body["messages"]) for one in endpoint.requests if one.path.endswith("/chat/completions")]


async def test_what_is_not_seen_or_heard_is_said_once_and_costs_no_later_question_a_try(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = model_settings(endpoint) | {"PARLEY_TRANSCRIBE_MODEL": "whisper-1"}
    endpoint.default = lambda _: Words("Noted.")
    async with Program(tmp_path, **settings) as program, window(chromium, locale="zh-CN") as page:
        await page.goto(program.url)
        notices = page.locator("article.mine .notice")
        endpoint.script(Status(400, {"error": {"message": "Could not process image"}}))
        await send(page, SQUARE_PNG, "what is it?")
        await expect(notices.last).to_contain_text(why("refused"))
        await ask(page, "and now?")
        await expect(answers(page)).to_have_count(2)
        assert ["image_url" in one for one in asked(endpoint)] == [True, False, False]

        endpoint.pictures = PictureRules(sees=False)
        for count in (3, 4):
            await send(page, DOT, "and this?")
            await expect(answers(page)).to_have_count(count)
            await expect(notices.last).to_contain_text(why("unseen"))
        assert ["image_url" in one for one in asked(endpoint)[3:]] == [True, False, False], "it is learnt"
        assert "The picture dot.png was attached, but you cannot see it." in asked(endpoint)[-1]

        endpoint.transcription = Status(200, {"text": "Ship it at noon."})
        await send(page, CLIP, "")
        await expect(page.get_by_role("log")).to_contain_text("Ship it at noon.")
        await expect(answers(page)).to_have_count(5)
        assert "Ship it at noon." in asked(endpoint)[-1]

        endpoint.transcription = None
        tried = []
        for count in (6, 7):
            await send(page, CLIP, "and this?")
            await expect(answers(page)).to_have_count(count)
            await expect(page.locator("article:not(.mine)").last).to_contain_text(why("unheard"))
            tried.append(len(endpoint.requests) - len(asked(endpoint)))
        assert tried[0] == tried[1], "it is learnt"
