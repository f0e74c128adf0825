"""Files on the page, in a real browser."""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from core.i18n import phrase
from core.ports.files import Extracted, FileError
from core.values.events import Outcome, Receipt
from core.values.parts import FileProblem
from tests.bots.web.rig import serving_page
from tests.bots.web.windows import answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER
from tests.e2e.test_web import fits, focus_is_seen
from tests.fakes.files import PlainExtractor
from tests.fakes.memory import MemoryStore

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


def png(width: int, height: int) -> bytes:
    """A picture of one colour: https://www.w3.org/TR/png-3/"""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x20\x80\x60" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    made = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + made


def file(name: str, content: bytes = b"seven boxes", media_type: str = "text/plain") -> FilePayload:
    return {"name": name, "mimeType": media_type, "buffer": content}


CAT = file("cat.png", png(600, 400), "image/png")
NOTES = file("notes.txt")


async def choose(page: Page, *files: FilePayload) -> None:
    """Choose files with the button, as people do."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name=re.compile("^(Attach files|添加文件)$")).click()
    await (await chooser.value).set_files(files)


async def hand(page: Page, kind: str, files: dict[str, str], **more: str) -> None:
    """Paste or drop files: their text by name, and what else comes with them by type."""
    await page.evaluate(
        """([kind, files, more]) => {
          const given = new DataTransfer();
          for (const [name, text] of Object.entries(files)) given.items.add(new File([text], name));
          for (const [type, text] of Object.entries(more)) given.items.add(text, type.replace("_", "/"));
          const options = { bubbles: true, cancelable: true };
          const box = document.querySelector("#box");
          if (kind === "paste") box.dispatchEvent(new ClipboardEvent(kind, { ...options, clipboardData: given }));
          else box.dispatchEvent(new DragEvent(kind, { ...options, dataTransfer: given }));
        }""",
        [kind, files, more],
    )


def draft(page: Page) -> Any:
    return page.get_by_role("list", name=re.compile("^(Files|文件)$")).get_by_role("listitem")


def question(page: Page) -> Any:
    return page.locator("[role=log] article.theirs").first


class Locked(PlainExtractor):
    async def extract(self, name: str, data: bytes) -> Extracted:
        raise FileError(FileProblem.ENCRYPTED)


class Waits(PlainExtractor):
    """Reads a file once `goes_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    async def extract(self, name: str, data: bytes) -> Extracted:
        await self.goes_on.wait()
        return await super().extract(name, data)


async def test_a_picture_and_a_file_are_chosen_sent_and_shown_after_a_reload_and_a_restart(
    chromium: Browser,
) -> None:
    store = MemoryStore()
    async with window(chromium) as (_, page):
        async with serving_page(store) as home:
            await page.goto(home.url)
            await expect(page.get_by_text(phrase("page_readable", "en"))).to_be_visible()
            await choose(page, CAT, NOTES)
            await expect(draft(page)).to_have_count(2)
            await expect(draft(page).first.locator("canvas")).to_be_visible()
            await expect(draft(page).last).to_contain_text("notes.txt")
            await expect(draft(page).last).to_contain_text("1 kB")
            await ask(page, "What is this?")
            await expect(draft(page)).to_have_count(0)
            await expect(answers(page)).to_have_text(["You said: What is this?"])
            await expect(question(page)).to_contain_text("notes.txt")
            await page.reload()
            await expect(question(page).get_by_role("img", name="cat.png")).to_have_js_property(
                "naturalWidth", 600
            )
        async with serving_page(store) as again:
            await page.goto(page.url.replace(home.url, again.url))
            await expect(question(page).get_by_role("img", name="cat.png")).to_have_js_property(
                "naturalWidth", 600
            )
            link = question(page).get_by_role("link", name="Open cat.png")
            assert await link.get_attribute("target") == "_blank"


async def test_a_picture_needs_no_words_and_names_its_thread(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await choose(page, CAT)
        await page.get_by_role("button", name="Send").click()
        await expect(question(page).get_by_role("img", name="cat.png")).to_be_visible()
        await expect(page.get_by_role("link", name="cat.png").first).to_be_visible()
        await expect(page).to_have_title("cat.png · Parley")


async def test_files_are_pasted_and_dropped_and_words_that_come_with_their_picture_stay_words(
    chromium: Browser,
) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await hand(page, "paste", {"shot.png": "x"})
        await expect(draft(page)).to_have_count(1)
        await hand(page, "paste", {"cells.png": "x"}, text_plain="1 2", text_html="<table>")
        await hand(page, "dragenter", {"a.txt": "a"})
        await expect(page.locator("#drop")).to_be_visible()
        await hand(page, "drop", {"a.txt": "a", "b.txt": "b"})
        await expect(draft(page)).to_contain_text(["shot.png", "a.txt", "b.txt"])
        await expect(page.locator("#drop")).to_be_hidden()


async def test_a_file_is_taken_off_by_keyboard(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await choose(page, NOTES, file("b.txt"))
        await expect(draft(page)).to_have_count(2)
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Shift+Tab")
        await expect(page.get_by_role("button", name="Remove notes.txt")).to_be_focused()
        assert await focus_is_seen(page)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Remove b.txt")).to_be_focused()
        await page.keyboard.press("Space")
        await expect(draft(page)).to_have_count(0)
        await expect(page.get_by_label("Your message")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Attach files")).to_be_focused()
        assert await focus_is_seen(page)
        await page.keyboard.press("Enter")


async def test_what_a_message_can_not_hold_is_said_before_it_is_sent(chromium: Browser, tmp_path: Path) -> None:
    big = tmp_path / "big.png"  # a path: Playwright sends the bytes of a payload through two processes
    with big.open("wb") as sparse:
        sparse.truncate(20_000_001)
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await choose(page, *[file(f"{n}.txt") for n in range(7)])
        await expect(draft(page)).to_have_count(5)
        fault = page.get_by_role("alert")
        await expect(fault).to_have_text(phrase("page_too_many", "en", n=5, names="5.txt, 6.txt"))
        await choose(page, file("empty.txt", b""))
        await expect(fault).to_have_text(phrase("page_unreadable", "en", name="empty.txt"))
        await page.locator("input[type=file]").set_input_files(big)
        await expect(fault).to_contain_text("big.png is too large: a picture may have up to 20 MB")
        await expect(draft(page)).to_have_count(5)


async def test_a_file_that_can_not_be_read_says_why_in_the_thread(chromium: Browser) -> None:
    for locale, language in (("en-GB", "en"), ("zh-CN", "zh")):
        async with serving_page(extractor=Locked()) as home, window(chromium, locale=locale) as (_, page):
            await page.goto(home.url)
            await choose(page, file("deed.pdf"))
            await page.keyboard.press("Enter")
            await expect(question(page)).to_contain_text(phrase("file_problem_encrypted", language))


async def test_sending_shows_how_far_it_is_and_is_cancelled_with_nothing_lost(chromium: Browser) -> None:
    extractor = Waits()
    async with serving_page(extractor=extractor) as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await choose(page, NOTES)
        await ask(page, "How many?")
        await expect(question(page).get_by_role("status")).to_have_text("Reading the files")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_label("Your message")).to_have_value("How many?")
        await expect(draft(page)).to_contain_text(["notes.txt"])
        await expect(page.locator("#fault")).to_be_empty()
        await expect(page.locator("[role=log] article")).to_have_count(0)
        extractor.goes_on.set()
        await page.keyboard.press("Enter")
        await expect(answers(page)).to_have_text(["You said: How many?"])
        await expect(page.locator(".sending")).to_have_count(0)


async def test_what_is_refused_or_does_not_arrive_is_in_the_box_again(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (context, page):
        await page.goto(home.url)
        home.inbox.refused = Receipt(Outcome.REFUSED)
        await choose(page, NOTES)
        await ask(page, "How many?")
        await expect(page.get_by_role("alert")).to_have_text(phrase("request_unanswered", "en"))
        await expect(draft(page)).to_contain_text(["notes.txt"])
        home.inbox.refused = None
        await context.set_offline(True)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text(phrase("page_unsent_files", "en"))
        await expect(page.get_by_label("Your message")).to_have_value("How many?")
        await context.set_offline(False)
        await page.keyboard.press("Enter")
        await expect(answers(page)).to_have_text(["You said: How many?"])
        await expect(page.locator("#fault")).to_be_empty()


async def test_a_picture_that_is_gone_is_a_name(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await choose(page, CAT)
        await page.keyboard.press("Enter")
        await expect(question(page).get_by_role("img", name="cat.png")).to_be_visible()
        await home.store.expire_uploads(datetime.now(UTC))
        await page.reload()
        await expect(question(page).locator(".chip")).to_have_text("cat.png")


@pytest.mark.parametrize("dark", [False, True])
async def test_no_name_breaks_a_narrow_page(chromium: Browser, dark: bool) -> None:
    names = [
        "x" * 250 + ".txt",
        "<img src=x onerror=alert(1)>",
        "שלום " * 30 + ".txt",
        "报告" * 60 + ".txt",
        "\u202egpj.exe",
    ]
    phone: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
    theme = "dark" if dark else "light"
    async with serving_page() as home, window(chromium, **phone, color_scheme=theme) as (_, page):
        await page.goto(home.url)
        await choose(page, *[file(name) for name in names])
        await expect(draft(page)).to_have_count(5)
        assert await fits(page)
        await ask(page, "?")
        await expect(answers(page)).to_have_count(1)
        await expect(question(page).locator(".chip")).to_have_count(5)
        assert await fits(page)
        assert await page.locator("[role=log] img").count() == 0
