"""`make screenshot`: the pictures of the README and the guides, of the running program with no account and no key.

One needs an endpoint that fails: a fake one on loopback refuses its key.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from playwright.async_api import Browser, Page, expect

from core.clock import SystemClock
from core.errors import Code
from core.values.conversation import Ask, TurnState
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from tests.e2e.browser import started, window
from tests.e2e.discord_people import rows
from tests.e2e.operator_page import WITH_TOKEN, signed_in
from tests.e2e.program import Program, free_port
from tests.e2e.test_approvals import reached
from tests.e2e.test_web import NO_KEY, answers, ask
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.mcp import HttpServers
from tests.waiting import until

TOP = Path(__file__).parents[2]
PICTURES = TOP / "deploy" / "screenshots"
DESK = {"viewport": {"width": 1080, "height": 760}, "device_scale_factor": 1.5}
TALL = DESK | {"viewport": {"width": 1080, "height": 960}}
WHOLE = DESK | {"viewport": {"width": 1080, "height": 1310}}
PHONE = {
    "viewport": {"width": 390, "height": 780},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
ANSWER = (
    "A loom holds one set of threads tight and lets another pass through it:\n\n"
    "1. the **warp** runs lengthwise, under tension,\n2. the **weft** goes over and under, row by row."
)


async def take(page: Page, name: str) -> None:
    await page.mouse.move(0, 0)
    await page.screenshot(path=PICTURES / f"{name}.png")


async def offline(chromium: Browser, folder: Path) -> None:
    """With nothing set: the page answers from the offline model."""
    async with Program(folder, PARLEY_MODELS="quick,thorough") as program:
        async with window(chromium, **TALL) as page:
            await page.goto(program.url)
            for question in ("What can I ask you?", "How do answers look here?"):
                await page.get_by_role("link", name="New thread").click()
                await ask(page, question)
                await expect(page.get_by_role("button", name="Regenerate")).to_be_visible(timeout=15_000)
            await take(page, "page")
            address = page.url
            await page.get_by_role("button", name="Settings", exact=True).click()
            form = page.get_by_role("dialog")
            await form.get_by_label("Instructions").fill("Answer in two sentences, then offer to say more.")
            await form.get_by_label("Temperature").fill("warm")
            await form.get_by_role("button", name="Save").click()
            await expect(form.get_by_role("alert")).to_be_visible()
            await take(page, "settings")
        async with window(chromium, **PHONE, color_scheme="dark") as page:
            await page.goto(address)
            await expect(page.locator("table")).to_be_visible()
            await take(page, "phone")


async def failing(chromium: Browser, folder: Path) -> None:
    async with FakeCompletions() as endpoint:
        endpoint.script(Words(ANSWER), NO_KEY, Words("织机把**经线**绷紧，让**纬线**一行一行地穿过去。"))
        settings = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test"}
        async with Program(folder, **settings) as program:
            async with window(chromium, **DESK) as page:
                await page.goto(program.url)
                await ask(page, "What is a loom?")
                await expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
                await ask(page, "And since when have people used one?")
                await expect(page.get_by_role("button", name="Try again")).to_be_visible()
                await take(page, "error")
            async with window(chromium, **PHONE, locale="zh-CN") as page:
                await page.goto(program.url)
                await ask(page, "织机是怎么工作的？")
                await expect(page.get_by_role("button", name="重新回答")).to_be_visible()
                await page.locator("#box").fill("/")
                await expect(page.get_by_role("option")).not_to_have_count(0)
                await take(page, "chinese")


async def with_files(chromium: Browser, folder: Path) -> None:
    """A picture, a table and a file that can't be read, in one question."""
    picture, table, locked = folder / "loom.png", folder / "threads.csv", folder / "pattern.zip"
    picture.write_bytes((PICTURES / "page.png").read_bytes())
    table.write_text("colour,threads\nred,120\nblue,80\n")
    locked.write_bytes(b"PK\x03\x04" + bytes(40))
    async with FakeCompletions() as endpoint:
        endpoint.script(Words("There are 200 threads: **120 red** and **80 blue**."))
        settings = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test"}
        async with Program(folder, **settings) as program, window(chromium, **DESK) as page:
            await page.goto(program.url)
            await page.locator("#files").set_input_files([picture, table, locked])
            await ask(page, "How many threads does this pattern need?")
            await expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
            await take(page, "files")


async def with_tools(chromium: Browser, folder: Path) -> None:
    """A call that waits for its person, who has just seen all of its arguments."""
    servers = HttpServers(folder, free_port())
    (folder / "parley.toml").write_text(f'[[tools]]\nname = "notes"\nurl = "{servers.url("/json")}"\n')
    call = ("call_1", "notes__write", '{"text": "Ask the mill for 20 more red threads."}')
    servers.start()
    try:
        servers.wait()
        async with FakeCompletions() as endpoint:
            endpoint.script(Words("I'll write that down for you.", calls=(call,), finish="tool_calls"))
            settings = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test"}
            async with Program(folder, **settings) as program, window(chromium, **DESK) as page:
                await reached(program)
                await page.goto(program.url)
                await ask(page, "Note that we need 20 more red threads from the mill.")
                await page.get_by_role("button", name="Show arguments").click()
                await expect(page.locator(".told")).to_be_visible()
                await take(page, "tools")
    finally:
        servers.kill()


async def used(folder: Path) -> None:
    """Three weeks of made-up use, up to now."""
    (folder / "data").mkdir()
    database = DatabaseSettings(database_url=f"sqlite:///{folder}/data/parley.db")
    clock, chance = SystemClock(), Random(14)
    store = await open_store(database, clock)
    try:
        for hour in range(21 * 24, 0, -2):
            at = clock.now() - timedelta(hours=hour)
            for number in range(chance.randrange(1 + 3 * (6 <= at.hour <= 18))):
                await store_answer(store, f"m{hour}-{number}", at, chance)
    finally:
        await store.close()


async def store_answer(store: SqlStore, id_: str, at: datetime, chance: Random) -> None:
    place = Place("web", "local", "web", chance.choice("abcdefg") * 12)
    person = Person(f"U{chance.randrange(7)}", "Ada")
    turn = await store.accept(Ask(id_, place, person, "How does a loom work?", at, addressed=True))
    assert turn is not None
    model, failed = chance.choice(("quick", "thorough", "thorough")), chance.random() < 0.06
    used = Usage(
        chance.randrange(900, 9_000), chance.randrange(80, 900), cost_micros=chance.randrange(4_000, 60_000)
    )
    state, error = (TurnState.FAILED, str(Code.RATE_LIMITED)) if failed else (TurnState.DONE, "")
    posted = (f"{id_}.answer",)
    first_word_s = chance.uniform(0.4, 3.0)
    end = Finish(
        turn, state, ANSWER, posted=posted, error=error, model=model, usage=used, first_word_s=first_word_s
    )
    await store.finish(end)


async def with_report(chromium: Browser, folder: Path) -> None:
    """The report of last week, which is posted at the start since it was missed."""
    await used(folder)
    settings = {
        "PARLEY_SUMMARY_CHANNELS": "web:web",
        "PARLEY_SUMMARY_PERIOD": "weekly",
        "PARLEY_MODELS": "quick",
    }
    async with Program(folder, **settings) as program, window(chromium, **WHOLE) as page:
        await until(lambda: rows(folder, "SELECT 1 FROM turns WHERE task = 'usage' AND state = 'done'"), 30.0)
        await page.goto(f"{program.url}/#board")
        picture = page.locator("article img")
        await expect(picture).to_be_visible(timeout=30_000)
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_js_property("complete", True)
        await take(page, "report")


async def with_operator(chromium: Browser, folder: Path) -> None:
    """The operator's page: an answer that grows, a key that is refused, three weeks of use."""
    await used(folder)
    async with FakeCompletions() as endpoint:
        endpoint.script(NO_KEY, Words(ANSWER * 9, per_s=20))
        settings = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_MODEL": "thorough",
        }
        async with Program(folder, **settings, **WITH_TOKEN) as program:
            async with window(chromium) as chat:
                await chat.goto(program.url)
                await ask(chat, "What is a loom?")
                await expect(chat.get_by_role("button", name="Try again")).to_be_visible()
                await chat.get_by_role("link", name="New thread").click()
                await ask(chat, "And since when have people used one?")
                await expect(answers(chat)).to_contain_text("warp")
                await ask(chat, "Who made the first?")
            async with window(chromium, **DESK) as page:
                await signed_in(page, program)
                for name in ("operator", "operator-failures", "operator-platforms", "operator-usage"):
                    await page.goto(f"{program.url}/{name.replace('-', '/')}")
                    await until_drawn(page)
                    await take(page, name)
            async with window(chromium, **PHONE, color_scheme="dark") as page:
                await signed_in(page, program, "/usage")
                await until_drawn(page)
                await take(page, "operator-phone")
            async with window(chromium, **DESK, locale="zh-CN", color_scheme="dark") as page:
                await signed_in(page, program, "/settings")
                await take(page, "operator-chinese")


async def icon(chromium: Browser, _: Path) -> None:
    """The icon of the apps in Slack and Discord, which take no SVG."""
    drawing = (TOP / "bots" / "web" / "icon.svg").read_text()
    async with window(chromium, viewport={"width": 1024, "height": 1024}) as page:
        style = "margin:0;background:#eef4f1;display:grid;place-items:center;height:100vh"
        await page.set_content(f'<body style="{style}"><div style="width:66vw">{drawing}</div>')
        await page.screenshot(path=TOP / "deploy" / "icon.png")


async def until_drawn(page: Page) -> None:
    """Wait for the chart of a page, where it has one."""
    for picture in await page.locator("figure img").all():
        await expect(picture).to_have_js_property("complete", True)


async def main() -> None:
    async with started() as chromium:
        for scene in (icon, offline, failing, with_files, with_tools, with_report, with_operator):
            with tempfile.TemporaryDirectory() as folder:
                await scene(chromium, Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
